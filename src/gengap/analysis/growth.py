"""Which trials a study adds: sizes, then regularisers, then the plan's own trials, then parts of the rows.

    next_trials(plan, results, ...) -> the trials to train next, or none

This depends only on the plan and on the results so far. So an interrupted study continues in the same way.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec

from gengap.analysis.results import TrialResults
from gengap.analysis.sizes import BEYOND, should_try_larger
from gengap.plan import ROWS, Plan, Trial
from gengap.train.stopping import NEVER

FEWEST_ROWS = 40  # training rows of the first point of a learning curve


def next_trials(plan: Plan, results: TrialResults, train_rows: int) -> tuple[Trial, ...]:
    """Return the trials to train next; none when the plan is done.

    Args:
        plan: The plan, for the task.
        results: The finished trials.
        train_rows: Number of training rows.
    """
    if plan.growth is None:
        return _untried(plan.trials, results)
    rungs = plan.growth.size_trials()
    tried = [rung for rung in rungs if rung.run in results.trials]
    if len(tried) < len(rungs) and should_try_larger(results, [rung.run for rung in tried]):
        return (rungs[len(tried)],)
    turning_size = tried[-1 - BEYOND :][:1]
    regularized = [trial for rung in turning_size for trial in plan.growth.regularizer_trials(rung.units)]
    return (
        _untried(regularized, results)
        or _untried(plan.trials, results)
        or _untried(_on_fewer_rows(plan, results, train_rows), results)
    )


def best_run(results: TrialResults) -> str | None:
    """Return the run on all training rows with the lowest mean validation loss."""
    return min(results.full_runs, key=lambda run: float(results.losses(run).mean()), default=None)


def _untried(trials: Iterable[Trial], results: TrialResults) -> tuple[Trial, ...]:
    return tuple(trial for trial in trials if trial.run not in results.trials)


def _on_fewer_rows(plan: Plan, results: TrialResults, train_rows: int) -> tuple[Trial, ...]:
    best = best_run(results)
    if plan.growth is None or best is None:
        return ()
    shares = [share for share in plan.growth.shares if round(share * train_rows) >= FEWEST_ROWS]
    return tuple(_with_share(results.trials[best], share, plan, train_rows) for share in shares)


def _with_share(trial: Trial, share: float, plan: Plan, train_rows: int) -> Trial:
    """Return the same trial on a share of the rows, with as many steps.

    With the same batch size, fewer rows mean fewer steps. The loss would then be higher because of the steps, not
    because of the rows. So the batch size is multiplied by the square root of the share, and the number of epochs
    is divided by it.
    """
    recipe, root = trial.recipe(plan.recipe), math.sqrt(share)
    return msgspec.structs.replace(
        trial,
        run=f"{ROWS}/{round(share * train_rows)}",
        aliases=(),
        share=share,
        batch=max(round(min(recipe.batch, train_rows) * root), 1),
        max_epochs=math.ceil(recipe.max_epochs / root),
        patience=min(math.ceil(recipe.stopping.patience / root), NEVER),
    )

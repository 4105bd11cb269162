"""How a study grows from what it finds: sizes, then regularisers, then the plan's own trials, then fewer rows.

    following(plan, outcomes, ...) -> the next trials, or none

It depends on nothing but the plan and the outcomes so far, so that a study that was interrupted grows the same way.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec

from gengap.analysis.results import TrialResults
from gengap.analysis.sizes import BEYOND, should_try_larger
from gengap.plan import ROWS, Plan, Trial
from gengap.train.stopping import NEVER

FEWEST_ROWS = 40  # training rows below which a learning curve has no point


def next_trials(plan: Plan, outcomes: TrialResults, train_rows: int) -> tuple[Trial, ...]:
    """The trials to train next, after those of `outcomes`; none once the plan is done."""
    if plan.growth is None:
        return _untried(plan.trials, outcomes)
    rungs = plan.growth.rungs()
    tried = [rung for rung in rungs if rung.run in outcomes.trials]
    if len(tried) < len(rungs) and should_try_larger(outcomes, [rung.run for rung in tried]):
        return (rungs[len(tried)],)
    turning_size = tried[-1 - BEYOND :][:1]
    regularized = [trial for rung in turning_size for trial in plan.growth.regularized(rung.units)]
    return (
        _untried(regularized, outcomes)
        or _untried(plan.trials, outcomes)
        or _untried(_on_fewer_rows(plan, outcomes, train_rows), outcomes)
    )


def best_run(outcomes: TrialResults) -> str | None:
    """The run on all training rows with the lowest mean validation loss."""
    return min(outcomes.whole, key=lambda run: float(outcomes.losses(run).mean()), default=None)


def _untried(trials: Iterable[Trial], outcomes: TrialResults) -> tuple[Trial, ...]:
    return tuple(trial for trial in trials if trial.run not in outcomes.trials)


def _on_fewer_rows(plan: Plan, outcomes: TrialResults, train_rows: int) -> tuple[Trial, ...]:
    best = best_run(outcomes)
    if plan.growth is None or best is None:
        return ()
    shares = [share for share in plan.growth.shares if round(share * train_rows) >= FEWEST_ROWS]
    return tuple(_with_share(outcomes.trials[best], share, plan, train_rows) for share in shares)


def _with_share(trial: Trial, share: float, plan: Plan, train_rows: int) -> Trial:
    """The same trial on fewer rows, with as many steps: batches shrink, and epochs grow, by the share's root.

    With batches as large as before, an epoch of few rows is few steps, and what looks like a want of rows is one of
    steps; with as few epochs too. The root makes both change alike.
    """
    recipe, root = trial.recipe(plan.recipe), math.sqrt(share)
    return msgspec.structs.replace(
        trial,
        run=f"{ROWS}/{round(share * train_rows)}",
        also=(),
        share=share,
        batch=max(round(min(recipe.batch, train_rows) * root), 1),
        max_epochs=math.ceil(recipe.max_epochs / root),
        patience=min(math.ceil(recipe.stopping.patience / root), NEVER),
    )

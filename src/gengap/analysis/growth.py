"""Which trials a study adds: small sizes, the plan's own trials, large sizes, regularisers, parts of the rows.

    next_trials(plan, results, ...) -> the trials to train next, or none
    choose_finalists(plan, results, ...) -> runs -> cross_validate -> results.out_of_fold -> recommend

This depends only on the plan and on the results so far. So an interrupted study continues in the same way.

A few hundred validation rows are too few to separate good models, and the one that looks best on them is lucky. So
the best few are cross-validated. Repeating the split for every model would cost as much as the study each time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec

from gengap.analysis.effects import BEYOND, should_try_larger
from gengap.analysis.results import Interval, TrialResults
from gengap.plan import ROWS, Plan, Trial
from gengap.train.stopping import NEVER

FEWEST_ROWS = 40  # training rows of the first point of a learning curve
ENOUGH = 2_000  # validation rows that are enough without cross-validation
FEWEST = 10  # validation rows of cross-validation, here and in each fold
MOST = 20_000  # training rows: with more it would take long, and more of them can validate instead
SMALL_SIZES = 3  # sizes before the plan's own trials: these are promising, so minutes don't go to large sizes first
FIRST = 5  # best runs that are finalists, whatever their group


def next_trials(plan: Plan, results: TrialResults, train_rows: int) -> tuple[Trial, ...]:
    """Return the trials to train next; none when the plan is done."""

    def untried(trials: Iterable[Trial]) -> tuple[Trial, ...]:
        return tuple(trial for trial in trials if trial.run not in results.trials)

    growth = plan.growth
    if growth is None:
        return untried(plan.trials)
    sizes = growth.size_trials()
    tried = [size for size in sizes if size.run in results.trials]
    larger = len(tried) < len(sizes) and should_try_larger(results, [size.run for size in tried])
    if (len(tried) >= SMALL_SIZES or not larger) and (trials := untried(plan.trials)):
        return trials
    if larger:
        return (sizes[len(tried)],)
    trained = {run for run, _ in results.trained}  # for the others there was no time
    turning_size = [size for size in tried if size.run in trained][-1 - BEYOND :][:1]
    regularized = [trial for size in turning_size for trial in growth.regularizer_trials(size.size)]
    if trials := untried(regularized):
        return trials
    shares = [share for share in growth.shares if round(share * train_rows) >= FEWEST_ROWS]
    best = [results.trials[run] for run in results.ranked[:1]]
    return untried(_with_share(trial, share, plan, train_rows) for trial in best for share in shares)


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


class Finalist(msgspec.Struct, frozen=True, kw_only=True):
    """A cross-validated run.

    Attributes:
        loss: Mean loss as (low, middle, high) on rows that it did not train on. The interval is over rows, not
            over repeated training.
        rows: Number of these rows.
    """

    run: str
    loss: Interval
    rows: int


def choose_finalists(plan: Plan, results: TrialResults, train_rows: int) -> tuple[str, ...]:
    """Return the runs to cross-validate, the best first: the FIRST by validation loss and the best of each group.

    The best of each group, because a group of many similar runs could take all first places. None if enough rows
    validate, if nothing was learnt, or if there is nothing to choose.
    """
    folds = plan.growth.folds if plan.growth is not None else 0
    if not folds or not FEWEST <= len(results.y) < ENOUGH or not FEWEST * folds <= train_rows <= MOST:
        return ()
    test = results.permutation_test
    if not (test.learnt or test.unsure):
        return ()
    groups = [results.trials[run].group for run in results.ranked]
    chosen = [run for at, run in enumerate(results.ranked) if at < FIRST or groups.index(groups[at]) == at]
    return tuple(chosen) if len(chosen) > 1 else ()


def analyse_finalists(results: TrialResults) -> tuple[Finalist, ...]:
    """Return the finalists with their losses on all rows that validated, the lowest first."""
    losses = {run: results.pooled_losses(run) for run in results.out_of_fold}
    found = [Finalist(run=run, loss=results.mean_interval(rows), rows=len(rows)) for run, rows in losses.items()]
    return tuple(sorted(found, key=lambda each: each.loss[1]))

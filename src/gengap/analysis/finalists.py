"""With few validation rows, cross-validate the best runs, so that more rows choose among them.

    choose_finalists(plan, results) -> runs -> cross_validate -> results.out_of_fold -> recommend

A few hundred rows are too few to separate good models, and the one that looks best on them is lucky. Repeating the
split for every model would cost as much as the study each time. For the best few it costs a part of that.
"""

from __future__ import annotations

import msgspec
import numpy as np

from gengap.analysis.results import TrialResults
from gengap.analysis.sizes import Interval, mean_interval
from gengap.plan import Plan
from gengap.stats.learning_curve import cross_fit_rows

FEW = 2_000  # validation rows that are enough without cross-validation
FEWEST = 10  # validation rows, here and in each fold
MOST = 20_000  # training rows: with more it would take long, and more of them can validate instead
FIRST = 5  # best runs that are finalists, whatever their group


class Finalist(msgspec.Struct, frozen=True, kw_only=True):
    """A cross-validated run.

    Attributes:
        run: The run.
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
    if not folds or not FEWEST <= len(results.y) < FEW or not FEWEST * folds <= train_rows <= MOST:
        return ()
    if not results.permutation_test.learnt:
        return ()
    ranked = sorted(results.full_runs, key=lambda run: float(results.losses(run).mean()))
    groups = [results.trials[run].group for run in ranked]
    chosen = [run for at, run in enumerate(ranked) if at < FIRST or groups.index(groups[at]) == at]
    return tuple(chosen) if len(chosen) > 1 else ()


def pooled_losses(results: TrialResults, run: str) -> np.ndarray:
    """Return a finalist's losses (rows,) on all rows that validated, each at the epoch that other rows choose."""
    own = [cross_fit_rows(results.epoch_losses(run, seed)) for seed in results.seeds(run)]
    return np.concatenate([results.out_of_fold[run].losses, np.mean(own, axis=0)])


def analyse_finalists(results: TrialResults) -> tuple[Finalist, ...]:
    """Return the finalists with their losses on all rows that validated, the lowest first."""
    losses = {run: pooled_losses(results, run) for run in results.out_of_fold}
    found = [Finalist(run=run, loss=mean_interval(rows), rows=len(rows)) for run, rows in losses.items()]
    return tuple(sorted(found, key=lambda each: each.loss[1]))

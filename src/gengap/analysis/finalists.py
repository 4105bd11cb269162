"""Where few rows validate, the best few models are cross-validated, so that more rows pick among them.

    finalists(plan, outcomes) -> runs; cross-validated, they are `outcomes.out_of_fold`, by which `recommend` picks

A few hundred rows can't tell good models apart, and the one that looks best on them is lucky. To draw the split
again for every model would cost as much as the study each time; for the best few it costs a part of that.
"""

from __future__ import annotations

import msgspec
import numpy as np

from gengap.analysis.results import TrialResults
from gengap.analysis.sizes import Interval, mean_interval
from gengap.plan import Plan
from gengap.stats.learning_curve import cross_fit_rows

FEW = 2_000  # validation rows from which they tell well enough by themselves
FEWEST = 10  # rows that validate, here and in each fold
MOST = 20_000  # training rows beyond which it would take long, and more of them can validate instead
FIRST = 5  # that are finalists whatever their group


class Finalist(msgspec.Struct, frozen=True, kw_only=True):
    """A cross-validated run: its loss on `rows` rows that it did not train on, (low, middle, high).

    The interval is over rows: that a model trained again comes out elsewhere is not in it.
    """

    run: str
    loss: Interval
    rows: int


def finalists(plan: Plan, outcomes: TrialResults, train_rows: int) -> tuple[str, ...]:
    """The runs to cross-validate, the best first; none where enough rows validate, nothing was learnt, or there
    is nothing to choose.

    The FIRST by validation loss, and the best of every group: a group of many runs fills the first places with
    models that are alike.
    """
    folds = plan.growth.folds if plan.growth is not None else 0
    if not folds or not FEWEST <= len(outcomes.y) < FEW or not FEWEST * folds <= train_rows <= MOST:
        return ()
    if not outcomes.signal.learnt:
        return ()
    ranked = sorted(outcomes.whole, key=lambda run: float(outcomes.losses(run).mean()))
    groups = [outcomes.trials[run].group for run in ranked]
    chosen = [run for at, run in enumerate(ranked) if at < FIRST or groups.index(groups[at]) == at]
    return tuple(chosen) if len(chosen) > 1 else ()


def pooled(outcomes: TrialResults, run: str) -> np.ndarray:
    """A finalist's loss (rows,) of all rows that validated, in folds first, each at the epoch that others pick."""
    own = [cross_fit_rows(outcomes.lines(run, seed)) for seed in outcomes.seeds(run)]
    return np.concatenate([outcomes.out_of_fold[run].losses, np.mean(own, axis=0)])


def judge_finalists(outcomes: TrialResults) -> tuple[Finalist, ...]:
    """The finalists' losses on all rows that validated, the lowest first."""
    losses = {run: pooled(outcomes, run) for run in outcomes.out_of_fold}
    found = [Finalist(run=run, loss=mean_interval(rows), rows=len(rows)) for run, rows in losses.items()]
    return tuple(sorted(found, key=lambda each: each.loss[1]))

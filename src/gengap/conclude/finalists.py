"""Where few rows validate, the best few models meet again: cross-validated, every row judges them once.

    finalists(plan, outcomes) -> runs; cross-validated, they are `outcomes.crossed`, by which `recommend` picks

A few hundred rows can't tell good models apart, and the one that looks best on them is lucky. A split that is
drawn again for every model would cost as much as the study again and again; for the best few it is cheap.
"""

from __future__ import annotations

import msgspec
import numpy as np

from gengap.conclude.outcomes import Outcomes
from gengap.conclude.sizes import Interval
from gengap.diagnose.extrapolate import cross_fitted_rows
from gengap.diagnose.paired import REACH
from gengap.plan import Plan

FEW = 2_000  # validation rows from which they tell well enough by themselves
FEWEST, MOST = 40, 20_000  # training rows: parts of fewer are too small to judge; of more, more can validate
FIRST = 5  # that are finalists whatever their group


class Finalist(msgspec.Struct, frozen=True, kw_only=True):
    """A cross-validated run: its loss on `rows` rows that it did not train on, (low, middle, high)."""

    run: str
    loss: Interval
    rows: int


def finalists(plan: Plan, outcomes: Outcomes, train_rows: int) -> tuple[str, ...]:
    """The runs to cross-validate, the best first; none where enough rows validate, or nothing is to be chosen.

    The FIRST by validation loss, and the best of every group: a group of many runs fills the first places with
    models that are alike.
    """
    few = len(outcomes.y) < FEW and FEWEST <= train_rows <= MOST
    if plan.growth is None or not plan.growth.folds or not few:
        return ()
    ranked = sorted(outcomes.whole, key=lambda run: float(outcomes.losses(run).mean()))
    groups = [run.split("/")[0] for run in ranked]
    chosen = [run for at, run in enumerate(ranked) if at < FIRST or groups.index(groups[at]) == at]
    return tuple(chosen) if len(chosen) > 1 else ()


def pooled(outcomes: Outcomes, run: str) -> np.ndarray:
    """A finalist's loss (rows,) of every row, training rows first, each at the epoch that other rows pick."""
    own = [cross_fitted_rows(outcomes.lines(run, seed)) for seed in outcomes.seeds(run)]
    return np.concatenate([outcomes.crossed[run].losses, np.mean(own, axis=0)])


def judge_finalists(outcomes: Outcomes) -> tuple[Finalist, ...]:
    """The finalists' losses on all rows, the lowest first."""
    found = [_judged(run, pooled(outcomes, run)) for run in outcomes.crossed]
    return tuple(sorted(found, key=lambda each: each.loss[1]))


def _judged(run: str, losses: np.ndarray) -> Finalist:
    middle, reach = float(losses.mean()), REACH * float(losses.std(ddof=1) / np.sqrt(len(losses)))
    return Finalist(run=run, loss=(middle - reach, middle, middle + reach), rows=len(losses))

"""Was anything learnt at all? A permutation test over all models and epochs.

If nothing was learnt, outputs are independent of the labels of validation rows, and any other order of the labels
is equally likely. The test compares the largest AUC of all lines of outputs with its values under such orders. So
the p-value includes the luck of many models and epochs (Ojala & Garriga 2010, JMLR 11, test 1; the maximum over all
as in Westfall & Young 1993, Resampling-Based Multiple Testing). Ranks need no calibration, so a rare class is no
problem: there, even models that rank well hardly beat the loss of a constant output.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from gengap.data.units import Units
from gengap.tasks import AnyTask

ORDERS = 999  # random orders of the labels
CHANCE = 0.01  # the largest p-value that shows that something was learnt
DOUBT = 0.05  # the largest p-value that leaves it open
TWICE = 2**0.5  # times the spread of the measure over folds, if each pair of rows of different folds counts twice


class PermutationTest(NamedTuple):
    """The largest AUC (or rank correlation) of all lines of outputs, and whether it shows that anything was learnt.

    Attributes:
        value: The largest AUC or rank correlation.
        p_value: Probability of a value at least as large if nothing was learnt.
        measure: "auc", "rank-correlation", or "loss": the loss as a share of that of a constant answer.
    """

    value: float
    p_value: float
    measure: Literal["auc", "rank-correlation", "loss"] = "auc"

    @property
    def learnt(self) -> bool:
        """Whether chance alone is an improbable explanation."""
        return self.p_value <= CHANCE

    @property
    def unsure(self) -> bool:
        """Whether it is open if anything was learnt."""
        return CHANCE < self.p_value <= DOUBT


def permutation_test(
    outputs: Iterable[np.ndarray],
    y: np.ndarray,
    task: AnyTask,
    *,
    units: Units | None = None,
    folds: Sequence[np.ndarray] | None = None,
    orders: int = ORDERS,
    seed: int = 0,
) -> PermutationTest:
    """Test whether any line of outputs ranks the rows better than chance.

    The measure is the AUC (with several classes, the mean of each class against the rest), or Spearman's rank
    correlation for numbers (with several targets, their mean). If all of `y` is equal, or there is no line, the
    value is that of chance and the p-value 1.

    With folds, the outputs come from cross-validation: each fold's from a model that the other folds trained. Rows
    are then ranked within their fold, and targets change places within it. Chance spreads the measure more than
    such orders do, because they keep the models. If two rows of different folds are alike, each one's target is in
    the other one's output. The measure is a sum over such pairs, and each pair is there twice. So its variance is
    up to twice as large (exactly twice for ridge regressions and other symmetric smoothers), and is taken as that.

    Args:
        outputs: Groups of outputs, each of shape (lines, rows, outputs). Lines that are not finite are left out.
        y: Target of the rows.
        task: The task.
        units: Groups or blocks of time of the rows, whose targets change places as a whole. Rows of one group are
            alike in their target and in the outputs, so chance alone ranks them better than independent rows.
        folds: Rows of each fold; together, all rows. Default: the outputs do not come from cross-validation.
        orders: Number of random orders of the target.
        seed: Seed of the orders.
    """
    blocks = [np.arange(len(y))] if folds is None else list(folds)
    weights, chance = _weights(task, y, blocks)
    best = np.full(1 + orders, chance)
    if weights.any():
        random = np.random.default_rng(seed)
        spread = 1.0 if folds is None else TWICE
        by_order = np.empty((*weights.shape, 1 + orders), np.float32)  # (rows, outputs, orders)
        by_order[..., 0] = weights
        for place, each in enumerate(_shuffled(weights, y, task, units, blocks, orders, random), 1):
            by_order[..., place] = spread * each
        for lines in outputs:
            finite = lines[np.isfinite(lines).all(axis=(1, 2))]
            centred = _centred_ranks(finite, blocks).astype(np.float32)  # small sums
            measures = chance + np.tensordot(centred, by_order, axes=([1, 2], [0, 1]))
            best = np.maximum(best, measures.max(axis=0, initial=chance))
    p_value = float((best >= best[0] - 1e-6).mean())
    return PermutationTest(float(best[0]), p_value, "auc" if task.by_class else "rank-correlation")


def _shuffled(
    weights: np.ndarray,
    y: np.ndarray,
    task: AnyTask,
    units: Units | None,
    blocks: Sequence[np.ndarray],
    orders: int,
    random: np.random.Generator,
) -> Iterator[np.ndarray]:
    """Yield the weights of random orders of the target within each block of rows."""
    inside = [None if units is None else units.take(rows) for rows in blocks]
    order = np.arange(len(y))
    for _ in range(orders):
        for rows, mine in zip(blocks, inside, strict=True):
            order[rows] = rows[random.permutation(len(rows)) if mine is None else mine.shuffled_rows(random)]
        # units of other sizes change the number of rows of each class
        yield weights[order] if units is None else _weights(task, y[order], blocks)[0]


def _centred_ranks(values: np.ndarray, blocks: Sequence[np.ndarray]) -> np.ndarray:
    """Return the ranks (lines, rows, outputs) of values within their block of rows, minus the block's mean rank."""
    from scipy.stats import rankdata

    ranks = np.empty(values.shape)
    for rows in blocks:
        ranks[:, rows] = rankdata(values[:, rows], axis=1) - (len(rows) + 1) / 2
    return ranks


def better_than_constant(losses: Mapping[str, np.ndarray], constant: np.ndarray | None) -> PermutationTest:
    """Test whether any run has a lower mean loss than a constant answer, by a one-sided paired t-test.

    For losses of which the labels are unknown, so that these can't be ordered anew. The p-value is multiplied by
    the number of runs (Bonferroni).

    Args:
        losses: Losses (rows,) by run.
        constant: Losses (rows,) of the constant answer; without them the test is passed.
    """
    from scipy.stats import ttest_rel

    if constant is None or not losses:
        return PermutationTest(0.0 if losses else 1.0, 0.0 if losses else 1.0, "loss")
    p_values = [float(ttest_rel(each, constant, alternative="less").pvalue) for each in losses.values()]
    lowest = min(float(each.mean()) for each in losses.values()) / max(float(constant.mean()), 1e-12)
    known = [p for p in p_values if np.isfinite(p)]
    return PermutationTest(lowest, min(1.0, len(losses) * min(known, default=1.0)), "loss")


def _weights(task: AnyTask, y: np.ndarray, blocks: Sequence[np.ndarray]) -> tuple[np.ndarray, float]:
    """Return weights (rows, outputs) that sum centred ranks to the measure above chance, and chance's value."""
    targets = y.reshape(len(y), -1)
    if not task.by_class:
        ranks = _centred_ranks(targets[None], blocks)[0]
        largest = [len(rows) * (len(rows) ** 2 - 1) / 12 for rows in blocks]  # sums of squares of distinct ranks
        squares = np.stack([(ranks[rows] ** 2).sum(axis=0) for rows in blocks])  # (blocks, outputs)
        spread = np.sqrt(squares * np.array(largest)[:, None]).sum(axis=0)
        return ranks / np.maximum(spread, 1.0) / targets.shape[1], 0.0
    labels = targets == 1
    pairs = sum(labels[rows].sum(axis=0) * (~labels[rows]).sum(axis=0) for rows in blocks)
    classes = np.count_nonzero(pairs)
    return labels * (pairs > 0) / np.maximum(pairs, 1) / max(classes, 1), 0.5

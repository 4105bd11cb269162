"""Was anything learnt at all? A permutation test over all models and epochs.

If nothing was learnt, outputs are independent of the labels of validation rows, and any other order of the labels
is equally likely. The test compares the largest AUC of all lines of outputs with its values under such orders. So
the p-value includes the luck of many models and epochs (Ojala & Garriga 2010, JMLR 11, test 1; the maximum over all
as in Westfall & Young 1993, Resampling-Based Multiple Testing). Ranks need no calibration, so a rare class is no
problem: there, even models that rank well hardly beat the loss of a constant output.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

import numpy as np

from gengap.data.units import Units
from gengap.tasks import AnyTask

ORDERS = 999  # random orders of the labels
CHANCE = 0.01  # the largest p-value that shows that something was learnt
DOUBT = 0.05  # the largest p-value that leaves it open


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
    orders: int = ORDERS,
    seed: int = 0,
) -> PermutationTest:
    """Test whether any line of outputs ranks the rows better than chance.

    The measure is the AUC (with several classes, the mean of each class against the rest), or Spearman's rank
    correlation for numbers. If all of `y` is equal, or there is no line, the value is that of chance and the
    p-value 1.

    Args:
        outputs: Groups of outputs, each of shape (lines, rows, outputs). Lines that are not finite are left out.
        y: Target of the rows.
        task: The task.
        units: Groups or blocks of time of the rows, whose targets change places as a whole. Rows of one group are
            alike in their target and in the outputs, so chance alone ranks them better than independent rows.
        orders: Number of random orders of the target.
        seed: Seed of the orders.
    """
    from scipy.stats import rankdata

    weights, chance = _weights(task, y)
    best = np.full(1 + orders, chance)
    if weights.any():
        random = np.random.default_rng(seed)
        shuffled = [weights, *_shuffled(weights, y, task, units, orders, random)]
        by_order = np.stack(shuffled, axis=-1).astype(np.float32)  # (rows, outputs, orders)
        for lines in outputs:
            finite = lines[np.isfinite(lines).all(axis=(1, 2))]
            centred = rankdata(finite, axis=1).astype(np.float32) - np.float32((len(weights) + 1) / 2)  # small sums
            measures = chance + np.tensordot(centred, by_order, axes=([1, 2], [0, 1]))
            best = np.maximum(best, measures.max(axis=0, initial=chance))
    p_value = float((best >= best[0] - 1e-6).mean())
    return PermutationTest(float(best[0]), p_value, "auc" if task.by_class else "rank-correlation")


def _shuffled(
    weights: np.ndarray, y: np.ndarray, task: AnyTask, units: Units | None, orders: int, random: np.random.Generator
) -> Iterator[np.ndarray]:
    """Yield the weights of random orders of the target."""
    for _ in range(orders):
        if units is None:
            yield weights[random.permutation(len(weights))]
        else:  # units of other sizes change the number of rows of each class
            yield _weights(task, y[units.shuffled_rows(random)])[0]


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


def _weights(task: AnyTask, y: np.ndarray) -> tuple[np.ndarray, float]:
    """Return weights (rows, outputs) that sum centred ranks to the measure above chance, and chance's value."""
    from scipy.stats import rankdata

    if not task.by_class:
        ranks = rankdata(y.reshape(-1)) - (len(y) + 1) / 2
        spread = np.sqrt((ranks**2).sum() * len(y) * (len(y) ** 2 - 1) / 12)
        return ranks[:, None] / max(spread, 1.0), 0.0
    labels = y.reshape(len(y), -1) == 1
    pairs = labels.sum(axis=0) * (len(y) - labels.sum(axis=0))
    classes = np.count_nonzero(pairs)
    return labels * (pairs > 0) / np.maximum(pairs, 1) / max(classes, 1), 0.5

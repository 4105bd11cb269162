"""Was anything learnt at all? A permutation test over every model and epoch that was looked at.

If nothing was, outputs have nothing to do with the labels of validation rows, and any other order of those labels
is as likely. The largest AUC of all lines of outputs is held against what it is under such orders: so the luck of
having tried many models and epochs is in the p-value (Ojala & Garriga 2010, JMLR 11, test 1; the maximum over all
as in Westfall & Young 1993, Resampling-Based Multiple Testing). Ranks need no calibration, so that a rare class is
no obstacle: there the loss of the constant answer is hard to beat even for models that rank well.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

import numpy as np

from gengap.tasks import AnyTask

ORDERS = 999
CHANCE = 0.01  # how improbable the best ranking must be by chance for anything to count as learnt


class PermutationTest(NamedTuple):
    """The largest `value` of a `measure` of all lines, and how probable one so large is if nothing was learnt."""

    value: float
    p_value: float
    measure: Literal["auc", "rank-correlation"] = "auc"

    @property
    def learnt(self) -> bool:
        """Whether chance alone would hardly reach it."""
        return self.p_value <= CHANCE


def permutation_test(
    outputs: Iterable[np.ndarray], y: np.ndarray, task: AnyTask, *, orders: int = ORDERS, seed: int = 0
) -> PermutationTest:
    """The test for groups of `outputs` (lines, rows, outputs) and the rows' target `y`; only outputs' ranks matter.

    The measure is the AUC, of several classes the mean of each against the rest, and of numbers Spearman's rank
    correlation. Lines with an output that isn't finite are left out. Where `y` is all alike, or without any line,
    nothing can be shown: the value is that of chance and the p-value 1.
    """
    from scipy.stats import rankdata

    wanted, chance = _wanted(task, y)
    best = np.full(1 + orders, chance)
    if wanted.any():
        random = np.random.default_rng(seed)
        shuffled = [wanted, *(wanted[random.permutation(len(wanted))] for _ in range(orders))]
        by_order = np.stack(shuffled, axis=-1).astype(np.float32)  # (rows, outputs, orders)
        for lines in outputs:
            finite = lines[np.isfinite(lines).all(axis=(1, 2))]
            centred = rankdata(finite, axis=1).astype(np.float32) - np.float32((len(wanted) + 1) / 2)  # small sums
            found = chance + np.tensordot(centred, by_order, axes=([1, 2], [0, 1]))
            best = np.maximum(best, found.max(axis=0, initial=chance))
    p_value = float((best >= best[0] - 1e-6).mean())
    return PermutationTest(float(best[0]), p_value, "auc" if task.by_class else "rank-correlation")


def _wanted(task: AnyTask, y: np.ndarray) -> tuple[np.ndarray, float]:
    """Weights (rows, outputs) by which centred ranks sum up to the measure above chance, and what chance gives."""
    from scipy.stats import rankdata

    if not task.by_class:
        ranks = rankdata(y.reshape(-1)) - (len(y) + 1) / 2
        spread = np.sqrt((ranks**2).sum() * len(y) * (len(y) ** 2 - 1) / 12)
        return ranks[:, None] / max(spread, 1.0), 0.0
    labels = y.reshape(len(y), -1) == 1
    pairs = labels.sum(axis=0) * (len(y) - labels.sum(axis=0))
    there = np.count_nonzero(pairs)
    return labels * (pairs > 0) / np.maximum(pairs, 1) / max(there, 1), 0.5

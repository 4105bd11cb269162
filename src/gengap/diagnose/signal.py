"""Was anything learnt at all? A permutation test over every model and epoch that was looked at.

If nothing was, outputs have nothing to do with the labels of validation rows, and any other order of those labels
is as likely. The largest AUC of all lines of outputs is held against what it is under such orders: so the luck of
having tried many models and epochs is in the p-value (Ojala & Garriga 2010, JMLR 11, test 1; the maximum over all
as in Westfall & Young 1993, Resampling-Based Multiple Testing). Ranks need no calibration, so that a rare class is
no obstacle: there the loss of the constant answer is hard to beat even for models that rank well.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

ORDERS = 999


class Signal(NamedTuple):
    """The largest `auc` of all lines, and how probable one as large is where nothing was learnt."""

    auc: float
    p_value: float


def signal(outputs: Iterable[np.ndarray], y: np.ndarray, *, orders: int = ORDERS, seed: int = 0) -> Signal:
    """The test for groups of `outputs` (lines, rows), any increasing function of the odds, and labels `y` (rows,).

    Lines with an output that isn't finite are left out. Without both classes in `y`, or without any line, nothing
    can be shown: the AUC is 0.5 and the p-value 1.
    """
    from scipy.stats import rankdata

    positive, rows = int((y == 1).sum()), len(y)
    best = np.full(1 + orders, 0.5)
    if 0 < positive < rows:
        random = np.random.default_rng(seed)
        labels = np.stack([y == 1, *(random.permutation(y) == 1 for _ in range(orders))], axis=1).astype(np.float32)
        for lines in outputs:
            finite = lines[np.isfinite(lines).all(axis=1)]
            centred = rankdata(finite, axis=1).astype(np.float32) - np.float32((rows + 1) / 2)  # no large sums
            aucs = 0.5 + (centred @ labels) / (positive * (rows - positive))
            best = np.maximum(best, aucs.max(axis=0, initial=0.5))
    return Signal(float(best[0]), float((best >= best[0] - 1e-6).mean()))

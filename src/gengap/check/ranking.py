"""Does any setting rank new rows better than chance? A weak signal shows there before it shows in the loss."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from gengap.check.gains import LossUnits
from gengap.check.inputs import Inputs
from gengap.stats.permutation import ORDERS, PermutationTest, permutation_test
from gengap.tasks import Multiclass, Regression

FEWEST_ORDERS = 199  # that show a p-value of 0.01; for many rows, and for groups, which take longer
CELLS = 40_000_000  # numbers in memory, from which on rows are many


def ranking_test(outputs: Iterable[np.ndarray], inputs: Inputs, units: LossUnits) -> PermutationTest:
    """Test whether any setting's outputs of cross-validation rank the rows of each fold better than chance.

    Args:
        outputs: Of each setting, probabilities (rows, classes), class indices (rows,) or numbers (rows,) or (rows,
            targets). Those that lack validated rows are left out.
        inputs: The rows.
        units: The folds of the rows.
    """
    used = units.tested if inputs.weights is None else units.tested & (inputs.weights > 0)
    rows, fold = np.flatnonzero(used), units.fold[used]
    y, task = inputs.labels[rows], Regression()
    if inputs.classes is not None:
        y, task = np.eye(inputs.class_count)[y], Multiclass(tuple(map(str, inputs.classes)))
    sampled = units.sampling
    orders = ORDERS if sampled is None and y.size * ORDERS <= CELLS else FEWEST_ORDERS
    return permutation_test(
        (_as_line(each[rows], inputs.class_count) for each in outputs),
        y,
        task,
        units=None if sampled is None else sampled.take(rows),
        folds=[np.flatnonzero(fold == each) for each in np.unique(fold)],
        orders=orders,
    )


def _as_line(outputs: np.ndarray, classes: int) -> np.ndarray:
    """Return outputs with the shape (1, rows, outputs); class indices become 0 and 1 for each class."""
    if classes and outputs.ndim == 1:
        outputs = np.where(np.isnan(outputs)[:, None], np.nan, outputs[:, None] == np.arange(classes))
    return outputs.reshape(1, len(outputs), -1)

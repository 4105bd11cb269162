"""One value for each epoch of a curve that is logged several times an epoch.

People print the loss of single batches, or its running mean since the epoch began. The mean of batches' losses is
the epoch's loss. Of a running mean, the last value is. The values tell them apart. A running mean changes less and
less within an epoch, and jumps where the next epoch begins: if K values of an epoch are means of independent
batches, the last change has 1/sqrt(K² - 1) times the sd of the jump. Losses of batches change as much as they jump.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

LEAST_EPOCHS = 4  # fewer don't tell
LEAST_DIFFERENT = 3  # losses between zeros; fewer may be zeros that were rounded


def are_batches(x: np.ndarray, values: np.ndarray) -> bool:
    """Return whether a training curve's values are losses of batches, and no running mean within each epoch.

    Args:
        x: Epoch of each value, in logged order, of shape (n,).
        values: Values of shape (n,).
    """
    starts = np.flatnonzero(np.diff(x) != 0) + 1
    groups = [group for group in np.split(values, starts) if np.isfinite(group).all()]
    if len(groups) < LEAST_EPOCHS or min(map(len, groups[:-1])) < 2:
        return False
    within = np.array([abs(group[-1] - group[-2]) for group in groups[:-1]])
    between = np.array([abs(after[0] - before[-1]) for before, after in pairwise(groups)])
    jump = float(np.median(between))
    usual = float(np.median([len(group) for group in groups[:-1]]))
    if jump == 0:
        return False
    return float(np.median(within)) / jump > (usual**2 - 1) ** -0.25  # between 1 and 1/sqrt(K² - 1), in logarithms


def mean_of_each_epoch(x: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the epochs, sorted, and the mean of each epoch's finite values (NaN if it has none)."""
    epochs, which = np.unique(x, return_inverse=True)
    finite = np.isfinite(values)
    sums = np.bincount(which[finite], values[finite], len(epochs))
    counts = np.bincount(which[finite], minlength=len(epochs))
    return epochs, np.divide(sums, counts, out=np.full(len(epochs), np.nan), where=counts > 0)


def last_of_each_epoch(x: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the epochs, sorted, and the last value of each."""
    epochs, last = np.unique(x[::-1], return_index=True)
    return epochs, values[::-1][last]


def epochs_with_loss(values: np.ndarray) -> np.ndarray:
    """Return the positions of the losses (n,) that count: the others are 0 where an epoch had no validation.

    They are if a loss other than 0 comes regularly, every second time or every fifth. The first and the last one
    may come sooner: many programs validate then anyway. Three must differ: 0.01 may stand between losses of 0.00.

    >>> epochs_with_loss(np.array([0, 0.9, 0, 0.7, 0, 0.6])), epochs_with_loss(np.array([0.9, 0, 0.7]))
    (array([1, 3, 5]), array([0, 1, 2]))
    """
    at = np.flatnonzero(values)
    gaps = np.diff(at)
    usual = int(gaps.max(initial=0))
    regular = int((gaps == usual).sum()) > 1 < usual and bool((gaps[1:-1] == usual).all())
    whole = regular and at[0] < usual and len(values) - at[-1] <= usual
    return at if whole and len(np.unique(values[at])) >= LEAST_DIFFERENT else np.arange(len(values))

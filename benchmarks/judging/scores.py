"""The scores that verdicts get against known truth, each a small function of plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

BINS = 10


@dataclass(frozen=True)
class Balanced:
    """Balanced accuracy: the mean of the share found among the true and the share left alone among the others."""

    found: float
    left_alone: float
    error: float

    @property
    def value(self) -> float:
        """The balanced accuracy."""
        return (self.found + self.left_alone) / 2

    def __str__(self) -> str:
        return f"{self.value:.3f} ± {self.error:.3f}"


def balanced_accuracy(said: np.ndarray, true: np.ndarray) -> Balanced:
    """Of booleans (n,) against booleans (n,), with its standard error: both shares are binomial."""
    found, left_alone = float(said[true].mean()), float((~said[~true]).mean())
    variances = found * (1 - found) / true.sum() + left_alone * (1 - left_alone) / (~true).sum()
    return Balanced(found, left_alone, float(np.sqrt(variances)) / 2)


def macro_f1(said: Sequence[str], true: Sequence[str]) -> float:
    """The mean over the true classes of F1; a `said` that is no true class is a miss and no more."""
    a, b = np.array(said), np.array(true)
    classes = np.unique(b)
    return float(np.mean([2 * ((a == c) & (b == c)).sum() / ((a == c).sum() + (b == c).sum()) for c in classes]))


@dataclass(frozen=True, eq=False)
class Reliability:
    """Told probabilities against what came true, in BINS bins: mean told, share true and count, (BINS,) each."""

    told: np.ndarray
    came: np.ndarray
    counts: np.ndarray

    @property
    def expected_error(self) -> float:
        """The expected calibration error: the bins' |told - came| by their counts (Naeini et al. 2015)."""
        filled = self.counts > 0
        return float(np.abs(self.told - self.came)[filled] @ self.counts[filled] / self.counts.sum())


def reliability(told: np.ndarray, true: np.ndarray) -> Reliability:
    """The reliability of probabilities (n,) for events (n,), in bins of equal width; empty bins hold NaN."""
    which = np.minimum((told * BINS).astype(int), BINS - 1)
    counts = np.bincount(which, minlength=BINS)
    with np.errstate(invalid="ignore"):
        means = [np.bincount(which, of, BINS) / counts for of in (told, true.astype(float))]
    return Reliability(means[0], means[1], counts)

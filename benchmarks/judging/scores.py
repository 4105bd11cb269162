"""Scores of verdicts compared with the truth, each a small function of plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

BINS = 10


@dataclass(frozen=True)
class BalancedAccuracy:
    """Balanced accuracy: the mean of the share of positives found and the share of negatives left alone."""

    found: float
    left_alone: float
    error: float

    @property
    def value(self) -> float:
        """The balanced accuracy."""
        return (self.found + self.left_alone) / 2

    def __str__(self) -> str:
        return f"{self.value:.3f} ± {self.error:.3f}"


def balanced_accuracy(predicted: np.ndarray, true: np.ndarray) -> BalancedAccuracy:
    """Compare booleans (n,) with the true booleans (n,). The standard error takes both shares as binomial."""
    found, left_alone = float(predicted[true].mean()), float((~predicted[~true]).mean())
    variances = found * (1 - found) / true.sum() + left_alone * (1 - left_alone) / (~true).sum()
    return BalancedAccuracy(found, left_alone, float(np.sqrt(variances)) / 2)


def macro_f1(predicted: Sequence[str], true: Sequence[str]) -> float:
    """Return the mean F1 over the true classes. A prediction of any other class only counts as a miss."""
    a, b = np.array(predicted), np.array(true)
    classes = np.unique(b)
    return float(np.mean([2 * ((a == c) & (b == c)).sum() / ((a == c).sum() + (b == c).sum()) for c in classes]))


@dataclass(frozen=True, eq=False)
class Reliability:
    """Stated probabilities and observed frequencies in BINS bins, with counts, (BINS,) each."""

    stated: np.ndarray
    observed: np.ndarray
    counts: np.ndarray

    @property
    def expected_error(self) -> float:
        """The expected calibration error: the bins' |stated - observed| by their counts (Naeini et al. 2015)."""
        filled = self.counts > 0
        return float(np.abs(self.stated - self.observed)[filled] @ self.counts[filled] / self.counts.sum())


def reliability(stated: np.ndarray, true: np.ndarray) -> Reliability:
    """The reliability of probabilities (n,) for events (n,), in bins of equal width; empty bins hold NaN."""
    which = np.minimum((stated * BINS).astype(int), BINS - 1)
    counts = np.bincount(which, minlength=BINS)
    with np.errstate(invalid="ignore"):
        means = [np.bincount(which, of, BINS) / counts for of in (stated, true.astype(float))]
    return Reliability(means[0], means[1], counts)

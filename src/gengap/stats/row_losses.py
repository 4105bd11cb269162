"""Each validation row's loss over epochs, which shows the sampling error of a curve.

A rise of the mean over 500 rows may be luck in the choice of these rows. The same rows are measured at every epoch,
so differences between epochs are taken row by row (paired), and their spread over rows is the sampling error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gengap.errors import UsageError

BANDWIDTH = 0.15  # log-epochs over which each row's losses are smoothed before they are compared


@dataclass(frozen=True, eq=False)
class RowLosses:
    """Each validation row's loss at some epochs.

    Attributes:
        epochs: Epochs as a history counts them, rising, of shape (m,).
        losses: Losses of shape (m, rows), of at least two rows.

    Raises:
        UsageError: If the shapes don't fit or the epochs don't rise.
    """

    epochs: np.ndarray
    losses: np.ndarray

    def __post_init__(self) -> None:
        if self.losses.ndim != 2 or len(self.losses) != len(self.epochs) or self.losses.shape[1] < 2:
            raise UsageError(
                f"row losses have the shape {self.losses.shape} for {len(self.epochs)} epochs; expected one line "
                "per epoch and one column per row, with at least two rows"
            )
        if len(self.epochs) == 0 or (np.diff(self.epochs) <= 0).any():
            raise UsageError("the epochs of the row losses don't rise; expected each epoch once, in order")


@dataclass(frozen=True, eq=False)
class RowLossTrend:
    """Each row's smoothed loss at a trend's epochs, relative to the mean loss there: `shares` (g, rows)."""

    shares: np.ndarray

    def difference_error(self, a: int, b: int) -> float:
        """Return the standard error of the mean loss at index a minus that at index b, paired by row."""
        differences = self.shares[a] - self.shares[b]
        return float(differences.std(ddof=1) / np.sqrt(len(differences)))

    def resampled(self, count: int, seed: int = 0) -> np.ndarray:
        """Return how far the mean at each epoch deviates if rows are resampled (bootstrap), of shape (count, g)."""
        random = np.random.default_rng(seed)
        rows = self.shares.shape[1]
        centred = self.shares - self.shares.mean(axis=1, keepdims=True)
        times = random.multinomial(rows, np.full(rows, 1 / rows), size=count)
        return times @ centred.T / rows


def smooth_row_losses(rows: RowLosses, positions: np.ndarray, at: np.ndarray) -> RowLossTrend | None:
    """Smooth row losses, logged at `positions` (m,), to the positions `at` (g,); None if too few are finite."""
    finite = np.isfinite(rows.losses).all(axis=1)
    if finite.sum() < 3:
        return None
    losses = rows.losses[finite].astype(np.float64)
    apart = np.log(at)[:, None] - np.log(positions[finite])[None]
    nearest = np.abs(apart).min(axis=1, keepdims=True)
    weights = np.exp(-0.5 * (apart / np.maximum(BANDWIDTH, nearest)) ** 2)
    smoothed = (weights / weights.sum(axis=1, keepdims=True)) @ losses
    level = np.abs(smoothed.mean(axis=1, keepdims=True))
    return RowLossTrend(smoothed / np.maximum(level, np.finfo(float).tiny))

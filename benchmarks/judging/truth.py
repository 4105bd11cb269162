"""The truth about a run, from its loss on 100,000 further rows (the population).

The population's loss is known at about 60 log-spaced epochs of the run, and as densely up to three times its
length. Its logarithm is smoothed over log-epochs: a running median of three removes single outliers, then parabolas
are fitted locally with tricube weights (Cleveland 1979, "Robust locally weighted regression"). It gives

- rise: from its minimum within the run to the run's end, relative to the minimum
- gain: from its minimum within the run to its minimum after the end, relative to the former

Each has a standard error from the scatter around the smoothed curve. A run overfits if its rise is at least 2%. It
does not overfit if its rise is at most 0.5%. A run between the two is not scored for overfitting. Otherwise a run
underfits if its gain is at least 2%.

Noise alone makes minima, and so rises and gains. So both must be at least SURE times their standard error. A rise
below that, or a rise up to 0.5% whose error reaches 2%, is not scored. A gain below that counts as none. A run that
rises and would fall again later counts as overfit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

OVERFIT, NOT_OVERFIT, UNDERFIT = 0.02, 0.005, 0.02
SURE = 3.0
REACH = 0.6  # half the width of the smoothing, in natural logarithms of epochs
NEIGHBOURS = 5  # the smoothing reaches at least this many further points


@dataclass(frozen=True)
class Truth:
    """Relative `rise` and `gain` with their standard errors, and the epoch (from 0) of the lowest smoothed loss."""

    rise: float
    rise_error: float
    gain: float
    gain_error: float
    turning_epoch: int

    @property
    def overfit(self) -> bool | None:
        """Whether the run overfits; None where it is too close to call."""
        if self.rise >= OVERFIT and self.rise >= SURE * self.rise_error:
            return True
        return False if self.rise <= NOT_OVERFIT and self.rise + self.rise_error < OVERFIT else None

    @property
    def underfit(self) -> bool:
        """Whether three times as many epochs would have helped, and the run does not overfit."""
        return self.gain >= UNDERFIT and self.gain >= SURE * self.gain_error and not self.overfit

    @property
    def label(self) -> str:
        """`overfit`, `underfit` or `good`; a rise too close to call is `good` unless it is `underfit`."""
        return "overfit" if self.overfit else "underfit" if self.underfit else "good"


def truth_of(epochs: np.ndarray, losses: np.ndarray, last: int) -> Truth:
    """Return the truth of a run that ended with epoch `last`, from losses (m,) at `epochs` (m,), from 0."""
    level, error = smoothed(epochs, losses)
    end = int(np.searchsorted(epochs, last))
    turn = int(level[: end + 1].argmin())
    later = end + int(level[end:].argmin())
    return Truth(
        rise=float(np.expm1(level[end] - level[turn])),
        rise_error=float(np.hypot(error[end], error[turn])) if end != turn else 0.0,
        gain=float(max(-np.expm1(level[later] - level[turn]), 0.0)),
        gain_error=float(np.hypot(error[later], error[turn])) if later != turn else 0.0,
        turning_epoch=int(epochs[turn]),
    )


def smoothed(epochs: np.ndarray, losses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the smoothed natural logarithms of the losses (m,) and their standard errors (m,)."""
    where, values = np.log1p(epochs), np.log(np.maximum(losses, 1e-12))
    padded = np.concatenate([values[:1], values, values[-1:]])
    medians = np.median(np.stack([padded[:-2], padded[1:-1], padded[2:]]), axis=0)
    apart = where[None] - where[:, None]
    nearest = np.sort(np.abs(apart), axis=1)[:, min(NEIGHBOURS, len(where) - 1)]
    closeness = np.abs(apart) / np.maximum(REACH, nearest * 1.001)[:, None]
    weights = np.maximum(1 - closeness**3, 0) ** 3
    powers = apart[..., None] ** np.arange(3)
    normal = np.einsum("ij,ijk,ijl->ikl", weights, powers, powers) + 1e-9 * np.eye(3)
    smoother = np.linalg.solve(normal, np.einsum("ij,ijk->ikj", weights, powers))[:, 0]
    level = smoother @ medians
    scatter = (values - level) / np.maximum(1 - np.diag(smoother), 0.3)  # as if each point were left out
    variance = weights @ scatter**2 / weights.sum(axis=1)
    return level, np.sqrt(variance * (smoother**2).sum(axis=1))

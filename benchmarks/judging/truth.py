"""What a run's loss on 100,000 further rows says: the truth that verdicts are held against.

The population's loss is known at about 60 log-spaced epochs of the run and about as densely on to three times
its length. Its logarithm is smoothed over log-epochs: a running median of three against single wild epochs, then
parabolas fitted locally with tricube weights (Cleveland 1979, "Robust locally weighted regression"). Then

- rise: how far the smoothed loss at the run's end lies above its minimum within the run, as a share of it
- gain: how far its minimum after the end lies below its minimum within the run, as a share of that

each with the standard error that the scatter around the smoothed curve leaves it. A run is truly overfit from a
rise of 2% on, and truly not up to 0.5%; between, it counts for neither. Of the others, it is underfit from a gain
of 2% on. Both must be SURE times their error, because minima of noise make rises and gains: a rise that isn't, or
one up to 0.5% whose error reaches 2%, counts for neither; a gain that isn't is none. A run that both rose and would
fall again later counts as overfit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

OVERFIT, NOT_OVERFIT, UNDERFIT = 0.02, 0.005, 0.02
SURE = 3.0
REACH = 0.6  # half the width of the smoothing, in natural logarithms of epochs
NEIGHBOURS = 5  # and at least so many points beside the one asked for reach in


@dataclass(frozen=True)
class Truth:
    """Shares `rise` and `gain` with their errors, and the epoch (from 0) at which the smoothed loss was least."""

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
        """Whether training three times as long would have helped, and the run does not overfit."""
        return self.gain >= UNDERFIT and self.gain >= SURE * self.gain_error and not self.overfit

    @property
    def label(self) -> str:
        """`overfit`, `underfit` or `good`; a rise too close to call is `good` unless it is `underfit`."""
        return "overfit" if self.overfit else "underfit" if self.underfit else "good"


def truth_of(epochs: np.ndarray, losses: np.ndarray, last: int) -> Truth:
    """The truth of a run that ended with epoch `last`, from losses (m,) at `epochs` (m,), counted from 0."""
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
    """Natural logarithms of the losses (m,) without what differs from epoch to epoch, and their errors (m,)."""
    where, values = np.log1p(epochs), np.log(np.maximum(losses, 1e-12))
    padded = np.concatenate([values[:1], values, values[-1:]])
    calmed = np.median(np.stack([padded[:-2], padded[1:-1], padded[2:]]), axis=0)
    apart = where[None] - where[:, None]
    nearest = np.sort(np.abs(apart), axis=1)[:, min(NEIGHBOURS, len(where) - 1)]
    closeness = np.abs(apart) / np.maximum(REACH, nearest * 1.001)[:, None]
    weights = np.maximum(1 - closeness**3, 0) ** 3
    powers = apart[..., None] ** np.arange(3)
    normal = np.einsum("ij,ijk,ijl->ikl", weights, powers, powers) + 1e-9 * np.eye(3)
    smoother = np.linalg.solve(normal, np.einsum("ij,ijk->ikj", weights, powers))[:, 0]
    level = smoother @ calmed
    scatter = (values - level) / np.maximum(1 - np.diag(smoother), 0.3)  # as if each point were left out
    variance = weights @ scatter**2 / weights.sum(axis=1)
    return level, np.sqrt(variance * (smoother**2).sum(axis=1))

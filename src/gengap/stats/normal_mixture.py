"""A weighted mixture of normal distributions of one number, with its quantiles and posteriors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

STEPS, CLOSE = 60, 1e-11  # at most this number find a quantile, as close as this share of the range
TINY = 1e-300  # keeps logarithms of weights finite, and steps


@dataclass(frozen=True, eq=False)
class NormalMixture:
    """A weighted mixture of normal distributions of one number: weights, means and sds have the shape (K,)."""

    weights: np.ndarray
    means: np.ndarray
    sds: np.ndarray

    def above(self, threshold: float) -> float:
        """Return the probability of a value above `threshold`."""
        return min(float(self.weights @ ndtr((self.means - threshold) / self.sds)), 1.0)  # weights sum to about 1

    def density(self, value: float) -> float:
        """Return the probability density at `value`."""
        scaled = (self.means - value) / self.sds
        return float(self.weights / self.sds @ np.exp(-0.5 * scaled * scaled)) / math.sqrt(2 * math.pi)

    @property
    def mean(self) -> float:
        """The expected value."""
        return float(self.weights @ self.means)

    @property
    def sd(self) -> float:
        """The standard deviation."""
        return float(np.sqrt(self.weights @ (self.sds**2 + (self.means - self.mean) ** 2)))

    def quantile(self, level: float) -> float:
        """Return the quantile at `level`, by Newton's steps, or a bisection where one leaves the interval."""
        low, high = float(np.min(self.means - 9 * self.sds)), float(np.max(self.means + 9 * self.sds))
        at, close = self.mean, CLOSE * (high - low)
        for _ in range(STEPS):
            below = 1 - self.above(at) - level
            low, high = (at, high) if below < 0 else (low, at)
            step = below / max(self.density(at), TINY)
            at = at - step if low <= at - step <= high else (low + high) / 2
            if abs(step) < close:
                return at
        for _ in range(STEPS):  # steps from one side only, which is rare, don't shrink the interval
            middle = (low + high) / 2
            low, high = (middle, high) if 1 - self.above(middle) < level else (low, middle)
        return (low + high) / 2

    def scaled_by(self, factors: np.ndarray, probabilities: np.ndarray) -> NormalMixture:
        """Return the number times an independent positive factor: each of `factors` (q,) with its probability."""
        pairs = ((self.weights, probabilities), (self.means, factors), (self.sds, factors))
        return NormalMixture(*(np.outer(a, b).ravel() for a, b in pairs))

    def shifted(self, by: float) -> NormalMixture:
        """Return the number plus `by`."""
        return NormalMixture(self.weights, self.means + by, self.sds)

    def with_prior(self, sds: Sequence[float], chances: Sequence[float] | None = None) -> NormalMixture:
        """Return the posterior under a prior around 0, with one of the standard deviations `sds`.

        `chances` are the prior probabilities of the `sds` (default: equal). A small sd states that most curves end
        level. Only data that contradict it make a large one likely. (Normal distributions times normal
        likelihoods, weighted by their evidence: Gelman et al. 2013, "Bayesian Data Analysis", sections 2.5, 7.4.)
        """
        variances = np.square(sds)[:, None]
        total = self.sds**2 + variances
        evidence = np.log(self.weights + TINY) - 0.5 * (self.means**2 / total + np.log(total))
        if chances is not None:
            evidence = evidence + np.log(chances)[:, None]
        weights = np.exp(evidence - evidence.max())
        shrink = variances / total
        return NormalMixture(
            (weights / weights.sum()).ravel(), (self.means * shrink).ravel(), (self.sds * np.sqrt(shrink)).ravel()
        )

    def mixed_with(self, other: NormalMixture, probability: float) -> NormalMixture:
        """Return a mixture that is `other` with this probability and otherwise this one."""
        pairs = (
            ((1 - probability) * self.weights, probability * other.weights),
            (self.means, other.means),
            (self.sds, other.sds),
        )
        return NormalMixture(*map(np.concatenate, pairs))

    def with_error(self, sd: float) -> NormalMixture:
        """Return the number plus an independent error with the standard deviation `sd`."""
        return NormalMixture(self.weights, self.means, np.sqrt(self.sds**2 + sd**2))

"""A power law with a varying exponent, fitted to mean losses by particles.

A learning curve falls about as a + b n^-c (Cortes et al. 1993; Hestness et al. 2017; Viering & Loog 2021, "The
shape of learning curves", section 4). Its fall per e-fold of rows n is b c n^-c, and the logarithm of this falls by
c per e-fold. But many curves stay on a plateau until the model finds a new pattern (Caballero et al. 2022, "Broken
neural scaling laws"). So here this logarithm varies too: as a Brownian motion in log n that starts at the present
size and goes both ways. Without it, a power law remains. The forecast thus extends the law near the present size:
uncertainty grows with distance, and small sizes count less.

Nothing is optimised. Particles drawn from the prior are moved to the posterior by sequential Monte Carlo (Del
Moral, Doucet & Jasra 2006). Each move is proposed from their own normal distribution (Rudolf & Sprungk 2018, "On a
generalization of the preconditioned Crank-Nicolson Metropolis algorithm"). The same seed gives the same result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.special import digamma

# The prior, each as (median, sd of the logarithm). Losses are shares of the present one, rates per e-fold of rows.
SLOPE = (0.04, 1.3)  # the fall at the present size
DECAY = (0.5, 0.6)  # the exponent c
DECAYS = (0.05, 2.0)  # the bounds c is kept within
WANDER = (1.4, 0.7)  # of the fall's logarithm, per square root of an e-fold; set on measured curves
ERROR = (1.0, 0.35)  # a factor on the models' error, if seeds show it
UNSHOWN_ERROR = (1.0, 1.0)  # a factor on GUESS, if they don't

GUESS = 0.01  # error of a mean relative to the present loss, if a single seed shows none
LEAST_ERROR = 1e-3  # the smallest error: seeds that agree drew from the same rows
PARTICLES = 2_000
PATHS = 4  # continuations drawn for each particle
HEATS = 2.0 ** np.arange(-20, 1)  # shares of the likelihood that particles are moved to, one after the other
MOVES = 4  # at each; three times as many at the last
ACCEPTED = 0.3  # intended share of accepted moves
NUGGET = 1e-6  # keeps the particles' covariance positive definite
STEP = 0.3  # log-rows within which the fall is constant
STEEPEST = 100.0  # a bound on exponents, against overflow


@dataclass(frozen=True, eq=False)
class MeanLosses:
    """Mean losses relative to the present one, and the covariance of their errors.

    Attributes:
        u: Logarithms of the sizes relative to the present size, the last, of shape (k,).
        y: Mean losses relative to the present one, of shape (k,).
        rows: Covariance of their errors from the validation rows, which all sizes share, of shape (k, k).
        models: Variance of their errors from each size's own models, of shape (k,).
        replicated: Whether seeds show that variance; otherwise it is a guess.
    """

    u: np.ndarray
    y: np.ndarray
    rows: np.ndarray
    models: np.ndarray
    replicated: bool

    @property
    def finite(self) -> bool:
        """Whether all numbers are finite, small enough to be squared."""
        return all(bool((np.abs(part) < 1e100).all()) for part in (self.y, self.rows, self.models))

    def errors_above(self, i: int, j: int) -> float:
        """Return by how many standard errors the loss at index i is above that at j, paired by row."""
        rows = self.rows[i, i] + self.rows[j, j] - 2 * self.rows[i, j]
        return float((self.y[i] - self.y[j]) / np.sqrt(max(rows, 0.0) + self.models[i] + self.models[j]))


def measure(sizes: np.ndarray, losses: Sequence[np.ndarray]) -> MeanLosses:
    """Return the mean losses at each of `sizes` (k,) from losses of shape (seeds, rows) or (seeds,) at each size.

    The covariance of means over rows is the limit of a bootstrap that draws the same rows at all sizes.
    """
    u = np.log(sizes / sizes[-1])
    means = np.array([np.mean(a, dtype=np.float64) for a in losses])
    rows = np.zeros((len(u), len(u)))
    if np.ndim(losses[0]) == 2:
        by_row = np.stack([np.mean(a, axis=0, dtype=np.float64) for a in losses]) / means[-1]
        rows = np.cov(by_row) / by_row.shape[1]
    by_seed = [np.reshape(a, (len(a), -1)).mean(axis=1, dtype=np.float64) / means[-1] for a in losses]
    replicated = max(map(len, by_seed)) > 1
    models = _models_variance(u, by_seed) if replicated else np.full(len(u), GUESS**2)
    return MeanLosses(u, means / means[-1], rows, models + LEAST_ERROR**2, replicated)


def _models_variance(u: np.ndarray, by_seed: list[np.ndarray]) -> np.ndarray:
    """Return the variance (k,) of each size's mean over seeds, smoothed over sizes by a power law."""
    counts = np.array([len(a) for a in by_seed])
    shown = counts > 1
    freedom = counts[shown] - 1.0
    variances = np.array([a.var(ddof=1) for a in by_seed if len(a) > 1]) + LEAST_ERROR**2
    logs = np.log(variances) - digamma(freedom / 2) + np.log(freedom / 2)  # unbiased for normal errors
    apart = freedom * (u[shown] - np.average(u[shown], weights=freedom))
    power = np.clip(apart @ logs / max(apart @ u[shown], 1e-12), -2, 0)
    level = np.average(variances * np.exp(-power * u[shown]), weights=freedom)
    return level * np.exp(power * u) / counts


class Particles(NamedTuple):
    """Draws from the posterior, of shape (particles,) each.

    Attributes:
        level: The present loss.
        slope: Its fall per e-fold of rows.
        decay: The exponent c.
        wander: Standard deviation of the exponent's walk.
    """

    level: np.ndarray
    slope: np.ndarray
    decay: np.ndarray
    wander: np.ndarray

    def continued(self, times: float, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return losses at `times` the rows, and their gain relative to the present loss; losses stay above 0."""
        level, slope, decay, wander = (np.repeat(part, PATHS) for part in self)
        steps = int(np.ceil(np.log(times) / STEP))
        width = np.log(times) / steps
        ahead = width * (np.arange(steps)[:, None] + 0.5)
        walk = np.cumsum(random.standard_normal((steps, len(level))) * _roots(ahead), axis=0)
        fall = width * (slope * _exp(wander * walk - decay * ahead)).sum(axis=0)
        possible = fall < level
        if not possible.any():
            return np.zeros(1), np.ones(1)
        return (level - fall)[possible], (fall / level)[possible]


def _roots(distances: np.ndarray) -> np.ndarray:
    """Return the sd of a Brownian motion's steps to `distances` (m, ...), growing from 0."""
    return np.sqrt(np.diff(distances, axis=0, prepend=0.0))


def _exp(exponent: np.ndarray) -> np.ndarray:
    return np.exp(np.clip(exponent, -STEEPEST, STEEPEST))


class _Target:
    """The posterior over standard-normal coordinates z (n, d): four parameters, then the walk's steps back.

    The errors' covariance is made diagonal once, for every factor on the models' error. The present loss has a flat
    prior and is integrated out (Gelman et al. 2013, "Bayesian Data Analysis", section 14.2).
    """

    def __init__(self, measured: MeanLosses) -> None:
        u = measured.u
        parts = [np.linspace(a, b, max(1, round((b - a) / STEP)), endpoint=False) for a, b in pairwise(u)]
        edges = np.concatenate([*parts, u[-1:]])[::-1]
        self.back = -(edges[1:] + edges[:-1]) / 2  # (m,): how far back the middles of steps are, the nearest first
        self.roots = _roots(self.back)
        self.until = -np.diff(edges)[:, None] * (self.back[:, None] < -u)  # (m, k): those between a size and now
        self.error = ERROR if measured.replicated else UNSHOWN_ERROR
        scale = 1 / np.sqrt(measured.models)
        variances, turn = np.linalg.eigh(scale[:, None] * measured.rows * scale)
        self.variances, self.turn = np.maximum(variances, 0), scale[:, None] * turn
        self.y, self.ones = measured.y, self.turn.sum(axis=0)
        self.dimensions = 4 + len(self.back)

    def parameters(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return slope, decay, wander and the factor on the models' error, of shape (n,) each."""
        slope, decay, wander, error = (
            median * np.exp(sd * z[:, i]) for i, (median, sd) in enumerate((SLOPE, DECAY, WANDER, self.error))
        )
        return slope, np.clip(decay, *DECAYS), wander, error

    def weigh(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the log-likelihood, and mean and sd of the present loss, of shape (n,) each."""
        slope, decay, wander, error = self.parameters(z)
        walk = np.cumsum(z[:, 4:] * self.roots, axis=1)
        above = slope[:, None] * _exp(decay[:, None] * self.back + wander[:, None] * walk) @ self.until
        residuals = (self.y - above) @ self.turn
        variances = self.variances + error[:, None] ** 2
        squares, crossed, ones = (
            (a / variances).sum(axis=1) for a in (residuals**2, residuals * self.ones, self.ones**2)
        )
        known = -0.5 * (squares - crossed**2 / ones + np.log(variances).sum(axis=1) + np.log(ones))
        return known, crossed / ones, 1 / np.sqrt(ones)


def posterior(measured: MeanLosses, random: np.random.Generator, count: int = PARTICLES) -> Particles:
    """Move `count` particles from the prior to the posterior, in steps; `random` decides the result."""
    target = _Target(measured)
    z = random.standard_normal((count, target.dimensions))
    known, before, stride = target.weigh(z)[0], 0.0, 0.5
    for heat in HEATS:
        weights = np.exp((heat - before) * (known - known.max()))
        evenly = (np.arange(count) + random.random()) / count
        sums = np.cumsum(weights)
        chosen = np.searchsorted(sums / sums[-1], evenly)
        z, known, before = z[chosen], known[chosen], heat
        centre, root = z.mean(axis=0), np.linalg.cholesky(np.cov(z.T) + NUGGET * np.eye(target.dimensions))
        for _ in range(3 * MOVES if heat == HEATS[-1] else MOVES):
            fresh = random.standard_normal(z.shape) @ root.T
            moved = centre + np.sqrt(1 - stride**2) * (z - centre) + stride * fresh
            proposed = target.weigh(moved)[0]
            gain = heat * (proposed - known) + _apart(moved, centre, root) - _apart(z, centre, root)
            accepted = np.log(random.random(count)) < gain
            z[accepted], known[accepted] = moved[accepted], proposed[accepted]
            stride = float(np.clip(stride * np.exp(accepted.mean() - ACCEPTED), 0.05, 1.0))
    slope, decay, wander, _ = target.parameters(z)
    _, mean, sd = target.weigh(z)
    return Particles(mean + sd * random.standard_normal(count), slope, decay, wander)


def _apart(z: np.ndarray, centre: np.ndarray, root: np.ndarray) -> np.ndarray:
    """Return log prior density minus log density of the particles' normal distribution, up to a constant."""
    standard = np.linalg.solve(root, (z - centre).T)
    return 0.5 * ((standard**2).sum(axis=0) - (z**2).sum(axis=1))

"""The smooth trend under a noisy curve, with its uncertainty: a Gaussian process over log-epochs.

A curve is a trend plus noise. The trend is a Gaussian process with a Matérn 5/2 kernel over the logarithm of the
epoch (Rasmussen & Williams 2006, section 4.2), so that it may bend as much between epochs 10 and 20 as between
1,000 and 2,000, which is how learning curves look (Viering & Loog 2021, "The shape of learning curves", section 3).
The noise is white plus first-order autoregressive from epoch to epoch (an Ornstein-Uhlenbeck process at whole
epochs). Means over log-spaced bins of epochs stand for the curve, with the exact covariance of the noise's means.

Nothing is optimised: all of a grid of lengths, amplitudes and noises take part, each with the weight that the
data give it (its marginal likelihood times its prior), so that what can't be told apart stays in the uncertainty.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

BINS = 64  # means over so many log-spaced bins stand for the whole curve
GRID = 80  # log-spaced epochs at which the trend is known afterwards
LATE = 1.3  # and where only the last quarter of the epochs is left, from which the pace at the end is taken
SCALES = (0.5, 1.0, 1.7)  # of the noise, times what second differences show
CORRELATIONS = (0.5, 0.8, 0.92, 0.97, 0.99)  # of neighbouring epochs' noise
SPANS = 6  # correlation times that a curve should hold: what moves more slowly is more likely its trend,
DOUBT = 3  # the more so the fewer it holds: the power in noise's prior weight (held / SPANS) ** DOUBT
WANDER = 0.02  # sd of noise that drifts from epoch to epoch; where it would be much more, the trend moves
TINY = 1e-300  # keeps logarithms of weights finite
KEPT = 24  # of the settings, those with the largest weights
LEVEL_SD = 2.0  # of the trend's unknown level, in natural logarithms
SLOPE_SD = 0.15  # of its linear part, per e-fold of epochs


class Settings(NamedTuple):
    """Hyperparameters, each (K,): the trend's length in log-epochs and its sd, the noise's scale and correlation.

    `scale` multiplies the noise that second differences show; `share` of that is autoregressive.
    """

    length: np.ndarray
    amplitude: np.ndarray
    scale: np.ndarray
    correlation: np.ndarray
    share: np.ndarray


@cache
def settings() -> Settings:
    """The grid of settings that take part."""
    noises = [(0.0, 0.0), *((r, share) for r in CORRELATIONS for share in (0.4, 1.0))]
    rows = [
        (length, amplitude, scale, *noise)
        for length in (0.7, 1.4, 2.8)
        for amplitude in (0.01, 0.03, 0.1, 0.3, 1.0)
        for scale in SCALES
        for noise in noises
    ]
    return Settings(*np.array(rows).T)


@dataclass(frozen=True, eq=False)
class Mixture:
    """A weighted mixture of normal distributions of one number: weights, means and sds are (K,)."""

    weights: np.ndarray
    means: np.ndarray
    sds: np.ndarray

    def above(self, threshold: float) -> float:
        """The probability of more than `threshold`."""
        chance = float(self.weights @ ndtr((self.means - threshold) / self.sds))
        return min(chance, 1.0)  # the weights sum to about 1

    @property
    def mean(self) -> float:
        """The expected value."""
        return float(self.weights @ self.means)

    @property
    def sd(self) -> float:
        """The standard deviation."""
        return float(np.sqrt(self.weights @ (self.sds**2 + (self.means - self.mean) ** 2)))

    def quantile(self, level: float) -> float:
        """The number below which it lies with probability `level`, by bisection."""
        low, high = float(np.min(self.means - 9 * self.sds)), float(np.max(self.means + 9 * self.sds))
        for _ in range(50):
            middle = (low + high) / 2
            low, high = (middle, high) if 1 - self.above(middle) < level else (low, middle)
        return (low + high) / 2

    def times(self, factors: np.ndarray, chances: np.ndarray) -> Mixture:
        """The number times an independent positive factor, which is each of `factors` (q,) with its chance."""
        pairs = ((self.weights, chances), (self.means, factors), (self.sds, factors))
        return Mixture(*(np.outer(a, b).ravel() for a, b in pairs))

    def moved(self, by: float) -> Mixture:
        """The number plus `by`."""
        return Mixture(self.weights, self.means + by, self.sds)

    def expecting(self, sds: Sequence[float]) -> Mixture:
        """The same under further beliefs: that the number is about 0, by one of `sds`, each as likely as another.

        A small sd says that most curves end level; only data that can't be so reconciled make it a large one.
        (Normal distributions times normal likelihoods, weighted by their evidence: Gelman et al. 2013, "Bayesian
        Data Analysis", sections 2.5 and 7.4.)
        """
        variances = np.square(sds)[:, None]
        total = self.sds**2 + variances
        evidence = np.log(self.weights + TINY) - 0.5 * (self.means**2 / total + np.log(total))
        weights = np.exp(evidence - evidence.max())
        kept = variances / total
        parts = (weights / weights.sum(), self.means * kept, self.sds * np.sqrt(kept))
        return Mixture(*(part.ravel() for part in parts))

    def widened(self, sd: float) -> Mixture:
        """The same with an independent error of `sd` added."""
        return Mixture(self.weights, self.means, np.sqrt(self.sds**2 + sd**2))


@dataclass(frozen=True, eq=False)
class Trend:
    """The trend's distribution at log-spaced ones of the `epochs` logged (g,), of which the last is the last.

    A mixture over K settings: `weights` (K,), `means` (K, g), `covariances` (K, g, g). `late` is the index of the
    epoch about LATE times before the last; `noise` is the sd between neighbouring epochs.
    """

    epochs: np.ndarray
    late: int
    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    noise: float

    @property
    def mean(self) -> np.ndarray:
        """The expected trend (g,)."""
        return self.weights @ self.means

    @property
    def lowest_index(self) -> int:
        """The index at which the expected trend is lowest."""
        return int(np.argmin(self.mean))

    def difference(self, a: int, b: int) -> Mixture:
        """The trend at index a minus that at index b."""
        c = self.covariances
        variance = c[:, a, a] + c[:, b, b] - 2 * c[:, a, b]
        return Mixture(self.weights, self.means[:, a] - self.means[:, b], np.sqrt(np.maximum(variance, 1e-14)))

    def draws(self, count: int, seed: int = 0) -> np.ndarray:
        """`count` trends drawn at random, (count, g)."""
        random = np.random.default_rng(seed)
        chosen = random.choice(len(self.weights), size=count, p=self.weights)
        return np.concatenate(list(self._drawn(random, np.bincount(chosen, minlength=len(self.weights)))))

    def _drawn(self, random: np.random.Generator, counts: np.ndarray) -> Iterator[np.ndarray]:
        for k in np.flatnonzero(counts):
            values, vectors = np.linalg.eigh(self.covariances[k])
            root = vectors * np.sqrt(np.maximum(values, 0))
            yield self.means[k] + random.standard_normal((counts[k], len(root))) @ root.T


def fit_trend(positions: np.ndarray, values: np.ndarray) -> Trend:
    """The trend under `values` (n,), logged at `positions` (n,) > 0, rising; n at least 3.

    Rasmussen & Williams 2006, algorithm 2.1, for every setting at once.
    """
    starts, counts = _bins(len(values))
    y = np.add.reduceat(values, starts) / counts
    u = np.add.reduceat(np.log(positions), starts) / counts
    end = float(np.log(positions[-1]))
    noise = _bending_noise(values)
    level = y[-1]
    s = settings()
    doubt = DOUBT * np.log(np.minimum(len(values) * (1 - s.correlation) / SPANS, 1.0))
    doubt -= 0.5 * _drifting_variance(s, noise) / WANDER**2
    covariance = _prior(s, u, u, end) + _noise(s, noise, starts, counts)
    root = np.linalg.cholesky(covariance)
    z = np.linalg.solve(root, np.broadcast_to((y - level)[None, :, None], (len(root), len(y), 1)))[..., 0]
    evidence = -0.5 * (z**2).sum(1) - np.log(np.einsum("kii->ki", root)).sum(1) + doubt
    kept = np.argsort(-evidence)[:KEPT]
    weights = np.exp(evidence[kept] - evidence.max())
    first, last = positions[0], positions[-1]
    wanted = np.append(np.geomspace(first, last, GRID), last / LATE)
    epochs = positions[np.unique(_nearest(positions, wanted))]  # between early epochs the trend may be anything
    chosen = Settings(*(part[kept] for part in s))
    across = _prior(chosen, u, np.log(epochs), end)
    gain = np.linalg.solve(root[kept], across)
    return Trend(
        epochs=epochs,
        late=min(int(_nearest(epochs, np.array([last / LATE]))[0]), len(epochs) - 2),  # one of few may be far away
        weights=weights / weights.sum(),
        means=level + np.einsum("kmg,km->kg", gain, z[kept]),
        covariances=_prior(chosen, np.log(epochs), np.log(epochs), end) - gain.transpose(0, 2, 1) @ gain,
        noise=noise,
    )


def _nearest(positions: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """For each wanted position the index of the logged one nearest to it."""
    return np.searchsorted((positions[:-1] + positions[1:]) / 2, wanted)


def _bins(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Starts and lengths of the log-spaced bins of n points; single points at first."""
    edges = np.unique(np.round(np.geomspace(1, n + 1, BINS + 1)).astype(np.int64)) - 1
    return edges[:-1], np.diff(edges)


def _bending_noise(values: np.ndarray) -> float:
    """The sd that white noise with such second differences would have, by their median absolute deviation.

    Second differences, because a curve's slope, and what a turning point changes in it, is not noise.
    """
    bends = np.diff(values[len(values) // 4 :], 2)
    return max(1.4826 * float(np.median(np.abs(bends - np.median(bends)))) / np.sqrt(6), 1e-5)


def _prior(s: Settings, a: np.ndarray, b: np.ndarray, end: float) -> np.ndarray:
    """The trend's prior covariance between log-epochs a (m,) and b (g,): (K, m, g)."""
    apart = np.abs(a[:, None] - b[None])
    lengths, which = np.unique(s.length, return_inverse=True)
    z = np.sqrt(5) * apart / lengths[:, None, None]
    matern = (1 + z + z**2 / 3) * np.exp(-z)
    linear = LEVEL_SD**2 + SLOPE_SD**2 * (a[:, None] - end) * (b[None] - end)
    return s.amplitude[:, None, None] ** 2 * matern[which] + linear


def _noise(s: Settings, noise: float, starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The noise's covariance between the bins' means, (K, m, m)."""
    variance = (s.scale * noise) ** 2
    white = variance * (1 - s.share)
    drifting = _drifting_variance(s, noise)
    correlations, which = np.unique(s.correlation, return_inverse=True)
    between = np.stack([_autoregressive(r, starts, counts) for r in correlations])[which]
    return drifting[:, None, None] * between + (white[:, None] / counts + 1e-10)[:, :, None] * np.eye(len(counts))


def _drifting_variance(s: Settings, noise: float) -> np.ndarray:
    """The variance of the noise's autoregressive part, (K,).

    Second differences of a first-order autoregression have 2 (1 - r) (3 - r) times its variance; white noise's 6.
    """
    return 3 * (s.scale * noise) ** 2 * s.share / ((1 - s.correlation) * (3 - s.correlation))


def _autoregressive(correlation: float, starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Covariance (m, m) between means over bins of a first-order autoregression of variance 1.

    The double sums of powers over two bins are products of geometric series.
    """
    r, k = correlation, counts.astype(np.float64)
    series = (1 - r**k) / (1 - r)
    apart = np.maximum(starts[None] - (starts + counts - 1)[:, None], 0)
    upper = np.triu(r ** apart.astype(np.float64) * np.outer(series, series) / np.outer(k, k), 1)
    own = (k * (1 - r**2) - 2 * r * (1 - r**k)) / ((1 - r) ** 2 * k**2)
    return upper + upper.T + np.diag(own)

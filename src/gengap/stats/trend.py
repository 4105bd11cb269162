"""The smooth trend under a noisy curve, with its uncertainty: a Gaussian process over log-epochs.

A curve is a trend plus noise. The trend is a Gaussian process with a Matérn 5/2 kernel over the logarithm of the
epoch (Rasmussen & Williams 2006, section 4.2). So it may bend as much between epochs 10 and 20 as between 1,000 and
2,000, as learning curves do (Viering & Loog 2021, "The shape of learning curves", section 3). The noise is white
plus first-order autoregressive from epoch to epoch (an Ornstein-Uhlenbeck process at whole epochs). The model sees
the means of log-spaced bins of epochs, with the exact covariance of their noise.

Nothing is optimised. A grid of lengths, amplitudes and noises is averaged, each weighted by its marginal likelihood
times its prior. So settings that fit equally well add to the uncertainty.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

BINS = 64  # log-spaced bins whose means represent the curve
COARSE_BINS = 24  # of a first, cheap fit of all settings; ...
PROMISING = 96  # ... the whole one is made with this number of the best,
MISFIT = 3.0  # or with all, if the best explains the curve badly: its squares are 3 sds above their expectation
GRID = 80  # log-spaced epochs at which the trend is estimated
LATE = 1.3  # the pace at the end is that since this many times before the last epoch: the last quarter
SCALES = (0.5, 1.0, 1.7)  # of the noise, times what second differences show
CORRELATIONS = (0.5, 0.8, 0.92, 0.97, 0.99)  # of neighbouring epochs' noise
SPANS = 6  # correlation times that a curve should contain: slower changes are more likely its trend,
DOUBT = 0.7  # increasingly so with fewer: the noise has the prior weight (contained / SPANS) ** DOUBT
WANDER = 0.02  # sd of noise that drifts from epoch to epoch; much larger drifts are the trend
USUAL_NOISE = 0.005  # what noise is before any is seen ...
USUAL_COUNT = 3  # ... which counts as much as this number of second differences: few epochs show little noise
OWN = 0.6  # share of the noise that further rows would show too, where the model itself changes from epoch to epoch
BISECTIONS = 30  # find a quantile within a billionth of the range
TINY = 1e-300  # keeps logarithms of weights finite
HUGE = 1e12  # larger than any sum of squared standardised values
JITTER = 1e-9  # added to variances, so that rounding leaves covariances positive
LARGEST = 24  # settings with the largest weights, which are used
LEVEL_SD = 2.0  # of the trend's unknown level, in natural logarithms
SLOPE_SD = 0.15  # of its linear part, per e-fold of epochs


class TrendSettings(NamedTuple):
    """Hyperparameters of the trend, each of shape (T,).

    Attributes:
        length: Length of the trend in log-epochs.
        amplitude: Standard deviation of the trend.
    """

    length: np.ndarray
    amplitude: np.ndarray


class NoiseSettings(NamedTuple):
    """Hyperparameters of the noise, each of shape (N,).

    Attributes:
        scale: Factor on the noise that second differences show.
        correlation: Correlation of neighbouring epochs' autoregressive noise.
        share: Share of the noise that is autoregressive.
    """

    scale: np.ndarray
    correlation: np.ndarray
    share: np.ndarray


@cache
def settings() -> tuple[TrendSettings, NoiseSettings]:
    """Return the settings of trend and noise. All T x N pairs of them are averaged."""
    trends = np.array([(length, a) for length in (0.7, 1.4, 2.8) for a in (0.01, 0.03, 0.1, 0.3, 1.0)])
    correlated = [(0.0, 0.0), *((r, share) for r in CORRELATIONS for share in (0.4, 1.0))]
    noises = np.array([(scale, *noise) for scale in SCALES for noise in correlated])
    return TrendSettings(*trends.T), NoiseSettings(*noises.T)


@dataclass(frozen=True, eq=False)
class NormalMixture:
    """A weighted mixture of normal distributions of one number: weights, means and sds have the shape (K,)."""

    weights: np.ndarray
    means: np.ndarray
    sds: np.ndarray

    def above(self, threshold: float) -> float:
        """Return the probability of a value above `threshold`."""
        return min(float(self.weights @ ndtr((self.means - threshold) / self.sds)), 1.0)  # weights sum to about 1

    @property
    def mean(self) -> float:
        """The expected value."""
        return float(self.weights @ self.means)

    @property
    def sd(self) -> float:
        """The standard deviation."""
        return float(np.sqrt(self.weights @ (self.sds**2 + (self.means - self.mean) ** 2)))

    def quantile(self, level: float) -> float:
        """Return the quantile at `level`, by bisection."""
        low, high = float(np.min(self.means - 9 * self.sds)), float(np.max(self.means + 9 * self.sds))
        for _ in range(BISECTIONS):
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


@dataclass(frozen=True, eq=False)
class Posterior:
    """The distribution of a curve at some epochs, the last included: a mixture over K settings.

    Attributes:
        epochs: The epochs, of shape (g,).
        weights: Weights of the settings, of shape (K,).
        means: Mean of the curve for each setting, of shape (K, g).
        covariances: Its covariance for each setting, of shape (K, g, g).
    """

    epochs: np.ndarray
    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """The expected curve, of shape (g,)."""
        return self.weights @ self.means

    @property
    def lowest_index(self) -> int:
        """The index where the expected curve is lowest."""
        return int(np.argmin(self.mean))

    def difference(self, a: int, b: int) -> NormalMixture:
        """Return the curve at index a minus that at index b."""
        c = self.covariances
        variance = c[:, a, a] + c[:, b, b] - 2 * c[:, a, b]
        mean, sd = self.means[:, a] - self.means[:, b], np.sqrt(np.maximum(variance, 1e-14))
        return NormalMixture(self.weights, mean, sd)

    def draws(self, count: int, seed: int = 0) -> np.ndarray:
        """Return `count` random draws of the curve, of shape (count, g)."""
        random = np.random.default_rng(seed)
        chosen = random.choice(len(self.weights), size=count, p=self.weights)
        return np.concatenate(list(self._drawn(random, np.bincount(chosen, minlength=len(self.weights)))))

    def _drawn(self, random: np.random.Generator, counts: np.ndarray) -> Iterator[np.ndarray]:
        for k in np.flatnonzero(counts):
            root = np.linalg.cholesky(self.covariances[k] + JITTER * np.eye(len(self.epochs)))
            yield self.means[k] + random.standard_normal((counts[k], len(root))) @ root.T


@dataclass(frozen=True, eq=False)
class Trend(Posterior):
    """The smooth trend under a curve, at some of its log-spaced epochs.

    Attributes:
        late: Index of the epoch about LATE times before the last.
        noise: Standard deviation between neighbouring epochs.
        count: Number of logged values.
        state: The trend with the share OWN of the noise, at the bins' mean epochs: what further rows would show if
            the model itself changes that much from epoch to epoch.
    """

    late: int
    noise: float
    count: int
    state: Posterior


def fit_trend(positions: np.ndarray, values: np.ndarray) -> Trend:
    """Fit the trend under a curve of at least 3 values.

    Many settings at once, by algorithm 2.1 of Rasmussen & Williams (2006).

    Args:
        positions: Positions of the values, above 0 and rising, of shape (n,).
        values: Values of shape (n,).
    """
    noise, end = _usual_noise(values), float(np.log(positions[-1]))
    trends, noises = settings()
    pairs = np.arange(len(trends.length) * len(noises.scale))
    promising = np.argsort(-_fit(positions, values, noise, COARSE_BINS, pairs).evidence)[:PROMISING]
    fit = _fit(positions, values, noise, BINS, promising)
    if fit.misfit > MISFIT:  # steps and restarts, which coarse bins hide
        promising, fit = pairs, _fit(positions, values, noise, BINS, pairs)
    chosen = np.argsort(-fit.evidence)[:LARGEST]
    weights = np.exp(fit.evidence[chosen] - fit.evidence.max())
    weights /= weights.sum()
    used = TrendSettings(*(part[promising[chosen] // len(noises.scale)] for part in trends))
    first, last = positions[0], positions[-1]
    requested = np.append(np.geomspace(first, last, GRID), last / LATE)
    epochs = positions[np.unique(_nearest(positions, requested))]  # the trend is unknown between early epochs
    logs, u, z = np.log(epochs), fit.log_epochs, fit.z[chosen]
    state = fit.smooth[chosen] + OWN * fit.rough[chosen]
    gains = np.linalg.solve(fit.root[chosen], np.concatenate([_prior(used, u, logs, end), state], axis=2))

    def posterior(gain: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return fit.level + np.einsum("kmg,km->kg", gain, z), own - gain.transpose(0, 2, 1) @ gain

    means, covariances = posterior(gains[..., : len(logs)], _prior(used, logs, logs, end))
    return Trend(
        epochs=epochs,
        late=min(int(_nearest(epochs, np.array([last / LATE]))[0]), len(epochs) - 2),  # never the last epoch
        weights=weights,
        means=means,
        covariances=covariances,
        noise=noise,
        count=len(values),
        state=Posterior(np.exp(u), weights, *posterior(gains[..., len(logs) :], state)),
    )


class _Fit(NamedTuple):
    """How well settings explain the means of bins: their log evidence (k,) and what it was computed from.

    Attributes:
        log_epochs: Mean log-epoch of each bin, of shape (m,).
        level: The last bin's mean, which the values are relative to.
        smooth: Covariances of the trend, of shape (k, m, m).
        rough: Covariances of the noise, of shape (k, m, m).
        root: Cholesky factors L of their sums, of shape (k, m, m).
        z: L⁻¹ times the values, of shape (k, m).
        evidence: Logarithm of marginal likelihood times prior, up to a constant, of shape (k,).
    """

    log_epochs: np.ndarray
    level: float
    smooth: np.ndarray
    rough: np.ndarray
    root: np.ndarray
    z: np.ndarray
    evidence: np.ndarray

    @property
    def misfit(self) -> float:
        """How far the best setting's sum of squares is above its expectation, in sds of a chi-squared number."""
        squares = self.z[self.evidence.argmax()] ** 2
        return float((squares.sum() - len(squares)) / np.sqrt(2 * len(squares)))


def _fit(positions: np.ndarray, values: np.ndarray, noise: float, bins: int, pairs: np.ndarray) -> _Fit:
    """Fit the means of at most `bins` bins with each of these pairs (k,) of settings, counted trend by trend."""
    starts, counts = _bins(len(values), bins)
    y = np.add.reduceat(values, starts) / counts
    u = np.add.reduceat(np.log(positions), starts) / counts
    trends, noises = settings()
    trend_of, noise_of = np.divmod(pairs, len(noises.scale))
    doubt = DOUBT * np.log(np.minimum(len(values) * (1 - noises.correlation) / SPANS, 1.0))
    doubt -= 0.5 * _drifting_variance(noises, noise) / WANDER**2
    smooth = _prior(trends, u, u, float(np.log(positions[-1])))[trend_of]
    rough = _noise(noises, noise, starts, counts)[noise_of]
    root, z = _roots(smooth, rough, y - y[-1])
    evidence = -0.5 * (z**2).sum(1) - np.log(np.einsum("kii->ki", root)).sum(1) + doubt[noise_of]
    return _Fit(u, float(y[-1]), smooth, rough, root, z, evidence)


def _roots(smooth: np.ndarray, rough: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the Cholesky factors L of the sums of two covariances (k, m, m), and L⁻¹ y, of shape (k, m).

    A row and column of y, with a huge last element, give L⁻¹ y as the factor's last row: no system is solved.
    """
    m = len(y)
    whole = np.empty((len(smooth), m + 1, m + 1))
    np.add(smooth, rough, out=whole[:, :m, :m])
    whole[:, m, :m] = y  # the upper triangle is not read
    whole[:, m, m] = HUGE
    root = np.linalg.cholesky(whole)
    return root[:, :m, :m], root[:, m, :m]


def _nearest(positions: np.ndarray, requested: np.ndarray) -> np.ndarray:
    """Return, for each requested position, the index of the nearest logged one."""
    return np.searchsorted((positions[:-1] + positions[1:]) / 2, requested)


def _bins(n: int, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Return starts and lengths of at most `bins` log-spaced bins of n points; the first hold single points."""
    edges = np.unique(np.round(np.geomspace(1, n + 1, bins + 1)).astype(np.int64)) - 1
    return edges[:-1], np.diff(edges)


def _bending_noise(values: np.ndarray) -> float:
    """Return the sd of white noise with such second differences, by their median absolute deviation.

    Second differences are used because neither a curve's slope nor a turning point is noise. The first quarter of
    the epochs is left out. The center is the median, which the curve's own bend shifts. A median of few values
    follows their noise, so it is drawn towards 0.
    """
    bends = np.diff(values[len(values) // 4 :], 2)
    if not len(bends):
        return 0.0
    center = (1 - 1 / len(bends)) * np.median(bends)
    return 1.4826 * float(np.median(np.abs(bends - center))) / np.sqrt(6)


def _usual_noise(values: np.ndarray) -> float:
    """Return the bending noise, its variance averaged with USUAL_NOISE's."""
    count = max(len(values) - len(values) // 4 - 2, 0)
    total = USUAL_COUNT * USUAL_NOISE**2 + count * _bending_noise(values) ** 2
    return float(np.sqrt(total / (USUAL_COUNT + count)))


def _prior(s: TrendSettings, a: np.ndarray, b: np.ndarray, end: float) -> np.ndarray:
    """Return the trend's prior covariance between log-epochs a (m,) and b (g,), of shape (T, m, g)."""
    apart = np.abs(a[:, None] - b[None])
    lengths, which = np.unique(s.length, return_inverse=True)
    z = np.sqrt(5) * apart / lengths[:, None, None]
    matern = (1 + z + z**2 / 3) * np.exp(-z)
    linear = LEVEL_SD**2 + SLOPE_SD**2 * (a[:, None] - end) * (b[None] - end)
    return s.amplitude[:, None, None] ** 2 * matern[which] + linear


def _noise(s: NoiseSettings, noise: float, starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the covariance of the noise between the bins' means, of shape (N, m, m)."""
    variance = (s.scale * noise) ** 2
    white = variance * (1 - s.share)
    drifting = _drifting_variance(s, noise)
    correlations, which = np.unique(s.correlation, return_inverse=True)
    between = np.stack([_autoregressive(r, starts, counts) for r in correlations])[which]
    covariance = drifting[:, None, None] * between
    np.einsum("kii->ki", covariance)[...] += white[:, None] / counts + 1e-10  # a view of the diagonals
    return covariance


def _drifting_variance(s: NoiseSettings, noise: float) -> np.ndarray:
    """Return the variance of the noise's autoregressive part, of shape (N,).

    Second differences of a first-order autoregression have 2 (1 - r) (3 - r) times its variance; white noise's 6.
    """
    return 3 * (s.scale * noise) ** 2 * s.share / ((1 - s.correlation) * (3 - s.correlation))


def _autoregressive(correlation: float, starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the covariance (m, m) between means over bins of a first-order autoregression of variance 1.

    The double sums of powers over two bins are products of geometric series.
    """
    r, k = correlation, counts.astype(np.float64)
    series = (1 - r**k) / (1 - r)
    apart = np.maximum(starts[None] - (starts + counts - 1)[:, None], 0)
    upper = np.triu(r ** apart.astype(np.float64) * np.outer(series, series) / np.outer(k, k), 1)
    within = (k * (1 - r**2) - 2 * r * (1 - r**k)) / ((1 - r) ** 2 * k**2)
    return upper + upper.T + np.diag(within)

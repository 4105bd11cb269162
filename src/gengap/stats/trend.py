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

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

from gengap.stats.normal_mixture import NormalMixture

BINS = 64  # log-spaced bins whose means represent the curve
COARSE_BINS = 24  # of a first, cheap fit of all settings; ...
PROMISING = 96  # ... the whole one is made with this number of the best,
MISFIT = 3.0  # or with all, if the best explains the curve badly: its squares are 3 sds above their expectation
GRID = 80  # log-spaced epochs at which the trend is estimated
LATE = 1.3  # the pace at the end is that since this many times before the last epoch: the last quarter
LENGTHS = (0.7, 1.4, 2.8)  # of the trend in log-epochs, rising
SCALES = (0.5, 1.0, 1.7)  # of the noise, times what second differences show
CORRELATIONS = (0.5, 0.8, 0.92, 0.97, 0.99)  # of neighbouring epochs' noise, rising
AUTOREGRESSIONS = (0.0, *CORRELATIONS)
SPANS = 6  # correlation times that a curve should contain: slower changes are more likely its trend,
DOUBT = 0.7  # increasingly so with fewer: the noise has the prior weight (contained / SPANS) ** DOUBT
WANDER = 0.02  # sd of noise that drifts from epoch to epoch; much larger drifts are the trend
USUAL_NOISE = 0.005  # what noise is before any is seen ...
USUAL_COUNT = 3  # ... which counts as much as this number of second differences: few epochs show little noise
OWN = 0.6  # share of the noise that further rows would show too, where the model itself changes from epoch to epoch
TINY = 1e-300  # keeps the logarithm of no correlation finite
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
    trends = np.array([(length, a) for length in LENGTHS for a in (0.01, 0.03, 0.1, 0.3, 1.0)])
    correlated = [(0.0, 0.0), *((r, share) for r in CORRELATIONS for share in (0.4, 1.0))]
    noises = np.array([(scale, *noise) for scale in SCALES for noise in correlated])
    return TrendSettings(*trends.T), NoiseSettings(*noises.T)


@dataclass(frozen=True, eq=False)
class Posterior:
    """The distribution of a curve at some epochs, the last included: a mixture over K settings, given m bins.

    Attributes:
        epochs: The epochs, of shape (g,).
        weights: Weights of the settings, of shape (K,).
        means: Mean of the curve for each setting, of shape (K, g).
        gain: L⁻¹ times the covariances between bins and epochs, of shape (K, m, g), with the Cholesky factors L of
            the bins' covariances.
        prior: Returns the covariances (K, i, i) between epochs before any value is known, by their indices (i,).
    """

    epochs: np.ndarray
    weights: np.ndarray
    means: np.ndarray
    gain: np.ndarray
    prior: Callable[[np.ndarray], np.ndarray]

    @property
    def mean(self) -> np.ndarray:
        """The expected curve, of shape (g,)."""
        return self.weights @ self.means

    @property
    def lowest_index(self) -> int:
        """The index where the expected curve is lowest."""
        return int(np.argmin(self.mean))

    def covariance(self, at: np.ndarray) -> np.ndarray:
        """Return the curve's covariance at the epochs with the indices `at` (i,) for each setting: (K, i, i)."""
        gain = self.gain[..., at]
        covariance = self.prior(at)
        covariance -= gain.transpose(0, 2, 1) @ gain
        return covariance

    def difference(self, a: int, b: int) -> NormalMixture:
        """Return the curve at index a minus that at index b."""
        c = self.covariance(np.array([a, b]))
        variance = c[:, 0, 0] + c[:, 1, 1] - 2 * c[:, 0, 1]
        mean, sd = self.means[:, a] - self.means[:, b], np.sqrt(np.maximum(variance, 1e-14))
        return NormalMixture(self.weights, mean, sd)

    def draws(self, count: int, seed: int = 0) -> np.ndarray:
        """Return `count` random draws of the curve, of shape (count, g)."""
        random, epochs = np.random.default_rng(seed), np.arange(len(self.epochs))
        chosen = np.sort(random.choice(len(self.weights), size=count, p=self.weights))
        used, starts = np.unique(chosen, return_index=True)
        roots = np.linalg.cholesky(self.covariance(epochs)[used] + JITTER * np.eye(len(epochs)))
        normal = random.standard_normal((count, len(epochs)))
        parts = zip(np.split(normal, starts[1:]), roots, strict=True)
        return self.means[chosen] + np.concatenate([part @ root.T for part, root in parts])


@dataclass(frozen=True, eq=False)
class Trend(Posterior):
    """The smooth trend under a curve, at some of its log-spaced epochs.

    Attributes:
        late: Index of the epoch about LATE times before the last.
        noise: Standard deviation between neighbouring epochs.
        count: Number of logged values.
        state: Returns the trend with the share OWN of the noise, at the bins' mean epochs: what further rows would
            show if the model itself changes that much from epoch to epoch.
    """

    late: int
    noise: float
    count: int
    state: Callable[[], Posterior]


def fit_trend(positions: np.ndarray, values: np.ndarray) -> Trend:
    """Fit the trend under a curve of at least 3 values.

    Many settings at once, by algorithm 2.1 of Rasmussen & Williams (2006).

    Args:
        positions: Positions of the values, above 0 and rising, of shape (n,).
        values: Values of shape (n,).
    """
    noise, (trends, noises) = _usual_noise(values), settings()
    pairs = np.arange(len(trends.length) * len(noises.scale))
    promising = np.argsort(-_bin_means(positions, values, noise, COARSE_BINS).weigh(pairs)[0])[:PROMISING]
    bins = _bin_means(positions, values, noise, BINS)
    evidence, misfit = bins.weigh(promising)
    if misfit > MISFIT:  # steps and restarts, which coarse bins hide
        promising, evidence = pairs, bins.weigh(pairs)[0]
    best = np.argsort(-evidence)[:LARGEST]
    weights = np.exp(evidence[best] - evidence.max())
    return _posterior(positions, values, noise, bins, promising[best], weights / weights.sum())


class _BinMeans(NamedTuple):
    """The means of m bins, and their covariances with each setting.

    Attributes:
        log_epochs: Mean log-epoch of each bin, of shape (m,).
        level: The last bin's mean, which the values are relative to.
        values: The means, of shape (m,).
        smooth: Covariances of each trend, with a last row of the values: of shape (T, m + 1, m + 1).
        between: Covariances of each correlation's autoregression, with a last row of zeros: (R, m + 1, m + 1).
        drifting: Variance of each noise's autoregressive part, of shape (N,).
        white: Variances of the bins' means by each noise's white part, of shape (N, m).
        doubt: Logarithm of each noise's prior weight, of shape (N,).
    """

    log_epochs: np.ndarray
    level: float
    values: np.ndarray
    smooth: np.ndarray
    between: np.ndarray
    drifting: np.ndarray
    white: np.ndarray
    doubt: np.ndarray

    def noise(self, noise_of: np.ndarray) -> np.ndarray:
        """Return the covariances (k, m + 1, m + 1) of these noises (k,)."""
        covariance = self.between[np.searchsorted(AUTOREGRESSIONS, settings()[1].correlation[noise_of])]
        covariance *= self.drifting[noise_of, None, None]
        np.einsum("kii->ki", covariance)[:, :-1] += self.white[noise_of]  # a view of the diagonals
        return covariance

    def weigh(self, pairs: np.ndarray) -> tuple[np.ndarray, float]:
        """Return how well pairs (k,) of settings explain the values, and the misfit of the best.

        Pairs are counted trend by trend, and weighed trend by trend: these matrices fit the processor's cache.

        Returns:
            The logarithm of marginal likelihood times prior, up to a constant, of shape (k,); and how far the best
            setting's sum of squares is above its expectation, in sds of a chi-squared number.
        """
        trend_of, noise_of = np.divmod(pairs, len(self.doubt))
        m = len(self.values)
        diagonal, z = np.empty((2, len(pairs), m))
        for trend in range(len(self.smooth)):
            k = np.flatnonzero(trend_of == trend)
            root, z[k] = self.roots(trend, noise_of[k])
            diagonal[k] = np.einsum("kii->ki", root)
        squares = (z * z).sum(1)
        evidence = self.doubt[noise_of] - 0.5 * squares - np.log(diagonal).sum(1)
        return evidence, float((squares[evidence.argmax()] - m) / np.sqrt(2 * m))

    def roots(self, trend_of: int | np.ndarray, noise_of: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the Cholesky factors L of covariances (k, m, m) with these settings, and L⁻¹ values: (k, m).

        The row of values, with a huge last element, becomes L⁻¹ values: no system is solved.
        """
        m = len(self.values)
        whole = self.noise(noise_of)
        whole += self.smooth[trend_of]  # the upper triangle is not read
        root = np.linalg.cholesky(whole)
        return root[:, :m, :m], root[:, m, :m]


def _bin_means(positions: np.ndarray, values: np.ndarray, noise: float, bins: int) -> _BinMeans:
    """Return the means of at most `bins` bins of a curve, with the covariances that all settings give them."""
    starts, counts = _bins(len(values), bins)
    y = np.add.reduceat(values, starts) / counts
    u = np.add.reduceat(np.log(positions), starts) / counts
    trends, noises = settings()
    doubt = DOUBT * np.log(np.minimum(len(values) * (1 - noises.correlation) / SPANS, 1.0))
    drifting = _drifting_variance(noises, noise)
    doubt -= 0.5 * drifting / WANDER**2
    row = ((0, 0), (0, 1), (0, 1))
    smooth = np.pad(_prior(trends, u, u, float(np.log(positions[-1]))), row)
    smooth[:, -1, :-1] = y - y[-1]
    smooth[:, -1, -1] = HUGE
    between = np.pad(_autoregressive(np.array(AUTOREGRESSIONS), starts, counts), row)
    white = ((noises.scale * noise) ** 2 * (1 - noises.share))[:, None] / counts + 1e-10
    return _BinMeans(u, float(y[-1]), y - y[-1], smooth, between, drifting, white, doubt)


def _posterior(
    positions: np.ndarray, values: np.ndarray, noise: float, bins: _BinMeans, pairs: np.ndarray, weights: np.ndarray
) -> Trend:
    """Return the trend with these pairs (K,) of settings and their weights."""
    first, last = positions[0], positions[-1]
    requested = np.append(np.geomspace(first, last, GRID), last / LATE)
    epochs = positions[np.unique(_nearest(positions, requested))]  # the trend is unknown between early epochs
    trends, noises = settings()
    trend_of, noise_of = np.divmod(pairs, len(noises.scale))
    root, z = bins.roots(trend_of, noise_of)
    used, end, logs = TrendSettings(*(part[trend_of] for part in trends)), float(np.log(last)), np.log(epochs)

    def given_values(covariances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return means and gains at epochs with these covariances (K, m, g) to the bins."""
        gain = np.linalg.solve(root, covariances)
        return bins.level + (z[:, None] @ gain)[:, 0], gain

    def state() -> Posterior:
        own = (bins.smooth[trend_of] + OWN * bins.noise(noise_of))[:, :-1, :-1]
        means, gain = given_values(own)
        return Posterior(np.exp(bins.log_epochs), weights, means, gain, lambda at: own[:, at[:, None], at])

    means, gain = given_values(_prior(used, bins.log_epochs, logs, end))
    return Trend(
        epochs=epochs,
        weights=weights,
        means=means,
        gain=gain,
        prior=lambda at: _prior(used, logs[at], logs[at], end),
        late=min(int(_nearest(epochs, np.array([last / LATE]))[0]), len(epochs) - 2),  # never the last epoch
        noise=noise,
        count=len(values),
        state=state,
    )


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
    z = np.sqrt(5) * apart / np.array(LENGTHS)[:, None, None]
    matern = (1 + z + z * z / 3) * np.exp(-z)
    covariance = matern[np.searchsorted(LENGTHS, s.length)]
    covariance *= s.amplitude[:, None, None] ** 2
    covariance += LEVEL_SD**2 + SLOPE_SD**2 * (a[:, None] - end) * (b[None] - end)
    return covariance


def _drifting_variance(s: NoiseSettings, noise: float) -> np.ndarray:
    """Return the variance of the noise's autoregressive part, of shape (N,).

    Second differences of a first-order autoregression have 2 (1 - r) (3 - r) times its variance; white noise's 6.
    """
    return 3 * (s.scale * noise) ** 2 * s.share / ((1 - s.correlation) * (3 - s.correlation))


def _autoregressive(correlations: np.ndarray, starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the covariances (R, m, m) between means over bins of first-order autoregressions of variance 1.

    The double sums of powers over two bins are products of geometric series.
    """
    r, k = correlations[:, None], counts.astype(np.float64)
    ends = starts + counts
    series = (1 - r**k) / (1 - r) / k
    apart = np.maximum(starts[None] - ends[:, None], starts[:, None] - ends[None]) + 1
    covariance = np.exp(np.maximum(apart, 0) * np.log(np.maximum(r, TINY))[:, None])
    covariance *= series[:, :, None]
    covariance *= series[:, None]
    within = (k * (1 - r**2) - 2 * r * (1 - r**k)) / ((1 - r) ** 2 * k**2)
    np.einsum("kii->ki", covariance)[...] = within  # a view of the diagonals
    return covariance

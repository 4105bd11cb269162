"""Prepare a logged curve for statistics: finite, without spikes, on a scale where 0.01 is 1% everywhere.

Each validation row's loss over epochs shows the sampling error of a curve. A rise of the mean over 500 rows may be
luck in the choice of these rows. The same rows are measured at every epoch, so differences between epochs are taken
row by row (paired), and their spread over rows is the sampling error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import median_filter

from gengap.errors import UsageError
from gengap.history import Series

REACH = 3  # neighbours on each side that a spike is compared with
SPIKE = 6.0  # robust standard deviations beyond which a lone epoch is a spike
QUIET = 0.001  # the smallest standard deviation: being off by less than 0.6% does no harm
AROUND = 51  # epochs around a value, whose spread it is compared with
BANDWIDTH = 0.15  # log-epochs over which each row's losses are smoothed before they are compared
MOST_DIGITS, ROUND = 1e9, 1e-7  # multiples of a unit that floats can tell apart, and how close they are, as a share
STEP_FROM, LEAST_STEP = 6, 0.1  # values before a late step, and its least height on the curve's scale
PAST = 6  # epochs that predict the next one, if there are no later neighbours

KERNEL_REACH = 3.0  # standard deviations of the smoothing kernel: 99.7% of the half Gaussian
LARGEST_LOG = 700.0  # natural logarithm; percents of a larger factor are no float


@dataclass(frozen=True, eq=False)
class ScaledCurve:
    """A curve where lower is better, on a scale where a difference of 0.01 is 1% of the metric.

    Attributes:
        epochs: Epochs as logged, of shape (n,).
        positions: Epochs counted from the first one logged, starting above 0, of shape (n,).
        values: The metric's natural logarithm, if it has one (`logarithmic`), without spikes, of shape (n,).
        spikes: Indices of the values that were replaced, because they were spikes.
        lost: Number of values that were NaN or infinite.
        logarithmic: Whether values are logarithms.
        rising: Whether the metric is a score; its values are then negated.
        rounding: The unit of the last digit that was logged, in the metric's units; 0 if values are not rounded.
        late_step: Number of last values on a step above all before; 0 without such a step.
    """

    epochs: np.ndarray
    positions: np.ndarray
    values: np.ndarray
    spikes: np.ndarray
    lost: int
    logarithmic: bool
    rising: bool = False
    rounding: float = 0.0
    late_step: int = 0

    @property
    def rounding_error(self) -> float:
        """The sd that rounding gives the last values on this scale."""
        if not self.logarithmic or not len(self):
            return 0.0
        value = float(np.exp(-self.values[-1] if self.rising else self.values[-1]))
        return min(self.rounding / value, 1.0) / np.sqrt(12)

    def __len__(self) -> int:
        return len(self.values)

    def worse(self, difference: float) -> float:
        """Return by how many percent the metric is worse for a `difference` on this scale; negative if better.

        Unlike logarithms, percents are not symmetric: half a loss is 50% better, a doubled loss 100% worse.
        """
        sign = -1 if self.rising else 1
        if not self.logarithmic:
            return 100 * difference
        return 100 * sign * float(np.expm1(min(sign * difference, LARGEST_LOG)))

    def better(self, difference: float) -> float:
        """Return by how many percent the metric is better if this scale falls by `difference`."""
        return -self.worse(-difference)


def scale_curve(series: Series, *, higher_is_better: bool = False) -> ScaledCurve:
    """Return a logged series as a scaled curve. Values that are not finite are left out and counted.

    Positive metrics (and losses that touch 0) become logarithms, because their noise and rises are proportional to
    them. For others, such as a log-density or R², differences are in units of their typical size.
    """
    finite = np.isfinite(series.values)
    epochs, raw = series.epochs[finite], series.values[finite]
    lost = int((~finite).sum())
    if not len(raw):
        none = np.empty(0)
        return ScaledCurve(epochs, none, none, np.empty(0, np.int64), lost, True, higher_is_better)
    sign = -1.0 if higher_is_better else 1.0
    logarithmic = bool((raw >= 0).all() and raw.max() > 0)
    if logarithmic:
        floor = 2e-6 * float(np.median(raw[raw > 0] / 2))  # halves, because the mean of two may overflow
        floor = max(floor, np.finfo(float).tiny)
        values = sign * np.log(np.maximum(raw, floor))
    else:
        spread = float((raw / 4).max() - (raw / 4).min())
        values = sign * raw / max(2 * float(np.median(np.abs(raw) / 2)), spread, np.finfo(float).tiny)
    step = find_late_step(values)
    spikes = find_spikes(values[: len(values) - step])
    if len(spikes):
        others = np.setdiff1d(np.arange(len(values)), spikes)
        values = values.copy()
        values[spikes] = np.interp(spikes, others, values[others])
    unit = find_rounding(raw)
    return ScaledCurve(epochs, _positions(epochs), values, spikes, lost, logarithmic, higher_is_better, unit, step)


def find_rounding(values: np.ndarray) -> float:
    """Return the power of ten that all values are multiples of; 0 if there is none from 1e-6 to 1."""
    for unit in 10.0 ** -np.arange(7):
        if np.abs(values).max() > MOST_DIGITS * unit:
            return 0.0
        multiples = values / unit
        if (np.abs(multiples - np.round(multiples)) <= ROUND * np.abs(multiples)).all():
            return float(unit)
    return 0.0


def find_late_step(values: np.ndarray) -> int:
    """Return how many of the last 2 to 4 values lie on a step above the STEP_FROM before them; 0 without a step.

    A step is a jump between two epochs by at least LEAST_STEP, more than twice as high as the values on either side
    of it differ.
    """
    for count in (2, 3, 4):
        if len(values) < count + STEP_FROM:
            return 0
        before, after = values[-count - STEP_FROM : -count], values[-count:]
        jump = after.min() - before.max()
        if jump >= LEAST_STEP and jump > 2 * max(np.ptp(before), np.ptp(after)):
            return count
    return 0


def _positions(epochs: np.ndarray) -> np.ndarray:
    spacing = float(np.median(np.diff(epochs))) if len(epochs) > 1 else 1.0
    return (epochs - epochs[0] + spacing).astype(np.float64)


def find_spikes(values: np.ndarray) -> np.ndarray:
    """Return the indices of lone outliers: one or two neighbouring epochs far from those on both sides.

    Each value is compared with the median of its REACH neighbours on either side (a Hampel filter: Davies & Gather
    1993, "The identification of multiple outliers"), and the last few with a prediction from the PAST values. The
    first epochs, where a curve falls steeply, and curves shorter than 8 epochs have no spikes.
    """
    n = len(values)
    if n < 8:
        return np.empty(0, np.int64)
    windows = sliding_window_view(values, 2 * REACH + 1)
    middle = values[REACH : n - REACH] - _median(np.delete(windows, REACH, axis=1))
    off = np.zeros(n)
    off[REACH : n - REACH] = middle
    far = np.zeros(n, bool)
    far[REACH : n - REACH] = np.abs(middle) > SPIKE * _local_spread(middle)
    _look_back(values, off, far)
    return np.flatnonzero(far & (_run_lengths(far, off) < 3))


def _run_lengths(far: np.ndarray, off: np.ndarray) -> np.ndarray:
    """Return, for each epoch, how many neighbours in a row are off to the same side; two at the end count as three.

    Three in a row are part of the curve, and the last two may be.
    """
    side = np.where(far, np.sign(off), 0.0)
    starts = np.flatnonzero(np.diff(side, prepend=np.nan) != 0)
    lengths = np.diff(np.append(starts, len(side)))
    counted = lengths.copy()
    counted[-1] += counted[-1] == 2
    return np.repeat(counted, lengths)


def _look_back(values: np.ndarray, off: np.ndarray, far: np.ndarray) -> None:
    """Compare the last REACH values with the ones before them; fill in `off` and `far`."""
    n = len(values)
    windows = sliding_window_view(values, PAST + 1)
    usual = windows[max(0, n // 4 - PAST) : n - REACH - PAST][-AROUND:]
    errors = usual[:, -1] - _predicted(usual[:, :-1])
    spread = _spread(errors) if len(errors) > 3 else _spread(np.diff(values))
    for i in range(n - REACH, n):
        past = values[max(0, i - PAST) : i][~far[max(0, i - PAST) : i]]
        if len(past) >= 4:
            off[i] = values[i] - _predicted(past[None])[0]
            far[i] = abs(off[i]) > SPIKE * spread


def _predicted(past: np.ndarray) -> np.ndarray:
    """Return a robust prediction of the value after each row of `past` (m, k): recent median plus median step."""
    return _median(past[:, -3:]) + 2 * _median(np.diff(past))


def _local_spread(values: np.ndarray) -> np.ndarray:
    """Return the spread of the values around each one, because early epochs can be noisier than late ones."""
    window = min(AROUND, len(values) - 1 + len(values) % 2)
    return np.maximum(1.4826 * median_filter(np.abs(values), window, mode="mirror"), QUIET)


def _spread(values: np.ndarray) -> float:
    """Return a standard deviation that outliers don't change: the scaled median absolute deviation."""
    return max(1.4826 * float(_median(np.abs(values - _median(values)))), QUIET)


def _median(values: np.ndarray) -> np.ndarray:
    """Return medians over the last axis: NumPy's own takes ten times as long on a few values."""
    ordered, middle = np.sort(values), values.shape[-1] // 2
    return (ordered[..., (values.shape[-1] - 1) // 2] + ordered[..., middle]) / 2


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

    def resampled(self, count: int) -> np.ndarray:
        """Return how far the mean at each epoch deviates if rows are resampled (bootstrap), of shape (count, g)."""
        random = np.random.default_rng(0)
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


def smooth(values: npt.ArrayLike, std: npt.ArrayLike) -> np.ndarray:
    """Smooth a curve with half a Gaussian: each value becomes the mean of itself and the values before it.

    Weights are normalised over the values that exist, so the start is not pulled towards zero.

    Args:
        values: The curve, shape (n,). NaN and infinite values have no weight and become NaN.
        std: Standard deviation of the Gaussian in values, a number or shape (n,); 0 for no smoothing.

    Returns:
        The smoothed curve, shape (n,), float64.

    Raises:
        UsageError: If `std` is negative or not finite.

    >>> smooth([4.0, 0.0, 0.0], 0.5).round(2).tolist()
    [4.0, 0.48, 0.0]
    """
    values, std = np.asarray(values, np.float64), np.asarray(std, np.float64)
    wrong = ~(np.isfinite(std) & (std >= 0))
    if wrong.any():
        raise UsageError(
            f"smoothing over {std[wrong][0]}: expected a finite standard deviation of 0 (none) or more"
        )
    std = np.broadcast_to(std, values.shape)
    finite = np.isfinite(values)
    known, weight_of_known = np.where(finite, values, 0.0), finite.astype(np.float64)
    total, weights = known.copy(), weight_of_known.copy()  # lag 0 has weight 1
    furthest = min(len(values) - 1, int(np.ceil(KERNEL_REACH * std.max(initial=0.0))))
    for lag in range(1, furthest + 1):
        steps = lag / np.maximum(std[lag:], np.finfo(np.float64).tiny)
        weight = np.where(steps <= KERNEL_REACH, np.exp(-0.5 * np.minimum(steps, KERNEL_REACH) ** 2), 0.0)
        total[lag:] += weight * known[:-lag]
        weights[lag:] += weight * weight_of_known[:-lag]
    return np.divide(total, weights, out=np.full(values.shape, np.nan), where=finite)

"""Would more training rows help? A model's learning curve, extended beyond the available rows.

losses at growing sizes -> mean losses -> particles (`power_law`) -> forecasts, or why there are none

Seeds are replicates: their spread is the error of each size. All sizes share the validation rows. These make the
level of the whole curve uncertain, much more than its fall, which is paired by row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import msgspec
import numpy as np

from gengap.errors import UsageError
from gengap.stats import single_threaded
from gengap.stats.power_law import PARTICLES, MeanLosses, Particles, measure, posterior
from gengap.text.catalog import Message

Triple = tuple[float, float, float]
TAILS = (0.05, 0.5, 0.95)  # low, middle and high of every interval
FEWEST_SIZES = 4
BEYOND_NOISE = 3.5  # standard errors beyond which a rise with the rows is not chance, over all pairs of sizes
SEEN_FALL = 2.0  # standard errors of the largest fall, below which there is nothing to extend
EVERYTHING = (5.0, 60.0)  # percent better: an interval that contains both is useless
FOLDS = 5


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """What more training rows would gain. Intervals are (low, middle, high) and cover 90%.

    Attributes:
        times: How many times the present rows.
        rows: Number of training rows.
        loss: Mean loss on new rows, in the unit of the given losses (on these validation rows, if only mean losses
            are known). None if there is no forecast.
        better_percent: How far it is below the present loss. None if there is no forecast.
        finding: The forecast as a message, or why there is none.
    """

    times: float
    rows: int
    loss: Triple | None
    better_percent: Triple | None
    finding: Message


class LearningCurveForecast(msgspec.Struct, frozen=True, kw_only=True):
    """A learning curve and its forecasts.

    Attributes:
        exponent: The local exponent c: (low, middle, high).
        forecasts: One for each factor on the rows.
    """

    sizes: tuple[int, ...]
    losses: tuple[float, ...]
    exponent: Triple | None
    forecasts: tuple[Forecast, ...]


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """Losses of one model trained on growing numbers of rows.

    Each seed should draw its own nested subsets. Losses should be `cross_fit_rows`, because losses look better than
    they are on the rows that chose the epoch.

    Attributes:
        sizes: Numbers of training rows, rising.
        losses: For each size, losses of shape (seeds, rows) on the same validation rows, or means of shape
            (seeds,).

    Raises:
        UsageError: If sizes don't rise or shapes don't match.
    """

    sizes: np.ndarray
    losses: Sequence[np.ndarray]

    def __post_init__(self) -> None:
        if not _rises(self.sizes):
            raise UsageError(
                f"learning curve: the sizes {self.sizes.tolist()} don't rise from 1 or more; expected each whole "
                "number of training rows once: sort them, and give all seeds of a size together"
            )
        if len(self.losses) != len(self.sizes):
            raise UsageError(
                f"learning curve: losses of {len(self.losses)} sizes for {len(self.sizes)} sizes; expected one "
                "array a size: leave out sizes without losses"
            )
        shapes = [np.shape(a) for a in self.losses]
        rows = {shape[1:] for shape in shapes}
        if len(rows) > 1 or (1,) in rows or any(len(shape) not in (1, 2) or 0 in shape for shape in shapes):
            raise UsageError(
                f"learning curve: the losses have the shapes {', '.join(map(str, shapes))}; expected (seeds, rows) "
                "at every size, or (seeds,) at every size: give those on the same validation rows, two or more"
            )

    @cached_property
    def means(self) -> np.ndarray:
        """The mean loss at each size, of shape (k,)."""
        with np.errstate(over="ignore", invalid="ignore"):
            return np.array([np.mean(a, dtype=np.float64) for a in self.losses])


def _rises(sizes: np.ndarray) -> bool:
    whole = sizes.ndim == 1 and len(sizes) > 0 and sizes.dtype.kind in "iu"
    return whole and bool(sizes[0] >= 1 and (sizes[1:] > sizes[:-1]).all())


def cross_fit_rows(losses: np.ndarray, folds: int = FOLDS, scores: np.ndarray | None = None) -> np.ndarray:
    """Return each row's loss at the epoch that the rows of the other folds choose, of shape (rows,).

    >>> cross_fit_rows(np.array([[0.0, 3.0, 3.0, 3.0], [1.0, 1.0, 1.0, 1.0]]), folds=4).tolist()
    [1.0, 1.0, 1.0, 1.0]

    Args:
        losses: Losses of shape (epochs, rows).
        folds: Number of folds; of fewer rows, each is one.
        scores: Scores of shape (epochs, rows). If given, each row's score at that epoch is returned.

    Raises:
        UsageError: If there is a single row, so that no other row can choose.
    """
    if losses.shape[1] < 2:
        raise UsageError("a single row can't choose its own epoch; expected at least 2 rows in each fold")
    folds = min(folds, losses.shape[1])
    fold = np.arange(losses.shape[1]) % folds
    sums = np.stack([losses[:, fold == k].sum(axis=1, dtype=np.float64) for k in range(folds)])
    others = (sums.sum(axis=0) - sums) / (len(fold) - np.bincount(fold))[:, None]
    picked = np.where(np.isfinite(others), others, np.inf).argmin(axis=1)
    return (losses if scores is None else scores)[picked[fold], np.arange(len(fold))]


def extrapolate(
    curve: LearningCurve, times: Sequence[float] = (2, 4, 10), seed: int = 0, particles: int = PARTICLES
) -> LearningCurveForecast:
    """Forecast the loss for `times` as many training rows.

    >>> sizes = np.array([125, 250, 500, 1000, 2000, 4000])
    >>> losses = [0.4 + 2 * n**-0.5 + np.array([-0.001, 0.0, 0.001]) for n in sizes]
    >>> forecast = extrapolate(LearningCurve(sizes, losses), [4]).forecasts[0]
    >>> forecast.finding.code, forecast.rows, 0.4 < forecast.loss[1] < 0.42
    ('conclusion-rows-forecast', 16000, True)
    """
    fit = fit_curve(curve, seed, particles)
    return LearningCurveForecast(
        sizes=tuple(curve.sizes.tolist()),
        losses=tuple(curve.means.tolist()),
        exponent=None if isinstance(fit.result, Message) else _triple(fit.result.decay),
        forecasts=tuple(fit.forecast(each) for each in times),
    )


def fit_curve(curve: LearningCurve, seed: int = 0, particles: int = PARTICLES) -> LearningCurveFit:
    """Fit a learning curve once, for several forecasts; the same `seed` gives the same forecasts."""
    if (why := _unusable(curve)) is not None:
        return LearningCurveFit(curve, why, seed)
    with single_threaded(), np.errstate(over="ignore", invalid="ignore"):
        means = measure(curve.sizes, curve.losses)
        return LearningCurveFit(
            curve, _shapeless(curve, means) or posterior(means, np.random.default_rng(seed), particles), seed
        )


@dataclass(frozen=True, eq=False)
class LearningCurveFit:
    """A learning curve with its particles, or why it can't be extended."""

    curve: LearningCurve
    result: Particles | Message
    seed: int

    def forecast(self, times: float) -> Forecast:
        """Forecast the loss for `times` the present rows, a number above 1."""
        rows = round(times * int(self.curve.sizes[-1]))
        if isinstance(self.result, Message):
            return _refused(times, rows, self.result)
        losses, gains = self.result.continued(times, np.random.default_rng([self.seed, 1]))
        loss, better = _triple(losses * self.curve.means[-1]), _triple(100 * gains)
        if (why := _unbounded(self.curve, better)) is not None:
            return _refused(times, rows, why)
        values = {"times": times, "rows": rows, "loss": list(loss), "better": list(better)}
        finding = Message("conclusion-rows-forecast", values | {"new_rows": np.ndim(self.curve.losses[0]) == 2})
        return Forecast(times=times, rows=rows, loss=loss, better_percent=better, finding=finding)


def _refused(times: float, rows: int, why: Message) -> Forecast:
    finding = Message(why.code, {"times": times, "rows": rows} | why.parameters)
    return Forecast(times=times, rows=rows, loss=None, better_percent=None, finding=finding)


def _triple(values: np.ndarray) -> Triple:
    low, middle, high = np.quantile(values, TAILS).tolist()
    return low, middle, high


def _unusable(curve: LearningCurve) -> Message | None:
    """Return why there is no curve, if so."""
    sizes: list[int] = curve.sizes.tolist()
    if len(sizes) < FEWEST_SIZES:
        values = {"count": len(sizes), "sizes": sizes, "least": FEWEST_SIZES}
        return Message("conclusion-rows-too-few-sizes", values)
    lost = [n for n, a in zip(sizes, curve.losses, strict=True) if not np.isfinite(a).all()]
    if lost:
        return Message("conclusion-rows-not-finite", {"sizes": lost})
    if curve.means.min() <= 0:
        at, lowest = sizes[int(curve.means.argmin())], float(curve.means.min())
        return Message("conclusion-rows-not-positive", {"at": at, "lowest": lowest})
    return None


def _shapeless(curve: LearningCurve, means: MeanLosses) -> Message | None:
    """Return why the curve has no forecast, if so: it rises, or it does not fall."""
    if not means.finite:
        return Message("conclusion-rows-not-finite", {"sizes": None})
    pairs = [(means.errors_above(j, i), i, j) for j in range(len(means.u)) for i in range(j)]
    errors, i, j = max(pairs)
    if errors > BEYOND_NOISE:
        return Message("conclusion-rows-rising", _change(curve, i, j) | {"errors": float(errors)})
    errors, i, j = min(pairs)
    if errors > -SEEN_FALL:
        values = {"errors": abs(min(float(errors), 0.0)), "limit": SEEN_FALL}
        return Message("conclusion-rows-flat", _change(curve, i, j) | values)
    return None


def _change(curve: LearningCurve, i: int, j: int) -> dict[str, float]:
    (before, after), (fewer, more) = curve.means[[i, j]].tolist(), curve.sizes[[i, j]].tolist()
    return {"before": before, "after": after, "fewer": fewer, "more": more}


def _unbounded(curve: LearningCurve, better: Triple) -> Message | None:
    """Return why the forecast is useless, if so: its interval is too wide."""
    if better[0] >= EVERYTHING[0] or better[2] <= EVERYTHING[1]:
        return None
    first, last = curve.sizes[[0, -1]].tolist()
    values = {"first": first, "last": last, "low": better[0], "high": better[2]}
    return Message("conclusion-rows-unbounded", values)

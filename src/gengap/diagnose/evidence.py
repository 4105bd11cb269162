"""The numbers a verdict stands on: how far validation rose, what more epochs would bring, what training still does.

Everything is on the curves' own scale, where 0.01 is 1% of the metric (see `gengap.stats.curves`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gengap.diagnose.run_curves import RunCurves
from gengap.stats.curves import ScaledCurve, prepare
from gengap.stats.row_losses import RowLosses, RowLossTrend, smooth_row_losses
from gengap.stats.threads import single_threaded
from gengap.stats.trend import Mixture, Trend, fit_trend

DRAWS = 400
SHORTEST_TRAIN = 3  # values of a training curve that has a trend
# Twice as many epochs gain the late pace, a fall per e-fold of epochs, times AHEAD: log 2 = 0.7 if the curve falls
# evenly in log-epochs, 1 if in epochs, less if it levels off: real runs of known truth do all of that.
AHEAD = 0.7  # the median of that factor ...
AHEAD_SPREAD = 1.0  # ... and the sd of its logarithm
# Before the data: a curve's end is as likely level, within half a percent or so, as moving, by ten or so.
LEVEL_OR_MOVING = (0.006, 0.1)
QUANTILES = (-1.47, -0.79, -0.37, 0.0, 0.37, 0.79, 1.47)  # of the standard normal, at (i - 1/2)/7


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the curves (and rows, if given) say of one run; what takes long is found when it is asked for.

    `rise` is the validation trend's rise from its lowest point to the end, and `pace` its late fall per e-fold of
    epochs. `near` says what is near the lowest point.
    """

    validation: ScaledCurve
    train: ScaledCurve | None
    trend: Trend
    rows: RowLossTrend | None
    near: float
    rise: Mixture
    pace: Mixture

    @property
    def lowest(self) -> int:
        """The epoch at which the expected trend is lowest."""
        return _epoch(self.validation, self.trend.epochs[self.trend.lowest_index])

    @cached_property
    def ahead(self) -> Mixture:
        """The further fall below the lowest point if training went on twice as long."""
        return gain(self.pace, self.rise.mean)

    @cached_property
    def turns(self) -> np.ndarray:
        """Epochs (draws,) at which trends drawn at random, over rows drawn again, are lowest."""
        with single_threaded():
            draws = self.trend.draws(DRAWS)
            if self.rows is not None:
                draws = draws + self.rows.resampled(DRAWS)
        positions = self.trend.epochs[draws.argmin(axis=1)]
        return np.interp(positions, self.validation.positions, self.validation.epochs)

    @property
    def overlearning(self) -> Mixture | None:
        """How much more the training trend fell than validation's, since validation was first near its lowest."""
        return self._beside[0]

    @property
    def gap(self) -> float | None:
        """How far validation is above training at the end; None without comparable training curve."""
        return self._beside[1]

    @cached_property
    def _beside(self) -> tuple[Mixture | None, float | None]:
        train, validation, trend = self.train, self.validation, self.trend
        if train is None or len(train) < SHORTEST_TRAIN:
            return None, None
        with single_threaded():
            own = fit_trend(train.positions, train.values)
        levelled = int(np.argmax(trend.mean <= trend.mean[trend.lowest_index] + self.near))
        since = np.interp(_epoch(validation, trend.epochs[levelled]), train.epochs, train.positions)
        fall = own.difference(int(np.argmin(np.abs(own.epochs - since))), len(own.epochs) - 1)
        beyond = fall.moved(-max(float(trend.mean[levelled] - trend.mean[-1]), 0.0))
        comparable = train.logarithmic and validation.logarithmic
        return beyond, float(trend.mean[-1] - own.mean[-1]) if comparable else None

    @property
    def bump(self) -> tuple[float, int]:
        """The largest rise of the expected trend that is followed by a fall as deep, and the epoch of its top."""
        mean = self.trend.mean
        before = np.minimum.accumulate(mean)
        after = np.minimum.accumulate(mean[::-1])[::-1]
        height = mean - np.maximum(before, after)
        top = int(np.argmax(height))
        return float(height[top]), _epoch(self.validation, self.trend.epochs[top])

    @property
    def sampling_error(self) -> float | None:
        """The rise's standard error from the validation rows, where they are known."""
        return None if self.rows is None else self.rows.difference_error(-1, self.trend.lowest_index)


def collect_evidence(curves: RunCurves, rows: RowLosses | None = None, *, near: float = 0.01) -> Evidence:
    """The evidence in curves of at least 3 finite validation values; `near` says what is near the lowest point."""
    validation = prepare(curves.validation, higher_is_better=curves.higher_is_better)
    train = prepare(curves.train, higher_is_better=curves.higher_is_better) if curves.train is not None else None
    with single_threaded():
        trend = fit_trend(validation.positions, validation.values)
        smoothed = _rows(rows, validation, trend)
        error = 0.0 if smoothed is None else smoothed.difference_error(-1, trend.lowest_index)
        rise = trend.difference(-1, trend.lowest_index).expecting(LEVEL_OR_MOVING).widened(error)
        pace = _pace(trend, smoothed)
    return Evidence(validation=validation, train=train, trend=trend, rows=smoothed, near=near, rise=rise, pace=pace)


def _epoch(curve: ScaledCurve, position: float) -> int:
    """A position on the curve as the epoch that was logged."""
    return int(curve.epochs[np.argmin(np.abs(curve.positions - position))])


def _rows(rows: RowLosses | None, validation: ScaledCurve, trend: Trend) -> RowLossTrend | None:
    if rows is None:
        return None
    positions = np.interp(rows.epochs, validation.epochs, validation.positions)
    return smooth_row_losses(rows, positions, trend.epochs)


def _pace(trend: Trend, smoothed: RowLossTrend | None) -> Mixture:
    """The fall per e-fold of epochs, over the late ones."""
    last = len(trend.epochs) - 1
    span = np.log(trend.epochs[last] / trend.epochs[trend.late])
    pace = trend.difference(trend.late, last).times(np.array([1 / span]), np.ones(1)).expecting(LEVEL_OR_MOVING)
    error = 0.0 if smoothed is None else smoothed.difference_error(trend.late, last) / span
    return pace.widened(error)


def gain(pace: Mixture, rise: float, folds: float = 1.0) -> Mixture:
    """What more epochs gain over the lowest point so far, which the curve is `rise` above.

    For twice as many epochs `folds` is 1 (see AHEAD), for e times as many too, and so on.
    """
    factors = folds * AHEAD * np.exp(AHEAD_SPREAD * np.array(QUANTILES))
    return pace.times(factors, np.full(len(factors), 1 / len(factors))).moved(-max(rise, 0.0))

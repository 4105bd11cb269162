"""The numbers behind a verdict: how far validation rose, what more epochs would gain, what training still does.

All numbers are on the curves' own scale, where 0.01 is 1% of the metric (see `gengap.stats.curves`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from gengap.diagnose.run_curves import MetricCurves
from gengap.stats import single_threaded
from gengap.stats.curves import RowLosses, RowLossTrend, ScaledCurve, scale_curve, smooth_row_losses
from gengap.stats.trend import Mixture, Trend, fit_trend

DRAWS = 400
SHORTEST_TRAIN = 3  # values of a training curve that has a trend
# With twice as many epochs the loss falls by the late pace (the fall per e-fold of epochs) times a factor. It is
# log 2 = 0.7 for a curve that falls evenly in log-epochs, 1 if evenly in epochs, and less if it levels off.
AHEAD = 0.7  # the median of that factor ...
AHEAD_SPREAD = 1.0  # ... and the sd of its logarithm, from real runs of known truth
# The prior of a curve's end: level within about half a percent, or moving by about ten. They are equally likely
# from LONG epochs on. In fewer epochs, being level is less likely in proportion.
LEVEL_OR_MOVING = (0.006, 0.1)
LONG = 30
# All epochs share the same few validation rows. A model that has changed by more since may be better or worse on
# them by luck: the sd is this share of how far training fell. Without a training curve it is the least.
LUCK, LEAST_LUCK = 0.05, 0.0005
POSSIBLE = 0.05  # a rise that is less probable than this is measured from the lowest point
ABOUT = 0.95  # rises whose probability is this share of the largest are about as probable
QUANTILES = (-1.47, -0.79, -0.37, 0.0, 0.37, 0.79, 1.47)  # of the standard normal, at (i - 1/2)/7


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the curves of one run show, with uncertainty.

    Attributes:
        validation: The validation curve, on its scale.
        train: The training curve, on its scale, if there is one.
        trend: The trend under the validation curve.
        rows: The trend of each validation row's loss, if rows are given.
        min_effect: The smallest change that matters.
        turn: Index of the trend from which it has most likely risen; never the last.
        rise: How far the validation trend rises from there to the end.
        pace: How far it falls per e-fold of epochs, near the end.
        train_trend: The trend under the training curve, once it is fitted: see `with_training_trend`.
    """

    validation: ScaledCurve
    train: ScaledCurve | None
    trend: Trend
    rows: RowLossTrend | None
    min_effect: float
    turn: int
    rise: Mixture
    pace: Mixture
    train_trend: Trend | None = None

    @property
    def lowest(self) -> int:
        """Return the epoch at which the expected trend is lowest."""
        return _epoch(self.validation, self.trend.epochs[self.trend.lowest_index])

    @cached_property
    def ahead(self) -> Mixture:
        """How far validation would fall below its lowest point with twice as many epochs."""
        return expected_gain(self.pace, self.rise.mean)

    @cached_property
    def turns(self) -> np.ndarray:
        """Epochs (draws,) at which random draws of the trend, over resampled rows, are lowest."""
        with single_threaded():
            draws = self.trend.draws(DRAWS)
            if self.rows is not None:
                draws = draws + self.rows.resampled(DRAWS)
        positions = self.trend.epochs[draws.argmin(axis=1)]
        return np.interp(positions, self.validation.positions, self.validation.epochs)

    @property
    def turn_epoch(self) -> int:
        """The epoch from which validation has most likely risen."""
        return _epoch(self.validation, self.trend.epochs[self.turn])

    @property
    def training_rise(self) -> Mixture | None:
        """How far training rose since that epoch; None without a training curve."""
        if self.train is None or self.train_trend is None:
            return None
        own = self.train_trend
        since = np.interp(self.turn_epoch, self.train.epochs, self.train.positions)
        return own.difference(-1, min(int(np.argmin(np.abs(own.epochs - since))), len(own.epochs) - 2))

    @property
    def overlearning(self) -> Mixture | None:
        """How much more training fell than validation since validation was first near its lowest point."""
        if self.train is None or self.train_trend is None:
            return None
        mean, own = self.trend.mean, self.train_trend
        level_from = int(np.argmax(mean <= mean[self.trend.lowest_index] + self.min_effect))
        epoch = _epoch(self.validation, self.trend.epochs[level_from])
        since = np.interp(epoch, self.train.epochs, self.train.positions)
        fall = own.difference(int(np.argmin(np.abs(own.epochs - since))), len(own.epochs) - 1)
        return fall.shifted(-max(float(mean[level_from] - mean[-1]), 0.0))

    @property
    def gap(self) -> float | None:
        """How far validation ends above training; None without a comparable training curve."""
        if self.train is None or self.train_trend is None:
            return None
        comparable = self.train.logarithmic and self.validation.logarithmic
        return float(self.trend.mean[-1] - self.train_trend.mean[-1]) if comparable else None

    def with_training_trend(self) -> Evidence:
        """Return the evidence with the trend under the training curve too."""
        if self.train_trend is not None:
            return self
        with single_threaded():
            return replace(self, train_trend=_training_trend(self.train))

    @property
    def bump(self) -> tuple[float, int]:
        """The largest rise of the expected trend that is followed by an equal fall, and the epoch of its top."""
        mean = self.trend.mean
        before = np.minimum.accumulate(mean)
        after = np.minimum.accumulate(mean[::-1])[::-1]
        height = mean - np.maximum(before, after)
        top = int(np.argmax(height))
        return float(height[top]), _epoch(self.validation, self.trend.epochs[top])

    @property
    def sampling_error(self) -> float | None:
        """The standard error of the rise from the choice of validation rows, if rows are given."""
        return None if self.rows is None else self.rows.difference_error(-1, self.turn)


def collect_evidence(curves: MetricCurves, rows: RowLosses | None = None, *, min_effect: float = 0.01) -> Evidence:
    """Return the evidence in curves with at least 3 finite validation values.

    Args:
        curves: Curves of one run.
        rows: Loss of each validation row at some epochs.
        min_effect: The smallest change that matters, as a share of the loss.
    """
    validation = scale_curve(curves.validation, higher_is_better=curves.higher_is_better)
    train = None
    if curves.train is not None:
        train = scale_curve(curves.train, higher_is_better=curves.higher_is_better)
    with single_threaded():
        trend = fit_trend(validation.positions, validation.values)
        smoothed = _rows(rows, validation, trend)
        train_trend = _training_trend(train) if rows is None else None
        luck = _luck(validation, train, trend, train_trend)
        turn = _turning_point(trend, luck, float(np.log1p(min_effect)))
        error = float(luck[turn]) if smoothed is None else smoothed.difference_error(-1, turn)
        rise = trend.difference(-1, turn).with_prior(LEVEL_OR_MOVING, _level_chances(trend))
        pace = _pace(trend, smoothed)
    return Evidence(
        validation=validation,
        train=train,
        trend=trend,
        rows=smoothed,
        min_effect=min_effect,
        turn=turn,
        rise=rise.with_error(max(error, LEAST_LUCK)),
        pace=pace,
        train_trend=train_trend,
    )


def _training_trend(train: ScaledCurve | None) -> Trend | None:
    """Return the trend under a training curve, if it has enough values."""
    if train is None or len(train) < SHORTEST_TRAIN:
        return None
    return fit_trend(train.positions, train.values)


def _luck(
    validation: ScaledCurve, train: ScaledCurve | None, trend: Trend, train_trend: Trend | None
) -> np.ndarray:
    """Return the sd of the rise since each epoch of the trend but the last, from the luck of the rows."""
    if train is None or train_trend is None:
        return np.full(len(trend.epochs) - 1, LEAST_LUCK)
    epochs = np.interp(trend.epochs, validation.positions, validation.epochs)
    level = np.interp(np.interp(epochs, train.epochs, train.positions), train_trend.epochs, train_trend.mean)
    return np.maximum(LUCK * np.abs(level[:-1] - level[-1]), LEAST_LUCK)


def _turning_point(trend: Trend, luck: np.ndarray, limit: float) -> int:
    """Return the index since which a rise above `limit` is most probable, or the lowest if none is possible.

    Among those that are about as probable, it is the lowest.
    """
    rises = trend.rises().with_prior(LEVEL_OR_MOVING, _level_chances(trend)).with_error(luck)
    chances = rises.each_above(limit)
    if chances.max() < POSSIBLE:
        return min(trend.lowest_index, len(chances) - 1)
    return int(np.where(chances >= ABOUT * chances.max(), trend.mean[:-1], np.inf).argmin())


def _level_chances(trend: Trend) -> tuple[float, float]:
    """Return the prior probabilities of LEVEL_OR_MOVING for the number of epochs that the trend has."""
    level = 0.5 * min(trend.count / LONG, 1.0)
    return level, 1 - level


def _epoch(curve: ScaledCurve, position: float) -> int:
    """Return the logged epoch at a position on the curve."""
    return int(curve.epochs[np.argmin(np.abs(curve.positions - position))])


def _rows(rows: RowLosses | None, validation: ScaledCurve, trend: Trend) -> RowLossTrend | None:
    if rows is None:
        return None
    positions = np.interp(rows.epochs, validation.epochs, validation.positions)
    return smooth_row_losses(rows, positions, trend.epochs)


def _pace(trend: Trend, smoothed: RowLossTrend | None) -> Mixture:
    """Return the fall per e-fold of epochs, over the late ones."""
    last = len(trend.epochs) - 1
    span = np.log(trend.epochs[last] / trend.epochs[trend.late])
    pace = (
        trend.difference(trend.late, last).scaled_by(np.array([1 / span]), np.ones(1)).with_prior(LEVEL_OR_MOVING)
    )
    error = 0.0 if smoothed is None else smoothed.difference_error(trend.late, last) / span
    return pace.with_error(error)


def expected_gain(pace: Mixture, rise: float, folds: float = 1.0) -> Mixture:
    """Return how far more epochs would lower validation below its lowest point so far.

    Args:
        pace: Fall per e-fold of epochs near the end.
        rise: How far the end is above the lowest point.
        folds: 1 for twice as many epochs (see AHEAD); log(1 + more / epochs) in general.
    """
    factors = folds * AHEAD * np.exp(AHEAD_SPREAD * np.array(QUANTILES))
    return pace.scaled_by(factors, np.full(len(factors), 1 / len(factors))).shifted(-max(rise, 0.0))

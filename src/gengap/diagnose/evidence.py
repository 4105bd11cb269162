"""The numbers a verdict stands on: how far validation rose, what more epochs would bring, what training still does.

Everything is on the curves' own scale, where 0.01 is 1% of the metric (see `gengap.diagnose.curves`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gengap.diagnose.curves import Curve, prepare
from gengap.diagnose.names import Curves
from gengap.diagnose.rows import RowLosses, SmoothedRows, smooth_rows
from gengap.diagnose.threads import single_threaded
from gengap.diagnose.trend import Mixture, Trend, fit_trend

DRAWS = 400
SHORTEST_TRAIN = 3  # values of a training curve that has a trend
# Twice as many epochs gain the late pace, a fall per e-fold of epochs, times about 1: that is so if the curve falls
# evenly in epochs; it is log 2 = 0.7 if in log-epochs, less if it levels off, more if it just begins.
AHEAD_SPREAD = 0.5  # the sd of the logarithm of that factor
# Before the data: a curve's end is as likely level, within half a percent or so, as moving, by ten or so.
LEVEL_OR_MOVING = (0.006, 0.1)
QUANTILES = (-1.47, -0.79, -0.37, 0.0, 0.37, 0.79, 1.47)  # of the standard normal, at (i - 1/2)/7


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the curves (and rows, if given) say of one run.

    `rise` is the validation trend's rise from its `lowest` epoch to the end; `pace` its late fall per e-fold of
    epochs; `ahead` its further fall below the lowest point if training went on twice as long; `turns` (draws,) are
    epochs at which drawn trends are lowest. `overlearning` is how much more the training trend fell than
    validation's, since validation was first near its lowest, and `gap` how far validation is above training at the
    end: None without comparable training curve. `bump` is the largest rise that validation came down from again,
    and its epoch. `sampling_error` is the rise's standard error from the validation rows, where they are known.
    """

    validation: Curve
    train: Curve | None
    trend: Trend
    lowest: int
    rise: Mixture
    pace: Mixture
    ahead: Mixture
    turns: np.ndarray
    overlearning: Mixture | None
    gap: float | None
    bump: tuple[float, int]
    sampling_error: float | None


def weigh(curves: Curves, rows: RowLosses | None = None, *, near: float = 0.01) -> Evidence:
    """The evidence in curves of at least 3 finite validation values; `near` says what is near the lowest point."""
    with single_threaded():
        return _weigh(curves, rows, near)


def _weigh(curves: Curves, rows: RowLosses | None, near: float) -> Evidence:
    validation = prepare(curves.validation, higher_is_better=curves.higher_is_better)
    train = prepare(curves.train, higher_is_better=curves.higher_is_better) if curves.train is not None else None
    trend = fit_trend(validation.positions, validation.values)
    last, lowest = len(trend.epochs) - 1, int(np.argmin(trend.mean))
    smoothed = _rows(rows, validation, trend)
    levelled = int(np.argmax(trend.mean <= trend.mean[lowest] + near))
    overlearning, gap = _beside(train, validation, trend, levelled)
    error = smoothed.difference_error(last, lowest) if smoothed else None
    pace = _pace(trend, smoothed)
    return Evidence(
        validation=validation,
        train=train,
        trend=trend,
        lowest=_epoch(validation, trend.epochs[lowest]),
        rise=trend.difference(last, lowest).expecting(LEVEL_OR_MOVING).widened(error or 0.0),
        pace=pace,
        ahead=gain(pace, trend.difference(last, lowest).expecting(LEVEL_OR_MOVING).mean),
        turns=_turns(trend, smoothed, validation),
        overlearning=overlearning,
        gap=gap,
        bump=_bump(trend, validation),
        sampling_error=error,
    )


def _epoch(curve: Curve, position: float) -> int:
    """A position on the curve as the epoch that was logged."""
    return int(curve.epochs[np.argmin(np.abs(curve.positions - position))])


def _rows(rows: RowLosses | None, validation: Curve, trend: Trend) -> SmoothedRows | None:
    if rows is None:
        return None
    positions = np.interp(rows.epochs, validation.epochs, validation.positions)
    return smooth_rows(rows, positions, trend.epochs)


def _pace(trend: Trend, smoothed: SmoothedRows | None) -> Mixture:
    """The fall per e-fold of epochs, over the late ones."""
    last = len(trend.epochs) - 1
    span = np.log(trend.epochs[last] / trend.epochs[trend.late])
    pace = trend.difference(trend.late, last).times(np.array([1 / span]), np.ones(1)).expecting(LEVEL_OR_MOVING)
    error = 0.0 if smoothed is None else smoothed.difference_error(trend.late, last) / span
    return pace.widened(error)


def gain(pace: Mixture, rise: float, folds: float = 1.0) -> Mixture:
    """What more epochs gain over the lowest point so far, which the curve is `rise` above.

    For twice as many epochs `folds` is 1 (see AHEAD_SPREAD), for e times as many too, and so on.
    """
    factors = folds * np.exp(AHEAD_SPREAD * np.array(QUANTILES))
    return pace.times(factors, np.full(len(factors), 1 / len(factors))).moved(-max(rise, 0.0))


def _turns(trend: Trend, smoothed: SmoothedRows | None, validation: Curve) -> np.ndarray:
    """Epochs at which trends drawn at random, over rows drawn again, are lowest."""
    draws = trend.draws(DRAWS)
    if smoothed is not None:
        draws = draws + smoothed.resampled(DRAWS)
    positions = trend.epochs[draws.argmin(axis=1)]
    return np.interp(positions, validation.positions, validation.epochs)


def _beside(
    train: Curve | None, validation: Curve, trend: Trend, levelled: int
) -> tuple[Mixture | None, float | None]:
    """What training learnt beyond validation since that point of the trend, and the gap at the end."""
    if train is None or len(train) < SHORTEST_TRAIN:
        return None, None
    own = fit_trend(train.positions, train.values)
    since = np.interp(_epoch(validation, trend.epochs[levelled]), train.epochs, train.positions)
    fall = own.difference(int(np.argmin(np.abs(own.epochs - since))), len(own.epochs) - 1)
    beyond = fall.moved(-max(float(trend.mean[levelled] - trend.mean[-1]), 0.0))
    comparable = train.logarithmic and validation.logarithmic
    return beyond, float(trend.mean[-1] - own.mean[-1]) if comparable else None


def _bump(trend: Trend, validation: Curve) -> tuple[float, int]:
    """The largest rise of the expected trend that is followed by a fall as deep, and the epoch of its top."""
    before = np.minimum.accumulate(trend.mean)
    after = np.minimum.accumulate(trend.mean[::-1])[::-1]
    height = trend.mean - np.maximum(before, after)
    top = int(np.argmax(height))
    return float(height[top]), _epoch(validation, trend.epochs[top])

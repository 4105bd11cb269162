"""The numbers behind a verdict: how far validation rose, what more epochs would gain, what training still does.

All numbers are on the curves' own scale, where 0.01 is 1% of the metric (see `gengap.stats.curves`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import expit

from gengap.diagnose.metric_names import rank_in
from gengap.diagnose.run_curves import MetricCurves
from gengap.stats import single_threaded
from gengap.stats.curves import RowLosses, RowLossTrend, ScaledCurve, scale_curve, smooth_row_losses
from gengap.stats.normal_mixture import NormalMixture
from gengap.stats.trend import USUAL_NOISE, Trend, fit_trend

DRAWS = 400
SHORTEST_TRAIN = 3  # values of a training curve that has a trend
# With twice as many epochs the loss falls by the late pace (the fall per e-fold of epochs) times a factor. It is
# log 2 = 0.7 for a curve that falls evenly in log-epochs, 1 if evenly in epochs, and less if it levels off.
AHEAD = 0.4  # the median of that factor ...
AHEAD_SPREAD = 1.2  # ... and the sd of its logarithm, from real runs of known truth
# The prior of a curve's end: level within about half a percent, or moving by about ten.
LEVEL_OR_MOVING = (0.006, 0.1)
LEVEL = 0.8  # probability of a level end
# Validation fluctuates from epoch to epoch because the model itself changes, or because its few rows are luck. The
# model's own changes show in the training curve too. And they are small where one epoch is a small part of the
# training. So the log-odds that fluctuations are its own rise with the logarithm of the training curve's noise, and
# fall with that of the number of epochs.
OWN_ODDS, OWN_SLOPE, OWN_FALL = -1.8, 2.6, 1.5
OWN_ODDS_WITHOUT = -0.85  # without a training curve
OWN_EPOCHS = 30  # up to this many the number doesn't count, because few epochs show little of the noise
# All epochs share the same few validation rows. A model that has changed by more since may be better or worse on
# them by luck: the sd is this share of how far training fell. Without a training curve it is the least.
LUCK, LEAST_LUCK = 0.11, 0.0005
ROUNDED = 5.0  # sds of the rounding error, 1.4 units of the last digit, that a rise of rounded values must exceed
SMALL_GAIN = 0.05  # of twice as many epochs
SOLVED = 0.02  # of the first validation loss, where the score is perfect too
SHARES_RIGHT = ("accuracy", "acc", "f1", "dice", "iou", "miou", "jaccard")  # scores that are 1 if all is right
LAST_SCORES = 3  # that must be perfect
FAR_AHEAD = float(np.log(5))  # how far validation is above training where generalisation is the limit
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
        turn: Index of the trend's lowest point; never the last.
        rise: How far validation ends above its lowest point. It is negative if the trend falls to the last epoch.
        pace: How far it falls per e-fold of epochs, near the end.
        train_trend: The trend under the training curve, if it has enough values.
        solved: Whether the score is perfect, such as an accuracy of 1, and the loss a small share of its first.
    """

    validation: ScaledCurve
    train: ScaledCurve | None
    trend: Trend
    rows: RowLossTrend | None
    min_effect: float
    turn: int
    rise: NormalMixture
    pace: NormalMixture
    train_trend: Trend | None = None
    solved: bool = False

    @property
    def lowest(self) -> int:
        """Return the epoch at which the expected trend is lowest."""
        return _epoch(self.validation, self.trend.epochs[self.trend.lowest_index])

    @property
    def height(self) -> float:
        """How far the expected trend ends above its lowest point; at least 0."""
        return max(float(self.trend.mean[-1] - self.trend.mean[self.turn]), 0.0)

    @cached_property
    def ahead(self) -> NormalMixture:
        """How far validation would fall below its lowest point with twice as many epochs."""
        return expected_gain(self.pace, self.height)

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
    def training_rise(self) -> NormalMixture | None:
        """How far training rose since that epoch; None without a training curve."""
        if self.train is None or self.train_trend is None:
            return None
        own = self.train_trend
        since = np.interp(self.turn_epoch, self.train.epochs, self.train.positions)
        return own.difference(-1, min(int(np.argmin(np.abs(own.epochs - since))), len(own.epochs) - 2))

    @cached_property
    def overlearning(self) -> NormalMixture | None:
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

    @property
    def far_ahead(self) -> bool:
        """Whether the training loss is so far below validation's that generalisation is what limits the model."""
        return not self.validation.rising and self.gap is not None and self.gap > FAR_AHEAD

    @property
    def generalisation_limits(self) -> bool:
        """Whether, besides, more epochs gain little."""
        return self.far_ahead and self.ahead.quantile(0.5) < SMALL_GAIN

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
        steady = slice(len(validation) - validation.late_step)
        trend = fit_trend(validation.positions[steady], validation.values[steady])
        smoothed = _rows(rows, validation, trend)
        train_trend = _training_trend(train)
        turn = int(trend.mean[:-1].argmin())
        rise = _rise(validation, train, trend, train_trend, smoothed, turn, curves.single_batches)
        pace = _pace(trend, smoothed, validation.rounding_error)
    return Evidence(
        validation=validation,
        train=train,
        trend=trend,
        rows=smoothed,
        min_effect=min_effect,
        turn=turn,
        rise=rise,
        pace=pace,
        train_trend=train_trend,
        solved=_is_solved(curves),
    )


def _is_solved(curves: MetricCurves) -> bool:
    score, losses = curves.auxiliary, curves.validation.values[np.isfinite(curves.validation.values)]
    if curves.higher_is_better or score is None or rank_in(score.metric, SHARES_RIGHT) is None:
        return False
    shares = score.validation.values[np.isfinite(score.validation.values)]
    if len(shares) < LAST_SCORES:
        return False
    perfect = 1.0 if shares.max() <= 1 else 100.0  # percent
    return bool((shares[-LAST_SCORES:] == perfect).all()) and 0 <= losses[-1] < SOLVED * losses[0]


def _rise(
    validation: ScaledCurve,
    train: ScaledCurve | None,
    trend: Trend,
    train_trend: Trend | None,
    smoothed: RowLossTrend | None,
    turn: int,
    single_batches: bool,
) -> NormalMixture:
    """Return how far validation ends above its lowest point.

    The noise of losses of single batches is their own: it says nothing on the model's changes.
    """
    if validation.late_step:
        above = validation.values[-validation.late_step :]
        height, sd = above.mean() - trend.mean.min(), np.hypot(trend.noise, above.std())
        return NormalMixture(np.ones(1), np.array([height]), np.array([sd]))
    error = None if smoothed is None else smoothed.difference_error(-1, turn)
    settled = trend.difference(-1, turn).with_error(validation.rounding_error)
    settled = settled.with_prior(LEVEL_OR_MOVING, (LEVEL, 1 - LEVEL)).with_error(max(error or 0.0, LEAST_LUCK))
    own = _own_fluctuations(validation, train, trend, train_trend, error)
    return settled.mixed_with(own, _own_probability(None if single_batches else train_trend, len(validation)))


def _training_trend(train: ScaledCurve | None) -> Trend | None:
    """Return the trend under a training curve, if it has enough values."""
    if train is None or len(train) < SHORTEST_TRAIN:
        return None
    return fit_trend(train.positions, train.values)


def _own_probability(train_trend: Trend | None, epochs: int) -> float:
    """Return the probability that validation's fluctuations are the model's own changes, in so long a run."""
    odds = OWN_ODDS_WITHOUT
    if train_trend is not None:
        odds = OWN_ODDS + OWN_SLOPE * np.log(train_trend.noise / USUAL_NOISE)
    return float(expit(odds - OWN_FALL * np.log(max(epochs / OWN_EPOCHS, 1.0))))


def _own_fluctuations(
    validation: ScaledCurve, train: ScaledCurve | None, trend: Trend, train_trend: Trend | None, error: float | None
) -> NormalMixture:
    """Return how far the end is above the lowest epoch, if fluctuations are changes of the model itself.

    Each random draw of the curve with its fluctuations is compared with its own lowest epoch. It rises no further
    than the logged values do: the bends of a steep fall look like noise, but are none. The `error` from the choice
    of rows is estimated from the fall of training since that epoch if it is not known.
    """
    state = trend.state()
    draws = state.draws(DRAWS)
    lowest = draws.argmin(axis=1)
    seen = (validation.values - np.minimum.accumulate(validation.values)).max()
    rises = np.clip(draws[:, -1] - draws.min(axis=1) - ROUNDED * validation.rounding_error, 0.0, seen)
    if error is None:
        level = _training_levels(validation, train, train_trend, state.epochs)
        error = LUCK * abs(float(level[lowest].mean() - level[-1]))
        errors = np.where(lowest < draws.shape[1] - 1, error, 0.0)  # an epoch has no luck against itself
    else:
        errors = np.full(DRAWS, error)
    return NormalMixture(np.full(DRAWS, 1 / DRAWS), rises, np.maximum(errors, LEAST_LUCK))


def _epoch(curve: ScaledCurve, position: float) -> int:
    """Return the logged epoch at a position on the curve."""
    return int(curve.epochs[np.argmin(np.abs(curve.positions - position))])


def _rows(rows: RowLosses | None, validation: ScaledCurve, trend: Trend) -> RowLossTrend | None:
    if rows is None:
        return None
    positions = np.interp(rows.epochs, validation.epochs, validation.positions)
    return smooth_row_losses(rows, positions, trend.epochs)


def _pace(trend: Trend, smoothed: RowLossTrend | None, rounding_error: float) -> NormalMixture:
    """Return the fall per e-fold of epochs, over the late ones."""
    last = len(trend.epochs) - 1
    span = np.log(trend.epochs[last] / trend.epochs[trend.late])
    fall = trend.difference(trend.late, last).with_error(rounding_error)
    pace = fall.scaled_by(np.array([1 / span]), np.ones(1)).with_prior(LEVEL_OR_MOVING)
    error = 0.0 if smoothed is None else smoothed.difference_error(trend.late, last) / span
    return pace.with_error(error)


def _training_levels(
    validation: ScaledCurve, train: ScaledCurve | None, train_trend: Trend | None, positions: np.ndarray
) -> np.ndarray:
    """Return the trend of training at these positions of the validation curve; zeros without a training curve."""
    if train is None or train_trend is None:
        return np.zeros(len(positions))
    epochs = np.interp(positions, validation.positions, validation.epochs)
    return np.interp(np.interp(epochs, train.epochs, train.positions), train_trend.epochs, train_trend.mean)


def expected_gain(pace: NormalMixture, height: float, folds: float = 1.0) -> NormalMixture:
    """Return how far more epochs would lower validation below its lowest point so far.

    Args:
        pace: Fall per e-fold of epochs near the end.
        height: How far the end is above the lowest point.
        folds: 1 for twice as many epochs (see AHEAD); log(1 + more / epochs) in general.
    """
    factors = folds * AHEAD * np.exp(AHEAD_SPREAD * np.array(QUANTILES))
    return pace.scaled_by(factors, np.full(len(factors), 1 / len(factors))).shifted(-height)

"""Would more rows help? The given estimator, trained on parts of each fold's training rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from gengap.check.gains import LossUnits
from gengap.check.inputs import Inputs
from gengap.check.setting_losses import Evaluation, Evaluator, Setting
from gengap.data.units import Units
from gengap.stats.learning_curve import LearningCurve, LearningCurveForecast, extrapolate
from gengap.stats.unit_values import by_unit

SHARES = (1 / 8, 1 / 4, 1 / 2)  # of the training rows
FOLDS = 2  # on which the curve is measured
PARTICLES = 300  # of the forecast
FEWEST_ROWS = 16  # training rows of a point of the curve
FEWEST_UNITS = 4  # validation groups or blocks of time of a forecast
TIMES = (2, 4, 10)  # forecasts for this many times the rows


@dataclass(frozen=True, eq=False)
class RowsCurve:
    """The learning curve over training rows.

    Attributes:
        sizes: Numbers of training rows, rising; the last is that of the check itself.
        losses: Validation losses of shape (units,) at each size, at the level of all folds.
        means: Mean loss at each size.
        forecast: The forecast for more rows; None without enough sizes.
    """

    sizes: tuple[int, ...]
    losses: tuple[np.ndarray, ...]
    means: tuple[float, ...]
    forecast: LearningCurveForecast | None


def measure_rows(evaluator: Evaluator, base: Evaluation, units: LossUnits) -> RowsCurve:
    """Return the learning curve of the given estimator on the first folds, with its forecast.

    Losses are multiplied so that the last size has the mean loss of all folds, which the check states elsewhere.
    """
    inputs, sizes, losses = evaluator.inputs, [], []
    for share in SHARES:
        smaller = _with_share(inputs, share, evaluator.seed)
        if smaller is None:
            continue
        other = replace(evaluator, inputs=smaller, doing="fewer rows")
        for found in other.evaluate(Setting({}, "rows"), batches=(FOLDS,), give_up=lambda _: True):
            sizes.append(smaller.train_rows)
            losses.append(found.losses)
        evaluator.fits = other.fits
    sizes.append(inputs.train_rows)
    losses.append(base.losses)
    tested = ~np.isnan(losses).any(axis=0)
    weights = None if units.weights is None else units.weights[tested]
    kept = [each[tested] for each in losses]
    last = float(np.average(kept[-1], weights=weights))
    level = units.mean(base.losses) / last if last > 0 else 1.0
    kept = [level * each for each in kept]
    means = tuple(float(np.average(each, weights=weights)) for each in kept)
    rising = all(a < b for a, b in pairwise(sizes))
    sampling = None if units.sampling is None else units.sampling.take(np.flatnonzero(tested))
    enough = sampling is None or len(sampling) >= FEWEST_UNITS
    forecast = _forecast(sizes, kept, weights, sampling) if rising and enough else None
    return RowsCurve(tuple(sizes), tuple(kept), means, forecast)


def _forecast(
    sizes: list[int], losses: list[np.ndarray], weights: np.ndarray | None, sampling: Units | None
) -> LearningCurveForecast:
    values = [by_unit(each, weights, sampling)[None] for each in losses]
    return extrapolate(LearningCurve(np.array(sizes), values), TIMES, particles=PARTICLES)


def _with_share(inputs: Inputs, share: float, seed: int) -> Inputs | None:
    """Return the inputs with a share of each fold's training rows; None if these are too few."""
    random, folds = np.random.default_rng(seed), []
    for train, test in inputs.folds:
        kept = train[_nested(inputs, train, random)[: round(share * len(train))]]
        if len(kept) < FEWEST_ROWS or (inputs.by_class and len(np.unique(inputs.labels[kept])) < 2):
            return None
        folds.append((kept, test))
    return replace(inputs, folds=tuple(folds))


def _nested(inputs: Inputs, train: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return an order of the training rows of which every start has about the same share of each class."""
    if inputs.by_time:
        return np.argsort(-train)  # the latest rows are kept
    place = random.random(len(train))
    if inputs.by_class:
        for label in np.unique(inputs.labels[train]):
            mine = np.flatnonzero(inputs.labels[train] == label)
            place[mine] = (random.permutation(len(mine)) + random.random(len(mine))) / len(mine)
    return np.argsort(place)

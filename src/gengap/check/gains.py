"""How much better another setting is: the gain with its interval, without the luck of choosing the best.

Gains are paired by row. A row has one loss, the mean of its losses if several folds validate it. So a mean gain
varies about as that of as many independent rows (Bayle, Bayle, Janson & Mackey 2020, "Cross-validation confidence
intervals for test error", NeurIPS 33). It varies more if trainings differ and, because training sets overlap,
differ alike in all folds: see `gain`. The best of several settings is lucky: see `best_gain`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import stdtr, stdtrit

from gengap.check.inputs import Inputs
from gengap.data.units import Units, group_units, time_units
from gengap.stats.paired import LEVEL
from gengap.stats.unit_values import by_unit

FULL = 5.0  # a gain of this many times the smallest one that matters counts in full; half of it at three times
GRID = (np.arange(400) + 0.5) / 400  # quantiles for means over a distribution
ROWS_SHARE = 0.5  # of Nadeau & Bengio's correction, if losses are by row
DRAWS = 200  # random weightings of the rows, which show the luck of the best setting ...
MOST_WEIGHTS = 1_000  # ... with as many different weights in each: more rows share them, which saves memory
Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Gain:
    """How far a loss is below another, as a share of the other: a Student distribution.

    Attributes:
        mean: The estimate.
        error: Its standard error.
        freedom: Degrees of freedom.
    """

    mean: float
    error: float
    freedom: float

    @property
    def percent(self) -> Triple:
        """The gain in percent: (low, middle, high). No loss is below zero, so none is above 100."""
        reach = float(stdtrit(self.freedom, (1 + LEVEL) / 2)) * self.error
        return 100 * (self.mean - reach), 100 * self.mean, 100 * min(self.mean + reach, 1.0)

    def above(self, limit: float) -> float:
        """Return the probability of a gain above a limit."""
        if self.error == 0:
            return float(self.mean > limit)
        return float(stdtr(self.freedom, (self.mean - limit) / self.error))

    def matters(self, min_effect: float) -> float:
        """Return to what degree the gain matters, from 0 to 1, on average over its distribution.

        A gain of up to `min_effect` does not count, one of FULL times `min_effect` counts in full, and between them
        it counts in part.
        """
        values = self.mean + self.error * stdtrit(self.freedom, GRID)
        return float(np.clip((values - min_effect) / ((FULL - 1) * min_effect), 0, 1).mean())


@dataclass(frozen=True, eq=False)
class LossUnits:
    """The units that losses are means of: validation rows, or folds.

    Attributes:
        fold: Number of each unit's fold, of shape (units,), the first one of rows with several; -1 for rows without
            one.
        weights: Weight of each unit, of mean 1; None without weights.
        overlap: By what share the variance of a mean over all units is larger because training sets overlap.
        folds: Number of folds.
        sampling: The groups or the blocks of time of rows; None if units are independent.
    """

    fold: np.ndarray
    weights: np.ndarray | None
    overlap: float
    folds: int
    sampling: Units | None = None

    @classmethod
    def of(cls, inputs: Inputs, by_row: bool) -> LossUnits:
        """Return the units of a check whose loss is by row, or by fold."""
        folds, count = inputs.folds, len(inputs.folds)
        if not by_row:
            overlap = sum(len(test) / len(train) for train, test in folds)
            return cls(np.arange(count), None, overlap, count)
        fold = np.full(inputs.rows, -1)
        for at in reversed(range(count)):
            fold[folds[at][1]] = at
        counts = np.bincount(fold[fold >= 0], minlength=count)
        overlap = ROWS_SHARE * sum(n / len(train) for n, (train, _) in zip(counts.tolist(), folds, strict=True))
        return cls(fold, inputs.weights, overlap, count, sampling_units(inputs))

    @property
    def tested(self) -> np.ndarray:
        """Whether each unit was validated."""
        return self.fold >= 0

    def mean(self, losses: np.ndarray) -> float:
        """Return the weighted mean of losses (units,) over the units that were validated."""
        used = self.tested & ~np.isnan(losses)
        return float(np.average(losses[used], weights=None if self.weights is None else self.weights[used]))

    def is_whole(self, losses: np.ndarray) -> bool:
        """Return whether losses (units,) were measured on all folds, and not given up after a few."""
        return not np.isnan(losses[self.tested]).any()

    def drawn_means(self, losses: np.ndarray) -> np.ndarray:
        """Return the means (settings, DRAWS) of losses (settings, units) in units that are drawn anew.

        A draw weights independent units at random: the Bayesian bootstrap (Rubin 1981).
        """
        code, draws = self._draws
        weights = np.where(self.tested, 1.0 if self.weights is None else self.weights, 0.0)
        sums = [np.bincount(code, weights * np.where(self.tested, each, 0.0)) @ draws for each in losses]
        return np.stack(sums) / (np.bincount(code, weights) @ draws)

    @cached_property
    def _draws(self) -> tuple[np.ndarray, np.ndarray]:
        """The number of each unit's weight, of shape (units,), and these weights in each draw, (weights, DRAWS)."""
        random = np.random.default_rng(0)
        unit = np.arange(len(self.fold)) if self.sampling is None else self.sampling.codes
        code = random.permutation(unit.max() + 1)[unit] % MOST_WEIGHTS
        return code, random.exponential(size=(code.max() + 1, DRAWS))


def sampling_units(inputs: Inputs) -> Units | None:
    """Return the groups or the blocks of time of the rows; None if rows are independent."""
    if inputs.groups is not None:
        return group_units(inputs.groups, "groups")
    if inputs.by_time:
        y = np.eye(inputs.class_count)[inputs.labels] if inputs.by_class else inputs.labels
        return time_units(np.arange(inputs.rows), y, "time")  # rows are in the order of time
    return None


def gain(losses: np.ndarray, reference: np.ndarray, units: LossUnits) -> Gain:
    """Return how far `losses` are below `reference`, both (units,), as a share of the reference.

    Both are compared on the units that both have. The error is that of a ratio of means (by linearisation). The
    rows of a fold share one training, so the means of folds may vary more than those of independent rows. But few
    means show this badly. So the larger one of both variances is taken.

    Nadeau & Bengio (2003, "Inference for the generalization error", Machine Learning 52) multiply the variance of
    the mean over folds by 1 + folds * validation rows / training rows. That is the correlation of random splits,
    which share validation rows as well as training rows. The folds of cross-validation share training rows alone,
    which adds nothing for a stable estimator (Bayle et al. 2020), but does for one that is too simple. Half of this
    correction gives intervals of advised gains that cover about as often as they say, with 0.98 to 1.09 times the
    error (`benchmarks.checking`). Losses by fold keep all of it: they do not show how much their rows vary.
    """
    shared = units.tested & ~np.isnan(losses) & ~np.isnan(reference)
    mine, other = losses[shared], reference[shared]
    weights = np.ones(len(mine)) if units.weights is None else units.weights[shared] / units.weights[shared].mean()
    base = float((weights * other).mean()) if len(other) else 0.0
    if not np.isfinite(base) or base <= 0:
        return Gain(0.0, 0.0, 1.0)
    share = float((weights * (other - mine)).mean()) / base
    parts = ((other - mine) - share * other) / base
    sampling = None if units.sampling is None else units.sampling.take(np.flatnonzero(shared))
    draws = by_unit(parts, weights, sampling)
    if len(draws) < 2:  # one draw shows no spread
        return Gain(share, np.inf, 1.0)
    folds = by_unit(parts, weights, group_units(units.fold[shared], "fold"))
    variance = max(_of_mean(draws), _of_mean(folds))
    error = float(variance * (1 + units.overlap * len(parts) / units.tested.sum())) ** 0.5
    return Gain(share, error, float(len(draws) - 1))


def _of_mean(values: np.ndarray) -> float:
    """Return the variance of the mean of independent values; 0 for one value."""
    return float(values.var(ddof=1)) / len(values) if len(values) > 1 else 0.0


def best_gain(candidates: Sequence[np.ndarray], reference: np.ndarray, units: LossUnits) -> tuple[int, Gain]:
    """Return the best candidate and its gain, without the luck of the choice.

    The luck is the optimism of Efron (1983, "Estimating the error rate of a prediction rule", JASA 78): in rows
    that are drawn anew, the best setting looks better than it is in all rows. If each fold used the choice of the
    others instead, settings that are nearly equal would change places from fold to fold, which adds noise and a
    loss. The error is that of a mixture of the settings, by how often each one is the best in the draws. Of
    settings that are equally good, this finds 1 / sqrt(2) of the luck: they differ by chance before the draws.

    The reference is among the choices, so a choice without a better candidate gains nothing. Candidates that were
    given up after a few folds are the best ones only if all were, and then gain nothing.
    """
    gains = [gain(each, reference, units) for each in candidates]
    whole = list(map(units.is_whole, candidates))
    at = max(range(len(gains)), key=lambda at: (whole[at], gains[at].mean))
    losses = np.stack([reference, *(each for each, full in zip(candidates, whole, strict=True) if full)])
    means = np.array([units.mean(each) for each in losses])
    if not means[0] > 0:
        return at, gains[at]
    drawn = units.drawn_means(losses)
    chosen = drawn.argmin(axis=0)
    luck = float(np.mean(means[chosen] / means[0] - drawn.min(axis=0) / drawn[0]))
    mixed = gain(np.bincount(chosen, minlength=len(losses)) / DRAWS @ losses, reference, units)
    best = max(gains[at].mean, 0.0) if whole[at] else 0.0
    return at, Gain(best - luck, mixed.error, mixed.freedom)

"""The truth of a case: the population's loss of every setting along its complexity path, on fresh rows."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from benchmarks.checking.cases import POPULATION, Case
from gengap.check.complexity import ladders
from gengap.check.estimators import fitted_part, resolve, with_seed
from gengap.check.fit_facts import facts, fitted_rounds, staged_outputs
from gengap.check.inputs import read_inputs
from gengap.check.losses import Loss, align, calibrate_other, choose_loss, row_losses
from gengap.check.setting_losses import Setting

TRAINING_ROWS = 1_200  # in the training sets together; few rows make losses that differ from set to set
TRAINING_SETS = (2, 6)  # the fewest and the most of them, drawn anew
POSITIONS = (0, 1, 3, 5, 8, 12)  # on a ladder
CLEAR, NONE = 0.04, 0.015  # a gain from which the truth is over- or underfit; up to which it is a fit


class Truth(msgspec.Struct, frozen=True):
    """Population losses of a case.

    Attributes:
        loss: Of the estimator as it is.
        constant: Of the best constant.
        simpler: Of each simpler setting, by its changes.
        flexible: Of each more flexible setting.
    """

    loss: float
    constant: float
    simpler: dict[str, float]
    flexible: dict[str, float]

    @property
    def gains(self) -> tuple[float, float]:
        """The largest gain of simpler settings, a constant included, and of more flexible ones."""
        simpler = min([self.constant, *self.simpler.values()])
        return 1 - simpler / self.loss, 1 - min(self.flexible.values(), default=self.loss) / self.loss

    @property
    def learns(self) -> bool:
        """Whether any setting is better than a constant by more than what is none."""
        best = min([self.loss, *self.simpler.values(), *self.flexible.values()])
        return best < (1 - NONE) * self.constant

    @property
    def verdict(self) -> str | None:
        """ "overfit", "underfit" or "fine"; None for a case between them."""
        over, under = self.gains
        if max(over, under) <= NONE:
            return "fine"
        if max(over, under) < CLEAR:
            return None
        return "overfit" if over > under else "underfit"


class Population:
    """Measures settings of a case on fresh training sets and fresh rows.

    Args:
        case: The case.
        rows: Rows of a training set. Default: those of the case.
    """

    def __init__(self, case: Case, rows: int | None = None) -> None:
        self.case, self.estimator = case, resolve(case.estimator, None, None)
        X, y = case.draw(case.rows, 0)
        self.inputs = read_inputs(self.estimator, X, y)
        self.loss: Loss = choose_loss(self.estimator, self.inputs, None)
        self.x, self.y = case.draw(POPULATION, 1)
        count = int(np.clip(TRAINING_ROWS // case.rows, *TRAINING_SETS))
        drawn = [case.draw(case.rows, 2 + at) for at in range(count)]
        self.training = [(X[:rows], y[:rows]) for X, y in drawn]

    def measure(
        self, changes: Mapping[str, Any], shares: tuple[float, ...] = ()
    ) -> tuple[list[float], dict[str, float]]:
        """Return the loss of a setting at each share of its boosting rounds and at the end, and its facts."""
        losses, found = [], {}
        for at, (X, y) in enumerate(self.training):
            estimator = with_seed(Setting(changes, "truth").apply(self.estimator), at)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                fitted = estimator.fit(X, y)
                losses.append([self._loss(fitted, each, X, y) for each in self._outputs(fitted, shares)])
            found = facts(fitted) | {"rows": float(self.case.rows)}
        return np.mean(losses, axis=0).tolist(), found

    def _outputs(self, fitted: Any, shares: tuple[float, ...]) -> list[np.ndarray]:
        total = fitted_rounds(fitted_part(fitted)) if shares else None
        staged = []
        if total is not None:
            wanted = [max(round(share * total), 1) for share in shares]
            rising = sorted(set(wanted))
            found = staged_outputs(fitted, self.x, self.loss.method, rising)
            staged = [found[rising.index(each)] for each in wanted]
        return [*staged, getattr(fitted, self.loss.method)(self.x)]

    def _loss(self, fitted: Any, outputs: np.ndarray, X: np.ndarray, y: np.ndarray) -> float:
        outputs = (
            align(outputs, getattr(fitted, "classes_", None), self.inputs) if self.inputs.by_class else outputs
        )
        if self.loss.name == "calibrated-log-loss":  # on half of the fresh rows, for the other half
            half = len(self.y) // 2
            outputs = calibrate_other(outputs[:half], self.y[:half], outputs, 2)
        return float(row_losses(self.loss, self.y, outputs, self.inputs.least_probability).mean())

    def constant(self) -> float:
        """Return the loss of the constant that training rows give."""
        losses = []
        for _, y in self.training:
            if self.inputs.by_class:
                share = np.tile([1 - y.mean(), y.mean()], (len(self.y), 1))
                losses.append(row_losses(self.loss, self.y, share, self.inputs.least_probability).mean())
            else:
                losses.append(((self.y - y.mean()) ** 2).mean())
        return float(np.mean(losses))


def measure(case: Case) -> Truth:
    """Return the truth of a case."""
    population = Population(case)
    shares = tuple(2 ** (-k / 2) for k in range(1, 13))
    staged, found = population.measure({}, shares)
    losses: dict[str, dict[str, float]] = {"simpler": {}, "flexible": {}}
    if len(staged) > 1:
        losses["simpler"] = {f"rounds x {share:.3f}": loss for share, loss in zip(shares, staged, strict=False)}
    for ladder in ladders(population.estimator, found):
        for side, settings in (("simpler", ladder.simpler), ("flexible", ladder.flexible)):
            if ladder.rounds and side == "simpler":
                continue
            measured: list[float] = []
            places = (1, 3) if ladder.rounds else POSITIONS
            for at in places:
                if at < len(settings):
                    measured.append(population.measure(settings[at])[0][-1])
                    losses[side][str(settings[at])] = measured[-1]
                if _hopeless(measured, staged[-1]):
                    break
    return Truth(staged[-1], population.constant(), losses["simpler"], losses["flexible"])


def _hopeless(measured: list[float], loss: float) -> bool:
    """Return whether the last two settings of an axis are worse and worse, and far worse than the estimator."""
    last = measured[-2:]
    return len(last) == 2 and last[1] > last[0] > 1.1 * loss

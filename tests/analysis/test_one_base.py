"""The expected loss, its R², a constant prediction and forecasts are measured on one base."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from analysis.outcomes_made import ROWS, Y, cross_validated, outcomes, size_trials
from sklearn.dummy import DummyClassifier
from sklearn.metrics import log_loss

from gengap.analysis import conclude
from gengap.analysis.results import OutOfFoldLosses
from gengap.plan import Trial
from gengap.tasks import BINARY, Multiclass, Regression

COUNTS = {"train": 1_000, "validation": ROWS, "test": 0}
SHARES = [(Trial(run=f"rows/{n}", units=(4,), share=n / 1_000), (skill,)) for n, skill in
          [(62, 0.2), (125, 0.3), (250, 0.4), (500, 0.5)]]  # fmt: skip


@pytest.mark.parametrize("folds", [0.3, 0.6, 1.2])
def test_forecasts_start_at_the_expected_loss(folds: float) -> None:
    """The forecast is better than what to expect today by its own percents, whatever level the folds show."""
    trials = [*size_trials(0.6, 0.5), *SHARES]
    found = conclude(cross_validated(outcomes(trials), {"sizes/4": folds, "sizes/8": folds - 0.1}), 28, COUNTS, {})
    kept, more = found.recommendation, found.more_rows
    assert kept is not None and more is not None
    expected = kept.expected.bounded_loss[1]
    assert more.losses[-1] == pytest.approx(expected)
    twice = more.forecasts[0]
    assert twice.loss is not None and twice.better_percent is not None
    assert twice.loss[1] < expected
    assert 100 * (1 - twice.loss[1] / expected) == pytest.approx(twice.better_percent[1], abs=1.5)


def test_explained_variance_and_loss_are_of_the_same_rows() -> None:
    """The rows of the folds vary four times as much as the validation rows."""
    numbers = outcomes(size_trials(1.0, 1.5), task=Regression())
    y, losses = np.tile(2 * Y, 4), np.full(4 * ROWS, 0.1)
    constant = Regression().constant_losses(Y, y)
    made = {run: OutOfFoldLosses(losses, y=y, constant=constant) for run in numbers.trials}
    kept = conclude(replace(numbers, out_of_fold=made), 28, COUNTS, {}).recommendation
    assert kept is not None and kept.expected.r2 is not None
    assert kept.expected.r2[1] == pytest.approx(1 - kept.expected.bounded_loss[1] / y.var())
    assert kept.expected.constant_loss == pytest.approx(((y - Y.mean()) ** 2).mean())


def test_the_constant_is_that_of_training_rows() -> None:
    train, y = np.array([0.0, 0.0, 0.0, 1.0]), np.array([1.0, 1.0, 0.0])
    constant = BINARY.constant_losses(train, y)
    dummy = DummyClassifier(strategy="prior").fit(train[:, None], train)
    assert constant.mean() == pytest.approx(log_loss(y, dummy.predict_proba(y[:, None])))
    alone = outcomes(size_trials(0.2, 0.6))
    kept = conclude(replace(alone, constant=BINARY.constant_losses(train, Y)), 28, COUNTS, {}).recommendation
    share = Y.mean()
    assert kept is not None
    assert kept.expected.constant_loss == pytest.approx(-share * np.log(0.25) - (1 - share) * np.log(0.75))


def test_the_constant_of_classes_and_numbers_and_weights() -> None:
    three = Multiclass(("a", "b", "c"))
    train, y = np.eye(3)[[0, 0, 1]], np.eye(3)[[0, 1, 2]]
    np.testing.assert_allclose(three.constant_losses(train, y), -np.log([2 / 3, 1 / 3, 1e-6]))
    weights = np.array([1.0, 1.0, 2.0])
    np.testing.assert_allclose(three.constant_losses(train, y, weights)[:2], -np.log([0.5, 0.5]))
    np.testing.assert_allclose(Regression().constant_losses(np.array([1.0, 3.0]), np.array([2.0, 5.0])), [0.0, 9.0])

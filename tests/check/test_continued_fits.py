"""More rounds of boosting: earlier fits are continued where that is the same, and fitted anew elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    AdaBoostRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.kernel_approximation import RBFSampler
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import gengap
from gengap.check import fold_fits
from gengap.check.continued_fits import can_continue, continue_fit

CONTINUED = [
    (GradientBoostingClassifier(n_estimators=8, subsample=0.5, max_features=2, random_state=0), "n_estimators"),
    (GradientBoostingRegressor(n_estimators=8, loss="quantile", random_state=0), "n_estimators"),
    (HistGradientBoostingClassifier(max_iter=8, max_features=0.5, random_state=0), "max_iter"),
    (HistGradientBoostingRegressor(max_iter=8, loss="absolute_error", random_state=0), "max_iter"),
    (
        make_pipeline(StandardScaler(), HistGradientBoostingRegressor(max_iter=8, random_state=0)),
        "histgradientboostingregressor__max_iter",
    ),
]
FITTED_ANEW = [
    GradientBoostingRegressor(n_estimators=8, n_iter_no_change=5),
    HistGradientBoostingRegressor(max_iter=8, early_stopping=True),
    TransformedTargetRegressor(GradientBoostingRegressor(n_estimators=8)),
    AdaBoostRegressor(n_estimators=8),
    MLPRegressor(max_iter=8),
]


def rows(estimator: Any) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    x = random.normal(size=(150, 4))
    y = x[:, 0] * x[:, 1] + np.sin(2 * x[:, 2]) + random.normal(0, 0.3, 150)
    return x, np.digitize(y, [-0.5, 0.7]) if is_classifier(estimator) else y


@pytest.mark.parametrize(("estimator", "axis"), CONTINUED, ids=lambda each: type(each).__name__)
def test_a_continued_fit_is_a_fit_from_the_start(estimator: Any, axis: str) -> None:
    x, y = rows(estimator)
    method = "predict_proba" if is_classifier(estimator) else "predict"
    more = clone(estimator).set_params(**{axis: 20})
    earlier = clone(estimator).fit(x, y)
    assert can_continue(earlier)
    continued = continue_fit(earlier, clone(more), axis, x, y, {})
    np.testing.assert_array_equal(getattr(continued, method)(x), getattr(more.fit(x, y), method)(x))


@pytest.mark.parametrize("estimator", FITTED_ANEW, ids=lambda each: type(each).__name__)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_other_fits_are_not_continued(estimator: Any) -> None:
    assert not can_continue(clone(estimator).fit(*rows(estimator)))


def test_a_check_continues_fits_and_finds_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    continued: list[int] = []

    def counted(*arguments: Any) -> Any:
        continued.append(1)
        return continue_fit(*arguments)

    monkeypatch.setattr(fold_fits, "continue_fit", counted)
    estimator = GradientBoostingRegressor(n_estimators=8)
    result = gengap.check(estimator, *rows(estimator), cv=3)
    assert {16, 32} <= {each.setting.changes.get("n_estimators") for each in result.facts.walk.found}
    assert len(continued) == 6  # three folds to twice, and then to four times the rounds
    assert not result.facts.walk.evaluator.earlier  # the result keeps no fits
    monkeypatch.setattr(fold_fits, "can_continue", lambda fitted: False)
    anew = gengap.check(estimator, *rows(estimator), cv=3)
    assert len(continued) == 6
    pd.testing.assert_frame_equal(result.path, anew.path)


class Selected(GradientBoostingRegressor):
    """A subclass may do anything with the rows."""


def test_a_subclass_is_fitted_anew() -> None:
    assert not can_continue(Selected(n_estimators=3).fit(*rows(Selected())))


@pytest.mark.parametrize("wanted", [8, 5])
def test_a_fit_that_has_the_rounds_already_is_made_anew(wanted: int) -> None:
    estimator = GradientBoostingRegressor(n_estimators=8, random_state=0)
    x, y = rows(estimator)
    fewer = clone(estimator).set_params(n_estimators=wanted)
    made = continue_fit(clone(estimator).fit(x, y), clone(fewer), "n_estimators", x, y, {})
    np.testing.assert_array_equal(made.predict(x), fewer.fit(x, y).predict(x))


def test_transformers_with_a_generator_of_their_own_draw_as_in_a_fit_from_the_start() -> None:
    sample = RBFSampler(n_components=3, random_state=np.random.RandomState(1))
    estimator = make_pipeline(sample, GradientBoostingRegressor(n_estimators=8, random_state=0))
    x, y = rows(estimator)
    axis = "gradientboostingregressor__n_estimators"
    more = clone(estimator).set_params(**{axis: 20})
    continued = continue_fit(clone(estimator).fit(x, y), clone(more), axis, x, y, {})
    np.testing.assert_array_equal(continued.predict(x), more.fit(x, y).predict(x))


def test_the_given_estimator_stays_as_it_is() -> None:
    estimator = GradientBoostingRegressor(n_estimators=8, random_state=0).fit(*rows(GradientBoostingRegressor()))
    x, y = rows(estimator)
    before, predicted = estimator.get_params(), estimator.predict(x)
    result = gengap.check(estimator, x, y, cv=3)
    assert 16 in {each.setting.changes.get("n_estimators") for each in result.facts.walk.found}
    assert estimator.get_params() == before
    np.testing.assert_array_equal(estimator.predict(x), predicted)

"""Arguments of `gengap.check` that can't be used, and estimators inside others."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    GradientBoostingClassifier,
    StackingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold, LeaveOneGroupOut
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import PolynomialFeatures, SplineTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

import gengap
from gengap.check.complexity import ladders
from gengap.check.estimator_verdict import CLEAR
from gengap.check.inputs import read_inputs
from gengap.errors import DataError, UsageError
from gengap.stats.permutation import PermutationTest

ROWS = 120
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(ROWS, 3))
NUMBERS = X[:, 0] + RANDOM.normal(size=ROWS)
CLASSES = (X[:, 0] + 0.5 * RANDOM.normal(size=ROWS) > 0).astype(int)
TRAIN, TEST = np.arange(80), np.arange(80, 120)


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (
            {"cv": "five"},
            UsageError,
            "cv is 'five'; expected a number of folds, a splitter, or pairs of row indices",
        ),
        ({"cv": LeaveOneGroupOut()}, UsageError, "cv: LeaveOneGroupOut can't split these rows: The 'groups'"),
        (
            {"cv": [(TRAIN, TEST + 80), (TEST, TRAIN)]},
            UsageError,
            "cv: there is no row 160; expected indices below 120",
        ),
        ({"cv": [(TRAIN, TEST)]}, UsageError, "cv gives 1 fold; expected at least two"),
        (
            {"cv": [(NUMBERS > 0, NUMBERS <= 0)] * 2},
            UsageError,
            "expected pairs of indices, which are whole numbers",
        ),
        (
            {"cv": [(TRAIN, TEST), (TRAIN, TEST[:0])]},
            UsageError,
            "cv: a fold has no training rows or no validation",
        ),
        ({"cv": [1, 2]}, UsageError, "cv: expected pairs of indices: training rows and validation rows"),
        ({"min_effect": "a"}, UsageError, "min_effect is 'a'; expected a share of the loss"),
        ({"random_state": "a"}, UsageError, "random_state is 'a'; expected a whole number of 0 to 4,294,967,295"),
        ({"random_state": -1}, UsageError, "random_state is -1; expected"),
        ({"random_state": 2**32}, UsageError, "expected a whole number of 0 to 4,294,967,295"),
        ({"n_jobs": 0}, UsageError, "n_jobs is 0; expected a whole number of 1 to 1,000, or -1"),
        ({"n_jobs": 10**9}, UsageError, "n_jobs is 1000000000; expected"),
        ({"n_jobs": "2"}, UsageError, "n_jobs is '2'; expected"),
        ({"time": np.where(np.arange(ROWS) == 2, np.nan, 1.0)}, DataError, "time: 1 value is missing; leave"),
        (
            {"groups": [None, None, *range(ROWS - 2)]},
            DataError,
            "groups: 2 values are missing; leave these rows out",
        ),
        (
            {"groups": [0] * ROWS, "cv": [(TRAIN, TEST), (TEST, TRAIN)]},
            DataError,
            "groups: all validation rows are of one group; expected at least two groups",
        ),
        ({"sample_weight": ["a"] * ROWS}, DataError, "sample_weight: expected numbers of 0 or more"),
        (
            {"complexity": ("alpha", [-1.0, 1.0])},
            UsageError,
            "no other setting can be fitted: The 'alpha' parameter",
        ),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        gengap.check(Ridge(), X, NUMBERS, **arguments)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (
            np.where(CLASSES, "yes", "no"),
            "Ridge predicts numbers, but a target is '(yes|no)'; use a classifier",
        ),
        (np.where(CLASSES, "yes", "no").astype(object), "Ridge predicts numbers, but a target is"),
        (
            np.array([*NUMBERS[1:], "bad"], object),
            "Ridge predicts numbers, but a target is 'bad'; use a classifier",
        ),
        (np.array([None, *NUMBERS[1:]]), "y: 1 value is missing or infinite"),
        (np.array([pd.NA, *NUMBERS[1:]]), "y: 1 value is missing or infinite"),
        (np.where(np.arange(ROWS) < 3, np.inf, NUMBERS), "y: 3 values are missing or infinite"),
    ],
)
def test_targets_that_are_no_numbers_are_named(y: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        gengap.check(Ridge(), X, y)


def test_numbers_may_be_objects() -> None:
    found = read_inputs(Ridge(), X, NUMBERS.astype(object))
    assert found.y.dtype == np.float64 and np.array_equal(found.y, NUMBERS)
    weighted = read_inputs(Ridge(), X, NUMBERS, sample_weight=np.full(ROWS, 2.0).astype(object))
    assert weighted.weights is not None and np.array_equal(weighted.weights, np.ones(ROWS))


def test_a_message_of_a_library_has_plain_values() -> None:
    with pytest.raises(DataError, match=r"could not convert string to float: 'a'$"):
        gengap.check(Ridge(), np.full((ROWS, 1), "a"), NUMBERS)


@pytest.mark.parametrize(
    ("estimator", "y", "axes"),
    [
        (BaggingClassifier(n_estimators=3), CLASSES, {"estimator__max_leaf_nodes"}),
        (make_pipeline(BaggingRegressor(n_estimators=3)), NUMBERS, {"baggingregressor__estimator__max_leaf_nodes"}),
        (BaggingRegressor(KNeighborsRegressor(2), 3), NUMBERS, {"estimator__n_neighbors"}),
        (
            StackingClassifier([("t", DecisionTreeClassifier())], cv=2),
            CLASSES,
            {"t__max_leaf_nodes", "final_estimator__C"},
        ),
        (GaussianProcessClassifier(), CLASSES, {"kernel"}),
        (
            CalibratedClassifierCV(GradientBoostingClassifier(n_estimators=5), cv=2),
            CLASSES,
            {"estimator__n_estimators", "estimator__max_depth"},
        ),
    ],
    ids=lambda each: type(each).__name__,
)
def test_inner_estimators_have_a_path(estimator: Any, y: np.ndarray, axes: set[str]) -> None:
    result = gengap.check(estimator, X, y, cv=3)
    assert {each.setting.axis for each in result.facts.walk.found} <= axes
    assert {each.axis for each in result.facts.walk.ladders} == axes
    assert result.verdict.metric in ("neg_log_loss", "neg_mean_squared_error")
    assert "chosen-on-all-rows" not in result.verdict.codes


def test_a_small_kernel_of_a_gaussian_process_is_simpler() -> None:
    flat = gengap.check(GaussianProcessClassifier(), X, CLASSES, cv=3, complexity="kernel").path
    simplest, current = flat["loss"].iloc[0], flat.loc[flat["side"] == "as-is", "loss"].iloc[0]
    assert current < simplest < np.log(2)


@pytest.mark.parametrize("whole", [lambda each: each, lambda each: make_pipeline(StandardScaler(), each)])
def test_a_search_takes_groups_and_weights(whole: Any) -> None:
    groups = np.arange(ROWS) // 10
    search = whole(GridSearchCV(Ridge(), {"alpha": [1.0, 1e6]}, cv=GroupKFold(3)))
    result = gengap.check(search, X, NUMBERS, groups=groups, sample_weight=np.ones(ROWS), cv=3)
    assert result.facts.chosen_by == "GridSearchCV"
    with pytest.raises(DataError, match=r"GridSearchCV\)? can't be fitted: Invalid parameter 'alfa'"):
        gengap.check(whole(GridSearchCV(Ridge(), {"alfa": [1.0]})), X, NUMBERS)


def test_underfit_needs_a_signal_unless_it_is_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    x = pd.DataFrame(random.normal(size=(80, 2)))
    y = x[0].to_numpy() + random.normal(size=80)
    result = gengap.check(Ridge(1e5), x, y, cv=4)
    assert result.verdict.verdict == "underfit"
    weak = "gengap.check.estimator_verdict"
    monkeypatch.setattr(f"{weak}.SIGNAL", 1.1)
    monkeypatch.setattr(f"{weak}.ranking_test", lambda *_: PermutationTest(0.5, 0.3))
    verdict = gengap.check(Ridge(1e5), x, y, cv=4).verdict
    assert verdict.probabilities["underfit"] > CLEAR  # another setting is better, signal or not
    assert (verdict.verdict, *verdict.codes[:2]) == ("underfit", "flexible-better", "no-better-than-constant")
    monkeypatch.setattr(f"{weak}.CLEAR", verdict.probabilities["underfit"] + 1e-9)
    verdict = gengap.check(Ridge(1e5), x, y, cv=4).verdict
    assert (verdict.verdict, verdict.codes[0]) == ("inconclusive", "no-better-than-constant")


def test_texts_are_rows_for_a_vectorizer() -> None:
    random = np.random.default_rng(0)
    words = [" ".join(random.choice(list("abcdef"), 4)) + (" fine" if label else " bad") for label in CLASSES]
    pipeline = make_pipeline(TfidfVectorizer(token_pattern=r"\w+"), LogisticRegression(C=1e-3))
    results = [gengap.check(pipeline, each, CLASSES, cv=3) for each in (words, pd.Series(words), np.array(words))]
    assert {each.verdict.verdict for each in results} == {"underfit"}
    assert list(results[0].references["model"]) == ["constant", "linear", "trees"]
    assert results[0].verdict == results[1].verdict == results[2].verdict
    assert "one-feature" not in results[0].verdict.codes
    with pytest.raises(DataError, match="expected rows and columns"):
        gengap.check(Ridge(), pd.Series(NUMBERS), NUMBERS)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda inner: make_pipeline(StandardScaler(), inner),
        lambda inner: TransformedTargetRegressor(make_pipeline(StandardScaler(), inner)),
        lambda inner: GridSearchCV(make_pipeline(StandardScaler(), inner), {"noted__alpha": [1.0]}, cv=2),
        lambda inner: make_pipeline(StandardScaler(), GridSearchCV(inner, {"alpha": [1.0]}, cv=2)),
        lambda inner: GridSearchCV(TransformedTargetRegressor(make_pipeline(inner)), {}, cv=2),
    ],
)
def test_weights_reach_the_last_step(wrap: Any) -> None:
    class Noted(Ridge):
        weighted: ClassVar[list[bool]] = []

        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Noted:
            self.weighted.append(sample_weight is not None and len(sample_weight) == len(y))
            return super().fit(X, y, sample_weight)

    gengap.check(wrap(Noted()), X, NUMBERS, sample_weight=np.linspace(1, 2, ROWS), cv=3)
    assert Noted.weighted and all(Noted.weighted)


def test_groups_reach_a_search_inside_a_pipeline() -> None:
    search = GridSearchCV(make_pipeline(Ridge()), {"ridge__alpha": [0.1, 1.0]}, cv=GroupKFold(2))
    for each in (search, make_pipeline(StandardScaler(), search)):
        result = gengap.check(each, X, NUMBERS, groups=np.arange(ROWS) % 6, sample_weight=np.ones(ROWS), cv=3)
        assert "chosen-on-all-rows" in result.verdict.codes


def test_transformers_inside_others_have_a_path() -> None:
    columns = make_column_transformer((make_pipeline(StandardScaler(), SplineTransformer(20)), [0, 1]))
    union = make_union(PolynomialFeatures(2), "passthrough")
    axes = {each.axis for each in ladders(make_pipeline(columns, union, Ridge()), {"rows": 90.0, "features": 20.0})}
    assert axes == {
        "ridge__alpha",
        "columntransformer__pipeline__splinetransformer__n_knots",
        "featureunion__polynomialfeatures__degree",
    }

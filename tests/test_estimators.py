"""The scikit-learn estimators: scikit-learn's own checks, and what a network adds to them."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import make_blobs, make_regression
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils.estimator_checks import parametrize_with_checks

import gengap
from gengap import GengapClassifier, GengapRegressor, models
from gengap.errors import UsageError

# One batch an epoch makes the program that each new shape compiles half as long.
QUICK: dict[str, Any] = {"units": (16,), "max_epochs": 150, "batch_size": 1_000, "learning_rate": 0.03}
SKIPPED = {
    "check_sample_weight_equivalence_on_dense_data": "a row of weight 2 is one row of a batch and of the held-out "
    "part, where the same row twice is two: neither batches nor that part can be the same"
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks(
    [GengapClassifier(**QUICK), GengapRegressor(**QUICK)], expected_failed_checks=lambda _: SKIPPED
)
def test_scikit_learns_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def blobs(classes: int, rows: int = 150) -> tuple[np.ndarray, np.ndarray]:
    x, y = make_blobs(rows, centers=classes, n_features=4, cluster_std=1.0, random_state=0)
    return x, np.array([f"class {label}" for label in range(classes)])[y]


@pytest.mark.parametrize("classes", [2, 4])
def test_a_classifier_says_how_it_trained(classes: int) -> None:
    x, y = blobs(classes)
    fitted = GengapClassifier(**QUICK, random_state=1).fit(x, y)
    assert fitted.score(x, y) > 0.9
    assert isinstance(fitted.history_, gengap.History) and isinstance(fitted.verdict_, gengap.Verdict)
    assert fitted.n_iter_ == fitted.history_.epochs >= fitted.best_epoch_ == fitted.verdict_.best_epoch
    assert fitted.verdict_.metric.endswith("crossentropy")
    np.testing.assert_allclose(fitted.predict_proba(x).sum(axis=1), 1)
    held = fitted.history_["validation", fitted.verdict_.metric.removeprefix("val_")]
    assert held.values[fitted.best_epoch_ - 1] == held.values.min()


def test_the_weights_kept_are_those_of_the_best_epoch() -> None:
    x, y = make_regression(120, 3, noise=20.0, random_state=0)
    fitted = GengapRegressor(**QUICK, random_state=0).fit(x, y)
    train, held = fitted._split(len(x), None, int(np.random.RandomState(0).randint(2**20)))
    spread = y[train].std() ** 2  # the rows held out have no say in the units
    error = np.mean((fitted.predict(x[held]) - y[held]) ** 2) / spread
    assert error == pytest.approx(fitted.history_["validation", "mean_squared_error"].values.min(), rel=1e-4)


def test_columns_in_any_unit_and_constant_ones_do_no_harm() -> None:
    x, y = make_regression(150, 3, random_state=0)
    odd = np.column_stack([x * [1e-9, 1e9, 1.0], np.full(len(x), 7e5)])
    assert GengapRegressor(**QUICK, random_state=0).fit(odd, y).score(odd, y) > 0.9


def test_class_weights_and_sample_weights_move_the_border() -> None:
    random = np.random.default_rng(0)
    x = np.concatenate([random.normal(0, 1, (180, 2)), random.normal(1.0, 1, (20, 2))])
    y = np.repeat([0, 1], [180, 20])
    network = GengapClassifier(**QUICK, random_state=0)
    plain = network.fit(x, y).predict(x).mean()
    balanced = clone(network).set_params(class_weight="balanced").fit(x, y).predict(x).mean()
    weighted = clone(network).fit(x, y, sample_weight=np.where(y == 1, 9.0, 1.0)).predict(x).mean()
    assert plain < 0.15 < balanced
    assert weighted == pytest.approx(balanced, abs=0.02)


def test_rows_of_no_weight_are_left_out() -> None:
    x, y = blobs(2, 80)
    network = GengapClassifier(**QUICK, random_state=0)
    some = np.arange(80) < 60
    without = clone(network).fit(x[some], y[some], np.ones(60))
    weighted = clone(network).fit(np.where(some[:, None], x, 1e3), y, some.astype(float))
    np.testing.assert_array_equal(without.predict_proba(x), weighted.predict_proba(x))


def test_in_a_pipeline_on_a_frame_under_cross_validation_and_search() -> None:
    x, y = blobs(2)
    frame = pd.DataFrame(x, columns=list("abcd")).assign(town=np.where(x[:, 0] > 0, "here", "there"))
    columns = make_column_transformer((OneHotEncoder(), ["town"]), remainder="passthrough")
    pipeline = make_pipeline(columns, GengapClassifier(**QUICK, random_state=0))
    assert cross_validate(pipeline, frame, y, cv=3)["test_score"].min() > 0.9
    search = GridSearchCV(pipeline, {"gengapclassifier__treatments": [(), (models.L2(0.001),)]}, cv=2, n_jobs=1)
    assert search.fit(frame, y).best_score_ > 0.9
    with parallel_config("threading", n_jobs=2):
        in_threads = clone(search).set_params(n_jobs=None).fit(frame, y)
    scores = [each.cv_results_["mean_test_score"] for each in (search, in_threads)]
    np.testing.assert_array_equal(*scores)


def test_with_skrubs_vectorizer() -> None:
    skrub = pytest.importorskip("skrub")
    x, y = blobs(2)
    frame = pd.DataFrame(x, columns=list("abcd")).assign(town=np.where(x[:, 0] > 0, "here", "there"))
    pipeline = make_pipeline(skrub.TableVectorizer(), GengapClassifier(**QUICK, random_state=0))
    assert pipeline.fit(frame, y).score(frame, y) > 0.9


@pytest.mark.parametrize("treatments", [(), (models.Ensemble(2), models.Mixup())])
def test_pickles_hold_the_network_as_a_keras_file(treatments: tuple[models.Treatment, ...]) -> None:
    x, y = blobs(2)
    fitted = GengapClassifier(**{**QUICK, "max_epochs": 5}, treatments=treatments, random_state=0).fit(x, y)
    assert fitted.__getstate__()["model_"][:2] == b"PK"
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(x), fitted.predict_proba(x))
    assert str(again.verdict_) == str(fitted.verdict_)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_epochs": 0}, "max_epochs is 0; expected a whole number of at least 1"),
        ({"batch_size": 2.5}, "batch_size is 2.5; expected a whole number"),
        ({"validation_fraction": 1.0}, "validation_fraction is 1.0; expected one between 0 and 1"),
        ({"learning_rate": -1}, "learning_rate is -1; expected a number above 0"),
        ({"units": (0,)}, r"units is \(0,\); expected the widths"),
        ({"units": 16}, "units is 16; expected the widths"),
        ({"treatments": "dropout"}, "treatments is 'dropout'; expected treatments"),
        ({"treatments": models.L2(0.1)}, r"treatments is L2\(strength=0.1\); expected treatments"),
        ({"learning_rate": "fast"}, "learning_rate is 'fast'; expected a number above 0"),
        ({"validation_fraction": "0.2"}, "validation_fraction is '0.2'; expected one between 0 and 1"),
        ({"learning_rate": 1e30, "activation": "linear"}, "never finite; lower learning_rate, which is 1e"),
    ],
)
def test_a_parameter_that_can_not_be_used_is_named(options: dict[str, Any], message: str) -> None:
    x, y = blobs(3)
    if "activation" in options:
        options = {**options, "treatments": (models.L2(1e30),)}
    with pytest.raises(ValueError, match=message):
        GengapClassifier(**{**QUICK, **options}).fit(x, y)


def test_numbers_have_no_labels_to_smooth() -> None:
    x, y = make_regression(60, 3, random_state=0)
    smoothed = GengapRegressor(treatments=(models.LabelSmoothing(0.1),))
    with pytest.raises(ValueError, match="which is for classes only"):
        smoothed.fit(x, y)


@pytest.mark.parametrize("words", [np.array(["yes", "no"] * 30), ["1", "no"] * 30, np.array(["no"] * 60, object)])
def test_a_word_in_the_place_of_a_number_is_named_as_plain_text(words: Any) -> None:
    x, y = make_regression(60, 2, random_state=0)
    word = next(each for each in words if each != "1")
    said = f"y holds '{word}'; expected numbers. For classes, use GengapClassifier"
    with pytest.raises(UsageError, match=said):
        GengapRegressor(**QUICK).fit(x, words)
    table = pd.DataFrame({"a": x[:, 0], "b": words})
    fitted = GengapClassifier(**QUICK).fit(x, y > 0)
    for call in (lambda: GengapClassifier(**QUICK).fit(table, y > 0), lambda: fitted.predict(table.to_numpy())):
        with pytest.raises(UsageError, match=f"X holds '{word}'; expected numbers. Encode words first"):
            call()


def test_a_skewed_target_is_learnt_as_its_logarithm() -> None:
    x, y = make_regression(200, 3, random_state=0)
    y = np.exp(y / y.std())
    treatments = (models.LogTarget(), models.QuantileNormal(8))
    fitted = GengapRegressor(**QUICK, treatments=treatments, random_state=0).fit(x, y)
    assert fitted.score(x, y) > 0.8 and fitted.predict(x).min() > 0
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict(x), fitted.predict(x))
    with pytest.raises(ValueError, match="expected positive numbers, a few of them large"):
        GengapRegressor(**QUICK, treatments=treatments).fit(x, -y)
    with pytest.raises(ValueError, match="which is for numbers only"):
        GengapClassifier(**QUICK, treatments=treatments).fit(x, y > 1)


@pytest.mark.parametrize("treatment", [models.Ensemble(2), models.Mixup(), models.LabelSmoothing(0.1)])
def test_three_classes_take_every_treatment(treatment: models.Treatment) -> None:
    x, y = blobs(3)
    fitted = GengapClassifier(**QUICK, treatments=(treatment,), random_state=0).fit(x, y)
    assert fitted.score(x, y) > 0.8

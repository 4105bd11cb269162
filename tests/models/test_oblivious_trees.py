"""CatBoost's trees as arrays: what they predict, and files that name what there is not. CatBoost is not needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io as skops
from scipy.special import expit, softmax
from sklearn.pipeline import make_pipeline

from gengap.errors import UsageError
from gengap.models.oblivious_trees import ObliviousTrees
from gengap.models.saved_baseline import baseline_outputs, for_raw_rows, load_baseline, save_baseline
from gengap.tasks import BINARY, Multiclass, Regression

X = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 3.0], [1.0, 3.0]], np.float32)
# One tree asks x0 > 0.5 (worth 1) and x1 > 2 (worth 2), the other only x1 > 2.
FEATURES, BORDERS = np.array([[0, 1], [1, 0]]), np.array([[0.5, 2], [2, np.inf]], np.float32)
LEAVES = np.array([[1.0, 10, 100, 1000], [0.5, 0.25, 0, 0]])
SUMS = np.array([1 + 0.5, 10 + 0.5, 100 + 0.25, 1000 + 0.25]) - 3


def trees(outputs: int = 1, by_class: bool = False, classes: int = 0) -> ObliviousTrees:
    found = ObliviousTrees(by_class, 2)
    found.n_features_in_, found.classes_, found.learning_rate_ = 2, np.arange(classes), 0.1
    found.bias_, found.features_, found.borders_ = np.full(outputs, -3.0), FEATURES, BORDERS
    found.leaves_ = LEAVES[:, :, None] * np.arange(1.0, outputs + 1)
    return found


def test_the_leaves_that_a_row_falls_into_are_added() -> None:
    np.testing.assert_allclose(trees().predict(X), SUMS)
    np.testing.assert_allclose(trees(1, True, 2).predict_proba(X)[:, 1], expit(SUMS))
    raw = (SUMS[:, None] + 3) * np.arange(1, 4) - 3
    np.testing.assert_allclose(trees(3, True, 3).predict_proba(X), softmax(raw, axis=1))


def test_the_first_trees_are_fitted_again_with_their_learning_rate() -> None:
    one = trees().first(1)
    np.testing.assert_allclose(one.predict(X), LEAVES[0] - 3)
    assert one.get_params() == {"by_class": False, "iterations": 1, "learning_rate": 0.1, "random_state": 0}


@pytest.mark.parametrize(
    ("task", "model"),
    [
        (Regression(), trees()),
        (BINARY, trees(1, True, 2)),
        (Multiclass(("a", "b", "c")), trees(3, True, 3)),
        (Multiclass(("a", "b", "c")), trees(1, True, 2)),  # no training row has the third class
    ],
)
def test_saved_trees_predict_as_before(task: Any, model: ObliviousTrees, tmp_path: Path) -> None:
    raw = make_pipeline(model)
    path, none = tmp_path / "a.skops", (np.zeros(2, np.float32), np.ones(2, np.float32))
    save_baseline(path, for_raw_rows(raw, *none))
    found = baseline_outputs(load_baseline(path, 2, task), task, X)
    np.testing.assert_array_equal(found, baseline_outputs(raw, task, X))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features_": np.array([[0, 2], [1, 0]])}, "columns that it doesn't have"),
        ({"features_": np.array([[0, -1], [1, 0]])}, "columns that it doesn't have"),
        ({"features_": FEATURES.astype(float)}, "columns that it doesn't have"),
        ({"borders_": BORDERS[:1]}, "don't fit together"),
        ({"leaves_": LEAVES[:, :2, None]}, "don't fit together"),
        ({"bias_": np.zeros(2)}, "don't fit together"),
        ({"features_": np.zeros((0, 10**9), np.int64), "borders_": np.zeros((0, 10**9), np.float32)}, "don't fit"),
        ({"leaves_": LEAVES[:, :, None] * np.nan}, "not finite"),
        ({"borders_": BORDERS * np.nan}, "not finite"),
        ({"bias_": np.array([np.inf])}, "not finite"),
        ({"bias_": np.array([True])}, "no numbers"),
        ({"leaves_": LEAVES.tolist()}, "no arrays"),
        ({"classes_": np.array([-1, 0])}, "no numbers of classes"),
        ({"classes_": np.array([1, 0])}, "no numbers of classes"),
        ({"predict": 3}, "other parts"),
    ],
)
def test_trees_that_name_what_there_is_not_are_refused(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path, model = tmp_path / "a.skops", trees()
    model.__dict__.update(change)
    skops.dump(make_pipeline(model), path)
    with pytest.raises(UsageError, match=message):
        load_baseline(path, 2, Regression())


@pytest.mark.parametrize("weights", [None, np.array([1.0, 1, 1, 3])])
def test_rows_that_do_not_differ_give_a_constant(weights: np.ndarray | None, tmp_path: Path) -> None:
    shares = np.array([1, 1, 2]) / 4 if weights is None else np.array([1, 1, 4]) / 6
    flat = np.zeros_like(X)
    three = ObliviousTrees(True).fit(flat, np.array([0, 1, 2, 2]), weights)
    np.testing.assert_allclose(three.predict_proba(X), np.tile(shares, (4, 1)))
    two = ObliviousTrees(True).fit(flat, np.array([0, 0, 1, 1]), weights)
    np.testing.assert_allclose(expit(two.decision_function(X)), 0.5 if weights is None else 4 / 6)
    numbers = ObliviousTrees(False).fit(flat, np.array([1.0, 2, 3, 6]), weights)
    np.testing.assert_allclose(numbers.predict(X), 3 if weights is None else 4)
    same = ObliviousTrees(False).fit(X, np.full(4, 7.0), weights)
    save_baseline(tmp_path / "a.skops", make_pipeline(same))
    np.testing.assert_allclose(load_baseline(tmp_path / "a.skops", 2, Regression()).predict(X), 7)

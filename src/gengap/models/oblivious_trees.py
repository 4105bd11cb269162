"""CatBoost's boosted trees, kept as arrays: they predict without CatBoost, and a file of them can do no harm."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from sklearn.base import BaseEstimator

DEEPEST = 16  # questions of a tree, CatBoost's own limit
LEARNT = {"learning_rate_", "n_features_in_", "classes_", "bias_", "features_", "borders_", "leaves_"}


class ObliviousTrees(BaseEstimator):
    """Boosted oblivious trees: all nodes of a level ask the same question, so a leaf is a binary number.

    CatBoost fits them with its default settings (Prokhorenkova, Gusev, Vorobev, Dorogush & Gulin 2018, "CatBoost:
    unbiased boosting with categorical features").

    Attributes:
        by_class: Whether the target is a class. Otherwise it is a number.
        iterations: Number of trees.
        learning_rate: Learning rate. Default: CatBoost chooses it by the rows and the trees.
        random_state: Seed.
        learning_rate_: The learning rate that was used.
        n_features_in_: Number of features.
        classes_: Class numbers, (classes,); empty for numbers.
        bias_: What the trees are added to, (outputs,): 1 for numbers and for two classes.
        features_: Feature of each question, (trees, depth).
        borders_: A question's answer is 1 where its feature is above the border, (trees, depth). Infinite in trees
            that are less deep.
        leaves_: Values of the leaves, (trees, 2**depth, outputs).
    """

    def __init__(
        self,
        by_class: bool = True,
        iterations: int = 1_000,
        learning_rate: float | None = None,
        random_state: int = 0,
    ) -> None:
        self.by_class = by_class
        self.iterations = iterations
        self.learning_rate = learning_rate
        self.random_state = random_state

    def fit(self, x: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> ObliviousTrees:
        """Fit the trees by CatBoost to features x (n, features) and the target y (n,).

        Where no feature or no number of the target differs, CatBoost fits nothing, and a constant is predicted.
        """
        self.n_features_in_ = x.shape[1]
        self.classes_ = np.unique(y).astype(int) if self.by_class else np.zeros(0, int)
        if not np.ptp(x, axis=0).any() or np.ptp(y) == 0:
            self._become_constant(y, sample_weight)
            return self
        import catboost  # pyright: ignore[reportMissingImports]  # of the extra `catboost`

        kind = catboost.CatBoostClassifier if self.by_class else catboost.CatBoostRegressor
        model = kind(
            iterations=self.iterations,
            learning_rate=self.learning_rate,
            random_seed=self.random_state,
            thread_count=1,  # the trees are the same on every machine
            verbose=False,
            allow_writing_files=False,
        )
        model.fit(x, y, sample_weight=sample_weight)
        self.learning_rate_ = float(model.learning_rate_)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "trees.json")
            model.save_model(str(path), format="json")
            self._take(msgspec.json.decode(path.read_bytes()))
        return self

    def _become_constant(self, y: np.ndarray, sample_weight: np.ndarray | None) -> None:
        """Predict the mean of y (n,), or the shares of its classes, without a tree."""
        self.learning_rate_ = self.learning_rate
        self.features_, self.borders_ = np.zeros((0, 0), np.int64), np.zeros((0, 0), np.float32)
        if self.by_class:
            shares = [np.average(y == each, weights=sample_weight) for each in self.classes_]
            logs = np.log(np.maximum(shares, np.finfo(float).tiny))
            self.bias_ = logs[1:] - logs[0] if len(logs) == 2 else logs
        else:
            self.bias_ = np.atleast_1d(np.average(y, weights=sample_weight))
        self.leaves_ = np.zeros((0, 1, len(self.bias_)))

    def _take(self, model: dict[str, Any]) -> None:
        """Take the trees of a model that CatBoost wrote as JSON."""
        scale, bias = model["scale_and_bias"]
        trees = model["oblivious_trees"]
        self.bias_ = np.asarray(bias, float)
        depth = max((len(tree["splits"]) for tree in trees), default=0)
        self.features_ = np.zeros((len(trees), depth), np.int64)
        self.borders_ = np.full((len(trees), depth), np.inf, np.float32)
        self.leaves_ = np.zeros((len(trees), 2**depth, len(self.bias_)))
        for number, tree in enumerate(trees):
            for level, split in enumerate(tree["splits"]):
                self.features_[number, level] = split["float_feature_index"]
                self.borders_[number, level] = split["border"]
            values = scale * np.reshape(tree["leaf_values"], (-1, len(self.bias_)))
            self.leaves_[number, : len(values)] = values

    def first(self, iterations: int) -> ObliviousTrees:
        """Return the fitted model of the first trees, as if no others had been fitted."""
        found = ObliviousTrees(self.by_class, iterations, self.learning_rate_, self.random_state)
        found.__dict__ |= {name: value for name, value in vars(self).items() if name.endswith("_")}
        for name in ("features_", "borders_", "leaves_"):
            setattr(found, name, getattr(self, name)[:iterations])
        return found

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return the number that is predicted for each row, (n,)."""
        return self._raw(x)[:, 0]

    def decision_function(self, x: np.ndarray) -> np.ndarray:
        """Return the logit of the second of two classes for each row, (n,)."""
        return self._raw(x)[:, 0]

    def predict_proba(self, x: np.ndarray) -> np.ndarray:
        """Return the probabilities of the classes, (n, classes)."""
        from scipy.special import softmax

        raw = self._raw(x)
        return softmax(np.hstack([np.zeros_like(raw), raw]) if raw.shape[1] == 1 else raw, axis=1)

    def _raw(self, x: np.ndarray) -> np.ndarray:
        """Return the sums of the leaves that the rows fall into, (n, outputs): logits for classes."""
        total = np.tile(self.bias_, (len(x), 1))
        places = 2 ** np.arange(self.features_.shape[1])
        for features, borders, leaves in zip(self.features_, self.borders_, self.leaves_, strict=True):
            total += leaves[(x[:, features] > borders) @ places]
        return total


def check_trees(model: ObliviousTrees) -> None:
    """Raise ValueError unless the arrays of a loaded model fit together, and every question is about a feature."""
    if set(vars(model)) != set(vars(ObliviousTrees())) | LEARNT:  # a method could be hidden by another one
        raise ValueError("it has other parts than CatBoost's trees")
    features, borders, leaves, bias = model.features_, model.borders_, model.leaves_, model.bias_
    if any(type(each) is not np.ndarray for each in (features, borders, leaves, bias, model.classes_)):
        raise ValueError("its questions and leaves are no arrays")
    if features.ndim != 2 or features.shape[1] > DEEPEST or borders.shape != features.shape:
        raise ValueError("its arrays of questions don't fit together")
    if leaves.shape != (len(features), 2 ** features.shape[1], len(bias)):
        raise ValueError("its arrays of questions and leaves don't fit together")
    if features.dtype.kind != "i" or ((features < 0) | (features >= model.n_features_in_)).any():
        raise ValueError("a tree names columns that it doesn't have")
    if any(each.dtype.kind != "f" for each in (borders, leaves, bias)):
        raise ValueError("its borders and leaves are no numbers")
    if np.isnan(borders).any() or not (np.isfinite(leaves).all() and np.isfinite(bias).all()):
        raise ValueError("its borders and leaves are not finite")
    classes = model.classes_
    if classes.dtype.kind != "i" or (classes < 0).any() or not np.array_equal(classes, np.unique(classes)):
        raise ValueError("its classes are no numbers of classes")

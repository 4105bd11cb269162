"""`GengapClassifier`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import expit, softmax
from sklearn.base import ClassifierMixin
from sklearn.utils import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets

from gengap.estimators.network import NetworkEstimator, validate_rows
from gengap.models.treatments import Treatment
from gengap.tasks import BINARY, Multiclass


class GengapClassifier(ClassifierMixin, NetworkEstimator):
    """A network of gengap's as a scikit-learn classifier, for two classes or more, that judges its own training.

    `units` are the widths of the hidden layers, `treatments` what is put round them (`gengap.models.L2` and
    others), `activation` the name of one of Keras'. `fit` holds out `validation_fraction` of the rows, of each
    class as much, standardises columns as the other rows say, and trains with Adam on batches of `batch_size` until
    the cross-entropy of the rows held out hasn't improved for `patience` epochs, `max_epochs` at most; the best
    epoch's weights are kept. `class_weight` is None, "balanced" or a dict of weights by class. The same
    `random_state` gives the same network.

    Fitted attributes: `classes_`, `history_` (a History), `verdict_` (a Verdict), `best_epoch_` (from 1), `n_iter_`
    (epochs run), `model_` (the Keras model, on standardised columns), `n_features_in_`, `feature_names_in_`.

    >>> from sklearn.datasets import make_blobs
    >>> X, y = make_blobs(60, centers=[[0, 0], [9, 9]], random_state=0)
    >>> classifier = GengapClassifier((8,), max_epochs=30, random_state=0).fit(X, y)
    >>> classifier.predict([[0, 0], [9, 9]]), classifier.verdict_.verdict
    (array([0, 1]), 'underfit')
    """

    def __init__(
        self,
        units: Sequence[int] = (64, 64),
        *,
        treatments: Sequence[Treatment] = (),
        activation: str = "elu",
        max_epochs: int = 300,
        batch_size: int = 64,
        patience: int = 20,
        learning_rate: float = 0.003,
        validation_fraction: float = 0.2,
        class_weight: Any = None,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            units,
            treatments=treatments,
            activation=activation,
            max_epochs=max_epochs,
            batch_size=batch_size,
            patience=patience,
            learning_rate=learning_rate,
            validation_fraction=validation_fraction,
            random_state=random_state,
        )
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> GengapClassifier:
        """Trains on X (n, features) of numbers and classes y (n,); `sample_weight` (n,) of 0 leaves a row out.

        Raises ValueError if there are fewer than two classes or rows, or if something is missing or no number.
        """
        X, y, weights = validate_rows(self, X, y, sample_weight)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y has 1 class, {self.classes_[0]!r}; expected at least 2 classes to tell apart")
        if self.class_weight is not None:
            balance = compute_sample_weight(self.class_weight, y)
            weights = balance if weights is None else weights * balance
        task = BINARY if len(self.classes_) == 2 else Multiclass(tuple(map(str, range(len(self.classes_)))))
        self._train(X, codes, weights, task, codes)
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """Logits: (n,) of the second class for two classes, else (n, classes)."""
        outputs = self._outputs(X)
        return outputs[:, 0] if len(self.classes_) == 2 else outputs

    def predict_proba(self, X: Any) -> np.ndarray:
        """Each class's probability, (n, classes), in the order of `classes_`."""
        logits = self.decision_function(X)
        return softmax(logits, axis=1) if logits.ndim == 2 else np.stack([expit(-logits), expit(logits)], axis=1)

    def predict(self, X: Any) -> np.ndarray:
        """The likeliest class of each row, (n,)."""
        logits = self.decision_function(X)
        return self.classes_[logits.argmax(axis=1) if logits.ndim == 2 else (logits > 0).astype(int)]

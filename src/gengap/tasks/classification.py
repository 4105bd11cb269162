"""Binary and multiclass tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from gengap.tasks.task import KerasSpec, Task


class Binary(Task, frozen=True, tag="binary"):
    """Two `classes`; the second is label 1, and a model's output is its log-odds."""

    classes: tuple[str, ...] = ("0", "1")
    loss: ClassVar[str] = "binary_crossentropy"
    score: ClassVar[str] = "accuracy"
    shown: ClassVar[tuple[str, ...]] = ("binary_crossentropy", "accuracy", "auc")
    keras_loss: ClassVar[KerasSpec] = ("BinaryCrossentropy", {"from_logits": True})
    keras_metrics: ClassVar[tuple[KerasSpec, ...]] = (
        ("BinaryCrossentropy", {"from_logits": True, "name": "binary_crossentropy"}),
        ("BinaryAccuracy", {"threshold": 0.0, "name": "accuracy"}),
    )

    def strata(self, values: np.ndarray) -> np.ndarray:
        """Return the label of each value, 0 or 1, (rows,)."""
        return _numbers(values, self.classes)

    def encoded(self, values: np.ndarray) -> np.ndarray:
        """Return the labels, 0 or 1, (rows,) float32."""
        return self.strata(values).astype(np.float32)

    def row_losses(self, outputs: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the cross-entropy of each row (..., rows)."""
        return cross_entropies(outputs[..., 0], y.reshape(-1))

    def correct(self, outputs: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return whether the sign of the log-odds fits the label (..., rows)."""
        return (outputs[..., 0] > 0) == (y.reshape(-1) == 1)

    def scores(self, outputs: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> dict[str, float]:
        """Return cross-entropy and accuracy, and AUC if both classes occur."""
        return super().scores(outputs, y, weights) | roc_auc(outputs[..., 0], y.reshape(-1), weights)

    def mix(self, outputs: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
        """Return the log-odds of the mean probability.

        >>> round(float(Binary().mix([np.array([[0.0]]), np.array([[2.0]])], [1, 1])[0, 0]), 4)
        0.802
        """
        from scipy.special import log_expit

        z = np.stack(outputs).astype(np.float64)
        return _log_mean(log_expit(z), weights) - _log_mean(log_expit(-z), weights)

    def predictions(self, outputs: np.ndarray) -> dict[str, np.ndarray]:
        """Return the probability of the second class, and the more likely class."""
        from scipy.special import expit

        shares = expit(outputs[:, 0].astype(np.float64)).astype(np.float32)
        return {"probability": shares, "predicted": class_values(self.classes)[(outputs[:, 0] > 0).astype(int)]}


class Multiclass(Task, frozen=True, tag="multiclass"):
    """Several `classes`; a model has one logit for each, and targets are one-hot."""

    classes: tuple[str, ...]
    loss: ClassVar[str] = "categorical_crossentropy"
    score: ClassVar[str] = "accuracy"
    shown: ClassVar[tuple[str, ...]] = ("categorical_crossentropy", "accuracy")
    keras_loss: ClassVar[KerasSpec] = ("CategoricalCrossentropy", {"from_logits": True})
    keras_metrics: ClassVar[tuple[KerasSpec, ...]] = (
        ("CategoricalCrossentropy", {"from_logits": True, "name": "categorical_crossentropy"}),
        ("CategoricalAccuracy", {"name": "accuracy"}),
    )

    @property
    def outputs(self) -> int:
        """One output for each class."""
        return len(self.classes)

    def strata(self, values: np.ndarray) -> np.ndarray:
        """Return the number of each value's class, from 0, (rows,)."""
        return _numbers(values, self.classes)

    def encoded(self, values: np.ndarray) -> np.ndarray:
        """Return one-hot targets, (rows, classes)."""
        return np.eye(self.outputs, dtype=np.float32)[self.strata(values)]

    def labels(self, y: np.ndarray) -> np.ndarray:
        """Return the number of the class from one-hot targets (rows, classes)."""
        return y.argmax(axis=-1)

    def row_losses(self, outputs: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the cross-entropy of each row (..., rows)."""
        from scipy.special import log_softmax

        return -(log_softmax(outputs.astype(np.float64), axis=-1) * y).sum(axis=-1)

    def correct(self, outputs: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return whether the class of the largest logit is the label (..., rows)."""
        return outputs.argmax(axis=-1) == self.labels(y)

    def mix(self, outputs: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
        """Return the logarithms of the mean probabilities."""
        from scipy.special import log_softmax

        return _log_mean(log_softmax(np.stack(outputs).astype(np.float64), axis=-1), weights)

    def predictions(self, outputs: np.ndarray) -> dict[str, np.ndarray]:
        """Return the probability of every class, and the most likely class."""
        from scipy.special import softmax

        shares = softmax(outputs.astype(np.float64), axis=-1).astype(np.float32)
        probabilities = {f"probability_{name}": shares[:, i] for i, name in enumerate(self.classes)}
        return probabilities | {"predicted": class_values(self.classes)[shares.argmax(axis=-1)]}


def class_values(classes: tuple[str, ...]) -> np.ndarray:
    """Return the classes (classes,) as a table holds them: integers if all names are integers, else texts.

    >>> class_values(("0", "1")).dtype.kind, class_values(("no", "1")).dtype.kind
    ('i', 'U')
    """
    texts = np.array(classes)
    try:
        numbers = texts.astype(np.int64)
    except (ValueError, OverflowError):
        return texts
    return numbers if (numbers.astype(str) == texts).all() else texts


def cross_entropies(logits: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return each row's cross-entropy (..., rows) float64 from logits (..., rows) and labels (rows,) of 0 and 1."""
    z = logits.astype(np.float64)
    return np.logaddexp(0, z) - y * z


def roc_auc(scores: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None) -> dict[str, float]:
    """Return the area under the ROC curve as {"auc": ...}; nothing without both classes."""
    from sklearn.metrics import roc_auc_score

    counted = labels if weights is None else labels[weights > 0]
    if len(np.unique(counted)) != 2:
        return {}
    return {"auc": float(roc_auc_score(labels, scores, sample_weight=weights))}


def _log_mean(logs: np.ndarray, weights: Sequence[float]) -> np.ndarray:
    """Return the logarithm of the weighted mean of probabilities, from their logarithms (models, ...)."""
    from scipy.special import logsumexp

    shares = np.asarray(weights, np.float64) / np.sum(weights)
    return logsumexp(logs, axis=0, b=shares.reshape(-1, *[1] * (logs.ndim - 1)))


def _numbers(values: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """Return each value's position among the classes (rows,)."""
    known = np.asarray(classes).astype(values.dtype)
    order = np.argsort(known)
    return order[np.searchsorted(known[order], values)]

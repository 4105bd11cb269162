"""What a model predicts: one of two classes, one of several, or a number.

A task is plain data with everything in which the three differ: how the target's values become numbers, with which
of Keras' losses and metrics a model is compiled, what a row's loss is, and what outputs mean. The rest of gengap
asks the task and does not know the kinds. Targets are `y` (rows,) or, one-hot, (rows, classes) float32; outputs are
(..., rows, outputs).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec
import numpy as np

from gengap.errors import DataError, UsageError
from gengap.options.spec import TaskName

KerasSpec = tuple[str, Mapping[str, Any]]  # the name of one of Keras' classes, and its arguments
LEAST_SHARE = 1e-6  # of a class in a constant prediction, also if no training row has it
MOST_CLASSES = 100  # a target of more values is most likely not classes
SKEWED = 1.0  # skewness of a target from which on its logarithm is tried
CLASSES_GUESSED = 20  # whole numbers with at most this many values are read as classes, with more as a quantity


class Task(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="name"):
    """A kind of task.

    Attributes:
        loss: The metric that verdicts judge.
        score: The metric that people read, such as accuracy.
        shown: All metrics that summaries show.
        by_class: Whether there are classes; a split keeps their shares.
    """

    loss: ClassVar[str]
    score: ClassVar[str]
    shown: ClassVar[tuple[str, ...]]
    keras_loss: ClassVar[KerasSpec]
    keras_metrics: ClassVar[tuple[KerasSpec, ...]]
    by_class: ClassVar[bool] = True

    @property
    def name(self) -> TaskName:
        """The kind: "binary", "multiclass" or "regression"."""
        return self.__struct_config__.tag  # pyright: ignore[reportReturnType]

    @property
    def outputs(self) -> int:
        """How many outputs a model has."""
        return 1

    def encoded(self, values: np.ndarray) -> np.ndarray:
        """Return the target's `values` (rows,) as models take them, float32."""
        raise NotImplementedError

    def strata(self, values: np.ndarray) -> np.ndarray:
        """Return what a split keeps the shares of: each value's class as a number, or the value, (rows,)."""
        return values

    def labels(self, y: np.ndarray) -> np.ndarray:
        """Return the classes' numbers, or the values, (rows,) from a target as models take it."""
        return y.reshape(-1)

    def row_losses(self, outputs: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return every row's loss (..., rows) float64."""
        raise NotImplementedError

    def right(self, outputs: np.ndarray, y: np.ndarray) -> np.ndarray | None:
        """Tell whether the predicted class is right (..., rows); None without classes."""
        return None

    def row_errors(self, outputs: np.ndarray, y: np.ndarray) -> np.ndarray | None:
        """Return every row's error (..., rows): whether its class is wrong; None if it has no class."""
        right = self.right(outputs, y)
        return None if right is None else 1.0 - right

    def in_units(self, metrics: Mapping[str, float]) -> dict[str, float]:
        """Return the errors of a number in the target's own units, "rmse" and "mae"; nothing for classes."""
        return {}

    def constant_losses(self, train_y: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        """Return the losses (rows,) on `y` of one prediction for all rows, the best one on the training rows.

        It is the classes' shares, or the mean of a number.

        >>> Binary().constant_losses(np.array([0.0, 1.0, 1.0, 1.0]), np.array([1.0, 0.0])).round(4).tolist()
        [0.2877, 1.3863]

        Args:
            train_y: Target of the training rows.
            y: Target of the rows.
            weights: Weights of the training rows.
        """
        targets = train_y.reshape(len(train_y), -1).astype(np.float64)
        means = np.average(targets, axis=0, weights=weights)
        if not self.by_class:
            return (y.reshape(-1).astype(np.float64) - means[0]) ** 2
        shares = np.clip(means, LEAST_SHARE, 1 - LEAST_SHARE)
        found = y.reshape(len(y), -1).astype(np.float64)
        losses = -(found * np.log(shares)).sum(axis=1)
        return losses - (1 - found[:, 0]) * np.log(1 - shares[0]) if len(shares) == 1 else losses

    def scores(self, outputs: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> dict[str, float]:
        """Return metrics by name of one model's outputs (rows, outputs), the loss first. All are weighted means."""
        raise NotImplementedError

    def mix(self, outputs: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
        """Return the outputs (rows, outputs) of a model that predicts the weighted mean of several predictions.

        Numbers are averaged. Of classes the probabilities are averaged, not the logits.

        Args:
            outputs: Outputs of each model, (rows, outputs).
            weights: Weight of each model, above 0; their sum may be anything.
        """
        shares = np.asarray(weights, np.float64) / np.sum(weights)
        return np.tensordot(shares, np.stack(outputs).astype(np.float64), axes=1)

    def answers(self, outputs: np.ndarray) -> dict[str, np.ndarray]:
        """Return predictions by column, (rows,), from a model's outputs (rows, outputs)."""
        raise NotImplementedError


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
        """Return 0 and 1."""
        return _numbers(values, self.classes)

    def encoded(self, values: np.ndarray) -> np.ndarray:
        """Return 0 and 1."""
        return self.strata(values).astype(np.float32)

    def row_losses(self, outputs: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return cross-entropies."""
        return cross_entropies(outputs[..., 0], y.reshape(-1))

    def right(self, outputs: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Compare the sign of the log-odds with the label."""
        return (outputs[..., 0] > 0) == (y.reshape(-1) == 1)

    def scores(self, outputs: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> dict[str, float]:
        """Return cross-entropy and accuracy, and AUC if both classes are there."""
        return _of_classes(self, outputs, y, weights) | roc_auc(outputs[..., 0], y.reshape(-1), weights)

    def mix(self, outputs: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
        """Return the log-odds of the mean probability.

        >>> round(float(Binary().mix([np.array([[0.0]]), np.array([[2.0]])], [1, 1])[0, 0]), 4)
        0.802
        """
        from scipy.special import log_expit

        z = np.stack(outputs).astype(np.float64)
        return _log_mean(log_expit(z), weights) - _log_mean(log_expit(-z), weights)

    def answers(self, outputs: np.ndarray) -> dict[str, np.ndarray]:
        """Return the probability of the second class, and the class that is more likely."""
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
        """Return the classes' numbers, from 0."""
        return _numbers(values, self.classes)

    def encoded(self, values: np.ndarray) -> np.ndarray:
        """Return one-hot targets, (rows, classes)."""
        return np.eye(self.outputs, dtype=np.float32)[self.strata(values)]

    def labels(self, y: np.ndarray) -> np.ndarray:
        """Return the position of the 1."""
        return y.argmax(axis=-1)

    def row_losses(self, outputs: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return cross-entropies."""
        from scipy.special import log_softmax

        return -(log_softmax(outputs.astype(np.float64), axis=-1) * y).sum(axis=-1)

    def right(self, outputs: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Compare the class of the largest logit with the label."""
        return outputs.argmax(axis=-1) == self.labels(y)

    def scores(self, outputs: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> dict[str, float]:
        """Return cross-entropy and accuracy."""
        return _of_classes(self, outputs, y, weights)

    def mix(self, outputs: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
        """Return the logarithms of the mean probabilities."""
        from scipy.special import log_softmax

        return _log_mean(log_softmax(np.stack(outputs).astype(np.float64), axis=-1), weights)

    def answers(self, outputs: np.ndarray) -> dict[str, np.ndarray]:
        """Return the probability of every class, and the most likely class."""
        from scipy.special import softmax

        shares = softmax(outputs.astype(np.float64), axis=-1).astype(np.float32)
        probabilities = {f"probability_{name}": shares[:, i] for i, name in enumerate(self.classes)}
        return probabilities | {"predicted": class_values(self.classes)[shares.argmax(axis=-1)]}


class LogScale(msgspec.Struct, frozen=True):
    """Mean and standard deviation of a positive target's logarithms; the lowest and highest standardised one."""

    mean: float
    scale: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, values: np.ndarray) -> LogScale | None:
        """Return the scale of values (rows,); None unless they are positive and skewed, and their logarithms less.

        >>> LogScale.of(np.array([1.0, 2.0, 3.0])) is None
        True
        >>> round(LogScale.of(np.geomspace(1, 10_000, 9)).scale, 2)
        2.97
        """
        if len(values) == 0 or not 0 < values.min() < values.max():
            return None
        logs = np.log(values.astype(np.float64))
        if not skewness(values) > max(SKEWED, abs(2 * skewness(logs))):
            return None
        mean, scale = float(logs.mean()), float(logs.std())
        return cls(mean, scale, (float(logs.min()) - mean) / scale, (float(logs.max()) - mean) / scale)


def skewness(values: np.ndarray) -> float:
    """Return the third standardised moment of values (rows,) that differ."""
    centred = values.astype(np.float64) - values.mean()
    centred /= np.abs(centred).max()  # powers of large numbers have no float64
    return float((centred**3).mean() / (centred**2).mean() ** 1.5)


class Regression(Task, frozen=True, tag="regression"):
    """A number. Models learn it standardised by `mean` and `scale` of the training rows' target.

    So the loss, the mean squared error, is in units of the training target's variance: 1 is what the mean alone
    reaches, and 1 minus the loss is about R².

    Attributes:
        logs: The scale of the target's logarithms, if it is positive and skewed.
    """

    mean: float = 0.0
    scale: float = 1.0
    logs: LogScale | None = None
    loss: ClassVar[str] = "mean_squared_error"
    score: ClassVar[str] = "r2"
    shown: ClassVar[tuple[str, ...]] = ("mean_squared_error", "mean_absolute_error", "r2")
    keras_loss: ClassVar[KerasSpec] = ("MeanSquaredError", {})
    keras_metrics: ClassVar[tuple[KerasSpec, ...]] = (
        ("MeanSquaredError", {"name": "mean_squared_error"}),
        ("MeanAbsoluteError", {"name": "mean_absolute_error"}),
        ("R2Score", {"name": "r2"}),
    )
    by_class: ClassVar[bool] = False
    classes: ClassVar[tuple[str, ...]] = ()

    def standardised_by(self, values: np.ndarray, place: str, weights: np.ndarray | None = None) -> Regression:
        """Return the task with the mean and scale of the training rows' `values` (rows,).

        Raises:
            DataError: If all values are equal.
        """
        numbers = values.astype(np.float64)
        if not (scale := weighted_variance(numbers, weights) ** 0.5) > 0:
            raise DataError(f"{place}: all {len(values)} training rows have one value. Take more rows")
        return Regression(float(np.average(numbers, weights=weights)), scale, LogScale.of(numbers))

    def encoded(self, values: np.ndarray) -> np.ndarray:
        """Return standardised values."""
        return ((values.astype(np.float64) - self.mean) / self.scale).astype(np.float32)

    def row_losses(self, outputs: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return squared errors."""
        return (outputs[..., 0].astype(np.float64) - y.reshape(-1)) ** 2

    def scores(self, outputs: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> dict[str, float]:
        """Return mean squared error, mean absolute error and R², and both errors in the target's own units."""
        error = float(np.average(self.row_losses(outputs, y), weights=weights))
        absolute = float(np.average(self.row_errors(outputs, y), weights=weights))
        variance = weighted_variance(y, weights)
        explained = {"r2": 1 - error / variance} if variance > 0 else {}
        found = {self.loss: error, "mean_absolute_error": absolute, **explained}
        return found | self.in_units(found)

    def row_errors(self, outputs: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return absolute errors."""
        return np.abs(outputs[..., 0].astype(np.float64) - y.reshape(-1))

    def in_units(self, metrics: Mapping[str, float]) -> dict[str, float]:
        """Return root mean squared error and mean absolute error in the target's own units."""
        found: dict[str, float] = {}
        if self.loss in metrics:
            found["rmse"] = self.scale * max(metrics[self.loss], 0.0) ** 0.5
        if "mean_absolute_error" in metrics:
            found["mae"] = self.scale * metrics["mean_absolute_error"]
        return found

    def answers(self, outputs: np.ndarray) -> dict[str, np.ndarray]:
        """Return the number in the target's own units, float64: 32 bits may be too few to tell values apart."""
        return {"prediction": outputs[:, 0].astype(np.float64) * self.scale + self.mean}


class OwnLoss(Task, frozen=True, tag="own-loss"):
    """Whatever the loss of a user's model asks: labels, masks, sequences, numbers of any shape.

    What trials record as outputs are not the model's: they are, for each row, its loss and the share of its labels
    that are predicted wrongly, (rows, 2). Without classes, the second is 0.

    Attributes:
        has_classes: Whether the loss is one of classes.
    """

    has_classes: bool = False
    loss: ClassVar[str] = "row_loss"
    score: ClassVar[str] = "accuracy"
    shown: ClassVar[tuple[str, ...]] = ("row_loss", "accuracy")
    by_class: ClassVar[bool] = False
    classes: ClassVar[tuple[str, ...]] = ()

    def row_losses(self, outputs: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the recorded losses."""
        return outputs[..., 0].astype(np.float64)

    def right(self, outputs: np.ndarray, y: np.ndarray) -> np.ndarray | None:
        """Return the share of a row's labels that are right; None without classes."""
        return 1.0 - outputs[..., 1].astype(np.float64) if self.has_classes else None

    def scores(self, outputs: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> dict[str, float]:
        """Return the loss, and the accuracy of classes."""
        right = self.right(outputs, y)
        values = {self.loss: self.row_losses(outputs, y)} | ({} if right is None else {"accuracy": right})
        return {name: float(np.average(each, weights=weights)) for name, each in values.items()}


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


AnyTask = Binary | Multiclass | Regression | OwnLoss
BINARY = Binary()
TASKS: dict[TaskName, type[Task]] = {"binary": Binary, "multiclass": Multiclass, "regression": Regression}
ALL_TASKS = (*TASKS.values(), OwnLoss)
LOSSES = tuple(task.loss for task in ALL_TASKS)
SCORES = tuple(dict.fromkeys(task.score for task in ALL_TASKS))


def task_of(values: np.ndarray, name: TaskName | None, place: str) -> AnyTask:
    """Return the task that a target makes: the one named, or the one that its values look like.

    Two values are a binary task. Texts, and whole numbers with at most CLASSES_GUESSED values, are a multiclass
    task. Other numbers are a regression, which is not standardised yet.

    Args:
        values: The target's values (rows,), numbers or texts.
        name: The task's name, or None to guess it.
        place: Where the values come from, for errors.

    Raises:
        DataError: If all values are equal.
        UsageError: If the values don't fit the named task.
    """
    distinct = np.unique(values)
    numbers = np.issubdtype(distinct.dtype, np.number)
    names = tuple(_name(value) for value in distinct[: MOST_CLASSES + 1])
    shown = ", ".join(names[:6]) + (", …" if len(distinct) > 6 else "")
    if len(distinct) < 2:
        raise DataError(
            f"{place}: all {len(values)} rows have the label {shown}; expected at least two classes, or numbers "
            "that differ. Name another column with --target, or take more rows"
        )
    if name is None:
        classes = not numbers or (len(distinct) <= CLASSES_GUESSED and bool((distinct == np.round(distinct)).all()))
        name = "binary" if len(distinct) == 2 else "multiclass" if classes else "regression"
    if name == "regression" and not numbers:
        raise UsageError(f"{place}: the values are {shown}; expected numbers for --task regression")
    fewest, most = {"binary": (2, 2), "multiclass": (3, MOST_CLASSES), "regression": (2, len(distinct))}[name]
    if not fewest <= len(distinct) <= most:
        other = "binary" if len(distinct) == 2 else "multiclass" if len(distinct) <= MOST_CLASSES else "regression"
        expected = str(fewest) if fewest == most else f"{fewest} to {most}"
        hint = f"Try --task {other}, or name" if numbers or other != "regression" else "Name"
        raise UsageError(
            f"{place}: there are {len(distinct)} values ({shown}); expected {expected} classes for --task {name}. "
            f"{hint} another column with --target"
        )
    return Regression() if name == "regression" else Binary(names) if name == "binary" else Multiclass(names)


def cross_entropies(logits: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return each row's cross-entropy (..., rows) float64 from logits (..., rows) and labels (rows,) of 0 and 1."""
    z = logits.astype(np.float64)
    return np.logaddexp(0, z) - y * z


def weighted_variance(values: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Return the weighted variance around the weighted mean."""
    numbers = values.reshape(-1).astype(np.float64)
    if weights is None:
        return float(numbers.var())
    return float(np.average((numbers - np.average(numbers, weights=weights)) ** 2, weights=weights))


def roc_auc(scores: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None) -> dict[str, float]:
    """Return the area under the ROC curve as {"auc": ...}; nothing without both classes."""
    from sklearn.metrics import roc_auc_score

    weighted_labels = labels if weights is None else labels[weights > 0]
    return (
        {"auc": float(roc_auc_score(labels, scores, sample_weight=weights))}
        if len(np.unique(weighted_labels)) == 2
        else {}
    )


def _log_mean(logs: np.ndarray, weights: Sequence[float]) -> np.ndarray:
    """Return the logarithm of the weighted mean of probabilities, from their logarithms (models, ...)."""
    from scipy.special import logsumexp

    shares = np.asarray(weights, np.float64) / np.sum(weights)
    return logsumexp(logs, axis=0, b=shares.reshape(-1, *[1] * (logs.ndim - 1)))


def _name(value: Any) -> str:
    return str(int(value)) if isinstance(value, np.floating) and value == np.round(value) else str(value)


def _numbers(values: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """Return each value's position among the classes (rows,)."""
    known = np.asarray(classes).astype(values.dtype)
    order = np.argsort(known)
    return order[np.searchsorted(known[order], values)]


def _of_classes(task: Task, outputs: np.ndarray, y: np.ndarray, weights: np.ndarray | None) -> dict[str, float]:
    right = task.right(outputs, y)
    assert right is not None
    values = {task.loss: task.row_losses(outputs, y), "accuracy": right}
    return {name: float(np.average(each, weights=weights)) for name, each in values.items()}

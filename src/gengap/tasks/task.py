"""What all tasks have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec
import numpy as np

from gengap.options.spec import TaskName

KerasSpec = tuple[str, Mapping[str, Any]]  # the name of one of Keras' classes, and its arguments
LEAST_SHARE = 1e-6  # of a class in a constant prediction, also if no training row has it


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

    def correct(self, outputs: np.ndarray, y: np.ndarray) -> np.ndarray | None:
        """Return whether the predicted class is correct (..., rows); None without classes."""
        return None

    def row_errors(self, outputs: np.ndarray, y: np.ndarray) -> np.ndarray | None:
        """Return every row's error (..., rows): whether its class is wrong; None if it has no class."""
        right = self.correct(outputs, y)
        return None if right is None else 1.0 - right

    def in_units(self, metrics: Mapping[str, float]) -> dict[str, float]:
        """Return the errors of a number in the target's own units, "rmse" and "mae"; nothing for classes."""
        return {}

    def constant_losses(self, train_y: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        """Return the losses (rows,) on `y` of one prediction for all rows, the best one on the training rows.

        It is the classes' shares, or the mean of a number.

        >>> from gengap.tasks import BINARY
        >>> BINARY.constant_losses(np.array([0.0, 1.0, 1.0, 1.0]), np.array([1.0, 0.0])).round(4).tolist()
        [0.2877, 1.3863]
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
        values = {self.loss: self.row_losses(outputs, y)}
        if (correct := self.correct(outputs, y)) is not None:
            values["accuracy"] = correct
        return {name: float(np.average(each, weights=weights)) for name, each in values.items()}

    def mix(self, outputs: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
        """Return the outputs (rows, outputs) of a model that predicts the weighted mean of several predictions.

        Numbers are averaged. Of classes the probabilities are averaged, not the logits. Weights are above 0; their
        sum may be anything.
        """
        shares = np.asarray(weights, np.float64) / np.sum(weights)
        return np.tensordot(shares, np.stack(outputs).astype(np.float64), axes=1)

    def predictions(self, outputs: np.ndarray) -> dict[str, np.ndarray]:
        """Return predictions by column, (rows,), from a model's outputs (rows, outputs)."""
        raise NotImplementedError

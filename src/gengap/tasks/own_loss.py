"""The task of a user's model whose loss is none of gengap's."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from gengap.tasks.task import Task


class OwnLoss(Task, frozen=True, tag="own-loss"):
    """Whatever the loss of a user's model asks: labels, masks, sequences, numbers of any shape.

    What trials record as outputs are not the model's: they are, for each row, its loss and the share of its labels
    that are predicted wrongly, and the predicted class or number if there is one, (rows, 2 or 3). Without classes,
    the second is 0.

    Attributes:
        has_classes: Whether the loss is one of classes.
        classes: Names of the classes in the order of their labels, if they are known.
    """

    has_classes: bool = False
    classes: tuple[str, ...] = ()
    loss: ClassVar[str] = "row_loss"
    score: ClassVar[str] = "accuracy"
    shown: ClassVar[tuple[str, ...]] = ("row_loss", "accuracy")
    by_class: ClassVar[bool] = False

    def row_losses(self, outputs: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the recorded losses."""
        return outputs[..., 0].astype(np.float64)

    def correct(self, outputs: np.ndarray, y: np.ndarray) -> np.ndarray | None:
        """Return the share of a row's labels that are right; None without classes."""
        return 1.0 - outputs[..., 1].astype(np.float64) if self.has_classes else None

    def scores(self, outputs: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> dict[str, float]:
        """Return the loss, and the accuracy of classes."""
        right = self.correct(outputs, y)
        values = {self.loss: self.row_losses(outputs, y)} | ({} if right is None else {"accuracy": right})
        return {name: float(np.average(each, weights=weights)) for name, each in values.items()}

"""All kinds of tasks, which of them a target makes, and the task of a loss that is a user's own."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from gengap.errors import DataError, UsageError
from gengap.options.spec import TaskName
from gengap.tasks.classification import Binary, Multiclass
from gengap.tasks.regression import Regression
from gengap.tasks.task import Task

MOST_CLASSES = 100  # a target of more values is most likely not classes
CLASSES_GUESSED = 20  # whole numbers with at most this many values are read as classes, with more as a quantity


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
            f"{place}: all {len(values):,} rows have the label {shown}; expected at least two classes, or numbers "
            "that differ. Name another column with --target, or take more rows"
        )
    if name is None:
        classes = not numbers or (len(distinct) <= CLASSES_GUESSED and bool((distinct == np.round(distinct)).all()))
        name = "binary" if len(distinct) == 2 else "multiclass" if classes else "regression"
        wanted = "classes"
    else:
        wanted = f"classes for --task {name}"
    if name == "regression" and not numbers:
        raise UsageError(f"{place}: the values are {shown}; expected numbers for --task regression")
    fewest, most = {"binary": (2, 2), "multiclass": (3, MOST_CLASSES), "regression": (2, len(distinct))}[name]
    if not fewest <= len(distinct) <= most:
        other = "binary" if len(distinct) == 2 else "multiclass" if len(distinct) <= MOST_CLASSES else "regression"
        expected = str(fewest) if fewest == most else f"{fewest} to {most}"
        hint = f"Try --task {other}, or name" if numbers or other != "regression" else "Name"
        raise UsageError(
            f"{place}: there are {len(distinct):,} values ({shown}); expected {expected} {wanted}. "
            f"{hint} another column with --target"
        )
    return Regression() if name == "regression" else Binary(names) if name == "binary" else Multiclass(names)


def _name(value: Any) -> str:
    return str(int(value)) if isinstance(value, np.floating) and value == np.round(value) else str(value)

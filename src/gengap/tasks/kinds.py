"""All kinds of tasks, and which of them a target makes."""

from __future__ import annotations

from typing import Any

import numpy as np

from gengap.errors import DataError, UsageError
from gengap.options.spec import TaskName
from gengap.tasks.classification import Binary, Multiclass
from gengap.tasks.own_loss import OwnLoss
from gengap.tasks.regression import Regression
from gengap.tasks.task import Task

MOST_CLASSES = 100  # a target of more values is most likely not classes
CLASSES_GUESSED = 20  # whole numbers with at most this many values are read as classes, with more as a quantity
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

"""Other splits of a dataset's rows, for cross-validation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from gengap.data.dataset import Dataset
from gengap.data.rows import Rows
from gengap.data.stored import StoredRows

BOUND = {"group", "time"}  # kinds of columns by which rows were split


def exchangeable(dataset: Dataset) -> bool:
    """Whether any row may validate in any other's place: those of one group or of one time may not."""
    bound = any(column.kind in BOUND for column in dataset.described.columns)
    return not bound and not isinstance(dataset.train, StoredRows)


def folds(dataset: Dataset, count: int, seed: int = 0) -> Iterator[tuple[np.ndarray, Rows, Rows]]:
    """Each of `count` parts of the training rows in turn changes places with the validation rows.

    Yields which training rows (indices) validate, then the rows that train and those that validate. With a fifth of
    the rows validating and four parts, that is five-fold cross-validation of which the dataset itself is the first
    fold. Classes keep their shares. The preparation is the dataset's own: it knows the features of the rows that
    validate here, and nothing of their targets.

    >>> from gengap.data.dataset import load
    >>> dataset = load("collider", train=100, validation=20)
    >>> [(len(held), len(train), len(validation)) for held, train, validation in folds(dataset, 4)]
    [(25, 95, 25), (25, 95, 25), (25, 95, 25), (25, 95, 25)]
    """
    from sklearn.model_selection import KFold, StratifiedKFold

    labels = dataset.task.labels(dataset.train.y) if dataset.task.by_class else None
    even = labels is not None and np.unique(labels, return_counts=True)[1].min() >= count
    split = (StratifiedKFold if even else KFold)(count, shuffle=True, random_state=seed)
    for stay, held in split.split(dataset.train.y, labels if even else None):
        rows, validation = _taken(dataset.train, stay), _taken(dataset.train, held)
        pairs = zip(_parts(rows), _parts(dataset.validation), strict=True)
        other = replace(dataset, train=Rows(*(_joined(*pair) for pair in pairs)), validation=validation)
        yield held, (other.balanced() if dataset.train.emphasis is not None else other).train, validation


def _taken(rows: Rows, at: np.ndarray) -> Rows:
    return Rows(*(None if part is None else part[at] for part in _parts(rows)))


def _parts(rows: Rows) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """All but the emphasis, which is of the rows that train together."""
    return rows.x, rows.y, rows.weights


def _joined(ours: np.ndarray | None, theirs: np.ndarray | None) -> np.ndarray | None:
    return None if ours is None or theirs is None else np.concatenate([ours, theirs])

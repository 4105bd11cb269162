"""Further splits of a dataset's rows, for cross-validation."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import numpy as np

from gengap.data.dataset import Dataset
from gengap.data.rows import Rows


def folds(dataset: Dataset, count: int, seed: int = 0) -> Iterator[tuple[np.ndarray, Rows, Rows]]:
    """Yield `count` folds, in each of which a part of the training rows changes places with validation rows.

    With a fifth of the rows in validation, the dataset and four folds make five-fold cross-validation. Classes
    keep their shares. The preparation stays that of the dataset, so it was fitted to rows that validate here too.

    Args:
        dataset: The dataset.
        count: Number of folds.
        seed: Seed of the parts.

    Yields:
        Indices of the training rows that validate in this fold, its training rows and its validation rows.

    >>> from gengap.data.dataset import load
    >>> dataset = load("collider", train=100, validation=20)
    >>> [(len(held), len(train), len(validation)) for held, train, validation in folds(dataset, 4)]
    [(20, 100, 20), (20, 100, 20), (20, 100, 20), (20, 100, 20)]
    """
    random = np.random.default_rng(seed)
    for validating in islice(
        _parts(dataset, max(count, -(-len(dataset.train) // len(dataset.validation))), seed), count
    ):
        staying = np.setdiff1d(np.arange(len(dataset.train)), validating)
        coming = np.sort(random.permutation(len(dataset.validation))[: len(validating)])
        joined = [
            np.concatenate([ours[staying], theirs[coming]])
            for ours, theirs in ((dataset.train.x, dataset.validation.x), (dataset.train.y, dataset.validation.y))
        ]
        validation = Rows(dataset.train.x[validating], dataset.train.y[validating])
        other = replace(dataset, train=Rows(*joined), validation=validation)
        yield validating, (other.balanced() if dataset.train.class_factors is not None else other).train, validation


def _parts(dataset: Dataset, count: int, seed: int) -> Iterator[np.ndarray]:
    """Yield the training rows (indices) in `count` parts, with equal shares of classes if possible."""
    from sklearn.model_selection import KFold, StratifiedKFold

    labels = dataset.task.labels(dataset.train.y) if dataset.task.by_class else None
    even = labels is not None and np.unique(labels, return_counts=True)[1].max() >= count
    split = (StratifiedKFold if even else KFold)(count, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class with fewer rows than parts can't be in each of them
        yield from (validating for _, validating in split.split(dataset.train.y, labels if even else None))

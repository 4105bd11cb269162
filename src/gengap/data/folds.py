"""Other splits of a dataset's rows, for cross-validation."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import numpy as np

from gengap.data.dataset import Dataset
from gengap.data.rows import Rows


def folds(dataset: Dataset, count: int, seed: int = 0) -> Iterator[tuple[np.ndarray, Rows, Rows]]:
    """`count` parts of the training rows, each of which in turn changes places with as many validation rows.

    Yields which training rows (indices) validate, then the rows that train and those that validate. As many train
    as in the dataset; a part has as many rows as validate there, or fewer, if there are not so many training rows.
    So with a fifth of the rows validating, four parts are five-fold cross-validation, the dataset itself being the
    first fold. Classes keep their shares. The preparation is the dataset's own: it knows the features of the rows
    that validate here, and of numbers to predict their mean and spread.

    >>> from gengap.data.dataset import load
    >>> dataset = load("collider", train=100, validation=20)
    >>> [(len(held), len(train), len(validation)) for held, train, validation in folds(dataset, 4)]
    [(20, 100, 20), (20, 100, 20), (20, 100, 20), (20, 100, 20)]
    """
    random = np.random.default_rng(seed)
    for held in islice(_parts(dataset, max(count, -(-len(dataset.train) // len(dataset.validation))), seed), count):
        stay = np.setdiff1d(np.arange(len(dataset.train)), held)
        come = np.sort(random.permutation(len(dataset.validation))[: len(held)])
        joined = [
            np.concatenate([ours[stay], theirs[come]])
            for ours, theirs in ((dataset.train.x, dataset.validation.x), (dataset.train.y, dataset.validation.y))
        ]
        validation = Rows(dataset.train.x[held], dataset.train.y[held])
        other = replace(dataset, train=Rows(*joined), validation=validation)
        yield held, (other.balanced() if dataset.train.class_factors is not None else other).train, validation


def _parts(dataset: Dataset, count: int, seed: int) -> Iterator[np.ndarray]:
    """The training rows (indices) in so many parts, each class evenly over them as far as its rows go."""
    from sklearn.model_selection import KFold, StratifiedKFold

    labels = dataset.task.labels(dataset.train.y) if dataset.task.by_class else None
    even = labels is not None and np.unique(labels, return_counts=True)[1].max() >= count
    split = (StratifiedKFold if even else KFold)(count, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class of fewer rows than parts can't be in each
        yield from (held for _, held in split.split(dataset.train.y, labels if even else None))

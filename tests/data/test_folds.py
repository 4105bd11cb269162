"""Other splits of a dataset's rows."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gengap.data.dataset import Dataset, load
from gengap.tasks import Multiclass


def dataset(classes: int = 2, **options: Any) -> Dataset:
    random, rows = np.random.default_rng(0), 103
    table = pd.DataFrame({"x": random.normal(size=rows), "y": np.arange(rows) % classes, "w": random.random(rows)})
    table["of"] = np.arange(rows) // 4
    spec: dict[str, Any] = {"target": "y", "validation": 20, "test": 10} | options
    return load(table, **spec)


@pytest.mark.parametrize(("count", "validation"), [(2, 20), (4, 20), (4, 60), (7, 5)])
def test_parts_of_the_training_rows_change_places_with_as_many_validation_rows(count: int, validation: int) -> None:
    whole = dataset(validation=validation)
    found = list(whole.folds(count))
    assert len(found) == count
    every = np.concatenate([held for held, _, _ in found])
    assert len(np.unique(every)) == len(every)
    theirs = {tuple(row) for row in whole.validation.x.tolist()}
    for held, train, part in found:
        assert (part.x == whole.train.x[held]).all() and (part.y == whole.train.y[held]).all()
        stay = np.setdiff1d(np.arange(len(whole.train)), held)
        assert (train.x[: len(stay)] == whole.train.x[stay]).all()
        assert (train.y[: len(stay)] == whole.train.y[stay]).all()
        come = {tuple(row) for row in train.x[len(stay) :].tolist()}
        assert len(train) == len(whole.train) and len(come) == len(held) and come <= theirs
        parts = max(count, math.ceil(len(whole.train) / validation))
        assert len(held) == pytest.approx(len(whole.train) / parts, abs=1)


@pytest.mark.parametrize("classes", [2, 3])
def test_classes_keep_their_shares(classes: int) -> None:
    whole = dataset(classes)
    for _, _, validation in whole.folds(4):
        counts = np.bincount(whole.task.labels(validation.y).astype(int), minlength=classes)
        assert np.ptp(counts) <= 2


def test_other_classes_keep_their_shares_where_one_has_fewer_rows_than_there_are_folds() -> None:
    whole = dataset()
    rare = np.zeros_like(whole.train.y)
    rare[:2], rare[2:30] = 1, 2
    task = Multiclass(("a", "b", "c"))
    other = replace(
        whole,
        task=task,
        train=replace(whole.train, y=np.eye(3)[rare.astype(int)]),
        validation=replace(whole.validation, y=np.eye(3)[np.zeros(20, int)]),
    )
    found = list(other.folds(4))
    assert [int(part.y[:, 2].sum()) for _, _, part in found] == pytest.approx([28 / 4] * 4, abs=2)


def test_class_weights_are_of_the_rows_that_train() -> None:
    for _, train, validation in dataset(class_weight="balanced").folds(4):
        assert validation.class_factors is None and train.class_factors is not None
        assert train.class_factors[train.y == 0].sum() == pytest.approx(
            train.class_factors[train.y == 1].sum(), rel=1e-5
        )

"""Other splits of a dataset's rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gengap.data.dataset import Dataset, load
from gengap.data.folds import exchangeable, folds


def dataset(classes: int = 2, **options: Any) -> Dataset:
    random, rows = np.random.default_rng(0), 103
    table = pd.DataFrame({"x": random.normal(size=rows), "y": np.arange(rows) % classes, "w": random.random(rows)})
    table["of"] = np.arange(rows) // 4
    return load(table, target="y", validation=20, test=10, **options)


@pytest.mark.parametrize("count", [2, 4, 7])
def test_every_training_row_validates_once_and_the_validation_rows_train_in_its_place(count: int) -> None:
    whole = dataset()
    found = list(folds(whole, count))
    assert np.sort(np.concatenate([held for held, _, _ in found])).tolist() == list(range(len(whole.train)))
    for held, train, validation in found:
        assert (validation.x == whole.train.x[held]).all()
        assert (validation.y == whole.train.y[held]).all()
        stay = np.setdiff1d(np.arange(len(whole.train)), held)
        assert (train.x == np.concatenate([whole.train.x[stay], whole.validation.x])).all()
        assert (train.y == np.concatenate([whole.train.y[stay], whole.validation.y])).all()


@pytest.mark.parametrize("classes", [2, 3])
def test_classes_keep_their_shares(classes: int) -> None:
    whole = dataset(classes)
    for _, _, validation in folds(whole, 4):
        counts = np.bincount(whole.task.labels(validation.y).astype(int), minlength=classes)
        assert np.ptp(counts) <= 2


def test_a_class_of_fewer_rows_than_folds_is_split_all_the_same() -> None:
    whole = dataset()
    rare = np.zeros_like(whole.train.y)
    rare[:2] = 1
    assert len(list(folds(replace(whole, train=replace(whole.train, y=rare)), 4))) == 4


def test_weights_go_with_their_rows_and_class_weights_are_of_the_rows_that_train() -> None:
    whole = dataset(weight="w", class_weight="balanced")
    for held, train, validation in folds(whole, 4):
        assert validation.weights is not None and whole.train.weights is not None
        assert (validation.weights == whole.train.weights[held]).all()
        assert validation.emphasis is None and train.emphasis is not None
        weights = train.emphasis * train.weights
        assert weights[train.y == 0].sum() == pytest.approx(weights[train.y == 1].sum(), rel=1e-5)


@pytest.mark.parametrize(("options", "may"), [({}, True), ({"group": "of"}, False), ({"time": "of"}, False)])
def test_rows_that_belong_together_are_not_exchanged(options: dict[str, Any], may: bool) -> None:
    assert exchangeable(dataset(**options)) is may

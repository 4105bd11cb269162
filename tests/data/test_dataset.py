"""Datasets: the split, the preparation from training rows alone, and labels that can't be studied."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gengap.data.dataset import load, load_whole
from gengap.data.encoding import collect_columns
from gengap.data.sources.source import feature_batches, ingest
from gengap.errors import DataError, TooFewRowsError, UsageError
from gengap.options.spec import TaskName


def table(rows: int, seed: int = 0, share: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    x = generator.normal(3, 5, size=(rows, 4)).astype(np.float32)
    x[:, 0] = np.arange(rows) + 0.25  # names each row, and is no whole number that would be taken for a key
    return x, (generator.random(rows) < share).astype(np.float32)


def test_higgs_like_tables_are_split_in_order() -> None:
    raw = load("collider", train=300, validation=100, test=50, preparation="raw")
    whole = load("collider", train=350, validation=100, preparation="raw")
    assert raw.test
    np.testing.assert_array_equal(raw.validation.x, whole.validation.x)
    np.testing.assert_array_equal(raw.train.x, whole.train.x[:300])
    np.testing.assert_array_equal(raw.test.x, whole.train.x[300:])


@given(st.integers(40, 300), st.integers(0, 20), st.integers(0, 5), st.floats(0.2, 0.8))
def test_other_tables_get_a_seeded_stratified_split(rows: int, test: int, seed: int, share: float) -> None:
    x, y = table(rows, seed, share)
    if min(y.sum(), rows - y.sum()) < 8:
        return
    test = 0 if test < 4 else test
    dataset = load((x, y), test=test, seed=seed, preparation="raw")
    parts = [dataset.train, dataset.validation, *([dataset.test] if dataset.test else [])]
    names = np.concatenate([part.x[:, 0] for part in parts])
    assert sorted(names.astype(int).tolist()) == list(range(rows))  # every row once
    for part in parts:
        assert abs(part.y.mean() - y.mean()) <= 1.5 / len(part)
        np.testing.assert_array_equal(part.y, y[part.x[:, 0].astype(int)])
    again = load((x, y), test=test, seed=seed, preparation="raw")
    np.testing.assert_array_equal(dataset.train.x, again.train.x)
    assert dataset.digest == again.digest


def test_preparation_is_fitted_on_training_rows_only() -> None:
    x, y = table(200)
    raw = load((x, y), preparation="raw")
    far = x.copy()
    far[raw.validation.x[:, 0].astype(int), 1:] += 1e6  # validation rows move; the preparation must not
    a, b = load((x, y)), load((far, y))
    np.testing.assert_array_equal(a.mean, b.mean)
    np.testing.assert_array_equal(a.train.x, b.train.x)
    np.testing.assert_allclose(a.train.x.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(a.train.x.std(0), 1, atol=1e-4)
    assert a.digest != b.digest


def test_a_constant_column_stays_finite() -> None:
    x, y = table(100)
    x[:, 2] = 7
    assert np.isfinite(load((x, y)).validation.x).all()


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (np.ones(100), "all 100 rows have the label 1"),
    ],
)
def test_labels_that_cannot_be_studied(labels: np.ndarray, said: str) -> None:
    with pytest.raises(DataError, match=said):
        load((table(100)[0], labels.astype(np.float32)))


@pytest.mark.parametrize(
    ("labels", "task", "said"),
    [
        (
            np.arange(100) % 3,
            "binary",
            "there are 3 values .*; expected 2 .* Try --task multiclass",
        ),
        (np.arange(100) % 2, "multiclass", "there are 2 values .* Try --task binary"),
        (np.arange(200), "multiclass", "there are 200 values .* Try --task regression"),
    ],
)
def test_labels_that_make_no_such_task(labels: np.ndarray, task: TaskName, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        load((table(len(labels))[0], labels), task=task)


def test_a_short_table_in_the_layout_of_higgs_is_split_like_any_table(tmp_path: Path) -> None:
    path = tmp_path / "short.parquet"
    ingest("collider", path, rows=300)
    found = load(path)
    assert (len(found.train), len(found.validation)) == (240, 60)
    assert len(load(path, test=30).train) + len(load(path, test=30).validation) == 270
    assert len(load_whole(path).y) == 300
    with pytest.raises(TooFewRowsError, match=r"holds 300 rows, too few for 400 training .* fewer with --train\.$"):
        load(path, train=400)
    with pytest.raises(TooFewRowsError, match=r"it has only 300 rows, expected 301\. Ask for fewer"):
        load(path, rows=301)


def test_too_few_rows_say_how_many_there_are() -> None:
    asked = "holds 30 rows, too few for 25 training and 10 validation rows. Ask for fewer with --train and --valid"
    with pytest.raises(TooFewRowsError, match=asked):
        load(table(30), train=25, validation=10)
    nothing = "holds 3 rows, too few for 2 training and 2 validation rows. Use a table with more rows"
    with pytest.raises(TooFewRowsError, match=nothing):
        load(table(3))
    assert len(load((table(5)[0], np.arange(5) % 2)).validation) == 2
    with pytest.raises(UsageError, match="validation is 0"):
        load("collider", validation=0)
    with pytest.raises(UsageError, match="test is -1"):
        load("collider", test=-1)
    with pytest.raises(UsageError, match="but rows is 100"):
        load("collider", rows=100, train=99)


def test_a_class_of_a_single_row_is_told_of_and_that_numbers_may_be_none() -> None:
    counts = [*range(4)] * 30 + [4, 5]
    frame = pd.DataFrame({"x": np.arange(len(counts)) * 0.7, "y": counts})
    with pytest.raises(
        DataError, match=r"122 rows of 6 classes .*; class '4' has 1 row, class '5' has 1 row, .* 2\..*task reg"
    ):
        load(frame, target="y")
    assert len(load(frame, target="y", task="regression").train) == 98
    with pytest.raises(DataError, match=r"share; class 'only' has 1 row, expected at least 2\."):
        load(frame.assign(y=["yes", "no"] * 60 + ["yes", "only"]), target="y")
    with pytest.raises(
        DataError, match=r"class '3' has 1 row, class '4' has 1 row, class '5' has 1 row and 5 more"
    ):
        load(frame.assign(y=[*[0, 1, 2] * 38, *range(3, 11)]), target="y")
    with pytest.raises(DataError, match=r"4 classes don't fit into 3 rows\. Ask for more with .*--validation"):
        load(frame[:120], target="y", validation=3)


def test_numbers_keep_their_differences_though_they_are_large(tmp_path: Path) -> None:
    steps = np.random.default_rng(0).integers(0, 50, 200)
    frame = pd.DataFrame({"whole": 10**12 + steps**2, "time": 1.7e9 + steps / 64, "plain": steps, "y": steps > 25})
    frame.loc[3, "time"] = np.nan
    path = tmp_path / "large.csv"
    frame.to_csv(path, index=False)
    dataset = load(path, target="y", train=150, validation=50)
    x = np.concatenate([dataset.train.x, dataset.validation.x]).astype(np.float64)
    assert dataset.columns == ("whole", "time", "time is missing", "plain")
    order = np.argsort(x[:, 3])
    for i in (0, 1):  # as many values as there are, in the order of the steps
        known = x[order][x[order, 2] == x[:, 2].min()]
        assert len(np.unique(known[:, i])) == len(np.unique(known[:, 3]))
        assert (np.diff(known[:, i]) >= 0).all()
    encoding = dataset.encoding
    _, batches = feature_batches(path, encoding.schema)  # as a saved model reads them
    again = encoding.encode(
        collect_columns([batch for batch, _ in batches], encoding.columns, exact=encoding.exact)
    )
    again = (again - dataset.mean) / dataset.scale
    assert {row.tobytes() for row in again} >= {row.tobytes() for row in dataset.train.x}


def test_a_column_without_values_and_one_beyond_64_bits_are_left_out_for_their_reasons(tmp_path: Path) -> None:
    rows = "\n".join(f"{i % 7},,{10**30 + i},5,{i % 2}" for i in range(200))
    (tmp_path / "t.csv").write_text(f"a,empty,huge,same,y\n{rows}\n")
    table = load(tmp_path / "t.csv", target="y").table
    assert {column.name: (column.kind, column.how.code) for column in table.columns} == {
        "a": ("number", "column-number"),
        "empty": ("empty", "column-empty"),
        "huge": ("constant", "column-same-digits"),
        "same": ("constant", "column-constant"),
    }


def test_fewer_rows_of_the_collider_than_the_tutorial_needs_are_split_by_shares() -> None:
    dataset = load("collider", rows=3_000)
    assert (len(dataset.train), len(dataset.validation)) == (2_400, 600)
    with pytest.raises(UsageError, match="6000 together, but rows is 3000"):
        load("collider", rows=3_000, train=5_000)

"""Loaders whose rows need more memory than they may take: they are on disk, and everything else stays the same."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gengap
from gengap import Plan, Trial
from gengap.data import stored_rows
from gengap.data.arrays import load_given_rows
from gengap.data.rows import Rows, list_arrays
from gengap.data.stored_rows import StoredRows, store_batches
from gengap.errors import DataError, UsageError, WriteError
from gengap.files.user_cache import cache_folder
from gengap.models import Dropout
from gengap.models.backend import keras
from gengap.options.study_options import DataSpec
from gengap.plan import Recipe

L = keras.layers
TINY = 1e-6  # GiB: about a thousand bytes
NESTINGS: dict[str, Any] = {
    "one array": lambda a, b: a,
    "list": lambda a, b: [a, b],
    "dict": lambda a, b: {"b": b, "a": a},
}
SIZES = st.integers(1, 60)
TYPES = ("uint8", "int32", "int64", "float32", "bool")


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENGAP_CACHE", str(tmp_path / "cache"))


def numbered(count: int, nesting: str, kind: str, weighted: bool) -> Rows:
    """Rows whose every value tells the row's number."""
    number = np.arange(count)
    images = np.broadcast_to(number[:, None, None], (count, 3, 2)).astype(kind)
    return Rows(NESTINGS[nesting](images, number.astype("float32")), number, number / 2 if weighted else None)


def batches(rows: Rows, size: int) -> Iterator[Rows]:
    return (rows.map(lambda a, at=at: a[at : at + size]) for at in range(0, len(rows), size))


@settings(deadline=None, max_examples=30)
@given(
    st.integers(1, 60), st.integers(1, 60), st.sampled_from(list(NESTINGS)), st.sampled_from(TYPES), st.booleans()
)
def test_stored_rows_are_the_same_rows_in_another_order(
    count: int, size: int, nesting: str, kind: str, weighted: bool
) -> None:
    rows = numbered(count, nesting, kind, weighted)
    stored = store_batches("rows", batches(rows, size), seed=0)
    assert len(stored) == count
    found = Rows(stored.x, stored.y, stored.weights)
    order = np.argsort(found.y)
    for ours, theirs in zip(_arrays(found.map(lambda a: a[order])), _arrays(rows), strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)
    assert type(found.x) is type(rows.x)


def _arrays(rows: Rows) -> list[np.ndarray]:
    return list_arrays([rows.x, rows.y, rows.weights])


def test_the_order_is_random_and_the_same_for_the_same_values() -> None:
    rows = numbered(200, "one array", "uint8", False)
    stored = store_batches("rows", batches(rows, 10), seed=0)
    again = store_batches("rows", batches(rows, 10), seed=0)
    assert (np.diff(stored.y) < 0).any()
    assert stored.path == again.path
    other = store_batches("rows", batches(numbered(199, "one array", "uint8", False), 10), seed=0)
    assert other.path != stored.path
    assert {each.name for each in stored.path.parent.iterdir()} == {stored.path.name, other.path.name}


@pytest.mark.parametrize(
    ("second", "match"),
    [
        (Rows(np.zeros((2, 4), np.float32), np.zeros(2, np.int64)), "batch 1: its rows have the shapes"),
        (Rows(np.zeros((2, 3), np.float32), np.full(2, 0.5, np.float32)), "batch 1: it holds 0.5, but the first"),
        (Rows(np.zeros((2, 3), np.float32), np.array([1, 2**40])), "batch 1: it holds 1.09951e"),
        (Rows(np.full((2, 3), "a", object), np.zeros(2, np.int32)), "the rows holds texts and needs more memory"),
        (
            Rows(np.full((2, 3), np.nan, np.float32), np.zeros(2, np.int64)),
            "batch 1: x has 6 NaN or infinite values",
        ),
        (
            Rows(np.zeros((2, 3), np.float32), np.zeros(2, np.int64), np.ones(2)),
            "batch 1: its rows have the shapes",
        ),
    ],
)
def test_a_batch_that_differs_is_named_and_leaves_no_file(second: Rows, match: str) -> None:
    first = Rows(np.zeros((2, 3), np.float32), np.zeros(2, np.int32))
    with pytest.raises(UsageError, match=match):
        store_batches("the rows", iter([first, second]), seed=0)
    assert not stored_files()


def stored_files() -> list[Path]:
    return [each for each in cache_folder().rglob("*") if each.is_file()]


def test_names_of_arrays_are_those_of_the_first_batch() -> None:
    y = np.zeros(2)
    one, other = (Rows({name: np.zeros((2, 3))}, y) for name in "ab")
    with pytest.raises(UsageError, match="batch 1: its rows have the shapes"):
        store_batches("the rows", iter([one, other]), seed=0)


def test_values_of_another_type_are_kept_if_they_fit() -> None:
    first, second = (Rows(np.zeros((2, 3)), y) for y in (np.zeros(2, np.uint8), np.full(2, 7.0)))
    found = store_batches("the rows", iter([first, second]), seed=0)
    assert found.places[1].dtype == np.uint8
    assert sorted(found.y) == [0, 0, 7, 7]


def test_an_error_of_the_loader_is_not_one_of_writing() -> None:
    def failing() -> Iterator[Rows]:
        yield Rows(np.zeros((2, 3)), np.zeros(2))
        raise FileNotFoundError("image7.png")

    with pytest.raises(FileNotFoundError, match="image7"):
        store_batches("the rows", failing(), seed=0)
    assert not stored_files()


def test_a_full_disk_is_one_of_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(stored_rows, "_scatter", full)
    with pytest.raises(WriteError, match=r"can't be written \(No space left on device\). Make room there"):
        store_batches("the rows", iter([Rows(np.zeros((2, 3)), np.zeros(2))]), seed=0)
    assert not stored_files()


def test_rows_that_another_process_holds_open_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = numbered(20, "one array", "uint8", False)
    before = store_batches("the rows", batches(rows, 10), seed=0)
    replace = Path.replace

    def refuse(self: Path, target: Path) -> Path:
        if target == before.path:
            raise PermissionError("another process has it open")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    assert store_batches("the rows", batches(rows, 10), seed=0).path == before.path
    assert stored_files() == [before.path]


def test_what_a_killed_study_left_is_removed() -> None:
    rows = numbered(20, "one array", "uint8", False)
    folder = store_batches("the rows", batches(rows, 10), seed=0).path.parent
    left = folder / ".abc.rows.12-34.part"
    left.touch()
    os.utime(left, (0, 0))
    store_batches("the rows", batches(rows, 10), seed=1)
    assert not left.exists()


def test_texts_need_memory() -> None:
    loader = [(np.array(["a", "b"], object), np.zeros(2))] * 50
    with pytest.raises(UsageError, match="holds texts and needs more memory than it may take"):
        load_given_rows(loader, None, DataSpec(memory=TINY))


def loader(count: int = 240, seed: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    random = np.random.default_rng(seed)
    x = random.integers(0, 255, (count, 4, 4, 1)).astype("uint8")
    y = (x.mean(axis=(1, 2, 3)) > 127).astype("int32")
    return [(x[at : at + 20], y[at : at + 20]) for at in range(0, count, 20)]


def test_a_large_loader_is_split_without_losing_a_row() -> None:
    found = load_given_rows(loader(), None, DataSpec(memory=TINY, validation=40, test=30))
    assert isinstance(found.train, StoredRows)
    assert found.test is not None
    assert (len(found.train), len(found.validation), len(found.test)) == (170, 40, 30)
    together = np.concatenate(
        [part.x.reshape(len(part), -1) for part in (found.train, found.validation, found.test)]
    )
    everything = np.concatenate([x.reshape(len(x), -1) for x, _ in loader()])
    np.testing.assert_array_equal(np.unique(together, axis=0), np.unique(everything, axis=0))
    with pytest.raises(UsageError, match="on disk can't be split by groups"):
        load_given_rows(loader(), None, DataSpec(memory=TINY), groups=np.arange(240) // 2)
    with pytest.raises(DataError, match="too few"):
        load_given_rows(loader(), None, DataSpec(memory=TINY, validation=239))


def test_only_the_first_rows_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gengap.data.rows.UNSIZED_BYTES", 100)  # more are read: rows= says where the end is

    def endless() -> Iterator[Any]:
        while True:
            yield from loader()

    found = load_given_rows(endless(), loader(40, 1), DataSpec(memory=TINY, rows=110))
    assert len(found.train) == 110
    first = np.concatenate([x for x, _ in loader()])[:110]
    np.testing.assert_array_equal(
        np.sort(found.train.x.reshape(110, -1), axis=0), np.sort(first.reshape(110, -1), axis=0)
    )


def test_memory_is_for_loaders() -> None:
    x, y = loader()[0]
    with pytest.raises(UsageError, match="memory: for tables and loaders only"):
        load_given_rows((x, y), None, DataSpec(memory=TINY))
    assert not isinstance(load_given_rows(loader(), None, DataSpec(memory=1)).train, StoredRows)


def cnn() -> keras.Model:
    layers = [keras.Input((4, 4, 1)), L.Rescaling(1 / 255), L.Conv2D(4, 3, activation="relu"), L.Flatten()]
    return keras.Sequential([*layers, L.Dense(2, "softmax")])


PLAN = Plan(
    name="little",
    trials=(Trial(run="sizes/1x"), Trial(run="regularizers/dropout", treatments=(Dropout(0.3),))),
    recipe=Recipe(batch=20, max_epochs=4),
)


def test_a_study_of_a_large_loader_ends_as_one_in_memory(tmp_path: Path) -> None:
    found = gengap.study(loader(), PLAN, validation=loader(80, 1), model=cnn, memory=TINY, out=tmp_path / "disk")
    assert isinstance(found.dataset.train, StoredRows)
    assert [note.code for note in found.dataset.table.notes] == ["rows-on-disk"]
    assert all(trial.verdict for trial in found.trials)
    assert [each.run for each in found.summary.baselines] == ["baselines/constant", "baselines/linear"]
    again = gengap.study(loader(), PLAN, validation=loader(80, 1), model=cnn, memory=TINY, out=tmp_path / "disk")
    assert again.trials == found.trials


def test_every_label_is_checked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(stored_rows, "SAMPLE_BYTES", 200)
    rows = loader()
    rows[-1][1][-1] = 2
    with pytest.raises(UsageError, match="train: y holds the label 2, but the model has outputs for 2 classes"):
        gengap.study(rows, PLAN, validation=loader(80, 1), model=cnn, memory=TINY, out=tmp_path)


def test_several_inputs_and_outputs_with_weights(tmp_path: Path) -> None:
    a, b = keras.Input((4, 4, 1), name="a"), keras.Input((3,), name="b")
    hidden = L.Concatenate()([L.Flatten()(L.Rescaling(1 / 255)(a)), b])
    model = keras.Model([a, b], {"class": L.Dense(2, "softmax")(hidden), "number": L.Dense(1)(hidden)})
    model.compile("adam", {"class": "sparse_categorical_crossentropy", "number": "mse"})
    random = np.random.default_rng(0)

    def batch(x: np.ndarray, y: np.ndarray) -> Any:
        more = random.normal(size=(len(x), 3)).astype("float32")
        return [x, more], {"class": y, "number": more.sum(axis=1)}, np.ones(len(x), "float32")

    rows = [batch(*each) for each in loader()]
    held_out = [batch(*each) for each in loader(80, 1)]
    one = Plan(name="one", trials=(Trial(run="sizes/1x"),), recipe=PLAN.recipe)
    found = gengap.study(rows, one, validation=held_out, model=model, memory=TINY, out=tmp_path)
    assert isinstance(found.dataset.train, StoredRows)
    assert np.isfinite(found.histories[0]["validation", "row_loss"].values).all()

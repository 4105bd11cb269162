"""Anything at all is read, and what is read can be judged, or a GengapError says why not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from diagnose.curves_expected import LOGS, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gengap.diagnose.readers import read
from gengap.diagnose.run_curves import choose_curves
from gengap.errors import GengapError

SUFFIXES = (
    *(".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".parquet", ".arrow", ".feather"),
    *(".tfevents.1", ".pkl", ".npz", ".log", ""),
)


def survives(source: object) -> None:
    """Reads and chooses, or says why not; whatever is read can be judged."""
    try:
        logs = read(source)
    except GengapError as said:
        assert str(said)
        return
    for log in logs:
        for key, series in log.history.series.items():
            assert key in log.names
            assert len(series) == len(series.values) > 0
            assert series.epochs.dtype == np.int64 and series.values.dtype == np.float64
            assert (np.diff(series.epochs) > 0).all()
        try:
            assert len(choose_curves(log).validation)
        except GengapError as said:
            assert str(said)


fuzzed = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)


@pytest.mark.parametrize("suffix", SUFFIXES)
@fuzzed
@given(content=st.binary(max_size=200))
def test_random_bytes(tmp_path: Path, suffix: str, content: bytes) -> None:
    survives(write(tmp_path, f"a{suffix}", content))


@pytest.mark.parametrize(
    "path", ["keras/training.csv", "torch/tags", "lightning/version_0/metrics.csv", "a.parquet", "a.arrow"]
)
@fuzzed
@given(data=st.data())
def test_damaged_logs(tmp_path: Path, path: str, data: st.DataObject) -> None:
    source = LOGS / path
    if path.startswith("a."):
        source = tmp_path / path
        frame = pl.DataFrame({"loss": [1.0, 2, 3], "val_loss": [1.0, 2, None], "run": ["a", "b", "b"]})
        frame.write_parquet(source) if path == "a.parquet" else frame.write_ipc(source)
    elif source.is_dir():
        (source,) = source.iterdir()
    content = bytearray(source.read_bytes())
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=3)):
        content[at] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(content)))
    (tmp_path / "damaged").mkdir(exist_ok=True)
    survives(write(tmp_path / "damaged", source.name, bytes(content[end // 9 * (end % 2) : end])))


words = st.sampled_from(
    [
        "epoch",
        "step",
        "run",
        "seed",
        "split",
        "metric",
        "value",
        "loss",
        "val_loss",
        "train",
        "val",
        "test",
        "accuracy",
        "my",
        "val_my",
        "validation_0-l",
    ]
)
names = words | st.text(max_size=5)
cells = st.none() | st.booleans() | st.integers() | st.floats() | words | st.text(max_size=4)
nested = st.recursive(
    cells, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4), max_leaves=30
)


@settings(max_examples=300)
@given(nested)
def test_any_nested_value(source: Any) -> None:
    if not isinstance(source, str):
        survives(source)


@settings(max_examples=200)
@given(st.lists(st.dictionaries(names, cells, max_size=6), max_size=6))
def test_any_records(source: Any) -> None:
    survives(source)


@fuzzed
@given(nested, st.sampled_from([".json", ".jsonl"]))
def test_any_json(tmp_path: Path, document: Any, suffix: str) -> None:
    survives(write(tmp_path, f"a{suffix}", json.dumps(document)))


rows = st.lists(st.lists(st.none() | st.floats() | st.integers(-3, 9) | words, min_size=3, max_size=3), max_size=6)


@fuzzed
@given(header=st.lists(names, min_size=3, max_size=3), body=rows, delimiter=st.sampled_from(",;\t"))
def test_any_table_of_text(tmp_path: Path, header: list[str], body: list[list[object]], delimiter: str) -> None:
    lines = [delimiter.join("" if cell is None else str(cell) for cell in row) for row in [header, *body]]
    survives(write(tmp_path, "a.csv", "\n".join(lines).encode("utf-8", "replace")))


@settings(max_examples=100)
@given(st.dictionaries(st.sampled_from(["epoch", "step", "loss", "val_loss"]), st.lists(st.floats(), max_size=9)))
def test_any_lists(columns: dict[str, list[float]]) -> None:
    survives(columns)

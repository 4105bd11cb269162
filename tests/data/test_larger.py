"""Tables that memory may not hold: the same rows and preparation as in memory, from disk, in bounded memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import gengap
from gengap.data import stored_rows as stored
from gengap.data.rows import Rows
from gengap.data.stored_rows import StoredRows
from gengap.errors import DataError, UsageError

TINY = 1e-5  # GiB


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GENGAP_CACHE", str(tmp_path))
    monkeypatch.setattr(stored, "BUCKET_BYTES", 20_000)
    return tmp_path / "stored"


def table(rows: int = 2_000) -> pd.DataFrame:
    """Sorted by class, with gaps, a column that is far from 0, a constant and a row number."""
    random = np.random.default_rng(1)
    x = random.normal(size=(rows, 3))
    frame = pd.DataFrame({"a": x[:, 0], "far": 1e4 + x[:, 1], "gaps": np.where(x[:, 2] > 1, np.nan, x[:, 2])})
    frame["constant"] = 1.5
    frame["y"] = (x[:, 0] + random.normal(size=rows) > 0).astype(int)
    frame = frame.sort_values("y", ignore_index=True)
    frame["row"] = np.arange(float(rows))
    return frame


def both(source: Any, **options: Any) -> tuple[gengap.Dataset, gengap.Dataset, Rows]:
    inside, outside = gengap.load(source, **options), gengap.load(source, memory=TINY, **options)
    assert isinstance(outside.train, StoredRows)
    return inside, outside, outside.train.read([0], [len(outside.train)])


def to_rows(rows: Rows) -> np.ndarray:
    together = np.concatenate([rows.x, rows.y.reshape(len(rows), -1)], axis=1)
    return together[np.lexsort(together.T)]


@pytest.mark.parametrize("options", [{}, {"test": 300}, {"preparation": "raw"}, {"time": "far"}, {"keep": ["row"]}])
def test_holds_the_rows_and_the_preparation_that_memory_would(options: dict[str, Any]) -> None:
    inside, outside, train = both(table(), target="y", **options)
    assert (inside.columns, inside.task) == (outside.columns, outside.task)
    np.testing.assert_allclose(outside.mean, inside.mean, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(outside.scale, inside.scale, rtol=1e-6)
    assert not isinstance(inside.train, StoredRows)
    np.testing.assert_allclose(to_rows(train), to_rows(inside.train), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(outside.validation.x, inside.validation.x, rtol=1e-3, atol=1e-5)
    np.testing.assert_array_equal(outside.validation.y, inside.validation.y)
    assert (outside.test is None) == (inside.test is None)
    assert outside.table.columns == inside.table.columns
    assert outside.table.split == inside.table.split
    assert outside.digest != inside.digest
    assert outside.table.notes[0].code == "table-on-disk"


def test_repeated_rows_are_counted_as_in_memory() -> None:
    source = pd.concat([table(500).drop(columns="row")] * 2, ignore_index=True)
    inside, outside, _ = both(source, target="y")
    assert inside.table.repeated == outside.table.repeated != {}


@pytest.mark.parametrize("target", ["number", "class"])
def test_any_task_is_stored(target: str) -> None:
    source = table()
    source["number"], source["class"] = (
        source["a"] ** 2,
        np.where(source["a"] > 1, "up", np.where(source["y"], "on", "off")),
    )
    inside, _, train = both(source.drop(columns={"number": "class", "class": "number"}[target]), target=target)
    assert not isinstance(inside.train, StoredRows)
    np.testing.assert_allclose(to_rows(train), to_rows(inside.train), rtol=1e-3, atol=1e-5)


def test_a_sorted_table_is_stored_in_random_order(cache: Path) -> None:
    _, _, train = both(table(), target="y")
    runs = 1 + np.count_nonzero(np.diff(train.y))  # Wald & Wolfowitz 1940: of a random order about half the rows
    share = train.y.mean()
    expected = 2 * len(train) * share * (1 - share)
    assert abs(runs - expected) < 5 * expected / len(train) ** 0.5


def test_the_same_table_is_stored_once_and_a_changed_one_again(cache: Path) -> None:
    first, again = (gengap.load(table(), target="y", memory=TINY) for _ in range(2))
    assert first.digest == again.digest
    (kept,) = cache.iterdir()
    half = kept.read_bytes()[:-100]
    kept.write_bytes(half)  # not whole, so it is written again
    assert gengap.load(table(), target="y", memory=TINY).digest == first.digest
    assert len(kept.read_bytes()) == len(half) + 100
    changed = table()
    changed.loc[7, "a"] += 1
    assert gengap.load(changed, target="y", memory=TINY).digest != first.digest
    assert len(list(cache.iterdir())) == 2


def test_what_nobody_used_for_long_is_removed(cache: Path) -> None:
    gengap.load(table(), target="y", memory=TINY)
    (kept,) = cache.iterdir()
    old = kept.stat().st_mtime - (stored.UNUSED_DAYS + 1) * 86_400
    os.utime(kept, (old, old))
    gengap.load(table(), target="y", memory=TINY, seed=1)
    assert len(list(cache.iterdir())) == 1
    assert not kept.exists()


def test_text_is_refused_and_so_is_no_memory() -> None:
    with pytest.raises(DataError, match="A table on disk may have numbers only"):
        gengap.load(table().assign(word="w"), target="y", memory=TINY)
    with pytest.raises(UsageError, match="memory is 0"):
        gengap.load(table(), target="y", memory=0)


def test_a_study_goes_on_from_what_is_stored(tmp_path: Path) -> None:
    options: dict[str, Any] = {"target": "y", "only": "sizes/Tiny", "max_epochs": 2, "test": 200, "memory": TINY}
    found = gengap.study(table(), out=tmp_path / "out", **options)
    again = gengap.study(table(), out=tmp_path / "out", **options)
    assert found.trials[0].metrics == again.trials[0].metrics
    assert found.trials[0].began == again.trials[0].began  # it was not trained again
    assert found.summary.test is not None
    assert found.summary.baselines


def test_reading_needs_little_memory_besides_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x, path = np.arange(90_000, dtype=np.float32).reshape(30_000, 3), tmp_path / "a.rows"
    stored.write_stored_rows(path, [Rows(x, x[:, 0])], lambda: stored.UNCHANGED, 0, len(x))
    monkeypatch.setattr(stored, "READ_BYTES", 1_000)
    rows = stored.open_stored_rows(path)[0]
    tracemalloc.start()
    found = rows.read([29_000, 0], [20_000, 10_000])  # the first block goes on at the first row
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.1 * (found.x.nbytes + found.y.nbytes)
    assert found.y.tolist() == np.roll(rows.y, 1_000)[:20_000].tolist() + rows.y[:10_000].tolist()
    np.testing.assert_array_equal(found.x, found.y[:, None] + np.arange(3))


PEAK = """
import sys, gengap
from gengap.data import preparation as larger, stored_rows as stored
from pathlib import Path
stored.BUCKET_BYTES, larger.SAMPLE_ROWS = 1 << 20, 10_000
rows = int(sys.argv[1])
data = gengap.load("collider", train=rows, validation=1000, memory=0.01)
status = Path("/proc/self/status").read_text()
print(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of memory is read from Linux' /proc")
def test_a_key_that_32_bits_do_not_tell_apart_is_found() -> None:
    frame = table()
    frame["row"] += 2**30
    inside, outside, _ = both(frame, target="y")
    assert "row" not in inside.columns
    assert outside.columns == inside.columns


def test_a_study_never_reads_all_stored_rows_at_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: StoredRows) -> None:
        raise AssertionError("all rows were read")

    monkeypatch.setattr(StoredRows, "x", property(refuse))
    monkeypatch.setattr(StoredRows, "y", property(refuse))
    options: Any = {"train": 400, "validation": 100, "max_epochs": 2, "only": "sizes/Tiny", "memory": 1e-5}
    assert isinstance(gengap.load("collider", train=400, validation=100, memory=1e-5).train, StoredRows)
    assert gengap.study("collider", "quick", **options).trials


def test_memory_does_not_grow_with_the_table() -> None:
    small, large = (
        int(subprocess.run([sys.executable, "-c", PEAK, str(rows)], check=True, capture_output=True).stdout)
        for rows in (250_000, 500_000)
    )
    a_row = 4 * 29  # of which its target and its number in the split are held, with copies
    assert (large - small) * 1024 < 250_000 * a_row * 2 / 3

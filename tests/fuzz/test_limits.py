"""Small files that say they are huge: each is refused by a named limit, and none of it is held in memory.

What a bomb takes is measured in a process of its own, and held against what the same reader takes for a small file.
Every limit is also in SECURITY.md.
"""

from __future__ import annotations

import gzip
import io
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from fuzz import originals

from gengap.data.dataset import load
from gengap.data.stored_rows import StoredRows
from gengap.diagnose.readers import read
from gengap.errors import DataError, PlanError, StudyFolderError
from gengap.files import limits
from gengap.presets import load_plan
from gengap.study.folder import StudyFolder

MIB = 1 << 20
ALLOWED = 700 * MIB  # above the same reader's need for a small file; the bombs are of gigabytes and terabytes
SOURCE = "list(open_source(path, target='y').batches())"
LOG = "read(path)"
CARD = "read_card(Path(path))"
CHILD = """
import sys
from pathlib import Path
from gengap.data.sources.source import open_source
from gengap.diagnose.readers import read
from gengap.errors import GengapError
from gengap.models.saved_model import read_card
def said(path):
    try:
        {read}
    except GengapError as error:
        return str(error)
    return "read"
def peak():  # not getrusage: what it says of a process begins with its parent's
    return next(int(line.split()[1]) << 10 for line in open("/proc/self/status") if line.startswith("VmHWM"))
paths = sys.argv[1:]
for path in paths:
    if "small-" in path:
        said(path)
before = peak()
for path in paths:
    if "small-" not in path:
        print(peak() - before, said(path))
print(peak() - before, "in all")
"""


class Bomb(NamedTuple):
    """How a file is read, how its bomb is written, a file of the same kind, and what is said of the bomb."""

    name: str
    read: str
    write: Callable[[Path], None]
    small: Callable[[], list[bytes]]
    said: str


def endless_line(path: Path) -> None:
    """Rows, and then a line of a gigabyte: the members of a gzip file follow each other."""
    path.write_bytes(originals.rows_gzip()[0] + gzip.compress(b"1" * 16 * MIB) * 64)


def endless_header(path: Path) -> None:
    path.write_bytes(gzip.compress(b"a" * 16 * MIB) * 64)


def many_columns(path: Path) -> None:
    path.write_bytes(b"a," * 4_000_000 + b"y\n" + b"1\n" * 9)


def packed_zeros(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            header, {"descr": "<f8", "fortran_order": False, "shape": (40 * MIB, 1)}
        )
        with archive.open("x.npy", "w", force_zip64=True) as member:
            member.write(header.getvalue())
            for _ in range(20):
                member.write(bytes(16 * MIB))
        archive.writestr("y.npy", header.getvalue())


def declared(*shapes: tuple[int, ...]) -> Callable[[Path], None]:
    """An .npz file whose arrays x and y say that they have these shapes, and are empty."""

    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            for name, shape in zip("xy", shapes, strict=True):
                header = io.BytesIO()
                np.lib.format.write_array_header_1_0(
                    header, {"descr": "<f8", "fortran_order": False, "shape": shape}
                )
                archive.writestr(f"{name}.npy", header.getvalue())

    return write


def zeros() -> pa.Table:
    return pa.table({"y": np.zeros(20 * MIB), "val_loss": np.zeros(20 * MIB)})


def packed_parquet(path: Path) -> None:
    pq.write_table(zeros(), path, compression="zstd", use_dictionary=False, row_group_size=20 * MIB)


def packed_arrow(path: Path) -> None:
    feather.write_feather(zeros(), str(path), "zstd", chunksize=20 * MIB)


def streamed_arrow(path: Path) -> None:
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with path.open("wb") as file, pa.ipc.new_stream(file, zeros().schema, options=options) as writer:
        writer.write_table(zeros())


def repeated_text(path: Path) -> None:
    """One text of a megabyte, which three million rows have: terabytes."""
    run = pa.DictionaryArray.from_arrays(np.zeros(3_000_000, np.int32), pa.array(["x" * MIB]))
    table = pa.table({"run": run, "val_loss": np.zeros(3_000_000)})
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    else:
        feather.write_feather(table, str(path), "zstd")


def many_objects(path: Path) -> None:
    path.write_bytes(b"[" + b"{}," * 25_000_000 + b"{}]")


def many_cells(path: Path) -> None:
    path.write_bytes(b'{"cells": [' + b"{}," * 25_000_000 + b"{}]}")


def many_splits(path: Path) -> None:
    """A table that would have a column for each of its rows."""
    path.write_text("split,epoch,loss\n" + "".join(f"{i},{i},1\n" for i in range(20_000)) + "val,1,1\n")


def many_runs(path: Path) -> None:
    path.write_text("run,epoch,val_loss\n" + "".join(f"{i},0,1\n" for i in range(200_000)))


def long_record(path: Path) -> None:
    from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

    length = struct.pack("<Q", 1 << 62)
    path.write_bytes(originals.events()[0] + length + struct.pack("<I", masked_crc32c(length)) + b"x" * 99)


def large_card(path: Path) -> None:
    packed = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
    with packed as archive, archive.open("gengap.json", "w") as member:
        for _ in range(32):
            member.write(b" " * 16 * MIB)


BOMBS = (
    Bomb("a.csv.gz", SOURCE, endless_line, originals.rows_gzip, "a line is longer than 16,777,216"),
    Bomb("b.csv.gz", SOURCE, endless_header, originals.rows_gzip, "the first line is longer than"),
    Bomb("a.csv", SOURCE, many_columns, originals.rows_csv, "at most 100,000 are read"),
    Bomb("a.npz", SOURCE, packed_zeros, originals.npz, "at most 268,435,456 may be in memory at once"),
    Bomb("b.npz", SOURCE, declared((10**13, 3), (10**13,)), originals.npz, "can't be read"),
    Bomb("c.npz", SOURCE, declared((0, 10**12), (0,)), originals.npz, "at most 100,000 are read"),
    Bomb("a.parquet", SOURCE, packed_parquet, originals.parquet, "row group 1 unpacks to"),
    Bomb("a.arrow", SOURCE, packed_arrow, originals.arrow, "message 1 unpacks to"),
    Bomb("b.arrow", SOURCE, streamed_arrow, originals.arrow, "unpacks to"),
    Bomb("c.parquet", LOG, repeated_text, originals.parquet, "of text, at most 268,435,456"),
    Bomb("c.arrow", LOG, repeated_text, originals.arrow, "of text, at most 268,435,456"),
    Bomb("a.json", LOG, many_objects, originals.curves_json, "at most 10,000,000 are read"),
    Bomb("a.jsonl", LOG, many_objects, originals.curves_jsonl, "at most 10,000,000 are read"),
    Bomb("a.ipynb", LOG, many_cells, originals.notebooks, "at most 10,000,000 are read"),
    Bomb("b.csv", LOG, many_splits, originals.curves_csv, "at most 10,000,000 are read"),
    Bomb("c.csv", LOG, many_runs, originals.curves_csv, "holds more than 10,000 runs"),
    Bomb("a.keras", CARD, large_card, originals.card, "at most 268,435,456 may be in memory at once"),
)


@pytest.mark.skipif(sys.platform != "linux", reason="a process' own peak of memory is told by /proc alone")
@pytest.mark.parametrize("how", [SOURCE, LOG, CARD])
def test_bombs_are_refused_by_named_limits_in_bounded_memory(tmp_path: Path, how: str) -> None:
    bombs = [bomb for bomb in BOMBS if bomb.read == how]
    for bomb in bombs:
        bomb.write(tmp_path / bomb.name)
        (tmp_path / f"small-{bomb.name}").write_bytes(bomb.small()[0])
    paths = [str(tmp_path / f"{small}{bomb.name}") for bomb in bombs for small in ("small-", "")]
    child = [sys.executable, "-c", CHILD.format(read=how), *paths]
    *refused, total = subprocess.run(child, capture_output=True, text=True, check=True).stdout.splitlines()
    for bomb, line in zip(bombs, refused, strict=True):
        assert bomb.said in line and str(tmp_path / bomb.name) in line
    assert int(total.split()[0]) < ALLOWED, refused


def test_an_event_of_absurd_length_ends_the_file(tmp_path: Path) -> None:
    long_record(tmp_path / "events.out.tfevents.1")
    (log,) = read(tmp_path / "events.out.tfevents.1")
    assert log.notes[0].parameters["events"] == 41


def test_rows_that_would_fill_the_memory_stay_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers, words = tmp_path / "a.csv.gz", tmp_path / "b.csv.gz"
    numbers.write_bytes(gzip.compress(b"y,a\n" + b"0,1\n1,2\n" * 200_000))
    words.write_bytes(gzip.compress(b"y,a\n" + b"0,one\n1,two\n" * 200_000))
    monkeypatch.setenv("GENGAP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(limits, "machine_memory", lambda: 4 * MIB)
    assert isinstance(load(numbers, target="y").train, StoredRows)
    fault = r"b\.csv\.gz: the table is larger than the memory it may use, and has text .* --rows"
    with pytest.raises(DataError, match=fault):
        load(words, target="y")
    assert len(load(words, target="y", rows=1000).train) == 800


def test_numbers_count_in_32_bits_as_they_are_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENGAP_CACHE", str(tmp_path))
    monkeypatch.setattr(limits, "machine_memory", lambda: 4 * MIB)
    x = np.random.default_rng(0).normal(size=(20_000, 10))
    assert not isinstance(load((x, np.arange(20_000) % 2)).train, StoredRows)
    assert isinstance(load((np.tile(x, 2), np.arange(20_000) % 2)).train, StoredRows)


@pytest.mark.parametrize("name", ["study.json", "plan.toml", "histories.parquet"])
def test_a_study_that_is_too_large_is_not_read(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for each, content in originals.study().items():
        StudyFolder(tmp_path).write(each, content)
    if name == "histories.parquet":
        monkeypatch.setattr("gengap.history.MOST_VALUES", 10)
    else:
        StudyFolder(tmp_path).write(name, b" " * (limits.LARGEST_DOCUMENT + 1))
    with pytest.raises(StudyFolderError, match=f"{name}.*(which is the limit|holds more than 10 values)"):
        StudyFolder(tmp_path).results()


def test_a_plan_is_no_endless_file(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(b"#" * (limits.LARGEST_DOCUMENT + 1))
    with pytest.raises(PlanError, match=r"a\.toml.*has more than 67,108,864 bytes"):
        load_plan(tmp_path / "a.toml")
    (tmp_path / "b.toml").symlink_to("/dev/zero")
    with pytest.raises(PlanError, match=r"b\.toml: can't be read"):
        load_plan(tmp_path / "b.toml")

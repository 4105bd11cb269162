"""CSV text in all its spellings reads as the same rows, in blocks of any size, in bounded memory."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gengap.data.collider import COLUMNS as HIGGS_COLUMNS
from gengap.data.sources import byte_stream as stream
from gengap.data.sources import csv_text as csvtext
from gengap.data.sources.row_blocks import RowBlock, accept_rows
from gengap.data.sources.source import open_source
from gengap.errors import BadRowError, FormattedNumberError, SourceError

Write = Callable[[str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a text as table.csv."""

    def put(text: str | bytes) -> Path:
        path = tmp_path / "table.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return put


def read(path: Path, target: str = "y", **options: object) -> dict[str, list[float]]:
    source = open_source(path, target=target, **options)  # pyright: ignore[reportArgumentType]
    return pa.Table.from_batches(source.batches(), source.schema).to_pydict()


EXPECTED = {"y": [0.0, 1.0], "a": [1.5, -2.0], "b": [0.25, 3e10]}


@pytest.mark.parametrize(
    "text",
    [
        "y,a,b\n0,1.5,0.25\n1,-2,3e10\n",
        "y,a,b\n0,1.5,0.25\n1,-2,3e10",
        "y,a,b\r\n0,1.5,0.25\r\n1,-2,3e10\r\n",
        "\ufeffy,a,b\n0,1.5,0.25\n1,-2,3e10\n",
        "y,a,b\n0,1.5,0.25\n1,-2,3e10\n\n\n  \n",
        "\ny,a,b\n\n0,1.5,0.25\n\n1,-2,3e10\n",
        '"y","a","b"\n"0","1.5","0.25"\n1,"-2",3e10\n',
        "y;a;b\n0;1.5;0.25\n1;-2;3e10\n",
        "y\ta\tb\n0\t1.5\t0.25\n1\t-2\t3e10\n",
        "y, a, b\n0, 1.5, 0.25\n+1, -2, +3E+10 \n",
        "a,b,y\n1.5,.25,0\n-2,3e10,1.\n",
        "y,a,b\nfalse,1.5,0.25\nTRUE,-2,3e10\n",
    ],
)
def test_every_spelling_reads_as_the_same_rows(write: Write, text: str) -> None:
    got = read(write(text))
    assert got == {name: pytest.approx(column, rel=1e-7) for name, column in EXPECTED.items()}
    assert next(iter(got)) == "y"


def test_a_header_may_hold_line_ends_commas_and_empty_names(write: Write) -> None:
    got = read(write('"y","a,\nlong","",d\n0,1,2,3\n1,4,5,6\n'))
    assert got == {"y": [0, 1], "a,\nlong": [1, 4], "column_3": [2, 5], "d": [3, 6]}


def test_without_header_columns_are_numbered(write: Write) -> None:
    path = write("\ufeff7,1,2\n8,4,5\n")
    assert read(path, "column_1") == {"column_1": [7, 8], "column_2": [1, 4], "column_3": [2, 5]}
    path = write("\ufeff7,1,2\n8,4\n")
    assert read(path, "column_1", on_bad_row="skip") == {"column_1": [7], "column_2": [1], "column_3": [2]}


def test_higgs_is_known_by_its_layout(write: Write) -> None:
    row = ",".join(["1.0"] + ["0.5"] * 28)
    source = open_source(write(f"{row}\n{row}\n"))
    assert source.higgs_layout and source.target == "label" and source.columns == HIGGS_COLUMNS[1:]
    other = open_source(write(f"{row}\n{row}\n"), target="m_bb")
    assert not other.higgs_layout and other.columns[0] == "label"
    plain = open_source(write(f"3{row}\n3{row}\n"), target="column_1")
    assert not plain.higgs_layout


@pytest.mark.parametrize("delimiter", [";", "\t"])
@pytest.mark.parametrize("header", ["y;a;word", ""])
def test_decimal_commas(write: Write, delimiter: str, header: str) -> None:
    rows = ["0;1,5;a", "1;-2;1,5 or so", '0;"0,25";c', "1;;d", "0;NA;e", "1;+3,5e-1;f", "0;,5;1,234"]
    text = "\n".join([*filter(None, [header]), *rows]).replace(";", delimiter)
    source = open_source(write(text), target="y" if header else "column_1")
    found = pa.Table.from_batches(source.batches(), source.schema).to_pydict()
    numbers, words = list(found.values())[1:]
    assert numbers == [1.5, -2, 0.25, None, None, pytest.approx(0.35), 0.5]
    assert words == ["a", "1,5 or so", "c", "d", "e", "f", "1,234"]


@pytest.mark.parametrize("name", ["table.tsv", "table.txt", "table.tsv.gz", "Table.TXT.gz"])
def test_text_by_other_names(tmp_path: Path, name: str) -> None:
    text = b"y\ta\n0\t1.5\n1\t2.5\n"
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    assert read(tmp_path / name) == {"y": [0, 1], "a": [1.5, 2.5]}


@pytest.mark.parametrize("line", ["sep=;\n", "\ufeffsep=;\r\n"])
def test_the_line_in_which_excel_names_the_delimiter(write: Write, line: str) -> None:
    assert read(write(f"{line}y;a,b,c\n0;1.5\n1;2.5\n")) == {"y": [0, 1], "a,b,c": [1.5, 2.5]}
    for nothing in ("", "\n \n"):
        with pytest.raises(SourceError, match="there are no rows"):
            read(write(line + nothing))
    with pytest.raises(BadRowError, match="row 2, column 'a,b,c': 'x1' is not a number"):
        read(write(f"{line}y;a,b,c\n0;1.5\n1;x1\n" + "1;2\n" * 20))


def test_decimal_commas_read_as_points_do(write: Write) -> None:
    numbers = np.random.default_rng(0).normal(0, 1e3, (3_000, 3)).round(4)
    text = "y;a;b\n" + "".join(f"{i % 2};{a};{b}\n" for i, (a, b, _) in enumerate(numbers.tolist()))
    points = read(write(text))
    assert open_source(write(text), target="y").reader.notes == ()
    assert read(write(text.replace(".", ","))) == points
    assert open_source(write(text.replace(".", ",")), target="y").reader.notes == (csvtext.DECIMAL_COMMA,)


@pytest.mark.parametrize(
    "rows",
    [["0;1,234", "1;12,500"], ["0;1,5;0.5", "1;2,5;0.25"], ["0;1,234;2,5", "1;12,500;five", "1;3,500;six"]],
    ids=["thousands", "beside points", "beside a number in a text"],
)
def test_commas_that_may_be_others_stay(write: Write, rows: list[str]) -> None:
    header = ";".join("yab"[: rows[0].count(";") + 1])
    assert read(write("\n".join([header, *rows])))["a"] == [row.split(";")[1] for row in rows]


def test_a_formatted_number_among_plain_ones_is_named(write: Write) -> None:
    for cell, problem in (("1.500", "has a point, but other"), ("1.234,5", "is no plain number")):
        with pytest.raises(FormattedNumberError, match=rf"row 401, column 'a': '{cell}' {problem}") as caught:
            read(write("y;a\n" + "0;1,5\n1;2,5\n" * 200 + f"0;{cell}\n"))
        assert str(caught.value).endswith("with digits, a point and a minus only, as -1234.5.")


def test_a_large_target_keeps_its_digits(write: Write) -> None:
    assert read(write("y,a\n16777217,1\n16777219,2\n"))["y"] == [16777217, 16777219]


def test_the_real_sample(higgs_path: Path) -> None:
    source = open_source(higgs_path)
    table = pa.Table.from_batches(source.batches())
    with gzip.open(higgs_path, "rt") as file:
        oracle = np.loadtxt(file, delimiter=",", dtype=np.float64).astype(np.float32)
    assert source.higgs_layout and source.name == "HIGGS-16k"
    np.testing.assert_array_equal(np.stack([column.to_numpy() for column in table.columns], 1), oracle)


def blocks_of(text: bytes, size: int, rows: int | None) -> list[bytes]:
    pieces = (text[i : i + 7] for i in range(0, len(text), 7))
    return [b"".join(block) for block in stream.line_blocks(pieces, size, rows)]


@pytest.mark.parametrize("size", [1, 5, 40, 1000])
@pytest.mark.parametrize("rows", [None, 1, 9])
def test_blocks_hold_whole_lines_and_all_of_the_text(size: int, rows: int | None) -> None:
    text = b"".join(b"%d,%d\n" % (i, i * i) for i in range(50)) + b"last,line"
    blocks = blocks_of(text, size, rows)
    assert b"".join(blocks) == text
    assert all(block.endswith(b"\n") for block in blocks[:-1])


@given(st.lists(st.lists(st.binary(max_size=40), max_size=5), max_size=8))
def test_blocks_joined_one_after_another_are_each_their_pieces(blocks: list[list[bytes]]) -> None:
    assert [bytes(stream.join_pieces(block)) for block in blocks] == [b"".join(block) for block in blocks]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (b"0,cd,3,false\n", [0, "cd", 3, 0]),
        (b'0,"cd",3,true\n', [0, "cd", 3, 1]),
        (b"0,cd,NA,false\n", [0, "cd", None, 0]),
        (b"0,cd,much,false\n", None),
    ],
)
def test_a_parsed_block_does_not_refer_to_its_text(row: bytes, expected: list[object] | None) -> None:
    """Each thread writes the next block over the text of the last."""
    first = b"1,ab,2,true\n"
    layout = csvtext.sniff(b"y,word,x,flag\n" + 9 * (first + b"0,cd,3,false\n"), True, "made up")
    types = {"y": pa.float32(), "word": pa.string(), "x": pa.float64(), "flag": pa.float32()}
    schema = pa.schema([pa.field(name, kind, nullable=name == "x") for name, kind in types.items()])
    text = bytearray(first + row)
    block = csvtext.parse(text, layout, schema, True)
    text.extend(b"\0" * 100)  # an array that held it would not let it grow
    text[:] = b"\0" * len(text)
    rows = [[1, "ab", 2, 1], *([expected] if expected else [])]
    assert [list(each.values()) for each in block.batch.to_pylist()] == rows
    assert len(block.faults) == 2 - len(rows)


@pytest.mark.parametrize("size", [1 << 12, 1 << 16, 1 << 20])
def test_a_files_layout_does_not_depend_on_the_size_of_its_pieces(size: int) -> None:
    """Columns that are empty early on, in rows so wide that a piece holds few of them."""
    filled = ["5.000000000000000000e-01"] * 60
    rows = [",".join(["1", *filled, *(("2.5", "true") if i > 80 else ("", ""))]) for i in range(300)]
    text = "\n".join([",".join(f"c{i}" for i in range(63)), *rows]).encode()
    reader = csvtext.open_csv(
        stream.ByteStream(lambda: (text[i : i + size] for i in range(0, len(text), size))), "made up"
    )
    assert not reader.others


def test_a_line_without_end_is_refused(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "LONGEST_LINE", 1000)
    endless = (b"1,2\n" if i == 0 else b"3" * 100 for i in range(1_000_000))
    with pytest.raises(stream.StreamBrokenError, match="longer than 1,000 bytes"):
        list(stream.line_blocks(endless, 10, None))


@pytest.mark.parametrize("size", [1, 3, 100_000])
@pytest.mark.parametrize("piece", [1, 10, 100_000])
def test_gunzip_reads_members_one_after_another(size: int, piece: int) -> None:
    parts = [os.urandom(50) * 20, b"", b"text\n" * 300]
    packed = b"".join(gzip.compress(part) for part in parts) + b"\0" * 5
    chunks = (packed[i : i + size] for i in range(0, len(packed), size))
    pieces = list(stream.gunzip(chunks, piece))
    assert b"".join(pieces) == b"".join(parts)
    assert max(map(len, pieces)) <= piece


def test_no_more_is_read_than_the_rows_need() -> None:
    taken = 0

    def pieces() -> Iterator[bytes]:
        nonlocal taken
        for i in range(10_000):
            taken += 1
            yield b"%d,%d\n" % (i % 2, i)

    reader = csvtext.open_csv(stream.ByteStream(pieces, by_wire=True), "made up")
    head, schema = taken, pa.schema([(name, pa.float32()) for name in reader.columns])
    batches = accept_rows(reader.blocks(schema, 500, False), file="", rows=500, on_bad_row="fail", skipped=[])
    assert sum(len(batch) for batch in batches) == 500
    assert head < 50 and taken == 500


def test_a_reading_left_halfway_does_not_wait_for_its_parsers() -> None:
    """The garbage collector may end it inside a thread that is starting, where a join would never return."""
    left = threading.Event()
    waited: list[bool] = []
    empty = pa.record_batch({"a": pa.array([], pa.float32())})

    def parse(text: bytearray) -> RowBlock:
        if text != b"0\n":
            waited.append(left.wait(10))
        return RowBlock(empty, 1)

    reading = stream.parse_blocks(([b"%d\n" % i] for i in range(3)), parse, None)
    next(reading)
    reading.close()
    left.set()
    assert all(waited)


MEMORY = """
import os, resource, sys, zlib
import numpy, pyarrow, pyarrow.compute, pyarrow.csv, isal.igzip_lib
from gengap.data.sources import csv_text as csvtext, byte_stream as stream, tables
from gengap.data.sources.row_blocks import RowBlock, accept_rows

member = open(sys.argv[1], "rb").read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
reader = csvtext.open_csv(stream.ByteStream(lambda: stream.gunzip(member for _ in range(int(sys.argv[2])))), "long")
schema = pyarrow.schema([(name, pyarrow.float32()) for name in reader.columns])
blocks = reader.blocks(schema, None, False)
rows = sum(len(b) for b in accept_rows(blocks, file="long", rows=None, on_bad_row="fail", skipped=[]))
print(rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """The text is 50 and 400 MB; the peak over that of the imports stays far below either."""
    line = ",".join(["1.0"] + ["5.000000000000000000e-01"] * 28) + "\n"
    (tmp_path / "member.gz").write_bytes(gzip.compress(line.encode() * 7000, 1))

    def peak(members: int) -> int:
        command = [sys.executable, "-c", MEMORY, str(tmp_path / "member.gz"), str(members)]
        rows, kilobytes = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        assert int(rows) == 7000 * members
        return int(kilobytes)

    small, large = peak(10), peak(80)
    assert large < 300_000
    assert large < 2 * small + 50_000

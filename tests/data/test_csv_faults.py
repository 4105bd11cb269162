"""Bad rows in text: named by file, row and column, or skipped and noted; in blocks of any size."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from gengap.data.collider import COLUMNS as HIGGS_COLUMNS
from gengap.data.dataset import load
from gengap.data.sources import byte_stream as stream
from gengap.data.sources import csv_text as csvtext
from gengap.data.sources import row_blocks as blocks_module
from gengap.data.sources.source import open_source
from gengap.errors import BadRowError, SourceError, TooFewRowsError

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes rows under the header y,a,b; as csv.gz if the name says so."""

    def put(rows: list[str], name: str = "t.csv", header: str = "y,a,b\n") -> Path:
        text = (header + "".join(row + "\n" for row in rows)).encode()
        path = tmp_path / name
        path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
        return path

    return put


@pytest.fixture(params=[8, 64, 1 << 20], ids="blocks of {} bytes".format)
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """The size of the blocks that are parsed side by side."""
    opened = csvtext.open_csv
    monkeypatch.setattr(csvtext, "open_csv", lambda pieces, file: opened(pieces, file, request.param))
    monkeypatch.setattr(stream, "CHUNK", 100)
    return request.param


GOOD = [f"{i % 2},{i},{i * 0.5}" for i in range(100)]
FAULTS = [
    ("1,2", None, "2 fields, expected 3"),
    ("1,2,3,4", None, "4 fields, expected 3"),
    ("1,red,3", "a", "'red' is not a number"),
    ("1,1_000,3", "a", "'1_000' is not a number"),
    (",2,3", "y", "this row has no target value"),
    ("nan,2,3", "y", "nan is not finite, expected a number"),
    ("1,2,-inf", "b", "-inf is not finite, expected a number"),
    ("1,n.a.,3", "a", "'n.a.' is not a number"),
    ("1,1e39,3", "a", "1e+39 is too large"),
    ("1,1e999,3", "a", "inf is not finite"),
    ('1,"2,3', None, "2 fields, expected 3"),
    ("1,\u00e9,3", "a", "'\u00e9' is not a number"),
]


@pytest.mark.parametrize(("row", "column", "problem"), FAULTS)
def test_a_bad_row_is_named(write: Write, block: int, row: str, column: str | None, problem: str) -> None:
    path = write([*GOOD[:71], row, *GOOD[71:]])
    with pytest.raises(BadRowError) as caught:
        list(open_source(path, target="y").batches())
    error = caught.value
    assert (error.file, error.row, error.column) == (str(path), 72, column)
    assert error.problem.startswith(problem)
    assert "--on-bad-row skip" in str(error) and f"{path}, row 72" in str(error)


def test_a_column_with_many_bad_rows_may_be_no_number(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = [*GOOD, *[f"1,n/k,{i}" for i in range(20)], "1,2", *GOOD]
    path.write_text("\n".join(["y,a,b", *rows]) + "\n")
    with pytest.raises(BadRowError) as caught:
        list(open_source(path, target="y").batches())
    assert caught.value.row == 101
    assert "20 of the first 221 rows are bad in this column. Correct them, or leave" in caught.value.hint
    assert caught.value.hint.endswith('use --column "a=category" (or text, or drop).')
    with pytest.raises(BadRowError, match="rows are bad") as caught:  # the kind of the target is set by --task
        list(open_source(path, target="a").batches())
    assert "--column" not in caught.value.hint
    assert len(load(path, target="y", column={"a": "category"}, on_bad_row="skip").skipped) == 1


def test_a_column_without_a_good_row_is_not_to_be_corrected(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("y,a,b\n" + "1,,2\n2,,3\n" * 20)
    with pytest.raises(BadRowError, match="this row has no target value") as caught:
        list(open_source(path, target="a").batches())
    assert caught.value.hint == "All of the first 40 rows are bad in this column. Use another column."


def test_bad_rows_are_skipped_and_noted(write: Write, block: int) -> None:
    rows = list(GOOD)
    for i, (row, _, _) in enumerate(FAULTS):
        rows.insert(40 + 4 * i, row)
    source = open_source(write(rows), target="y", on_bad_row="skip")
    values = [v for batch in source.batches() for v in batch.column("a").to_pylist()]
    assert values == list(range(100))
    assert [(row, column) for row, column, _ in source.skipped] == [
        (41 + 4 * i, column) for i, (_, column, _) in enumerate(FAULTS)
    ]
    assert all(
        said.startswith(problem) for (_, _, said), (_, _, problem) in zip(source.skipped, FAULTS, strict=True)
    )
    first = list(source.skipped)
    assert sum(len(batch) for batch in source.batches()) == 100
    assert source.skipped == first  # a second reading starts its notes anew


def test_rows_counts_good_rows(write: Write, block: int) -> None:
    path = write([*GOOD[:30], "x,1,1", *GOOD[30:60], "1", *GOOD[60:]])
    source = open_source(path, target="y", rows=60, on_bad_row="skip")
    assert sum(len(batch) for batch in source.batches()) == 60
    assert [fault.row for fault in source.skipped] == [31]
    more = open_source(path, target="y", rows=61, on_bad_row="skip")
    assert sum(len(batch) for batch in more.batches()) == 61
    assert [fault.row for fault in more.skipped] == [31, 62]


def test_a_bad_row_after_the_rows_asked_for_is_no_fault(write: Write, block: int) -> None:
    path = write([*GOOD[:50], "x,1,1", *GOOD[50:]])
    assert sum(len(batch) for batch in open_source(path, target="y", rows=50).batches()) == 50
    with pytest.raises(BadRowError, match="row 51, column 'y'"):
        list(open_source(path, target="y", rows=51).batches())


def test_higgs_labels_are_0_or_1(write: Write, block: int) -> None:
    rows = [",".join([str(float(i % 2)), *["0.5"] * 28]) for i in range(60)]
    rows[45] = rows[45].replace("1.0", "2.0")
    path = write(rows, header="")
    with pytest.raises(BadRowError, match=r"row 46, column 'label': the label is 2\.0, expected 0 or 1"):
        list(open_source(path).batches())
    source = open_source(path, on_bad_row="skip")
    assert source.higgs_layout and sum(len(batch) for batch in source.batches()) == 59
    assert source.skipped == [(46, "label", "the label is 2.0, expected 0 or 1")]
    assert open_source(path, target="m_bb").columns[0] == HIGGS_COLUMNS[0]


def test_missing_values_are_no_fault_but_in_the_target(write: Write, block: int) -> None:
    rows = [*GOOD[:50], "1,,3", "0,NA,", "1, nan ,+nan", '0,"",N/A', *GOOD[50:]]
    table = pa.Table.from_batches(open_source(write(rows), target="y").batches())
    columns = [table[name].to_numpy() for name in "ab"]
    assert [np.flatnonzero(np.isnan(column)).tolist() for column in columns] == [[50, 51, 52, 53], [51, 52, 53]]
    with pytest.raises(BadRowError, match=r"row 1, column 'y': this row has no target value"):
        list(open_source(write([",1,1", *GOOD]), target="y").batches())


def test_a_column_of_text_is_read_as_text_whatever_the_blocks(write: Write, block: int) -> None:
    rows = [f"{i % 2},{i}, {('red', 'dark blue', '', 'NA', '12')[i % 5]} " for i in range(100)]
    source = open_source(write([*rows, "1,+5,end"]), target="y")
    table = pa.Table.from_batches(source.batches(), source.schema)
    assert table["b"].to_pylist() == ["red", "dark blue", None, None, "12"] * 20 + ["end"]
    assert table["a"].to_pylist() == [*range(100), 5]


def test_text_that_is_not_utf8_is_named_and_never_changed(write: Write, block: int) -> None:
    path = write([f"{i % 2},{i},S\u00e3o" for i in range(100)])
    path.write_bytes(path.read_bytes().replace("50,S\u00e3o".encode(), "50,S\u00e3o".encode("latin-1")))
    with pytest.raises(BadRowError, match=r"row 51, column 'b': 'S\ufffdo' is not text in UTF-8. Save it as UTF-8"):
        list(open_source(path, target="y").batches())
    source = open_source(path, target="y", on_bad_row="skip")
    table = pa.Table.from_batches(source.batches(), source.schema)
    assert table["b"].to_pylist() == ["S\u00e3o"] * 99 and [s.row for s in source.skipped] == [51]
    path.write_bytes("y,a\u00e9\n0,1\n1,2\n".encode("latin-1"))
    with pytest.raises(SourceError, match=r"the line of column names, 'y,a\ufffd', is not text in UTF-8\. Save it"):
        open_source(path, target="y")


def test_what_nobody_reads_may_be_in_any_encoding(write: Write, block: int) -> None:
    path = write([f"{i % 2},{'oops' if i == 50 else i},S\u00e3o" for i in range(100)])
    path.write_bytes(path.read_bytes().replace("\u00e3".encode(), "\u00e3".encode("latin-1")))
    source = open_source(path, target="y", on_bad_row="skip", column={"b": "drop"})
    table = pa.Table.from_batches(source.batches(), source.schema)
    assert table["a"].to_pylist() == [i for i in range(100) if i != 50]
    assert [skipped.row for skipped in source.skipped] == [51]


def test_too_few_rows_says_how_many_there_are(write: Write, block: int) -> None:
    with pytest.raises(TooFewRowsError, match=r"only 100 rows, expected 1,001"):
        list(open_source(write(GOOD), target="y", rows=1001).batches())
    with pytest.raises(TooFewRowsError, match=r"only 100 rows \(1 bad row left out\), expected 101"):
        list(open_source(write([*GOOD, "1"]), target="y", rows=101, on_bad_row="skip").batches())
    with pytest.raises(TooFewRowsError, match=r"no good rows \(1 bad row left out\)"):
        list(open_source(write(["1"]), target="y", on_bad_row="skip").batches())


def test_more_bad_rows_than_can_be_noted_end_the_reading(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks_module, "MAX_SKIPPED", 10)
    path = write([*GOOD, *["1,x,1"] * 11])
    with pytest.raises(BadRowError, match=r"row 111.*more than 10 rows are bad"):
        list(open_source(path, target="y", on_bad_row="skip").batches())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "there are no rows in it"),
        (b"\n\n", "there are no rows in it"),
        (b"y,a\n", "there are no rows in it"),
        ("y,a\n0,1\n".encode("utf-16"), "not text in UTF-8"),
        (b"just a line\n", "the first line is one field, 'just a line'; expected columns separated by"),
        (b"y,a,a\n0,1,2\n", r"more than one column a\."),
    ],
)
def test_files_that_are_no_table(tmp_path: Path, content: bytes, said: str) -> None:
    for name, packed in (("t.csv", content), ("t.csv.gz", gzip.compress(content))):
        (tmp_path / name).write_bytes(packed)
        with pytest.raises(SourceError, match=said) as caught:
            list(open_source(tmp_path / name, target="y").batches())
        assert str(tmp_path / name) in str(caught.value)


def numbered(count: int) -> list[str]:
    return [f"{i % 2},{i},{(i * 2654435761) % 2**32 / 7}" for i in range(count)]


def test_a_cut_off_gzip_gives_the_rows_before_the_cut(write: Write, block: int) -> None:
    path = write(numbered(2000), "t.csv.gz")
    path.write_bytes(path.read_bytes()[:-8000])
    with pytest.raises(SourceError, match=r"the gzip stream is cut off, after row ([\d,]+)\. Fetch") as caught:
        list(open_source(path, target="y").batches())
    last = int(str(caught.value).split("after row ")[1].split(".")[0].replace(",", ""))
    assert 500 < last < 2000
    assert sum(len(batch) for batch in open_source(path, target="y", rows=last).batches()) == last
    with pytest.raises(SourceError, match=f"after row {last:,}"):
        list(open_source(path, target="y", rows=last + 1).batches())


def test_a_damaged_gzip_is_named(write: Write, block: int) -> None:
    path = write(numbered(2000), "t.csv.gz")
    packed = bytearray(path.read_bytes())
    packed[-6] ^= 0xFF  # the checksum
    path.write_bytes(packed)
    with pytest.raises(SourceError, match="the gzip stream is damaged"):
        list(open_source(path, target="y").batches())
    assert sum(len(batch) for batch in open_source(path, target="y", rows=20).batches()) == 20


def test_a_gzip_broken_at_once_says_so(tmp_path: Path) -> None:
    path = tmp_path / "t.csv.gz"
    path.write_bytes(b"y,a,b\n" + b"0,1,2\n" * 100)
    with pytest.raises(SourceError, match=r"the gzip stream is damaged.*before the first row"):
        open_source(path)
    path.write_bytes(gzip.compress(b"y,a\n0,1\n")[:12])
    with pytest.raises(SourceError, match="the gzip stream is cut off"):
        open_source(path)

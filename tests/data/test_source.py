"""Every kind of source opens as the same rows; what can't be opened says why and how to correct it."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gengap.data import collider
from gengap.data.collider import COLUMNS
from gengap.data.dataset import load
from gengap.data.sources import byte_stream as stream
from gengap.data.sources import csv_text as csvtext
from gengap.data.sources.source import Source, feature_batches, ingest, open_source
from gengap.errors import BadRowError, PlaceError, SourceError, TooFewRowsError, UsageError

TABLE = pa.table({"a": [1, 2, 3], "y": [False, True, True], "b": [0.5, -1.25, 1e-3]})


def write_csv(table: pa.Table, path: Path) -> Path:
    frame = pl.DataFrame(pl.from_arrow(table))
    text = ",".join(frame.columns) + "\n"
    text += "".join(",".join(repr(v).lower() for v in row) + "\n" for row in frame.rows())
    path.write_bytes(gzip_of(text) if path.suffix == ".gz" else text.encode())
    return path


def gzip_of(text: str) -> bytes:
    import gzip

    return gzip.compress(text.encode())


def write_parquet(table: pa.Table, path: Path) -> Path:
    pq.write_table(table, path, row_group_size=2)
    return path


def write_feather(table: pa.Table, path: Path) -> Path:
    feather.write_feather(table, str(path), chunksize=2)
    return path


def write_stream(table: pa.Table, path: Path) -> Path:
    with pa.ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    return path


def write_npz(table: pa.Table, path: Path) -> Path:
    np.savez(path, **{name: table[name].to_numpy() for name in table.column_names})
    return path


SOURCES: dict[str, Callable[[pa.Table, Path], Any]] = {
    "csv": lambda table, folder: write_csv(table, folder / "t.csv"),
    "csv.gz": lambda table, folder: write_csv(table, folder / "t.csv.gz"),
    "parquet": lambda table, folder: write_parquet(table, folder / "t.parquet"),
    "feather": lambda table, folder: write_feather(table, folder / "t.feather"),
    "arrow stream": lambda table, folder: write_stream(table, folder / "t.arrow"),
    "arrow file": lambda table, folder: write_feather(table, folder / "t.arrow"),
    "npz": lambda table, folder: write_npz(table, folder / "t.npz"),
    "path as text": lambda table, folder: str(write_csv(table, folder / "T.CSV")),
    "pandas": lambda table, _: table.to_pandas(),
    "polars": lambda table, _: pl.from_arrow(table),
    "pyarrow": lambda table, _: table,
    "record batch reader": lambda table, _: table.to_reader(2),
}


def read(source: Source) -> pa.Table:
    return pa.Table.from_batches(source.batches(), source.schema)


@pytest.mark.parametrize("kind", SOURCES)
def test_every_kind_gives_the_same_rows(kind: str, tmp_path: Path) -> None:
    source = open_source(SOURCES[kind](TABLE, tmp_path), target="y")
    assert (source.columns, source.target, source.higgs_layout) == (("a", "b"), "y", False)
    expected = {"y": [0, 1, 1], "a": [1, 2, 3], "b": [0.5, -1.25, 1e-3]}
    for _ in range(2):  # a source can be read again
        table = read(source)
        assert table.to_pydict() == expected
        assert set(table.schema.types) == {pa.float64()}


@pytest.mark.parametrize("kind", SOURCES)
def test_rows_limits_every_kind(kind: str, tmp_path: Path) -> None:
    source = SOURCES[kind](TABLE, tmp_path)
    assert len(read(open_source(source, target="y", rows=2))) == 2
    source = SOURCES[kind](TABLE, tmp_path)
    with pytest.raises(TooFewRowsError, match="only 3 rows, expected 4"):
        read(open_source(source, target="y", rows=4))


columns = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 12), st.integers(2, 4)),
    elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
)


@given(values=columns, block=st.integers(1, 200), data=st.data())
def test_any_finite_table_survives_any_format(
    tmp_path_factory: pytest.TempPathFactory, values: np.ndarray, block: int, data: st.DataObject
) -> None:
    """Whatever the format, the size of blocks, and the limit of rows."""
    rows = data.draw(st.none() | st.integers(1, len(values)))
    kind = data.draw(st.sampled_from(sorted(SOURCES)))
    table = pa.table({f"c{i}": column for i, column in enumerate(values.T)})
    opened = csvtext.open_csv
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csvtext, "open_csv", lambda pieces, file: opened(pieces, file, block))
        patch.setattr(stream, "CHUNK", block)
        given_source = SOURCES[kind](table, tmp_path_factory.mktemp("law"))
        got = read(open_source(given_source, target="c0", rows=rows))
    for i, column in enumerate(values[:rows].T):
        np.testing.assert_array_equal(got[f"c{i}"].to_numpy().astype(np.float32), column)


def test_arrays_in_memory_and_in_npz(tmp_path: Path) -> None:
    x, y = np.arange(6.0).reshape(3, 2), np.array([[0], [1], [1]])
    np.savez(tmp_path / "t.npz", X=x, y=y)
    for source in (open_source((x, y)), open_source(tmp_path / "t.npz")):
        assert (source.columns, source.target) == (("column_1", "column_2"), "y")
        assert read(source).to_pydict() == {"y": [0, 1, 1], "column_1": [0, 2, 4], "column_2": [1, 3, 5]}
    with pytest.raises(UsageError, match=r"features \(3, 2\) and targets \(2,\)"):
        open_source((x, y[:2]))
    with pytest.raises(UsageError, match=r"source is a tuple of 3, expected \(X, y\)"):
        open_source((x, y, y))


def test_names_of_pandas_columns_may_be_numbers() -> None:
    table = pd.DataFrame(np.ones((3, 2))).assign(y=[0, 1, 1])
    assert open_source(table, target="y").columns == ("0", "1")  # a warning is an error in tests


def test_a_pandas_index_is_no_feature(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1.0, 2, 3], "y": [0, 1, 0]}).iloc[[2, 0, 1]]
    frame.to_parquet(tmp_path / "t.parquet")
    for source in (open_source(frame, target="y"), open_source(tmp_path / "t.parquet", target="y")):
        assert source.columns == ("a",)
        assert read(source)["a"].to_pylist() == [3, 1, 2]


@pytest.mark.parametrize("kind", [pa.int8(), pa.uint64(), pa.float16(), pa.decimal128(25, 3), pa.bool_()])
def test_every_number_type_is_a_number(kind: pa.DataType) -> None:
    column = pa.array([0, 1, 1]).cast(kind) if kind != pa.float16() else pa.array(np.array([0, 1, 1], np.float16))
    assert read(open_source(pa.table({"a": column, "y": [1, 2, 3]}), target="y"))["a"].to_pylist() == [0, 1, 1]


FAULTY = {"y": [0, 1, 0, 1], "a": [1.0, None, float("inf"), 1e39], "b": [1.0, 2.0, 3.0, 4.0]}


def test_bad_values_in_a_table_are_named_or_skipped() -> None:
    with pytest.raises(BadRowError, match="the Table given, row 3, column 'a': inf is not finite"):
        read(open_source(pa.table(FAULTY), target="y"))
    source = open_source(pa.table(FAULTY), target="y", on_bad_row="skip")
    assert read(source).to_pydict() == {"y": [0, 1], "a": [1, None], "b": [1, 2]}
    assert [(fault.row, fault.column) for fault in source.skipped] == [(3, "a"), (4, "a")]
    assert "1e+39 is too large" in source.skipped[1].problem
    assert len(read(open_source(pa.table(FAULTY), target="y", rows=1))) == 1


def test_a_target_too_large_for_32_bits_is_named() -> None:
    with pytest.raises(BadRowError, match="column 'y': 1e\\+40 is too large"):
        read(open_source(pa.table({"a": [1.0], "y": [1e40]}), target="y"))


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (pa.array([[1], [2], [3]]), r"row 1, column 'c': \[1\] is of type list"),
        (pa.array([None, b"red", b"blue"]), "row 2, column 'c': b'red' is of type binary, expected a number, text"),
        (
            pa.array([None, None, None], pa.binary()),
            "column 'c' is of type binary, expected numbers, text or dates",
        ),
    ],
)
def test_columns_of_other_types_are_refused(column: pa.Array, said: str, tmp_path: Path) -> None:
    table = TABLE.append_column("c", column)
    for source in (table, write_parquet(table, tmp_path / "t.parquet")):
        with pytest.raises((BadRowError, SourceError), match=f"{said}.* --column c=drop"):
            open_source(source, target="y")
        assert "c" not in read(open_source(source, target="y", column={"c": "drop"})).column_names
        with pytest.raises((BadRowError, SourceError), match=f"{said}.* name another"):
            open_source(source, target="y", weight="c")
        with pytest.raises((BadRowError, SourceError), match=f"{said}.* Leave the column out"):
            ingest(source, tmp_path / "out.parquet")
        with pytest.raises((BadRowError, SourceError), match=f"{said}.* that it had in the model"):
            feature_batches(source, pa.schema([("c", pa.float32())]))


def test_higgs_columns_in_a_table_are_higgs() -> None:
    row = {name: [0.5] for name in reversed(COLUMNS)} | {"label": [1.0]}
    source = open_source(pa.table(row))
    assert source.higgs_layout and source.columns == COLUMNS[1:]
    assert [(field.name, field.type) for field in source.schema] == [(name, pa.float32()) for name in COLUMNS]
    with pytest.raises(BadRowError, match=r"column 'label': the label is 3.0, expected 0 or 1"):
        read(open_source(pa.table(row | {"label": [3.0]})))


def test_collider_is_the_built_in_source() -> None:
    source = open_source("collider", rows=100, seed=3)
    assert source.higgs_layout and source.name == source.origin == "collider"
    assert (source.target, *source.columns) == COLUMNS
    expected = pa.Table.from_batches(collider.batches(100, 3))
    assert read(source).cast(expected.schema).equals(expected)
    endless = open_source("collider").batches()
    assert len(next(endless)) and len(next(endless))


def test_a_name_is_safe_as_a_folder(tmp_path: Path) -> None:
    path = write_csv(TABLE, tmp_path / "My data, v1.2 (new).csv.gz")
    assert open_source(path, target="y").name == "My-data-v1.2-new"
    assert open_source(TABLE, target="y").name == "table"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "which column is the target.*--target.*The columns are: a, y, b"),
        ({"target": "yy"}, "no column 'yy'. Did you mean 'y'.*The columns are: a, y, b"),
        ({"target": "y", "rows": 0}, "rows is 0, expected a whole number of at least 1"),
        ({"target": "y", "rows": 2.5}, "rows is 2.5"),
        ({"target": "y", "rows": True}, "rows is True"),
        ({"target": "y", "on_bad_row": "drop"}, "on_bad_row is 'drop', expected 'fail' or 'skip'"),
    ],
)
def test_wrong_calls(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        open_source(TABLE, **options)


def test_wrong_sources(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="source is a int, expected collider, higgs, a path"):
        open_source(3)
    with pytest.raises(UsageError, match="'y' is the only column, expected features"):
        open_source(TABLE.select(["y"]), target="y")
    (tmp_path / "t.xlsx").touch()
    for path, said in {
        tmp_path: r"this is a folder, expected a file\..* a Keras model with --model \(model=\.\.\.\)",
        tmp_path / "none.csv": "there is no such file",
        tmp_path
        / "t.xlsx": r"\.csv\.gz, \.csv, \.tsv\.gz, \.tsv, \.txt\.gz, \.txt, \.parquet, \.arrow, \.feather, \.npz",
    }.items():
        with pytest.raises(SourceError, match=said) as caught:
            open_source(path, target="y")
        assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow", "t.feather", "t.npz"])
@pytest.mark.parametrize("content", [b"", b"not a table", None], ids=["empty", "text", "cut off"])
def test_unreadable_files(tmp_path: Path, name: str, content: bytes | None) -> None:
    if content is None:
        write = {"t.parquet": write_parquet, "t.npz": write_npz}.get(name, write_feather)
        content = write(TABLE, tmp_path / name).read_bytes()[:-200]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match="can't be read") as caught:
        read(open_source(tmp_path / name, target="y"))
    assert str(tmp_path / name) in str(caught.value)


def test_arrays_beside_x_and_y_weight_or_split_the_rows_and_are_no_features(tmp_path: Path) -> None:
    x, y = np.arange(80.0).reshape(40, 2) % 7, np.arange(40) % 2
    beside = {"w": 1.0 + y, "patient": np.arange(40) // 4, "name": np.array(["a", "b"] * 20), "z": np.ones(40) * 1j}
    np.savez(path := tmp_path / "t.npz", x=x, y=y, short=np.ones(3), **beside)
    assert open_source(path).columns == ("column_1", "column_2")
    assert open_source(path, weight="w", group="patient").columns == ("column_1", "column_2")
    rows = load(path, weight="w", validation=10).train
    assert rows.weights is not None and set(np.round(rows.weights / rows.weights.min(), 6)) == {1.0, 2.0}
    with pytest.raises(UsageError, match=r"there is no column 'short'.*column_1, column_2, y, w, patient, name"):
        open_source(path, weight="short")
    ingest(path, tmp_path / "t.parquet", target="y")
    assert pq.read_schema(tmp_path / "t.parquet").names == ["y", "column_1", "column_2"]


def test_npz_archives_that_are_no_table(tmp_path: Path) -> None:
    path = tmp_path / "t.npz"
    np.savez(path, a=np.zeros(3), b=np.zeros(4))
    with pytest.raises(SourceError, match=r"holds \{'a': \(3,\), 'b': \(4,\)\}, expected arrays x"):
        open_source(path, target="a")
    np.savez(path, a=np.array([object()]))
    with pytest.raises(SourceError, match=r"can't be read.*allow_pickle"):
        open_source(path, target="a")
    single = io.BytesIO()
    np.save(single, np.zeros(3))
    path.write_bytes(single.getvalue())
    with pytest.raises(SourceError, match=r"single array, expected an .npz archive"):
        open_source(path, target="a")


def test_columns_of_one_name_are_refused() -> None:
    twice = pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])
    with pytest.raises(SourceError, match="more than one column a"):
        open_source(twice, target="a")


def test_an_empty_table_is_refused() -> None:
    with pytest.raises(SourceError, match="there are no rows in it"):
        read(open_source(TABLE.slice(0, 0), target="y"))


def test_ingest_writes_a_parquet_file(tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    assert ingest(TABLE, path) == 3
    assert pq.read_schema(path) == pa.schema([(name, pa.float64()) for name in ("a", "y", "b")])
    assert read(open_source(path, target="y")).equals(read(open_source(TABLE, target="y")))
    assert ingest(TABLE, path, rows=2, target="y") == 2
    assert pq.read_schema(path).names == ["y", "a", "b"]
    assert ingest("collider", path, rows=50) == 50
    assert open_source(path).higgs_layout
    assert list(tmp_path.iterdir()) == [path]


def test_ingest_leaves_no_half_written_file(tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    with pytest.raises(BadRowError):
        ingest(pa.table(FAULTY), path)
    with pytest.raises(UsageError, match="collider has no end"):
        ingest("collider", path)
    with pytest.raises(UsageError, match="no column 'z'"):
        ingest(TABLE, path, target="z")
    assert list(tmp_path.iterdir()) == []
    assert ingest(pa.table(FAULTY), path, on_bad_row="skip") == 2
    assert ingest(TABLE, tmp_path / "new" / "out.parquet") > 0
    with pytest.raises(PlaceError, match="can't be written"):
        ingest(TABLE, path / "below" / "out.parquet")


def test_progress_counts_rows() -> None:
    told: list[tuple[int, int | None]] = []
    read(open_source(TABLE, target="y", rows=2, progress=lambda done, of: told.append((done, of))))
    assert told == [(2, 2)]

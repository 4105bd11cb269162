"""Files and objects in memory as readers: Parquet, Arrow, Feather and .npz here, text by `csv_text`."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from gengap.data.collider import COLUMNS as HIGGS_COLUMNS
from gengap.data.sources import TEXT, byte_stream, csv_text, kind_of
from gengap.data.sources.row_blocks import Progress, Reader, RowBlock, accept_rows, check_batch
from gengap.errors import BadRowError, SourceError, UsageError, did_you_mean, shown
from gengap.files.arrow import check_arrow, open_arrow
from gengap.files.limits import (
    check_column_count,
    check_column_names,
    explain_read_errors,
    is_text,
    open_npz,
    open_parquet,
)
from gengap.files.outputs import mark
from gengap.options.study_options import DataSpec

WORDS = ("collider", "higgs")  # sources with a name
BATCH_ROWS = 1 << 16
SEARCHED_ROWS = 1_000  # of a column of another type, for a value to name
GROUP_ROWS = 1 << 17  # rows of a Parquet row group
PLAIN_ARRAYS = "biufUM"  # kinds of NumPy: numbers, texts and dates
NUMERIC = (
    *(pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean),
    pa.types.is_null,
)
Batches = Callable[..., Iterator[pa.RecordBatch]]  # called with names of columns; each call reads from the start


def open_path(path: Path, file: str) -> Reader:
    """Open a local file by its name's ending. Raises SourceError if there is none."""
    try:
        is_folder, exists = path.is_dir(), path.exists()
    except OSError as error:  # a name that is too long
        raise SourceError(f"{file}: can't be read ({error.strerror}). Check the path.") from None
    if is_folder:
        raise SourceError(
            f"{file}: this is a folder, expected a file. Give the path of one table, or "
            "for a folder of images a Keras model with --model (model=...)."
        )
    if not exists:
        raise SourceError(f"{file}: there is no such file. Check the path.{did_you_mean(file, WORDS)}")
    kind = kind_of(path.name, file)
    if kind in TEXT:
        return csv_text.open_csv(byte_stream.read_file(path, kind), file)
    return open_table(path, file)


def open_table(path: Path, file: str) -> Reader:
    """Open a .parquet, .arrow, .feather or .npz file. Raises SourceError if it is not one."""
    opener = {".parquet": _parquet, ".npz": _npz}.get(path.suffix.lower(), _arrow)
    with explain_read_errors(file):
        return opener(path, file)


def open_in_memory(table: Any, file: str) -> Reader:
    """Open a pandas or polars DataFrame, an Arrow table, or anything with `__arrow_c_stream__`."""
    if hasattr(table, "set_axis"):  # pandas, where names may be numbers
        table = table.set_axis([str(name) for name in table.columns], axis="columns")
    with explain_read_errors(file):
        whole = pa.table(table)
    return _reader(
        whole.schema, lambda columns, rows=BATCH_ROWS: iter(whole.select(columns).to_batches(rows)), file
    )


def open_arrays(x: Any, y: Any, file: str, beside: Mapping[str, np.ndarray] | None = None) -> Reader:
    """Open features `x` (n, d) and a target `y` (n,) or (n, 1), as columns column_1, column_2, ... and y.

    Further arrays (n,), `beside`, are no features: they are columns to weight or split the rows by.
    """
    x, y = np.asarray(x), np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    check_column_count(file, x.shape[1] if x.ndim == 2 else 0)
    if x.ndim != 2 or y.ndim != 1 or len(x) != len(y):
        raise UsageError(
            f"{file}: features {x.shape} and targets {y.shape}, expected the shapes (n, d) and (n,). "
            "Flatten the features to one row each, and give one target for each row."
        )
    columns = {f"column_{i}": column for i, column in enumerate(x.T, 1)}
    beside = {name: array for name, array in (beside or {}).items() if name not in columns}
    return replace(_named(columns | {"y": y} | beside, file), target="y", beside=tuple(beside))


def write_reader(
    reader: Reader,
    file: str,
    path: Path,
    spec: DataSpec | None = None,
    progress: Progress | None = None,
) -> int:
    """Write all columns as Parquet, the target first; numbers as float64 (HIGGS: float32). Return the rows."""
    spec = spec or DataSpec()
    is_higgs = set(reader.columns) == set(HIGGS_COLUMNS)
    first = HIGGS_COLUMNS[:1] if is_higgs else ((spec.target,) if spec.target else ())
    names = (*first, *(name for name in reader.columns if name not in (*first, *reader.beside)))
    numbers = pa.float32() if is_higgs else pa.float64()
    schema = pa.schema([pa.field(name, reader.others.get(name, numbers), name != spec.target) for name in names])
    blocks = reader.blocks(schema, spec.rows, is_higgs)
    batches = accept_rows(
        blocks, file=file, rows=spec.rows, on_bad_row=spec.on_bad_row, skipped=[], progress=progress
    )
    return write_batches(batches, schema, path, "ingest")


def write_batches(batches: Iterator[pa.RecordBatch], schema: pa.Schema, path: Path, command: str) -> int:
    """Write batches with the writer for the file's ending, and the mark of a command. Return the number of rows."""
    pending: list[pa.RecordBatch] = []
    waiting = rows = 0
    with WRITERS[path.suffix.lower()](path, schema) as writer:
        for batch in batches:
            pending.append(batch)
            waiting, rows = waiting + len(batch), rows + len(batch)
            if waiting >= GROUP_ROWS:
                writer.write_table(pa.Table.from_batches(pending, schema))
                pending, waiting = [], 0
        writer.write_table(pa.Table.from_batches(pending, schema))
        if isinstance(writer, pq.ParquetWriter):
            writer.add_key_value_metadata({"gengap": mark(command)})
    return rows


WRITERS: Mapping[str, Callable[[Path, pa.Schema], Any]] = {
    # A dictionary does not help with numbers that differ in every row.
    ".parquet": lambda path, schema: pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=False),
    ".csv": lambda path, schema: pa_csv.CSVWriter(path, schema),
    ".arrow": lambda path, schema: pa.ipc.new_file(path, schema),
    ".feather": lambda path, schema: pa.ipc.new_file(path, schema),
}


def _parquet(path: Path, file: str) -> Reader:
    with open_parquet(path, file) as found:
        schema = found.schema_arrow

    def batches(columns: list[str], rows: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
        with open_parquet(path, file) as opened:
            yield from opened.iter_batches(rows, columns=columns)

    return _reader(schema, batches, file)


def _arrow(path: Path, file: str) -> Reader:
    check_arrow(path, file)

    def opened() -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        return open_arrow(pa.memory_map(str(path)))

    def batches(columns: list[str], rows: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
        for batch in opened()[1]:
            batch.validate(full=True)  # a false length would be read beyond the bytes
            yield from pa.Table.from_batches([batch]).select(columns).to_batches(rows)

    return _reader(opened()[0], batches, file)


def _npz(path: Path, file: str) -> Reader:
    with open_npz(path, file) as archive:
        found = {name: archive[name] for name in archive.files}
    features = [name for name in ("x", "X") if name in found]
    if features and "y" in found and found[features[0]].ndim > 1:
        x, y = found.pop(features[0]), found.pop("y")
        beside = {
            name: array
            for name, array in found.items()
            if array.shape == x.shape[:1] and array.dtype.kind in PLAIN_ARRAYS
        }
        return open_arrays(x, y, file, beside)
    shapes = {name: array.shape for name, array in found.items()}
    if not found or len(set(shapes.values())) != 1 or any(len(shape) != 1 for shape in shapes.values()):
        expected = "arrays x (n, d) and y (n,), or named columns (n,) of one length"
        raise SourceError(
            f"{file}: holds {shapes}, expected {expected}. Save it with np.savez(file, x=..., y=...)."
        )
    return _named(found, file)


def _named(columns: dict[str, np.ndarray], file: str) -> Reader:
    with explain_read_errors(file):
        table = pa.table({name: np.ascontiguousarray(column) for name, column in columns.items()})
    return open_in_memory(table, file)


def _reader(schema: pa.Schema, batches: Batches, file: str) -> Reader:
    """Return a reader of numbers, text and dates; each call of `batches(columns, rows)` reads from the start."""
    check_column_count(file, len(schema))
    index = _pandas_index(schema)
    names = [name for name in schema.names if name not in index]
    check_column_names(file, names)
    others, refusals = {}, {}
    for name in names:
        kind = schema.field(name).type
        if (read_as := _read_as(kind)) is not None:
            others[name] = read_as
        elif not any(test(kind) for test in NUMERIC):
            refusals[name] = partial(_refuse_type, name, kind, batches, file)

    def blocks(requested: pa.Schema, rows: int | None, binary: bool) -> Generator[RowBlock, None, None]:
        with explain_read_errors(file):
            for batch in batches(requested.names):
                yield check_batch(batch, requested, binary)

    types = {name: schema.field(name).type for name in names}
    return Reader(tuple(names), blocks, others=others, types=types, refusals=refusals)


def _pandas_index(schema: pa.Schema) -> set[str]:
    """Return the columns that pandas wrote for a table's index; they number rows and are no features."""
    about = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))
    index = about.get("index_columns") if isinstance(about, dict) else None
    return {name for name in index if isinstance(name, str)} if isinstance(index, list) else set()


def _read_as(kind: pa.DataType) -> pa.DataType | None:
    """Return the type in which text or dates are read; None for numbers, and for what can't be used."""
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return pa.timestamp("us")
    return pa.string() if is_text(kind) or pa.types.is_dictionary(kind) else None


def _refuse_type(name: str, kind: pa.DataType, batches: Batches, file: str, hint: str) -> None:
    """Raise an error that names the first value. Rows are read one by one, because each may be very long."""
    with explain_read_errors(file):
        rows = enumerate(islice(batches([name], 1), SEARCHED_ROWS), 1)
        cells = ((row, cell) for row, batch in rows for cell in batch.column(0) if cell.is_valid)
        for row, cell in cells:
            problem = f"{shown(cell.as_py())} is of type {kind}, expected a number, text or a date"
            raise BadRowError(file, row, name, problem, hint)
    raise SourceError(f"{file}: column {name!r} is of type {kind}, expected numbers, text or dates. {hint}")

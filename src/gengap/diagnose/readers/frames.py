"""Read other libraries' tables: data frames of pandas, polars and Arrow, and Parquet and Arrow files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gengap.diagnose.readers.log_table import LogTable, check_points, check_text_size
from gengap.diagnose.readers.table_layouts import read_log_table
from gengap.diagnose.run_curves import Log
from gengap.errors import DataError
from gengap.files.arrow import check_arrow, open_arrow
from gengap.files.limits import explain_read_errors, open_parquet, text_bytes

if TYPE_CHECKING:
    import pyarrow as pa


def read_frame(frame: Any, file: str) -> list[Log]:
    """Return the runs in anything with `__arrow_c_stream__`."""
    import pyarrow as pa

    with explain_read_errors(file):
        table = pa.table(frame)
    return _logs(table, file)


def read_parquet_log(path: Path, file: str) -> list[Log]:
    """Return the runs in a Parquet file, such as gengap's own histories."""
    with explain_read_errors(file), open_parquet(path, file) as opened:
        check_points(file, opened.metadata.num_rows * opened.metadata.num_columns)
        table = opened.read()
    return _logs(table, file)


def read_arrow_log(path: Path, file: str) -> list[Log]:
    """Return the runs in an Arrow IPC file or stream, or a Feather file."""
    import pyarrow as pa

    with explain_read_errors(file), pa.memory_map(str(path)) as mapped:
        check_arrow(path, file)
        schema, batches = open_arrow(mapped)
        read, points = [], 0
        for batch in batches:
            points += batch.num_rows * batch.num_columns
            check_points(file, points)
            batch.validate(full=True)
            read.append(batch)
        return _logs(pa.Table.from_batches(read, schema), file)


def _logs(table: pa.Table, file: str) -> list[Log]:
    twice = sorted(name for name, count in Counter(table.column_names).items() if count > 1)
    if twice:
        raise DataError(f"{file}: has more than one column {', '.join(twice)}. Give each its own name.")
    check_points(file, table.num_rows * table.num_columns)
    with explain_read_errors(file):
        check_text_size(file, sum(text_bytes(column) for column in table.columns))
        columns = {
            name: column.to_pylist() if _is_plain(column.type) else [None] * len(column)
            for name, column in zip(table.column_names, table.columns, strict=True)
        }
    return read_log_table(LogTable(file, columns))


def _is_plain(kind: pa.DataType) -> bool:
    """Return whether a column holds numbers or text, and no lists or the like."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return _is_plain(kind.value_type)
    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean)
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(test(kind) for test in (*tests, *texts))

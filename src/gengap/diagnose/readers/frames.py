"""Other libraries' tables: data frames of pandas, polars and Arrow, and the Parquet and Arrow files they write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gengap.diagnose.readers.log_table import LogTable, check_points, check_text_size
from gengap.diagnose.readers.table_layouts import read_log_table
from gengap.diagnose.run_curves import Log
from gengap.errors import DataError, GengapError, reason
from gengap.files.limits import check_arrow, check_parquet, is_text, open_arrow, text_bytes

if TYPE_CHECKING:
    import pyarrow as pa


def read_frame(frame: Any, file: str) -> list[Log]:
    """The runs in anything with `__arrow_c_stream__`."""
    import pyarrow as pa

    with _explained(file):
        table = pa.table(frame)
    return _logs(table, file)


def read_parquet_log(path: Path, file: str) -> list[Log]:
    """The runs in a Parquet file, gengap's own histories among them."""
    import pyarrow.parquet as pq

    with _explained(file), pq.ParquetFile(path) as found:
        check_points(file, found.metadata.num_rows * found.metadata.num_columns)
        check_parquet(found.metadata, path, file)
        # One long text in every row, which is stored once, is also held once.
        texts = [field.name for field in found.schema_arrow if is_text(field.type)]
        with pq.ParquetFile(path, read_dictionary=texts) as opened:
            table = opened.read()
    return _logs(table, file)


def read_arrow_log(path: Path, file: str) -> list[Log]:
    """The runs in an Arrow IPC file or stream, or a Feather file."""
    import pyarrow as pa

    with _explained(file), pa.memory_map(str(path)) as mapped:
        check_arrow(path, file)
        schema, batches = open_arrow(mapped)
        kept, points = [], 0
        for batch in batches:
            points += batch.num_rows * batch.num_columns
            check_points(file, points)
            batch.validate(full=True)
            kept.append(batch)
        return _logs(pa.Table.from_batches(kept, schema), file)


@contextmanager
def _explained(file: str) -> Iterator[None]:
    """Turns what Arrow says about what it can't read into a DataError that names the file."""
    try:
        yield
    except GengapError:
        raise
    except Exception as fault:  # on a damaged file Arrow raises almost anything
        raise DataError(f"{file}: can't be read ({reason(fault)}). Check that it is complete.") from fault


def _logs(table: pa.Table, file: str) -> list[Log]:
    twice = sorted(name for name, count in Counter(table.column_names).items() if count > 1)
    if twice:
        raise DataError(f"{file}: has more than one column {', '.join(twice)}. Give each its own name.")
    check_points(file, table.num_rows * table.num_columns)
    with _explained(file):
        check_text_size(file, sum(text_bytes(column) for column in table.columns))
        columns = {
            name: column.to_pylist() if _is_plain(column.type) else [None] * len(column)
            for name, column in zip(table.column_names, table.columns, strict=True)
        }
    return read_log_table(LogTable(file, columns))


def _is_plain(kind: pa.DataType) -> bool:
    """Whether a column holds numbers or text, and not lists or the like."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return _is_plain(kind.value_type)
    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean)
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(test(kind) for test in (*tests, *texts))

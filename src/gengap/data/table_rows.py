"""All rows of a table as they are read, before they are split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from gengap.data.encoding import RawTable, collect_columns
from gengap.data.sources.source import Source
from gengap.data.split import source_row_number
from gengap.data.value_formats import find_format, note_on_format
from gengap.errors import BadRowError, FormattedNumberError, TooFewRowsError, UsageError, shown
from gengap.files.limits import TooLargeError, default_table_bytes
from gengap.tasks import AnyTask, task_of
from gengap.text.catalog import Message

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class TableRows:
    """All rows as read.

    `raw` is None for a table that is too large for memory. `extra` are the columns that rows are split or weighted
    by. `weights` (rows,) have the mean 1 in every part.
    """

    raw: RawTable | None
    y: np.ndarray
    extra: Mapping[str, pd.Series]
    weights: np.ndarray | None = None
    notes: tuple[Message, ...] = ()


def read_rows(source: Source) -> tuple[Source, TableRows]:
    """Read all rows. A column of plain numbers in which "1,234.5" turns up late is read again, as text."""
    memory = source.spec.memory
    max_bytes = default_table_bytes() if memory is None else memory * 2**30
    while True:
        try:
            return source, _read_once(source, max_bytes)
        except FormattedNumberError as error:
            if source.higgs_layout or error.column is None or error.column in source.texts:
                raise
            source = replace(source, texts=source.texts | {error.column}, skipped=[])


def _read_once(source: Source, max_bytes: float) -> TableRows:
    ys: list[np.ndarray] = []
    extra: dict[str, list[pa.Array]] = {name: [] for name in source.spec.extra_columns}

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in source.batches():
            ys.append(batch.column(0).to_numpy(zero_copy_only=False))
            for name, arrays in extra.items():
                arrays.append(batch.column(name))
            yield batch

    try:
        raw = collect_columns(batches(), source.columns, source.origin, max_bytes)
    except TooLargeError:
        raw = None
    if raw is None:  # outside of `except`, so that the rows read before are freed with the error
        ys.clear()
        for arrays in extra.values():
            arrays.clear()
        for _ in batches():
            pass
    if not ys:
        raise TooFewRowsError(f"{source.origin} holds no rows; expected a table with at least two")
    columns = {name: pa.chunked_array(arrays).to_pandas() for name, arrays in extra.items()}
    return TableRows(raw, np.concatenate(ys), columns)


def read_target(source: Source, read: TableRows) -> TableRows:
    """Read a target of formatted numbers, such as "1,234.5". Texts that are classes stay."""
    if read.y.dtype.kind in "biuf" or source.spec.task in ("binary", "multiclass"):
        return read
    place = f"{source.origin}, column {source.target!r}"
    found = find_format(place, dict.fromkeys(read.y), source.reader.decimal, "say --task multiclass (task=)")
    if found is None:
        return read
    import pandas as pd

    numbers = found.format.read(pd.Series(read.y)).to_numpy()
    if np.isnan(numbers).any():
        index = int(np.isnan(numbers).argmax())
        problem = f"{shown(read.y[index])} is not written like the other rows, for example {found.format.example}"
        hint = "Correct it, or say --task multiclass (task=) if these are classes."
        raise BadRowError(source.origin, source_row_number(index, source.skipped), source.target, problem, hint)
    if source.spec.task is None and task_of(numbers, None, place).by_class:
        return read
    return replace(read, y=numbers, notes=(note_on_format(source.target, found, "target"),))


def find_task(source: Source, read: TableRows) -> AnyTask:
    """Find the task from the target's values. Raises UsageError for options that don't fit it."""
    place = f"{source.origin}, column {source.target!r}"
    task = task_of(read.y, source.spec.task, place)
    if source.spec.class_weight is not None and not task.by_class:
        raise UsageError(
            f"{source.origin}: class weights are for classes, and {source.target!r} is a number. Leave "
            "--class-weight (class_weight=) out, or say --task multiclass"
        )
    return task

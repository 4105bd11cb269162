"""Blocks of checked rows, which every reader returns: what a bad row is, and how rows are counted.

A reader turns one kind of input into `RowBlock`s. `accept_rows` numbers their rows, stops after the requested
number, and refuses or skips bad rows. So a row has the same number, and a fault the same text, in every format and
with any number of threads.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gengap.data.value_formats import Decimal
from gengap.errors import BadRowError, FormattedNumberError, SourceError, TooFewRowsError, counted
from gengap.files.delimited import MISSING_VALUES
from gengap.files.limits import LARGEST_UNPACKED, text_bytes
from gengap.options.spec import OnBadRow
from gengap.text.catalog import Message

Progress = Callable[[int, int | None], None]  # called with what is done, and what is expected or None
TOO_LARGE = 3.4028235677973366e38  # the largest 32-bit number and half a step: from here on it rounds to infinity
NO_TARGET = "this row has no target value"
FORMATTED = "Write the column's numbers with digits, a point and a minus only, as -1234.5."
MAX_SKIPPED = 100_000  # a file with more bad rows has another fault, and the list must not fill memory


class SkippedRow(NamedTuple):
    """A bad row left out: `row` counts data rows from 1; `column` is None if the whole row is at fault."""

    row: int
    column: str | None
    problem: str


class Fault(NamedTuple):
    """A bad row of a block, as `SkippedRow`; `formatted` says that the cell is a number such as "1,234.5"."""

    row: int
    column: str | None
    problem: str
    formatted: bool = False


class RowBlock(NamedTuple):
    """Consecutive rows of a source: the good ones, how many were read, and what is wrong with the others.

    The rows of `faults` rise and are counted from 1 within the block.
    """

    batch: pa.RecordBatch
    rows: int
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True)
class Reader:
    """One opened input: its columns, and how to read its blocks.

    Attributes:
        columns: The names of the columns, in the order of the file.
        blocks: `blocks(schema, rows, binary)` yields blocks of the columns of `schema`, in any order: floating
            point (a field that is not nullable must hold a number in every row), string or timestamp. It may stop
            after `rows` good rows, or give more. With `binary`, the first column must hold 0 or 1.
        target: The target's name, if the format itself says it.
        others: The columns that are no numbers, and the types they are read as: string or timestamp.
        types: The types of the columns in the input, if it is no text.
        refusals: Functions by column that raise DataError with a hint, for columns that can't be used.
        notes: How the input is understood.
        decimal: The decimal sign of its numbers, if it is known.
        beside: The columns that are no features, but may weight or split the rows.
    """

    columns: tuple[str, ...]
    blocks: Callable[[pa.Schema, int | None, bool], Generator[RowBlock, None, None]]
    target: str | None = None
    others: Mapping[str, pa.DataType] = field(default_factory=dict)
    types: Mapping[str, pa.DataType] = field(default_factory=dict)
    refusals: Mapping[str, Callable[[str], None]] = field(default_factory=dict)
    notes: tuple[Message, ...] = ()
    decimal: Decimal | None = None
    beside: tuple[str, ...] = ()

    def refuse(self, names: Iterable[str], hint: str) -> None:
        """Raise DataError if one of these columns can't be used; {name} in the hint stands for it."""
        for name in names:
            if name in self.refusals:
                self.refusals[name](hint.replace("{name}", shlex.quote(name)))

    @property
    def dates(self) -> set[str]:
        """The columns that have a type of dates in the input."""
        return {name for name, kind in self.others.items() if pa.types.is_timestamp(kind)}


class StreamBrokenError(Exception):
    """A stream that broke: what happened, and what to do. `accept_rows` adds the file and the row."""

    def __init__(self, problem: str, hint: str) -> None:
        super().__init__(problem)
        self.problem, self.hint = problem, hint


def number_problem(value: Any, binary: bool = False) -> str | None:
    """Return what is wrong with a number, or None. It must be finite in 32 bits, and 0 or 1 if `binary`.

    >>> number_problem(1e39)
    '1e+39 is too large, expected a number that 32 bits can hold (up to 3.4e38)'
    """
    if value is None:
        return "the cell is empty, expected a number"
    number = float(value)
    if not np.isfinite(number):
        return f"{value} is not finite, expected a number"
    if abs(number) >= TOO_LARGE:
        return f"{value} is too large, expected a number that 32 bits can hold (up to 3.4e38)"
    if binary and number not in (0, 1):
        return f"the label is {value}, expected 0 or 1"
    return None


def target_of(schema: pa.Schema) -> str | None:
    """Return the target that a schema begins with: it can't be missing, but features can. None without one."""
    first_two = [schema.field(i).nullable for i in range(min(2, len(schema)))]
    return schema.names[0] if first_two == [False, True] else None


def check_batch(raw: pa.RecordBatch, schema: pa.Schema, binary: bool) -> RowBlock:
    """Return the columns of `raw` that `schema` names, in its types, without bad rows."""
    arrays = [_cast(raw.column(field.name), field.type) for field in schema]
    with np.errstate(over="ignore"):
        fine = dict(_fine_values(arrays, schema, binary))
    batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
    if all(column.all() for column in fine.values()):
        return RowBlock(batch, len(batch))
    table, names = np.stack(list(fine.values())), list(fine)
    good = table.all(axis=0)
    bad = [(int(row), names[int(np.argmin(table[:, row]))]) for row in np.flatnonzero(~good)]
    faults = (
        Fault(row + 1, name, _problem(raw.column(name)[row].as_py(), name, schema, binary)) for row, name in bad
    )
    return RowBlock(batch.filter(pa.array(good)), len(batch), tuple(faults))


def _fine_values(arrays: Iterable[pa.Array], schema: pa.Schema, binary: bool) -> Iterator[tuple[str, np.ndarray]]:
    """Yield which values (rows,) can be used, for each column of numbers and for a target of texts, by its name."""
    for place, (column, array) in enumerate(zip(schema, arrays, strict=True)):
        if pa.types.is_floating(column.type):
            values = array.to_numpy(zero_copy_only=False)
            # A float64 target must fit 32 bits as well: models compute in float32.
            narrow = values if values.dtype == np.float32 else values.astype(np.float32)
            fine = ~np.isinf(narrow) if column.nullable else np.isfinite(narrow)
            yield column.name, fine & ((values == 0) | (values == 1)) if binary and place == 0 else fine
        elif place == 0 and not column.nullable:
            yield column.name, array.is_valid().to_numpy(zero_copy_only=False)


def _problem(value: Any, name: str, schema: pa.Schema, binary: bool) -> str:
    """Return what is wrong with a value of a column."""
    if not pa.types.is_floating(schema.field(name).type) or (value is None and name == target_of(schema)):
        return NO_TARGET
    return number_problem(value, binary and name == schema.names[0]) or f"{value} is out of range"


def _cast(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return the column in another type. Text is stripped, and null where it stands for a missing value."""
    if pa.types.is_dictionary(array.type):
        if (taken := text_bytes(array)) > LARGEST_UNPACKED:
            raise ValueError(f"the texts of {len(array):,} rows take {taken:,} bytes, at most {LARGEST_UNPACKED:,}")
        words = array.dictionary.cast(kind)  # first: Arrow can't decode polars' views of strings
        array = pa.DictionaryArray.from_arrays(array.indices, words).dictionary_decode()
    array = array if array.type == kind else array.cast(kind, safe=False)
    if not pa.types.is_string(kind):
        return array
    trimmed = pc.utf8_trim_whitespace(array)
    return pc.if_else(pc.is_in(trimmed, pa.array(MISSING_VALUES)), pa.scalar(None, kind), trimmed)


def accept_rows(
    blocks: Generator[RowBlock, None, None],
    *,
    file: str,
    rows: int | None,
    on_bad_row: OnBadRow | None,
    skipped: list[SkippedRow],
    progress: Progress | None = None,
    features: Collection[str] = (),
) -> Iterator[pa.RecordBatch]:
    """Yield the good rows of blocks, at most `rows`; later rows are not checked.

    A bad row is an error, or is added to `skipped` with `on_bad_row="skip"`; for None, the error offers no skip.
    For a column of `features` with several bad rows, it offers another kind of column.

    Raises:
        BadRowError: A row can't be used.
        TooFewRowsError: The blocks end early.
        SourceError: The stream breaks, or has no rows.
    """
    read = good = 0
    try:
        with closing(blocks):
            for block in blocks:
                left = block.rows if rows is None else rows - good
                reached = [fault for before, fault in enumerate(block.faults) if fault.row - 1 - before < left]
                if reached and on_bad_row != "skip":
                    hint = _hint(reached[0], block, read + block.rows, on_bad_row, features)
                    _raise(reached[0]._replace(row=read + reached[0].row), file, hint)
                for fault in reached:
                    _skip(fault._replace(row=read + fault.row), file, skipped)
                batch = block.batch.slice(0, left)
                read, good = read + block.rows, good + len(batch)
                if progress:
                    progress(good, rows)
                if len(batch):
                    yield batch
                if good == rows:
                    return
    except StreamBrokenError as broken:
        raise SourceError(f"{file}: {broken.problem}, after row {read:,}. {broken.hint}") from broken
    without = f" ({counted(len(skipped), 'bad row')} left out)" if skipped else ""
    if rows is not None:
        raise TooFewRowsError(
            f"{file}: it has only {counted(good, 'row')}{without}, expected {rows:,}. Ask for fewer."
        )
    if not good and skipped:
        raise TooFewRowsError(f"{file}: there are no good rows{without}. Correct the bad rows.")
    if not good:
        raise SourceError(f"{file}: there are no rows in it. Give a table with at least one row.")


def _raise(fault: Fault, file: str, hint: str) -> NoReturn:
    kind = FormattedNumberError if fault.formatted else BadRowError
    raise kind(file, fault.row, fault.column, fault.problem, hint)


def _hint(fault: Fault, block: RowBlock, read: int, on_bad_row: OnBadRow | None, features: Collection[str]) -> str:
    """Return what to do about the first bad row of a block: its column may have many, and be no number.

    `read` counts the rows up to the end of the block, and the kind of `features` can be chosen.
    """
    if fault.formatted:  # to skip such rows would leave out just the large numbers, or the negative ones
        return FORMATTED
    skip = "" if on_bad_row is None else ", or leave such rows out with --on-bad-row skip (on_bad_row='skip')"
    count = sum(fault.column == other.column for other in block.faults)
    if count == 1 or fault.column is None:
        return f"Correct the row{skip}."
    kind = f'--column "{fault.column}=category" (or text, or drop)'
    other = f", or if the column is no number, use {kind}" if fault.column in features else ""
    if count == read:
        return f"All of the first {read:,} rows are bad in this column. Use another column{other}."
    return f"{count:,} of the first {read:,} rows are bad in this column. Correct them{skip}{other}."


def _skip(fault: Fault, file: str, skipped: list[SkippedRow]) -> None:
    """Note a bad row in `skipped`. Raise the error if numbers are formatted, or too many rows are bad."""
    if fault.formatted:
        _raise(fault, file, FORMATTED)
    skipped.append(SkippedRow(*fault[:3]))
    if len(skipped) > MAX_SKIPPED:
        problem = f"{fault.problem}; more than {MAX_SKIPPED:,} rows are bad"
        hint = "Check the file: this many bad rows are a sign of a wrong column or format."
        raise BadRowError(file, fault.row, fault.column, problem, hint)

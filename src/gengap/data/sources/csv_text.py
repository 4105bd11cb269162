"""Read CSV text: find the layout from the head of the file, then parse blocks of lines.

pyarrow parses a block without faults. A block with a fault is read again line by line, which is slow and finds the
row, the column and the reason. Both give the same numbers.
"""

from __future__ import annotations

import csv
from codecs import BOM_UTF8 as BOM
from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from gengap.data.collider import COLUMNS as HIGGS_COLUMNS
from gengap.data.sources import byte_stream as stream
from gengap.data.sources.row_blocks import (
    NO_TARGET,
    Fault,
    Reader,
    RowBlock,
    StreamBrokenError,
    check_batch,
    number_problem,
    target_of,
)
from gengap.data.value_formats import looks_formatted
from gengap.errors import SourceError, shown
from gengap.files.delimited import (
    DELIMITERS,
    HEAD_LINES,
    MISSING_VALUES,
    NOT_FINITE,
    NUMBER,
    NUMBERS_SHARE,
    find_head,
    has_decimal_commas,
    is_missing,
    split_cells,
    with_point,
)
from gengap.files.limits import check_column_count, check_column_names
from gengap.text.catalog import Message

BOOLEANS = {"true": "1", "false": "0"}
INNER = 1 << 18  # bytes that pyarrow parses at once; they fit into the processor's cache
HEAD_BYTES = 1 << 20  # read to find out the layout
WIRE_LINES, WIRE_BYTES = 20, 1 << 16  # enough of a transfer: lines if they are numbers, otherwise bytes
COUNTED = 1 << 16  # bytes in which lines are counted, to estimate their length
NOT_UTF8 = "not text in UTF-8. Save it as UTF-8"
DECIMAL_COMMA = Message("table-decimal-comma")
OF_NUMBERS = b"+-0123456789.eE,;\t \r\n"


@dataclass(frozen=True)
class CsvLayout:
    """How a CSV file is written: its columns, those of true and false, and those of text."""

    columns: tuple[str, ...]
    delimiter: str
    decimal: str  # "." or ","
    booleans: frozenset[str]
    texts: frozenset[str]
    start: int  # bytes before the first row


def open_csv(pieces: stream.ByteStream, file: str, block: int = stream.BLOCK) -> Reader:
    """Open CSV text; its layout is found from the head. Raises SourceError or BadRowError."""

    def enough(text: bytes) -> bool:
        lines, most = text.count(b"\n"), WIRE_BYTES if pieces.by_wire else HEAD_BYTES
        if pieces.by_wire and lines > WIRE_LINES and not text[text.index(b"\n") :].translate(None, OF_NUMBERS):
            return True
        return lines > HEAD_LINES or (lines > 1 and len(text) >= most) or len(text) > stream.LONGEST_LINE

    try:
        layout = sniff(*pieces.peek(enough), file)
    except StreamBrokenError as broken:
        raise SourceError(f"{file}: {broken.problem}, before the first row ended. {broken.hint}") from broken

    def blocks(schema: pa.Schema, rows: int | None, binary: bool) -> Generator[RowBlock, None, None]:
        text = stream.line_blocks(stream.dropped(pieces, layout.start), block, rows)
        yield from stream.parse_blocks(text, partial(parse, layout=layout, schema=schema, binary=binary), rows)

    has_commas = layout.decimal == ","
    return Reader(
        layout.columns,
        blocks,
        others=dict.fromkeys(sorted(layout.texts), pa.string()),
        notes=(DECIMAL_COMMA,) if has_commas else (),
        decimal="," if has_commas else None,
    )


def sniff(head: bytes, ended: bool, file: str) -> CsvLayout:
    """Find the layout of a file from its head, which is the whole file if `ended`.

    See `gengap.files.delimited` for the delimiter and decimal commas. A first line of mostly numbers is a row, any
    other a header. A file without header, 29 fields wide and with labels 0 and 1 in front, is HIGGS.
    """
    lines = _head_lines(head, ended, file)
    text = [line.decode("utf-8-sig", "replace") for line in lines]
    head_line = find_head(text)
    if head_line is None:
        raise SourceError(f"{file}: there are no rows in it. Give a table with at least one row.")
    first, delimiter = head_line
    check_column_count(file, max(map(text[first].count, DELIMITERS)))
    reader = csv.reader(text[first:], delimiter=delimiter)
    try:
        names = [name.strip() for name in next(reader)]
    except csv.Error as fault:
        raise SourceError(f"{file}: the first line can't be read ({fault}). Check the quotes there.") from None
    if len(names) < 2:
        expected = "expected columns separated by comma, semicolon or tab"
        raise SourceError(f"{file}: the first line is one field, {text[first].strip()[:60]!r}; {expected}.")
    has_header = not _mostly_numbers(names if delimiter == "," else [*map(with_point, names)])
    body = first + reader.line_num if has_header else first
    if (line := _undecoded(b"".join(lines[first:body]).decode("utf-8", "surrogateescape"))) is not None:
        raise SourceError(f"{file}: the line of column names, {shown(line.strip())}, is {NOT_UTF8}.")
    sample = [split_cells(line, delimiter) for line in text[body : body + HEAD_LINES] if line.strip()]
    decimal = "," if delimiter != "," and has_decimal_commas(zip(*sample, strict=False)) else "."
    if decimal == ",":
        sample = [[*map(with_point, row)] for row in sample]
    if has_header:
        columns = tuple(name or f"column_{i}" for i, name in enumerate(names, 1))
        check_column_names(file, columns)
    else:
        columns = _invented(sample)
    cells = {name: [row[i] if i < len(row) else "" for row in sample] for i, name in enumerate(columns)}
    texts = frozenset(name for name, column in cells.items() if _is_text(column))
    booleans = frozenset(name for name, column in cells.items() if any(cell.lower() in BOOLEANS for cell in column))
    start = sum(len(line) for line in lines[:body]) or 3 * head.startswith(BOM)
    return CsvLayout(columns, delimiter, decimal, booleans - texts, texts, start)


def _head_lines(head: bytes, ended: bool, file: str) -> list[bytes]:
    """Return the whole lines of the head. Raises SourceError if it is no text with lines."""
    if b"\0" in head:
        raise SourceError(f"{file}: this is {NOT_UTF8}, comma-separated.")
    if not ended and b"\n" not in head and len(head) > stream.LONGEST_LINE:
        raise SourceError(
            f"{file}: the first line is longer than {stream.LONGEST_LINE:,} bytes. Give lines of text."
        )
    lines = head.splitlines(keepends=True)
    return lines if ended or len(lines) == 1 else lines[:-1]  # the last one may be cut in the middle


def _mostly_numbers(names: list[str]) -> bool:
    filled = [name for name in names if name]
    numbers = sum(bool(NUMBER.fullmatch(name) or NOT_FINITE.fullmatch(name)) for name in filled)
    return 2 * numbers > len(filled)


def _invented(sample: list[list[str]]) -> tuple[str, ...]:
    """Return names for the columns of a file without header; those of HIGGS if it looks like it."""
    width = Counter(len(row) for row in sample).most_common(1)[0][0]
    labels = sum(bool(NUMBER.fullmatch(row[0])) and float(row[0]) in (0, 1) for row in sample)
    if width == len(HIGGS_COLUMNS) and 2 * labels > len(sample):
        return HIGGS_COLUMNS
    return tuple(f"column_{i}" for i in range(1, width + 1))


def _is_text(cells: list[str]) -> bool:
    """Return whether a column is text: too few of its values are numbers."""
    values = [cell for cell in cells if not is_missing(cell)]
    numbers = sum(bool(NUMBER.fullmatch(v) or NOT_FINITE.fullmatch(v)) or v.lower() in BOOLEANS for v in values)
    return numbers < NUMBERS_SHARE * len(values) or (not values and len(cells) > 1)


def parse(text: bytearray, layout: CsvLayout, schema: pa.Schema, binary: bool) -> RowBlock:
    """Parse whole lines into the columns of `schema`, without bad rows. The result does not refer to `text`."""
    # To look for every mark of missing values takes twice as long, and most tables have only the empty cell.
    for marks in ([""], MISSING_VALUES):
        try:
            block = check_batch(_parse_fast(text, layout, schema, marks), schema, binary)
        except (pa.ArrowInvalid, IndexError):  # a field that is no number, a wrong field count, or no row at all
            continue
        if not block.faults:
            return block
        break
    return _parse_carefully(text, layout, schema, binary)


def _parse_fast(text: bytearray, layout: CsvLayout, schema: pa.Schema, marks: Sequence[str]) -> pa.RecordBatch:
    types = {field.name: field.type for field in schema}
    types |= {name: pa.bool_() for name in layout.booleans if pa.types.is_floating(types.get(name, pa.null()))}
    lines = text.count(b"\n", 0, COUNTED)  # not in all of the text, which takes a tenth of the time to parse it
    inner = max(INNER, 4 * COUNTED // lines) if lines else len(text)
    table = pa_csv.read_csv(
        pa.BufferReader(text),
        pa_csv.ReadOptions(column_names=layout.columns, use_threads=False, block_size=inner),
        # Without a quote in the text, not looking for any saves a quarter of the time.
        pa_csv.ParseOptions(delimiter=layout.delimiter, quote_char='"' if b'"' in text else False),
        pa_csv.ConvertOptions(
            column_types=types, include_columns=schema.names, null_values=marks, decimal_point=layout.decimal
        ),
    )
    return table.combine_chunks().to_batches()[0]


def _parse_carefully(text: bytearray, layout: CsvLayout, schema: pa.Schema, binary: bool) -> RowBlock:
    place = {name: i for i, name in enumerate(layout.columns)}
    at = [place[name] for name in schema.names]
    good: list[list[str | None]] = []
    faults: list[Fault] = []
    number = 0
    for raw in text.split(b"\n"):
        if not raw.strip(b" \r"):
            continue
        number += 1
        cells = split_cells(raw.decode("utf-8", "surrogateescape"), layout.delimiter)
        fault = _fault(cells, layout, schema, at, binary)
        if fault is None:
            good.append([_value(cells[i], field, layout) for i, field in zip(at, schema, strict=True)])
        else:
            faults.append(fault._replace(row=number))
    columns = zip(*good, strict=True) if good else [() for _ in at]
    arrays = [pc.cast(pa.array(c, pa.string()), f.type) for c, f in zip(columns, schema, strict=True)]
    return RowBlock(pa.RecordBatch.from_arrays(arrays, schema=schema), number, tuple(faults))


def _value(cell: str, field: pa.Field, layout: CsvLayout) -> str | None:
    """Return a cell in the form that Arrow casts."""
    if not pa.types.is_floating(field.type):
        return None if cell in MISSING_VALUES and not pa.types.is_large_string(field.type) else cell
    if layout.decimal == ",":
        cell = with_point(cell)
    return None if is_missing(cell) else BOOLEANS.get(cell.lower(), cell.removeprefix("+"))


def _fault(cells: list[str], layout: CsvLayout, schema: pa.Schema, at: list[int], binary: bool) -> Fault | None:
    """Return the first fault in a row; the row's number is not set yet."""
    if len(cells) != len(layout.columns):
        return Fault(0, None, f"{len(cells)} fields, expected {len(layout.columns)}")
    for place, (i, field) in enumerate(zip(at, schema, strict=True)):
        missing = cells[i] in MISSING_VALUES if pa.types.is_string(field.type) else not cells[i]
        if missing and field.name == target_of(schema):
            return Fault(0, field.name, NO_TARGET)
        if (text := _undecoded(cells[i])) is not None:
            return Fault(0, field.name, f"{shown(text)} is {NOT_UTF8}")
        if not pa.types.is_floating(field.type) or (field.nullable and is_missing(cells[i])):
            continue
        cell = cells[i]
        if layout.decimal == ",":
            if "." in cell and NUMBER.fullmatch(cell):
                problem = f"{shown(cell)} has a point, but other numbers of the file have a decimal comma"
                return Fault(0, field.name, problem, formatted=True)
            cell = with_point(cell)
        if problem := _problem(cell, field.name in layout.booleans, binary and place == 0):
            return Fault(0, field.name, problem, looks_formatted(cell))
    return None


def _undecoded(text: str) -> str | None:
    """Return printable text if some bytes are not UTF-8 (they are surrogates here), otherwise None."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return None


def _problem(cell: str, boolean: bool, binary: bool) -> str | None:
    """Return what is wrong with a cell that must hold a number, or None."""
    if not cell:
        return number_problem(None)
    if boolean and cell.lower() in BOOLEANS:
        return None
    if NUMBER.fullmatch(cell):
        return number_problem(float(cell), binary)
    if NOT_FINITE.fullmatch(cell):
        return number_problem(float(cell))
    return f"{shown(cell)} is {'no plain number' if looks_formatted(cell) else 'not a number'}"

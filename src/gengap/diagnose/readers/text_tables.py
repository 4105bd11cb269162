"""Text files as tables: CSV with any of the usual delimiters, JSON, and JSON lines.

A text is in UTF-8, in UTF-16 as PowerShell writes it, or in an older encoding of the country's Windows.
"""

from __future__ import annotations

import codecs
import csv
import json
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from gengap.diagnose.metric_names import foreign_letters
from gengap.diagnose.readers.documents import read_nested, read_records, table_of_records
from gengap.diagnose.readers.literals import read_literals
from gengap.diagnose.readers.log_table import NOT_LOGGED, LogTable, check_points, number
from gengap.diagnose.run_curves import Log
from gengap.errors import DataError
from gengap.files.delimited import HEAD_LINES, find_head, has_decimal_commas, with_point
from gengap.files.limits import check_column_names
from gengap.text.catalog import Message

PYTHON = re.compile(r"\s*\{\s*'")  # a printed dict, where JSON was meant
LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")
HOLE = re.compile(rb"\0{64,}")
OLDER = ("utf-8-sig", "gb18030", "cp949", "cp932", "big5", "cp1251", "cp1252")  # the first of equally good ones


def decoded(content: bytes, file: str) -> str:
    """Return the text of a file. Raises DataError if there is none, or if it is no text."""
    content = without_holes(content)
    encoding = encoding_of(content)
    try:
        if encoding == "utf-8-sig" and b"\0" in content:
            raise ValueError
        text = content.decode(encoding)
    except ValueError:
        raise DataError(
            f"{file}: this is not text in UTF-8. Check that it is the log, and save it as UTF-8."
        ) from None
    if not text.strip():
        raise DataError(f"{file}: the file is empty. Give a log of at least one epoch.")
    return text


def read_csv_log(text: str, file: str) -> list[Log]:
    """Return the runs in CSV text; its first line names the columns."""
    return read_records(csv_table(text, file))


def csv_table(text: str, file: str) -> LogTable:
    """Return CSV text as a table."""
    head = find_head(list(islice(_lines(text), HEAD_LINES)))
    if head is None:
        raise DataError(f"{file}: no line names the columns. Add a line with their names.")
    lines = islice(_lines(text), head.line, None)
    reader = csv.reader(lines, delimiter=head.delimiter, skipinitialspace=True)
    try:
        header = _header(next(reader), file)
        columns, rows, notes = _cells(reader, header, text, file, head.line)
    except csv.Error as error:
        raise DataError(f"{file}, line {reader.line_num + head.line}: {error}. Check the quotes there.") from None
    sample = ([cell.strip() for cell in column[:HEAD_LINES]] for column in columns)
    logged = ([cell for cell in cells if cell.lower() not in NOT_LOGGED] for cells in sample)
    if head.delimiter != "," and has_decimal_commas(logged):
        columns = [[with_point(cell.strip()) for cell in column] for column in columns]
        notes = (*notes, Message("table-decimal-comma"))
    return LogTable(file, dict(zip(header, columns, strict=True)), "line", rows, notes=notes)


def _lines(text: str) -> Iterator[str]:
    """Yield the lines of a text, each with a line feed at its end except perhaps the last."""
    for found in LINE.finditer(text):  # a list of all of them may be larger than the text
        yield found[0].rstrip("\r\n") + "\n" * found[0].endswith(("\r", "\n"))


def _header(cells: list[str], file: str) -> list[str]:
    names = [cell.strip() or f"column {i}" for i, cell in enumerate(cells, 1)]
    if all(_is_number(name) for name in names):
        raise DataError(f"{file}: the first line holds numbers, expected the columns' names. Add a line with them.")
    check_column_names(file, names)
    return names


def _is_number(cell: str) -> bool:
    try:
        return number(cell) is not None
    except ValueError:
        return False


def _cells(
    reader: Any, header: list[str], text: str, file: str, skipped: int
) -> tuple[list[list[str]], list[int], tuple[Message, ...]]:
    """Return the columns' cells, each row's line, and notes. A repeated header (of a resumed run) is left out."""
    columns: list[list[str]] = [[] for _ in header]
    lines: list[int] = []
    notes: list[Message] = []
    for cells in reader:
        line = reader.line_num + skipped
        if not cells or cells == [""]:
            continue
        while len(cells) > len(header) and not cells[-1].strip():
            cells.pop()
        if cells[0].strip() == header[0] and [cell.strip() for cell in cells] == header:
            notes.append(Message("read-header-again", {"line": line}))
            continue
        if len(cells) < len(header) and line >= text.count("\n") and not text.endswith(("\n", "\r")):
            notes.append(Message("read-cut-off", {"line": line}))
            continue
        text_below = len(cells) == 1 < len(header) and bool(lines) and not _is_number(cells[0])
        if text_below and all(len(others) < len(header) for others in reader):
            notes.append(Message("read-text-below", {"line": line}))
            break
        if len(cells) != len(header):
            raise DataError(f"{file}, line {line}: {len(cells)} fields, expected {len(header)}. Correct that line.")
        lines.append(line)
        check_points(file, len(lines) * len(header))
        for column, cell in zip(columns, cells, strict=True):
            column.append(cell)
    return columns, lines, tuple(notes)


def read_json(text: str, file: str) -> list[Log]:
    """Return the runs in a JSON document, or in one document per line."""
    check_points(file, sum(map(text.count, "[{,")))  # before a few bytes each become a value of a hundred
    try:
        document = json.loads(text)
    except RecursionError:
        raise DataError(f"{file}: nested too deep. Give the lists of values only.") from None
    except ValueError as fault:
        if text.lstrip().startswith("{") and "Extra data" in str(fault):
            return read_json_lines(text, file)
        if PYTHON.match(text):
            return read_literals(text, file)
        raise DataError(f"{file}: this is not JSON ({fault}). Check that it was written to its end.") from None
    if isinstance(document, str):  # json.dump(str(history.history), file)
        return read_literals(document, file)
    return read_nested(document, file)


def read_json_lines(text: str, file: str) -> list[Log]:
    """Return the runs in text with one JSON object per line. A cut-off last line is left out, with a note."""
    records: list[Mapping[str, Any]] = []
    rows: list[int] = []
    notes: list[Message] = []
    points = 0
    check_points(file, sum(map(text.count, "[{,")))
    for i, line in enumerate(_lines(text), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as fault:
            if not line.endswith("\n") and records:
                notes.append(Message("read-cut-off", {"line": i}))
                break
            problem = f"this is not JSON ({fault}). Correct that line, or put each document on one line."
            raise DataError(f"{file}, line {i}: {problem}") from None
        if not isinstance(record, Mapping):
            raise DataError(
                f'{file}, line {i}: {type(record).__name__}, expected an object such as {{"epoch": 0}}.'
            )
        records.append(record)
        rows.append(i)
        points += len(record)
        check_points(file, points)
    return read_records(table_of_records(records, file, unit="line", rows=rows, notes=tuple(notes)))


def without_holes(data: bytes) -> bytes:
    """Return bytes without long runs of zeros, as in logs that were emptied while a program wrote them."""
    return HOLE.sub(b"", data)


def encoding_of(start: bytes) -> str:
    """Return the encoding of a text that starts with these bytes."""
    head = without_holes(start)[:4096]
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if len(head) > 3 and head[1::2].count(0) > len(head) * 0.4:
        return "utf-16-le"
    if len(head) > 3 and head[::2].count(0) > len(head) * 0.4:
        return "utf-16-be"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return max(OLDER, key=lambda encoding: foreign_letters(start.decode(encoding, "ignore")))
    return "utf-8-sig"

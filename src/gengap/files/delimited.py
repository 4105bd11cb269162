"""How delimited text is written: its delimiter, its decimal sign and its missing values.

Tables (`gengap.data.sources.csv_text`) and logs (`gengap.diagnose.readers.text_tables`) are read by these rules.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

DELIMITERS = ",;\t"
HEAD_LINES = 200  # looked at to find out how the text is written
NUMBERS_SHARE = 0.9  # of a column's values that are numbers, from which on the others are typos
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)
WITH_COMMA = re.compile(r"[+-]?(\d+,\d*|,\d+)([eE][+-]?\d+)?", re.ASCII)
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}", re.ASCII)
SEPARATOR_LINE = re.compile(rf'"?sep=([{DELIMITERS}])"?', re.IGNORECASE)  # Excel's

# A missing number in any text
NO_VALUE = ("", "#N/A N/A", "#N/A", "#NA", "<NA>", "?", "...", "N/A", "NA", "NULL", "None", "n/a", "null", "none")
# A missing number in a table; in a log these say that the run diverged
NOT_A_NUMBER = ("-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "NAN", "NaN", "Nan", "nan")
MISSING_VALUES = (*NO_VALUE, *NOT_A_NUMBER)  # skrub's list, which is pandas' with a few more


class Head(NamedTuple):
    """The first line with cells: its index, and the delimiter of the text."""

    line: int
    delimiter: str


def find_head(lines: Sequence[str]) -> Head | None:
    """Return the first line with cells and the delimiter; None if all lines are blank.

    The delimiter is the one that Excel names in a line of its own (sep=;), or else the one of comma, semicolon and
    tab that cuts the first line into most cells, unless its commas are those of numbers between other delimiters.

    >>> find_head(["", "sep=;", "a,b;c"]), find_head(["1,5;2,5", "2,5;3,5"])
    (Head(line=2, delimiter=';'), Head(line=0, delimiter=';'))
    """
    filled = (i for i, line in enumerate(lines) if line.strip())
    first = next(filled, None)
    named = None if first is None else SEPARATOR_LINE.fullmatch(lines[first].strip(" \r\n"))
    if named:
        first = next(filled, None)
    if first is None:
        return None
    return Head(first, named[1] if named else _delimiter(lines[first : first + 3]))


def _delimiter(lines: Sequence[str]) -> str:
    for delimiter in DELIMITERS.replace(",", ""):
        commas = [cell for cell in split_cells(lines[0], delimiter) if "," in cell]
        same_number = len({line.count(delimiter) for line in lines if line.strip()}) == 1
        if delimiter in lines[0] and same_number and commas and all(map(WITH_COMMA.fullmatch, commas)):
            return delimiter
    return max(reversed(DELIMITERS), key=lambda each: len(split_cells(lines[0], each)))


def split_cells(line: str, delimiter: str) -> list[str]:
    """Return the stripped cells of one line."""
    line = line.rstrip("\r\n")
    if '"' not in line:
        return [cell.strip() for cell in line.split(delimiter)]
    try:
        return [cell.strip() for cell in next(csv.reader(io.StringIO(line), delimiter=delimiter))]
    except csv.Error:  # a cell beyond csv's limit: an open quote
        return [line]


def has_decimal_commas(columns: Iterable[Iterable[str]]) -> bool:
    """Return whether numbers have a decimal comma.

    At least one must have a comma that can't separate thousands, and none may have a point. Only columns of numbers
    count: text may hold numbers of another kind.

    >>> [has_decimal_commas([column]) for column in (["1,5", "2"], ["1,500", "2"], ["1,5", "2.5"])]
    [True, False, False]
    """
    numbers: list[str] = []
    for column in columns:
        values = [cell for cell in column if not is_missing(cell)]
        found = [cell for cell in values if NUMBER.fullmatch(cell) or WITH_COMMA.fullmatch(cell)]
        numbers += found if len(found) >= NUMBERS_SHARE * len(values) else []
    commas = [cell for cell in numbers if "," in cell]
    return not any("." in cell for cell in numbers) and not all(map(THOUSANDS.fullmatch, commas))


def with_point(cell: str) -> str:
    """Return a number with a decimal comma with a point instead; other cells are unchanged."""
    return cell.replace(",", ".") if WITH_COMMA.fullmatch(cell) else cell


def is_missing(cell: str) -> bool:
    """Return whether a cell of a column of numbers holds none."""
    return cell in MISSING_VALUES or cell.lower().lstrip("+-") == "nan"

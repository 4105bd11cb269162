"""Every error that gengap raises on purpose.

Each message says what was received and where, what was expected, and how to fix it.

    GengapError                 the work failed (exit status 1)
    ├── UsageError              wrong usage (exit status 2; also a ValueError)
    │   ├── PlanError           a plan can't be run: names the field
    │   └── PlaceError          a folder or file without permission to write (also a WriteError)
    ├── WriteError              a file can't be written, for example on a full disk (also an OSError)
    ├── DataError               the rows can't be used
    │   ├── SourceError         a file or address can't be reached or understood
    │   ├── BadRowError         a row can't be used: names file, row and column
    │   │   └── FormattedNumberError    a number such as "1,234.5" in a column of plain numbers
    │   └── TooFewRowsError     the source has fewer rows than requested
    ├── StudyFolderError        a study folder is in use, or belongs to another plan or other data
    ├── TextError               a value has no text in a language (also a LookupError)
    └── ClusterError            machines don't answer, have other versions, or die

    GengapWarning               a warning: the work continues in another way than requested
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Sequence
from numbers import Integral
from pathlib import Path

LONGEST = 2_000  # characters of a message: a strange file may have millions of names, or names of megabytes
PLAIN_KINDS = ("b", "i", "u", "f", "S", "U")  # of NumPy's types
CANDIDATES = 5  # of the most similar known names that are compared letter by letter
SHORTEST = 3  # characters of a part of a name that may be meant
LONG_WORD = 5  # from this length on, all letters except the last one tell a word from others
EDITS = ((7, 3, 3), (5, 2, 1), (1, 1, 0))  # letters of the longer name, most edits, letters at the start that agree
NUMPY_SCALAR = re.compile(r"\bnp\.(?:str_|bytes_|bool|u?int\d+|float\d+)\(([^()]*)\)")
ENDING = 400  # of these characters are the end of the message, where the hint is


def printable(text: str) -> str:
    """Return `text` with control characters, and what no file or terminal accepts, as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shown(cell: object) -> str:
    """Return a cell for an error, cut if it is long."""
    text = repr(plain(cell))
    return text if len(text) <= 40 else f"{text[:37]}..."


def plain(value: object) -> object:
    """Return a scalar of NumPy as a number or text of Python, whose text is shorter; other values stay.

    >>> import numpy as np
    >>> plain(np.int64(0)), plain(np.str_("a")), plain(None)
    (0, 'a', None)
    """
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    return value.item() if kind in PLAIN_KINDS and getattr(value, "shape", None) == () else value  # pyright: ignore[reportAttributeAccessIssue]


def counted(count: int, noun: str) -> str:
    """Return a number of things, such as rows.

    >>> counted(1, "row"), counted(2_000, "row")
    ('1 row', '2,000 rows')
    """
    return f"{count:,} {noun}{'s' * (count != 1)}"


def first_few(texts: Sequence[str], most: int) -> str:
    """Return the first texts, and how many more there are.

    >>> first_few(["a", "b", "c"], 2), first_few(["a", "b"], 2)
    ('a, b and 1 more', 'a, b')
    """
    more = len(texts) - most
    return ", ".join(texts[:most]) + (f" and {more} more" if more > 0 else "")


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Return a suggestion for a misspelt name, with a space in front, or "" if no known one is near.

    >>> did_you_mean("tumour", ["tumor", "age"])
    " Did you mean 'tumor'?"
    >>> did_you_mean("acc", ["loss", "accuracy"])
    " Did you mean 'accuracy'?"
    >>> did_you_mean("outcome", ["income", "age"])
    ''
    """
    text, names = str(name).casefold(), list(known)
    folded = {each.casefold(): each for each in reversed(names)}
    near = [each for each in difflib.get_close_matches(text, folded, CANDIDATES) if _is_near(text, each)]
    near.sort(key=lambda each: (_edits(text, each), each[:1] != text[:1]))
    holding = [each for each in folded if len(text) >= SHORTEST and text in each]
    close = next(iter(near), None) or next(reversed(holding), None)
    return f" Did you mean {folded[close]!r}?" if close else ""


def _is_near(text: str, known: str) -> bool:
    """Return whether a slip of the keys, or another ending of the same word, turns one name into the other."""
    one, other = (re.sub(r"[\W_]+", "", each) or each for each in (text, known))
    if re.findall(r"\d+", one) != re.findall(r"\d+", other):  # column 13 is another one than column 12
        return False
    shorter, longer = sorted((one, other), key=len)
    replaced = len(shorter) == len(longer) and sorted(shorter) != sorted(longer)
    if replaced and (len(longer) <= SHORTEST or (len(longer) < LONG_WORD and one[0] != other[0])):
        return False  # another short word or abbreviation: mse and mae, rate and date
    if len(shorter) >= LONG_WORD and longer.startswith(shorter[:-1]):
        return True
    most, start = next(allowed for length, *allowed in EDITS if len(longer) >= length)
    return (edits := _edits(one, other)) <= 1 or (edits <= most and one[:start] == other[:start])


def _edits(one: str, other: str) -> int:
    """Return how many letters must be added, left out, replaced or swapped with the next one.

    >>> _edits("weigth", "weight"), _edits("numeric", "number")
    (1, 3)
    """
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        now = [row]
        for column, wanted in enumerate(other, 1):
            cost = min(last[column] + 1, now[-1] + 1, last[column - 1] + (letter != wanted))
            swapped = row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == wanted
            now.append(min(cost, before[column - 2] + 1) if swapped else cost)
        before, last = last, now
    return last[-1]


def reason(fault: BaseException) -> str:
    """Return what a library says is wrong: its first line, or the name of the error.

    Scalars of NumPy are shown as people write them.

    >>> reason(ValueError("could not convert string to float: np.str_('a')"))
    "could not convert string to float: 'a'"
    """
    line = next(iter(str(fault).strip().splitlines()), "")
    return NUMPY_SCALAR.sub(r"\1", line) or type(fault).__name__


class GengapError(Exception):
    """An error that gengap can explain. The command line prints it in one line, without a traceback."""

    exit_status = 1

    def __str__(self) -> str:
        """Return one line of limited length, whatever names and values it contains."""
        text = super().__str__()
        whole = text if len(text) <= LONGEST else f"{text[: LONGEST - ENDING]} … {text[-ENDING:]}"
        return printable(whole)


class GengapWarning(UserWarning):
    """A warning: the work continues in another way than requested, with the same results."""


class UsageError(GengapError, ValueError):
    """Wrong usage: an option, an argument or a combination of them."""

    exit_status = 2


class PlanError(UsageError):
    """A plan, or a value in it, is wrong."""


class WriteError(GengapError, OSError):
    """A file can't be written: the disk is full or fails."""


class PlaceError(WriteError, UsageError):
    """A folder or file can't be written to: permission is missing, or something else is there."""


class DataError(GengapError):
    """The rows can't be used."""


class SourceError(DataError):
    """A file or address can't be reached or understood."""


class BadRowError(DataError):
    """A row can't be used.

    Attributes:
        file: Path or address of the table.
        row: Number of the row, from 1; a header is no row.
        column: Name of the column; None if the whole row is wrong.
        problem: What is wrong.
        hint: How to fix it.
    """

    def __init__(self, file: str, row: int, column: str | None, problem: str, hint: str) -> None:
        self.file, self.row, self.column = file, row, column
        self.problem, self.hint = problem, hint
        place = f"{file}, row {row}" + (f", column {column!r}" if column else "")
        super().__init__(f"{place}: {problem}. {hint}")


class FormattedNumberError(BadRowError):
    """A row with a formatted number, such as "1,234.5", in a column of plain numbers."""


class TooFewRowsError(DataError):
    """The source has fewer rows than requested."""


class StudyFolderError(GengapError):
    """A study folder is in use, or belongs to another plan or other data."""


class TextError(GengapError, LookupError):
    """A message has no text in a language: its file is damaged, or another version wrote it."""


class ClusterError(GengapError):
    """A cluster doesn't answer, or its workers have other versions or die repeatedly."""


def check_count(name: str, value: object) -> None:
    """Raise UsageError unless the value of an argument is a whole number of at least 1."""
    if not isinstance(value, Integral) or int(value) < 1:
        raise UsageError(f"{name} is {value!r}; expected a whole number of at least 1")


def as_path(value: object, name: str) -> Path:
    """Return the path that an argument of this name is. Raises UsageError if it is neither text nor a path.

    >>> as_path(None, "out")
    Traceback (most recent call last):
    gengap.errors.UsageError: out is None; expected a path, such as "folder/name"
    """
    path = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(path, str):
        raise UsageError(f'{name} is {shown(value)}; expected a path, such as "folder/name"')
    return Path(path)

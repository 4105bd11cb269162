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
    └── ClusterError            machines don't answer, have other versions, or die

    GengapWarning               a warning: the work continues in another way than requested
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

LONGEST = 2_000  # characters of a message: names in a stranger's file may be millions, or megabytes long
ENDING = 400  # of them are the message's end, where its hint is


def printable(text: str) -> str:
    """`text` with control characters, and what no file or terminal can be given, written as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shown(cell: object) -> str:
    """A cell for an error, not too long."""
    text = repr(cell)
    return text if len(text) <= 40 else f"{text[:37]}..."


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Return a suggestion for a misspelt name, with a space in front, or "" if no known one is close.

    >>> did_you_mean("tumour", ["tumor", "age"])
    " Did you mean 'tumor'?"
    """
    close = difflib.get_close_matches(str(name), list(known), 1)
    return f" Did you mean {close[0]!r}?" if close else ""


def reason(fault: BaseException) -> str:
    """What a library said is wrong: its first line, or else the name of the error."""
    return next(iter(str(fault).strip().splitlines()), "") or type(fault).__name__


class GengapError(Exception):
    """Something that gengap can explain: the command line prints it in one line, no traceback."""

    exit_status = 1

    def __str__(self) -> str:
        """One line of bounded length, whatever names and values stand in it."""
        text = super().__str__()
        whole = text if len(text) <= LONGEST else f"{text[: LONGEST - ENDING]} … {text[-ENDING:]}"
        return printable(whole)


class GengapWarning(UserWarning):
    """Something went another way than asked for, with the same results: said once, and by which way it went."""


class UsageError(GengapError, ValueError):
    """The call itself was wrong: an option, an argument or a combination of them."""

    exit_status = 2


class PlanError(UsageError):
    """A plan, or a value in it, that can't be run."""


class WriteError(GengapError, OSError):
    """A file that can't be written: no room is left, or the disk fails."""


class PlaceError(WriteError, UsageError):
    """A place that was named for a file, and is none: it may not be written to, or is taken by something else."""


class DataError(GengapError):
    """The rows can't be used as they are."""


class SourceError(DataError):
    """A file or address that can't be reached or understood."""


class BadRowError(DataError):
    """One row that can't be used.

    `file` is the path or address, `row` counts data rows from 1 (a header is not a row), and `column`
    is the column's name, or None where the fault is the whole row's.
    """

    def __init__(self, file: str, row: int, column: str | None, problem: str, hint: str) -> None:
        self.file, self.row, self.column = file, row, column
        self.problem, self.hint = problem, hint
        place = f"{file}, row {row}" + (f", column {column!r}" if column else "")
        super().__init__(f"{place}: {problem}. {hint}")


class FormattedNumberError(BadRowError):
    """A row with a formatted number, such as "1,234.5", in a column of plain numbers."""


class TooFewRowsError(DataError):
    """The source ended before the rows asked for."""


class StudyFolderError(GengapError):
    """A study folder that another study uses, or that another plan or other data made."""


class ClusterError(GengapError):
    """A cluster that doesn't answer, or whose workers have other versions, or die again and again."""

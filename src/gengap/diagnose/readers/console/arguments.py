"""Numbers in parentheses behind a metric's name: `mAP(0.50, 11point) = 0.7`. They are no values.

While lines are read, such numbers are a part of the name. At the end, names that differ in them alone are kept
apart if the same ones come again, as thresholds do. They are one name if the numbers change from line to line.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from gengap.diagnose.readers.console.column_store import Column
from gengap.diagnose.readers.console.phrases import counter, is_metric, split_of, words

MARK = "@@"  # before arguments in a name
MOST = 32  # arguments of a name that may be told apart
COMING_AGAIN = 3  # values for each argument, on average
ARGUMENTS = re.compile(r"(?<![\w.-])([A-Za-z][\w.-]{0,60})\((\d[\w., ]{0,40})\)(?=\s*[:=]\s*[-+]?\.?\d)")
MARKED = re.compile(rf"{MARK}[\w.]+")


class ArgumentNames:
    """Takes numbers in parentheses out of lines, or into the names before them.

    Attributes:
        changed: Whether the last line has a metric with another argument than before, for the first time.
    """

    def __init__(self) -> None:
        self.changed = False
        self._known: dict[str, set[str]] = {}  # arguments by name

    def rename(self, line: str) -> str:
        """Return a line with arguments of metrics as a part of their names, and without those of splits."""
        self.changed = False
        return ARGUMENTS.sub(self._join, line)

    def _join(self, found: re.Match[str]) -> str:
        name = found[1]
        if counter(name):  # Step(100): 0.5
            return found[0]
        if not any(map(is_metric, words(name))):
            return name if split_of(name) else found[0]
        known = self._known.setdefault(name.lower(), set())
        self.changed = self.changed or bool(known and found[2] not in known)
        known.add(found[2])
        if len(known) > MOST:
            return name
        return f"{name}{MARK}{re.sub(r'[, ]+', '_', found[2])}"


def join_by_name(columns: Iterable[Column]) -> list[Column]:
    """Return columns with names that differ in arguments alone as one, unless several arguments come again."""
    groups: dict[tuple[str, str], list[Column]] = {}
    for column in columns:
        key = MARKED.sub("", column.canonical.lower()), MARKED.sub("", column.form.lower())
        groups.setdefault(key, []).append(column)
    return [column for group in groups.values() for column in _joined(group)]


def _joined(columns: list[Column]) -> list[Column]:
    if not any(MARK in column.canonical for column in columns):
        return columns
    apart = 1 < len(columns) <= sum(len(column.rows) for column in columns) / COMING_AGAIN
    if apart and len(columns) <= MOST:
        return [_renamed(column, "@") for column in columns]
    rows = np.concatenate([column.rows for column in columns])
    values = np.concatenate([column.values for column in columns])
    order = np.argsort(rows, kind="stable")
    return [
        replace(
            _renamed(columns[0], ""),
            rows=array("q", rows[order].tobytes()),
            values=array("d", values[order].tobytes()),
            progress=sum(column.progress for column in columns),
            running=any(column.running for column in columns),
        )
    ]


def _renamed(column: Column, sign: str) -> Column:
    """Return a column with a sign before the arguments in its name, or without them."""
    name, canonical, form = (
        text.replace(MARK, sign) if sign else MARKED.sub("", text)
        for text in (column.name, column.canonical, column.form)
    )
    return replace(column, name=name, canonical=canonical, form=form)

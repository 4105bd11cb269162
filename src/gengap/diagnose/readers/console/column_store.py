"""Stores the values of console lines, each at its epoch and step, in columns by name."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

from gengap.diagnose.readers.log_table import check_points

MOST_COLUMNS = 2_000
CHECKED = 1 << 16  # points after which their number is checked
NAN = math.nan


@dataclass
class Column:
    """Values of one name.

    Attributes:
        name: As the log calls it, with its split.
        canonical: What `metric_names` reads.
        form: The phrase that the values stand in.
        rows: Row of each value.
        values: The values.
        progress: How many values stand beside a progress bar or a batch number.
        running: Whether the values are running means, in parentheses behind those of a batch.
    """

    name: str
    canonical: str
    form: str
    rows: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))
    progress: int = 0
    running: bool = False


class ColumnStore:
    """Rows of values, each at an epoch, a step or a count, which a line names before or on the row's own line.

    Attributes:
        columns: By canonical name and form.
        epoch, step, count: Position of each row; NaN where the log says none.
        run: Number of the fold, run or trial of each row; 0 before the first.
        runs: Names of the runs.
        at: The present epoch, step and count.
        context: Split of the heading above, or None.
        new: Whether the next value begins a row.
        overwritten: Whether the next line is written over the one before.
        points: Number of values.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self.columns: dict[tuple[str, str], Column] = {}
        self.epoch, self.step, self.count = array("d"), array("d"), array("d")
        self.run = array("q")
        self.runs: list[str] = [""]
        self.at = [NAN, NAN, NAN]
        self.context: str | None = None
        self.new = True
        self.overwritten = False
        self.points = 0
        self._run = 0
        self._checked = 0

    def move_to_epoch(self, number: float) -> None:
        """Begin an epoch, unless it is the present one."""
        if number != self.at[0]:
            self.at = [number, NAN, self.at[2]]
            self.context, self.new = None, True

    def move_to_step(self, number: float) -> None:
        """Begin a step, unless it is the present one."""
        if number != self.at[1]:
            self.at[1] = number
            self.new = True
            if math.isnan(self.at[0]):
                self.context = None

    def move_to_count(self, number: float) -> None:
        """Begin the row of a number without a name, unless it is the present one."""
        if number != self.at[2]:
            self.at[2] = number
            self.new = True

    def begin_run(self, label: str) -> None:
        """Begin a fold, run or trial, unless it is the present one."""
        if label != self.runs[self._run]:
            self.runs.append(label)
            self._run = len(self.runs) - 1
            self.at, self.context, self.new = [NAN, NAN, NAN], None, True

    def column(self, name: str, canonical: str, form: str) -> Column:
        """Return the column of a name in one form; beyond `MOST_COLUMNS` one that is not kept."""
        key = canonical.lower(), form.lower()
        if key not in self.columns and len(self.columns) >= MOST_COLUMNS:
            return Column(name, canonical, form)
        return self.columns.setdefault(key, Column(name, canonical, form))

    def add(self, column: Column, number: float, progress: bool = False) -> None:
        """Add a value to the present row, or to a new one if the column has a value in it."""
        row = len(self.run) - 1
        again = bool(column.rows) and column.rows[-1] == row
        if self.overwritten and row >= 0 and self._same_epoch(row):
            self.epoch[row], self.step[row], self.count[row] = self.at
            self.new = False
            if again:
                column.values[-1] = number
                return
        elif self.new or again:
            self._begin_row()
            row += 1
        column.rows.append(row)
        column.values.append(number)
        column.progress += progress
        self._count(1)

    def add_line(self, columns: Sequence[Column], values: Sequence[float], progress: bool) -> bool:
        """Add a line's values, one to each of several columns; return False if `add` has to do it one by one."""
        row = len(self.run) - 1
        if self.overwritten:
            return False
        first = columns[0].rows
        if self.new or (first and first[-1] == row):
            self._begin_row()
            row += 1
        elif any(column.rows and column.rows[-1] == row for column in columns):
            return False
        for column, value in zip(columns, values, strict=True):
            column.rows.append(row)
            column.values.append(value)
            if progress:
                column.progress += 1
        self._count(len(columns))
        return True

    def _begin_row(self) -> None:
        epoch, step, count = self.at
        self.epoch.append(epoch)
        self.step.append(step)
        self.count.append(count)
        self.run.append(self._run)
        self.new = False

    def _count(self, more: int) -> None:
        self.points += more
        if self.points - self._checked >= CHECKED:
            self._checked = self.points
            check_points(self.file, self.points)

    def _same_epoch(self, row: int) -> bool:
        before, now = self.epoch[row], self.at[0]
        return self.run[row] == self._run and (before == now or (math.isnan(before) and math.isnan(now)))

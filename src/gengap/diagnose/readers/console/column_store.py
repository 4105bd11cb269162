"""Stores the values of console lines, each at its epoch and step, in columns by name."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

from gengap.diagnose.metric_names import parse
from gengap.diagnose.readers.console.number_forms import decimals
from gengap.diagnose.readers.log_table import check_points

MOST_COLUMNS = 2_000
CHECKED = 1 << 16  # points after which their number is checked
NAN = math.nan
BAR = " in a bar"  # behind the form of values that show progress


@dataclass(eq=False)
class Column:
    """Values of one name.

    Attributes:
        name: As the log calls it, with its split.
        canonical: What `metric_names` reads.
        form: The phrase that the values stand in.
        rows: Row of each value.
        values: The values.
        running: Whether the values are running means, in parentheses behind those of a batch.
    """

    name: str
    canonical: str
    form: str
    rows: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))
    running: bool = False

    @property
    def progress(self) -> bool:
        """Whether the values stand beside a progress bar or a batch number."""
        return self.form.endswith(BAR)


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
        present: Columns that have a number in the present row.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self.columns: dict[tuple[str, str], Column] = {}
        self.epoch, self.step, self.count = array("d"), array("d"), array("d")
        self.run = array("q")
        self.runs: list[str] = [""]
        self.at = [NAN, NAN, NAN]
        self.context: str | None = None
        self._title: tuple[str, int] | None = None  # a heading of a split alone, and the points above it
        self._block: str | None = None  # the split of all epochs below a heading
        self._block_title: str | None = None  # the split of the heading above the present block of epochs
        self._block_row = 0  # the first row of this block
        self.new = True
        self.overwritten = False
        self.points = 0
        self._run = 0
        self._checked = 0
        self.present: set[Column] = set()

    def move_to_epoch(self, number: float) -> None:
        """Begin an epoch, unless it is the present one. It ends what is below a heading."""
        if number == self.at[0]:
            return
        if not number > self.at[0]:
            self._begin_block()
        self.at = [number, NAN, self.at[2]]
        self.context, self.new = self._block, True

    def _begin_block(self) -> None:
        """Begin a block of epochs. A heading of a split directly above it may be that of all its epochs.

        It is, if such a heading of another split stands above the block before, whose lines name no split.
        """
        title = self._title[0] if self._title and self._title[1] == self.points else None
        other = title is not None and self._block_title is not None and title != self._block_title
        self._block = title if other and (self._block or not self._has_split(self._block_row)) else None
        self._block_title, self._block_row = title, len(self.run)

    def _has_split(self, start: int) -> bool:
        """Return whether a column with values at this row or below names its split."""
        columns = [column for column in self.columns.values() if column.rows and column.rows[-1] >= start]
        return any((parse(column.canonical) or ("", ""))[0] for column in columns)

    def begin_heading(self, split: str, is_title: bool) -> None:
        """Begin what is below a heading of a split, of which the heading may say nothing else."""
        self.context, self._title = split, (split, self.points) if is_title else None

    def end_block(self) -> None:
        """End what is below a heading, as a line that names its split shows that it is not that of all epochs."""
        self._block = self.context = None

    @property
    def in_block(self) -> bool:
        """Whether a heading above says the split of all epochs."""
        return self._block is not None and self.context == self._block

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

    def add(self, column: Column, number: float) -> None:
        """Add a value to the present row, or to a new one if the column has a value in it."""
        row = len(self.run) - 1
        again = column in self.present
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
        self.present.add(column)
        self._count(1)

    def add_line(self, columns: tuple[Column, ...], texts: Sequence[str]) -> None:
        """Add the numbers of a line, one to each of different columns, as `add` does it one by one."""
        present = self.present
        again = columns[0] in present
        if self.overwritten or not (self.new or again or present.isdisjoint(columns)):
            for column, text in zip(columns, texts, strict=True):
                self.add(column, float(text))
            return
        if self.new or again:
            self._begin_row()
        row = len(self.run) - 1
        for column, text in zip(columns, texts, strict=True):
            column.rows.append(row)
            column.values.append(float(text))
        present.update(columns)
        self._count(len(columns))

    def usual_decimals(self, column: Column) -> int:
        """Return the most that `decimals` says of a column's last values, if at least half of them have as many."""
        found = [decimals(repr(value)) for value in column.values[-20:]]
        most = max(found, default=0)
        return most if 2 * found.count(most) >= len(found) else 0

    def _begin_row(self) -> None:
        epoch, step, count = self.at
        self.epoch.append(epoch)
        self.step.append(step)
        self.count.append(count)
        self.run.append(self._run)
        self.new = False
        self.present.clear()

    def _count(self, more: int) -> None:
        self.points += more
        if self.points - self._checked >= CHECKED:
            self._checked = self.points
            check_points(self.file, self.points)

    def _same_epoch(self, row: int) -> bool:
        before, now = self.epoch[row], self.at[0]
        return self.run[row] == self._run and (before == now or (math.isnan(before) and math.isnan(now)))

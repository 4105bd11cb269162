"""Stores the values of console lines, each at its epoch and step, in columns by name."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np

from gengap.diagnose.metric_names import parse
from gengap.diagnose.readers.log_table import check_points

MOST_COLUMNS = 2_000
CHECKED = 1 << 16  # points after which their number is checked
BUFFERED = 1 << 14  # texts of numbers that become numbers together
NAN = math.nan
NUMBERS = msgspec.json.Decoder(list[float])  # ten times as fast as `float`, with the same results


@dataclass(eq=False)
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


@dataclass(slots=True, eq=False)
class ColumnGroup:
    """Columns that lines of one form fill together, with the numbers that are still texts.

    Attributes:
        columns: The columns.
        progress: Whether the values stand beside a progress bar or a batch number.
        rows: Row of each line.
        texts: Texts of the numbers, line by line.
        last: The last row.
    """

    columns: tuple[Column, ...]
    progress: bool
    rows: array[int] = field(default_factory=lambda: array("q"))
    texts: list[str] = field(default_factory=list[str])
    last: int = -1

    def replace(self, column: Column, number: float) -> None:
        """Replace the number of the last line in one of the columns."""
        self.texts[self.columns.index(column) - len(self.columns)] = repr(number)

    def convert(self) -> None:
        """Move the numbers to the columns."""
        if not self.rows:
            return
        values = np.array(to_numbers(self.texts)).reshape(len(self.rows), len(self.columns))
        for column, cells in zip(self.columns, values.T, strict=True):
            column.rows.extend(self.rows)
            column.values.frombytes(cells.tobytes())
            column.progress += self.progress * len(self.rows)
        self.rows, self.texts = array("q"), []


def to_numbers(texts: Sequence[str]) -> list[float]:
    """Return the numbers that texts of digits, signs, points and exponents stand for.

    >>> to_numbers(["0.5", "1e-3"]), to_numbers(["007", "1."])
    ([0.5, 0.001], [7.0, 1.0])
    """
    try:
        return NUMBERS.decode(f"[{','.join(texts)}]")
    except msgspec.DecodeError:  # no numbers of JSON
        return list(map(float, texts))


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
        self._title: tuple[str, int] | None = None  # a heading of a split alone, and the points above it
        self._block: str | None = None  # the split of all epochs below a heading
        self._block_title: str | None = None  # the split of the heading above the present block of epochs
        self._block_row = 0  # the first row of this block
        self.new = True
        self.overwritten = False
        self.points = 0
        self._run = 0
        self._checked = 0
        self._groups: dict[tuple[Column, ...], ColumnGroup] = {}
        self._present: dict[Column, ColumnGroup | None] = {}  # columns that have a number in the present row

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
        groups = (group for group in self._groups.values() if group.last >= start)
        columns = [column for column in self.columns.values() if column.rows and column.rows[-1] >= start]
        columns += [column for group in groups for column in group.columns]
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

    def add(self, column: Column, number: float, progress: bool = False) -> None:
        """Add a value to the present row, or to a new one if the column has a value in it."""
        row = len(self.run) - 1
        again = column in self._present
        if self.overwritten and row >= 0 and self._same_epoch(row):
            self.epoch[row], self.step[row], self.count[row] = self.at
            self.new = False
            if again:
                group = self._present[column]
                if group is not None and group.rows:
                    group.replace(column, number)
                else:
                    column.values[-1] = number
                return
        elif self.new or again:
            self._begin_row()
            row += 1
        column.rows.append(row)
        column.values.append(number)
        column.progress += progress
        self._present[column] = None
        self._count(1)

    def group(self, columns: tuple[Column, ...], progress: bool) -> ColumnGroup:
        """Return the group of different columns that lines fill together."""
        return self._groups.setdefault(columns, ColumnGroup(columns, progress))

    def add_line(self, group: ColumnGroup, texts: Sequence[str]) -> bool:
        """Add the numbers of a line, one to each column; return False if `add` has to do it one by one."""
        if self.overwritten:
            return False
        row = len(self.run) - 1
        if self.new or group.last == row:
            self._begin_row()
            row += 1
            self._present = dict.fromkeys(group.columns, group)
        elif self._present.keys().isdisjoint(group.columns):
            self._present.update(dict.fromkeys(group.columns, group))
        else:
            return False
        group.last = row
        group.rows.append(row)
        group.texts.extend(texts)
        self._count(len(texts))
        if len(group.texts) >= BUFFERED:
            group.convert()
        return True

    def ends_with(self, group: ColumnGroup) -> bool:
        """Return whether the last line was of this group, in an epoch, outside headings: another begins a row."""
        outside = self.context is None and self._block is None and self.at[0] >= 0
        return outside and not (self.new or self.overwritten) and group.last == len(self.run) - 1

    def add_lines(self, group: ColumnGroup, texts: Sequence[str], epochs: Sequence[float]) -> None:
        """Add the numbers of lines that each begin a row, below one of the group that `ends_with` checks for.

        Args:
            group: The columns.
            texts: Their numbers, line by line.
            epochs: The epoch of each line, which never falls.
        """
        lines, first, (epoch, step, count) = len(epochs), len(self.run), self.at
        same = bisect_right(epochs, epoch) if epochs[-1] > epoch else lines
        self.epoch.extend(epochs)
        self.step.extend([step] * same + [NAN] * (lines - same))
        self.count.extend([count] * lines)
        self.run.extend([self._run] * lines)
        self.at = [epochs[-1], step if same == lines else NAN, count]
        self._present = dict.fromkeys(group.columns, group)
        group.last = first + lines - 1
        group.rows.extend(range(first, first + lines))
        group.texts.extend(texts)
        self._count(len(texts))
        if len(group.texts) >= BUFFERED:
            group.convert()

    def convert(self) -> None:
        """Move the numbers of all groups to their columns, in the order of their rows."""
        for group in self._groups.values():
            group.convert()
        for column in self.columns.values():
            rows = np.asarray(column.rows, np.int64)
            if (np.diff(rows) < 0).any():
                order = np.argsort(rows, kind="stable")
                column.rows = array("q", rows[order].tobytes())
                column.values = array("d", np.asarray(column.values)[order].tobytes())

    def remove(self, rows: Sequence[int]) -> None:
        """Remove rows with their values."""
        if not rows:
            return
        self.convert()
        for column in self.columns.values():
            at = np.asarray(column.rows, np.int64)
            kept = ~np.isin(at, rows)
            column.values = array("d", np.asarray(column.values)[kept].tobytes())
            column.rows = array("q", (at - np.searchsorted(rows, at))[kept].tobytes())
            column.progress = min(column.progress, len(column.rows))
        for group in self._groups.values():
            group.last -= bisect_left(rows, group.last)
        for cells in (self.epoch, self.step, self.count):
            cells[:] = array("d", np.delete(np.asarray(cells), rows).tobytes())
        self.run[:] = array("q", np.delete(np.asarray(self.run, np.int64), rows).tobytes())

    def _begin_row(self) -> None:
        epoch, step, count = self.at
        self.epoch.append(epoch)
        self.step.append(step)
        self.count.append(count)
        self.run.append(self._run)
        self.new = False
        self._present.clear()

    def _count(self, more: int) -> None:
        self.points += more
        if self.points - self._checked >= CHECKED:
            self._checked = self.points
            check_points(self.file, self.points)

    def _same_epoch(self, row: int) -> bool:
        before, now = self.epoch[row], self.at[0]
        return self.run[row] == self._run and (before == now or (math.isnan(before) and math.isnan(now)))

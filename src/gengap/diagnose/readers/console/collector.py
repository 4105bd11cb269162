"""Collects the values of console lines, each at its epoch and step, in columns by name."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

from gengap.diagnose.metric_names import parse
from gengap.diagnose.readers.console import numbers as n
from gengap.diagnose.readers.console.forms import Forms
from gengap.diagnose.readers.console.phrases import metric_name
from gengap.diagnose.readers.console.screen import Line, clean, without_bars
from gengap.diagnose.readers.console.tables import NONE, TableReader, role
from gengap.diagnose.readers.console.template import (
    Named,
    Template,
    canonical_name,
    in_plain_english,
    parse_template,
    split_of,
    splits_in_order,
)
from gengap.diagnose.readers.log_table import check_points

FREE_TEMPLATES = 5_000  # that are parsed at once; of further ones only those that come again
MOST_TEMPLATES = 100_000  # that are remembered
MOST_NUMBERS = 300  # of a line that is no row of a table
MOST_COLUMNS = 2_000
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
    """

    name: str
    canonical: str
    form: str
    rows: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))
    progress: int = 0


def _decimals(number: str) -> int:
    return len(number) - number.find(".") if "." in number else 0


class Collector:
    """Reads lines one by one; `columns` and the rows' positions hold what was found.

    Attributes:
        columns: By canonical name and form.
        epoch, step, count: Position of each row; NaN where the log says none.
        run: Number of the fold, run or trial of each row; 0 before the first.
        runs: Names of the runs.
        tabular: Number of values that stood in tables.
        best: The last number called "best" beside a metric without a name, or None.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self.columns: dict[tuple[str, str], Column] = {}
        self.epoch, self.step, self.count = array("d"), array("d"), array("d")
        self.run = array("q")
        self.runs: list[str] = [""]
        self.tabular = self.points = 0
        self.best: float | None = None
        self.cut_off = False
        self._decimals: dict[tuple[str, ...], int] = {}  # fewest of the last number, by form
        self._at = [NAN, NAN, NAN]
        self._run = 0
        self._context: str | None = None
        self._new_row = True
        self._overwritten = False
        self._in_row: set[int] = set()
        self._templates: dict[tuple[str, ...], Template] = {}
        self._seen: set[int] = set()
        self._no_headers: set[tuple[str, ...]] = set()
        self._lookup: dict[tuple[Named, str | None, bool], Column] = {}
        self._tables = TableReader()
        self._forms = Forms()

    def feed(self, shown: Line) -> None:
        """Read one line."""
        if not self._tables.headers and not shown.open_end and (known := self._forms.match(shown.text)):
            form, numbers = known
            self._apply(form.texts, form.template, numbers)
        else:
            self._parse_line(shown)
        self._overwritten = shown.overwritten

    def _parse_line(self, shown: Line) -> None:
        line = clean(shown.text)
        parts = n.NUMBER.split(without_bars(line))
        texts = tuple(parts[::2])
        if len(texts) > MOST_NUMBERS and not self._tables.headers:
            return
        template = self._templates.get(texts)
        if shown.open_end and self._is_cut_off(texts, parts, template):
            self.cut_off = True
            return
        if template is None:
            template = self._parse(texts, line)
            if template is None:
                return
        found = parts[1::2]
        if (self._tables.headers or len(found) >= 14) and found and self._table_row(line, shown.open_end):
            return
        if texts not in self._no_headers and ((not template.values and len(found) <= 2) or "%" in line):
            self._look_for_header(texts, line)
        self._apply(texts, template, found)
        if not self._tables.headers and (template.values or texts in self._no_headers):
            self._forms.add(shown.text, texts, found, template)

    def _apply(self, texts: tuple[str, ...], template: Template, found: Sequence[str]) -> None:
        """Take the places and values of a line."""
        if template.places:
            self._place(template, found)
        if template.context is not None:
            self._context = template.context
        if template.values:
            self._take(template, found)
            self._note_decimals(texts, found)

    def _note_decimals(self, texts: tuple[str, ...], found: Sequence[str]) -> None:
        if not texts[-1]:
            decimals = _decimals(found[-1])
            if decimals < self._decimals.get(texts, 99):
                self._decimals[texts] = decimals

    def _is_cut_off(self, texts: tuple[str, ...], parts: list[str], template: Template | None) -> bool:
        """Return whether a last line without an end says less than earlier lines of its form."""
        if len(parts) == 1:
            return False
        if not texts[-1] and texts in self._decimals:
            return _decimals(parts[-2]) < self._decimals[texts]
        known = template is not None and bool(template.values)
        return not known and bool(self._decimals or self.points) and bool(parse_template(texts).values)

    def _look_for_header(self, texts: tuple[str, ...], line: str) -> None:
        if not self._tables.header(line):
            self._no_headers.add(texts)

    def _parse(self, texts: tuple[str, ...], line: str) -> Template | None:
        if len(self._templates) >= FREE_TEMPLATES and "oss" not in line and "cc" not in line:
            key = hash(texts)
            if key not in self._seen:
                if len(self._seen) > MOST_TEMPLATES:
                    self._seen.clear()
                self._seen.add(key)
                return None
        if len(self._templates) > MOST_TEMPLATES:
            self._templates.clear()
            self._no_headers.clear()
            self._decimals.clear()
        template = self._templates[texts] = parse_template(texts)
        return template

    def _place(self, template: Template, found: Sequence[str]) -> None:
        """Move to the epoch and step that a line names."""
        named = {place.kind for place in template.places}
        for kind, index, label in template.places:
            if kind == "batch" or (kind == "count" and not math.isnan(self._at[0])):
                continue
            number = n.counted(found[index])
            if number is None:
                continue
            if kind == "run":
                self._begin_run(f"{label} {found[index]}")
            elif kind == "epoch":
                if number != self._at[0]:
                    self._at = [number, NAN, self._at[2]]
                    self._context, self._new_row = None, True
            elif kind == "step":
                self._step(1, number)
            elif "epoch" not in named:
                self._step(2, number)

    def _step(self, which: int, number: float) -> None:
        if number != self._at[which]:
            self._at[which] = number
            self._new_row = True
            if math.isnan(self._at[0]) and which == 1:
                self._context = None

    def _begin_run(self, label: str) -> None:
        if label != self.runs[self._run]:
            self.runs.append(label)
            self._run = len(self.runs) - 1
            self._at, self._context, self._new_row = [NAN, NAN, NAN], None, True

    def _take(self, template: Template, found: Sequence[str]) -> None:
        unnamed = any(place.kind == "batch" for place in template.places)
        progress = unnamed or any("/" in number and n.RATIO.fullmatch(number) for number in found[1:])
        for named in template.values:
            text = found[named.number]
            number = n.value(text)
            if named.second and (two := n.pair(text)) is not None:
                self._add(self._column(named, False), two[0], progress)
                self._add(self._column(named, True), two[1], progress)
                continue
            if named.average and (average := self._average(text, found[named.average])) is not None:
                number = average
            if number is not None:
                self._add(self._column(named, False), number, progress)
        if template.best >= 0 and (best := n.value(found[template.best])) is not None:
            self.best = best

    @staticmethod
    def _average(text: str, behind: str) -> float | None:
        """Return the number in parentheses behind a value, if it may be its average or its percentage."""
        if (behind[0] in "+-" and text[0] not in "+-") or not ("." in behind or "%" in behind):
            return None
        number = n.value(behind)
        return number if n.value(text) is None or "." in text or "%" in behind else None

    def _column(self, named: Named, second: bool) -> Column:
        context = None if named.split or self._context == "train" else self._context  # training needs no word
        key = named, context, second
        column = self._lookup.get(key)
        if column is None:
            canonical, name = named.second if second else named.canonical, named.name
            if context and parse(canonical) is not None:
                canonical, name = canonical_name(context, canonical), f"{context} {name}"
            column = self._lookup[key] = self._new_column(name, canonical, named.form)
        return column

    def _new_column(self, name: str, canonical: str, form: str) -> Column:
        key = canonical.lower(), form.lower()
        if key not in self.columns and len(self.columns) >= MOST_COLUMNS:
            return Column(name, canonical, form)
        return self.columns.setdefault(key, Column(name, canonical, form))

    def _add(self, column: Column, number: float, progress: bool = False) -> None:
        row = len(self.run) - 1
        again = bool(column.rows) and column.rows[-1] == row
        if self._overwritten and row >= 0 and self._same_epoch(row):
            self.epoch[row], self.step[row], self.count[row] = self._at
            self._new_row = False
            if again:
                column.values[-1] = number
                return
        elif self._new_row or again:
            self.epoch.append(self._at[0])
            self.step.append(self._at[1])
            self.count.append(self._at[2])
            self.run.append(self._run)
            self._new_row = False
            row += 1
        column.rows.append(row)
        column.values.append(number)
        column.progress += progress
        self.points += 1
        if self.points % 65536 == 0:
            check_points(self.file, self.points)

    def _same_epoch(self, row: int) -> bool:
        before, now = self.epoch[row], self._at[0]
        return self.run[row] == self._run and (before == now or (math.isnan(before) and math.isnan(now)))

    def _table_row(self, line: str, open_end: bool) -> bool:
        row = self._tables.row(line)
        if row is None:
            return False
        last = _decimals(row[1][-1])
        if open_end and last < self._decimals.get(("table",), 0):
            self.cut_off = True
            return True
        self._decimals["table",] = min(last, self._decimals.get(("table",), 99))
        names, cells = row
        if len(cells) == len(names) + 1:  # a metric in each row, a split in each column
            for name, cell in zip(names, cells[1:], strict=True):
                if (number := n.value(cell)) is not None:
                    self._add(self._table_column(cells[0], split_of(name), False), number)
            return True
        lower = [name.lower() for name in names]
        held_out = lower[:2] == ["e", "#"]  # spaCy's table: all but the losses are scores on the development set
        split = next((split_of(cell) for cell in cells if not n.NUMBER.fullmatch(cell) and split_of(cell)), None)
        self._overwritten, self._new_row = False, True
        places: set[str] = set()
        for name, cell in zip(names, cells, strict=True):
            kind = role(name)
            if kind == "run" or kind == "batch":
                continue
            if kind is not None and kind not in places and (number := n.counted(cell)) is not None:
                places.add(kind)
                self._at[("epoch", "step", "count").index(kind)] = number
        for name, cell in zip(names, cells, strict=True):
            if cell.lower() in NONE - {"nan"} or role(name) is not None:
                continue
            number = n.value(cell)
            if number is not None:
                self._add(self._table_column(name, split, held_out), number)
                self.tabular += 1
        return True

    def _table_column(self, name: str, split: str | None, held_out: bool) -> Column:
        plain = in_plain_english(name)
        own = splits_in_order(plain)
        form = f"table: {name}"
        if own or metric_name(name) is None:
            return self._new_column(name, canonical_name(None, plain), form)
        if held_out and not plain.lower().startswith("loss"):
            split = "validation"
        if split:
            return self._new_column(f"{split} {name}", canonical_name(split, plain), form)
        return self._new_column(name, canonical_name(None, plain), form)

"""Reads console lines one by one: what their numbers mean, and where their values belong."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

from gengap.diagnose.metric_names import parse
from gengap.diagnose.readers.console import number_forms as n
from gengap.diagnose.readers.console.across import Across
from gengap.diagnose.readers.console.column_store import BAR, Column, ColumnStore
from gengap.diagnose.readers.console.forms import (
    Form,
    Forms,
    average_of,
    split_of_bar,
    stands_in_bar,
    without_changes,
)
from gengap.diagnose.readers.console.line_values import MetricValue
from gengap.diagnose.readers.console.names_above import LONGEST, NamesAbove
from gengap.diagnose.readers.console.phrases import canonical_name
from gengap.diagnose.readers.console.screen import Line, clean, screen_text, without_bars
from gengap.diagnose.readers.console.table_reader import LABEL, RULE, TableValues
from gengap.diagnose.readers.console.template import FINAL, Template, parse_template
from gengap.diagnose.readers.console.training_signs import TrainingSigns

FREE_TEMPLATES = 5_000  # that are parsed at once; of further ones only those that come again
MOST_TEMPLATES = 100_000  # that are remembered
ITEM = re.compile(r"\s*\d+[.)]\s+(?!epoch)[^\W\d_]", re.IGNORECASE)  # 2. VGG16
MOST_NUMBERS = 300  # of a line that is no row of a table


class Collector:
    """Reads lines one by one; `rows` holds what was found.

    Attributes:
        rows: Values by column and row.
        best: The last number called "best" beside a metric without a name, or None.
        signs: What tells a training from results.
        tables: Reads tables.
    """

    def __init__(self, file: str) -> None:
        self.rows = ColumnStore(file)
        self.best: float | None = None
        self.signs = TrainingSigns(self.rows)
        self.tables = TableValues(self.rows, self.signs)
        self._templates: dict[tuple[str, ...], Template] = {}
        self._seen: set[int] = set()
        self._changes: set[tuple[str, ...]] = set()  # whose first line has changes where averages may stand
        self._no_headers: set[tuple[str, ...]] = set()
        self._lookup: dict[tuple[MetricValue, str | None, bool, bool], Column] = {}
        self._forms = Forms()
        self._ends: set[str] = set()  # of lines with values
        self._above = NamesAbove()
        self._across = Across()
        self._heading: str | None = None  # the split of a heading on the line above
        self._lent = False  # whether the split of the heading above counts for one line more
        self._labelled = False  # whether lines below the present heading name their split themselves
        self._state: tuple[Form, tuple[str, ...]] | None = None  # of a bar that the next line is written over

    def read(self, blocks: Iterable[str]) -> None:
        """Read text in blocks of any size."""
        for shown in screen_text(blocks):
            if isinstance(shown, Line):
                self._read_line(shown)
            else:
                self._read_lines(shown)

    def _read_lines(self, text: str) -> None:
        """Read complete lines that no other line is written over."""
        self._end_bar()
        for line, form in self._forms.with_lines(text):
            is_short = len(line) <= LONGEST and not (form and form.named)
            if is_short and self._above.take(line):
                continue
            if self._above.numbers or not is_short:
                self._take_numbers_below()
            if is_short:
                self._above.note(line)
            found = form.pattern.fullmatch(line) if form and not self.tables.headers else None
            if form is None or found is None:
                self._parse_line(Line(line))
            else:
                self._take_line(form.template, form.texts, found.groups(), form)
            self.rows.overwritten = False

    def _read_line(self, shown: Line) -> None:
        """Read one line, or one state of a line."""
        if not self.tables.headers and not shown.open_end and (form := self._forms.find(shown.text)):
            found = form.pattern.fullmatch(shown.text)
            if found is not None:
                self._take_known(form, found.groups(), shown.overwritten)
                return
        self._end_bar()
        self._parse_line(shown)
        self.rows.overwritten = shown.overwritten

    def end(self) -> None:
        """Take what was held until the text's end: the last state of a progress bar, or a table."""
        self._end_bar()
        self._take_numbers_below()
        self._take_table(*self._across.end())

    def _take_numbers_below(self) -> None:
        """Take the numbers below names that stand on lines of their own."""
        names, rows = self._above.end()
        if len(names) > 1:
            self._take_table(names, rows)
            return
        for (number,) in rows:
            self.tables.headers.clear()
            self._parse_line(Line(f"{names[0]}: {number}"))

    def _take_table(self, names: list[str], rows: list[list[str]]) -> None:
        """Take a table whose cells do not stand in rows."""
        if not rows:
            return
        self.tables.take_header(" | ".join(names), None)
        for row in rows:
            self.tables.take_row(" | ".join(row), False)
        self.tables.headers.clear()

    def _end_bar(self) -> None:
        if self._state is not None:
            form, numbers = self._state
            self._state = None
            self._take_line(form.template, form.texts, numbers, form)
            self.rows.overwritten = True

    def _take_known(self, form: Form, numbers: tuple[str, ...], overwritten: bool) -> None:
        """Take a line of a known form. Of a bar's states in one epoch, only the last one counts."""
        if self._state is not None:
            other, last = self._state
            same = other.template is form.template and form.place(last) == form.place(numbers)
            if not (same and overwritten):
                self._end_bar()
        if overwritten:
            self._state = form, numbers
            return
        self._take_line(form.template, form.texts, numbers, form)
        self.rows.overwritten = False

    def _take_line(
        self, template: Template, texts: tuple[str, ...], numbers: Sequence[str], form: Form | None = None
    ) -> None:
        """Take the places and values of a line; `form` if lines of these words came before."""
        above = self._heading_of(template) if template.late or self._lent else None
        if form is not None:
            self._heading = template.context
        if form is not None and form.epoch >= 0:
            if (number := n.counted(numbers[form.epoch])) is not None:
                self.rows.move_to_epoch(number)
        elif template.places:
            self._place(template, numbers)
        if above is not None:
            self._lend(above)
        if template.context is not None or self.rows.context is not None:
            self._head(template)
        if not template.values or self.rows.context == FINAL:
            return
        self.signs.add_label(template.label, numbers)
        progress = stands_in_bar(template, numbers) if form is None else form.progress
        if form is None:
            self.signs.add_line(texts, [self._column(named, False, progress) for named in template.values])
        if form is None or not form.plain or not self._take_plain(form, numbers):
            self._take(template, numbers, progress)
        if held_out := split_of_bar(template, progress) if form is None else form.held_out:
            self.rows.context, self._labelled = held_out, True

    def _take_plain(self, form: Form, numbers: Sequence[str]) -> bool:
        """Add the values of a line that has one number for each; return False if a column has two of them."""
        context = self.rows.context
        columns = form.columns.get(context)
        if columns is None:
            columns = tuple(self._column(named, False, form.progress) for named in form.named)
            if len(set(columns)) < len(columns):
                form.plain = False
                return False
            for named, column in zip(form.named, columns, strict=True):
                column.running = column.running or bool(named.average)
            form.columns[context] = columns
        self.rows.add_line(columns, [numbers[i] for i in form.values])
        return True

    def _parse_line(self, shown: Line) -> Template | None:
        """Read a line of a form that is not known; return what its numbers mean."""
        line = clean(shown.text)
        parts = n.NUMBER.split(without_bars(line))
        texts = tuple(parts[::2])
        if self._across.take(texts, parts[1::2]):
            return None
        if self._across.names and line.strip() and not RULE.fullmatch(line):
            self._take_table(*self._across.end())
        if len(texts) > MOST_NUMBERS and not self.tables.headers:
            return None
        template = self._templates.get(texts)
        first = template is None
        if not first:
            self.signs.once.pop(texts, None)
        if shown.open_end and self._is_cut_off(parts, template):
            return None
        if template is None:
            template = self._parse(texts, line)
            if template is None:
                return None
        found = parts[1::2]
        template = self._without_changes(texts, template, found, first)
        if (self.tables.headers or len(found) >= 14) and found and self.tables.take_row(line, shown.open_end):
            return None
        heading = texts[0].startswith("#")
        if heading:
            self.signs.headings[len(self.rows.run)] = line
        few = not template.values and len(found) <= 2
        in_bar = "%" in line and not (template.places and template.values)  # a header before a progress bar
        possible = texts not in self._no_headers and (few or in_bar)
        if possible and not self.tables.take_header(line, self._heading):
            self._no_headers.add(texts)
        self._take_line(template, texts, found)
        if not RULE.fullmatch(line):  # a rule may stand between a heading and its table
            self._heading = template.context if texts in self._no_headers else None
        known = template.values or (texts in self._no_headers and not heading)
        if not self.tables.headers and known:
            self._forms.add(shown.text, texts, found, template)
        return template

    def _without_changes(
        self, texts: tuple[str, ...], template: Template, found: Sequence[str], first: bool
    ) -> Template:
        """Return what a line means: the first two lines of a form tell changes from averages behind its values."""
        if not first and texts not in self._changes:
            return template
        plain = without_changes(template, found)
        if first and plain is not template:
            self._changes.add(texts)
        elif not first:
            self._changes.remove(texts)
            self._templates[texts] = plain
        return plain

    def _heading_of(self, template: Template) -> str | None:
        """Return the split of the heading above a line whose epoch stands behind its values: it still counts."""
        if self._lent:
            self.rows.context, self._lent = None, False
        return self.rows.context if template.late and self.rows.points and self.rows.context != FINAL else None

    def _lend(self, above: str) -> None:
        """Put the split of a heading back for one line, if the line's epoch ended it."""
        if self.rows.context is None:
            self.rows.context, self._lent, self._labelled = above, True, False

    def _head(self, template: Template) -> None:
        """Begin what is below a heading, or end it: at a new place, if the lines below it name their split."""
        if template.context is not None:
            self.signs.final = self.signs.final or template.context == FINAL
            self.rows.begin_heading(template.context, template.title)
            self._labelled = False
        elif self.rows.context is not None and template.values:
            if self._labelled and (template.places or any(named.split for named in template.values)):
                self.rows.context, self._labelled = None, False
            elif any(named.split for named in template.values):
                self._labelled = True
                if self.rows.in_block:
                    self.rows.end_block()

    def _is_cut_off(self, parts: list[str], template: Template | None) -> bool:
        """Return whether a last line without an end says less than earlier lines of its form."""
        if template is None or not template.values:
            ended = parts[-1] != "" and parts[-1] in self._ends
            begun = len(parts) > 1 and not ended and self.rows.points > 0
            return begun and bool(parse_template(tuple(parts[::2])).values)
        last = template.values[-1]
        if parts[-1] or max(last.number, last.average) < len(parts) // 2 - 1:
            return False
        progress = stands_in_bar(template, parts[1::2])
        return n.decimals(parts[-2]) < self.rows.usual_decimals(self._column(last, False, progress))

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
        template = self._templates[texts] = parse_template(texts)
        if template.values:
            self._ends.add(texts[-1])
        self.signs.prose = self.signs.prose or template.prose
        if (
            not template.values
            and (not template.places or ITEM.match(line))
            and len(self._templates) < FREE_TEMPLATES
            and LABEL.search(line)
        ):
            self.signs.once[texts] = len(self.rows.run)
        return template

    def _place(self, template: Template, found: Sequence[str]) -> None:
        """Move to the epoch and step that a line names."""
        rows = self.rows
        for kind, index, label in template.places:
            if kind == "batch" or (kind == "count" and not math.isnan(rows.at[0])):
                continue
            number = n.counted(found[index])
            if number is None:
                continue
            if kind == "run":
                rows.begin_run(f"{label} {found[index]}")
            elif kind == "epoch":
                rows.move_to_epoch(number)
            elif kind == "step":
                rows.move_to_step(number)
            elif not any(place.kind == "epoch" for place in template.places):
                rows.move_to_count(number)

    def _take(self, template: Template, found: Sequence[str], progress: bool) -> None:
        for named in template.values:
            text = found[named.number]
            number = n.value(text)
            if named.second and (two := n.pair(text)) is not None:
                self.rows.add(self._column(named, False, progress), two[0])
                self.rows.add(self._column(named, True, progress), two[1])
                continue
            if named.average and (average := average_of(text, found[named.average])) is not None:
                number = average
                self._column(named, False, progress).running = True
            if number is not None:
                self.rows.add(self._column(named, False, progress), number)
        if template.best >= 0 and (best := n.value(found[template.best])) is not None:
            self.best = best

    def _column(self, named: MetricValue, second: bool, progress: bool) -> Column:
        """Return the column of a value; a line that shows progress has columns of its own."""
        above = self.rows.context
        context = None if named.split or above == "train" else above  # training needs no word
        key = named, context, second, progress
        column = self._lookup.get(key)
        if column is None:
            canonical, name = named.second if second else named.canonical, named.name
            if context and parse(canonical) is not None:
                canonical, name = canonical_name(context, canonical), f"{context} {name}"
            column = self._lookup[key] = self.rows.column(name, canonical, f"{named.form}{BAR * progress}")
        return column

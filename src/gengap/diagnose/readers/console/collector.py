"""Reads console lines one by one: what their numbers mean, and where their values belong."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

from gengap.diagnose.metric_names import parse
from gengap.diagnose.readers.console import number_forms as n
from gengap.diagnose.readers.console.arguments import MARK, ArgumentNames
from gengap.diagnose.readers.console.column_store import Column, ColumnStore
from gengap.diagnose.readers.console.epoch_bar import EpochBar
from gengap.diagnose.readers.console.forms import (
    Form,
    Forms,
    average_of,
    split_of_bar,
    stands_in_bar,
    without_changes,
)
from gengap.diagnose.readers.console.line_values import MetricValue
from gengap.diagnose.readers.console.metric_heading import BELOW, MetricHeading
from gengap.diagnose.readers.console.plain_names import canonical_name
from gengap.diagnose.readers.console.row_labels import RowLabels
from gengap.diagnose.readers.console.screen import Line, clean, screen_text, without_bars
from gengap.diagnose.readers.console.table_reader import LABEL, RULE
from gengap.diagnose.readers.console.table_values import TableValues
from gengap.diagnose.readers.console.template import FINAL, Template, parse_template

FREE_TEMPLATES = 5_000  # that are parsed at once; of further ones only those that come again
MOST_TEMPLATES = 100_000  # that are remembered
BAR = " in a bar"  # behind the form of values that show progress
ITEM = re.compile(r"\s*\d+[.)]\s+(?!epoch)[^\W\d_]", re.IGNORECASE)  # 2. VGG16
MOST_NUMBERS = 300  # of a line that is no row of a table


class Collector:
    """Reads lines one by one; `rows` holds what was found.

    Attributes:
        rows: Values by column and row.
        best: The last number called "best" beside a metric without a name, or None.
        sentences: Whether values stand in sentences, or beside lines of a program.
        labels: What tells lines apart.
        tables: Reads tables.
        bar: Tells a bar over all epochs from those of batches.
        no_gain: Whether a line says that an epoch did not improve.
        final: Whether a heading says that final values follow.
        once: Lines of words without values that came once, with the number of rows above each.
        headings: The last line that begins with # above each row, by the number of rows above it.
    """

    def __init__(self, file: str) -> None:
        self.rows = ColumnStore(file)
        self.best: float | None = None
        self.sentences = False
        self.labels = RowLabels()
        self.tables = TableValues(self.rows, self.labels)
        self.bar = EpochBar(self.rows)
        self.no_gain = False
        self.final = False
        self.once: dict[tuple[str, ...], int] = {}
        self.headings: dict[int, str] = {}
        self._decimals: dict[tuple[str, ...], int] = {}  # fewest of the last number, by form
        self._templates: dict[tuple[str, ...], Template] = {}
        self._seen: set[int] = set()
        self._changes: set[tuple[str, ...]] = set()  # whose first line has changes where averages may stand
        self._no_headers: set[tuple[str, ...]] = set()
        self._lookup: dict[tuple[MetricValue, str | None, bool, bool], Column] = {}
        self._forms = Forms()
        self._arguments = ArgumentNames()
        self._heading: str | None = None  # the split of a heading on the line above
        self._metric_above = MetricHeading()
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
        self.end()
        lines = self._forms.lines(text)
        while (line := lines.current) is not None:
            form = None if self.tables.headers else lines.form
            found = form.pattern.fullmatch(line) if form else None
            lines.at += 1
            if form is None or found is None:
                self._parse_line(Line(line))
                self.rows.overwritten = False
                continue
            self._heading = form.template.context
            self._take_form(form, found.groups())
            self.rows.overwritten = False
            if not self._lent and (together := lines.take_below(form, self.rows)):
                self._note_fewest(form, min(n.decimals(numbers[-1]) for numbers in together))

    def _read_line(self, shown: Line) -> None:
        """Read one line, or one state of a line."""
        if not self.tables.headers and not shown.open_end and (form := self._forms.find(shown.text)):
            found = form.pattern.fullmatch(shown.text)
            if found is not None:
                self._heading = form.template.context
                epoch = self.bar.take_state(form.template, shown.text, shown.overwritten)
                self._take_known(form, found.groups(), shown.overwritten and not epoch)
                if epoch:
                    self.bar.add(shown.overwritten)
                return
        self.end()
        template = self._parse_line(shown)
        epoch = self.bar.take_state(template, shown.text, shown.overwritten)
        if epoch:
            self.bar.add(shown.overwritten)
        self.rows.overwritten = shown.overwritten and not epoch

    def end(self) -> None:
        """Take the last state of a progress bar."""
        if self._state is not None:
            form, numbers = self._state
            self._state = None
            self._take_form(form, numbers)
            self.rows.overwritten = True

    def _take_known(self, form: Form, numbers: tuple[str, ...], overwritten: bool) -> None:
        """Take a line of a known form. Of a bar's states in one epoch, only the last one counts."""
        if self._state is not None:
            other, last = self._state
            same = other.template is form.template and form.place(last) == form.place(numbers)
            if not (same and overwritten):
                self.end()
        if overwritten:
            self._state = form, numbers
            return
        self._take_form(form, numbers)
        self.rows.overwritten = False

    def _take_form(self, form: Form, numbers: tuple[str, ...]) -> None:
        template = form.template
        above = self._heading_of(template) if template.late or self._lent else None
        if form.epoch >= 0:
            if (number := n.counted(numbers[form.epoch])) is not None:
                self.rows.move_to_epoch(number)
        elif template.places and not (form.counts_only and self.rows.at[0] >= 0):
            self._place(template, numbers)
        if above is not None:
            self._lend(above)
        if template.context is not None or self.rows.context is not None:
            self._head(template)
        if template.context is not None or self._metric_above.metric:
            self._take_bare(template, form.texts, numbers)
        if not template.values or self.rows.context == FINAL:
            return
        self.labels.add_label(template.label, numbers)
        if not (form.plain and self._take_plain(form, numbers)):
            self._take(template, numbers, form.progress)
        if form.held_out:
            self.rows.context, self._labelled = form.held_out, True
        self._note_fewest(form, n.decimals(numbers[-1]))

    def _take_plain(self, form: Form, numbers: tuple[str, ...]) -> bool:
        """Add the values of a line that has one number for each; return False if it has to be done one by one."""
        context = self.rows.context
        group = form.groups.get(context)
        if group is None:
            columns = tuple(self._column(named, False, form.progress) for named in form.named)
            if len(set(columns)) < len(columns):
                form.plain = False
                return False
            for named, column in zip(form.named, columns, strict=True):
                column.running = column.running or bool(named.average)
            group = form.groups[context] = self.rows.group(columns, form.progress)
        return self.rows.add_line(group, [numbers[i] for i in form.values])

    def _parse_line(self, shown: Line) -> Template | None:
        """Read a line of a form that is not known; return what its numbers mean."""
        line = clean(shown.text)
        if "(" in line:
            line = self._arguments.rename(line)
            self.rows.new = self.rows.new or self._arguments.changed
        parts = n.NUMBER.split(without_bars(line))
        texts = tuple(parts[::2])
        if len(texts) > MOST_NUMBERS and not self.tables.headers:
            return None
        template = self._templates.get(texts)
        first = template is None
        if not first:
            self.once.pop(texts, None)
        if shown.open_end and self._is_cut_off(texts, parts, template):
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
            self.headings[len(self.rows.run)] = line
        few = not template.values and len(found) <= 2
        in_bar = "%" in line and not (template.places and template.values)  # a header before a progress bar
        if texts not in self._no_headers and (few or in_bar):
            self._look_for_header(texts, line)
        self._apply(texts, template, found)
        if not RULE.fullmatch(line):  # a rule may stand between a heading and its table
            self._heading = template.context if texts in self._no_headers else None
        known = template.values or (texts in self._no_headers and not heading)
        if not self.tables.headers and known and MARK not in line:
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

    def _apply(self, texts: tuple[str, ...], template: Template, found: Sequence[str]) -> None:
        """Take the places and values of a line."""
        self.sentences = self.sentences or template.sentence or template.code
        self.no_gain = self.no_gain or template.no_gain
        above = self._heading_of(template)
        if template.places:
            self._place(template, found)
        if above is not None:
            self._lend(above)
        self._head(template)
        self._take_bare(template, texts, found)
        if template.values and self.rows.context != FINAL:
            self.labels.add_line(texts)
            self.labels.add_label(template.label, found)
            progress = stands_in_bar(template, found)
            self._take(template, found, progress)
            if not texts[-1]:
                self._decimals[texts] = min(n.decimals(found[-1]), self._decimals.get(texts, 99))
            if held_out := split_of_bar(template, progress):
                self.rows.context, self._labelled = held_out, True

    def _heading_of(self, template: Template) -> str | None:
        """Return the split of the heading above a line whose epoch stands behind its values: it still counts."""
        if self._lent:
            self.rows.context, self._lent = None, False
        return self.rows.context if template.late and self.rows.points and self.rows.context != FINAL else None

    def _lend(self, above: str) -> None:
        """Put the split of a heading back for one line, if the line's epoch ended it."""
        if self.rows.context is None:
            self.rows.context, self._lent, self._labelled = above, True, False

    def _take_bare(self, template: Template, texts: Sequence[str], found: Sequence[str]) -> None:
        """Take the number of an epoch whose metric only the heading above names."""
        if (number := self._metric_above.read(template, texts, found)) is not None:
            name = self._metric_above.metric
            self.rows.add(self.rows.column(name.replace("_", " "), name, f"{BELOW}{name}"), number)

    def _head(self, template: Template) -> None:
        """Begin what is below a heading, or end it: at a new place, if the lines below it name their split."""
        if template.context is not None:
            self.final = self.final or template.context == FINAL
            self.rows.begin_heading(template.context, template.title)
            self._labelled = False
        elif self.rows.context is not None and template.values:
            if self._labelled and (template.places or any(named.split for named in template.values)):
                self.rows.context, self._labelled = None, False
            elif any(named.split for named in template.values):
                self._labelled = True
                if self.rows.in_block:
                    self.rows.end_block()

    def _note_fewest(self, form: Form, decimals: int) -> None:
        """Note the fewest decimals of the last number of lines of a form, if it ends them."""
        decimals += form.percent
        if decimals < form.decimals and not form.texts[-1]:
            form.decimals = decimals
            self._decimals[form.texts] = min(decimals, self._decimals.get(form.texts, decimals))

    def _is_cut_off(self, texts: tuple[str, ...], parts: list[str], template: Template | None) -> bool:
        """Return whether a last line without an end says less than earlier lines of its form."""
        if len(parts) == 1:
            return False
        if not texts[-1] and texts in self._decimals:
            return n.decimals(parts[-2]) < self._decimals[texts]
        known = template is not None and bool(template.values)
        return not known and bool(self._decimals or self.rows.points) and bool(parse_template(texts).values)

    def _look_for_header(self, texts: tuple[str, ...], line: str) -> None:
        if not self.tables.take_header(line, self._heading):
            self._no_headers.add(texts)

    def _parse(self, texts: tuple[str, ...], line: str) -> Template | None:
        if len(self._templates) >= FREE_TEMPLATES and "oss" not in line and "cc" not in line:
            key = hash(texts)
            if key not in self._seen:
                if len(self._seen) > MOST_TEMPLATES:
                    self._seen.clear()
                self._seen.add(key)
                self._metric_above.metric = ""
                return None
        if len(self._templates) > MOST_TEMPLATES:
            self._templates.clear()
            self._no_headers.clear()
            self._decimals.clear()
        template = self._templates[texts] = parse_template(texts)
        if (
            not template.values
            and (not template.places or ITEM.match(line))
            and len(self._templates) < FREE_TEMPLATES
            and LABEL.search(line)
        ):
            self.once[texts] = len(self.rows.run)
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
                self.rows.add(self._column(named, False, progress), two[0], progress)
                self.rows.add(self._column(named, True, progress), two[1], progress)
                continue
            if named.average and (average := average_of(text, found[named.average])) is not None:
                number = average
                self._column(named, False, progress).running = True
            if number is not None:
                self.rows.add(self._column(named, False, progress), number, progress)
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

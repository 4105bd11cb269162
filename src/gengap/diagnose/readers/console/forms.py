"""Forms of lines that were parsed before: lines of the same words with other numbers are not parsed again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter

from gengap.diagnose.metric_names import parse
from gengap.diagnose.readers.console import number_forms as n
from gengap.diagnose.readers.console.column_store import Column
from gengap.diagnose.readers.console.line_values import MetricValue
from gengap.diagnose.readers.console.screen import ESCAPE, GLYPHS, is_renamed
from gengap.diagnose.readers.console.template import HELD_OUT, Template

MOST = 20_000  # forms that are remembered
RENEWED = {1, 8, 64}  # lines that a form did not fit, after which it is made anew
NO_DIGITS = b"0123456789."
DIGITS = re.compile(r"(?<![A-Za-z_@])\d(?:\d|\\\.)*")  # not those of names, as in f1
SIGNS = r"\s,;|()\[\]{}"  # which end a number; a search up to one of them has no choice
SIGNS_WITH_COMMA = r"\s;|()\[\]{}"
NUMBER = r"([-+]?[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?)"  # what `float` reads, without nan
DECIMAL = r"([-+]?[0-9]+\.[0-9]*(?:[eE][-+]?[0-9]+)?)"
UNIT = re.compile(r"[^\d.,%fFeE+-]")
TIME = re.compile(r"\d[-:/]\d+[-:/]\d")  # a date or a clock, which counts nothing
COLOUR = "\0"  # in place of each sign of a colour
COUNTED_ON = ("epoch", "run")  # places that a progress bar's states share


@dataclass(slots=True)
class Form:
    """How lines of one form are read.

    Attributes:
        pattern: Has a group for each number.
        texts: The texts between the numbers.
        template: What the numbers mean.
        plain: Whether each value is one number that `float` reads.
        progress: Whether the values stand beside a progress bar or a batch number.
        named: The values, without those that are none, such as times.
        values: Which numbers the values are; of a value with its average, the average.
        place: Returns the numbers that name an epoch or a run.
        epoch: The number that names the epoch, if the line names no other place; else -1.
        held_out: The split of a bar of held-out rows, for a line below that names none; else "".
        misses: Lines of these words that the pattern did not fit.
        columns: Where the values go, by the split of the heading above; the collector keeps them here.
    """

    pattern: re.Pattern[str]
    texts: tuple[str, ...]
    template: Template
    plain: bool
    progress: bool
    named: tuple[MetricValue, ...]
    values: tuple[int, ...]
    place: Callable[[Sequence[str]], object]
    epoch: int = -1
    held_out: str = ""
    misses: int = 0
    columns: dict[str | None, tuple[Column, ...]] = field(default_factory=dict)


class Forms:
    """Forms by their lines without digits. A form is kept when it comes for the second time."""

    def __init__(self) -> None:
        self._forms: dict[bytes, Form | None] = {}

    def find(self, line: str) -> Form | None:
        """Return the form of a line, or None if it is not known."""
        return self._forms.get(_key(line))

    def with_lines(self, text: str) -> Iterator[tuple[str, Form | None]]:
        """Yield the lines of a text with their forms, which may become known by the lines before them."""
        for line, key in zip(text.split("\n"), _key(text).split(b"\n"), strict=True):
            yield line, self._forms.get(key)

    def add(self, line: str, texts: tuple[str, ...], numbers: Sequence[str], template: Template) -> None:
        """Remember the form of a line that was parsed."""
        if is_renamed(line):
            return
        key = _key(line)
        if key not in self._forms:
            if len(self._forms) >= MOST:
                self._forms.clear()
            self._forms[key] = None
            return
        known = self._forms[key]
        misses = 0 if known is None else known.misses + 1
        if known is not None and misses not in RENEWED:
            known.misses = misses
        elif (form := _form(line, texts, numbers, template)) is not None:
            form.misses = misses
            self._forms[key] = form


def _key(line: str) -> bytes:
    return line.encode("utf-8", "replace").translate(None, NO_DIGITS)


def _form(line: str, texts: tuple[str, ...], numbers: Sequence[str], template: Template) -> Form | None:
    counted = (each for each in template.places if each.kind != "count" or not TIME.search(numbers[each.number]))
    progress = stands_in_bar(template, numbers)
    template = replace(template, places=tuple(counted))
    values = [
        each for each in template.values if each.average or each.second or not _is_with_unit(numbers[each.number])
    ]
    plain = {} if template.best >= 0 else _plain_patterns(values, numbers)
    pattern = _pattern(line, texts, numbers, plain)
    if pattern is None:
        return None
    places = [place.number for place in template.places if place.kind in COUNTED_ON]
    epoch = template.places[0].number if [each.kind for each in template.places] == ["epoch"] else -1
    return Form(
        pattern,
        texts,
        template,
        plain=bool(plain),
        progress=progress,
        held_out=split_of_bar(template, progress),
        named=tuple(values),
        values=tuple(named.average or named.number for named in values),
        place=itemgetter(*places) if places else lambda _: None,
        epoch=epoch,
    )


def _is_with_unit(number: str) -> bool:
    """Return whether a number is no value, and no other one with these signs either."""
    return UNIT.search(number) is not None and n.value(number) is None


def without_changes(template: Template, numbers: Sequence[str]) -> Template:
    """Return what lines mean, without averages that are changes, as this line shows."""
    values = [
        each._replace(average=0)
        if each.average and is_change(numbers[each.number], numbers[each.average])
        else each
        for each in template.values
    ]
    return template if values == list(template.values) else replace(template, values=tuple(values))


def is_change(text: str, behind: str) -> bool:
    """Return whether a number behind a value has a sign or a unit that the value lacks, or is 0 and it is not.

    In `loss 0.5 (80%)` the accuracy stands behind the loss. In `correct: 80 (80%)` it is the value's percentage.
    """
    percent = "%" in behind and "." in text and "%" not in text
    return percent or (behind[0] in "+-" and text[0] not in "+-") or (n.value(behind) == 0 != n.value(text))


def average_of(text: str, behind: str) -> float | None:
    """Return the number in parentheses behind a value, if it may be its average, or the percentage of a count."""
    if not ("." in behind or "%" in behind):
        return None
    number = n.value(behind)
    return number if n.value(text) is None or "." in text or "%" in behind else None


def _plain_patterns(values: Sequence[MetricValue], numbers: Sequence[str]) -> dict[int, str]:
    """Return a pattern for each number that is a value, or an average behind it; none if `float` can't read one."""
    found: dict[int, str] = {}
    for named in values:
        pattern = DECIMAL if named.average else NUMBER
        for number in {named.number, named.average or named.number}:
            percent = "%" if numbers[number].endswith("%") else ""
            if named.second or not re.fullmatch(f"{pattern}{percent}", numbers[number]):
                return {}
            found[number] = f"{pattern}{percent}"
    return found


def stands_in_bar(template: Template, numbers: Sequence[str]) -> bool:
    """Return whether a line has a batch number, or behind its first number one such as 3/20 that is no epoch.

    Values of both splits are those of an evaluation, which a batch or step with a name does not change.
    """
    named = {place.number for place in template.places if place.kind in ("batch", "step")}
    paired = any(each.second for each in template.values)  # train/val loss 0.5/0.6, acc 0/0
    other = {each.number for each in template.values if paired}
    other |= {place.number for place in template.places if place.kind == "epoch"}
    bars = {i for i, number in enumerate(numbers) if i and i not in other and n.is_progress(number)}
    if template.evaluation:
        return not bars <= named
    running = any(named.average for named in template.values) and n.is_progress(numbers[0])
    return bool(bars) or running or any(place.kind == "batch" for place in template.places)


def split_of_bar(template: Template, progress: bool) -> str:
    """Return the split of a line that shows progress on held-out rows, or "".

    A line below it that names neither place nor split is of it: ` * Acc@1 71.2`.
    """
    splits = {key[0] for named in template.values if (key := parse(named.canonical)) is not None}
    return splits.pop() if progress and len(splits) == 1 and splits <= HELD_OUT else ""


def _pattern(
    line: str, texts: Sequence[str], numbers: Sequence[str], plain: Mapping[int, str]
) -> re.Pattern[str] | None:
    """Return a pattern for lines with other digits, or None if the numbers are not in the line as it is."""
    at, parts = 0, []
    shown = ESCAPE.sub(lambda found: COLOUR * len(found[0]), line)  # no number is found in a colour
    for i, number in enumerate(numbers):
        start = shown.find(number, at)
        while start >= 0 and not _fits(shown, start, start + len(number), texts[i], texts[i + 1]):
            start = shown.find(number, start + 1)
        if start < 0:
            return None
        signs = SIGNS_WITH_COMMA if "," in number else SIGNS
        after = line[start + len(number) : start + len(number) + 1]
        any_number = plain.get(i, rf"([^{signs}]+{'' if re.fullmatch(f'[{signs}]?', after) else '?'})")
        parts += [_with_any_digits(line[at:start]), any_number]
        at = start + len(number)
    return re.compile("".join([*parts, _with_any_digits(line[at:])]))


def _fits(shown: str, start: int, end: int, before: str, after: str) -> bool:
    """Return whether the characters around a number are those of the parsed line, which lacks bars and colours."""
    left, right = shown[:start].rstrip(COLOUR)[-1:], shown[end:].lstrip(COLOUR)[:1]
    return left.translate(GLYPHS) == before[-1:] and right.translate(GLYPHS) == after[:1]


def _with_any_digits(text: str) -> str:
    return DIGITS.sub(r"[\\d.]+", re.escape(text))

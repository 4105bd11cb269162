"""Forms of lines that were parsed before: lines of the same words with other numbers are not parsed again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from gengap.diagnose.readers.console import number_forms as n
from gengap.diagnose.readers.console.column_store import Column
from gengap.diagnose.readers.console.screen import GLYPHS
from gengap.diagnose.readers.console.template import Template

MOST = 20_000  # forms that are remembered
RENEWED = {1, 8, 64}  # lines that a form did not fit, after which it is made anew
NO_DIGITS = b"0123456789."
DIGITS = re.compile(r"(?<![A-Za-z_@])\d(?:\d|\\\.)*")  # not those of names, as in f1
VALUE = r"([^\s,;|()\[\]{}]+?)"
VALUE_WITH_COMMA = r"([^\s;|()\[\]{}]+?)"
COUNTED_ON = ("epoch", "run")  # places that a progress bar's states share


@dataclass(slots=True)
class Form:
    """How lines of one form are read.

    Attributes:
        pattern: Has a group for each number.
        texts: The texts between the numbers.
        template: What the numbers mean.
        plain: Whether each value is one number, so that `float` reads it.
        progress: Whether the values stand beside a progress bar or a batch number.
        values: Numbers that are values.
        places: Numbers that name an epoch or a run.
        epoch: The number that names the epoch, if the line names no other place; else -1.
        counts_only: Whether the line names no place, except by a number without a name.
        decimals: Fewest decimals of a last number that ends the line.
        misses: Lines of these words that the pattern did not fit.
        columns: Where the values go, by the split of the heading above; the collector keeps them here.
    """

    pattern: re.Pattern[str]
    texts: tuple[str, ...]
    template: Template
    plain: bool
    progress: bool
    values: tuple[int, ...]
    places: tuple[int, ...]
    epoch: int = -1
    counts_only: bool = False
    decimals: int = 99
    misses: int = 0
    columns: dict[str | None, tuple[Column, ...]] = field(default_factory=dict)


class Forms:
    """Forms by their lines without digits. A form is kept when it comes for the second time."""

    def __init__(self) -> None:
        self._forms: dict[bytes, Form | None] = {}

    def find(self, line: str) -> Form | None:
        """Return the form of a line, or None if it is not known."""
        return self._forms.get(_key(line))

    def add(self, line: str, texts: tuple[str, ...], numbers: Sequence[str], template: Template) -> None:
        """Remember the form of a line that was parsed."""
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
        elif (pattern := _pattern(line, texts, numbers)) is not None:
            self._forms[key] = _form(pattern, texts, numbers, template, misses)


def _key(line: str) -> bytes:
    return line.encode("utf-8", "replace").translate(None, NO_DIGITS)


def _form(
    pattern: re.Pattern[str], texts: tuple[str, ...], numbers: Sequence[str], template: Template, misses: int
) -> Form:
    return Form(
        pattern,
        texts,
        template,
        plain=template.best < 0 and not any(named.average or named.second for named in template.values),
        progress=stands_in_bar(template, numbers),
        values=tuple(named.number for named in template.values),
        places=tuple(place.number for place in template.places if place.kind in COUNTED_ON),
        epoch=template.places[0].number if [each.kind for each in template.places] == ["epoch"] else -1,
        counts_only=all(place.kind in ("count", "batch") for place in template.places),
        misses=misses,
    )


def stands_in_bar(template: Template, numbers: Sequence[str]) -> bool:
    """Return whether a line has a batch number, or behind its first number one such as 3/20 or 1-50batch."""
    named = any(place.kind == "batch" for place in template.places)
    return named or any(map(n.is_progress, numbers[1:]))


def _pattern(line: str, texts: Sequence[str], numbers: Sequence[str]) -> re.Pattern[str] | None:
    """Return a pattern for lines with other digits, or None if the numbers are not in the line as it is."""
    at, parts = 0, []
    for i, number in enumerate(numbers):
        start = line.find(number, at)
        while start >= 0 and not _fits(line, start, start + len(number), texts[i], texts[i + 1]):
            start = line.find(number, start + 1)
        if start < 0:
            return None
        parts += [_with_any_digits(line[at:start]), VALUE_WITH_COMMA if "," in number else VALUE]
        at = start + len(number)
    return re.compile("".join([*parts, _with_any_digits(line[at:])]))


def _fits(line: str, start: int, end: int, before: str, after: str) -> bool:
    """Return whether the characters around a number are those of the parsed line, which lacks bars and colours."""
    left, right = line[max(start - 1, 0) : start].translate(GLYPHS), line[end : end + 1].translate(GLYPHS)
    return left == before[-1:] and right == after[:1]


def _with_any_digits(text: str) -> str:
    return DIGITS.sub(r"[\\d.]+", re.escape(text))

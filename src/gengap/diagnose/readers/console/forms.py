"""Forms of lines that were parsed before: lines of the same words with other numbers are not parsed again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from gengap.diagnose.readers.console.template import Template

MOST = 20_000  # forms that are remembered
NO_DIGITS = str.maketrans("", "", "0123456789.")
DIGITS = re.compile(r"(?<![A-Za-z_@])\d(?:\d|\\\.)*")  # not those of names, as in f1
VALUE = r"([^\s,;|()\[\]{}]+?)"


class Form(NamedTuple):
    """How lines of one form are read: a pattern with a group for each number, and what the numbers mean."""

    pattern: re.Pattern[str]
    texts: tuple[str, ...]
    template: Template


class Forms:
    """Forms by their lines without digits. A form is kept when it comes for the second time."""

    def __init__(self) -> None:
        self._forms: dict[str, Form | None] = {}

    def match(self, line: str) -> tuple[Form, tuple[str, ...]] | None:
        """Return the form of a line and its numbers, or None if it is not known."""
        form = self._forms.get(line.translate(NO_DIGITS))
        if form is None:
            return None
        found = form.pattern.fullmatch(line)
        return None if found is None else (form, found.groups())

    def add(self, line: str, texts: tuple[str, ...], numbers: Sequence[str], template: Template) -> None:
        """Remember the form of a line that was parsed."""
        key = line.translate(NO_DIGITS)
        if key not in self._forms:
            if len(self._forms) >= MOST:
                self._forms.clear()
            self._forms[key] = None
        elif (pattern := _pattern(line, numbers)) is not None:
            self._forms[key] = Form(pattern, texts, template)


def _pattern(line: str, numbers: Sequence[str]) -> re.Pattern[str] | None:
    """Return a pattern for lines with other digits, or None if the numbers are not in the line as it is."""
    at, parts = 0, []
    for number in numbers:
        start = line.find(number, at)
        if start < 0:
            return None
        parts += [_with_any_digits(line[at:start]), VALUE]
        at = start + len(number)
    return re.compile("".join([*parts, _with_any_digits(line[at:])]))


def _with_any_digits(text: str) -> str:
    return DIGITS.sub(r"[\\d.]+", re.escape(text))

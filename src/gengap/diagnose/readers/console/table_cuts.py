"""Ways to cut the lines of a text table into cells that a header, or the rule below it, shows."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from itertools import islice
from operator import itemgetter

from gengap.diagnose.readers.console.number_forms import NUMBER
from gengap.diagnose.readers.console.phrases import counter, is_metric

LEAST_NEAR = 5
MOST_WORDS = 200  # of a header, and cells of a row
WORD_OR_CELL = re.compile(r"\S+")
PREFIX = re.compile(r"[A-Z]+:?$")  # NOTE:
NO_NAMES = re.compile(r"[|\t,;=\"']|\.(?:\s|$)")


class Groups:
    """Cuts lines of groups of words at blanks and at as many pipes: `epoch | loss acc | val_loss val_acc`."""

    def __init__(self, line: str) -> None:
        self._pipes = line.count("|")

    def __call__(self, line: str) -> list[str]:
        """Return the words of a line; none if it has fewer or more pipes."""
        return line.replace("|", " ").split() if line.count("|") == self._pipes else []


class Spans:
    """Cuts a line into the columns that a rule of dashes shows; a column may be empty."""

    def __init__(self, spans: list[tuple[int, int]]) -> None:
        self.spans = spans

    def __call__(self, line: str) -> list[str]:
        """Return the words of a line, each in the column that it stands nearest to."""
        cells = [""] * len(self.spans)
        for found in WORD_OR_CELL.finditer(line):
            at = _nearest(found.span(), self.spans)
            cells[at] = f"{cells[at]} {found[0]}".strip()
        return cells


class NearColumns:
    """Cuts rows at blanks, and finds the columns' names when it sees the first row.

    Attributes:
        names: The names; empty before the first row.
    """

    def __init__(self, line: str) -> None:
        self.names: list[str] = []
        self._words = list(WORD_OR_CELL.finditer(line))

    def __call__(self, line: str) -> list[str]:
        """Return the cells of a row; none if a cell has no word of the header."""
        cells = list(islice(WORD_OR_CELL.finditer(line), MOST_WORDS + 1))
        if len(cells) > MOST_WORDS:
            return []
        if not self.names and cells:
            spans = [cell.span() for cell in cells]
            places = [_nearest(word.span(), spans) for word in self._words]
            if sorted(set(places)) != list(range(len(cells))) or places != sorted(places):
                return []
            for cell in range(len(cells)):
                words = [word[0] for word, place in zip(self._words, places, strict=True) if place == cell]
                self.names.append(" ".join(words).removesuffix(":"))
        return [cell[0] for cell in cells]


def near_columns(line: str) -> NearColumns | None:
    """Return the columns of a line that may be such a header: its first word counts epochs, another is a metric."""
    words = line.split()
    if not LEAST_NEAR <= len(words) <= MOST_WORDS or NO_NAMES.search(line) or any(map(NUMBER.fullmatch, words)):
        return None
    first = words[1] if PREFIX.match(words[0]) else words[0]
    known = counter(first) in ("epoch", "step") and any(map(is_metric, words))
    return NearColumns(line) if known else None


def _nearest(word: tuple[int, int], spans: Sequence[tuple[int, int]]) -> int:
    """Return the span nearest to a word, of equally near ones the later: numbers are aligned to the right."""
    behind = bisect_right(spans, word[1], key=itemgetter(0))  # the first span that begins behind the word
    if behind in (0, len(spans)):
        return max(behind - 1, 0)
    return behind if spans[behind][0] - word[1] <= max(word[0] - spans[behind - 1][1], 0) else behind - 1

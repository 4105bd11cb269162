"""Headers whose names of several words stand one blank apart: `Epoch Learning Rate  Loss Validation Loss`.

Only the rows show where a name ends: each word belongs to the cell that it stands nearest to.
"""

from __future__ import annotations

import re
from itertools import pairwise

from gengap.diagnose.readers.console.number_forms import NUMBER
from gengap.diagnose.readers.console.phrases import counter, is_metric

LEAST_WORDS = 5
WORD = re.compile(r"\S+")
PREFIX = re.compile(r"[A-Z]+:?$")  # NOTE:
NO_NAMES = re.compile(r"[|\t,;=\"']|\.(?:\s|$)")


class NearColumns:
    """Cuts rows at blanks, and finds the columns' names when it sees the first row.

    Attributes:
        names: The names; empty before the first row.
    """

    def __init__(self, line: str) -> None:
        self.names: list[str] = []
        self._words = [(found[0], *found.span()) for found in WORD.finditer(line)]

    def __call__(self, line: str) -> list[str]:
        """Return the cells of a row; none if a cell has no word of the header."""
        cells = [(found[0], *found.span()) for found in WORD.finditer(line)]
        if not self.names and cells:
            places = [_nearest(start, end, cells) for _, start, end in self._words]
            if set(places) != set(range(len(cells))) or any(a > b for a, b in pairwise(places)):
                return []
            for cell in range(len(cells)):
                words = [word[0] for word, place in zip(self._words, places, strict=True) if place == cell]
                self.names.append(" ".join(words).removesuffix(":"))
        return [cell[0] for cell in cells]


def near_columns(line: str) -> NearColumns | None:
    """Return the columns of a line that may be such a header: its first word counts epochs, another is a metric."""
    words = line.split()
    if len(words) < LEAST_WORDS or NO_NAMES.search(line) or any(map(NUMBER.fullmatch, words)):
        return None
    first = words[1] if PREFIX.match(words[0]) else words[0]
    known = counter(first) in ("epoch", "step") and any(map(is_metric, words))
    return NearColumns(line) if known else None


def _nearest(start: int, end: int, cells: list[tuple[str, int, int]]) -> int:
    """Return the cell nearest to a word, of two equally near ones the later: numbers are aligned to the right."""
    return min(range(len(cells)), key=lambda i: (max(cells[i][1] - end, start - cells[i][2], 0), -i))

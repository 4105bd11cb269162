"""Headers whose names of several words stand one blank apart: `Epoch Learning Rate  Loss Validation Loss`.

Only the rows show where a name ends: each word belongs to the cell that it stands nearest to.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import islice, pairwise

from gengap.diagnose.readers.console.number_forms import NUMBER
from gengap.diagnose.readers.console.phrases import counter, is_metric

LEAST_WORDS = 5
MOST_WORDS = 200  # of a header, and cells of a row
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
        cells = [(found[0], *found.span()) for found in islice(WORD.finditer(line), MOST_WORDS + 1)]
        if len(cells) > MOST_WORDS:
            return []
        if not self.names and cells:
            starts = [start for _, start, _ in cells]
            places = [_nearest(start, end, cells, starts) for _, start, end in self._words]
            if set(places) != set(range(len(cells))) or any(a > b for a, b in pairwise(places)):
                return []
            for cell in range(len(cells)):
                words = [word[0] for word, place in zip(self._words, places, strict=True) if place == cell]
                self.names.append(" ".join(words).removesuffix(":"))
        return [cell[0] for cell in cells]


def near_columns(line: str) -> NearColumns | None:
    """Return the columns of a line that may be such a header: its first word counts epochs, another is a metric."""
    words = line.split()
    if not LEAST_WORDS <= len(words) <= MOST_WORDS or NO_NAMES.search(line) or any(map(NUMBER.fullmatch, words)):
        return None
    first = words[1] if PREFIX.match(words[0]) else words[0]
    known = counter(first) in ("epoch", "step") and any(map(is_metric, words))
    return NearColumns(line) if known else None


def _nearest(start: int, end: int, cells: list[tuple[str, int, int]], starts: list[int]) -> int:
    """Return the cell nearest to a word, of two equally near ones the later: numbers are aligned to the right."""
    behind = bisect_right(starts, end)  # the first cell that begins behind the word
    if behind in (0, len(cells)):
        return max(behind - 1, 0)
    return behind if cells[behind][1] - end <= max(start - cells[behind - 1][2], 0) else behind - 1

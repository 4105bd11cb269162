"""Text tables with an epoch in each column, and a metric in each line.

epoch       1    2    3                 | metric     | Epoch 1 | Epoch 2 | Epoch 3 |
train_loss  0.9  0.8  0.7               | train loss | 0.9     | 0.8     | 0.7     |
val_loss    0.9  0.9  0.8               | val loss   | 0.9     | 0.9     | 0.8     |
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from gengap.diagnose.readers.console.phrases import counter, cut

LEAST = 3  # columns
SIGNS = " \t|:=,"
BETWEEN = re.compile(r"[\s|,-]*")


class Across:
    """Holds the lines of such a table until it ends.

    Attributes:
        names: Names of the lines, of which the first counts epochs or steps.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self._cells: list[Sequence[str]] = []

    def take(self, texts: Sequence[str], numbers: Sequence[str]) -> bool:
        """Take a line of the table; return whether it is one. A line with an empty cell is left out."""
        if len(numbers) < LEAST - bool(self.names):
            return False
        name = _axis(texts, numbers) if not self.names else texts[0].strip(SIGNS)
        if not name or (self.names and not all(map(BETWEEN.fullmatch, texts[1:]))):
            return False
        if not self.names or len(numbers) == len(self._cells[0]):
            self.names.append(name)
            self._cells.append(numbers)
        return True

    def end(self) -> tuple[list[str], list[list[str]]]:
        """Forget the table; return its names and a row for each epoch."""
        names, rows = self.names, list(map(list, zip(*self._cells, strict=True)))
        self.names, self._cells = [], []
        return names, rows


def _axis(texts: Sequence[str], numbers: Sequence[str]) -> str:
    """Return what the numbers of a line count, in equal steps: "epoch" or "step"; else ""."""
    if not all(number.isdecimal() and len(number) < 10 for number in numbers):
        return ""
    kind = counter(cut(texts[0]).name)
    again = {text.strip(SIGNS).lower() for text in texts[1:-1]}
    if kind not in ("epoch", "step") or BETWEEN.fullmatch(texts[-1]) is None or len(again) > 1:
        return ""
    steps = {b - a for a, b in pairwise(map(int, numbers))}
    equal = len(steps) == 1 and min(steps) > 0
    return kind if equal and (again == {""} or counter(again.pop()) == kind) else ""

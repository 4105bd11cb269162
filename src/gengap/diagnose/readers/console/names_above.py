"""Names on lines of their own, for numbers that stand alone on the lines below.

Train loss          Epoch                   val loss
0.5                 Training Loss           0.6
Val loss            Validation Loss         0.5      (the name of all values below)
0.6                 1
                    0.5
                    0.6                     (a table with a cell on each line, as a notebook's is copied)
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from gengap.diagnose.readers.console import number_forms as n
from gengap.diagnose.readers.console.phrases import counter, names_metric, split_of
from gengap.diagnose.readers.console.training_signs import LEAST

LONGEST = 48  # characters of a line that is a name or a number
MOST = 40  # names that are remembered
MOST_NUMBERS = 1 << 20
QUOTED = re.compile(r'\s*\[1\] "([^"]*)"\s*')  # as R prints a text
ALONE = re.compile(rf"\s*(?:\[1\]\s+)?({n.NUMBER.pattern}|no log)\s*", re.IGNORECASE)
SEVERAL = re.compile(r"(?<!\w)\d|[\t|,;]|\S {2,}\S")  # in a line that is more than one name


class NamesAbove:
    """Holds names, and the numbers below them until another line shows what they are.

    Attributes:
        numbers: The numbers below the present names.
    """

    def __init__(self) -> None:
        self._lines: list[str] = []  # without a number, directly above
        self._names: list[str] = []  # of the present numbers, which take turns
        self.numbers: list[str] = []
        self._trained = False  # whether numbers below the name of a training curve came

    def take(self, line: str) -> bool:
        """Take a number alone on its line below a name; return whether the line is one, or a blank one below it."""
        found = ALONE.fullmatch(line)
        if found is None:
            return bool(self.numbers) and not line.strip()
        if not self.numbers:
            self._names = _names(self._lines)
        if self._names and len(self.numbers) < MOST_NUMBERS:
            self.numbers.append(found[1])
        return bool(self._names)

    def note(self, line: str) -> None:
        """Take a line without a value: it may be a name."""
        plain = (quoted[1] if (quoted := QUOTED.fullmatch(line)) else line).strip(" \t\r=:*\"'|")
        if SEVERAL.search(plain) or len(self._lines) >= MOST:
            self._lines.clear()
        elif plain:
            self._lines.append(plain)

    def end(self) -> tuple[list[str], list[list[str]]]:
        """Forget the names; return them and the rows of their numbers, none if it is not clear what they are."""
        names, numbers = self._names, self.numbers
        self._lines, self._names, self.numbers = [], [], []
        if len(names) > 1:
            rows = [numbers[i : i + len(names)] for i in range(0, len(numbers), len(names))]
            return names, rows if _count_up([row[0] for row in rows]) else []
        plain = [number for number in numbers if n.value(number) is not None]
        return names, [[number] for number in plain] if len(plain) == 1 or self._is_curve(names, plain) else []

    def _is_curve(self, names: list[str], numbers: list[str]) -> bool:
        """Return whether numbers below one name are its curve; those of a test alone are results."""
        split = split_of(names[0]) if names and len(numbers) >= LEAST else None
        self._trained = self._trained or split == "train"
        return split in ("train", "validation") or (split == "test" and self._trained)


def _count_up(texts: Sequence[str]) -> bool:
    """Return whether the first numbers of rows count epochs or steps: otherwise the rows have other names."""
    at = [number if number is not None and number.is_integer() else -1 for number in map(n.counted, texts)]
    return all(a < b for a, b in pairwise([-0.5, *at]))


def _names(lines: list[str]) -> list[str]:
    """Return the names in the last lines: from the counter of epochs or steps on, or else the last one."""
    if not lines:
        return []
    first = next((i for i, line in enumerate(lines) if counter(line) in ("epoch", "step")), len(lines) - 1)
    known = list(map(names_metric, lines))
    if len(lines) - first > 1:
        return lines[first:] if any(known[first + 1 :]) else []
    alone = known[-1] and not any(known[-2:-1])  # the name of a column above may stand above, without numbers
    return lines[first:] if alone or counter(lines[-1]) is not None else []

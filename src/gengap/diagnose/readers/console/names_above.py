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

from gengap.diagnose.readers.console.phrases import (
    counter,
    in_plain_english,
    is_metric,
    metric_name,
    without_splits,
)

LONGEST = 48  # characters of a line that is a name or a number
MOST = 40  # names that are remembered
QUOTED = re.compile(r'\s*\[1\] "([^"]*)"\s*')  # as R prints a text
ALONE = re.compile(r"\s*(?:\[1\]\s+)?([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?%?|nan|no log)\s*", re.IGNORECASE)
HAS_NUMBER = re.compile(r"(?<!\w)\d")


class NamesAbove:
    """Puts the name before a number that is alone on its line."""

    def __init__(self) -> None:
        self._lines: list[str] = []  # without a number, directly above
        self._names: list[str] = []  # of the present numbers, which take turns
        self._numbers = 0

    def with_name(self, line: str) -> str:
        """Return a number alone on its line with its name before it, and other lines as they are."""
        found = ALONE.fullmatch(line)
        if found is None:
            self._note(line)
            return line
        if self._numbers == 0:
            self._names = _names(self._lines)
        if not self._names:
            return line
        name = self._names[self._numbers % len(self._names)]
        self._numbers += 1
        return f"{name}: {found[1]}"

    def clear(self) -> None:
        """Forget the names: a line with values follows them."""
        self._lines.clear()
        self._numbers = 0

    def _note(self, line: str) -> None:
        plain = (quoted[1] if (quoted := QUOTED.fullmatch(line)) else line).strip(" \t\r=:*\"'|")
        if not plain:
            return
        if self._numbers or HAS_NUMBER.search(plain) or len(self._lines) >= MOST:
            self.clear()
        self._lines.append(plain)


def _names(lines: list[str]) -> list[str]:
    """Return the names in the last lines: from the counter of epochs or steps on, or else the last one."""
    if not lines:
        return []
    first = next((i for i, line in enumerate(lines) if counter(line) in ("epoch", "step")), len(lines) - 1)
    named = [metric_name(line) for line in lines[first:]]
    known = [name is not None and is_metric(without_splits(in_plain_english(name))) for name in named]
    alone = len(lines) - first == 1 and (known == [True] or counter(lines[-1]) is not None)
    return lines[first:] if alone or any(known[1:]) else []

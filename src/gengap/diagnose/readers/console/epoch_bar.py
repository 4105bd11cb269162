"""A bar over all epochs; each of its states is an epoch: `|##--| 40% - loss: 0.8 - val_loss: 0.9`.

Most bars show the batches of an epoch, and only their last state counts. A bar over all epochs is the only one of a
text, so its share never falls back, and its values of held-out rows change from state to state.
"""

from __future__ import annotations

import re

import numpy as np

from gengap.diagnose.metric_names import parse
from gengap.diagnose.readers.console.column_store import Column, ColumnStore
from gengap.diagnose.readers.console.template import HELD_OUT, Template

SHARE = re.compile(r"(\d+(?:\.\d+)?)\s?%|(?<![\d/])(\d+)/([1-9]\d*)(?![\d/])")  # of what the bar counts: 40%, 3/20
CHANGED = 0.8  # of the steps between states, from which on values change from state to state


class EpochBar:
    """Follows the states of a bar as long as it may be one over all epochs."""

    def __init__(self, rows: ColumnStore) -> None:
        self._rows = rows
        self._share = -1.0
        self._last = -1  # the row of the state that the present one is written over, if the bar goes on
        self._earlier: list[int] = []  # rows of states that another one was written over
        self._possible = True

    def take_state(self, template: Template | None, line: str, overwritten: bool) -> bool:
        """Take a line or a state; return whether it is an epoch. If it shows that none was, remove those before."""
        if not self._possible or template is None or not template.without_place:
            return False
        share = _share(line)
        if share is not None and share >= self._share and not self._rows.at[0] >= 0:
            self._share = share
            return True
        if overwritten:
            self._remove()
        return False

    def add(self, overwritten: bool) -> None:
        """Note the row of a line that counts."""
        row = len(self._rows.run) - 1
        if 0 <= self._last < row:
            self._earlier.append(self._last)
        self._last = row if overwritten else -1

    def check(self) -> None:
        """Remove all states but the last if they repeat one value of held-out rows."""
        if self._earlier and self._possible:
            self._rows.convert()
            if not any(map(self._changes, self._rows.columns.values())):
                self._remove()

    def _changes(self, column: Column) -> bool:
        if (parse(column.canonical) or ("",))[0] not in HELD_OUT:
            return False
        values = np.asarray(column.values)[np.asarray(column.rows) >= self._earlier[0]]
        return len(values) > 1 and float((np.diff(values) != 0).mean()) >= CHANGED

    def _remove(self) -> None:
        self._possible = False
        self._rows.remove(self._earlier)


def _share(line: str) -> float | None:
    """Return the share that a bar shows, or None."""
    found = SHARE.search(line)
    return None if found is None else float(found[1]) / 100 if found[1] else int(found[2]) / int(found[3])

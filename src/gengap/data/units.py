"""Sampling units of rows: groups, or blocks of time, that statistics take as one draw.

Rows of one group are alike, and so are rows of one week. Statistics that take each row as a draw of its own then
state too much: intervals are too narrow, and chance looks like learning. `gengap.stats.unit_values` gives each unit
one value.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

MIN_UNITS = 8  # effective units below which nothing is said about new ones
BLOCKS = (24, 16, 12, 8)  # numbers of blocks of time that are tried
ALIKE = 1.3  # standard errors of the correlation between neighbouring blocks, from which on blocks are too short

UnitKind = Literal["group", "time"]


@dataclass(frozen=True, eq=False)
class Units:
    """The unit of each row.

    Attributes:
        codes: Number of the unit of each row, (rows,), from 0 without gaps.
        kind: "group": groups of rows; "time": blocks of neighbouring times.
        column: Name of the column.
        drifts: For blocks of time, whether even the longest blocks are like their neighbours.
    """

    codes: np.ndarray
    kind: UnitKind
    column: str
    drifts: bool = False

    def __len__(self) -> int:
        return len(self.counts)

    @cached_property
    def counts(self) -> np.ndarray:
        """Number of rows of each unit, (units,)."""
        return np.bincount(self.codes)

    @property
    def effective(self) -> float:
        """Effective number of units of unequal size."""
        return effective_size(self.counts)

    @property
    def enough(self) -> bool:
        """Whether there are enough units for statements about new ones."""
        return self.effective >= MIN_UNITS and not self.drifts

    @cached_property
    def _order(self) -> np.ndarray:
        return np.argsort(self.codes, kind="stable")

    @cached_property
    def _starts(self) -> np.ndarray:
        return np.concatenate([[0], np.cumsum(self.counts)[:-1]])

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Return the sums (..., units) of values (..., rows)."""
        return np.add.reduceat(values[..., self._order], self._starts, axis=-1, dtype=np.float64)

    def take(self, rows: np.ndarray) -> Units:
        """Return the units of some of the rows, which are numbered again."""
        return Units(np.unique(self.codes[rows], return_inverse=True)[1], self.kind, self.column, self.drifts)

    def shuffled_rows(self, random: np.random.Generator) -> np.ndarray:
        """Return row numbers (rows,) that give each unit the rows of another one, drawn without replacement.

        Units of equal size change places. Of a larger unit some rows are taken, rows of a smaller one are repeated.
        Rows of a group are in random order, rows of a block of time in theirs.
        """
        donors = random.permutation(len(self))
        counts = self.counts
        place = np.arange(counts.sum()) - np.repeat(self._starts, counts)  # of each row in its unit
        donor = np.repeat(donors, counts)
        taken = self._starts[donor] + (place % counts[donor])
        order = self._order
        if self.kind == "group":
            order = order[np.argsort(self.codes[order] + random.random(len(order)))]  # at random in each unit
        rows = np.empty(len(order), np.int64)
        rows[self._order] = order[taken]
        return rows


def effective_size(weights: np.ndarray) -> float:
    """Return the effective sample size of weighted rows, or of units by their rows: (sum w)² / sum w² (Kish 1965).

    >>> effective_size(np.array([1.0, 1.0, 1.0, 1.0, 0.0])), effective_size(np.array([3.0, 1.0]))
    (4.0, 1.6)
    """
    exact = weights.astype(np.float64)
    return float(exact.sum() ** 2 / (exact**2).sum())


def group_units(values: np.ndarray, column: str) -> Units:
    """Return the groups of rows whose `values` (rows,) are equal."""
    import pandas as pd

    return Units(pd.factorize(np.asarray(values))[0], "group", column)


def time_units(times: np.ndarray, y: np.ndarray, column: str) -> Units:
    """Return blocks of neighbouring times with about equally many rows; equal times stay in one block.

    The number of blocks is the largest of BLOCKS that gives blocks whose mean targets are not correlated with those
    of their neighbours. If there is none, the target drifts.
    """
    targets = y.reshape(len(y), -1).astype(np.float64)
    units = Units(np.zeros(len(times), np.int64), "time", column)
    for count in BLOCKS:
        units = Units(_blocks(times, count), "time", column)
        if not _alike(units, targets):
            return units
    return Units(units.codes, "time", column, drifts=True)


def _blocks(times: np.ndarray, count: int) -> np.ndarray:
    first = np.searchsorted(np.sort(times), times)  # the place of the first row of the same time
    return np.unique(first * count // len(times), return_inverse=True)[1]


def _alike(units: Units, targets: np.ndarray) -> bool:
    """Return whether the mean targets of neighbouring blocks are correlated."""
    means = units.sums(targets.T) / units.counts
    centred = means - means.mean(axis=1, keepdims=True)
    squares = (centred**2).sum()
    correlation = float((centred[:, 1:] * centred[:, :-1]).sum() / squares) if squares > 0 else 0.0
    return correlation + 1 / len(units) > ALIKE / np.sqrt(len(units))  # it is -1/n for independent blocks

"""Groups of rows of any shape: given as arrays, or named as arrays of an .npz file."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gengap.data.units import Units, group_units
from gengap.errors import GengapWarning, SourceError, UsageError

SHOWN = 3  # groups that a warning names


@dataclass(frozen=True, eq=False)
class ArrayGroups:
    """The group of each row.

    Attributes:
        rows: Group of each row that is split, or of each training row, (n,).
        validation: Group of each validation row if these are given, else None.
    """

    name: str
    rows: np.ndarray
    validation: np.ndarray | None = None

    def check(self, rows: int, validation: int | None) -> None:
        """Raise UsageError unless there is a group for each row.

        Args:
            rows: Number of rows to split, or of training rows.
            validation: Number of given validation rows; None without them.
        """
        if validation is not None and self.validation is None:
            raise UsageError(
                f"{self.name}: validation rows are given, so both parts need groups: groups=(training groups, "
                f"validation groups), or the arrays {self.name} and {self.name}_validation in an .npz file"
            )
        for part, values, count in (("rows", self.rows, rows), ("validation rows", self.validation, validation)):
            if values is None or count is None:
                continue
            if values.shape != (count,):
                raise UsageError(
                    f"{self.name}: the shape is {values.shape} for {count:,} {part}; expected ({count},)"
                )
            if (missing := np.flatnonzero(values != values)).size:  # NaN
                raise UsageError(f"{self.name}: row {missing[0]} (from 0) of the {part} has no group")

    def first(self, count: int | None) -> ArrayGroups:
        """Return the groups of the first `count` rows; of all if it is None."""
        return ArrayGroups(self.name, self.rows[:count], self.validation)

    def units(self, chosen: np.ndarray | None = None) -> Units:
        """Return the groups of the `chosen` rows, or those of given validation rows."""
        if chosen is not None:
            return group_units(self.rows[chosen], self.name)
        assert self.validation is not None
        if len(shared := np.intersect1d(self.rows.astype(str), self.validation.astype(str))):
            names = ", ".join(shared[:SHOWN].tolist())
            warnings.warn(
                f"{self.name}: {len(shared):,} group{'s are' if len(shared) > 1 else ' is'} in both training and "
                f"validation ({names}): the validation loss is optimistic. Keep each group in one part",
                GengapWarning,
                stacklevel=2,
            )
        return group_units(self.validation, self.name)


def find_groups(groups: Any, name: str | None, path: Path | None) -> ArrayGroups | None:
    """Return the groups of rows; None without any.

    Args:
        groups: One array, or a pair of arrays if validation rows are given.
        name: Name of an array of the .npz file.
        path: The file.

    Raises:
        UsageError: Both are given, or a name without a file.
        SourceError: The file has no array of this name.
    """
    if groups is not None and name is not None:
        raise UsageError("group and groups are both given; leave one out")
    if groups is not None:
        pair = isinstance(groups, (tuple, list)) and len(groups) == 2 and all(map(np.ndim, groups))
        parts = groups if pair else (groups,)
        return ArrayGroups("groups", *map(np.asarray, parts))
    if name is None:
        return None
    if path is None or path.suffix.lower() != ".npz":
        raise UsageError(f"group {name!r} names an array of an .npz file; give arrays with groups= in Python")
    with np.load(path, allow_pickle=False) as archive:
        if name not in archive.files:
            raise SourceError(f"{path}: has no array {name!r} of groups; it has {', '.join(archive.files)}")
        held_out = f"{name}_validation"
        return ArrayGroups(name, archive[name], archive[held_out] if held_out in archive.files else None)

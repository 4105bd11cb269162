"""What the user says that columns are: it comes before what they look like."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from gengap.data.encoding import read_dates, read_numbers
from gengap.data.spec import DataSpec
from gengap.errors import DataError, UsageError, shown

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

MOST_CATEGORIES = 1_000  # each is a feature
MEND = "Mend the column, or say otherwise with --column"


def check_overrides(spec: DataSpec, target: str, dates: Collection[str], origin: str) -> None:
    """Raise UsageError for a column whose kind can't be overridden so.

    `dates` are columns that the table itself declares to be dates.
    """
    for name, kind in spec.column.items():
        if name == target:
            raise UsageError(
                f"{origin}: {name!r} is the target, whose kind is set by --task. Leave {name}={kind} out"
            )
        if name in spec.extra_columns:
            raise UsageError(
                f"{origin}: rows are split or weighted by {name!r}, so it is no feature. Leave {name}={kind} out"
            )
        if name in dates and kind not in ("date", "drop"):
            raise UsageError(f"{origin}, column {name!r}: it holds dates and can't be taken for a {kind}. {MEND}")
        if kind == "drop" and name in spec.keep:
            raise UsageError(f"{origin}: {name!r} is both to be kept and dropped. Leave one out")


def apply_override(
    name: str, column: np.ndarray | pd.Series, kind: str
) -> tuple[str, tuple[pd.Series, str | None] | None]:
    """A column taken as the user says: its kind, and for text and dates its parsed values with the dates' format.

    Kinds are called as in `gengap.data.column_kinds`. Raises DataError, naming the column, where it can't be taken
    so.
    """
    import numpy as np
    import pandas as pd

    if isinstance(column, np.ndarray):
        return "numeric", None
    if kind == "number":
        return "numeric", (pd.Series(read_numbers(name, column)), None)
    if kind == "date":
        return "datetime", (column, None if column.dtype.kind == "M" else _written(name, column))
    if kind == "category" and (many := column.nunique()) > MOST_CATEGORIES:
        raise DataError(
            f"column {name!r}: it has {many:,} values, expected at most {MOST_CATEGORIES:,} categories. {MEND}"
        )
    return {"category": "low_cardinality", "text": "high_cardinality"}[kind], (column, None)


def _written(name: str, column: pd.Series) -> str | None:
    """How dates are written."""
    try:
        return read_dates(column)[1]
    except ValueError:
        value = shown(column.dropna().iloc[0]) if column.notna().any() else "nothing"
        raise DataError(
            f"column {name!r}: its values, as {value}, are no dates in one format, expected those. {MEND}"
        ) from None

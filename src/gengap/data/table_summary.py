"""What was found in a table and what was made of it, in words: its columns, its split, and rows that come twice."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np

from gengap.data.encoding import Category, Date, Encoding, Number, Step, Text, features_of, parses_all
from gengap.data.raw_table import RawTable
from gengap.errors import shown

if TYPE_CHECKING:
    import pandas as pd

    # Columns of dates that are text, with the format that they are read in.
    Dates = dict[str, tuple[pd.Series, str]]

Kind = Literal["number", "category", "date", "text", "constant", "identifier", "group", "time", "weight", "dropped"]
NAMED = 10  # classes in a sentence
WHY = {
    "constant": "left out: the training rows hold one value",
    "identifier": "left out: every training row has its own value, or nearly, as a row number or a key has; "
    "--keep keeps it",
    "group": "left out: says which rows belong together in the split",
    "time": "left out: says how old rows are in the split",
    "weight": "left out: says how much each row counts",
    "dropped": "left out, as asked for",
}


class ColumnSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One column of the table: what it is, how many values it lacks, how many features it gives, and `how`.

    `gaps` says what stands for missing values.
    """

    name: str
    kind: Kind
    missing: int
    features: int
    how: str
    gaps: str = ""

    @property
    def plain(self) -> bool:
        """Whether it is a complete column of numbers, of which nothing is to be said."""
        return self.kind == "number" and not self.missing


class TableSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A table: how its rows were `split`, its `columns`, and how many rows of each part also stand in training.

    The latter are `repeated`; `warnings` says in words what makes validation doubtful, and `weighting` how rows or
    classes are weighted.
    """

    split: str
    columns: tuple[ColumnSummary, ...]
    repeated: dict[str, int]
    warnings: tuple[str, ...] = ()
    weighting: tuple[str, ...] = ()


def summarise_columns(
    encoding: Encoding, missing: Mapping[str, int], dropped: Mapping[str, str], order: Sequence[str]
) -> tuple[ColumnSummary, ...]:
    """The table's columns in `order`; those that were `dropped` with their kind."""
    steps = {step.name: step for step in encoding.steps}
    return tuple(_column(name, steps.get(name), dropped.get(name), missing.get(name, 0)) for name in order)


def _column(name: str, step: Step | None, dropped: str | None, missing: int) -> ColumnSummary:
    if step is None:
        kind = msgspec.convert(dropped, Kind)
        return ColumnSummary(name=name, kind=kind, missing=missing, features=0, how=WHY[kind])
    kind, how = _how(step)
    features = len(features_of(step))
    return ColumnSummary(
        name=name, kind=kind, missing=missing, features=features, how=how, gaps=_gaps(step, missing)
    )


def _how(step: Step) -> tuple[Kind, str]:
    match step:
        case Number():
            return "number", "as it is"
        case Category(categories=(only,)):
            return "category", f"1 where it is {only}"
        case Category():
            return "category", f"a column for each of {len(step.categories)} categories"
        case Date():
            return "date", "its parts as numbers"
        case Text():
            return "text", f"its character sequences in {step.number} columns"


def _gaps(step: Step, missing: int) -> str:
    if not missing:
        return ""
    put = "replaced by the training rows' median" if isinstance(step, Number | Date) else "0 in each of them"
    return f"{missing:,} missing, {put}{', with a column that says where' if step.missing else ''}"


def count_repeated_rows(raw: RawTable, columns: Sequence[str], parts: Mapping[str, np.ndarray]) -> dict[str, int]:
    """How many rows of each part but "train" hold the same in `columns` as a training row, if any do."""
    keys = {name: raw.keys(rows, columns) for name, rows in parts.items() if len(rows)}
    counts = {name: int(np.isin(keys[name], keys["train"]).sum()) for name in keys if name != "train"}
    return {name: count for name, count in counts.items() if count}


def warn_of_repeated_rows(repeated: Mapping[str, int], rows: Mapping[str, Collection[object]]) -> tuple[str, ...]:
    """The counts as sentences."""
    return tuple(
        f"{count:,} of {len(rows[name]):,} {name} rows ({100 * count / len(rows[name]):.1f}%) also stand among the "
        f"training rows: {name} looks better than new rows will; use --group or remove them"
        for name, count in repeated.items()
    )


def warn_of_similar_classes(classes: Sequence[str]) -> tuple[str, ...]:
    """Of classes of which some differ in nothing but capitals or spaces, as a sentence; typos, most likely.

    >>> len(warn_of_similar_classes(["No", "Yes", "no", "perhaps"])), len(warn_of_similar_classes(["No", "Yes"]))
    (1, 0)
    """
    written: dict[str, list[str]] = {}
    for name in classes:
        written.setdefault(" ".join(name.split()).casefold(), []).append(name)
    alike = [name for names in written.values() if len(names) > 1 for name in names]
    named = ", ".join([*map(shown, alike[:NAMED]), *["…"] * (len(alike) > NAMED)])
    told = f"the classes {named} differ only in capitals or spaces, and count as different"
    return (f"{told}: write those alike that are one",) * bool(alike)


def warn_of_ambiguous_dates(dates: Dates) -> tuple[str, ...]:
    """Of columns of dates those whose days may be months, as sentences.

    >>> import pandas as pd
    >>> told = warn_of_ambiguous_dates({"since": (pd.Series(["03/04/2024", "11/12/2024", None]), "%m/%d/%Y")})
    >>> told[0].partition(":")[0]
    "the dates of since, as '03/04/2024', are read as %m/%d/%Y, and may be %d/%m/%Y"
    """
    warnings = []
    for name, (column, written) in dates.items():
        other = written.replace("%m", "%%").replace("%d", "%m").replace("%%", "%d")
        if written.startswith("%Y") or "%d.%m." in written or "%m" not in written or "%d" not in written:
            continue
        if parses_all(column, other):
            example = shown(column.dropna().iloc[0])
            told = f"the dates of {name}, as {example}, are read as {written}, and may be {other}"
            warnings.append(f"{told}: write year, month and day in this order")
    return tuple(warnings)

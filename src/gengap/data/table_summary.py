"""What was found in a table and what was made of it: its columns, its split, and what to beware of.

Texts are messages of the catalogue (`gengap.text`), so that each language writes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np

from gengap.data.encoding import Category, Date, Encoding, Number, RawTable, Step, Text, features_of
from gengap.data.value_formats import NumberFormat, day_month_order, parses_all
from gengap.errors import shown
from gengap.text.catalog import Message

if TYPE_CHECKING:
    import pandas as pd

    # Columns of dates that are text, with the format that they are read in.
    Dates = dict[str, tuple[pd.Series, str]]

UsedKind = Literal["number", "category", "date", "text"]
LeftOutKind = Literal["empty", "constant", "identifier", "group", "time", "weight", "dropped"]
Kind = UsedKind | LeftOutKind
MONTHS = 12
SHUFFLES = 3  # of the columns, to count the rows that are repeated by chance
MAX_NAMES = 10  # classes that a warning names


class ColumnSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One column of the table, with its numbers of missing values and of features that are made of it."""

    name: str
    kind: Kind  # or why it is left out
    missing: int
    features: int
    how: Message  # how the features are made
    gaps: Message | None = None  # what stands for missing values

    @property
    def plain(self) -> bool:
        """Whether it is a complete column of plain numbers, which needs no explanation."""
        return self.how == PLAIN_NUMBER and not self.missing


class TableSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What was found in a table and what was made of it."""

    split: Message
    columns: tuple[ColumnSummary, ...]  # in the table's order
    repeated: dict[str, int]  # number of rows that are also training rows, by part of the split
    notes: tuple[Message, ...] = ()  # how the table was read, without doubt
    warnings: tuple[Message, ...] = ()  # what makes the results doubtful, or may have been misread
    weighting: tuple[Message, ...] = ()


NOTES = (  # no warnings
    "table-on-disk",
    "rows-on-disk",
    "table-decimal-comma",
    "column-numbers-read",
    "target-numbers-read",
)
PLAIN_NUMBER = Message("column-number")


def summarise_columns(
    encoding: Encoding, missing: Mapping[str, int], dropped: Mapping[str, str], order: Sequence[str]
) -> tuple[ColumnSummary, ...]:
    """Return the table's columns in `order`; `dropped` are kinds of columns that are no features."""
    steps = {step.name: step for step in encoding.steps}
    return tuple(_column(name, steps.get(name), dropped.get(name), missing.get(name, 0)) for name in order)


def _column(name: str, step: Step | None, dropped: str | None, missing: int) -> ColumnSummary:
    if step is None:
        kind: Kind = "constant" if dropped == "same-digits" else msgspec.convert(dropped, Kind)
        how = Message(f"column-{dropped}")
        return ColumnSummary(name=name, kind=kind, missing=missing, features=0, how=how)
    (kind, how), gaps = _how(step), None
    if missing:
        code = "column-gaps-median" if isinstance(step, Number | Date) else "column-gaps-zero"
        gaps = Message(code, {"count": missing, "marked": step.missing})
    features = len(features_of(step))
    return ColumnSummary(name=name, kind=kind, missing=missing, features=features, how=how, gaps=gaps)


def _how(step: Step) -> tuple[Kind, Message]:
    match step:
        case Number(format=NumberFormat() as format):
            code = "column-number-brackets" if format.brackets else "column-number-formatted"
            return "number", Message(code, {"pattern": format.pattern})
        case Number(origin=float(origin)) if origin:
            return "number", Message("column-number-centred", {"origin": origin})
        case Number():
            return "number", PLAIN_NUMBER
        case Category(categories=(only,)):
            return "category", Message("column-category-one", {"category": only})
        case Category():
            return "category", Message("column-category", {"count": len(step.categories)})
        case Date(format=format) if order := day_month_order(format):
            return "date", Message("column-date-order", {"order": order})
        case Date():
            return "date", Message("column-date")
        case Text():
            return "text", Message("column-text", {"count": step.number})


def count_repeated_rows(raw: RawTable, columns: Sequence[str], parts: Mapping[str, np.ndarray]) -> dict[str, int]:
    """Count the rows of each part that have the same values in `columns` as a training row; no part has 0."""
    keys = {name: raw.keys(rows, columns) for name, rows in parts.items() if len(rows)}
    counts = {name: int(np.isin(keys[name], keys["train"]).sum()) for name in keys if name != "train"}
    return {name: count for name, count in counts.items() if count}


def repeated_by_chance(raw: RawTable, columns: Sequence[str], parts: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Return how many rows of each part would equal a training row in `columns` if columns were independent.

    The values of each column change places among the rows of the part. A few columns of categories make most rows
    equal to others, also if no row is a copy.
    """
    random = np.random.default_rng(0)
    train = raw.keys(parts["train"], columns) if len(parts) > 1 else np.empty(0)
    found: dict[str, float] = {}
    for name, rows in parts.items():
        if name != "train":
            mixed = [_shuffled(raw.take(rows), random).keys(np.arange(len(rows)), columns) for _ in range(SHUFFLES)]
            found[name] = float(np.mean([np.isin(keys, train).sum() for keys in mixed]))
    return found


def _shuffled(raw: RawTable, random: np.random.Generator) -> RawTable:
    others = {name: column.iloc[random.permutation(len(raw))] for name, column in raw.others.items()}
    others = {name: column.reset_index(drop=True) for name, column in others.items()}
    return RawTable(raw.names, random.permuted(raw.numbers, axis=0), others)


def warn_of_repeated_rows(
    repeated: Mapping[str, int], rows: Mapping[str, int], chance: Mapping[str, float]
) -> tuple[Message, ...]:
    """Return a warning for each part with more rows that are also training rows than chance gives.

    All numbers are by part. `chance` is too low if columns depend on each other, so twice as many are no alarm.
    """
    found = (
        {
            "part": part,
            "count": n,
            "rows": rows[part],
            "share": n / rows[part],
            "known": part in chance,
            "chance": round(chance.get(part, 0)),
        }
        for part, n in repeated.items()
        if n > 2 * chance.get(part, 0)
    )
    return tuple(Message("table-repeated-rows", values) for values in found)


def warn_of_similar_classes(classes: Sequence[str]) -> tuple[Message, ...]:
    """Return a warning if classes differ only in capitals or spaces, which are typos most likely.

    >>> [warning.parameters for warning in warn_of_similar_classes(["No", "Yes", "no", "perhaps"])]
    [{'classes': ("'No'", "'no'")}]
    """
    spellings: dict[str, list[str]] = {}
    for name in classes:
        spellings.setdefault(" ".join(name.split()).casefold(), []).append(name)
    similar = [name for names in spellings.values() if len(names) > 1 for name in names]
    if not similar:
        return ()
    named = (*map(shown, similar[:MAX_NAMES]), *["…"] * (len(similar) > MAX_NAMES))
    return (Message("table-similar-classes", {"classes": named}),)


def warn_of_ambiguous_dates(dates: Dates) -> tuple[Message, ...]:
    """Return a warning for each column of dates whose days could be months.

    >>> import pandas as pd
    >>> column = pd.Series(["03/04/2024", "11/12/2024", None])
    >>> str(warn_of_ambiguous_dates({"since": (column, "%m/%d/%Y")})[0]).partition(".")[0]
    "'03/04/2024' in since is read as 4 March (month first) but could be 3 April"
    """
    warnings = []
    for name, (column, format) in dates.items():
        other = format.replace("%m", "%%").replace("%d", "%m").replace("%%", "%d")
        order = day_month_order(format)
        if order is None or "%d.%m." in format:
            continue
        if parses_all(column, other) and (found := _ambiguous_date(column.dropna(), format)):
            warnings.append(Message("table-ambiguous-dates", {"column": name, "order": order, **found}))
    return tuple(warnings)


def _ambiguous_date(column: pd.Series, format: str) -> dict[str, object] | None:
    """Return a date whose day and month differ and are both 12 at most, as read and as it could be."""
    import pandas as pd

    dates = pd.to_datetime(column, format=format, utc=True)
    ambiguous = (dates.dt.day <= MONTHS) & (dates.dt.day != dates.dt.month)
    if not ambiguous.any():
        return None
    at = int(ambiguous.to_numpy().argmax())
    day, month = int(dates.iloc[at].day), int(dates.iloc[at].month)
    return {
        "example": shown(column.iloc[at]),
        "date": Message("calendar-day", {"day": day, "month": month}),
        "other": Message("calendar-day", {"day": month, "month": day}),
    }

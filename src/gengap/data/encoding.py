"""Encode a table's columns as the numbers that a model takes.

`Encoding` holds what the training rows teach (see `gengap.data.column_kinds`): categories, medians, components of
text. It is saved as JSON in the model's file, never as a pickle, so that a model of a stranger can't run code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
import numpy as np

from gengap.data.formatted_numbers import NumberFormat
from gengap.data.raw_table import RawTable
from gengap.errors import DataError, shown

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

HASHED = 1 << 12  # columns that character sequences are hashed to; 30 x 4,096 numbers are half a megabyte


class UnreadableValueError(DataError):
    """A value that can't be read. `row` counts the rows given, from 0."""

    hint = "Correct it, empty the cell, or write the whole column in one way"

    def __init__(self, row: int, column: str, problem: str) -> None:
        self.row, self.column, self.problem = row, column, problem
        super().__init__(f"column {column!r}: {problem}. {self.hint}")


class _Step(msgspec.Struct, frozen=True, kw_only=True):
    """How one column becomes features; one more feature marks missing values if any training row had one."""

    name: str
    missing: bool = False

    @property
    def features(self) -> tuple[str, ...]:
        return ()

    def encode(self, column: Any) -> np.ndarray:
        """Return the features (rows, features), without the one that marks missing values."""
        raise NotImplementedError


class Number(_Step, frozen=True, tag="number"):
    """A number.

    Attributes:
        median: What stands for missing values.
        text: Whether the table holds it as text.
        format: How the text writes it, if not as 1234.5.
    """

    median: float
    text: bool = False
    format: NumberFormat | None = None

    @property
    def features(self) -> tuple[str, ...]:
        """The column itself."""
        return (self.name,)

    def encode(self, column: Any) -> np.ndarray:
        """Return the numbers, with the median for missing ones."""
        values = column
        if self.text:
            values = read_numbers(self.name, column, self.format)
        return np.where(np.isfinite(values), values, np.float32(self.median))[:, None]


class Category(_Step, frozen=True, tag="category"):
    """A column of few different values.

    Attributes:
        categories: Values with a feature each, which is 1 for the value and otherwise 0.
        other: The second of two values that have one feature together. (Models of the first 0.1.0 don't name it.)
    """

    categories: tuple[str, ...]
    other: str | None = None

    @property
    def features(self) -> tuple[str, ...]:
        """One for each category."""
        return tuple(f"{self.name} = {category}" for category in self.categories)

    def encode(self, column: Any) -> np.ndarray:
        """Return ones and zeros."""
        import pandas as pd

        codes = pd.Index(self.categories, dtype=object).get_indexer(column.astype(object))
        return (codes[:, None] == np.arange(len(self.categories))).astype(np.float32)

    def unseen(self, column: pd.Series) -> np.ndarray:
        """Return which rows have a value that no training row had, (rows,)."""
        if self.other is None and len(self.categories) == 1 and not self.missing:
            return np.zeros(len(column), bool)
        return (column.notna() & ~column.isin([*self.categories, self.other])).to_numpy()


class Date(_Step, frozen=True, tag="date"):
    """A date or time.

    Attributes:
        format: How text writes it; None for a column of dates.
        origin: Where seconds are counted from, in seconds since 1970: in 32 bits, today's look the same.
        parts: The parts that vary, one feature each.
        medians: What stands for missing values in each part.
    """

    format: str | None
    origin: float
    parts: tuple[str, ...]
    medians: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.parts) != len(self.medians):
            raise ValueError("expected one median for each part")

    @property
    def features(self) -> tuple[str, ...]:
        """One for each part."""
        return tuple(f"{self.name}: {part.replace('_', ' ')}" for part in self.parts)

    def encode(self, column: Any) -> np.ndarray:
        """Return the parts as numbers."""
        parts = date_parts(self.name, column, self.format, self.origin)
        chosen = np.stack([parts[part] for part in self.parts], axis=1)
        return np.where(np.isfinite(chosen), chosen, np.array(self.medians, np.float32))


class Text(_Step, frozen=True, tag="text"):
    """Free text: principal components of its hashed character sequences.

    Attributes:
        number: Number of components, one feature each.
        components: The components, float32 (number, HASHED) as bytes.
    """

    number: int
    components: bytes

    def __post_init__(self) -> None:
        if len(self.components) != 4 * self.number * HASHED:
            raise ValueError("expected 4 bytes for each number of the components")

    @property
    def features(self) -> tuple[str, ...]:
        """One for each component."""
        return tuple(f"{self.name}: text {i}" for i in range(1, self.number + 1))

    def encode(self, column: Any) -> np.ndarray:
        """Return the text's position along each component."""
        components = np.frombuffer(self.components, np.float32).reshape(self.number, HASHED)
        return np.asarray(hash_text(column) @ components.T, np.float32)


Step: TypeAlias = Number | Category | Date | Text


class Encoding(msgspec.Struct, frozen=True):
    """How the columns of a table become features, in the table's order."""

    steps: tuple[Step, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the table must have."""
        return tuple(step.name for step in self.steps)

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the features."""
        return tuple(name for step in self.steps for name in features_of(step))

    @property
    def schema(self) -> pa.Schema:
        """The types in which the columns are read."""
        import pyarrow as pa

        numbers = {step.name for step in self.steps if isinstance(step, Number) and not step.text}
        return pa.schema([(name, pa.float32() if name in numbers else pa.string()) for name in self.columns])

    def encode(self, raw: RawTable) -> np.ndarray:
        """Return the features (rows, features), float32 and finite."""
        plain = all(isinstance(step, Number) and not step.missing and not step.text for step in self.steps)
        if plain and raw.names == self.columns and not np.isnan(raw.numbers).any():
            return raw.numbers  # a table of complete numbers may be large, so it is not copied
        blocks = []
        for step in self.steps:
            column = raw.column(step.name)
            blocks.append(step.encode(column))
            if step.missing:
                blocks.append(is_missing(column)[:, None].astype(np.float32))
        return np.concatenate(blocks, axis=1, dtype=np.float32)


def features_of(step: Step) -> tuple[str, ...]:
    """Return the names of all features of a column."""
    return (*step.features, *([f"{step.name} is missing"] if step.missing else []))


def hash_text(column: pd.Series) -> Any:
    """Return counts of the three- and four-character sequences within words, a sparse matrix (rows, HASHED)."""
    from sklearn.feature_extraction.text import HashingVectorizer

    if not len(column):
        return np.empty((0, HASHED), np.float32)
    hashing = HashingVectorizer(
        analyzer="char_wb", ngram_range=(3, 4), n_features=HASHED, alternate_sign=False, dtype=np.float32
    )
    return hashing.transform(column.astype(object).where(column.notna(), "").tolist())


def read_dates(column: pd.Series) -> tuple[pd.Series, str | None]:
    """Return the dates of a column and the format of their text, which is None for a column of dates.

    Raises:
        ValueError: The text has no known format of dates.
    """
    import pandas as pd
    from skrub import ToDatetime

    reader = ToDatetime()
    dates = reader.fit_transform(column)
    if reader.format_ is None or (written := resolve_date_format(column, reader.format_)) == reader.format_:
        return dates, reader.format_
    return pd.to_datetime(column, format=written, utc=True), written


def resolve_date_format(column: pd.Series, written: str) -> str:
    """Return the format that dates of text are read in, found as `written`: with points, the day comes first.

    >>> import pandas as pd
    >>> resolve_date_format(pd.Series(["03.04.2024"]), "%m.%d.%Y")
    '%d.%m.%Y'
    >>> resolve_date_format(pd.Series(["03.24.2024"]), "%m.%d.%Y")
    '%m.%d.%Y'
    >>> resolve_date_format(pd.Series(["2024.03.04."]), "%Y.%m.%d.")
    '%Y.%m.%d.'
    """
    if not written.startswith("%m.%d."):
        return written
    other = written.replace("%m.%d.", "%d.%m.")
    return other if parses_all(column, other) else written


def parses_all(column: pd.Series, written: str) -> bool:
    """Return whether all dates of text fit this format."""
    import pandas as pd

    return bool(pd.to_datetime(column.dropna(), format=written, errors="coerce", utc=True).notna().all())


def date_parts(
    name: str, column: pd.Series, written: str | None, origin: float | None = None
) -> Mapping[str, np.ndarray]:
    """Return year, month, day, hour, weekday and seconds of dates, by name.

    Args:
        name: The column's name in errors.
        column: Dates, or text in the format `written`.
        written: The format of text, or None.
        origin: Count seconds from here, rounded to 32 bits. Default: from 1970, not rounded.

    Raises:
        UnreadableValueError: A value is no date.
    """
    import pandas as pd

    dates = pd.to_datetime(column, format=written, errors="coerce", utc=True)
    check_parsed(name, column, dates, "date" if written is None else f"date written as {written}")
    parts = {part: getattr(dates.dt, part).to_numpy(np.float32) for part in ("year", "month", "day", "hour")}
    parts["weekday"] = dates.dt.day_of_week.to_numpy(np.float32)
    seconds = ((dates - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)).to_numpy(np.float64)
    return parts | {"total_seconds": seconds if origin is None else (seconds - origin).astype(np.float32)}


def check_parsed(name: str, column: pd.Series, parsed: pd.Series, kind: str) -> None:
    """Raise UnreadableValueError for the first value that is not missing and could not be parsed."""
    unread = (parsed.isna() & column.notna()).to_numpy()
    if unread.any():
        row = int(unread.argmax())
        raise UnreadableValueError(row, name, f"{shown(column.iloc[row])} is no {kind}, as the training rows' are")


def read_numbers(name: str, column: pd.Series, format: NumberFormat | None = None) -> np.ndarray:
    """Return the numbers (rows,) float32 that a column writes as text; NaN for missing values.

    Raises:
        UnreadableValueError: A text is no number, or none in this format.
    """
    import pandas as pd

    numbers = pd.to_numeric(column, errors="coerce") if format is None else format.read(column)
    with np.errstate(over="ignore"):
        narrow = numbers.astype(np.float32)
    kind = "number" if format is None else f"number written as {format.pattern}"
    check_parsed(name, column, narrow.where(np.isfinite(narrow)), kind)
    return narrow.to_numpy()


def is_missing(column: np.ndarray | pd.Series) -> np.ndarray:
    """Return whether each value is missing."""
    return np.isnan(column) if isinstance(column, np.ndarray) else column.isna().to_numpy()

"""Encode a table's columns, as they were read, as the numbers that a model takes.

`Encoding` holds what the training rows teach (see `gengap.data.column_kinds`): categories, medians, components of
text. It is saved as JSON in the model's file, never as a pickle, so that a model of a stranger can't run code.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
import numpy as np
import pyarrow as pa

from gengap.data.value_formats import NumberFormat, date_parts, read_numbers
from gengap.errors import DataError
from gengap.files.limits import TooLargeError

if TYPE_CHECKING:
    import pandas as pd

HASHED = 1 << 12  # columns that character sequences are hashed to; 30 x 4,096 numbers are half a megabyte
MOST_CELLS = 50_000_000  # of a table with text or dates, which is held in memory: some gigabytes
BLOCK_ROWS = 1 << 16  # hashed at once
LARGEST_EXACT = 1 << 24  # 32 bits hold every whole number up to it
FAR = 10.0  # ranges of the training rows; a number further away is far outside
NARROW = 2.0**-12  # of 24 bits, the differences of numbers in a range of this share of their size keep 12
PRIME = 0x9E3779B97F4A7C15  # an odd number without a pattern: 2**64 / golden ratio


@dataclass(frozen=True, eq=False)
class RawTable:
    """Columns as read."""

    names: tuple[str, ...]  # of the columns of numbers
    numbers: np.ndarray  # their values (rows, names), float32; NaN where one is missing
    others: Mapping[str, pd.Series]  # columns of text and dates; null where a value is missing
    # Columns of numbers that 32 bits can't tell apart, such as keys, in float64.
    exact: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, rows: np.ndarray) -> RawTable:
        """Return some of the rows."""
        others = {name: column.iloc[rows] for name, column in self.others.items()}
        return RawTable(
            self.names, self.numbers[rows], others, {name: each[rows] for name, each in self.exact.items()}
        )

    def column(self, name: str) -> np.ndarray | pd.Series:
        """Return one column: an array of numbers, or text or dates."""
        if name in self.exact:
            return self.exact[name]
        return self.others[name] if name in self.others else self.numbers[:, self.names.index(name)]

    def missing(self) -> dict[str, int]:
        """Count the missing values of each column."""
        counts = {name: int(np.isnan(self.numbers[:, i]).sum()) for i, name in enumerate(self.names)}
        return counts | {name: int(column.isna().sum()) for name, column in self.others.items()}

    def keys(self, rows: np.ndarray, columns: Sequence[str]) -> np.ndarray:
        """Return a 64-bit hash of each of these rows, equal for rows with equal values in these columns."""
        chosen = set(columns)
        numbers = [i for i, name in enumerate(self.names) if name in chosen]
        texts = [name for name in self.others if name in chosen]
        factors = np.random.default_rng(0).integers(1, 1 << 63, len(numbers), dtype=np.uint64) | np.uint64(1)
        parts = (rows[start : start + BLOCK_ROWS] for start in range(0, len(rows), BLOCK_ROWS))
        blocks = [self._keys(part, numbers, factors, texts) for part in parts]
        return np.concatenate([np.empty(0, np.uint64), *blocks])

    def _keys(
        self, rows: np.ndarray, numbers: Sequence[int], factors: np.ndarray, texts: Sequence[str]
    ) -> np.ndarray:
        some = self.numbers[rows][:, numbers] + np.float32(0)  # -0 becomes 0
        bits = np.ascontiguousarray(some).view(np.uint32).astype(np.uint64)
        # Multiply and shift, as hash functions mix: pandas' own takes ten times as long on numbers.
        bits ^= bits << np.uint64(32)
        bits *= factors
        bits ^= bits >> np.uint64(29)
        keys = bits.sum(axis=1, dtype=np.uint64)
        if texts:
            import pandas as pd

            frame = pd.DataFrame({name: self.others[name].iloc[rows] for name in texts})
            keys += pd.util.hash_pandas_object(frame, index=False).to_numpy() * np.uint64(PRIME)
        return keys


def collect_columns(
    batches: Iterable[pa.RecordBatch],
    columns: Sequence[str],
    origin: str = "",
    most: float = math.inf,
    exact: Collection[str] | None = None,
) -> RawTable:
    """Return the named columns of all batches.

    Errors call the table `origin`. The columns may take `most` bytes, else TooLargeError is raised, and a DataError
    for too many cells with text or dates. `exact` names columns of numbers to hold in 64 bits too (default: those
    that 32 bits can't tell apart).
    """
    blocks: list[np.ndarray] = []
    texts_and_dates: dict[str, list[pa.Array]] = {}
    whole = _ExactNumbers(exact)
    names: tuple[str, ...] = ()
    rows = taken = 0
    for batch in batches:
        names = tuple(name for name in columns if pa.types.is_floating(batch.schema.field(name).type))
        for name in columns:
            if name not in names:
                texts_and_dates.setdefault(name, []).append(batch.column(name))
        numbers = [batch.column(name).to_numpy(zero_copy_only=False) for name in names]
        block = np.empty((len(batch), len(names)), np.float32)
        for i, column in enumerate(numbers):
            block[:, i] = column
        blocks.append(block)
        whole.add(names, numbers, blocks)
        rows += len(batch)
        taken += batch.nbytes - sum(column.nbytes for column in numbers)
        taken += block.nbytes + 8 * len(batch) * len(whole.exact)  # numbers take 32 bits each, except for keys
        if taken > most:
            raise TooLargeError(
                f"{origin}: its first {rows:,} rows take {taken:,} bytes, expected at most {most:,}"
            )
        if texts_and_dates and rows * len(columns) > MOST_CELLS:
            raise DataError(
                f"{origin}: a table with text or dates may have {MOST_CELLS:,} cells, and this one has more. "
                f"Use the first {MOST_CELLS // len(columns):,} rows with --rows, or fewer columns"
            )
    others = {name: pa.chunked_array(arrays).to_pandas() for name, arrays in texts_and_dates.items()}
    numbers = np.concatenate(blocks) if blocks else np.empty((0, 0), np.float32)
    return RawTable(names, numbers, others, {name: np.concatenate(parts) for name, parts in whole.exact.items()})


class _ExactNumbers:
    """Collects the columns of numbers that 32 bits can't tell apart, batch by batch.

    Args:
        chosen: Names of these columns. Default: whole numbers above `LARGEST_EXACT`, and columns whose first batch
            `is_narrow`.
    """

    def __init__(self, chosen: Collection[str] | None) -> None:
        self.exact: dict[str, list[np.ndarray]] = {}
        self._chosen = chosen
        self._others: set[str] = set()

    def add(self, names: Sequence[str], columns: Sequence[np.ndarray], blocks: Sequence[np.ndarray]) -> None:
        """Add a batch; `blocks` are all batches in 32 bits, with this one."""
        for i, (name, values) in enumerate(zip(names, columns, strict=True)):
            if name in self._others:
                continue
            if name in self.exact:
                self.exact[name].append(values)
            elif self._is_exact(name, values, first=len(blocks) == 1):
                self.exact[name] = [*(before[:, i].astype(np.float64) for before in blocks[:-1]), values]

    def _is_exact(self, name: str, values: np.ndarray, *, first: bool) -> bool:
        if self._chosen is not None:
            return name in self._chosen
        if values.dtype == np.float64 and first and is_narrow(values):
            return True
        if not _is_whole(values):
            self._others.add(name)
        return name not in self._others and np.abs(values).max(initial=0) > LARGEST_EXACT


def is_narrow(values: np.ndarray) -> bool:
    """Return whether numbers differ so little from each other that 32 bits lose much of their differences.

    >>> is_narrow(1e9 + np.arange(200.0)), is_narrow(np.arange(200.0))
    (True, False)
    """
    known = values[np.isfinite(values)]
    if not len(known):
        return False
    low, high = float(known.min()), float(known.max())
    return high - low < NARROW * max(abs(low), abs(high))


def _is_whole(values: np.ndarray) -> bool:
    """Return whether these are whole numbers in float64, none missing."""
    if values.dtype != np.float64 or not (values[:1] == np.round(values[:1])).all():  # most columns end here
        return False
    return bool((values == np.round(values)).all())


class _Step(msgspec.Struct, frozen=True, kw_only=True):
    """How one column becomes features; one more feature marks missing values if any training row had one.

    Each kind has the names of its `features`, and `encode` returns them (rows, features), both without that one.
    """

    name: str
    missing: bool = False


class Number(_Step, frozen=True, tag="number"):
    """A number. `low` and `high` are the least and the greatest of the training rows."""

    median: float  # stands for missing values
    origin: float = 0.0  # subtracted in 64 bits, for numbers that 32 bits can't tell apart
    text: bool = False  # whether the table holds it as text
    format: NumberFormat | None = None  # how the text writes it, if not as 1234.5
    low: float | None = None
    high: float | None = None

    def values(self, column: Any) -> np.ndarray:
        """Return the numbers as read; NaN where one is missing."""
        return read_numbers(self.name, column, self.format) if self.text else column

    def far_outside(self, column: Any) -> np.ndarray:
        """Return which rows have a number far outside those of the training rows, (rows,)."""
        if self.low is None or self.high is None:
            return np.zeros(len(column), bool)
        values = np.asarray(self.values(column), np.float64)
        room = FAR * (self.high - self.low)
        return (values < self.low - room) | (values > self.high + room)

    @property
    def features(self) -> tuple[str, ...]:
        """The column itself."""
        return (self.name,)

    def encode(self, column: Any) -> np.ndarray:
        """Return the numbers, with the median for missing ones."""
        values = self.values(column)
        if not self.origin:
            return np.where(np.isfinite(values), values, np.float32(self.median))[:, None]
        known = np.where(np.isfinite(values), values.astype(np.float64), self.median)
        return (known - self.origin).astype(np.float32)[:, None]


class Category(_Step, frozen=True, tag="category"):
    """A column of few different values.

    Each of `categories` has a feature, which is 1 for the value and otherwise 0. `other` is the second of two
    values that have one feature together.
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
        return (column.notna() & ~column.isin([*self.categories, self.other])).to_numpy()


class Date(_Step, frozen=True, tag="date"):
    """A date or time."""

    format: str | None  # how text writes it; None for a column of dates
    origin: float  # where seconds are counted from, in seconds since 1970: in 32 bits, today's look the same
    parts: tuple[str, ...]  # those that vary, one feature each
    medians: tuple[float, ...]  # stand for missing values in each part

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
    """Free text: principal components of its hashed character sequences, one feature each."""

    number: int  # of components
    components: bytes  # float32 (number, HASHED)

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
        numbers = {step.name for step in self.steps if isinstance(step, Number) and not step.text}
        types = dict.fromkeys(numbers, pa.float32()) | dict.fromkeys(self.exact, pa.float64())
        return pa.schema([(name, types.get(name, pa.string())) for name in self.columns])

    @property
    def exact(self) -> frozenset[str]:
        """The columns of numbers that are read in 64 bits."""
        return frozenset(step.name for step in self.steps if isinstance(step, Number) and step.origin)

    def encode(self, raw: RawTable) -> np.ndarray:
        """Return the features (rows, features), float32 and finite."""
        plain = all(isinstance(step, Number) and not step.missing and not step.text for step in self.steps)
        if plain and not self.exact and raw.names == self.columns and not np.isnan(raw.numbers).any():
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


def is_missing(column: np.ndarray | pd.Series) -> np.ndarray:
    """Return whether each value is missing."""
    return np.isnan(column) if isinstance(column, np.ndarray) else column.isna().to_numpy()

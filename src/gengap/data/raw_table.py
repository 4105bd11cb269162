"""`RawTable`: rows as they were read, numbers in one array and text and dates in columns."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from gengap.errors import DataError
from gengap.files.limits import TooLargeError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

MOST_CELLS = 50_000_000  # of a table with text or dates, all of which is in memory: some gigabytes
BLOCK_ROWS = 1 << 16  # hashed at once
LARGEST_EXACT = 1 << 24  # 32 bits hold every whole number up to it
PRIME = 0x9E3779B97F4A7C15  # an odd number without a pattern: 2**64 / golden ratio


@dataclass(frozen=True, eq=False)
class RawTable:
    """Columns as read.

    Attributes:
        names: Names of the columns of numbers.
        numbers: Their values (rows, names), float32; NaN where one is missing.
        others: Columns of text and dates by name, as pandas holds them; null where a value is missing.
        exact: Columns of whole numbers that 32 bits can't hold, such as keys, in float64 by name.
    """

    names: tuple[str, ...]
    numbers: np.ndarray
    others: Mapping[str, pd.Series]
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
    batches: Iterable[pa.RecordBatch], columns: Sequence[str], origin: str = "", most: float = math.inf
) -> RawTable:
    """Return the named columns of all batches.

    Raises:
        TooLargeError: They take more than `most` bytes.
        DataError: They have text or dates, and too many cells.
    """
    import pyarrow as pa

    blocks: list[np.ndarray] = []
    texts_and_dates: dict[str, list[pa.Array]] = {}
    whole = _ExactIntegers()
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


class _ExactIntegers:
    """Collects the columns of whole numbers that 32 bits can't hold, batch by batch."""

    def __init__(self) -> None:
        self.exact: dict[str, list[np.ndarray]] = {}
        self._others: set[str] = set()

    def add(self, names: Sequence[str], columns: Sequence[np.ndarray], blocks: Sequence[np.ndarray]) -> None:
        """Add a batch; `blocks` are all batches in 32 bits, with this one."""
        for i, (name, values) in enumerate(zip(names, columns, strict=True)):
            if name in self._others:
                continue
            if not _is_whole(values):
                self._others.add(name)
                self.exact.pop(name, None)
            elif name in self.exact:
                self.exact[name].append(values)
            elif np.abs(values).max(initial=0) > LARGEST_EXACT:
                self.exact[name] = [*(before[:, i].astype(np.float64) for before in blocks[:-1]), values]


def _is_whole(values: np.ndarray) -> bool:
    """Return whether these are whole numbers in float64, none missing."""
    if values.dtype != np.float64 or not (values[:1] == np.round(values[:1])).all():  # most columns end here
        return False
    return bool((values == np.round(values)).all())

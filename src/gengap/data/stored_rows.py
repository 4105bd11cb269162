"""`StoredRows`: training rows that are too many for the memory, on disk in random order, read by blocks.

Because the order is random, the first rows are a random sample, and every block represents the whole table, in
whatever order the table was.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from gengap.data.rows import Rows, nested_subset
from gengap.errors import WriteError
from gengap.files.writing import atomic_write

BUCKET_BYTES = 1 << 26  # shuffled in memory at once
SAMPLE_ROWS = 200_000  # of stored rows, for methods that need all rows in memory


class ArrayPlace(NamedTuple):
    """Where an array begins in the file, and the shape of a row."""

    offset: int
    shape: tuple[int, ...]


class StoredRows(Rows):
    """Training rows in a file, float32, in random order.

    The file is read and not memory-mapped, because mapped pages count as memory of this process. Code that knows
    only `Rows` works too: `x` and `y` read all rows, each time.
    """

    path: Path
    rows: int
    places: tuple[ArrayPlace, ArrayPlace]  # of the features and the targets

    def __init__(self, path: Path, rows: int, places: tuple[ArrayPlace, ArrayPlace]) -> None:
        vars(self).update(path=path, rows=rows, places=places)

    @property
    def x(self) -> np.ndarray:  # pyright: ignore[reportIncompatibleVariableOverride]  # frozen: nobody sets it
        """All features."""
        return self.read([0], [self.rows]).x

    @property
    def y(self) -> np.ndarray:  # pyright: ignore[reportIncompatibleVariableOverride]
        """All targets."""
        return self.read([0], [self.rows]).y

    def __len__(self) -> int:
        return self.rows

    @property
    def row_bytes(self) -> int:
        """Size of a row in bytes."""
        return 4 * sum(math.prod(part.shape) for part in self.places)

    def first(self, rows: int) -> StoredRows:
        """Return the first `rows` rows, a random sample of all."""
        return StoredRows(self.path, min(rows, self.rows), self.places)

    def read(self, starts: Sequence[int], sizes: Sequence[int]) -> Rows:
        """Return blocks of rows, joined. A block that reaches the end continues at the first row."""
        with self.path.open("rb", buffering=0) as file:
            return Rows(*(self._blocks(file, part, starts, sizes) for part in self.places))

    def _blocks(self, file: IO[bytes], part: ArrayPlace, starts: Sequence[int], sizes: Sequence[int]) -> np.ndarray:
        found = np.empty((sum(sizes), *part.shape), np.float32)
        done, a_row = 0, 4 * math.prod(part.shape)
        for start, size in zip(starts, sizes, strict=True):
            before = min(size, self.rows - start)
            for at, count in ((start, before), (0, size - before)):
                file.seek(part.offset + at * a_row)
                _fill(file, found[done : done + count])
                done += count
        return found


def _fill(file: IO[bytes], rows: np.ndarray) -> None:
    left = memoryview(rows.reshape(-1).view(np.uint8))  # pyright: ignore[reportArgumentType]  # no stub says so
    while len(left):
        read = file.readinto(left)  # pyright: ignore[reportAttributeAccessIssue]
        if not read:
            raise EOFError(f"{file.name}: the file is cut off. Delete it: the same study writes it again")
        left = left[read:]


def sample_in_memory(rows: Rows) -> Rows:
    """Return the rows in memory; of stored ones a random sample of `SAMPLE_ROWS`."""
    if not isinstance(rows, StoredRows):
        return rows
    return rows.read([0], [min(SAMPLE_ROWS, rows.rows)])


def take_share(rows: Rows, share: float, seed: int) -> Rows:
    """Return a share of the rows: a nested subset, or the first of stored rows, the same for every seed."""
    if not isinstance(rows, StoredRows):
        return nested_subset(rows, share, seed)
    return rows.first(max(round(share * len(rows)), 1))


class StoredStatistics(NamedTuple):
    """`mean` and `scale` of the features, and the numbers of `repeated` validation and test rows."""

    mean: np.ndarray
    scale: np.ndarray
    repeated: np.ndarray


def open_stored_rows(path: Path) -> tuple[StoredRows, StoredStatistics]:
    """Open what `write_stored_rows` wrote. Raises OSError or ValueError for a missing or damaged file."""
    with path.open("rb") as file:
        statistics = StoredStatistics(*(np.load(file, allow_pickle=False) for _ in StoredStatistics._fields))
        found, rows = [], 0
        for _ in ("y", "x"):
            np.lib.format.read_magic(file)
            (rows, *shape), _, _ = np.lib.format.read_array_header_1_0(file)
            found.append(ArrayPlace(file.tell(), tuple(shape)))
            file.seek(4 * rows * math.prod(shape), 1)
        if file.tell() != path.stat().st_size:
            raise ValueError(f"{path}: the file is cut off")
    y, x = found
    return StoredRows(path, rows, (x, y)), statistics


def write_stored_rows(
    path: Path,
    blocks: Iterable[tuple[np.ndarray, np.ndarray]],
    rows: int,
    statistics: Callable[[], StoredStatistics],
    seed: int,
) -> None:
    """Write blocks of rows to a file in random order, standardised.

    This is an external shuffle: each row goes to a random bucket, and each bucket is shuffled in memory. So every
    order is equally likely (Rao 1961, "Generation of random permutation of given number of elements using random
    sampling numbers", Sankhya A 23; Sandelius 1962, "A simple randomization procedure", JRSS B 24). The file holds
    five NumPy arrays: mean, scale, repeated, y, x.

    Args:
        path: The file.
        blocks: Features and targets (x, y).
        rows: Number of rows of all blocks; another number is a WriteError.
        statistics: Function that returns the statistics of all blocks; it is called after the last one.
        seed: Seed of the order.
    """
    random = np.random.default_rng(seed)
    with atomic_write(path) as half, ExitStack() as stack:
        buckets: list[IO[bytes]] = []
        of_x, of_y, width = (), (), 0
        for x, y in blocks:
            if not buckets:
                of_x, of_y = x.shape[1:], y.shape[1:]
                width = math.prod(of_x) + math.prod(of_y)
                count = 1 + 4 * rows * width // BUCKET_BYTES
                buckets = [stack.enter_context(tempfile.TemporaryFile(dir=path.parent)) for _ in range(count)]
            packed = np.concatenate([x, y.reshape(len(y), -1)], axis=1, dtype=np.float32)
            chosen = random.integers(len(buckets), size=len(packed))
            for number, bucket in enumerate(buckets):
                packed[chosen == number].tofile(bucket)
        found = statistics()
        with half.open("wb") as file, half.open("r+b") as targets:
            for array in found:
                np.save(file, array)
            _header(file, (rows, *of_y))
            file.flush()
            targets.seek(file.tell())
            file.seek(4 * rows * math.prod(of_y), 1)
            _header(file, (rows, *of_x))
            written = 0
            for packed in _shuffled(buckets, width, random):
                x, y = np.split(packed, [math.prod(of_x)], axis=1)
                ((x - found.mean) / found.scale).tofile(file)
                y.tofile(targets)
                written += len(packed)
        if written != rows:
            raise WriteError(
                f"{path}: the table changed while it was read ({rows:,} training rows, then {written:,})"
            )


def _header(file: IO[bytes], shape: tuple[int, ...]) -> None:
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)  # pyright: ignore[reportArgumentType]


def _shuffled(buckets: Sequence[IO[bytes]], width: int, random: np.random.Generator) -> Iterator[np.ndarray]:
    for bucket in buckets:
        bucket.seek(0)
        rows = np.fromfile(bucket, np.float32).reshape(-1, width)
        bucket.close()  # which gives its room on disk back
        yield rows[random.permutation(len(rows))]

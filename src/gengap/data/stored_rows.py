"""Training rows that memory would not hold: kept on disk in one random order, and read by blocks.

`StoredRows` stands beside `Rows`. Because a file's order is random, its first rows are a random sample, a share of
rows is a start of it, and any block of it stands for the whole table, however that came sorted.
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
from gengap.files.atomic import atomic_write

BUCKET_BYTES = 1 << 26  # shuffled in memory at once
SAMPLE_ROWS = 200_000  # of stored rows, for what needs them all at once


class ArrayPlace(NamedTuple):
    """Where one array of a file begins, and the shape of a row in it."""

    offset: int
    shape: tuple[int, ...]


class StoredRows(Rows):
    """`rows` training rows in the file `path`, in random order: where their features and targets are, float32.

    Files are read, not mapped: mapped pages would count as this process's memory until the system needs them. What
    knows nothing of files may take them for `Rows`, whose `x` and `y` are read each time, as a whole.
    """

    path: Path
    rows: int
    places: tuple[ArrayPlace, ArrayPlace]

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
        """How many bytes a row takes."""
        return 4 * sum(math.prod(part.shape) for part in self.places)

    def first(self, rows: int) -> StoredRows:
        """The first so many, which are drawn at random from all."""
        return StoredRows(self.path, min(rows, self.rows), self.places)

    def read(self, starts: Sequence[int], sizes: Sequence[int]) -> Rows:
        """Blocks of rows, one after the other. A block that reaches the end goes on at the first row."""
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
            raise EOFError(f"{file.name}: it ends before its rows do. Delete it: the same study writes it again")
        left = left[read:]


def sample_in_memory(rows: Rows) -> Rows:
    """The rows themselves; of stored ones a random sample of `SAMPLE_ROWS`."""
    if not isinstance(rows, StoredRows):
        return rows
    return rows.read([0], [min(SAMPLE_ROWS, rows.rows)])


def take_share(rows: Rows, share: float, seed: int) -> Rows:
    """A share of the rows as by `nested_subset`; of stored ones the first so many, the same for every seed."""
    if not isinstance(rows, StoredRows):
        return nested_subset(rows, share, seed)
    return rows.first(max(round(share * len(rows)), 1))


class StoredStatistics(NamedTuple):
    """What was learnt of the stored rows: `mean` and `scale` of the features, and counts of `repeated` rows."""

    mean: np.ndarray
    scale: np.ndarray
    repeated: np.ndarray


def open_stored_rows(path: Path) -> tuple[StoredRows, StoredStatistics]:
    """What `write_stored_rows` wrote. Raises OSError or ValueError for a file that is not there or not whole."""
    with path.open("rb") as file:
        learnt = StoredStatistics(*(np.load(file, allow_pickle=False) for _ in StoredStatistics._fields))
        found, rows = [], 0
        for _ in ("y", "x"):
            np.lib.format.read_magic(file)
            (rows, *shape), _, _ = np.lib.format.read_array_header_1_0(file)
            found.append(ArrayPlace(file.tell(), tuple(shape)))
            file.seek(4 * rows * math.prod(shape), 1)
        if file.tell() != path.stat().st_size:
            raise ValueError(f"{path}: is not whole")
    y, x = found
    return StoredRows(path, rows, (x, y)), learnt


def write_stored_rows(
    path: Path,
    blocks: Iterable[tuple[np.ndarray, np.ndarray]],
    rows: int,
    learnt: Callable[[], StoredStatistics],
    seed: int,
) -> None:
    """Writes blocks (x, y) of together `rows` rows to `path` in random order, standardised as `learnt` by then.

    An external shuffle: each row goes to a random bucket, and each bucket is shuffled in memory, which makes every
    order equally likely (Rao 1961, "Generation of random permutation of given number of elements using random
    sampling numbers", Sankhya A 23; Sandelius 1962, "A simple randomization procedure", JRSS B 24). The file is
    five NumPy arrays one after the other: mean, scale, repeated, y, x. Raises WriteError.
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
        found = learnt()
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
            raise WriteError(f"{path}: the table gave {written:,} training rows, then {rows:,}. Give it at rest")


def _header(file: IO[bytes], shape: tuple[int, ...]) -> None:
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)  # pyright: ignore[reportArgumentType]


def _shuffled(buckets: Sequence[IO[bytes]], width: int, random: np.random.Generator) -> Iterator[np.ndarray]:
    for bucket in buckets:
        bucket.seek(0)
        rows = np.fromfile(bucket, np.float32).reshape(-1, width)
        bucket.close()  # which gives its room on disk back
        yield rows[random.permutation(len(rows))]

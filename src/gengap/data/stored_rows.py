"""`StoredRows`: training rows that are too many for the memory, on disk in random order, read by blocks.

`write_stored_rows` stores those of a table, and `store_batches` those of a loader, which are read once.

Because the order is random, the first rows are a random sample, and every block represents the whole table, in
whatever order the table was.
"""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import chain
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from gengap.data.rows import (
    Rows,
    check_finite,
    check_shapes,
    map_arrays,
    row_shapes,
)
from gengap.errors import UsageError, WriteError
from gengap.files.user_cache import cache_folder
from gengap.files.writing import atomic_write, explain_write_errors

BUCKET_BYTES = 1 << 26  # shuffled in memory at once
READ_BYTES = 1 << 20  # of records that are read at once: they stay in the processor's cache
UNUSED_DAYS = 30  # stored rows that are unused for longer are removed when others are stored
BUCKETS = 128  # for rows whose number is not known
SAMPLE_ROWS = 200_000  # of stored rows, for methods that need all rows in memory
SAMPLE_BYTES = 1 << 28  # of such a sample


class ArrayPlace(NamedTuple):
    """The field of the file's records that holds an array, its type, and the shape of a row."""

    field: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    def shaped_like(self, output_shape: Sequence[int | None]) -> ArrayPlace:
        """Return targets (n,) as (n, 1) for one output; see `Rows.shaped_like`."""
        return self._replace(shape=(1,)) if not self.shape and tuple(output_shape[1:]) == (1,) else self


class StoredRows(Rows):
    """Training rows in a file, in random order.

    The file is read and not memory-mapped, because mapped pages count as memory of this process. Code that knows
    only `Rows` works too: `x`, `y` and `weights` read all rows, each time.

    Attributes:
        path: The file.
        begin: Where its records begin; each is a row.
        kind: The type of a record.
        rows: How many rows are used: the first ones.
        places: Where the features, the targets and the weights are: each an `ArrayPlace`, or a list, tuple or dict
            of them. Without weights the last one is None.
    """

    path: Path
    begin: int
    kind: np.dtype[Any]
    rows: int
    places: tuple[Any, Any, Any]

    def __init__(
        self, path: Path, begin: int, kind: np.dtype[Any], rows: int, places: tuple[Any, Any, Any]
    ) -> None:
        vars(self).update(path=path, begin=begin, kind=kind, rows=rows, places=places)

    @property
    def x(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]  # frozen: nobody sets it
        """All features."""
        return self.read([0], [self.rows]).x

    @property
    def y(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        """All targets."""
        return self.read([0], [self.rows]).y

    @property
    def weights(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        """All weights, or None."""
        return None if self.places[2] is None else self.read([0], [self.rows]).weights

    def __len__(self) -> int:
        return self.rows

    @property
    def row_bytes(self) -> int:
        """Size of a row in bytes."""
        return self.kind.itemsize

    @property
    def sample_rows(self) -> int:
        """How many rows a `sample` has: fewer if they are large."""
        return min(SAMPLE_ROWS, max(SAMPLE_BYTES // self.row_bytes, 1), self.rows)

    def head(self, rows: int) -> Rows:
        """Read the first rows, a random sample."""
        return self.read([0], [min(rows, self.rows)])

    def sample(self) -> Rows:
        """Read a random sample of `sample_rows` rows."""
        return self.head(self.sample_rows)

    def blocks(self) -> Iterator[Rows]:
        """Read all rows, block by block."""
        for start in range(0, self.rows, self.sample_rows):
            yield self.read([start], [min(self.sample_rows, self.rows - start)])

    def subset(self, share: float, seed: int) -> StoredRows:
        """Return a share of the rows, on disk: the first ones, for every seed."""
        return self.first(max(round(share * self.rows), 1))

    def first(self, rows: int) -> StoredRows:
        """Return the first `rows` rows, on disk: a random sample of all."""
        return StoredRows(self.path, self.begin, self.kind, min(rows, self.rows), self.places)

    def with_targets(self, y: Any) -> StoredRows:
        """Return the rows with their targets nested in another way: `y` holds the same places."""
        return StoredRows(self.path, self.begin, self.kind, self.rows, (self.places[0], y, self.places[2]))

    def read(self, starts: Sequence[int], sizes: Sequence[int]) -> Rows:
        """Return blocks of rows, joined. A block that reaches the end continues at the first row."""
        rows = sum(sizes)
        kinds = {name: self.kind[name] for name in self.kind.names or ()}
        arrays = {name: np.empty((rows, *kind.shape), kind.base) for name, kind in kinds.items()}
        records = np.empty(min(max(READ_BYTES // self.row_bytes, 1), max(sizes)), self.kind)
        done = 0
        with self.path.open("rb", buffering=0) as file:
            for start, size in zip(starts, sizes, strict=True):
                for low, high in ((start, min(start + size, self.rows)), (0, start + size - self.rows)):
                    file.seek(self.begin + low * self.row_bytes)
                    for first in range(low, high, len(records)):
                        part = records[: high - first]
                        _fill(file, part)
                        for name, array in arrays.items():
                            array[done : done + len(part)] = part[name]
                        done += len(part)
        by_place = partial(map_arrays, lambda place: arrays[place.field].reshape(rows, *place.shape))
        return Rows(*map(by_place, self.places))


def _fill(file: IO[bytes], records: np.ndarray) -> None:
    left = memoryview(records.view(np.uint8))  # pyright: ignore[reportArgumentType]  # no stub says so
    while len(left):
        read = file.readinto(left)  # pyright: ignore[reportAttributeAccessIssue]
        if not read:
            raise EOFError(f"{file.name}: the file is cut off. Delete it: the same study writes it again")
        left = left[read:]


def stored_path(digest: Any) -> Path:
    """Return the file of rows with this hash (of `hashlib`), in the folder for all stored rows."""
    return cache_folder() / "stored" / f"{digest.hexdigest()[:24]}.rows"


def make_room(place: Path) -> None:
    """Create the folder, and remove what is unused for long from it."""
    with explain_write_errors(place):
        place.mkdir(parents=True, exist_ok=True)
    for old in place.iterdir():  # also files that a killed study left incomplete
        with contextlib.suppress(OSError):
            if time.time() - old.stat().st_mtime > UNUSED_DAYS * 86_400:
                old.unlink()


class StoredStatistics(NamedTuple):
    """`mean` and `scale` of the features, and the numbers of `repeated` validation and test rows."""

    mean: np.ndarray
    scale: np.ndarray
    repeated: np.ndarray


def open_stored_rows(path: Path, like: Rows | None = None) -> tuple[StoredRows, StoredStatistics]:
    """Open what `write_stored_rows` wrote.

    The rows are nested as those of `like` (default: one array of features and one of targets). Raises OSError if
    the file is missing and ValueError if it is damaged.
    """
    with path.open("rb") as file:
        statistics = StoredStatistics(*(np.load(file, allow_pickle=False) for _ in StoredStatistics._fields))
        np.lib.format.read_magic(file)
        (rows,), _, kind = np.lib.format.read_array_header_1_0(file)
        begin = file.tell()
        if path.stat().st_size != begin + rows * kind.itemsize:
            raise ValueError(f"{path}: the file is cut off")
    found = iter([ArrayPlace(name, kind[name].base, kind[name].shape) for name in kind.names or ()])
    parts = (0, 0, None) if like is None else (like.x, like.y, like.weights)
    x, y, weights = (map_arrays(lambda _: next(found), part) for part in parts)
    return StoredRows(path, begin, kind, rows, (x, y, weights)), statistics


def write_stored_rows(
    path: Path,
    blocks: Iterable[Rows],
    statistics: Callable[[], StoredStatistics],
    seed: int,
    rows: int | None = None,
) -> None:
    """Write blocks of rows to a file in random order; numbers with statistics are standardised.

    This is an external shuffle: each row goes to a random bucket, and each bucket is shuffled in memory. So every
    order is equally likely (Rao 1961, "Generation of random permutation of given number of elements using random
    sampling numbers", Sankhya A 23; Sandelius 1962, "A simple randomization procedure", JRSS B 24). The file holds
    NumPy arrays: mean, scale and repeated, then the rows as records of features, targets and weights.

    Args:
        path: The file.
        blocks: Rows, at least one block.
        statistics: Function that returns the statistics of all blocks; it is called after the last one. Without
            means the features are written as they are.
        seed: Seed of the order.
        rows: Number of rows of all blocks, if it is known; another number is a WriteError.
    """
    random = np.random.default_rng(seed)
    with ExitStack() as stack:
        buckets: list[IO[bytes]] = []
        kind, written = np.dtype([]), 0
        for block in blocks:  # an OSError here is not one of writing
            arrays = {str(number): array for number, array in enumerate(block.arrays)}
            with explain_write_errors(path):
                if not buckets:
                    kind = np.dtype([(name, array.dtype, array.shape[1:]) for name, array in arrays.items()])
                    count = BUCKETS if rows is None else 1 + rows * kind.itemsize // BUCKET_BYTES
                    buckets = [stack.enter_context(tempfile.TemporaryFile(dir=path.parent)) for _ in range(count)]
                records = np.empty(len(block), kind)
                for name, array in arrays.items():
                    records[name] = array
                _scatter(records, buckets, random)
            written += len(block)
        if rows is not None and written != rows:
            raise WriteError(
                f"{path}: the table changed while it was read ({rows:,} training rows, then {written:,})"
            )
        with atomic_write(path) as half:
            _write_buckets(half, buckets, kind, written, statistics(), random)


def _scatter(records: np.ndarray, buckets: Sequence[IO[bytes]], random: np.random.Generator) -> None:
    """Write each record to a random bucket."""
    chosen = random.integers(len(buckets), size=len(records))
    for number in np.unique(chosen).tolist():
        records[chosen == number].tofile(buckets[number])


def _write_buckets(
    path: Path,
    buckets: Sequence[IO[bytes]],
    kind: np.dtype[Any],
    rows: int,
    statistics: StoredStatistics,
    random: np.random.Generator,
) -> None:
    """Write the file: the records of each bucket in random order, with features by `statistics`."""
    with path.open("wb") as file:
        for array in statistics:
            np.save(file, array)
        header = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": (rows,)}
        np.lib.format.write_array_header_1_0(file, header)
        for bucket in buckets:
            bucket.seek(0)
            records = np.fromfile(bucket, kind)
            bucket.close()  # which gives its room on disk back
            records = records[random.permutation(len(records))]
            if len(statistics.mean):
                records["0"] = (records["0"] - statistics.mean) / statistics.scale
            records.tofile(file)


UNCHANGED = StoredStatistics(np.empty(0, np.float32), np.empty(0, np.float32), np.empty(0, np.int64))


def store_batches(name: str, batches: Iterator[Rows], seed: int) -> StoredRows:
    """Write the batches of a loader to disk in random order.

    The batches, at least one, are read once; errors call the loader `name`. The file of the rows is named by a hash
    of the values, and removed once it is unused for long. Raises UsageError if batches have different shapes or
    types, or values that are texts or not finite, and WriteError if the disk is full.
    """
    digest = hashlib.sha256(str(seed).encode())
    first = next(batches)
    half = stored_path(digest).with_name(f"{uuid.uuid4().hex}.rows")
    make_room(half.parent)
    write_stored_rows(half, _checked(name, first, batches, digest), lambda: UNCHANGED, seed)
    path = stored_path(digest)
    try:
        half.replace(path)
    except PermissionError:  # on Windows, while another study reads the same rows
        half.unlink()
    return open_stored_rows(path, like=first)[0]


def _checked(name: str, first: Rows, batches: Iterator[Rows], digest: Any) -> Iterator[Rows]:
    """Yield all batches in the types of the first one, and add their values to the hash."""
    kinds = [_stored_type(name, array) for array in first.arrays]
    shapes = row_shapes(first)
    digest.update(f"{shapes} {kinds}".encode())
    for number, batch in enumerate(chain((first,), batches)):
        place = f"{name}, batch {number}"
        check_shapes(place, batch, shapes)
        check_finite(place, batch)
        for array in batch.arrays:
            _stored_type(name, array)
            digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
        types = iter(kinds)
        yield batch.map(lambda array, types=types, place=place: _as_type(place, array, next(types)))


def _as_type(place: str, array: np.ndarray, kind: np.dtype[Any]) -> np.ndarray:
    """Return an array in another type. Raises UsageError if a whole number or truth value would change."""
    if array.dtype == kind:
        return array
    with np.errstate(invalid="ignore"):
        found = array.astype(kind)
    if kind.kind in "biu" and (wrong := found != array).any():
        raise UsageError(
            f"{place}: it holds {array[wrong][0]:g}, but the first batch has the type {kind}. Give all batches the "
            "same type, which holds all values"
        )
    return found


def _stored_type(name: str, array: np.ndarray) -> np.dtype[Any]:
    """Return the type in which an array is stored: its own, or float32 for types that NumPy doesn't know."""
    if array.dtype == object:
        raise UsageError(
            f"{name} holds texts and needs more memory than it may take. Raise --memory (memory=), use fewer rows, "
            "or make tokens in the loader"
        )
    return array.dtype if array.dtype.kind in "biuf" else np.dtype(np.float32)

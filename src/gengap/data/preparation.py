"""Encode rows for a model and standardise them, both fitted to the training rows only.

Tables that are larger than the memory take two passes over the source. The first one takes the validation and test
rows, and a sample of the training rows, to which the encoding is fitted. The second one encodes all training rows
and stores them in random order (`gengap.data.stored_rows`); their means and scales are exact. The same table with
the same split is stored once.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from gengap.data.column_kinds import ColumnsFound, find_formats, fit_encoding, is_identifier
from gengap.data.encoding import Encoding, RawTable, collect_columns
from gengap.data.rows import Rows
from gengap.data.sources.source import Source
from gengap.data.stored_rows import (
    SAMPLE_ROWS,
    StoredRows,
    StoredStatistics,
    make_room,
    open_stored_rows,
    stored_path,
    write_stored_rows,
)
from gengap.data.table_summary import count_repeated_rows, repeated_by_chance
from gengap.data.value_formats import FormatFound, UnreadableValueError
from gengap.errors import BadRowError, DataError
from gengap.options.study_options import DataSpec
from gengap.tasks import AnyTask
from gengap.text.catalog import Message

STRETCH_ROWS = 10_000  # neighbouring rows, which show a numbering: a sample has gaps
SAMPLE_BYTES = 1 << 28
FORMAT = 3  # version of the stored file and of its shuffling


class PreparedTable(NamedTuple):
    """The prepared rows of a table, and what was found in it: see `Dataset` and `TableSummary`.

    `missing` and `dropped` are by column, `repeated` is by part of the split. `chance` is how many rows would be
    repeated by chance. `test_keys` are hashes of the test rows as read, which no preparation changes.
    """

    encoding: Encoding
    dropped: Mapping[str, str]
    mean: np.ndarray
    scale: np.ndarray
    train: Rows
    validation: Rows
    test: Rows | None
    missing: dict[str, int]
    repeated: dict[str, int]
    notes: tuple[Message, ...] = ()
    chance: Mapping[str, float] = {}
    test_keys: np.ndarray | None = None


def prepare(
    raw: RawTable,
    y: np.ndarray,
    weights: Sequence[np.ndarray | None],
    task: AnyTask,
    parts: Sequence[np.ndarray],
    standardise: bool,
    source: Source,
) -> PreparedTable:
    """Prepare all rows in memory; `y` (rows,) is the target, `parts` are row numbers, `weights` are by part."""
    training = raw.take(parts[0])
    formats = find_formats([raw], source.columns, source)
    found = find_encoding(training, source.columns, source.spec, source.origin, formats)
    encoding = found.encoding
    train = encoding.encode(training)
    mean, scale = np.zeros(train.shape[1], np.float32), np.ones(train.shape[1], np.float32)
    if standardise:
        mean = train.mean(axis=0, dtype=np.float64).astype(np.float32)
        scale = scale_of(train.std(axis=0, dtype=np.float64))
    validation, test = (encoding.encode(raw.take(part)) for part in parts[1:])
    for x in (train, validation, test):  # in place: each may be gigabytes
        x -= mean
        x /= scale
    rows = [
        Rows(x, task.encoded(y[part]), part_weights) if len(part) else None
        for x, part, part_weights in zip((train, validation, test), parts, weights, strict=True)
    ]
    assert rows[0] is not None and rows[1] is not None
    named: dict[str, np.ndarray] = dict(zip(("train", "validation", "test"), parts, strict=True))
    repeated = count_repeated_rows(raw, encoding.columns, named)
    return PreparedTable(
        encoding,
        found.dropped,
        mean,
        scale,
        rows[0],
        rows[1],
        rows[2],
        raw.missing(),
        repeated,
        found.notes,
        repeated_by_chance(raw, encoding.columns, {part: named[part] for part in ("train", *repeated)}),
        raw.keys(parts[2], (*raw.names, *raw.others)),
    )


def find_encoding(
    raw: RawTable, columns: Sequence[str], spec: DataSpec, origin: str, formats: Mapping[str, FormatFound]
) -> ColumnsFound:
    """Fit the encoding as `fit_encoding` does; its errors name the table."""
    try:
        return fit_encoding(raw, columns, spec, formats)
    except DataError as error:
        raise DataError(f"{origin}: {error}") from None


def scale_of(spread: np.ndarray) -> np.ndarray:
    """Return what features are divided by, from their standard deviations; a constant column is not scaled."""
    scale = spread.astype(np.float32)
    return np.where(scale > 0, scale, 1).astype(np.float32)


def prepare_large_table(
    source: Source, y: np.ndarray, task: AnyTask, parts: Sequence[np.ndarray], standardise: bool
) -> PreparedTable:
    """Prepare as `prepare` does, in bounded memory. Raises DataError for a table with text or dates."""
    read = _TablePass(source)
    train = np.sort(parts[0])
    sample_rows = int(np.clip(SAMPLE_BYTES // (4 * len(source.columns)), STRETCH_ROWS, SAMPLE_ROWS))
    sampled = np.random.default_rng(0).choice(train, min(sample_rows, len(train)), replace=False)
    stretch, sample, *others = read.some([train[:STRETCH_ROWS], np.sort(sampled), *parts[1:]])
    found = _find_columns(stretch, sample, others, source)
    encoding = found.encoding
    stored, statistics = _store(read, source, encoding, train, y, task, standardise, others)
    validation, test = (
        Rows((encoding.encode(raw) - statistics.mean) / statistics.scale, task.encoded(y[part]))
        if len(part)
        else None
        for raw, part in zip(others, parts[1:], strict=True)
    )
    assert validation is not None
    repeated = zip(("validation", "test"), statistics.repeated.tolist(), strict=True)
    values = {"rows": len(stored), "sampled": len(sample), "fitted": stored.sample_rows}
    on_disk = Message("table-on-disk", values)  # columns were found from `sampled` rows, baselines from `fitted`
    return PreparedTable(
        encoding,
        found.dropped,
        statistics.mean,
        statistics.scale,
        stored,
        validation,
        test,
        dict(zip(source.columns, read.missing.tolist(), strict=True)),
        {part: count for part, count in repeated if count},
        (on_disk, *found.notes),
        test_keys=others[1].keys(np.arange(len(others[1])), others[1].names),
    )


def _store(
    read: _TablePass,
    source: Source,
    encoding: Encoding,
    train: np.ndarray,
    y: np.ndarray,
    task: AnyTask,
    standardise: bool,
    others: Sequence[RawTable],
) -> tuple[StoredRows, StoredStatistics]:
    """Store the encoded training rows, unless they are stored already; `others` are validation and test rows."""
    keys = [raw.keys(np.arange(len(raw)), encoding.columns) for raw in others]
    passing = _RunningStatistics(encoding, standardise, keys)
    identity = (FORMAT, read.digest, encoding.steps, str(msgspec.to_builtins(task)), standardise, len(train))
    digest = hashlib.sha256(msgspec.json.encode(identity))
    digest.update(train.tobytes())
    digest.update(task.strata(y).tobytes())
    path = stored_path(digest)
    try:
        found = open_stored_rows(path)
        os.utime(path)  # the oldest are those that are unused for longest
    except (OSError, ValueError):
        make_room(path.parent)
        is_train = np.zeros(len(y), bool)
        is_train[train] = True
        blocks = passing.blocks(read.batches(), is_train, y, task, source.origin)
        write_stored_rows(path, blocks, passing.statistics, seed=0, rows=len(train))
        found = open_stored_rows(path)
    return found


def _find_columns(stretch: RawTable, sample: RawTable, others: Sequence[RawTable], source: Source) -> ColumnsFound:
    """Fit the encoding to a sample of the training rows. A stretch of neighbouring rows shows numberings."""
    spec = source.spec
    plain = [name for name in sample.names if name not in {*spec.keep, *spec.column}]
    numberings = [name for name in plain if is_identifier(stretch.column(name))]
    columns = [name for name in source.columns if name not in numberings]
    formats = find_formats([sample, stretch, *others], columns, source)
    if sample.others.keys() - formats.keys():
        raise DataError(
            f"{source.origin}: the table is larger than the memory it may use, and has text or dates. A table on "
            "disk may have numbers only. Raise --memory, use fewer rows with --rows, or leave columns out with "
            "--column NAME=drop"
        )
    found = find_encoding(sample, columns, DataSpec.of(spec, keep=source.columns), source.origin, formats)
    return found._replace(dropped=found.dropped | dict.fromkeys(numberings, "identifier"))


class _TablePass:
    """Passes over a source. The first one hashes all values and counts the missing ones of each column."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._hash = hashlib.sha256(msgspec.json.encode((source.columns, source.target)))
        self.missing = np.zeros(len(source.columns), np.int64)

    @property
    def digest(self) -> str:
        """A hash of all values, after `some` has read them."""
        return self._hash.hexdigest()

    def batches(self) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Yield each batch with the number of its first row."""
        first = 0
        for batch in self._source.batches():
            yield first, batch
            first += len(batch)

    def some(self, requested: Sequence[np.ndarray]) -> list[RawTable]:
        """Return the rows with these numbers, each in the requested order."""
        import pandas as pd

        ordered = [np.sort(rows) for rows in requested]
        taken: list[list[pa.RecordBatch]] = [[] for _ in requested]
        for first, batch in self.batches():
            for i, name in enumerate(self._source.columns):
                values = batch.column(name).to_pandas()
                self.missing[i] += values.isna().sum()
                # Numbers count by their bits, texts by a hash of each.
                plain = values if values.dtype.kind == "f" else pd.util.hash_pandas_object(values, index=False)
                self._hash.update(plain.to_numpy().tobytes())
            for rows, into in zip(ordered, taken, strict=True):
                start, end = np.searchsorted(rows, [first, first + len(batch)])
                if end > start or not into:
                    into.append(batch.take(rows[start:end] - first))
        columns, origin = self._source.columns, self._source.origin
        raws = (collect_columns(batches, columns, origin) for batches in taken)
        return [
            raw.take(np.searchsorted(rows, numbers))
            for raw, rows, numbers in zip(raws, ordered, requested, strict=True)
        ]


class _RunningStatistics:
    """Means and standard deviations of the training rows, block by block, and which other rows they repeat.

    Sums are taken of differences from the first block's means, in 64 bits, so that no digits cancel.
    """

    def __init__(self, encoding: Encoding, standardise: bool, held_out: Sequence[np.ndarray]) -> None:
        self._encoding, self._standardise, self._held_out = encoding, standardise, held_out
        features = len(encoding.features)
        self._rows = 0
        self._shift, self._sum, self._squares = (np.zeros(features) for _ in range(3))
        self._found = [np.zeros(len(keys), bool) for keys in held_out]

    def blocks(
        self,
        batches: Iterable[tuple[int, pa.RecordBatch]],
        is_train: np.ndarray,
        y: np.ndarray,
        task: AnyTask,
        origin: str,
    ) -> Iterator[Rows]:
        """Yield features and targets of the training rows, by blocks."""
        for first, batch in batches:
            rows = np.flatnonzero(is_train[first : first + len(batch)])
            if len(rows):
                raw = collect_columns([batch.take(rows)], self._encoding.columns, exact=self._encoding.exact)
                try:
                    x = self._encoding.encode(raw)
                except UnreadableValueError as error:
                    row = first + int(rows[error.row]) + 1
                    raise BadRowError(origin, row, error.column, error.problem, error.hint) from None
                self._add(x, raw.keys(np.arange(len(raw)), self._encoding.columns))
                yield Rows(x, task.encoded(y[first + rows]))

    def _add(self, x: np.ndarray, keys: np.ndarray) -> None:
        if not self._rows:
            self._shift = x.mean(axis=0, dtype=np.float64)
        differences = x - self._shift
        self._rows += len(x)
        self._sum += differences.sum(axis=0)
        self._squares += (differences**2).sum(axis=0)
        for found, test in zip(self._found, self._held_out, strict=True):
            found |= np.isin(test, keys)

    def statistics(self) -> StoredStatistics:
        """Return the statistics of all rows so far."""
        repeated = np.array([found.sum() for found in self._found])
        mean, scale = np.zeros(len(self._sum), np.float32), np.ones(len(self._sum), np.float32)
        if self._standardise:
            mean_difference = self._sum / self._rows
            mean = (self._shift + mean_difference).astype(np.float32)
            scale = scale_of(np.sqrt(np.maximum(self._squares / self._rows - mean_difference**2, 0)))
        return StoredStatistics(mean, scale, repeated)

"""Encode rows for a model and standardise them, both fitted to the training rows only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gengap.data.column_kinds import ColumnsFound, find_formats, fit_encoding
from gengap.data.encoding import Encoding
from gengap.data.formatted_numbers import FormatFound
from gengap.data.raw_table import RawTable
from gengap.data.rows import Rows
from gengap.data.table_summary import count_repeated_rows
from gengap.errors import DataError
from gengap.options.study_options import DataSpec
from gengap.tasks import AnyTask
from gengap.text.catalog import Message

if TYPE_CHECKING:
    from gengap.data.sources.source import Source


class PreparedTable(NamedTuple):
    """The prepared rows of a table, and what was found in it: see `Dataset` and `TableSummary`.

    `missing` and `dropped` are by column, `repeated` is by part of the split.
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


def prepare(
    raw: RawTable,
    y: np.ndarray,
    weights: Sequence[np.ndarray | None],
    task: AnyTask,
    parts: Sequence[np.ndarray],
    standardise: bool,
    source: Source,
    spec: DataSpec,
) -> PreparedTable:
    """Prepare all rows in memory.

    Args:
        raw: The rows as read.
        y: The target's values (rows,).
        weights: Weights of the rows of each part, or None.
        task: What the target is.
        parts: Row numbers of training, validation and test.
        standardise: Whether features are standardised by the training rows.
        source: Where the rows come from.
        spec: Says what some columns are.

    Raises:
        DataError: The columns can't be used.
    """
    training = raw.take(parts[0])
    formats = find_formats([raw], source.columns, spec, source)
    found = find_encoding(training, source.columns, spec, source.origin, formats)
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
        encoding, found.dropped, mean, scale, rows[0], rows[1], rows[2], raw.missing(), repeated, found.notes
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

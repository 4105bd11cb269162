"""Raw rows as a model takes them: encoded, and standardised if asked, by what the training rows alone teach."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from gengap.data.column_kinds import fit
from gengap.data.encoding import Encoding
from gengap.data.raw_table import RawTable
from gengap.data.rows import Rows
from gengap.data.spec import DataSpec
from gengap.data.table_summary import count_repeated_rows
from gengap.errors import DataError
from gengap.tasks import AnyTask
from gengap.text.catalog import Message


class PreparedTable(NamedTuple):
    """A split table's rows, with what was learnt and noted of it: see `Dataset` and `TableSummary`.

    `missing` and `dropped` are by column, `repeated` by part; `notes` are for those who read the results.
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
    columns: Sequence[str],
    spec: DataSpec,
    origin: str,
) -> PreparedTable:
    """All rows in memory; `parts` are the row numbers of training, validation and test, with their `weights`.

    Raises DataError.
    """
    fitting = raw.take(parts[0])
    encoding, dropped = fit_table_encoding(fitting, columns, spec.keep, spec, origin)
    train = encoding.encode(fitting)
    mean, scale = np.zeros(train.shape[1], np.float32), np.ones(train.shape[1], np.float32)
    if standardise:
        mean = train.mean(axis=0, dtype=np.float64).astype(np.float32)
        scale = scale_of(train.std(axis=0, dtype=np.float64))
    seen, held = (encoding.encode(raw.take(part)) for part in parts[1:])
    for x in (train, seen, held):  # in place: each may be gigabytes
        x -= mean
        x /= scale
    rows = [
        Rows(x, task.encoded(y[part]), counting) if len(part) else None
        for x, part, counting in zip((train, seen, held), parts, weights, strict=True)
    ]
    assert rows[0] is not None and rows[1] is not None
    named: dict[str, np.ndarray] = dict(zip(("train", "validation", "test"), parts, strict=True))
    repeated = count_repeated_rows(raw, encoding.columns, named)
    return PreparedTable(encoding, dropped, mean, scale, rows[0], rows[1], rows[2], raw.missing(), repeated)


def fit_table_encoding(
    raw: RawTable, columns: Sequence[str], keep: Collection[str], spec: DataSpec, origin: str
) -> tuple[Encoding, dict[str, str]]:
    """As `gengap.data.column_kinds.fit`, whose errors name the table."""
    try:
        return fit(raw, columns, keep, spec.column)
    except DataError as error:
        raise DataError(f"{origin}: {error}") from None


def scale_of(spread: np.ndarray) -> np.ndarray:
    """What features are divided by, of their standard deviations; a constant column stays at 0."""
    narrow = spread.astype(np.float32)
    return np.where(narrow > 0, narrow, 1).astype(np.float32)

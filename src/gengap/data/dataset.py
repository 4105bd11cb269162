"""From a source to arrays: split first, then fit the preparation on the training rows only.

HIGGS-like tables are split as the tutorial splits HIGGS: the first rows validate, the next train, and the
ones after those are the test rows that no trial sees. Other tables get a seeded, stratified split. Any table can be
split by group or by time instead.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec
import numpy as np

from gengap.data.described import Described, describe_columns, warn_of_repeated
from gengap.data.encoding import Encoding
from gengap.data.larger import prepare_stored
from gengap.data.prepared import Prepared, prepare
from gengap.data.raw import Raw, gather
from gengap.data.rows import Rows
from gengap.data.source import Source, check_column, open_source
from gengap.data.split import Wanted, at_random, by_group, by_time
from gengap.data.stored import StoredRows
from gengap.errors import BadRowError, TooFewRowsError, UsageError
from gengap.limits import TooLargeError, table_bytes
from gengap.tasks import AnyTask, Regression, TaskName, task_of

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from gengap.data.blocks import OnBadRow, Skipped

TUTORIAL_VALIDATION, TUTORIAL_TRAIN = 1_000, 10_000
VALIDATION_SHARE = 0.2  # of any other table, at most MOST_VALIDATION rows
MOST_VALIDATION = 10_000
Preparation = Literal["raw", "standardise"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Prepared rows, split. Features are float32 (rows, columns), targets as the `task` says, float32.

    `columns` are the features, `encoding` makes them of the table's columns, and `described` says in words what was
    made of those and how the rows were split. `mean` and `scale` are what was subtracted and divided by, from the
    training rows alone (zeros and ones for raw features). `test` is None when no test rows were asked for.
    `skipped` lists bad rows left out. Training rows that memory would not hold are `gengap.data.stored.StoredRows`.
    """

    name: str
    origin: str
    columns: tuple[str, ...]
    target: str
    task: AnyTask
    train: Rows | StoredRows
    validation: Rows
    test: Rows | None
    preparation: Preparation
    mean: np.ndarray
    scale: np.ndarray
    encoding: Encoding
    described: Described
    skipped: list[Skipped] = field(default_factory=list)

    @cached_property
    def digest(self) -> str:
        """A fingerprint of every training and validation row, and of all that a saved model holds of the table."""
        digest = hashlib.sha256(msgspec.json.encode((self.target, self.task, self.encoding.columns, self.columns)))
        digest.update(self.mean.tobytes() + self.scale.tobytes())
        # Stored rows are named by what they hold; the name tells them from rows in memory, which train otherwise.
        for rows in (self.train, self.validation):
            if isinstance(rows, StoredRows):
                digest.update(rows.path.name.encode())
            else:
                digest.update(np.ascontiguousarray(rows.x).tobytes() + np.ascontiguousarray(rows.y).tobytes())
        return digest.hexdigest()[:16]


def load(
    source: Any,
    *,
    target: str | None = None,
    rows: int | None = None,
    train: int | None = None,
    validation: int | None = None,
    test: int = 0,
    preparation: Preparation = "standardise",
    task: TaskName | None = None,
    on_bad_row: OnBadRow = "fail",
    seed: int = 0,
    progress: Callable[[int, int | None], None] | None = None,
    group: str | None = None,
    time: str | None = None,
    keep: Sequence[str] = (),
    memory: float | None = None,
) -> Dataset:
    """Reads `source` (see `gengap.data.source.open_source`), splits it and prepares its features.

    `rows` uses only the first so many rows; `train`, `validation` and `test` are counts of rows. For HIGGS and
    `collider` they default to the tutorial's 10,000, 1,000 and none; for other tables a fifth of the rows (at most
    10,000) validates and the rest trains. `task` is "binary", "multiclass" or "regression" (default: what the
    target's values look like, see `gengap.tasks.task_of`). With `group`, a column, rows that have the same value
    there are all on one side; with `time`, the earliest rows train, later ones validate and the latest test;
    neither column is a feature then. Columns that look like identifiers are left out, but for those to `keep`.
    Of a table that takes more than `memory` GiB (default: a quarter of the machine's) the training rows are kept on
    disk, in GENGAP_CACHE or the user's cache folder.
    Raises UsageError, DataError and the errors of `open_source`.

    >>> dataset = load("collider", train=300, validation=100)
    >>> dataset.train.x.shape, len(dataset.validation)
    ((300, 28), 100)
    """
    _check(train, validation, test, group, time)
    if memory is not None and not memory > 0:
        raise UsageError(f"memory is {memory}, expected a number of GiB above 0")
    most = table_bytes() if memory is None else memory * 2**30
    aside = [column for column in (group, time) if column is not None]
    options: dict[str, Any] = {"target": target, "on_bad_row": on_bad_row, "seed": seed, "progress": progress}
    opened, asked = _opened(source, rows, Asked(train, validation, test), options | {"aside": aside})
    for column in keep:
        check_column(column, opened.columns, opened.origin)
    read = _read(opened, most)
    found = task_of(read.y, task, f"{opened.origin}, column {opened.target!r}")
    labels = found.strata(read.y)
    if aside:
        parts, how = _split_aside(opened, read, labels, group is not None, asked.of(len(labels)), seed)
    elif opened.higgs_layout and asked.validation is not None:
        seen, end = asked.validation, len(labels) - test
        order = np.arange(len(labels))
        parts = [order[seen:end], order[:seen], order[end:]]
        how = "in the table's order: the first rows validate, the next train, and those after them test"
    else:
        wanted = asked.of(len(labels))
        parts = at_random(labels if found.by_class else None, len(labels), wanted, seed, opened.origin)
        how = f"drawn at random with seed {seed}" + ", every class with its share" * found.by_class
    return _prepared(opened, read, found, parts, preparation, how, keep)


class Asked(NamedTuple):
    """How many rows each part of the split shall have, as asked for."""

    train: int | None
    validation: int | None
    test: int

    def of(self, rows: int) -> Wanted:
        """The same, with validation's default for a table of so many `rows`."""
        validation = self.validation or min(MOST_VALIDATION, max(1, int((rows - self.test) * VALIDATION_SHARE)))
        return Wanted(self.train, validation, self.test)


def _check(train: int | None, validation: int | None, test: int, group: str | None, time: str | None) -> None:
    for name, count in (("train", train), ("validation", validation)):
        if count is not None and count < 1:
            raise UsageError(f"{name} is {count}, expected a number of rows of at least 1")
    if test < 0:
        raise UsageError(f"test is {test}, expected a number of rows of at least 0")
    if group is not None and time is not None:
        raise UsageError("group and time are both given; rows are split by one of them. Leave one out")


def _opened(source: Any, rows: int | None, asked: Asked, options: dict[str, Any]) -> tuple[Source, Asked]:
    """The source with the rows that are needed, and what is asked for of a table like it."""
    # A HIGGS table may be a remote file of gigabytes, so it is opened for just the rows that its split needs.
    like_higgs = Asked(asked.train or TUTORIAL_TRAIN, asked.validation or TUTORIAL_VALIDATION, asked.test)
    needed = sum(filter(None, like_higgs))
    opened = open_source(source, rows=needed if rows is None else min(rows, needed), **options)
    if not opened.higgs_layout:
        return open_source(source, rows=rows, **options), asked
    if rows is not None and needed > rows:
        raise UsageError(f"the training, validation and test rows are {needed} together, but rows is {rows}")
    return opened, like_higgs


@dataclass(frozen=True, eq=False)
class _Rows:
    """All rows as read; `aside` are the values of the column that they are split by.

    There is no `raw` of a table that is too large to hold.
    """

    raw: Raw | None
    y: np.ndarray
    aside: pd.Series | None


def _read(source: Source, most: float) -> _Rows:
    import pyarrow as pa

    ys: list[np.ndarray] = []
    aside: list[pa.Array] = []

    def noted() -> Iterator[pa.RecordBatch]:
        for batch in source.batches():
            ys.append(batch.column(0).to_numpy(zero_copy_only=False))
            aside.extend(batch.column(name) for name in source.aside)
            yield batch

    try:
        raw = gather(noted(), source.columns, source.origin, most)
    except TooLargeError:
        raw = None
    if raw is None:  # only now, that what was read is let go with the error
        ys.clear()
        aside.clear()
        for _ in noted():
            pass
    if not ys:
        raise TooFewRowsError(f"{source.origin} holds no rows; expected a table with at least two")
    return _Rows(raw, np.concatenate(ys), pa.chunked_array(aside).to_pandas() if aside else None)


def _split_aside(
    source: Source, read: _Rows, labels: np.ndarray, grouped: bool, wanted: Wanted, seed: int
) -> tuple[list[np.ndarray], str]:
    """The split by the column that was read aside, and what it is in words."""
    values, column, rows = read.aside, source.aside[0], len(read.y)
    assert values is not None
    if values.isna().any():
        row = int(np.flatnonzero(values.isna())[0]) + 1
        mend = "Fill it in, remove the row, or split by another column."
        problem = f"it is empty, expected a {'group' if grouped else 'time'}"
        raise BadRowError(source.origin, row, column, problem, mend)
    if (wanted.train or 1) + wanted.validation + wanted.test > rows:
        raise TooFewRowsError(
            f"{source.origin} holds {rows} rows, too few for {wanted.train or 1} training, {wanted.validation} "
            f"validation and {wanted.test} test rows. Ask for fewer with --train, --validation and --test"
        )
    if grouped:
        how = f"by group: rows with the same {column} are all in one part, drawn at random with seed {seed}"
        return by_group(values, labels, wanted, seed, source.origin), how
    how = f"by time: the earliest rows of {column} train, later ones validate, the latest test"
    return by_time(values, labels, wanted, source.origin, column), how


def _prepared(
    source: Source,
    read: _Rows,
    task: AnyTask,
    parts: list[np.ndarray],
    preparation: Preparation,
    how: str,
    keep: Sequence[str],
) -> Dataset:
    names: dict[str, np.ndarray] = dict(zip(("train", "validation", "test"), parts, strict=True))
    if isinstance(task, Regression):
        task = task.fitted(read.y[parts[0]], f"{source.origin}, column {source.target!r}")
    standardise = preparation == "standardise"
    if read.raw is None:
        made = prepare_stored(source, read.y, task, parts, standardise, keep)
    else:
        made = prepare(read.raw, read.y, task, parts, standardise, source.columns, keep, source.origin)
    return Dataset(
        name=source.name,
        origin=source.origin,
        columns=made.encoding.features,
        target=source.target,
        task=task,
        train=made.train,
        validation=made.validation,
        test=made.test,
        preparation=preparation,
        mean=made.mean,
        scale=made.scale,
        encoding=made.encoding,
        described=_described(source, made, names, how),
        skipped=list(source.skipped),
    )


def _described(
    source: Source,
    made: Prepared,
    parts: Mapping[str, np.ndarray],
    how: str,
) -> Described:
    aside = {column: how.split(":")[0].removeprefix("by ") for column in source.aside}
    order = (*source.columns, *source.aside)
    columns = describe_columns(made.encoding, made.missing, {**made.dropped, **aside}, order)
    warnings = (*made.notes, *warn_of_repeated(made.repeated, parts))
    return Described(split=how, columns=columns, repeated=made.repeated, warnings=warnings)

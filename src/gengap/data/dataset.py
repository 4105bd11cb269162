"""From a source to arrays: split first, then fit the preparation on the training rows only.

HIGGS-like tables are split as the tutorial splits HIGGS: the first rows validate, the next train, and the
ones after those are the test rows that no trial sees. Other tables get a seeded, stratified split.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from gengap.data.rows import Rows
from gengap.data.source import Source, open_source
from gengap.errors import DataError, TooFewRowsError, UsageError
from gengap.limits import refuse_table
from gengap.tasks import AnyTask, Regression, TaskName, task_of

if TYPE_CHECKING:
    from gengap.data.blocks import OnBadRow, Skipped

TUTORIAL_VALIDATION, TUTORIAL_TRAIN = 1_000, 10_000
VALIDATION_SHARE = 0.2  # of any other table, at most MOST_VALIDATION rows
MOST_VALIDATION = 10_000
Preparation = Literal["raw", "standardise"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Prepared rows, split. Features are float32 (rows, columns), targets as the `task` says, float32.

    `mean` and `scale` are what was subtracted and divided by, from the training rows alone (zeros and ones
    for raw features). `test` is None when no test rows were asked for. `skipped` lists bad rows left out.
    """

    name: str
    origin: str
    columns: tuple[str, ...]
    target: str
    task: AnyTask
    train: Rows
    validation: Rows
    test: Rows | None
    preparation: Preparation
    mean: np.ndarray
    scale: np.ndarray
    skipped: list[Skipped] = field(default_factory=list)

    @cached_property
    def digest(self) -> str:
        """A fingerprint of every training and validation row, to notice that a study's data changed."""
        digest = hashlib.sha256()
        for rows in (self.train, self.validation):
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
) -> Dataset:
    """Reads `source` (see `gengap.data.source.open_source`), splits it and prepares its features.

    `rows` uses only the first so many rows; `train`, `validation` and `test` are counts of rows. For HIGGS and
    `collider` they default to the tutorial's 10,000, 1,000 and none; for other tables a fifth of the rows (at most
    10,000) validates and the rest trains. `task` is "binary", "multiclass" or "regression" (default: what the
    target's values look like, see `gengap.tasks.task_of`). Raises UsageError, DataError and those of `open_source`.

    >>> dataset = load("collider", train=300, validation=100)
    >>> dataset.train.x.shape, len(dataset.validation)
    ((300, 28), 100)
    """
    for name, count in (("train", train), ("validation", validation)):
        if count is not None and count < 1:
            raise UsageError(f"{name} is {count}, expected a number of rows of at least 1")
    if test < 0:
        raise UsageError(f"test is {test}, expected a number of rows of at least 0")
    options: dict[str, Any] = {"target": target, "on_bad_row": on_bad_row, "seed": seed, "progress": progress}
    # A HIGGS table may be a remote file of gigabytes, so it is opened for just the rows that its split needs.
    needed = (validation or TUTORIAL_VALIDATION) + (train or TUTORIAL_TRAIN) + test
    opened = open_source(source, rows=needed if rows is None else min(rows, needed), **options)
    if opened.higgs_layout:
        if rows is not None and needed > rows:
            raise UsageError(f"the training, validation and test rows are {needed} together, but rows is {rows}")
        x, y = _read(opened)
        found = _task(opened, y, task)
        seen, end = validation or TUTORIAL_VALIDATION, needed - test
        order = np.arange(needed)
        parts = [order[seen:end], order[:seen], order[end:]]
    else:
        opened = open_source(source, rows=rows, **options)
        x, y = _read(opened)
        found = _task(opened, y, task)
        parts = _split(opened, y if found.by_class else None, len(y), train, validation, test, seed)
    return _prepared(opened, x, y, found, parts, preparation)


def _read(source: Source) -> tuple[np.ndarray, np.ndarray]:
    xs, ys = [], []
    rows = 0
    for batch in source.batches():
        rows += len(batch)
        refuse_table(source.origin, rows, rows * (4 * len(source.columns) + 8))
        ys.append(batch.column(0).to_numpy(zero_copy_only=False))
        columns = [batch.column(i + 1).to_numpy(zero_copy_only=False) for i in range(len(source.columns))]
        xs.append(np.stack(columns, axis=1).astype(np.float32))
    if not ys:
        raise TooFewRowsError(f"{source.origin} holds no rows; expected a table with at least two")
    return np.concatenate(xs), np.concatenate(ys)


def _task(source: Source, y: np.ndarray, name: TaskName | None) -> AnyTask:
    return task_of(y, name, f"{source.origin}, column {source.target!r}")


def _split(
    source: Source,
    labels: np.ndarray | None,
    rows: int,
    train: int | None,
    validation: int | None,
    test: int,
    seed: int,
) -> list[np.ndarray]:
    """Row numbers of train, validation and test, each with the table's share of classes if there are `labels`."""
    from sklearn.model_selection import train_test_split

    left = rows - test
    validation = validation or min(MOST_VALIDATION, max(1, int(left * VALIDATION_SHARE)))
    train = train or left - validation
    if train < 2 or validation < 2 or train + validation + test > rows:
        raise TooFewRowsError(
            f"{source.origin} holds {rows} rows, too few for {max(train, 2)} training, {max(validation, 2)} "
            f"validation and {test} test rows. Ask for fewer with --train, --validation and --test"
        )
    everything = np.arange(rows)
    held = everything[:0]
    try:
        if test:
            everything, held = train_test_split(everything, test_size=test, stratify=labels, random_state=seed)
        strata = None if labels is None else labels[everything]
        chosen = train_test_split(
            everything, train_size=train, test_size=validation, stratify=strata, random_state=seed
        )
    except ValueError as error:
        raise DataError(f"{source.origin}: the rows can't be split by class ({error}). Take more rows") from None
    return [np.sort(part) for part in (*chosen, held)]


def _prepared(
    source: Source,
    x: np.ndarray,
    y: np.ndarray,
    task: AnyTask,
    parts: list[np.ndarray],
    preparation: Preparation,
) -> Dataset:
    train = x[parts[0]]
    if isinstance(task, Regression):
        task = task.fitted(y[parts[0]], f"{source.origin}, column {source.target!r}")
    mean, scale = np.zeros(x.shape[1], np.float32), np.ones(x.shape[1], np.float32)
    if preparation == "standardise":
        mean = train.mean(axis=0, dtype=np.float64).astype(np.float32)
        spread = train.std(axis=0, dtype=np.float64).astype(np.float32)
        scale = np.where(spread > 0, spread, 1).astype(np.float32)  # a constant column stays at 0
    splits = [Rows((x[part] - mean) / scale, task.encoded(y[part])) if len(part) else None for part in parts]
    fitted, seen, held = splits
    assert fitted is not None and seen is not None
    names = (source.name, source.origin, source.columns, source.target)
    return Dataset(*names, task, fitted, seen, held, preparation, mean, scale, list(source.skipped))

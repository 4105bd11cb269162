"""From a source to arrays: split first, then fit the preparation on the training rows only.

HIGGS-like tables are split as the tutorial splits HIGGS: the first rows validate, the next train, and the
ones after those are the test rows that no trial sees. Other tables get a seeded, stratified split. Any table can be
split by group or by time instead.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec
import numpy as np

from gengap.data.columns import ColumnKind
from gengap.data.encoding import Date, Encoding
from gengap.data.formatted_numbers import adorned, refuse_adorned
from gengap.data.large_tables import prepare_large_table
from gengap.data.preparation import PreparedTable, prepare
from gengap.data.raw_table import RawTable, collect_columns
from gengap.data.rows import Rows
from gengap.data.sample_weights import (
    ClassWeight,
    balanced,
    check_weights,
    normalise_weights,
    source_row_number,
    weighting,
)
from gengap.data.sources.source import Source, open_source
from gengap.data.split import SplitSizes, comparable_times, split_at_random, split_by_group, split_by_time
from gengap.data.stored_rows import StoredRows
from gengap.data.table_summary import (
    TableSummary,
    summarise_columns,
    warn_of_ambiguous_dates,
    warn_of_repeated_rows,
    warn_of_similar_classes,
)
from gengap.errors import BadRowError, TooFewRowsError, UsageError
from gengap.files.limits import TooLargeError, default_table_bytes
from gengap.tasks import AnyTask, Regression, TaskName, task_of

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from gengap.data.sources.blocks import OnBadRow, SkippedRow
    from gengap.data.table_summary import Dates

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
    `skipped` lists bad rows left out. Training rows that memory would not hold are
    `gengap.data.stored_rows.StoredRows`.
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
    encoding: Encoding
    described: TableSummary
    skipped: list[SkippedRow] = field(default_factory=list)

    @cached_property
    def digest(self) -> str:
        """A fingerprint of every training and validation row, and of all that a saved model holds of the table."""
        digest = hashlib.sha256(msgspec.json.encode((self.target, self.task, self.encoding.columns, self.columns)))
        digest.update(self.mean.tobytes() + self.scale.tobytes())
        # Stored rows are named by what they hold; the name tells them from rows in memory, which train otherwise.
        for rows in (self.train, self.validation):
            if isinstance(rows, StoredRows):
                digest.update(rows.path.name.encode())
                continue
            for part in filter(lambda part: part is not None, (rows.x, rows.y, rows.weights)):
                digest.update(np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()[:16]

    def balanced(self) -> Dataset:
        """The same with classes that count alike in the loss that training minimises."""
        labels = self.task.labels(self.train.y)
        return replace(self, train=replace(self.train, class_factors=balanced(labels, self.train.weights)))


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
    weight: str | None = None,
    class_weight: ClassWeight | None = None,
    column: Mapping[str, ColumnKind] | None = None,
    memory: float | None = None,
) -> Dataset:
    """Reads `source` (see `gengap.data.sources.source.open_source`), splits it and prepares its features.

    `rows` uses only the first so many rows; `train`, `validation` and `test` are counts of rows. For HIGGS and
    `collider` they default to the tutorial's 10,000, 1,000 and none; for other tables a fifth of the rows (at most
    10,000) validates and the rest trains. `task` is "binary", "multiclass" or "regression" (default: what the
    target's values look like, see `gengap.tasks.task_of`). With `group`, a column, rows that have the same value
    there are all on one side; with `time`, the earliest rows train, later ones validate and the latest test;
    neither column is a feature then. Columns that look like identifiers are left out, but for those to `keep`.
    `column` says what some are, whatever they look like: "category", "number", "text", "date", or "drop" to leave
    them out.
    `weight`, a column of numbers of 0 or more and no feature, says by how much each row counts, in every loss and
    score; only its ratios matter. `class_weight` "balanced" makes classes count alike in the loss that training
    minimises (see `gengap.data.sample_weights.balanced`).
    Of a table that takes more than `memory` GiB (default: a quarter of the machine's) the training rows are kept on
    disk, in GENGAP_CACHE or the user's cache folder.
    Raises UsageError, DataError and the errors of `open_source`.

    >>> dataset = load("collider", train=300, validation=100)
    >>> dataset.train.x.shape, len(dataset.validation)
    ((300, 28), 100)
    """
    _check(train, validation, test, group, time)
    by = time if group is None else group
    if memory is not None and not memory > 0:
        raise UsageError(f"memory is {memory}, expected a number of GiB above 0")
    most = default_table_bytes() if memory is None else memory * 2**30
    aside = [column for column in (by, weight) if column is not None]
    options: dict[str, Any] = {"target": target, "on_bad_row": on_bad_row, "seed": seed, "progress": progress}
    options |= {"aside": aside, "column": column, "keep": keep}
    opened, asked = _open_with_counts(source, rows, SplitRequest(train, validation, test), options)
    read = _read(opened, most)
    if read.raw is None and (weight is not None or class_weight is not None):
        raise UsageError(
            f"{opened.origin}: it takes more memory than it may, and rows kept on disk have no weights yet. Raise "
            "--memory (memory=), use fewer rows with --rows, or leave --weight and --class-weight out"
        )
    place = f"{opened.origin}, column {opened.target!r}"
    if read.y.dtype.kind not in "biuf" and (task is None or task == "regression"):
        _refuse_adorned_target(place, read.y)
    found = task_of(read.y, task, place)
    if class_weight is not None and not found.by_class:
        raise UsageError(
            f"{opened.origin}: class weights are for classes, and {opened.target!r} is a number. Leave "
            "--class-weight (class_weight=) out, or say --task multiclass"
        )
    labels = found.strata(read.y)
    dates: Dates = {}
    if by is not None:
        parts, how, dates = _split_by_column(
            opened, read, labels, by, group is not None, asked.of(len(labels)), seed
        )
    elif opened.higgs_layout and asked.validation is not None:
        seen, end = asked.validation, len(labels) - test
        order = np.arange(len(labels))
        parts = [order[seen:end], order[:seen], order[end:]]
        how = (
            "in the table's order: the first rows validate, the next train"
            + ", and those after them test" * bool(test)
        )
    else:
        wanted = asked.of(len(labels))
        parts = split_at_random(labels if found.by_class else None, len(labels), wanted, seed, opened.origin)
        how = f"drawn at random with seed {seed}" + ", every class with its share" * found.by_class
    if weight is not None:
        weights = check_weights(read.aside[weight], opened.origin, weight, opened.skipped)
        read = replace(read, weight=weight, weights=normalise_weights(weights, parts, opened.origin, weight))
    dataset = _build_dataset(opened, read, found, parts, preparation, how, keep, column or {})
    return _add_notes(
        dataset.balanced() if class_weight is not None else dataset, weight, _dates(dataset, read) | dates
    )


def _dates(dataset: Dataset, read: _TableRows) -> Dates:
    columns = {} if read.raw is None else read.raw.others
    steps = [step for step in dataset.encoding.steps if isinstance(step, Date) and step.name in columns]
    return {step.name: (columns[step.name], step.format) for step in steps if step.format is not None}


def _add_notes(dataset: Dataset, weight: str | None, dates: Dates) -> Dataset:
    """The same, with how it is weighted in words, and with what dates may be."""
    parts = {"training": dataset.train, "validation": dataset.validation, "test": dataset.test}
    weights = {name: rows.weights for name, rows in parts.items() if rows is not None and rows.weights is not None}
    told = weighting(weight, weights, dataset.train.class_factors is not None)
    warnings = (*dataset.described.warnings, *warn_of_ambiguous_dates(dates))
    return replace(dataset, described=msgspec.structs.replace(dataset.described, weighting=told, warnings=warnings))


class SplitRequest(NamedTuple):
    """How many rows each part of the split shall have, as asked for."""

    train: int | None
    validation: int | None
    test: int

    def of(self, rows: int) -> SplitSizes:
        """The same, with validation's default for a table of so many `rows`."""
        validation = self.validation or min(MOST_VALIDATION, max(1, int((rows - self.test) * VALIDATION_SHARE)))
        return SplitSizes(self.train, validation, self.test)


def _check(train: int | None, validation: int | None, test: int, group: str | None, time: str | None) -> None:
    for name, count in (("train", train), ("validation", validation)):
        if count is not None and count < 1:
            raise UsageError(f"{name} is {count}, expected a number of rows of at least 1")
    if test < 0:
        raise UsageError(f"test is {test}, expected a number of rows of at least 0")
    if group is not None and time is not None:
        raise UsageError("group and time are both given; rows are split by one of them. Leave one out")


def _refuse_adorned_target(place: str, target: np.ndarray) -> None:
    classes = dict.fromkeys(target)
    if len(classes) > 1 and (example := adorned(map(str, classes))):
        kind = "binary" if len(classes) == 2 else "multiclass"
        refuse_adorned({place: example}, f"say --task {kind} (task=)")


def _open_with_counts(
    source: Any, rows: int | None, asked: SplitRequest, options: dict[str, Any]
) -> tuple[Source, SplitRequest]:
    """The source with the rows that are needed, and what is asked for of a table like it."""
    # A HIGGS table may be a remote file of gigabytes, so it is opened for just the rows that its split needs.
    like_higgs = SplitRequest(asked.train or TUTORIAL_TRAIN, asked.validation or TUTORIAL_VALIDATION, asked.test)
    needed = sum(filter(None, like_higgs))
    opened = open_source(source, rows=needed if rows is None else min(rows, needed), **options)
    if not opened.higgs_layout:
        return open_source(source, rows=rows, **options), asked
    if rows is not None and needed > rows:
        raise UsageError(f"the training, validation and test rows are {needed} together, but rows is {rows}")
    return opened, like_higgs


@dataclass(frozen=True, eq=False)
class _TableRows:
    """All rows as read; `aside` are the values of the columns that they are split or weighted by.

    `weights` (rows,) are those of the column `weight`, of mean 1 in every part. There is no `raw` of a table that
    is too large to hold.
    """

    raw: RawTable | None
    y: np.ndarray
    aside: Mapping[str, pd.Series]
    weight: str | None = None
    weights: np.ndarray | None = None


def _read(source: Source, most: float) -> _TableRows:
    import pyarrow as pa

    ys: list[np.ndarray] = []
    aside: dict[str, list[pa.Array]] = {name: [] for name in source.aside}

    def noted() -> Iterator[pa.RecordBatch]:
        for batch in source.batches(exact=True):
            ys.append(batch.column(0).to_numpy(zero_copy_only=False))
            for name in source.aside:
                aside[name].append(batch.column(name))
            yield batch

    try:
        raw = collect_columns(noted(), source.columns, source.origin, most)
    except TooLargeError:
        raw = None
    if raw is None:  # only now, that what was read is let go with the error
        ys.clear()
        for arrays in aside.values():
            arrays.clear()
        for _ in noted():
            pass
    if not ys:
        raise TooFewRowsError(f"{source.origin} holds no rows; expected a table with at least two")
    beside = {name: pa.chunked_array(arrays).to_pandas() for name, arrays in aside.items()}
    return _TableRows(raw, np.concatenate(ys), beside)


def _split_by_column(
    source: Source, read: _TableRows, labels: np.ndarray, column: str, grouped: bool, wanted: SplitSizes, seed: int
) -> tuple[list[np.ndarray], str, Dates]:
    """The split by the column that was read aside, what it is in words, and the column if it is dates of text."""
    values, rows = read.aside[column], len(read.y)
    if values.isna().any():
        row = source_row_number(int(np.flatnonzero(values.isna())[0]), source.skipped)
        mend = "Fill it in, remove the row, or split by another column."
        problem = f"it is empty, expected a {'group' if grouped else 'time'}"
        raise BadRowError(source.origin, row, column, problem, mend)
    if (wanted.train or 1) + wanted.validation + wanted.test > rows:
        raise TooFewRowsError(
            f"{source.origin} holds {rows} rows, too few for {wanted.train or 1} training, {wanted.validation} "
            f"validation and {wanted.test} test rows. Ask for fewer with --train, --validation and --test."
        )
    if grouped:
        how = f"by group: rows with the same {column} are all in one part, drawn at random with seed {seed}"
        return split_by_group(values, labels, wanted, seed, source.origin), how, {}
    how = f"by time: the earliest rows of {column} train, later ones validate" + ", the latest test" * bool(
        wanted.test
    )
    times, written = comparable_times(values, source.origin, column)
    dates = {} if written is None else {column: (values, written)}
    return split_by_time(times, labels, wanted, source.origin), how, dates


def _build_dataset(
    source: Source,
    read: _TableRows,
    task: AnyTask,
    parts: list[np.ndarray],
    preparation: Preparation,
    how: str,
    keep: Sequence[str],
    said: Mapping[str, ColumnKind],
) -> Dataset:
    names: dict[str, np.ndarray] = dict(zip(("train", "validation", "test"), parts, strict=True))
    weights = [None if read.weights is None else read.weights[part] for part in parts]
    if isinstance(task, Regression):
        task = task.fitted(read.y[parts[0]], f"{source.origin}, column {source.target!r}", weights[0])
    standardise = preparation == "standardise"
    if read.raw is None:
        made = prepare_large_table(source, read.y, task, parts, standardise, keep, said)
    else:
        how_to = (standardise, source.columns, keep, said, source.origin)
        made = prepare(read.raw, read.y, weights, task, parts, *how_to)
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
        described=_summarise(source, made, names, how, read.weight, task.classes),
        skipped=list(source.skipped),
    )


def _summarise(
    source: Source,
    made: PreparedTable,
    parts: Mapping[str, np.ndarray],
    how: str,
    weight: str | None,
    classes: Sequence[str],
) -> TableSummary:
    aside = {column: how.split(":")[0].removeprefix("by ") for column in source.aside}
    aside |= {} if weight is None else {weight: "weight"}
    aside |= dict.fromkeys(source.dropped, "dropped")
    order = (*source.columns, *source.aside, *source.dropped)
    columns = summarise_columns(made.encoding, made.missing, {**made.dropped, **aside}, order)
    warnings = (
        *source.notes,
        *made.notes,
        *warn_of_similar_classes(classes),
        *warn_of_repeated_rows(made.repeated, parts),
    )
    return TableSummary(split=how, columns=columns, repeated=made.repeated, warnings=warnings)

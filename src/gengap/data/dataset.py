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
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

import msgspec
import numpy as np

from gengap.data.encoding import Date, Encoding
from gengap.data.formatted_numbers import find_format, note_on_format
from gengap.data.large_tables import prepare_large_table
from gengap.data.preparation import PreparedTable, prepare
from gengap.data.raw_table import RawTable, collect_columns
from gengap.data.rows import Rows
from gengap.data.sample_weights import (
    balanced,
    check_weights,
    describe_weights,
    normalise_weights,
    source_row_number,
)
from gengap.data.sources.source import Source, open_source
from gengap.data.spec import DataOptions, DataSpec, Preparation
from gengap.data.split import SplitSizes, comparable_times, split_at_random, split_by_group, split_by_time
from gengap.data.stored_rows import StoredRows
from gengap.data.table_summary import (
    TableSummary,
    summarise_columns,
    warn_of_ambiguous_dates,
    warn_of_repeated_rows,
    warn_of_similar_classes,
)
from gengap.errors import BadRowError, FormattedNumberError, TooFewRowsError, UsageError, shown
from gengap.files.limits import TooLargeError, default_table_bytes
from gengap.tasks import AnyTask, Regression, task_of
from gengap.text.catalog import Message

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from gengap.data.sources.blocks import SkippedRow
    from gengap.data.table_summary import Dates

TUTORIAL_VALIDATION, TUTORIAL_TRAIN = 1_000, 10_000
VALIDATION_SHARE = 0.2  # of any other table, at most MOST_VALIDATION rows
MOST_VALIDATION = 10_000


@dataclass(frozen=True, eq=False)
class Dataset:
    """Prepared rows, split. Features are float32 (rows, columns), targets as the `task` says, float32.

    `columns` are the features, `encoding` makes them of the table's columns, and `table` says how, and how the rows
    were split. `mean` and `scale` are what was subtracted and divided by, from the
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
    table: TableSummary
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
    spec: DataSpec | None = None,
    *,
    preparation: Preparation = "standardise",
    seed: int = 0,
    progress: Callable[[int, int | None], None] | None = None,
    **options: Unpack[DataOptions],
) -> Dataset:
    """Read a table, split its rows and prepare its features.

    Args:
        source: "collider", "higgs", a path, an address, a DataFrame or Arrow table, or arrays `(X, y)`, see
            `gengap.data.sources.source.open_source`.
        spec: Which rows and columns are used and how. Default: `DataSpec()`.
        preparation: "standardise" subtracts the mean of each feature and divides by its standard deviation, both
            of the training rows. "raw" leaves the features unchanged.
        seed: Seed of the random split.
        progress: Function that is called with the number of rows (or bytes of a download) read, and the number
            expected, or None if that is unknown.
        **options: The fields of `gengap.data.spec.DataSpec` as keywords: `target`, `rows`, `train`, `validation`,
            `test`, `task`, `on_bad_row`, `group`, `time`, `keep`, `weight`, `class_weight`, `column`, `memory`.
            They replace those of `spec`.

    Returns:
        The prepared dataset, split into training, validation and test rows.

    Raises:
        UsageError: An option is wrong.
        DataError: The rows can't be used.

    >>> dataset = load("collider", train=300, validation=100)
    >>> dataset.train.x.shape, len(dataset.validation)
    ((300, 28), 100)
    """
    spec = DataSpec.of(spec, **options)
    opened, request = _open_with_counts(source, spec, seed, progress)
    opened, read = _read(opened, default_table_bytes() if spec.memory is None else spec.memory * 2**30)
    if read.raw is None and (spec.weight is not None or spec.class_weight is not None):
        raise UsageError(
            f"{opened.origin}: the table is larger than the memory it may use, and rows on disk can't have weights "
            "yet. Raise --memory (memory=), use fewer rows with --rows, or leave --weight and --class-weight out"
        )
    read = _read_target(opened, read, spec)
    task = _find_task(opened, read, spec)
    split = _split(opened, read, task, request, spec, seed)
    if spec.weight is not None:
        weights = check_weights(read.extra[spec.weight], opened.origin, spec.weight, opened.skipped)
        weights = normalise_weights(weights, split.parts, opened.origin, spec.weight)
        read = replace(read, weights=weights)
    dataset = _build_dataset(opened, read, task, split, preparation, spec)
    dataset = dataset.balanced() if spec.class_weight is not None else dataset
    return _add_notes(dataset, spec.weight, _dates(dataset, read) | split.dates)


def _find_task(source: Source, read: _TableRows, spec: DataSpec) -> AnyTask:
    """The task of the target's values. Raises UsageError for options that don't fit it."""
    place = f"{source.origin}, column {source.target!r}"
    task = task_of(read.y, spec.task, place)
    if spec.class_weight is not None and not task.by_class:
        raise UsageError(
            f"{source.origin}: class weights are for classes, and {source.target!r} is a number. Leave "
            "--class-weight (class_weight=) out, or say --task multiclass"
        )
    return task


def _dates(dataset: Dataset, read: _TableRows) -> Dates:
    columns = {} if read.raw is None else read.raw.others
    steps = [step for step in dataset.encoding.steps if isinstance(step, Date) and step.name in columns]
    return {step.name: (columns[step.name], step.format) for step in steps if step.format is not None}


def _add_notes(dataset: Dataset, weight: str | None, dates: Dates) -> Dataset:
    """Return the dataset with notes on weights and ambiguous dates added."""
    parts = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    weights = {name: rows.weights for name, rows in parts.items() if rows is not None and rows.weights is not None}
    notes = describe_weights(weight, weights, dataset.train.class_factors is not None)
    warnings = (*dataset.table.warnings, *warn_of_ambiguous_dates(dates))
    return replace(dataset, table=msgspec.structs.replace(dataset.table, weighting=notes, warnings=warnings))


class SplitRequest(NamedTuple):
    """How many rows each part of the split shall have, as the options say."""

    train: int | None
    validation: int | None
    test: int

    def of(self, rows: int) -> SplitSizes:
        """The sizes of the parts of a table of `rows` rows, with the default for validation."""
        validation = self.validation or min(MOST_VALIDATION, max(1, int((rows - self.test) * VALIDATION_SHARE)))
        return SplitSizes(self.train, validation, self.test)


def _read_target(source: Source, read: _TableRows, spec: DataSpec) -> _TableRows:
    """Read a target of formatted numbers, such as "1,234.5". Texts that are classes stay."""
    if read.y.dtype.kind in "biuf" or spec.task in ("binary", "multiclass"):
        return read
    place = f"{source.origin}, column {source.target!r}"
    found = find_format(place, dict.fromkeys(read.y), source.decimal, "say --task multiclass (task=)")
    if found is None:
        return read
    import pandas as pd

    numbers = found.format.read(pd.Series(read.y)).to_numpy()
    if np.isnan(numbers).any():
        index = int(np.isnan(numbers).argmax())
        problem = f"{shown(read.y[index])} is no number written as {found.format.pattern}, as the others are"
        hint = "Correct it, or say --task multiclass (task=) if these are classes."
        raise BadRowError(source.origin, source_row_number(index, source.skipped), source.target, problem, hint)
    if spec.task is None and task_of(numbers, None, place).by_class:
        return read
    return replace(read, y=numbers, notes=(note_on_format(source.target, found),))


def _open_with_counts(
    source: Any, spec: DataSpec, seed: int, progress: Callable[[int, int | None], None] | None
) -> tuple[Source, SplitRequest]:
    """Open the source with the rows that are needed, and return the parts' sizes for a table of its kind."""
    # A HIGGS table may be a remote file of gigabytes, so it is opened for just the rows that its split needs.
    request = SplitRequest(spec.train or TUTORIAL_TRAIN, spec.validation or TUTORIAL_VALIDATION, spec.test)
    needed = sum(filter(None, request))
    few = DataSpec.of(spec, rows=needed if spec.rows is None else min(spec.rows, needed))
    opened = open_source(source, few, seed=seed, progress=progress)
    if not opened.higgs_layout:
        opened = open_source(source, spec, seed=seed, progress=progress)
        return opened, SplitRequest(spec.train, spec.validation, spec.test)
    if spec.rows is not None and needed > spec.rows:
        raise UsageError(f"the training, validation and test rows are {needed} together, but rows is {spec.rows}")
    return opened, request


@dataclass(frozen=True, eq=False)
class _TableRows:
    """All rows as read.

    `raw` is None for a table that is too large for memory. `extra` are the columns that rows are split or weighted
    by. `weights` (rows,) have the mean 1 in every part.
    """

    raw: RawTable | None
    y: np.ndarray
    extra: Mapping[str, pd.Series]
    weights: np.ndarray | None = None
    notes: tuple[Message, ...] = ()


class _Split(NamedTuple):
    """The row numbers of train, validation and test, how they were found, and dates that rows were split by."""

    parts: list[np.ndarray]
    description: Message
    dates: Dates


def _read(source: Source, max_bytes: float) -> tuple[Source, _TableRows]:
    """Read all rows. A column of plain numbers in which "1,234.5" turns up late is read again, as text."""
    while True:
        try:
            return source, _read_once(source, max_bytes)
        except FormattedNumberError as error:
            if source.higgs_layout or error.column is None or error.column in source.texts:
                raise
            source = source.reading_as_text(error.column)


def _read_once(source: Source, max_bytes: float) -> _TableRows:
    import pyarrow as pa

    ys: list[np.ndarray] = []
    extra: dict[str, list[pa.Array]] = {name: [] for name in source.extra}

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in source.batches(exact=True):
            ys.append(batch.column(0).to_numpy(zero_copy_only=False))
            for name in source.extra:
                extra[name].append(batch.column(name))
            yield batch

    try:
        raw = collect_columns(batches(), source.columns, source.origin, max_bytes)
    except TooLargeError:
        raw = None
    if raw is None:  # outside of `except`, so that the rows read before are freed with the error
        ys.clear()
        for arrays in extra.values():
            arrays.clear()
        for _ in batches():
            pass
    if not ys:
        raise TooFewRowsError(f"{source.origin} holds no rows; expected a table with at least two")
    columns = {name: pa.chunked_array(arrays).to_pandas() for name, arrays in extra.items()}
    return _TableRows(raw, np.concatenate(ys), columns)


def _split(
    source: Source, read: _TableRows, task: AnyTask, request: SplitRequest, spec: DataSpec, seed: int
) -> _Split:
    """Split the rows by group, by time, in the table's order, or at random."""
    labels = task.strata(read.y)
    rows = len(labels)
    if spec.group is not None or spec.time is not None:
        return _split_by_column(source, read, labels, request.of(rows), spec, seed)
    if source.higgs_layout and request.validation is not None:
        seen, end = request.validation, rows - request.test
        order = np.arange(rows)
        message = Message("table-split-order", {"test": request.test > 0})
        return _Split([order[seen:end], order[:seen], order[end:]], message, {})
    parts = split_at_random(labels if task.by_class else None, rows, request.of(rows), seed, source.origin)
    code = "table-split-stratified" if task.by_class else "table-split-random"
    return _Split(parts, Message(code, {"seed": seed}), {})


def _split_by_column(
    source: Source, read: _TableRows, labels: np.ndarray, sizes: SplitSizes, spec: DataSpec, seed: int
) -> _Split:
    """Split by the column of groups or times."""
    column = spec.group or spec.time or ""
    values, rows = read.extra[column], len(read.y)
    if values.isna().any():
        row = source_row_number(int(np.flatnonzero(values.isna())[0]), source.skipped)
        hint = "Fill it in, remove the row, or split by another column."
        problem = f"it is empty, expected a {'time' if spec.group is None else 'group'}"
        raise BadRowError(source.origin, row, column, problem, hint)
    if (sizes.train or 1) + sizes.validation + sizes.test > rows:
        raise TooFewRowsError(
            f"{source.origin} holds {rows} rows, too few for {sizes.train or 1} training, {sizes.validation} "
            f"validation and {sizes.test} test rows. Ask for fewer with --train, --validation and --test."
        )
    if spec.group is not None:
        message = Message("table-split-group", {"column": column, "seed": seed})
        return _Split(split_by_group(values, labels, sizes, seed, source.origin), message, {})
    message = Message("table-split-time", {"column": column, "test": sizes.test > 0})
    times, format = comparable_times(values, source.origin, column)
    dates = {} if format is None else {column: (values, format)}
    return _Split(split_by_time(times, labels, sizes, source.origin), message, dates)


def _build_dataset(
    source: Source, read: _TableRows, task: AnyTask, split: _Split, preparation: Preparation, spec: DataSpec
) -> Dataset:
    parts = split.parts
    weights = [None if read.weights is None else read.weights[part] for part in parts]
    if isinstance(task, Regression):
        task = task.fitted(read.y[parts[0]], f"{source.origin}, column {source.target!r}", weights[0])
    standardise = preparation == "standardise"
    if read.raw is None:
        prepared = prepare_large_table(source, read.y, task, parts, standardise, spec)
    else:
        prepared = prepare(read.raw, read.y, weights, task, parts, standardise, source, spec)
    return Dataset(
        name=source.name,
        origin=source.origin,
        columns=prepared.encoding.features,
        target=source.target,
        task=task,
        train=prepared.train,
        validation=prepared.validation,
        test=prepared.test,
        preparation=preparation,
        mean=prepared.mean,
        scale=prepared.scale,
        encoding=prepared.encoding,
        table=_summarise(source, prepared, split, task.classes, spec, read.notes),
        skipped=list(source.skipped),
    )


def _summarise(
    source: Source,
    prepared: PreparedTable,
    split: _Split,
    classes: Sequence[str],
    spec: DataSpec,
    notes: tuple[Message, ...],
) -> TableSummary:
    roles = {spec.group: "group", spec.time: "time", spec.weight: "weight"}
    unused = {column: roles[column] for column in source.extra} | dict.fromkeys(source.dropped, "dropped")
    order = (*source.columns, *source.extra, *source.dropped)
    columns = summarise_columns(prepared.encoding, prepared.missing, {**prepared.dropped, **unused}, order)
    parts: dict[str, np.ndarray] = dict(zip(("train", "validation", "test"), split.parts, strict=True))
    warnings = (
        *source.notes,
        *notes,
        *prepared.notes,
        *warn_of_similar_classes(classes),
        *warn_of_repeated_rows(prepared.repeated, parts),
    )
    return TableSummary(split=split.description, columns=columns, repeated=prepared.repeated, warnings=warnings)

"""`load()`: from a table to arrays. The rows are split first; the preparation is fitted to training rows only."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Unpack

import msgspec
import numpy as np

from gengap.data.column_kinds import find_formats
from gengap.data.encoding import Date, Encoding
from gengap.data.preparation import PreparedTable, find_encoding, prepare, prepare_large_table
from gengap.data.rows import Rows
from gengap.data.sources.source import Source, open_source
from gengap.data.split import (
    Split,
    balanced,
    check_weights,
    describe_weights,
    draw_folds,
    find_units,
    normalise_weights,
    split_rows,
)
from gengap.data.stored_rows import StoredRows
from gengap.data.table_rows import TableRows, find_task, read_rows, read_target
from gengap.data.table_summary import (
    NOTES,
    TableSummary,
    summarise_columns,
    warn_of_ambiguous_dates,
    warn_of_repeated_rows,
    warn_of_similar_classes,
)
from gengap.data.units import Units
from gengap.errors import TooFewRowsError, UsageError
from gengap.files.limits import TooLargeError
from gengap.options.spec import Preparation
from gengap.options.study_options import DataOptions, DataSpec
from gengap.tasks import AnyTask, Binary, Multiclass, Regression

if TYPE_CHECKING:
    import pandas as pd

    from gengap.data.sources.row_blocks import Progress, SkippedRow

TUTORIAL_VALIDATION, TUTORIAL_TRAIN = 1_000, 10_000  # defaults for HIGGS-like tables


@dataclass(frozen=True, eq=False)
class Dataset:
    """Prepared rows, split into training, validation and test.

    Attributes:
        name: Short name, safe as a folder.
        origin: The path, address or word that was given, without passwords.
        columns: Names of the features.
        target: Name of the target.
        task: What the target is, and how its values become numbers.
        train: Training rows, float32. They are `StoredRows` if they are too many for the memory.
        validation: Validation rows.
        test: Test rows, or None.
        preparation: How features were prepared, see `load`.
        mean: What was subtracted from each feature (features,); zeros for "raw".
        scale: What each feature was divided by (features,); ones for "raw".
        encoding: How the table's columns become features.
        table: What was found in the table, and how its rows were split.
        skipped: Bad rows that were left out.
        validation_units: Groups or blocks of time of the validation rows; None if each row is drawn alone.
        test_units: The same of the test rows.
        test_digest: A hash of the test rows as read, in any order; "" without test rows.
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
    validation_units: Units | None = None
    test_units: Units | None = None
    test_digest: str = ""

    @property
    def row_counts(self) -> dict[str, int]:
        """The number of rows of each split."""
        counts = {"train": len(self.train), "validation": len(self.validation)}
        return counts | {"test": 0 if self.test is None else len(self.test)}

    @cached_property
    def digest(self) -> str:
        """A hash of all training and validation rows, and of what a saved model holds of the table."""
        digest = hashlib.sha256(msgspec.json.encode((self.target, self.task, self.encoding.columns, self.columns)))
        digest.update(self.mean.tobytes() + self.scale.tobytes())
        # Stored rows are named by a hash. It differs from that of rows in memory, which train in other steps.
        for rows in (self.train, self.validation):
            if isinstance(rows, StoredRows):
                digest.update(f"{rows.path.name} {len(rows)}".encode())
                continue
            for part in rows.arrays:
                digest.update(np.ascontiguousarray(part).reshape(-1).view(np.uint8).data)
        return digest.hexdigest()[:16]

    def with_train_rows(self, most: int) -> Dataset:
        """Return the dataset with at most this many training rows: a random part, classes keep their shares.

        Rows of a model that is cloned stay as they are: they may have any form.
        """
        if len(self.train) <= most or not self.columns:
            return self
        return replace(self, train=self.train.subset(most / len(self.train), seed=0))

    def balanced(self) -> Dataset:
        """Return the dataset with classes of equal total weight in the training loss."""
        labels = self.task.labels(self.train.y)
        return replace(self, train=replace(self.train, class_factors=balanced(labels, self.train.weights)))

    def joined(self, *parts: Rows) -> Rows:
        """Join parts of the rows for training, with class weights if the training rows have them."""
        x, y = (np.concatenate([getattr(part, name) for part in parts]) for name in ("x", "y"))
        weights = None if self.train.weights is None else np.concatenate([part.weights for part in parts])
        found = replace(self, train=Rows(x, y, weights))
        return found.train if self.train.class_factors is None else found.balanced().train

    def folds(self, count: int, seed: int = 0) -> Iterator[tuple[np.ndarray, Rows, Rows]]:
        """Yield folds for cross-validation: in each, some training rows change places with validation rows.

        With a fifth of the rows in validation, the dataset and four folds make five-fold cross-validation. Classes
        keep their shares. The preparation stays the same, so it was fitted to rows that validate here too.

        Args:
            count: Number of folds.
            seed: Seed of the parts.

        Yields:
            Indices of the training rows that validate in this fold, its training rows and its validation rows.

        >>> dataset = load("collider", train=100, validation=20)
        >>> [(len(held), len(train), len(validation)) for held, train, validation in dataset.folds(4)]
        [(20, 100, 20), (20, 100, 20), (20, 100, 20), (20, 100, 20)]
        """
        random, ours, theirs = np.random.default_rng(seed), self.train, self.validation
        parts = max(count, -(-len(ours) // len(theirs)))
        labels = self.task.labels(ours.y) if self.task.by_class else None
        for _, validating in draw_folds(parts, len(ours), labels, seed)[:count]:
            staying = np.setdiff1d(np.arange(len(ours)), validating)
            coming = np.sort(random.permutation(len(theirs))[: len(validating)])
            train = self.joined(ours.take(staying), theirs.take(coming))
            yield validating, train, Rows(ours.x[validating], ours.y[validating])


def load(
    source: Any,
    spec: DataSpec | None = None,
    *,
    preparation: Preparation = "standardise",
    seed: int = 0,
    progress: Progress | None = None,
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
        **options: The fields of `gengap.options.study_options.DataSpec` as keywords: `target`, `rows`, `train`,
            `validation`, `test`, `task`, `on_bad_row`, `group`, `time`, `keep`, `weight`, `class_weight`, `column`,
            `memory`. They replace those of `spec`.

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
    opened, read = _open_and_read(source, spec, seed, progress)
    if read.raw is None and (spec.weight is not None or spec.class_weight is not None):
        raise UsageError(
            f"{opened.origin}: the table is larger than the memory it may use, and rows on disk can't have weights "
            "yet. Raise --memory (memory=), use fewer rows with --rows, or leave --weight and --class-weight out"
        )
    read = read_target(opened, read)
    task = find_task(opened, read)
    classes = task.classes if isinstance(task, Binary | Multiclass) else ()
    split = split_rows(opened, read.extra, task.strata(read.y), classes, seed)
    if spec.weight is not None:
        weights = check_weights(read.extra[spec.weight], opened.origin, spec.weight, opened.skipped)
        weights = normalise_weights(weights, split.parts, opened.origin, spec.weight)
        read = replace(read, weights=weights)
    dataset = _build_dataset(opened, read, task, split, preparation)
    return dataset.balanced() if spec.class_weight is not None else dataset


@dataclass(frozen=True, eq=False)
class WholeTable:
    """All rows of a table as features, without a split.

    Attributes:
        x: Features of shape (rows, features), a DataFrame of numbers.
        y: Class numbers or numbers, of shape (rows,).
        extra: The columns of groups, times and weights, by name.
    """

    origin: str
    x: pd.DataFrame
    y: np.ndarray
    task: AnyTask
    extra: Mapping[str, pd.Series]


def load_whole(source: Any, spec: DataSpec | None = None, *, seed: int = 0) -> WholeTable:
    """Read all rows of a table, with every column turned into numbers as `load` does.

    The encoding (categories, medians of missing values) is fitted to all rows; it does not see the target.
    Arguments and errors are those of `load`. Rows that don't fit into memory are a DataError.
    """
    import pandas as pd

    opened, read = _open_and_read(source, DataSpec.of(spec), seed, None)
    raw = read.raw
    if raw is None:
        raise TooLargeError(f"{opened.origin}: the rows don't fit into the memory that they may take. Use --rows")
    read = read_target(opened, read)
    task = find_task(opened, read)
    formats = find_formats([raw], opened.columns, opened)
    encoding = find_encoding(raw, opened.columns, opened.spec, opened.origin, formats).encoding
    x = pd.DataFrame(encoding.encode(raw), columns=list(encoding.features), copy=False)
    return WholeTable(opened.origin, x, task.strata(read.y), task, read.extra)


def _open_and_read(source: Any, spec: DataSpec, seed: int, progress: Progress | None) -> tuple[Source, TableRows]:
    """Open and read the source. A HIGGS table with too few rows for the tutorial is like any table."""
    opened = _open_with_counts(source, spec, seed, progress)
    try:
        return read_rows(opened)
    except TooFewRowsError:
        if not opened.higgs_layout:
            raise
    return read_rows(open_source(source, spec, seed=seed, progress=progress))  # split by shares, or its own error


def _open_with_counts(source: Any, spec: DataSpec, seed: int, progress: Progress | None) -> Source:
    """Open the source; for a HIGGS table, with the counts of the tutorial and the rows that they need."""
    # A HIGGS table may be a remote file of gigabytes, so it is opened for just the rows that its split needs.
    train, validation = spec.train or TUTORIAL_TRAIN, spec.validation or TUTORIAL_VALIDATION
    needed = train + validation + spec.test
    rows = needed if spec.rows is None else min(spec.rows, needed)
    few = DataSpec.of(spec, rows=rows, train=train, validation=validation)
    opened = open_source(source, few, seed=seed, progress=progress)
    too_few = spec.rows is not None and needed > spec.rows
    if not opened.higgs_layout or (too_few and spec.train is None and spec.validation is None):
        return open_source(source, spec, seed=seed, progress=progress)  # split by shares, as any table
    if too_few:
        raise UsageError(f"the training, validation and test rows are {needed} together, but rows is {spec.rows}")
    return opened


def _build_dataset(
    source: Source, read: TableRows, task: AnyTask, split: Split, preparation: Preparation
) -> Dataset:
    parts = split.parts
    weights = [None if read.weights is None else read.weights[part] for part in parts]
    if isinstance(task, Regression):
        task = task.standardised_by(read.y[parts[0]], f"{source.origin}, column {source.target!r}", weights[0])
    standardise = preparation == "standardise"
    if read.raw is None:
        prepared = prepare_large_table(source, read.y, task, parts, standardise)
    else:
        prepared = prepare(read.raw, read.y, weights, task, parts, standardise, source)
    validation_units, test_units = (find_units(source, read.extra, read.y, task, part) for part in parts[1:])
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
        table=_summarise(source, read, prepared, split, task.classes),
        skipped=list(source.skipped),
        validation_units=validation_units,
        test_units=test_units,
        test_digest=_digest_of_rows(prepared.test_keys, read.y[parts[2]]),
    )


def _digest_of_rows(keys: np.ndarray | None, y: np.ndarray) -> str:
    """Return a hash of rows with these keys (rows,) and values of the target, in any order."""
    import pandas as pd

    if keys is None or not len(y):
        return ""
    return hashlib.sha256(np.sort(keys + pd.util.hash_array(y)).tobytes()).hexdigest()[:16]


def _summarise(
    source: Source, read: TableRows, prepared: PreparedTable, split: Split, classes: Sequence[str]
) -> TableSummary:
    spec, extra = source.spec, source.spec.extra_columns
    roles = {spec.group: "group", spec.time: "time", spec.weight: "weight"}
    unused = {column: roles[column] for column in extra} | dict.fromkeys(source.dropped, "dropped")
    order = (*source.columns, *extra, *source.dropped)
    columns = summarise_columns(prepared.encoding, prepared.missing, {**prepared.dropped, **unused}, order)
    parts = {"train": prepared.train, "validation": prepared.validation, "test": prepared.test}
    counts = {part: len(rows) for part, rows in parts.items() if rows is not None}
    weights = {part: rows.weights for part, rows in parts.items() if rows is not None and rows.weights is not None}
    texts = {} if read.raw is None else read.raw.others
    steps = [step for step in prepared.encoding.steps if isinstance(step, Date) and step.name in texts]
    dates = {step.name: (texts[step.name], step.format) for step in steps if step.format is not None}
    reading = (*source.reader.notes, *read.notes, *prepared.notes)
    warnings = (
        *(each for each in reading if each.code not in NOTES),
        *warn_of_similar_classes(classes),
        *warn_of_repeated_rows(prepared.repeated, counts, prepared.chance),
        *warn_of_ambiguous_dates(dates | split.dates),
    )
    return TableSummary(
        split=split.description,
        columns=columns,
        repeated=prepared.repeated,
        notes=tuple(each for each in reading if each.code in NOTES),
        warnings=warnings,
        weighting=describe_weights(spec.weight, weights, spec.class_weight is not None),
    )

"""`open_source`: a word, a path, an address or a table becomes a `Source` of record batches.

The other modules here read the formats: `csv_text` and `byte_stream` text, `tables` Parquet, Arrow, .npz and
objects in memory, `remote` addresses.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Unpack

import pyarrow as pa
import pyarrow.compute as pc

from gengap.data import collider
from gengap.data.collider import COLUMNS as HIGGS_COLUMNS
from gengap.data.sources import is_address, redact_address, remote, short_name, tables
from gengap.data.sources.row_blocks import Progress, Reader, RowBlock, SkippedRow, accept_rows, check_batch
from gengap.errors import DataError, UsageError, as_path, did_you_mean
from gengap.files.outputs import check_ending, write_output
from gengap.options.spec import OnBadRow
from gengap.options.study_options import DataOptions, DataSpec

COLLIDER = "collider"  # a source with a name, and without an end
EXPECTED = "collider, higgs, a path, an http(s) address, a DataFrame or Arrow table, or arrays (X, y)"
WHOLE = r"^(-?[1-9][0-9]{0,17}|0|)$"  # of 18 digits at most, which 64 bits hold
CORRECT = "Correct the column, or say otherwise with --column"


@dataclass(frozen=True, eq=False)
class Source:
    """Rows with a target. Each call of `batches()` reads from the start.

    Attributes:
        name: Short name, safe as a folder.
        origin: The path, address or word that was given, without passwords (see `redact_address`).
        higgs_layout: Whether these are the 29 columns of HIGGS, with the label as target.
        spec: Which rows and columns are used; the extra columns of it are read but are no features.
        dropped: Columns that are not read.
        texts: Columns that are read as text, whatever they hold.
        reader: The opened input: its columns and types, how it is understood.
        skipped: The bad rows that the latest `batches()` left out.
    """

    name: str
    origin: str
    columns: tuple[str, ...]
    target: str
    higgs_layout: bool
    spec: DataSpec
    dropped: tuple[str, ...]
    texts: frozenset[str]
    reader: Reader = field(repr=False)
    _progress: Progress | None = field(default=None, repr=False)
    skipped: list[SkippedRow] = field(default_factory=list)

    @property
    def schema(self) -> pa.Schema:
        """The target, the features and the extra columns. Numbers are float64 (for HIGGS float32)."""
        number = pa.float32() if self.higgs_layout else pa.float64()
        types = {**self.reader.others, **dict.fromkeys(self.texts, pa.string())}
        fields = [pa.field(self.target, types.get(self.target, number), nullable=False)]
        fields += [pa.field(name, types.get(name, number)) for name in self.columns]
        fields += [
            pa.field(name, types.get(name, pa.float64()), nullable=False) for name in self.spec.extra_columns
        ]
        return pa.schema(fields)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield batches of `schema`; every number is finite in 32 bits or missing, and HIGGS labels are 0 or 1.

        Raises:
            BadRowError: A row can't be used.
            TooFewRowsError: There are fewer rows than requested.
            SourceError: The stream breaks.
        """
        self.skipped.clear()
        blocks = self.reader.blocks(self.schema, self.spec.rows, self.higgs_layout)
        return accept_rows(
            blocks,
            file=self.origin,
            rows=self.spec.rows,
            on_bad_row=self.spec.on_bad_row,
            skipped=self.skipped,
            progress=self._progress,
            features=self.columns,
        )


def is_collider(source: Any) -> bool:
    """Return whether a source is the built-in one; a DataFrame compares its values with a text."""
    return isinstance(source, str) and source == COLLIDER


def open_source(
    source: Any,
    spec: DataSpec | None = None,
    *,
    seed: int = 0,
    progress: Progress | None = None,
    **options: Unpack[DataOptions],
) -> Source:
    """Open a table and find out its columns; `Source.batches` reads the rows.

    Args:
        source: "collider" (endless unless `rows` is given), "higgs", a path or http(s) address of a .csv, .tsv,
            .csv.gz, .parquet, .arrow, .feather or .npz file, a DataFrame or Arrow table, or a tuple `(X, y)` of
            arrays.
        spec: Which rows and columns are used. `target` names the label column; HIGGS and `(X, y)` have one
            already. `rows` stops after as many good rows, and so does the transfer from an address.
        seed: Seed of "collider"; other sources don't use it.
        progress: Function that is called with the number of rows read and the number expected, and with bytes
            while a whole file is downloaded.
        **options: The fields of `DataSpec` as keywords; they replace those of `spec`.

    Returns:
        The opened source.

    Raises:
        UsageError: An option is wrong.
        DataError: The source can't be read.

    >>> import numpy as np
    >>> source = open_source((np.ones((3, 2)), np.array([0, 1, 1])), rows=2)
    >>> source.columns, source.target, sum(len(batch) for batch in source.batches())
    (('column_1', 'column_2'), 'y', 2)
    """
    spec = DataSpec.of(spec, **options)
    short, origin, reader = _find(source, spec.rows, seed, progress)
    target = _choose_target(spec.target, reader, origin)
    if pa.types.is_timestamp(reader.others.get(target, pa.null())):
        raise DataError(
            f"{origin}, column {target!r}: the target is dates, expected classes or numbers. Turn them into a "
            "number, such as days since a date, or name another column with --target"
        )
    _check_columns(spec, target, reader, origin)
    dropped = tuple(name for name in reader.columns if spec.column.get(name) == "drop")
    others = (target, *spec.extra_columns, *dropped, *reader.beside)
    features = tuple(name for name in reader.columns if name not in others)
    reader.refuse((target, *spec.extra_columns), "Encode the column as numbers, or name another.")
    reader.refuse(features, "Encode the column as numbers, or leave it out with --column {name}=drop.")
    for name in spec.keep:
        check_column(name, features, origin)
    if not features:
        raise UsageError(f"{origin}: {target!r} is the only column, expected features too.")
    higgs_layout = set(reader.columns) == set(HIGGS_COLUMNS) and target == HIGGS_COLUMNS[0]
    if higgs_layout:
        features = tuple(name for name in HIGGS_COLUMNS[1:] if name in features)
    texts = frozenset(
        name
        for name, kind in spec.column.items()
        if kind in ("category", "text") or (kind == "date" and name not in reader.dates)
    )
    return Source(
        name=short,
        origin=origin,
        columns=features,
        target=target,
        higgs_layout=higgs_layout,
        spec=spec,
        dropped=dropped,
        texts=texts,
        reader=reader,
        _progress=progress,
    )


def ingest(
    source: Any,
    path: str | Path,
    *,
    rows: int | None = None,
    target: str | None = None,
    on_bad_row: OnBadRow = "fail",
    seed: int = 0,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> int:
    """Write the rows of a source as a Parquet file.

    The columns keep their order; numbers are float64 (float32 for HIGGS). The file is written next to `path` and
    then renamed, so a failure leaves no file.

    Args:
        source: As for `open_source`.
        path: The Parquet file to write.
        rows: Write only the first `rows` rows.
        target: Name of the column to put first.
        on_bad_row: "fail" raises an error for a bad row, "skip" leaves the row out.
        seed: Seed of "collider".
        overwrite: Replace `path` even if it is the source, or a file that `ingest` did not write.
        progress: As for `open_source`.

    Returns:
        The number of rows written.

    Raises:
        UsageError: An option is wrong, or `path` is a file that should stay.
        DataError: The rows can't be read.
    """
    spec = DataSpec(rows=rows, target=target, on_bad_row=on_bad_row)
    check_ending(path := as_path(path, "path"), (".parquet",))
    with write_output(path, "ingest", [source], overwrite=overwrite) as part:
        _, origin, reader = _find(source, spec.rows, seed, progress)
        if rows is None and is_collider(source):
            raise UsageError(f"{COLLIDER} has no end: say how many rows, as --rows 100000 (rows=100_000).")
        if target is not None:
            _choose_target(target, reader, origin)
        reader.refuse(reader.columns, "Leave the column out.")
        return tables.write_reader(reader, origin, part, spec, progress)


def feature_batches(
    source: Any, wanted: pa.Schema, progress: Progress | None = None, ids: Sequence[str] = ()
) -> tuple[pa.Schema, Iterator[tuple[pa.RecordBatch, list[pa.Array]]]]:
    """Read the features of a model from a table; no row is left out.

    Args:
        source: As for `open_source`.
        wanted: The columns to read, with their types. A column of dates may come where text is wanted.
        progress: As for `open_source`.
        ids: Columns to copy. Whole numbers in a file of text are copied as numbers, other text unchanged.

    Returns:
        The schema of the columns `ids`, and batches of the wanted columns with the same rows of `ids`.
    """
    if is_collider(source):
        hint = f"Write as many rows as you need first: gengap ingest {COLLIDER} --rows 1000 --out rows.parquet"
        raise UsageError(f"{COLLIDER} has no end. {hint}")
    _, origin, reader = _find(source, None, 0, progress)
    for name in ids:
        check_column(name, reader.columns, origin)
    columns = wanted.names
    missing = [column for column in columns if column not in reader.columns]
    if missing:
        others = [column for column in reader.columns if column not in columns]
        hint = did_you_mean(missing[0], others)
        raise UsageError(
            f"{origin}: there is no column {', '.join(map(repr, missing[:5]))}{' ...' * (len(missing) > 5)}, which "
            f"the model needs.{hint} The table has: {', '.join(reader.columns)}. Rename its columns"
        )
    reader.refuse(columns, "Give the column the type that it had in the model's training rows.")
    fields = (
        field.with_type(reader.others[field.name])
        if field.name in reader.dates and pa.types.is_string(field.type)
        else field
        for field in wanted
    )
    texts = pa.schema([(name, _unchanged(reader.types.get(name, pa.string()))) for name in dict.fromkeys(ids)])

    def read(schema: pa.Schema, progress: Progress | None) -> Iterator[pa.RecordBatch]:
        blocks = reader.blocks(schema, None, False)
        return accept_rows(blocks, file=origin, rows=None, on_bad_row=None, skipped=[], progress=progress)

    untyped = [name for name in texts.names if name not in reader.types]
    whole = _whole_number_columns(read(pa.schema([texts.field(name) for name in untyped]), None), untyped)
    schema = pa.schema([field.with_type(pa.int64()) if field.name in whole else field for field in texts])
    copied = (_with_whole_numbers(batch, schema) for batch in read(texts, None))
    features = read(pa.schema(list(fields)), progress)
    # A column may be a feature too, with another type, so the table is read twice in parallel.
    return schema, _side_by_side(features, copied) if ids else ((batch, []) for batch in features)


def _whole_number_columns(batches: Iterator[pa.RecordBatch], names: Iterable[str]) -> set[str]:
    """Return the columns of text that hold only whole numbers without leading zeros, and empty cells."""
    left = set(names)
    while left and (batch := next(batches, None)) is not None:
        left = {name for name in left if pc.all(pc.match_substring_regex(batch.column(name), WHOLE)).as_py()}
    return left


def _with_whole_numbers(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return the batch in the types of `schema`; an empty cell of a column of whole numbers is null."""
    arrays = (
        array if array.type == field.type else pc.if_else(pc.equal(array, ""), None, array).cast(field.type)
        for array, field in zip(batch.columns, schema, strict=True)
    )
    return pa.RecordBatch.from_arrays(list(arrays), schema=schema)


def _unchanged(kind: pa.DataType) -> pa.DataType:
    """Return the type in which a column is copied; text is large_string, which readers don't change."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.large_string() if pa.types.is_string(kind) or pa.types.is_string_view(kind) else kind


def _side_by_side(
    batches: Iterator[pa.RecordBatch], others: Iterator[pa.RecordBatch]
) -> Iterator[tuple[pa.RecordBatch, list[pa.Array]]]:
    """Yield each batch with the same rows of the others, whose batches have other sizes."""
    rest = None
    for batch in batches:
        parts: list[pa.RecordBatch] = []
        while (left := len(batch) - sum(map(len, parts))) > 0:
            rest = rest if rest is not None and len(rest) else next(others)
            parts.append(rest.slice(0, left))
            rest = rest.slice(len(parts[-1]))
        yield batch, [pa.concat_arrays([part.column(i) for part in parts]) for i in range(parts[0].num_columns)]


def _find(source: Any, rows: int | None, seed: int, progress: Progress | None) -> tuple[str, str, Reader]:
    if isinstance(source, tuple):
        if len(source) != 2:
            raise UsageError(f"source is a tuple of {len(source)}, expected (X, y).")
        return "arrays", "the arrays (X, y)", tables.open_arrays(*source, "the arrays (X, y)")
    if hasattr(source, "__arrow_c_stream__"):
        origin = f"the {type(source).__name__} given"
        return "table", origin, tables.open_in_memory(source, origin)
    if not isinstance(source, (str, os.PathLike)):
        raise UsageError(f"source is a {type(source).__name__}, expected {EXPECTED}.")
    origin = os.fspath(source)
    if source == COLLIDER:
        return origin, origin, _collider(rows, seed)
    if source == "higgs":
        return origin, origin, remote.open_higgs(rows, progress)
    if isinstance(source, str) and is_address(source):
        return short_name(source), redact_address(origin), remote.open_address(origin, rows, progress)
    return short_name(origin), origin, tables.open_path(Path(source).expanduser(), origin)


def _collider(rows: int | None, seed: int) -> Reader:
    """Return a reader of the built-in simulation, whose rows have no faults."""

    def blocks(schema: pa.Schema, _rows: int | None, _binary: bool) -> Generator[RowBlock, None, None]:
        for batch in collider.batches(rows, seed):
            yield check_batch(batch, schema, False)

    return Reader(HIGGS_COLUMNS, blocks, types=dict.fromkeys(HIGGS_COLUMNS, pa.float32()))


def _choose_target(target: str | None, reader: Reader, origin: str) -> str:
    columns = reader.columns
    if target is None and set(columns) == set(HIGGS_COLUMNS):
        target = HIGGS_COLUMNS[0]
    target = target or reader.target
    if target is None:
        raise UsageError(
            f"{origin}: which column is the target? Name it with --target (target=...). The columns are: "
            f"{', '.join(columns)}."
        )
    check_column(target, columns, origin)
    return target


def check_column(column: str, columns: Sequence[str], origin: str) -> None:
    """Raise UsageError with a suggestion if there is no such column."""
    if column not in columns:
        known = f"The columns are: {', '.join(columns)}."
        raise UsageError(f"{origin}: there is no column {column!r}.{did_you_mean(column, columns)} {known}")


def _check_columns(spec: DataSpec, target: str, reader: Reader, origin: str) -> None:
    """Raise UsageError for columns that don't exist, or that can't be used as the options say."""
    for name in (*spec.extra_columns, *spec.column):
        check_column(name, reader.columns, origin)
    if target in spec.extra_columns:
        raise UsageError(
            f"{origin}: {target!r} is the target; rows can't be split or weighted by it. Name another."
        )
    for name, kind in spec.column.items():
        if name == target:
            raise UsageError(
                f"{origin}: {name!r} is the target, whose kind is set by --task. Leave {name}={kind} out"
            )
        if name in spec.extra_columns:
            raise UsageError(
                f"{origin}: rows are split or weighted by {name!r}, so it is no feature. Leave {name}={kind} out"
            )
        if name in reader.dates and kind not in ("date", "drop"):
            raise UsageError(
                f"{origin}, column {name!r}: it holds dates and can't be taken for a {kind}. {CORRECT}"
            )
        if kind == "drop" and name in spec.keep:
            raise UsageError(f"{origin}: {name!r} is both to be kept and dropped. Leave one out")

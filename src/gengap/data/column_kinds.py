"""Find what each column of a table is, and fit the encoding of the training rows.

skrub's `TableVectorizer` tells categories, dates, numbers and free text apart and parses them. Constant columns and
identifiers are found here. The user's `--column` comes before all of it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gengap.data.encoding import (
    Category,
    Date,
    Encoding,
    Number,
    RawTable,
    Step,
    Text,
    hash_text,
    is_missing,
    is_narrow,
)
from gengap.data.value_formats import (
    FormatFound,
    NumberFormat,
    date_parts,
    find_format,
    note_on_format,
    read_dates,
    read_numbers,
    resolve_date_format,
)
from gengap.errors import DataError, counted, shown
from gengap.options.study_options import DataSpec
from gengap.text.catalog import Message

if TYPE_CHECKING:
    import pandas as pd

    from gengap.data.sources.source import Source

TEXT_FEATURES = 30  # as in skrub's StringEncoder
CATEGORIES = 40  # a column with this many different values or more is text, as in skrub, ...
CODES = 100  # ... unless they are codes: at most this many short words, ...
LONGEST_CODE = 12  # ... of at most this many characters, ...
ROWS_OF_CODE = 4  # ... each in this many rows on average
MAX_CATEGORIES = 1_000  # of a column that is said to be a category: each is a feature
SHOWN = 6  # columns that are left out, in an error
CORRECT = "Correct the column, or say otherwise with --column"
MEDIAN_ROWS = 200_000  # used for a median; more rows move it less than its error
FEWEST_NAMED = 30  # with fewer rows, "every row has its own value" means nothing
LONGEST_STEP = 10  # of a numbering with rows left out, in median steps
ONE_WORD = 0.9  # of an identifier's values are one word; free text has more
LARGEST_WHOLE = 1 << 53  # 64 bits hold every whole number up to it
DISTINCT = 0.95  # of an identifier's values are different: some rows may be copies


class ColumnsFound(NamedTuple):
    """What the training rows teach about the columns.

    `dropped` says by name why columns are left out: "empty", "constant", "identifier", or "same-digits" for numbers
    that 64 bits can't tell apart. `notes` say how numbers were read.
    """

    encoding: Encoding
    dropped: dict[str, str]
    notes: tuple[Message, ...]


def find_formats(raws: Sequence[RawTable], columns: Collection[str], source: Source) -> dict[str, FormatFound]:
    """Return how the text columns that may be numbers write them, found in the rows of all `raws`."""
    formats = {}
    for name, column in raws[0].others.items():
        may_be_numbers = source.spec.column.get(name, "number") == "number" and column.dtype.kind != "M"
        if name not in columns or not may_be_numbers:
            continue
        values = (value for raw in raws for value in raw.others[name].dropna().unique())
        if (found := find_format(f"{source.origin}, column {name!r}", values, source.reader.decimal)) is not None:
            formats[name] = found
    return formats


def fit_encoding(
    raw: RawTable, columns: Sequence[str], spec: DataSpec, formats: Mapping[str, FormatFound] | None = None
) -> ColumnsFound:
    """Return the encoding of the training rows, and why columns are left out. Raises DataError if none is left.

    Columns that `spec` names are used though they look like identifiers; `formats` says how text writes numbers.
    """
    formats = {name: found for name, found in (formats or {}).items() if name in columns}
    overrides = {name: kind for name, kind in spec.column.items() if name in columns and name not in formats}
    keep = {*spec.keep, *spec.column}
    kinds, clean = _detect_kinds(raw, {*overrides, *formats})
    for name in overrides:
        kinds[name], found = apply_override(name, raw.column(name), overrides[name])
        clean |= {name: found} if found is not None else {}
    steps: list[Step] = []
    dropped = {}
    for name in columns:
        column, kind = raw.column(name), kinds.get(name, "numeric")
        format = formats[name].format if name in formats else None
        values = column if format is None else format.read(column).to_numpy()
        if name not in keep and kind != "datetime" and is_identifier(values):
            dropped[name] = "identifier"
        elif (why := _why_constant(column)) is not None:
            dropped[name] = why
        elif (step := _step(name, column, kind, clean.get(name), format)) is not None:
            steps.append(step)
        else:
            dropped[name] = "constant"
    if not steps:
        reasons = [f"{name!r} is {Message(f'column-{why}')}" for name, why in islice(dropped.items(), SHOWN)]
        more = len(dropped) - len(reasons)
        found = "; ".join([*reasons, *[f"and {counted(more, 'more column')}"] * (more > 0)])
        raise DataError(f"no column is left to learn from: {found}. Add a column that varies")
    notes = (note_on_format(name, found) for name, found in formats.items() if name not in dropped)
    return ColumnsFound(Encoding(tuple(steps)), dropped, tuple(notes))


def _detect_kinds(
    raw: RawTable, known: Collection[str]
) -> tuple[dict[str, str], dict[str, tuple[pd.Series, str | None]]]:
    """Return the kind of each text or date column not in `known`, its parsed values, and the format of dates."""
    others = {name: column for name, column in raw.others.items() if name not in known}
    if not others:
        return {}, {}
    import pandas as pd
    from skrub import TableVectorizer

    finder = TableVectorizer(
        cardinality_threshold=CATEGORIES,
        low_cardinality="passthrough",
        high_cardinality="passthrough",
        numeric="passthrough",
        datetime="passthrough",
        drop_null_fraction=None,
    )
    clean = finder.fit_transform(pd.DataFrame(others))
    kinds = {name: kind for kind, names in finder.kind_to_columns_.items() for name in names}
    for name, kind in kinds.items():
        if kind == "high_cardinality" and _is_code(clean[name]):
            kinds[name] = "low_cardinality"
    formats = {
        name: next((step.format_ for step in steps if hasattr(step, "format_")), None)
        for name, steps in finder.all_processing_steps_.items()
    }
    return kinds, {name: (clean[name], formats[name]) for name in kinds}


def _step(
    name: str, column: Any, kind: str, clean: tuple[pd.Series, str | None] | None, format: NumberFormat | None
) -> Step | None:
    """Return how a column is encoded; None if nothing in it varies."""
    missing = bool(is_missing(column).any())
    if format is not None:
        return _number(name, missing, read_numbers(name, column, format), text=True, format=format)
    if clean is None:
        values = np.asarray(column)
        return _number(name, missing, values, origin=_median(values) if is_narrow(values) else 0.0)
    parsed, written = clean
    if kind == "numeric":
        return _number(name, missing, parsed.to_numpy(np.float32), text=True)
    if kind == "datetime":
        return _date(name, missing, column, resolve_date_format(column, written) if written else None)
    if kind == "low_cardinality":
        categories = tuple(sorted(str(value) for value in parsed.dropna().unique()))
        if len(categories) == 2 and not missing:  # one feature tells both
            return Category(name=name, missing=missing, categories=categories[1:], other=categories[0])
        return Category(name=name, missing=missing, categories=categories)
    return _text(name, missing, column)


def _number(name: str, missing: bool, values: np.ndarray, **options: Any) -> Number:
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (None, None)
    return Number(name=name, missing=missing, median=_median(values), low=low, high=high, **options)


def _date(name: str, missing: bool, column: Any, written: str | None) -> Date | None:
    found = date_parts(name, column, written)
    seconds = found["total_seconds"]
    if not np.isfinite(seconds).any():
        return None
    origin = float(np.nanmin(seconds))
    parts = {
        part: values
        for part, values in (*found.items(), ("total_seconds", seconds - origin))
        if np.nanmin(values) < np.nanmax(values)
    }
    if not parts:
        return None
    medians = tuple(_median(values) for values in parts.values())
    return Date(name=name, missing=missing, format=written, origin=origin, parts=tuple(parts), medians=medians)


def _text(name: str, missing: bool, column: Any) -> Text:
    from sklearn.decomposition import TruncatedSVD

    places = hash_text(column)
    number = min(TEXT_FEATURES, places.shape[0] - 1)
    found = TruncatedSVD(number, random_state=0).fit(places).components_.astype(np.float32)
    return Text(name=name, missing=missing, number=number, components=found.tobytes())


def _median(values: np.ndarray) -> float:
    step = -(-len(values) // MEDIAN_ROWS)
    sample = values[::step]
    sample = sample[np.isfinite(sample)]
    return float(np.median(sample)) if len(sample) else 0.0


def _why_constant(column: np.ndarray | pd.Series) -> str | None:
    """Return why nothing varies in a column, as `ColumnsFound` calls it; None if something does."""
    missing = is_missing(column)
    if missing.any():
        return "empty" if missing.all() else None
    first = column[0] if isinstance(column, np.ndarray) else column.iloc[0]
    if not bool((column == first).all()):
        return None
    return "same-digits" if isinstance(column, np.ndarray) and abs(first) > LARGEST_WHOLE else "constant"


def _is_code(column: pd.Series) -> bool:
    """Return whether text is a few short words that repeat, such as "A17"."""
    values = column.dropna().astype(str)
    found = values.unique()
    few = len(found) <= min(CODES, len(values) / ROWS_OF_CODE)
    return few and all(len(value) <= LONGEST_CODE and len(value.split()) == 1 for value in found)


def is_identifier(column: np.ndarray | pd.Series) -> bool:
    """Return whether nearly every row has its own value: a row number, a key, or a name of one word."""
    if len(column) < FEWEST_NAMED or is_missing(column).any():
        return False
    if isinstance(column, np.ndarray):
        return _is_numbering(column)
    found = column.drop_duplicates()
    if len(found) < DISTINCT * len(column):
        return False
    import pandas as pd

    numbers = pd.to_numeric(found, errors="coerce").to_numpy(np.float64)
    if np.isfinite(numbers).all():
        return _is_numbering(numbers)
    return bool(found.str.contains(r"\s").mean() < 1 - ONE_WORD)


def _is_numbering(values: np.ndarray) -> bool:
    """Return whether whole numbers are nearly all different, and rise, fall or fill a range."""
    if not (values[:FEWEST_NAMED] == np.round(values[:FEWEST_NAMED])).all():  # most columns end here
        return False
    if not (values == np.round(values)).all():
        return False
    rows, (_, first) = len(values), np.unique(values, return_index=True)
    values = values[np.sort(first)]  # without copies
    if len(values) < max(DISTINCT * rows, 2):
        return False
    steps = np.diff(values)
    rising = (steps > 0).all() or (steps < 0).all()
    if rising and np.abs(steps).max() <= LONGEST_STEP * np.median(np.abs(steps)):  # a quantity's steps vary more
        return True
    span = float(values.max()) - float(values.min()) + 1
    return len(values) > 0.5 * span


def apply_override(
    name: str, column: np.ndarray | pd.Series, kind: str
) -> tuple[str, tuple[pd.Series, str | None] | None]:
    """Return a column's kind (as skrub calls it) as the user says, and parsed text or dates with their format."""
    import pandas as pd

    if isinstance(column, np.ndarray):
        return "numeric", None
    if kind == "number":
        return "numeric", (pd.Series(read_numbers(name, column)), None)
    if kind == "date":
        return "datetime", (column, None if column.dtype.kind == "M" else _written(name, column))
    if kind == "category" and (many := column.nunique()) > MAX_CATEGORIES:
        raise DataError(
            f"column {name!r}: it has {many:,} values, expected at most {MAX_CATEGORIES:,} categories. {CORRECT}"
        )
    return {"category": "low_cardinality", "text": "high_cardinality"}[kind], (column, None)


def _written(name: str, column: pd.Series) -> str | None:
    try:
        return read_dates(column)[1]
    except ValueError:
        value = shown(column.dropna().iloc[0]) if column.notna().any() else "nothing"
        raise DataError(
            f"column {name!r}: its values, such as {value}, don't share one date format. {CORRECT}"
        ) from None

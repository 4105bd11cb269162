"""What each column of a table is, and the encoding of the training rows.

skrub's TableVectorizer finds out what a column of text is (categories, dates, numbers, free text) and parses it;
constant columns and those that only name rows are found here.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gengap.data.encoding import (
    Category,
    Date,
    Encoding,
    Number,
    Step,
    Text,
    hashed,
    is_missing,
    parts_of,
)
from gengap.data.raw import Raw
from gengap.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

TEXT_FEATURES = 30  # as skrub's StringEncoder makes
CATEGORIES = 40  # a column of so many different values or more is text, as in skrub's TableVectorizer
MEDIAN_ROWS = 200_000  # looked at for a median: more rows move it less than its error
FEWEST_NAMED = 30  # rows from which on "every row has its own value" means something
LONGEST_STEP = 10  # of a numbering, some of whose rows are elsewhere, in median steps
ONE_WORD = 0.9  # of an identifier's values are one word; free text has more


def fit(raw: Raw, columns: Sequence[str], keep: Collection[str] = ()) -> tuple[Encoding, dict[str, str]]:
    """The encoding of the training rows `raw`, and why columns are not in it: "constant" or "identifier".

    Columns to `keep` are used though they look like identifiers. Raises DataError if none is left.
    """
    kinds, clean = _kinds_of_text(raw)
    steps: list[Step] = []
    dropped = {}
    for name in columns:
        column, kind = raw.column(name), kinds.get(name, "numeric")
        if _is_constant(column):
            dropped[name] = "constant"
        elif name not in keep and kind != "datetime" and is_identifier(column):
            dropped[name] = "identifier"
        elif (step := _step(name, column, kind, clean.get(name))) is not None:
            steps.append(step)
        else:
            dropped[name] = "constant"
    if not steps:
        found = ", ".join(f"{name!r} ({why})" for name, why in dropped.items())
        raise DataError(
            f"no column is left to learn from: {found}. Add a column that says something, or name those that look "
            "like identifiers with --keep"
        )
    return Encoding(tuple(steps)), dropped


def _kinds_of_text(raw: Raw) -> tuple[dict[str, str], dict[str, tuple[pd.Series, str | None]]]:
    """What each column that was not read as numbers is, and its parsed values with the format of dates."""
    if not raw.others:
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
    clean = finder.fit_transform(pd.DataFrame(dict(raw.others)))
    kinds = {name: kind for kind, names in finder.kind_to_columns_.items() for name in names}
    formats = {
        name: next((step.format_ for step in steps if hasattr(step, "format_")), None)
        for name, steps in finder.all_processing_steps_.items()
    }
    return kinds, {name: (clean[name], formats[name]) for name in kinds}


def _step(
    name: str, column: np.ndarray | pd.Series, kind: str, clean: tuple[pd.Series, str | None] | None
) -> Step | None:
    """How a column is encoded; None if nothing in it varies."""
    missing = bool(is_missing(column).any())
    if clean is None:
        return Number(name=name, missing=missing, median=_median(np.asarray(column)))
    parsed, written = clean
    if kind == "numeric":
        return Number(name=name, missing=missing, median=_median(parsed.to_numpy(np.float32)), text=True)
    if kind == "datetime":
        return _date(name, missing, column, written)
    if kind == "low_cardinality":
        categories = tuple(sorted(str(value) for value in parsed.dropna().unique()))
        one_tells_the_other = len(categories) == 2 and not missing
        return Category(
            name=name, missing=missing, categories=categories[1:] if one_tells_the_other else categories
        )
    return _text(name, missing, column)


def _date(name: str, missing: bool, column: Any, written: str | None) -> Date | None:
    found = parts_of(name, column, written)
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

    places = hashed(column)
    number = min(TEXT_FEATURES, places.shape[0] - 1)
    found = TruncatedSVD(number, random_state=0).fit(places).components_.astype(np.float32)
    return Text(name=name, missing=missing, number=number, components=found.tobytes())


def _median(values: np.ndarray) -> float:
    step = -(-len(values) // MEDIAN_ROWS)
    seen = values[::step]
    seen = seen[np.isfinite(seen)]
    return float(np.median(seen)) if len(seen) else 0.0


def _is_constant(column: np.ndarray | pd.Series) -> bool:
    """Whether every row holds the same: one value, or none. A value that some rows lack is not constant."""
    missing = is_missing(column)
    if missing.any():
        return bool(missing.all())
    return bool((column == (column[0] if isinstance(column, np.ndarray) else column.iloc[0])).all())


def is_identifier(column: np.ndarray | pd.Series) -> bool:
    """Whether each row has its own value that means nothing: a row number, a key, a name of one word."""
    if len(column) < FEWEST_NAMED or is_missing(column).any():
        return False
    if isinstance(column, np.ndarray):
        return _is_numbering(column)
    if not column.is_unique:
        return False
    import pandas as pd

    numbers = pd.to_numeric(column, errors="coerce").to_numpy(np.float64)
    if np.isfinite(numbers).all():
        return _is_numbering(numbers)
    return bool(column.str.contains(r"\s").mean() < 1 - ONE_WORD)


def _is_numbering(values: np.ndarray) -> bool:
    """Whether these are whole numbers, each once, which rise or fall with the rows or fill most of their range."""
    if not (values[:FEWEST_NAMED] == np.round(values[:FEWEST_NAMED])).all():  # most columns end here
        return False
    if not (values == np.round(values)).all():
        return False
    steps = np.diff(values)
    rising = (steps > 0).all() or (steps < 0).all()
    if rising and np.abs(steps).max() <= LONGEST_STEP * np.median(np.abs(steps)):  # a quantity's steps vary more
        return True
    span = float(values.max()) - float(values.min()) + 1
    return len(values) > 0.5 * span and len(np.unique(values)) == len(values)

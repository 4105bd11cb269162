"""A table's columns as the numbers that a model takes: fitted on training rows, and plain data afterwards.

skrub's TableVectorizer finds out what each column of text is (categories, dates, numbers, free text) and parses it;
`Encoding` holds what was learnt from the training rows: categories, medians, the text's components. It is saved as
JSON in the model's file, never as a pickle, so that a model from elsewhere can't run code.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
import numpy as np

from gengap.data.raw import Raw
from gengap.errors import DataError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

HASHED = (
    1 << 12
)  # places that character sequences are hashed to: 4,096 x 30 numbers are half a megabyte in the model
TEXT_FEATURES = 30  # as skrub's StringEncoder makes
CATEGORIES = 40  # a column of so many different values or more is text, as in skrub's TableVectorizer
MEDIAN_ROWS = 200_000  # looked at for a median: more rows move it less than its error
FEWEST_NAMED = 30  # rows from which on "every row has its own value" means something
ONE_WORD = 0.9  # of an identifier's values are one word; free text has more


class _Step(msgspec.Struct, frozen=True, kw_only=True):
    """One column of the table: it gives `features`, and one more if it was `missing` in any training row."""

    name: str
    missing: bool = False

    @property
    def features(self) -> tuple[str, ...]:
        return ()

    def encode(self, column: Any) -> np.ndarray:
        """The features (rows, features) of the column, without the one for missing values."""
        raise NotImplementedError


class Number(_Step, frozen=True, tag="number"):
    """A number; `median` stands for missing ones. `text` says that the table writes it as text."""

    median: float
    text: bool = False

    @property
    def features(self) -> tuple[str, ...]:
        """The column itself."""
        return (self.name,)

    def encode(self, column: Any) -> np.ndarray:
        """The numbers, without gaps."""
        import pandas as pd

        values = pd.to_numeric(column, errors="coerce").to_numpy(np.float32) if self.text else column
        return np.where(np.isfinite(values), values, np.float32(self.median))[:, None]


class Category(_Step, frozen=True, tag="category"):
    """A few values: one feature for each of the `categories`, 0 in all of them for any other value."""

    categories: tuple[str, ...]

    @property
    def features(self) -> tuple[str, ...]:
        """One for each category."""
        return tuple(f"{self.name} = {category}" for category in self.categories)

    def encode(self, column: Any) -> np.ndarray:
        """Ones and zeros."""
        import pandas as pd

        codes = pd.Index(self.categories, dtype=object).get_indexer(column.astype(object))
        return (codes[:, None] == np.arange(len(self.categories))).astype(np.float32)


class Date(_Step, frozen=True, tag="date"):
    """A date or time: those `parts` that vary, and their medians. Text is parsed by its `format`."""

    format: str | None
    parts: tuple[str, ...]
    medians: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.parts) != len(self.medians):
            raise ValueError("as many medians as parts are expected")

    @property
    def features(self) -> tuple[str, ...]:
        """One for each part."""
        return tuple(f"{self.name}: {part.replace('_', ' ')}" for part in self.parts)

    def encode(self, column: Any) -> np.ndarray:
        """The parts as numbers."""
        parts = _parts_of(column, self.format)
        chosen = np.stack([parts[part] for part in self.parts], axis=1)
        return np.where(np.isfinite(chosen), chosen, np.array(self.medians, np.float32))


class Text(_Step, frozen=True, tag="text"):
    """Free text: its character sequences, hashed, in the directions in which the training rows vary most.

    `components` are those directions, float32 (number, HASHED) as bytes.
    """

    number: int
    components: bytes

    def __post_init__(self) -> None:
        if len(self.components) != 4 * self.number * HASHED:
            raise ValueError("the components are expected to be 4-byte numbers for each hashed place")

    @property
    def features(self) -> tuple[str, ...]:
        """One for each direction."""
        return tuple(f"{self.name}: text {i}" for i in range(1, self.number + 1))

    def encode(self, column: Any) -> np.ndarray:
        """Where the text lies along each direction."""
        components = np.frombuffer(self.components, np.float32).reshape(self.number, HASHED)
        return np.asarray(_hashed(column) @ components.T, np.float32)


Step: TypeAlias = Number | Category | Date | Text


class Encoding(msgspec.Struct, frozen=True):
    """What is made of each column that is used, in the table's order."""

    steps: tuple[Step, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the table must have."""
        return tuple(step.name for step in self.steps)

    @property
    def features(self) -> tuple[str, ...]:
        """What the model's inputs are called."""
        return tuple(name for step in self.steps for name in features_of(step))

    @property
    def schema(self) -> pa.Schema:
        """The columns as they are to be read."""
        import pyarrow as pa

        numbers = {step.name for step in self.steps if isinstance(step, Number) and not step.text}
        return pa.schema([(name, pa.float32() if name in numbers else pa.string()) for name in self.columns])

    def encode(self, raw: Raw) -> np.ndarray:
        """The features (rows, features), float32, every one finite."""
        plain = all(isinstance(step, Number) and not step.missing and not step.text for step in self.steps)
        if plain and raw.names == self.columns and not np.isnan(raw.numbers).any():
            return raw.numbers  # a table of numbers without a gap, as large as it may be, is not copied
        blocks = []
        for step in self.steps:
            column = raw.column(step.name)
            blocks.append(step.encode(column))
            if step.missing:
                blocks.append(_is_missing(column)[:, None].astype(np.float32))
        return np.concatenate(blocks, axis=1, dtype=np.float32)


def features_of(step: Step) -> tuple[str, ...]:
    """The names of all features that a column gives."""
    return (*step.features, *([f"{step.name} is missing"] if step.missing else []))


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
        elif name not in keep and kind != "datetime" and _is_identifier(column):
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
    missing = bool(_is_missing(column).any())
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
    parts = {
        part: values
        for part, values in _parts_of(column, written).items()
        if np.isfinite(values).any() and np.nanmin(values) < np.nanmax(values)
    }
    medians = tuple(_median(values) for values in parts.values())
    return Date(name=name, missing=missing, format=written, parts=tuple(parts), medians=medians) if parts else None


def _text(name: str, missing: bool, column: Any) -> Text:
    from sklearn.decomposition import TruncatedSVD

    hashed = _hashed(column)
    number = min(TEXT_FEATURES, hashed.shape[0] - 1)
    found = TruncatedSVD(number, random_state=0).fit(hashed).components_.astype(np.float32)
    return Text(name=name, missing=missing, number=number, components=found.tobytes())


def _hashed(column: pd.Series) -> Any:
    """The column's character sequences as a sparse matrix (rows, HASHED): three and four signs within words."""
    from sklearn.feature_extraction.text import HashingVectorizer

    hashing = HashingVectorizer(
        analyzer="char_wb", ngram_range=(3, 4), n_features=HASHED, alternate_sign=False, dtype=np.float32
    )
    return hashing.transform(column.astype(object).where(column.notna(), "").tolist())


def _parts_of(column: pd.Series, written: str | None) -> Mapping[str, np.ndarray]:
    """Year, month, day, hour, weekday and seconds since 1970 of dates, which may be text of one format."""
    import pandas as pd
    from skrub import DatetimeEncoder

    dates = pd.to_datetime(column, format=written, errors="coerce", utc=True).dt.tz_localize(None)
    parts = DatetimeEncoder(resolution="hour", add_weekday=True).fit_transform(dates.rename("date"))
    return {name.removeprefix("date_"): parts[name].to_numpy(np.float32) for name in parts}


def _median(values: np.ndarray) -> float:
    step = -(-len(values) // MEDIAN_ROWS)
    seen = values[::step]
    seen = seen[np.isfinite(seen)]
    return float(np.median(seen)) if len(seen) else 0.0


def _is_missing(column: np.ndarray | pd.Series) -> np.ndarray:
    return np.isnan(column) if isinstance(column, np.ndarray) else column.isna().to_numpy()


def _is_constant(column: np.ndarray | pd.Series) -> bool:
    """Whether every row holds the same: one value, or none. A value that some rows lack is not constant."""
    missing = _is_missing(column)
    if missing.any():
        return bool(missing.all())
    return bool((column == (column[0] if isinstance(column, np.ndarray) else column.iloc[0])).all())


def _is_identifier(column: np.ndarray | pd.Series) -> bool:
    """Whether each row has its own value that means nothing: a row number, a key, a name of one word."""
    if len(column) < FEWEST_NAMED or _is_missing(column).any():
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
    if (steps > 0).all() or (steps < 0).all():
        return True
    span = float(values.max()) - float(values.min()) + 1
    return len(values) > 0.5 * span and len(np.unique(values)) == len(values)

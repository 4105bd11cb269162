"""Split rows into training, validation and test, and weight them.

HIGGS-like tables are split as the tutorial splits HIGGS: the first rows validate, the next ones train, and the ones
after them test. Other tables get a stratified random split. Groups and times exist because rows of one patient or
machine on both sides, and training on later rows, are the most common reasons for a false "good fit".
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gengap.data.units import Units, effective_size, group_units, time_units
from gengap.data.value_formats import read_dates
from gengap.errors import BadRowError, DataError, TooFewRowsError, UsageError, counted, first_few, shown
from gengap.options.study_options import DataSpec
from gengap.tasks import AnyTask
from gengap.text.catalog import Message

if TYPE_CHECKING:
    import pandas as pd

    from gengap.data.sources.row_blocks import SkippedRow
    from gengap.data.sources.source import Source
    from gengap.data.table_summary import Dates

VALIDATION_SHARE = 0.2  # of the rows, if nothing else is asked for, ...
MAX_VALIDATION = 10_000  # ... and at most this many
MAX_CLASSES = 20  # of a target whose shares are kept; more different values are no classes
MIN_FOLDS = 10  # the largest denominator of the share of folds that is taken
MAX_WORK = 200_000  # groups times folds; beyond it, equal shares of classes take minutes and gain nothing
MIN_ROWS = 2  # in training and in validation
MAX_RARE = 3  # classes with too few rows that an error names


class SplitSizes(NamedTuple):
    """Number of rows in each part; `train` is None for all rows that are left. `options` are those that say so."""

    train: int | None
    validation: int
    test: int
    options: tuple[str, ...] = ()

    @classmethod
    def of(cls, spec: DataSpec, rows: int) -> SplitSizes:
        """Return the sizes that the options ask for, with the default for validation."""
        share = int((rows - spec.test) * VALIDATION_SHARE)
        validation = spec.validation or min(MAX_VALIDATION, max(MIN_ROWS, share))
        options = tuple(f"--{name}" for name in ("train", "validation", "test") if getattr(spec, name))
        return cls(spec.train, validation, spec.test, options)

    def train_rows(self, rows: int, origin: str) -> int:
        """Return how many of `rows` rows train. Raises TooFewRowsError if a part gets too few."""
        train = self.train or rows - self.test - self.validation
        if train < MIN_ROWS or self.validation < MIN_ROWS or train + self.validation + self.test > rows:
            raise _too_few_rows(origin, rows, self)
        return train


class Split(NamedTuple):
    """The row numbers of training, validation and test, how they were found, and the dates that split them."""

    parts: list[np.ndarray]
    description: Message
    dates: Dates


def split_rows(
    source: Source, extra: Mapping[str, pd.Series], labels: np.ndarray, classes: Sequence[str], seed: int
) -> Split:
    """Split the rows of a table as the options say. Raises DataError if they can't be split like this.

    `extra` has the columns of groups or times. `labels` are the target's values (rows,), or the numbers of
    `classes`; without classes it is a number.
    """
    spec, rows = source.spec, len(labels)
    sizes = SplitSizes.of(spec, rows)
    if spec.group is not None or spec.time is not None:
        return _split_by_column(source, extra, labels, sizes, seed)
    if source.higgs_layout:
        train = sizes.train_rows(rows, source.origin)
        order, first, end = np.arange(rows), sizes.validation, rows - sizes.test
        message = Message("table-split-order", {"test": sizes.test > 0})
        return Split([order[first : first + train], order[:first], order[end:]], message, {})
    parts = split_at_random(labels if classes else None, rows, sizes, seed, source.origin, classes)
    code = "table-split-stratified" if classes else "table-split-random"
    return Split(parts, Message(code, {"seed": seed}), {})


def _split_by_column(
    source: Source, extra: Mapping[str, pd.Series], labels: np.ndarray, sizes: SplitSizes, seed: int
) -> Split:
    spec = source.spec
    column = spec.group or spec.time or ""
    values, rows = extra[column], len(labels)
    if values.isna().any():
        row = source_row_number(int(np.flatnonzero(values.isna())[0]), source.skipped)
        hint = "Fill it in, remove the row, or split by another column."
        problem = f"it is empty, expected a {'time' if spec.group is None else 'group'}"
        raise BadRowError(source.origin, row, column, problem, hint)
    if (sizes.train or 1) + sizes.validation + sizes.test > rows:
        raise _too_few_rows(source.origin, rows, sizes)
    if spec.group is not None:
        message = Message("table-split-group", {"column": column, "seed": seed})
        return Split(split_by_group(values, labels, sizes, seed, source.origin), message, {})
    message = Message("table-split-time", {"column": column, "test": sizes.test > 0})
    times, format = comparable_times(values, source.origin, column)
    dates = {} if format is None else {column: (values, format)}
    return Split(split_by_time(times, labels, sizes, source.origin), message, dates)


def _too_few_rows(origin: str, rows: int, sizes: SplitSizes) -> TooFewRowsError:
    train, validation = sizes.train or MIN_ROWS, max(sizes.validation, MIN_ROWS)
    parts = f"{train:,} training and {validation:,} validation rows"
    parts += f" and {sizes.test:,} test rows" if sizes.test else ""
    hint = f"Ask for fewer with {' and '.join(sizes.options)}" if sizes.options else "Use a table with more rows"
    return TooFewRowsError(f"{origin} holds {counted(rows, 'row')}, too few for {parts}. {hint}.")


def split_at_random(
    labels: np.ndarray | None, rows: int, sizes: SplitSizes, seed: int, origin: str, classes: Sequence[str] = ()
) -> list[np.ndarray]:
    """Return row numbers of train, validation and test; with `labels`, each has the same shares of classes.

    `classes` are the names of classes whose labels are numbers, for errors.
    """
    from sklearn.model_selection import train_test_split

    train = sizes.train_rows(rows, origin)
    left = np.arange(rows)
    test_rows = left[:0]
    try:
        if sizes.test:
            left, test_rows = train_test_split(left, test_size=sizes.test, stratify=labels, random_state=seed)
        strata = None if labels is None else labels[left]
        chosen = train_test_split(
            left, train_size=train, test_size=sizes.validation, stratify=strata, random_state=seed
        )
    except ValueError:
        parts = 3 if sizes.test else 2
        values, counts = np.unique([] if labels is None else labels, return_counts=True)
        smallest = min(train, sizes.validation, sizes.test or rows)
        if smallest < len(counts):
            raise DataError(
                f"{origin}: {len(counts)} classes don't fit into {smallest} rows. Ask for more with --train, "
                "--validation and --test"
            ) from None
        rare = [
            f"class {shown(classes[value] if classes else value)} has {count} row{'s' * (count > 1)}"
            for value, count in zip(values.tolist(), counts.tolist(), strict=True)
            if count < parts
        ]
        raise DataError(
            f"{origin}: {rows} rows of {len(counts)} classes can't be split so that each part has its share; "
            f"{first_few(rare, MAX_RARE)}, expected at least {parts}. Use more rows, put rare classes "
            "together, or say --task regression (task=) if they are numbers"
        ) from None
    return [np.sort(part) for part in (*chosen, test_rows)]


def draw_folds(
    count: int, rows: int, labels: np.ndarray | None, seed: int, groups: np.ndarray | None = None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return `count` folds of rows, as pairs of training and validation rows.

    Each fold has the same shares of classes if `labels` are given and some class is large enough. Rows of a group
    are in one fold.
    """
    from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

    even = labels is not None and np.unique(labels, return_counts=True)[1].max() >= count
    plain, stratified = (KFold, StratifiedKFold) if groups is None else (GroupKFold, StratifiedGroupKFold)
    split = (stratified if even else plain)(count, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class may have fewer rows than there are folds
        return list(split.split(np.empty((rows, 0)), labels if even else None, groups))


def split_by_group(
    groups: pd.Series | np.ndarray, y: np.ndarray, sizes: SplitSizes, seed: int, origin: str
) -> list[np.ndarray]:
    """Return row numbers of train, validation and test of about these sizes; a group stays in one part."""
    import pandas as pd

    codes, found = pd.factorize(np.asarray(groups))
    classes = y if len(np.unique(y)) <= MAX_CLASSES else np.zeros(len(y))
    if len(found) < 2 + bool(sizes.test):
        raise TooFewRowsError(
            f"{origin}: found {len(found)} group{'s' * (len(found) != 1)}, expected at least one for each part. "
            "Name a column with more groups with --group"
        )
    left = np.arange(len(y))
    parts = []
    for count in (sizes.test, sizes.validation):
        test_rows = _fold(codes[left], classes[left], count, seed) if count else np.zeros(0, int)
        parts.append(left[test_rows])
        left = np.delete(left, test_rows)
    test, validation = parts
    if sizes.train is not None and sizes.train < len(left):
        left = np.random.default_rng(seed).choice(left, sizes.train, replace=False)
    return _check_parts([np.sort(left), validation, test], y, origin, "group")


def _fold(codes: np.ndarray, y: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Return about `count` rows in whole groups, with the classes' shares if the groups allow it."""
    groups, smallest = len(np.unique(codes)), int(np.unique(y, return_counts=True)[1].min())
    share = Fraction(count, len(y)).limit_denominator(max(MIN_FOLDS, round(len(y) / count)))
    folds = min(max(share.denominator, 2), groups)
    if folds * groups > MAX_WORK:
        return _any_groups(codes, count, seed)
    from sklearn.model_selection import StratifiedGroupKFold

    if smallest < folds:
        y = np.zeros(len(y))
    split = StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(codes, y, codes)
    taken = max(round(folds * count / len(y)), 1)
    nearest = sorted((fold for _, fold in split), key=lambda fold: abs(len(fold) - count / taken))
    found = np.sort(np.concatenate(nearest[:taken]))
    return found if abs(len(found) - count) <= count / 3 else _any_groups(codes, count, seed)


def _any_groups(codes: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Return random groups of about `count` rows together; with many groups, shares of classes are nearly equal."""
    counts = np.bincount(codes)
    order = np.random.default_rng(seed).permutation(np.flatnonzero(counts))
    until = int(np.argmin(np.abs(np.cumsum(counts[order]) - count)))
    return np.flatnonzero(np.isin(codes, order[: until + 1]))


def split_by_time(times: np.ndarray, y: np.ndarray, sizes: SplitSizes, origin: str) -> list[np.ndarray]:
    """Return row numbers of train, validation and test, from early to late; rows of one time stay in one part."""
    order = np.argsort(times, kind="stable")
    ordered = times[order]
    test = _nearest_change(ordered, len(y) - sizes.test) if sizes.test else len(y)
    validation = _nearest_change(ordered[:test], test - sizes.validation)
    train = max(validation - sizes.train, 0) if sizes.train is not None else 0
    return _check_parts([order[train:validation], order[validation:test], order[test:]], y, origin, "time")


def _nearest_change(ordered: np.ndarray, place: int) -> int:
    """Return the index nearest to `place` at which the time changes."""
    if not 0 < place < len(ordered):
        return max(place, 0)
    first, last = (int(np.searchsorted(ordered, ordered[place], side)) for side in ("left", "right"))
    return last if first == 0 or (last < len(ordered) and last - place < place - first) else first


def find_units(
    source: Source, extra: Mapping[str, pd.Series], y: np.ndarray, task: AnyTask, rows: np.ndarray
) -> Units | None:
    """Return the groups, or the blocks of time, of the rows with these numbers; None for rows drawn alone.

    `extra` has the columns of groups or times, and `y` the target of all rows.
    """
    spec = source.spec
    if not len(rows):
        return None
    if spec.group is not None:
        return group_units(extra[spec.group].to_numpy()[rows], spec.group)
    if spec.time is not None:
        times, _ = comparable_times(extra[spec.time], source.origin, spec.time)
        return time_units(times[rows], task.encoded(y[rows]), spec.time)
    return None


def comparable_times(times: pd.Series, origin: str, column: str) -> tuple[np.ndarray, str | None]:
    """Return times as numbers (dates as microseconds), and the format that dates of text were read in."""
    if times.dtype.kind in "iuf":
        return times.to_numpy(np.float64), None
    import pandas as pd

    try:
        dates, written = read_dates(times)
    except ValueError:
        dates, written = pd.Series(pd.NaT, index=times.index), None
    if dates.isna().any():
        row = int(np.flatnonzero(dates.isna())[0])
        hint = "Write all of them in one format, as 2024-12-31, or name another column with --time."
        raise BadRowError(
            origin, row + 1, column, f"{times.iloc[row]!r} is no date, expected dates or numbers", hint
        )
    moments = pd.to_datetime(dates, utc=True).dt.tz_localize(None).to_numpy().astype("datetime64[us]")
    return moments.astype(np.int64), written


def _check_parts(parts: list[np.ndarray], y: np.ndarray, origin: str, kind: str) -> list[np.ndarray]:
    """Return the parts. Raises DataError if training or validation has too few rows, or a single label."""
    for name, part in zip(("training", "validation"), parts, strict=False):
        if len(part) < MIN_ROWS:
            raise TooFewRowsError(
                f"{origin}: split by {kind}, {len(part)} {name} rows are left, expected at least {MIN_ROWS}. Ask "
                "for other counts with --train, --validation and --test"
            )
        if len(np.unique(y[part])) < 2:
            raise DataError(
                f"{origin}: split by {kind}, all {len(part)} {name} rows have one label, expected two. Ask for "
                "more rows with --validation, or split by another column"
            )
    return parts


def check_weights(values: pd.Series, origin: str, column: str, skipped: Sequence[SkippedRow]) -> np.ndarray:
    """Return weights (rows,) float64. Raises UsageError for text and BadRowError for a negative weight."""
    if values.dtype.kind not in "iuf":
        raise UsageError(
            f"{origin}, column {column!r}: it holds no numbers, expected the rows' weights. Name another column "
            "with --weight"
        )
    weights = values.to_numpy(np.float64)
    if (weights < 0).any():
        index = int(np.argmax(weights < 0))
        problem = f"the weight is {weights[index]:g}, expected 0 or more"
        hint = "Correct the row, or name another column with --weight."
        raise BadRowError(origin, source_row_number(index, skipped), column, problem, hint)
    return weights


def source_row_number(index: int, skipped: Sequence[SkippedRow]) -> int:
    """Return the number in the table, from 1, of the good row `index`."""
    row = index + 1
    for bad in skipped:
        row += bad.row <= row
    return row


def normalise_weights(weights: np.ndarray, parts: Sequence[np.ndarray], origin: str, column: str) -> np.ndarray:
    """Return weights (rows,) float32 with the mean 1 in each of the parts, which are row numbers."""
    found = np.zeros(len(weights), np.float32)
    for name, rows in zip(("training", "validation", "test"), parts, strict=True):
        if len(rows):
            if not (mean := weights[rows].mean()) > 0:
                raise DataError(
                    f"{origin}, column {column!r}: all {len(rows):,} {name} rows have the weight 0, expected some "
                    "above. Name another column with --weight, or split the rows otherwise"
                )
            found[rows] = weights[rows] / mean
    return found


def balanced(labels: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Return a factor for each row (rows,) float32, inversely proportional to the frequency of its class.

    This is scikit-learn's class_weight="balanced", n_samples / (n_classes * np.bincount(y)), after King & Zeng
    (2001), "Logistic Regression in Rare Events Data". With `weights`, rows are counted by their weights.

    >>> balanced(np.array([0, 0, 0, 1])).tolist()
    [0.6666666865348816, 0.6666666865348816, 0.6666666865348816, 2.0]
    """
    labels = labels.astype(np.int64)
    counts = np.bincount(labels, weights=weights)
    factors = np.divide(
        counts.sum(), np.count_nonzero(counts) * counts, out=np.zeros(len(counts)), where=counts > 0
    )
    return factors[labels].astype(np.float32)


def describe_weights(column: str | None, weights: Mapping[str, np.ndarray], balanced: bool) -> tuple[Message, ...]:
    """Return how rows and classes are weighted; `weights` are those of each part by its name."""
    messages = [] if column is None else [Message("table-weights", {"column": column})]
    for part, each in weights.items():
        values = {"part": part, "rows": len(each), "effective": round(effective_size(each))}
        messages.append(Message("table-weights-effective", values))
    return (*messages, *[Message("table-class-weights")] * balanced)

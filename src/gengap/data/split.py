"""Splits that keep together what belongs together: by group, and by time.

Rows of one patient or machine on both sides, or training on what came later, are the commonest false "good fit".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gengap.errors import DataError, TooFewRowsError

MOST_CLASSES = 20  # of a target that is kept in proportion; more values than that are no classes
FEWEST_FOLDS = 2
NEEDED = 2  # rows on each side


@dataclass(frozen=True)
class Wanted:
    """How many rows each part shall have; all that are left for training if that is None."""

    train: int | None
    validation: int
    test: int


def by_group(groups: Any, y: np.ndarray, wanted: Wanted, seed: int, origin: str) -> list[np.ndarray]:
    """Row numbers of train, validation and test: a group's rows are all in one. Counts are met as groups allow."""
    import pandas as pd

    codes, found = pd.factorize(np.asarray(groups))
    classes = y if len(np.unique(y)) <= MOST_CLASSES else np.zeros(len(y))
    if len(found) < 2 + bool(wanted.test):
        raise TooFewRowsError(
            f"{origin}: there are only {len(found)} groups, expected one for each part of the split. "
            "Name a column with more groups with --group"
        )
    left = np.arange(len(y))
    parts = []
    for count in (wanted.test, wanted.validation):
        held = _fold(codes[left], classes[left], count, seed) if count else np.zeros(0, int)
        parts.append(left[held])
        left = np.delete(left, held)
    test, validation = parts
    if wanted.train is not None and wanted.train < len(left):
        left = np.random.default_rng(seed).choice(left, wanted.train, replace=False)
    return _checked([np.sort(left), validation, test], y, origin, "group")


def _fold(codes: np.ndarray, y: np.ndarray, count: int, seed: int) -> np.ndarray:
    """About `count` rows: one of as many folds as make it so, with the classes' shares as far as groups allow."""
    import warnings

    from sklearn.model_selection import StratifiedGroupKFold

    groups, smallest = len(np.unique(codes)), int(np.unique(y, return_counts=True)[1].min())
    if smallest < FEWEST_FOLDS:
        y, smallest = np.zeros(len(y)), len(y)
    folds = min(max(round(len(y) / count), FEWEST_FOLDS), groups, smallest)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a class is rarer than folds: the split is judged by what comes out
        split = list(StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(codes, y, codes))
    return min((held for _, held in split), key=lambda held: abs(len(held) - count))


def by_time(times: Any, y: np.ndarray, wanted: Wanted, origin: str, column: str) -> list[np.ndarray]:
    """Row numbers of train, validation and test, from early to late. Rows of one time are all in one part."""
    values = _as_numbers(times, origin, column)
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    test = _between(ordered, len(y) - wanted.test) if wanted.test else len(y)
    validation = _between(ordered[:test], test - wanted.validation)
    train = max(validation - wanted.train, 0) if wanted.train is not None else 0
    return _checked([order[train:validation], order[validation:test], order[test:]], y, origin, "time")


def _between(ordered: np.ndarray, place: int) -> int:
    """The place nearest to `place` at which the time changes."""
    if not 0 < place < len(ordered):
        return max(place, 0)
    first, last = (int(np.searchsorted(ordered, ordered[place], side)) for side in ("left", "right"))
    return last if first == 0 or (last < len(ordered) and last - place < place - first) else first


def _as_numbers(times: Any, origin: str, column: str) -> np.ndarray:
    """Times that compare: numbers as they are, dates and their text as microseconds."""
    import pandas as pd

    series = pd.Series(times)
    if series.dtype.kind in "iuf":
        return series.to_numpy(np.float64)
    mend = "Give one format to all of them, or name another column with --time."
    try:
        dates = pd.to_datetime(series, utc=True)
    except (ValueError, OverflowError) as error:
        said = str(error).splitlines()[0]
        raise DataError(f"{origin}, column {column!r}: expected dates or numbers ({said}). {mend}") from None
    return dates.dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.int64)


def _checked(parts: list[np.ndarray], y: np.ndarray, origin: str, kind: str) -> list[np.ndarray]:
    """The parts, if each can be used. Raises DataError where a side lacks rows or holds one label."""
    for name, part in zip(("training", "validation"), parts, strict=False):
        if len(part) < NEEDED:
            raise TooFewRowsError(
                f"{origin}: split by {kind}, {len(part)} {name} rows are left, expected at least {NEEDED}. Ask for "
                "other counts with --train, --validation and --test"
            )
        if len(np.unique(y[part])) < 2:
            raise DataError(
                f"{origin}: split by {kind}, all {len(part)} {name} rows have one label, expected two. Ask for "
                "more rows with --validation, or split by another column"
            )
    return parts

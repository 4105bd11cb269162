"""Which rows train, validate and test: at random, or so that what belongs together stays together.

Rows of one patient or machine on both sides, or training on what came later, are the commonest false "good fit".
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from gengap.data.encoding import read_dates
from gengap.errors import BadRowError, DataError, TooFewRowsError

if TYPE_CHECKING:
    import pandas as pd

MOST_CLASSES = 20  # of a target that is kept in proportion; more values than that are no classes
FINEST = 10  # folds from which some are taken
MOST_WORK = 200_000  # groups times folds: beyond, to even out the classes takes minutes and gains nothing
NEEDED = 2  # rows on each side


@dataclass(frozen=True)
class SplitSizes:
    """How many rows each part shall have; all that are left for training if that is None."""

    train: int | None
    validation: int
    test: int


def split_at_random(
    labels: np.ndarray | None, rows: int, wanted: SplitSizes, seed: int, origin: str
) -> list[np.ndarray]:
    """Row numbers of train, validation and test, each with the table's share of classes if there are `labels`."""
    from sklearn.model_selection import train_test_split

    train = wanted.train or rows - wanted.test - wanted.validation
    if train < 2 or wanted.validation < 2 or train + wanted.validation + wanted.test > rows:
        raise TooFewRowsError(
            f"{origin} holds {rows} rows, too few for {max(train, 2)} training, {max(wanted.validation, 2)} "
            f"validation and {wanted.test} test rows. Ask for fewer with --train, --validation and --test."
        )
    left = np.arange(rows)
    held = left[:0]
    try:
        if wanted.test:
            left, held = train_test_split(left, test_size=wanted.test, stratify=labels, random_state=seed)
        strata = None if labels is None else labels[left]
        chosen = train_test_split(
            left, train_size=train, test_size=wanted.validation, stratify=strata, random_state=seed
        )
    except ValueError:
        parts = 3 if wanted.test else 2
        sizes = np.unique_counts([] if labels is None else labels).counts
        smallest = min(train, wanted.validation, wanted.test or rows)
        if smallest < len(sizes):
            raise DataError(
                f"{origin}: {len(sizes)} classes don't fit into {smallest} rows. Ask for more with --train, "
                "--validation and --test"
            ) from None
        raise DataError(
            f"{origin}: {rows} rows of {len(sizes)} classes can't be split so that each part has its share; "
            f"{int((sizes < parts).sum())} have fewer than {parts} rows. Take more rows, put rare classes "
            "together, or say --task regression (task=) if they are numbers"
        ) from None
    return [np.sort(part) for part in (*chosen, held)]


def split_by_group(
    groups: pd.Series, y: np.ndarray, wanted: SplitSizes, seed: int, origin: str
) -> list[np.ndarray]:
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
    return _check_parts([np.sort(left), validation, test], y, origin, "group")


def _fold(codes: np.ndarray, y: np.ndarray, count: int, seed: int) -> np.ndarray:
    """About `count` rows: some of as many folds as make it so, with the classes' shares as far as groups allow."""
    groups, smallest = len(np.unique(codes)), int(np.unique(y, return_counts=True)[1].min())
    share = Fraction(count, len(y)).limit_denominator(max(FINEST, round(len(y) / count)))
    folds = min(max(share.denominator, 2), groups)
    if folds * groups > MOST_WORK:
        return _any_groups(codes, count, seed)
    from sklearn.model_selection import StratifiedGroupKFold

    if smallest < folds:
        y = np.zeros(len(y))
    split = StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(codes, y, codes)
    taken = max(round(folds * count / len(y)), 1)
    nearest = sorted((held for _, held in split), key=lambda held: abs(len(held) - count / taken))
    found = np.sort(np.concatenate(nearest[:taken]))
    return found if abs(len(found) - count) <= count / 3 else _any_groups(codes, count, seed)


def _any_groups(codes: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Groups in random order, about `count` rows of them: so many have every class's share by chance."""
    sizes = np.bincount(codes)
    order = np.random.default_rng(seed).permutation(np.flatnonzero(sizes))
    until = int(np.argmin(np.abs(np.cumsum(sizes[order]) - count)))
    return np.flatnonzero(np.isin(codes, order[: until + 1]))


def split_by_time(times: np.ndarray, y: np.ndarray, wanted: SplitSizes, origin: str) -> list[np.ndarray]:
    """Row numbers of train, validation and test, from early to late. Rows of one time are all in one part.

    `times` (rows,) are numbers.
    """
    order = np.argsort(times, kind="stable")
    ordered = times[order]
    test = _nearest_change(ordered, len(y) - wanted.test) if wanted.test else len(y)
    validation = _nearest_change(ordered[:test], test - wanted.validation)
    train = max(validation - wanted.train, 0) if wanted.train is not None else 0
    return _check_parts([order[train:validation], order[validation:test], order[test:]], y, origin, "time")


def _nearest_change(ordered: np.ndarray, place: int) -> int:
    """The place nearest to `place` at which the time changes."""
    if not 0 < place < len(ordered):
        return max(place, 0)
    first, last = (int(np.searchsorted(ordered, ordered[place], side)) for side in ("left", "right"))
    return last if first == 0 or (last < len(ordered) and last - place < place - first) else first


def comparable_times(times: pd.Series, origin: str, column: str) -> tuple[np.ndarray, str | None]:
    """Times that compare: numbers as they are, dates as microseconds; and the format that text was read in.

    Raises BadRowError for what is neither.
    """
    if times.dtype.kind in "iuf":
        return times.to_numpy(np.float64), None
    import pandas as pd

    try:
        dates, written = read_dates(times)
    except ValueError:
        dates, written = pd.Series(pd.NaT, index=times.index), None
    if dates.isna().any():
        row = int(np.flatnonzero(dates.isna())[0])
        mend = "Give all of them one format, as 2024-12-31, or name another column with --time."
        raise BadRowError(
            origin, row + 1, column, f"{times.iloc[row]!r} is no date, expected dates or numbers", mend
        )
    moments = pd.to_datetime(dates, utc=True).dt.tz_localize(None).to_numpy().astype("datetime64[us]")
    return moments.astype(np.int64), written


def _check_parts(parts: list[np.ndarray], y: np.ndarray, origin: str, kind: str) -> list[np.ndarray]:
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

"""Features that alone predict the target. They are often known only after it, or computed from it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

ALONE = 0.99  # area under the ROC curve, or absolute rank correlation
MOST_ROWS = 20_000  # that are looked at
MOST_FEATURES = 2_000
MOST_CATEGORIES = 100
SHOWN = 3  # features at most
FEWEST = 5  # rows of a class, on both sides


class FeatureColumn(NamedTuple):
    """One column: numbers, NaN where missing, or the numbers of categories from 0 on, (rows,)."""

    name: str
    values: np.ndarray
    is_category: bool = False


def telling_features(columns: Iterable[FeatureColumn], y: np.ndarray, by_class: bool) -> list[tuple[str, float]]:
    """Return features that alone predict the target, with their strength: at most three, the strongest first.

    The strength of a number is the area under the ROC curve (the smallest of all classes), or the absolute rank
    correlation. Half of the rows turn a category into the mean target of its rows; the other half measure it.

    Args:
        columns: The features.
        y: Class indices or numbers, (rows,).
        by_class: Whether the target has classes.
    """
    if y.ndim != 1:
        return []
    rows = np.random.default_rng(0).permutation(len(y))[:MOST_ROWS]
    found: list[tuple[str, float]] = []
    for count, column in enumerate(columns):
        if count == MOST_FEATURES:
            break
        measure = _category_strength if column.is_category else _number_strength
        strength = measure(column.values[rows], y[rows], by_class)
        if strength >= ALONE:
            found.append((column.name, strength))
    return sorted(found, key=lambda each: -each[1])[:SHOWN]


def _number_strength(values: np.ndarray, y: np.ndarray, by_class: bool) -> float:
    ranks = _ranks(values)
    if not by_class:
        return _correlation(ranks, y)
    areas = [_area(ranks, y == label) for label in np.unique(y)]
    return _weakest([max(area, 1 - area) for area in areas if area is not None])


def _category_strength(codes: np.ndarray, y: np.ndarray, by_class: bool) -> float:
    half = len(y) // 2
    count = int(codes.max(initial=0)) + 1
    if count > MOST_CATEGORIES:
        return 0.0
    if not by_class:
        return _correlation(_ranks(_means(codes[:half], y[:half], count)[codes[half:]]), y[half:])
    areas = []
    for label in np.unique(y):
        shares = _means(codes[:half], y[:half] == label, count)
        areas.append(_area(_ranks(shares[codes[half:]]), y[half:] == label))
    return _weakest([area for area in areas if area is not None])


def _means(codes: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    """Return the mean value of each category's rows, or of all rows if it has none."""
    rows = np.bincount(codes, minlength=count)
    sums = np.bincount(codes, weights=values, minlength=count)
    return np.where(rows > 0, sums / np.maximum(rows, 1), values.mean())


def _ranks(values: np.ndarray) -> np.ndarray:
    """Return the ranks of numbers, equal ones alike; missing ones have rank 0."""
    from scipy.stats import rankdata

    return np.nan_to_num(rankdata(values, nan_policy="omit"))


def _correlation(ranks: np.ndarray, y: np.ndarray) -> float:
    if np.ptp(ranks) == 0 or np.ptp(y) == 0:
        return 0.0
    return float(abs(np.corrcoef(ranks, _ranks(y))[0, 1]))


def _area(ranks: np.ndarray, inside: np.ndarray) -> float | None:
    """Return the area under the ROC curve of one class; None if it, or the rest, has too few rows."""
    positives, negatives = int(inside.sum()), int((~inside).sum())
    if min(positives, negatives) < FEWEST:
        return None
    # Missing values have rank 0, so the ranks must be ranked again.
    ranks = _ranks(ranks)
    return float((ranks[inside].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def _weakest(areas: list[float]) -> float:
    """Return the smallest area of at least two classes, else 0."""
    return min(areas) if len(areas) > 1 else 0.0

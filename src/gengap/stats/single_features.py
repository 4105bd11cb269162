"""Features that alone predict the target. They are often known only after it, or computed from it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

ALONE = 0.99  # area under the ROC curve
SAME_ORDER = 0.9999  # absolute rank correlation: numbers often depend on one feature with little noise
MOST_ROWS = 5_000  # that are looked at
MOST_FEATURES = 2_000
MOST_CATEGORIES = 100
SHOWN = 3  # features at most
FEWEST = 30  # rows
FEWEST_OF_CLASS = 10  # rows of a class, and of the rest


class FeatureColumn(NamedTuple):
    """One column: numbers, NaN where missing, or the numbers of categories from 0 on, (rows,)."""

    name: str
    values: np.ndarray
    is_category: bool = False


def telling_features(columns: Iterable[FeatureColumn], y: np.ndarray, by_class: bool) -> list[tuple[str, float]]:
    """Return features that alone predict the target, with their strength: at most three, the strongest first.

    The strength of a number is the area under the ROC curve (the smallest of all classes), or the absolute rank
    correlation. Half of the rows turn a category into the mean target of its rows; the other half measure it.
    Fewer than 30 rows, or ten of a class, order themselves by chance.
    """
    if y.ndim != 1 or len(y) < FEWEST:
        return []
    rows = np.random.default_rng(0).permutation(len(y))[:MOST_ROWS]
    found: list[tuple[str, float]] = []
    for count, column in enumerate(columns):
        if count == MOST_FEATURES:
            break
        measure = _category_strength if column.is_category else _number_strength
        strength = measure(column.values[rows], y[rows], by_class)
        if strength >= (ALONE if by_class else SAME_ORDER):
            found.append((column.name, strength))
    return sorted(found, key=lambda each: -each[1])[:SHOWN]


def _number_strength(values: np.ndarray, y: np.ndarray, by_class: bool) -> float:
    ranks = _ranks(np.where(np.isnan(values), -np.inf, values))
    if not by_class:
        return _correlation(ranks, y)
    label = np.unique(y, return_inverse=True)[1]
    areas = _areas(np.bincount(label, weights=ranks), np.bincount(label))
    return _weakest([max(area, 1 - area) for area in areas])


def _category_strength(codes: np.ndarray, y: np.ndarray, by_class: bool) -> float:
    half = len(y) // 2
    count = int(codes.max(initial=0)) + 1
    if count > MOST_CATEGORIES:
        return 0.0
    if not by_class:
        return _correlation(_ranks(_means(codes[:half], y[:half], count)[codes[half:]]), y[half:])
    areas: list[float] = []
    for label in np.unique(y):
        ranks = _ranks(_means(codes[:half], (y[:half] == label).astype(float), count)[codes[half:]])
        inside = y[half:] == label
        sums, counts = np.array([ranks[inside].sum(), ranks[~inside].sum()]), np.bincount(~inside, minlength=2)
        areas += _areas(sums, counts)[:1]
    return _weakest(areas)


def _means(codes: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    """Return the mean value of each category's rows, or of all rows if it has none."""
    rows = np.bincount(codes, minlength=count)
    sums = np.bincount(codes, weights=values, minlength=count)
    return np.where(rows > 0, sums / np.maximum(rows, 1), values.mean())


def _ranks(values: np.ndarray) -> np.ndarray:
    from scipy.stats import rankdata

    return rankdata(values)


def _correlation(ranks: np.ndarray, y: np.ndarray) -> float:
    if np.ptp(ranks) == 0 or np.ptp(y) == 0:
        return 0.0
    return float(abs(np.corrcoef(ranks, _ranks(y))[0, 1]))


def _areas(sums: np.ndarray, counts: np.ndarray) -> list[float]:
    """Return the area under the ROC curve of each class with enough rows, from its sum of ranks and its rows."""
    others = counts.sum() - counts
    enough = np.minimum(counts, others) >= FEWEST_OF_CLASS
    positives, sums = counts[enough].astype(float), sums[enough]
    return ((sums - positives * (positives + 1) / 2) / (positives * others[enough])).tolist()


def _weakest(areas: list[float]) -> float:
    """Return the smallest area of at least two classes, else 0."""
    return min(areas) if len(areas) > 1 else 0.0

"""One value for each sampling unit, so that the statistics of independent rows hold for groups and blocks of time.

by_unit(values of rows) -> values of units -> paired tests, intervals, halvings as for independent rows
"""

from __future__ import annotations

from typing import overload

import numpy as np

from gengap.data.units import Units
from gengap.stats.paired import linearise


@overload
def by_unit(values: np.ndarray, weights: np.ndarray | None, units: Units | None) -> np.ndarray: ...
@overload
def by_unit(values: None, weights: np.ndarray | None, units: Units | None) -> None: ...
def by_unit(values: np.ndarray | None, weights: np.ndarray | None, units: Units | None) -> np.ndarray | None:
    """Return values (..., units) whose plain mean is the weighted mean of the rows' values (..., rows).

    A unit's value is m + w (u - m): m is the mean of all rows, u that of the unit's rows, and w the unit's share of
    the weight, with the mean 1. This is the linearisation of a mean over clusters (Särndal, Swensson & Wretman
    1992, section 5.8), so the spread of these values is the sampling error. Without units, each row is one.

    >>> units = Units(np.array([0, 0, 1]), "group", "patient")
    >>> by_unit(np.array([1.0, 3.0, 5.0]), None, units).tolist()
    [1.6666666666666667, 4.333333333333333]
    """
    if values is None or units is None:
        return linearise(values, weights)
    ones = np.ones(values.shape[-1]) if weights is None else weights.astype(np.float64)
    shares = units.sums(ones)
    with np.errstate(invalid="ignore"):  # a model that diverged has no finite mean
        means = units.sums(values * ones) / np.where(shares > 0, shares, 1.0)
    return linearise(means, shares)


def effective_rows(values: np.ndarray, units: Units) -> float:
    """Return how many independent rows would give the mean of `values` (rows,) the same standard error.

    At most as many as there are rows.
    """
    between = by_unit(values, None, units)
    error, alone = between.var(ddof=1) / len(between), values.var(ddof=1)
    return float(min(alone / error, len(values))) if error > 0 else float(len(values))

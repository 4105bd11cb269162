"""Rows that don't count alike: how weighted means enter statistics of plain means over rows."""

from __future__ import annotations

from typing import overload

import numpy as np


@overload
def linearise(values: np.ndarray, weights: np.ndarray | None) -> np.ndarray: ...
@overload
def linearise(values: None, weights: np.ndarray | None) -> None: ...
def linearise(values: np.ndarray | None, weights: np.ndarray | None) -> np.ndarray | None:
    """Values (..., rows) whose plain mean is the weighted mean of `values`, and whose spread is its sampling error.

    A weighted mean m is a ratio of two sums. Its Taylor linearisation m + w (value - m), with weights w of mean 1,
    is what survey statistics estimate its variance from (Särndal, Swensson & Wretman 1992, Model Assisted Survey
    Sampling, section 5.6); Kish's effective sample size follows from it. It is linear in the values, so that rows
    stay paired and every statistic of paired differences of means holds as it is. Without weights, the values.

    >>> linearise(np.array([1.0, 2.0, 6.0]), np.array([2.0, 2.0, 0.0])).tolist()
    [0.75, 2.25, 1.5]
    """
    if values is None or weights is None:
        return values
    means = np.average(values, axis=-1, weights=weights)[..., None]
    with np.errstate(invalid="ignore"):  # a model that diverged has no finite mean
        return means + weights / weights.mean(dtype=np.float64) * (values - means)

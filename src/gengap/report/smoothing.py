"""Owns the smoothing of curves for pictures: it never looks ahead, and gaps stay gaps."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gengap.errors import UsageError

KERNEL_REACH = 3.0  # how many standard deviations back the kernel looks: 99.7% of the half Gaussian


def smooth(values: npt.ArrayLike, std: npt.ArrayLike) -> np.ndarray:
    """Each value's mean with those before it, weighted by one half of a Gaussian.

    `values` is (n,); `std`, a number or (n,), is the kernel's standard deviation counted in values, 0 for no
    smoothing. Weights are renormalised over the values that exist, so that the start is not pulled towards zero and
    any length works. NaN and infinite values have no weight and become NaN, a gap in the picture. Returns (n,)
    float64. Raises UsageError if `std` is negative or not finite.

    >>> smooth([4.0, 0.0, 0.0], 0.5).round(2).tolist()
    [4.0, 0.48, 0.0]
    """
    values, std = np.asarray(values, np.float64), np.asarray(std, np.float64)
    wrong = ~(np.isfinite(std) & (std >= 0))
    if wrong.any():
        raise UsageError(
            f"smoothing over {std[wrong][0]}: expected a finite standard deviation of 0 (none) or more"
        )
    std = np.broadcast_to(std, values.shape)
    finite = np.isfinite(values)
    known, weight_of_known = np.where(finite, values, 0.0), finite.astype(np.float64)
    total, weights = known.copy(), weight_of_known.copy()  # lag 0 has weight 1
    furthest = min(len(values) - 1, int(np.ceil(KERNEL_REACH * std.max(initial=0.0))))
    for lag in range(1, furthest + 1):
        steps = lag / np.maximum(std[lag:], np.finfo(np.float64).tiny)
        weight = np.where(steps <= KERNEL_REACH, np.exp(-0.5 * np.minimum(steps, KERNEL_REACH) ** 2), 0.0)
        total[lag:] += weight * known[:-lag]
        weights[lag:] += weight * weight_of_known[:-lag]
    return np.divide(total, weights, out=np.full(values.shape, np.nan), where=finite)

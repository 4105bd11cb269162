"""Normal scores of a column: knots of the piecewise linear function that makes its values normally distributed."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri


def normal_scores(values: np.ndarray, knots: int) -> tuple[np.ndarray, np.ndarray]:
    """Return places in a column's values and the normal scores there.

    A value's score is the normal quantile of the share of values below it; equal values share the middle of their
    ranks. Scores have mean 0 and standard deviation 1 on the values. A column of two values keeps its shape.

    Args:
        values: The column (n,).
        knots: How many places; if there are fewer distinct values, the last one is repeated.

    Returns:
        The places in ascending order and their scores, both (knots,) float32.

    >>> places, scores = normal_scores(np.array([0.0, 1.0, 10.0, 100.0]), 4)
    >>> places.tolist(), [round(float(score), 2) for score in scores]
    ([0.0, 1.0, 10.0, 100.0], [-1.36, -0.38, 0.38, 1.36])
    """
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) == 1:
        return np.full(knots, distinct[0], np.float32), np.zeros(knots, np.float32)
    ranks = (np.cumsum(counts) - counts / 2) / len(values)
    scores, chosen = ndtri(ranks), np.arange(len(distinct))
    if len(distinct) > knots:  # half of the knots at equal shares of the values, half at scores, from both ends
        shares = np.linspace(ranks[0], ranks[-1], knots // 2)
        spaced = ndtr(np.linspace(scores[-1], scores[0], knots - knots // 2))
        middles = (ranks[1:] + ranks[:-1]) / 2
        chosen = np.unique(np.searchsorted(middles, np.concatenate([shares, spaced])))
    between = np.interp(distinct, distinct[chosen], scores[chosen])
    mean = np.average(between, weights=counts)
    deviation = np.average((between - mean) ** 2, weights=counts) ** 0.5
    chosen = np.append(chosen, np.full(knots - len(chosen), chosen[-1]))
    return distinct[chosen].astype(np.float32), ((scores[chosen] - mean) / deviation).astype(np.float32)

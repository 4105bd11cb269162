"""Rows whose truth is plain, for tests of checks."""

from __future__ import annotations

from functools import cache

import numpy as np

ROWS = 240


@cache
def classes(rows: int = ROWS) -> tuple[np.ndarray, np.ndarray]:
    """Two classes by a product of two features, with a tenth of the labels wrong."""
    random = np.random.default_rng(0)
    x = random.normal(size=(rows, 4))
    return x, ((x[:, 0] + x[:, 1] > 0) ^ (random.random(rows) < 0.1)).astype(int)


@cache
def numbers(rows: int = ROWS) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    x = random.uniform(-2, 2, size=(rows, 3))
    return x, np.sin(2 * x[:, 0]) + 0.3 * x[:, 1] + random.normal(0, 0.3, rows)

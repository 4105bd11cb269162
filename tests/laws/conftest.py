"""The rows on which the laws of training are tried."""

from __future__ import annotations

import numpy as np
import pytest

from gengap.data.rows import Rows


@pytest.fixture(scope="session")
def rows() -> tuple[Rows, Rows]:
    """330 training rows and 80 validation rows, of a noisy linear rule."""
    generator = np.random.default_rng(7)
    x = generator.normal(size=(410, 28)).astype(np.float32)
    y = (x[:, 0] - x[:, 1] + generator.normal(size=410) > 0).astype(np.float32)
    return Rows(x[:330], y[:330]), Rows(x[330:], y[330:])

"""What training computes is tried as a user's machine compiles it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from light import optimised


@pytest.fixture(scope="module", autouse=True)
def _optimised() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    with optimised():
        yield

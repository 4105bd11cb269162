"""The row orders that both trainers share."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gengap.train.types import Permutations


@given(rows=st.integers(1, 300), seed=st.integers(0, 2**32), epochs=st.integers(1, 5))
def test_every_order_holds_every_row_once(rows: int, seed: int, epochs: int) -> None:
    orders = Permutations(rows, seed).draw(epochs)
    assert orders.dtype == np.int32
    assert (np.sort(orders, axis=1) == np.arange(rows)).all()


@pytest.mark.parametrize("rows", [7, 1024, 1025])
def test_orders_do_not_depend_on_how_they_are_drawn(rows: int) -> None:
    at_once, one_by_one = Permutations(rows, 3), Permutations(rows, 3)
    np.testing.assert_array_equal(at_once.draw(4), np.concatenate([one_by_one.draw(1) for _ in range(4)]))
    assert (at_once.draw(1) != Permutations(rows, 4).draw(1)).any()


def test_every_place_gets_every_row_equally_often() -> None:
    draws = 60_000
    orders = Permutations(6, 1).draw(draws)
    counts = np.stack([np.bincount(place, minlength=6) for place in orders.T])
    expected, error = draws / 6, np.sqrt(draws * 5 / 36)
    assert np.abs(counts - expected).max() < 4.5 * error  # of 36 counts, one in thousands of seeds strays so far

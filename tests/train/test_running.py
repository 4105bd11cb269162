"""What the host does of a trial while the device computes."""

from __future__ import annotations

import numpy as np

from gengap.train.jax.trainer import RowOrders
from gengap.train.stopping import NEVER, Stopping
from gengap.train.types import Permutations, TrainConfig

ROWS, CAPACITY = 30, 5


def test_orders_are_drawn_in_turn_and_those_given_to_the_device_stay() -> None:
    orders = RowOrders(ROWS, TrainConfig(100, 10, Stopping(patience=NEVER), seed=3), 0, CAPACITY)
    expected, done = Permutations(ROWS, 3).draw(40), 0
    for length in (1, 4, 2, CAPACITY, CAPACITY, 3):
        given, before = orders.padded, orders.padded.copy()
        orders.advance(length)
        np.testing.assert_array_equal(given, before)
        done += length
        np.testing.assert_array_equal(orders.padded, expected[done : done + CAPACITY])


def test_the_last_order_is_repeated_where_a_trial_is_shorter_than_a_chunk() -> None:
    orders = RowOrders(ROWS, TrainConfig(2, 10, Stopping(patience=NEVER), seed=3), 0, CAPACITY)
    expected = Permutations(ROWS, 3).draw(2)
    np.testing.assert_array_equal(orders.padded, expected[[0, 1, 1, 1, 1]])

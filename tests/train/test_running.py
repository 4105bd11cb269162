"""What the host does of a trial while the device computes."""

from __future__ import annotations

import numpy as np

from gengap import models
from gengap.train.jax.loop import TrialLoop
from gengap.train.stopping import NEVER, Stopping
from gengap.train.types import Permutations, TrainConfig

ROWS, CAPACITY = 30, 5


def test_orders_are_drawn_in_turn_and_those_given_to_the_device_stay() -> None:
    model = models.perceptron((4,))
    model.compile(optimizer="adam", loss="mse")
    trial = TrialLoop(model, TrainConfig(100, 10, Stopping(patience=NEVER), seed=3), ROWS, CAPACITY, started=0)
    expected, done = Permutations(ROWS, 3).draw(40), 0
    for length in (1, 4, 2, CAPACITY, CAPACITY, 3):
        given, before = trial.orders, trial.orders.copy()
        trial.draw(length)
        np.testing.assert_array_equal(given, before)
        done += length
        np.testing.assert_array_equal(trial.orders, expected[done : done + CAPACITY])

"""What the host does of a trial while the device computes."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from gengap.data.rows import Rows
from gengap.models.backend import keras
from gengap.train.checkpoint import CheckpointFile
from gengap.train.jax.trainer import RowOrders
from gengap.train.local import BuiltTrial, PendingTrial, run_trials
from gengap.train.stopping import NEVER, Stopping
from gengap.train.types import Permutations, Progress, TrainConfig, finite_best_epoch

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


RANDOM_ROWS = Rows(np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32), np.arange(20) % 2)


def built(train: Rows, epochs: int) -> BuiltTrial:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss=keras.losses.BinaryCrossentropy(from_logits=True))
    return BuiltTrial(model, train, TrainConfig(epochs, 10, Stopping(patience=NEVER, monitor="loss"), seed=0))


def test_nobody_waits_for_a_trial_without_a_chunk_and_it_writes_nothing_afterwards(tmp_path: Path) -> None:
    interrupt, released, told = threading.Event(), threading.Event(), list[Progress]()
    trials: list[BuiltTrial] = []

    def build(train: Rows, validation: Rows) -> BuiltTrial:
        interrupt.set()
        assert released.wait(60)  # as a long compilation would
        trials.append(built(train, 10**6))
        return trials[0]

    file = CheckpointFile(tmp_path / "trial.npz", "print")
    pending = PendingTrial("a", 0, 3, build, told.append, file)
    assert list(run_trials([pending], (RANDOM_ROWS, RANDOM_ROWS), 1, interrupt)) == []
    (thread,) = [each for each in threading.enumerate() if each.name.startswith("trial")]
    assert thread.is_alive()
    released.set()
    thread.join()
    assert int(trials[0].model.optimizer.iterations.numpy()) > 0
    assert not told and not list(tmp_path.iterdir())


def test_a_trial_with_a_chunk_is_waited_for_and_its_state_is_kept(tmp_path: Path) -> None:
    interrupt, file = threading.Event(), CheckpointFile(tmp_path / "trial.npz", "print")

    def build(train: Rows, validation: Rows) -> BuiltTrial:
        return built(train, 10**6)

    told: list[Progress] = []

    def tell(progress: Progress) -> None:
        told.append(progress)
        interrupt.set()

    pending = PendingTrial("a", 0, 3, build, tell, file)
    (completed,) = run_trials([pending], (RANDOM_ROWS, RANDOM_ROWS), 1, interrupt)
    assert completed.result.stopped == "interrupted"
    losses = completed.result.history["validation", "loss"].values
    assert told[-1].best == losses[: told[-1].epoch].min()
    kept = file.latest("a", 0)
    assert kept is not None and kept.result.history.epochs == completed.result.history.epochs


@pytest.mark.parametrize(
    ("epoch", "best", "expected"),
    [(3, 0.5, 3), (3, np.nan, None), (3, np.inf, None), (3, None, None), (None, 0.5, None)],
)
def test_there_is_no_best_epoch_where_nothing_was_finite(
    epoch: int | None, best: float | None, expected: int | None
) -> None:
    assert finite_best_epoch(epoch, best) == expected

"""What the host does of a trial while the device computes."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from gengap.data.rows import Rows
from gengap.history import History, Series
from gengap.models.backend import keras
from gengap.train.checkpoint import CheckpointFile
from gengap.train.jax.trainer import RowOrders
from gengap.train.local import BuiltTrial, PendingTrial, run_trials, with_auc
from gengap.train.stopping import NEVER, Stopping
from gengap.train.types import Permutations, Progress, TrainConfig, TrainResult, finite_best_epoch

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


@pytest.mark.parametrize(
    ("outputs", "labels", "known"),
    [
        (np.array([[0.1, 0.9], [0.2, 0.8]]), [0, 1], True),
        (np.array([[np.nan, np.nan], [0.2, 0.8]]), [0, 1], True),
        (np.full((2, 2), np.nan), [0, 1], False),
        (np.array([[0.1, 0.9], [0.2, 0.8]]), [1, 1], False),
    ],
)
def test_there_is_an_auc_where_outputs_are_finite_and_there_are_two_classes(
    outputs: np.ndarray, labels: list[int], known: bool
) -> None:
    history = History("a", 0, {("validation", "loss"): Series(np.arange(2), np.ones(2))})
    result = TrainResult(history, np.arange(2), outputs[..., None], 0, "max-epochs", 1.0)
    found = with_auc(result, Rows(np.zeros((2, 1)), np.array(labels))).history
    assert (("validation", "auc") in found) == known
    if known:
        finite = np.isfinite(outputs).all(axis=1)
        np.testing.assert_array_equal(found["validation", "auc"].epochs, np.flatnonzero(finite))
        np.testing.assert_array_equal(found["validation", "auc"].values, 1.0)

"""Training on stored rows is training on the same rows in the same order, wherever buffers begin and end."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trainer_table as table
from light import fusion_emitters

from gengap.data.rows import Rows
from gengap.data.stored_rows import StoredRows, StoredStatistics, open_stored_rows, write_stored_rows
from gengap.errors import UsageError
from gengap.models.backend import keras
from gengap.train import keras_loop as plain
from gengap.train.checkpoint import CheckpointFile
from gengap.train.fitting import train_model
from gengap.train.jax import out_of_core as streamed
from gengap.train.jax import trainer as compiled
from gengap.train.stopping import NEVER, Stopping
from gengap.train.types import Permutations, Progress, TrainConfig, TrainResult

BATCH = 20
JOB = TrainConfig(epochs=4, batch=BATCH, seed=3, stopping=Stopping(patience=NEVER))


@pytest.fixture(scope="module")
def kept(rows: tuple[Rows, Rows], tmp_path_factory: pytest.TempPathFactory) -> StoredRows:
    path = tmp_path_factory.mktemp("stored") / "a.rows"
    x, y = rows[0].x, rows[0].y
    nothing = StoredStatistics(np.zeros(28, np.float32), np.ones(28, np.float32), np.zeros(2, np.int64))
    write_stored_rows(path, [Rows(x[:100], y[:100]), Rows(x[100:], y[100:])], lambda: nothing, 0, len(x))
    return open_stored_rows(path)[0]


class SameOrder(Permutations):
    """In the place of `Permutations`: the order in which streamed buffers name rows."""

    buffers: streamed.BufferPlan

    def __init__(self, rows: int, _seed: int) -> None:
        assert rows == len(self.buffers.train)
        super().__init__(rows, 0)
        self.epoch = 0

    def fill(self, orders: np.ndarray) -> np.ndarray:
        for order in orders:
            order[:] = self._one(self.epoch)
            self.epoch += 1
        return orders

    def skip(self, epochs: int) -> None:
        self.epoch += epochs

    def _one(self, epoch: int) -> np.ndarray:
        rows, found = len(self.buffers.train), []
        for number in range(len(self.buffers)):
            pairs = zip(*self.buffers.blocks(epoch, number), strict=True)
            places = np.concatenate([np.arange(start, start + size) % rows for start, size in pairs])
            found.append(places[self.buffers.order(epoch, number)])
        return np.concatenate(found).astype(np.int32)


def buffered(
    monkeypatch: pytest.MonkeyPatch, kept: StoredRows, batches: int, batch: int = BATCH
) -> streamed.BufferPlan:
    """Buffers of so many batches."""
    monkeypatch.setattr(streamed, "BUFFER_BYTES", batches * batch * kept.row_bytes)
    buffers = streamed.BufferPlan.of(kept, replace(JOB, batch=batch), (None, 1), 100)
    monkeypatch.setattr(SameOrder, "buffers", buffers, raising=False)
    return buffers


def run(name: str, kept: StoredRows, validation: Rows, job: TrainConfig) -> tuple[keras.Model, TrainResult]:
    model = table.make(name)
    return model, streamed.fit(model, kept, validation, job)


@pytest.mark.parametrize(
    ("name", "trainer", "batches", "batch"),
    [
        ("batch norm, noise and mixup", "compiled", 10, 33),
        ("batch norm, noise and mixup", "keras", 3, 20),
        ("dropout", "compiled", 10, 33),
    ],
)
def test_equals_training_in_memory_in_the_same_order(
    name: str,
    trainer: str,
    batches: int,
    batch: int,
    kept: StoredRows,
    rows: tuple[Rows, Rows],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert len(buffered(monkeypatch, kept, batches, batch)) == {10: 1, 3: 6}[batches]  # one holds all, or some do
    exact, job = trainer == "compiled", replace(JOB, batch=batch)
    emitters = fusion_emitters if exact else nullcontext
    with emitters():
        ours_model, ours = run(name, kept, rows[1], job)
    for draws, trains in ((compiled, compiled), (plain, plain)):
        monkeypatch.setattr(draws, "Permutations", SameOrder)
        monkeypatch.setattr(trains, "clean_sample", lambda train, number: train.map(lambda part: part[:number]))
    theirs_model, everything = table.make(name), kept.read([0], [len(kept)])
    with emitters():
        theirs = table.TRAINERS[trainer](theirs_model, everything, rows[1], job)
    assert set(ours.history.series) == set(theirs.history.series)
    for key, series in theirs.history.series.items():
        row = 1.01 / 80 if "accuracy" in key[1] and not exact else 0
        tolerance = 1e-6 if exact else 1e-4  # one program may sum logs in another order than the other
        np.testing.assert_allclose(
            ours.history[key].values, series.values, rtol=tolerance, atol=row, err_msg=str(key)
        )
    for mine, other in zip(ours_model.get_weights(), theirs_model.get_weights(), strict=True):
        if exact:
            np.testing.assert_array_equal(mine, other)
        else:
            np.testing.assert_allclose(mine, other, rtol=2e-3, atol=2e-4)
    assert ours.best_epoch == theirs.best_epoch


@pytest.mark.parametrize("batches", [1, 3, 5, 99])
def test_an_epoch_takes_every_row_once_in_an_order_of_its_own(
    batches: int, kept: StoredRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    buffered(monkeypatch, kept, batches)
    one, other = SameOrder(len(kept), 0).draw(2)
    np.testing.assert_array_equal(np.sort(one), np.arange(len(kept)))
    np.testing.assert_array_equal(np.sort(other), np.arange(len(kept)))
    assert (one != other).any()


class _KeptAlways(CheckpointFile):
    """Keeps every checkpoint that is offered, and interrupts after so many buffers."""

    after, offers = 0, 0
    interrupt: threading.Event

    def offer(self, checkpoint: object, *, now: bool = False) -> None:
        self.offers += 1
        if self.offers == self.after:
            self.interrupt.set()
        super().offer(checkpoint, now=True)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("after", [1, 4, 9])
def test_goes_on_within_an_epoch_as_if_nobody_had_stopped_it(
    after: int, kept: StoredRows, rows: tuple[Rows, Rows], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(buffered(monkeypatch, kept, 3)) == 6
    whole_model, whole = run("dropout", kept, rows[1], JOB)
    checkpoints = _KeptAlways(tmp_path / "checkpoint.npz", "mine")
    checkpoints.after, checkpoints.interrupt = after, threading.Event()
    job = replace(JOB, checkpoints=checkpoints, interrupt=checkpoints.interrupt)
    first = run("dropout", kept, rows[1], job)[1]
    assert first.stopped == "interrupted"
    assert first.history.epochs == after // 6
    checkpoints.after = 0
    checkpoints.interrupt.clear()
    rest_model, rest = run("dropout", kept, rows[1], job)
    for key, series in whole.history.series.items():
        np.testing.assert_array_equal(rest.history[key].values, series.values)
    for a, b in zip(whole_model.get_weights(), rest_model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_needs_keras_own_loop_is_refused(kept: StoredRows, rows: tuple[Rows, Rows]) -> None:
    model = table.make("Tiny")
    model.run_eagerly = True
    with pytest.raises(UsageError, match="kept on disk: the model was compiled with run_eagerly"):
        train_model(model, kept, rows[1], JOB)


def test_tells_of_every_epoch(kept: StoredRows, rows: tuple[Rows, Rows]) -> None:
    told: list[Progress] = []
    run("Tiny", kept, rows[1], replace(JOB, on_progress=told.append))
    assert [progress.epoch for progress in told] == [1, 2, 3, 4]

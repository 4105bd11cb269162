"""A trial that is stopped and goes on gives what one gives that nobody stopped, bit for bit."""

from __future__ import annotations

import threading
import warnings
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trainer_table as table

from gengap.data.rows import Rows
from gengap.models.backend import keras
from gengap.train import checkpoint as module
from gengap.train.checkpoint import CheckpointFile, PartialResult
from gengap.train.jax import trainer as compiled
from gengap.train.stopping import Stopping
from gengap.train.types import Permutations, TrainConfig, TrainResult

NAMES = ("SGD with averaged weights", "everything")
JOB = TrainConfig(epochs=40, batch=50, stopping=Stopping(patience=15), seed=3)


@lru_cache
def rows() -> tuple[Rows, Rows]:
    generator = np.random.default_rng(7)
    x = generator.normal(size=(410, 28)).astype(np.float32)
    y = (x[:, 0] - x[:, 1] + generator.normal(size=410) > 0).astype(np.float32)
    return Rows(x[:330], y[:330]), Rows(x[330:], y[330:])


def train(name: str, **changed: Any) -> tuple[keras.Model, TrainResult]:
    model = table.make(name, seed=3)
    return model, compiled.fit(model, *rows(), replace(JOB, **changed))


def stopped_once(name: str, kept: CheckpointFile, after: int = 1, **changed: Any) -> TrainResult:
    """Goes on from what is kept, and is interrupted after so many epochs."""
    pressed = threading.Event()

    def progress(told: Any) -> None:
        if told.epoch >= after:
            pressed.set()

    return train(name, checkpoints=kept, on_progress=progress, interrupt=pressed, **changed)[1]


def assert_equal(whole: tuple[keras.Model, TrainResult], parts: tuple[keras.Model, TrainResult]) -> None:
    (a, one), (b, other) = whole, parts
    assert list(one.history.series) == list(other.history.series)
    for key, series in one.history.series.items():
        assert series.values.tobytes() == other.history[key].values.tobytes(), key
    assert one.output_epochs.tolist() == other.output_epochs.tolist()
    assert one.outputs.tobytes() == other.outputs.tobytes()
    assert (one.best_epoch, one.stopped) == (other.best_epoch, other.stopped)
    for left, right in zip(a.variables, b.variables, strict=True):
        assert np.asarray(left).tobytes() == np.asarray(right).tobytes(), left.path
    for left, right in zip(a.optimizer.variables, b.optimizer.variables, strict=True):
        assert np.asarray(left).tobytes() == np.asarray(right).tobytes(), left.path


@pytest.mark.parametrize("name", NAMES)
def test_a_trial_that_was_stopped_time_and_again_ends_as_one_that_was_not(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "CHUNK_SECONDS", 0.0)  # an epoch at a time
    kept, seen = CheckpointFile(tmp_path / "trial.npz", "same"), []
    for after in (1, 2, 7, 13):
        part = stopped_once(name, kept, after)
        assert (part.stopped, part.history.epochs) == ("interrupted", after)
        seen.append(part.seconds)
    monkeypatch.undo()
    whole, rest = train(name), train(name, checkpoints=kept)
    assert_equal(whole, rest)
    assert seen == sorted(seen) and rest[1].seconds > seen[-1] > 0


def test_a_check_at_which_a_trial_was_stopped_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def certain(known: PartialResult) -> bool:
        return known.history.epochs >= 18

    monkeypatch.setattr(compiled, "CHUNK_SECONDS", 0.0)
    kept = CheckpointFile(tmp_path / "trial.npz", "same")
    assert stopped_once("Tiny", kept, 16, is_settled=certain).history.epochs == 16
    rest = stopped_once("Tiny", kept, 18, is_settled=certain)
    assert (rest.stopped, rest.history.epochs) == ("verdict", 18)
    assert_equal(train("Tiny", is_settled=certain), train("Tiny", is_settled=certain, checkpoints=kept))


def test_checkpoints_are_written_once_in_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, written = [0.0], []
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    kept = CheckpointFile(tmp_path / "trial.npz", "same")
    whole = train("Tiny", checkpoints=kept)[1]
    assert not kept.path.exists()

    def made() -> module.Checkpoint:
        written.append(clock[0])
        return module.Checkpoint([np.ones(2)], whole, 3, clock[0])

    for _ in range(1000):
        clock[0] += 0.25
        kept.offer(made)
    assert np.diff([0, *written]).max() <= module.CHECKPOINT_SECONDS + 0.25 < 60
    found = kept.latest("model", 3)
    assert found and (found.seconds, found.best_epoch) == (written[-1], 3)
    assert found.result.outputs.tobytes() == whole.outputs.tobytes()
    kept.discard()
    assert kept.latest("model", 3) is None


@pytest.mark.parametrize("how", ["empty", "cut", "flipped", "another", "shapes", "text"])
def test_what_cannot_be_used_is_as_if_it_were_not_there(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = CheckpointFile(tmp_path / "trial.npz", "same")
    stopped_once("Tiny" if how != "shapes" else "Small", kept)
    whole = kept.path.read_bytes()
    changed = {"empty": b"", "cut": whole[: len(whole) // 2], "text": b"no archive", "flipped": bytearray(whole)}
    if how == "flipped":
        changed[how] = bytes(b ^ 0xFF if i % 997 == 500 else b for i, b in enumerate(whole))
    kept.path.write_bytes(changed.get(how, whole))
    kept = CheckpointFile(kept.path, "other" if how == "another" else "same")
    assert how == "shapes" or kept.latest("model", 3) is None
    assert_equal(train("Tiny"), train("Tiny", checkpoints=kept))


def test_no_flipped_byte_ends_a_trial_or_is_believed(tmp_path: Path) -> None:
    kept = CheckpointFile(tmp_path / "trial.npz", "same")
    stopped_once("Tiny", kept)
    whole, true = kept.path.read_bytes(), kept.latest("model", 3)
    assert true
    for place in np.random.default_rng(0).integers(len(whole), size=300).tolist():
        kept.path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        found = kept.latest("model", 3)
        if found is not None:  # a byte that says nothing, as a date in the archive
            assert [a.tobytes() for a in found.arrays] == [a.tobytes() for a in true.arrays]


def test_a_checkpoint_that_cannot_be_written_ends_no_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHECKPOINT_SECONDS", 0.0)
    (tmp_path / "file").touch()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("default")
        found = train("Tiny", checkpoints=CheckpointFile(tmp_path / "file" / "a.npz", "same"))
        train("Tiny", checkpoints=CheckpointFile(tmp_path / "file" / "b.npz", "same"))
    assert len(told) == 1 and "can't save checkpoints (File exists)" in str(told[0].message)
    assert_equal(train("Tiny"), found)


def test_permutations_that_are_passed_over_are_those_that_would_have_come() -> None:
    one, other = Permutations(37, 5), Permutations(37, 5)
    whole = one.draw(9)
    other.skip(4)
    np.testing.assert_array_equal(whole[4:], other.draw(5))

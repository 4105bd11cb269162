"""Few calls lie between a study and the training step."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

import gengap
from gengap import models
from gengap.data.rows import Rows
from gengap.models.mlp import compile_binary
from gengap.train.jax import trainer
from gengap.train.local import BuiltTrial, PendingTrial, run_trials
from gengap.train.types import TrainConfig

PACKAGE = str(Path(gengap.__file__).parent)
MOST_FRAMES = 4  # run_trials, then in a thread a group of seeds, the choice of a trainer, the trainer


def gengap_frames(frame: FrameType | None) -> Iterator[str]:
    """The functions of gengap in a call stack, innermost first."""
    while frame is not None:
        if frame.f_code.co_filename.startswith(PACKAGE):
            yield frame.f_code.co_qualname
        frame = frame.f_back


def frames_at_the_step(monkeypatch: pytest.MonkeyPatch, train: Callable[[], object]) -> list[str]:
    """The functions of gengap that are running, in both threads, when the compiled program is called."""
    found: list[str] = []
    chunk_program, main = trainer.chunk_program, threading.main_thread().ident

    def watched(*arguments: Any) -> tuple[Any, Any]:
        program, columns = chunk_program(*arguments)

        def call(*values: Any) -> Any:
            if not found:
                found.extend(gengap_frames(sys._getframe()))
                found.extend(gengap_frames(sys._current_frames()[main or 0]))
            return program(*values)

        return call, columns

    monkeypatch.setattr(trainer, "chunk_program", watched)
    train()
    return found


def test_from_the_scheduler_to_the_training_step(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    rows = Rows(random.normal(size=(60, 3)).astype(np.float32), random.integers(2, size=60).astype(np.float32))

    def build(train: Rows, validation: Rows) -> BuiltTrial:
        model = models.tiny(features=3)
        compile_binary(model)
        return BuiltTrial(model, train, TrainConfig(2, 20))

    def train() -> None:
        trials = [PendingTrial("tiny", 0, 100, build)]
        (done,) = run_trials(trials, (rows, rows), 1, threading.Event())
        assert done.result.history.epochs == 2

    found = frames_at_the_step(monkeypatch, train)
    assert "run_trials" in found and "fit" in found
    waiting = {"_as_completed"}  # beside the way to the step: the main thread waits there for the trials' threads
    assert len([name for name in found if name not in waiting]) <= MOST_FRAMES, found

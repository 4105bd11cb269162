"""The host's side of a trial that runs as compiled programs: its record, its checkpoints and when it ends.

All compiled trainers use it: `trainer` (one trial, or a trial's seeds at once) and `out_of_core` (rows on disk).

A callback that only needs logs is called for a chunk's epochs once the chunk is done. For any other callback a
chunk is one epoch: the model holds the weights while the callback runs, and what it changed is read back.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from gengap.models.backend import keras
from gengap.models.keras_internals import initial_epoch, overrides_hook, reset_initial_epoch
from gengap.train.checkpoint import Checkpoint
from gengap.train.jax.program import ChunkResult, ChunkState
from gengap.train.stopping import StopReason
from gengap.train.types import HistoryRecorder, TrainConfig, TrainResult, finite_best_epoch

Arrays = TypeVar("Arrays")


class TrialLoop:
    """One trial between its chunks.

    Args:
        model: The compiled model, with all its variables built.
        config: How to train it. If it has checkpoints, the trial resumes from the latest.
        started: When the trial started, as `time.perf_counter` counts.
        first: The epoch to start with, from 0, if there is no checkpoint.
        epoch_state: What an unfinished epoch carries, for rows that come in buffers.

    Attributes:
        state: What the next chunk starts from.
        epoch_state: As the argument, or as the checkpoint has it.
        stopped: Why the trial has ended, or None.
    """

    def __init__(
        self, model: keras.Model, config: TrainConfig, started: float, first: int = 0, epoch_state: Any = None
    ) -> None:
        self._model, self._config, self._record = model, config, HistoryRecorder(config, first)
        (self.state, self.epoch_state), before = self._resume((ChunkState.of(model), epoch_state))
        self._started = started - before
        self._columns: list[tuple[str, str]] = []
        self.stopped: StopReason | None = None if self.done < config.epochs else "max-epochs"

    def _resume(self, fresh: Arrays) -> tuple[Arrays, float]:
        """Return the arrays and the seconds of the latest checkpoint, or `fresh` and 0."""
        saved = self._config.checkpoints
        checkpoint = saved.latest(self._config.run, self._config.seed) if saved else None
        leaves, tree = jax.tree.flatten(fresh)
        if checkpoint is None or [_kind(a) for a in checkpoint.arrays] != [_kind(a) for a in leaves]:
            return fresh, 0.0
        self._record.resume(checkpoint.result, checkpoint.best_epoch)
        return jax.tree.unflatten(tree, [jnp.array(a) for a in checkpoint.arrays]), checkpoint.seconds

    @property
    def done(self) -> int:
        """How many epochs are trained."""
        return self._record.epochs

    @property
    def until_check(self) -> int:
        """How many epochs may run before the verdict is checked, or the trial ends."""
        check = next((check for check in self._config.checks if check > self.done), self._config.epochs)
        return check - self.done

    @property
    def seconds(self) -> float:
        """How long the trial has been trained, the time before its checkpoint included."""
        return time.perf_counter() - self._started

    def begin(self, columns: list[tuple[str, str]]) -> None:
        """Set the names of the values that chunks log."""
        self._columns = columns

    def add(self, chunk: ChunkResult) -> None:
        """Take over a chunk's state, and record its logs and outputs."""
        self.state = chunk.state
        first, ran = self.done, int(chunk.done)
        logs, outputs, best = (
            np.asarray(chunk.logs)[:ran],
            np.asarray(chunk.outputs),
            int(chunk.state.stopping.epoch),
        )
        for key, values in zip(self._columns, logs.T, strict=True):
            self._record.log(key, values)
        for i in range(ran):
            self._record.keep(first + i, outputs[i], last=i == ran - 1, best=first + i == best)

    def judge(self, chunk: ChunkResult, stopped_by_callback: bool = False) -> None:
        """Report progress after an added chunk, decide whether the trial ends, and offer a checkpoint."""
        stopping = chunk.state.stopping
        best = float(stopping.best) * (1 if self._config.stopping.mode == "min" else -1)
        self._record.report(self.done, best, _epoch_or_none(stopping.epoch), self.seconds)
        why = self._stop_reason(chunk, stopped_by_callback)
        if why in (None, "interrupted"):
            self.offer_checkpoint(now=why is not None)
        self.stopped = why or ("max-epochs" if self.done >= self._config.epochs else None)

    def offer_checkpoint(self, *, now: bool) -> None:
        """Save a checkpoint if it is time, or `now`."""
        if self._config.checkpoints:
            self._config.checkpoints.offer(self._checkpoint, now=now)

    def end(self) -> None:
        """Leave the last weights in the model, as Keras' own `fit` does before it calls `on_train_end`."""
        self.restore_last()
        self._model.optimizer.finalize_variable_values(self._model.trainable_variables)

    def result(self) -> TrainResult:
        """Put the best weights into the model, if the rule restores them, and return the trained trial."""
        stopping = self.state.stopping
        best_epoch = finite_best_epoch(_epoch_or_none(stopping.epoch), float(stopping.best))
        if self._config.stopping.restore_best and best_epoch is not None:
            _assign(self._model.trainable_variables, self.state.best[0])
            _assign(self._model.non_trainable_variables, self.state.best[1])
        return self._record.finish(best_epoch, self.stopped or "max-epochs", self.seconds)

    def restore_last(self) -> None:
        """Put the last weights and the optimizer's variables into the model."""
        _assign(self._model.trainable_variables, self.state.model.trainable)
        _assign(self._model.non_trainable_variables, self.state.model.fixed)
        _assign(self._model.optimizer.variables, self.state.model.optimizer)

    def _stop_reason(self, chunk: ChunkResult, stopped_by_callback: bool) -> StopReason | None:
        """Return why the trial ends here. An interrupt comes last: only a trial with more to do is interrupted."""
        config, done = self._config, self.done
        if bool(chunk.diverged):
            return "diverged"
        if bool(chunk.stop):
            return "patience"
        if stopped_by_callback:
            return "callback"
        if config.is_settled and done in config.checks and config.is_settled(self._record.partial()):
            return "verdict"
        return "interrupted" if config.interrupted and done < config.epochs else None

    def _checkpoint(self) -> Checkpoint:
        """Copy to the host all that later epochs depend on: programs take over the device's buffers."""
        arrays = [np.array(leaf) for leaf in jax.tree.leaves((self.state, self.epoch_state))]
        return Checkpoint(arrays, self._record.partial(), _epoch_or_none(self.state.stopping.epoch), self.seconds)


def _kind(array: Any) -> tuple[tuple[int, ...], str]:
    return np.shape(array), str(array.dtype)


def _epoch_or_none(epoch: Any) -> int | None:
    return int(epoch) if int(epoch) >= 0 else None


def _assign(variables: list[Any], values: list[Any]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


LOG_CALLBACKS = (
    keras.callbacks.CSVLogger,
    keras.callbacks.History,
    keras.callbacks.ProgbarLogger,
    keras.callbacks.RemoteMonitor,
    keras.callbacks.TerminateOnNaN,  # a loss that isn't finite ends every trial
)
# Their hooks for batches do nothing that matters, if they save every epoch:
EPOCH_CALLBACKS = (*LOG_CALLBACKS, keras.callbacks.ModelCheckpoint, keras.callbacks.BackupAndRestore)
BATCH_HOOKS = [f"on_{kind}batch_{end}" for kind in ("", "train_", "test_") for end in ("begin", "end")]
BATCH_HOOKS += ["on_test_begin", "on_test_end"]


def needs_batch_hooks(callback: Any) -> bool:
    """Tell whether a callback has hooks that Keras calls within an epoch."""
    if type(callback) in EPOCH_CALLBACKS:
        return getattr(callback, "save_freq", "epoch") != "epoch" or bool(getattr(callback, "raise_error", False))
    return any(overrides_hook(callback, hook) for hook in BATCH_HOOKS)


def needs_only_logs(callback: Any) -> bool:
    """Tell whether a callback neither reads nor changes the model: Keras' own such ones, or `logs_only` is True."""
    return type(callback) in LOG_CALLBACKS or getattr(callback, "logs_only", False) is True


class CallbackRunner:
    """Calls a trial's callbacks as Keras' `fit` does.

    `first` is the epoch to start with, from 0: a callback such as BackupAndRestore may resume a trial.
    """

    def __init__(self, model: keras.Model, callbacks: Sequence[Any], epochs: int, steps: int) -> None:
        self._model, self.any = model, bool(callbacks)
        self.every_epoch = not all(map(needs_only_logs, callbacks))
        self._logs: dict[str, float] = {}
        self.first = 0
        if self.any:
            options = {"verbose": 1, "epochs": epochs, "steps": steps}
            self._list = keras.callbacks.CallbackList(list(callbacks), model=model, **options)
            model.stop_training = False
            reset_initial_epoch(model)
            self._list.on_train_begin()
            self.first = min(initial_epoch(model), epochs)

    @property
    def stopped(self) -> bool:
        """Whether a callback set `model.stop_training`."""
        return self.any and bool(self._model.stop_training)

    def begin(self, epoch: int) -> None:
        """Call the callbacks before an epoch."""
        if self.any:
            self._list.on_epoch_begin(epoch)

    def end(self, epoch: int, logs: dict[str, float]) -> None:
        """Call the callbacks after an epoch, with Keras' logs of it."""
        if self.any:
            self._logs = logs
            self._list.on_epoch_end(epoch, logs)

    def close(self) -> None:
        """Call the callbacks after the last epoch; the model holds its weights."""
        if self.any:
            self._list.on_train_end(self._logs)


def keras_logs(columns: Sequence[tuple[str, str]], row: Sequence[float]) -> dict[str, float]:
    """Return a logged row under Keras' names, without the clean metrics and the learning rate."""
    train_metrics = columns.index(("train", "learning_rate"))  # which come before it
    named = zip(columns, row, strict=True)
    shown = [pair for i, pair in enumerate(named) if i < train_metrics or pair[0][0] == "validation"]
    return {f"val_{metric}" if split == "validation" else metric: value for (split, metric), value in shown}

"""Keras' callbacks in training: which can wait for the end of a chunk, which want the weights at every epoch.

A callback that only looks at logs is told of its epochs once their chunk is done. For any other the chunk is one
epoch: the model holds the weights while the callback runs, and what it changed is read back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gengap.models.backend import keras
from gengap.models.keras_internals import initial_epoch, overrides_hook, reset_initial_epoch

LOG_CALLBACKS = (keras.callbacks.CSVLogger, keras.callbacks.ProgbarLogger, keras.callbacks.History)
LOG_CALLBACKS += (
    keras.callbacks.RemoteMonitor,
    keras.callbacks.TerminateOnNaN,
)  # a loss that isn't finite ends a trial
# Whose hooks for batches do nothing, or nothing that is missed, if they save every epoch:
EPOCH_CALLBACKS = (*LOG_CALLBACKS, keras.callbacks.ModelCheckpoint, keras.callbacks.BackupAndRestore)
BATCH_HOOKS = [f"on_{kind}batch_{end}" for kind in ("", "train_", "test_") for end in ("begin", "end")]
BATCH_HOOKS += ["on_test_begin", "on_test_end"]


def needs_batch_hooks(callback: Any) -> bool:
    """Whether it has hooks that are called within an epoch."""
    if type(callback) in EPOCH_CALLBACKS:
        return getattr(callback, "save_freq", "epoch") != "epoch" or bool(getattr(callback, "raise_error", False))
    return any(overrides_hook(callback, hook) for hook in BATCH_HOOKS)


def needs_only_logs(callback: Any) -> bool:
    """Whether it needs neither weights nor a say: known ones, and those whose `logs_only` is True."""
    return type(callback) in LOG_CALLBACKS or getattr(callback, "logs_only", False) is True


class CallbackRunner:
    """One trial's callbacks, called as Keras' `fit` calls them.

    `first` is the epoch to start with: not 0 if a callback took up a trial that was broken off.
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
        """Before an epoch."""
        if self.any:
            self._list.on_epoch_begin(epoch)

    def end(self, epoch: int, logs: dict[str, float]) -> None:
        """After an epoch, with what Keras logs of it."""
        if self.any:
            self._logs = logs
            self._list.on_epoch_end(epoch, logs)

    def close(self) -> None:
        """After the last epoch; the model holds its weights."""
        if self.any:
            self._list.on_train_end(self._logs)


def keras_logs(columns: Sequence[tuple[str, str]], row: Sequence[float]) -> dict[str, float]:
    """A logged row under the names that Keras gives its values: without the clean metrics and the learning rate."""
    own = columns.index(("train", "learning_rate"))
    logged = zip(columns, row, strict=True)
    kept = [pair for i, pair in enumerate(logged) if i < own or pair[0][0] == "validation"]
    return {f"val_{metric}" if split == "validation" else metric: value for (split, metric), value in kept}

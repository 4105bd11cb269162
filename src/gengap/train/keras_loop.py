"""The plain trainer: Keras' own `fit`, on any backend. It is the oracle of the compiled one, and its fallback.

It draws the same row orders, logs the same metrics and follows Keras' own EarlyStopping, so that the laws in
tests/laws can compare the two step by step.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from gengap.data.rows import Rows
from gengap.models.backend import keras
from gengap.models.keras_internals import initial_epoch, overrides_hook, reset_initial_epoch
from gengap.train.stopping import Stopping, StopReason
from gengap.train.types import (
    HistoryRecorder,
    Permutations,
    Progress,
    TrainConfig,
    TrainResult,
    clean_sample,
    concatenate_outputs,
    finite_best_epoch,
    output_shape,
    recorded_rows,
)


def fit(model: keras.Model, train: Rows, validation: Rows, job: TrainConfig) -> TrainResult:
    """Trains a compiled Keras `model` as `job` says, by Keras' own loop; gives what the compiled trainer gives."""
    started = time.perf_counter()
    shape = output_shape(model, train)
    train, validation = train.shaped_like(shape), validation.shaped_like(shape)
    stopping = _early_stopping(job.stopping)
    batches = _ShuffledBatches(train, job.batch, job.seed)
    shuffle = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: batches.shuffle(epoch))
    reset_initial_epoch(model)
    log = _HistoryCallback(train, validation, job, stopping)
    with _randomness(model, job.randomness):
        model.fit(
            batches,
            epochs=job.epochs,
            validation_data=validation.batch(),
            validation_batch_size=len(validation),
            shuffle=False,
            verbose=0,
            callbacks=[shuffle, *job.callbacks, stopping, log],
        )
    return log.fitted(time.perf_counter() - started)


def _early_stopping(rule: Stopping) -> keras.callbacks.EarlyStopping:
    return keras.callbacks.EarlyStopping(
        monitor=f"val_{rule.monitor}",
        min_delta=rule.min_delta,
        patience=rule.patience,
        mode=rule.mode,
        baseline=rule.baseline,
        restore_best_weights=rule.restore_best,
        start_from_epoch=rule.start_from_epoch,
    )


def _randomness(model: keras.Model, kind: str) -> contextlib.AbstractContextManager[None]:
    if kind == "keras" or keras.backend.backend() != "jax":
        return contextlib.nullcontext()
    from gengap.train.jax.fast_ops import hashed_randomness

    return hashed_randomness(model)


class _ShuffledBatches(keras.utils.PyDataset):
    """The training rows in each epoch's own order, in batches; the last one may be smaller."""

    def __init__(self, rows: Rows, batch: int, seed: int) -> None:
        super().__init__()
        self._rows, self._batch = rows, batch
        self._permutations, self._drawn = Permutations(len(rows), seed), 0
        self._order = np.arange(len(rows))

    def shuffle(self, epoch: int) -> None:
        """Draws the epoch's order. (Keras calls `on_epoch_end` once more than there are epochs.)"""
        self._permutations.skip(epoch - self._drawn)
        self._order, self._drawn = self._permutations.draw(1)[0], epoch + 1

    def __len__(self) -> int:
        return -(-len(self._rows) // self._batch)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        part = self._order[index * self._batch : (index + 1) * self._batch]
        return self._rows.each(lambda array: array[part]).batch()


class _HistoryCallback(keras.callbacks.Callback):
    """Gathers what the compiled trainer logs: clean train metrics, learning rate and validation outputs too."""

    def __init__(
        self, train: Rows, validation: Rows, job: TrainConfig, stopping: keras.callbacks.EarlyStopping
    ) -> None:
        super().__init__()
        self._clean, self._validation = clean_sample(train, len(validation)), validation
        self._job, self._stopping = job, stopping
        self._record, self._checks = HistoryRecorder(job), set(job.checks)
        self._best: int | None = None
        self._ended: StopReason | None = None
        self._started = time.perf_counter()

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._record = HistoryRecorder(self._job, initial_epoch(self.model))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs = {name: value for name, value in (logs or {}).items() if np.ndim(value) == 0}
        for name, value in logs.items():
            if name == "learning_rate":  # which some callbacks put there
                continue
            split, metric = ("validation", name[4:]) if name.startswith("val_") else ("train", name)
            self._add(split, metric, value)
        self._add("train", "learning_rate", keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        x, y, weights = self._clean.x, self._clean.y, self._clean.weights
        options: dict[str, Any] = {"batch_size": len(self._clean), "verbose": 0, "return_dict": True}
        clean = self.model.evaluate(x, y, sample_weight=weights, **options)
        penalties = float(keras.ops.convert_to_numpy(sum(self.model.losses)))
        for name, value in clean.items():
            self._add("train", f"clean_{name}", value - penalties if name == "loss" else value)
        self._keep(epoch)
        self._decide(epoch, logs)

    def _add(self, split: str, metric: str, value: Any) -> None:
        self._record.log((split, metric), [value])

    def _keep(self, epoch: int) -> None:
        outputs = concatenate_outputs(
            self.model.predict(self._validation.x, batch_size=len(self._validation), verbose=0)
        )
        improved = self._stopping.best_epoch == epoch and epoch >= self._job.stopping.start_from_epoch
        self._best = epoch if improved else self._best
        self._record.keep(epoch, outputs[recorded_rows(len(outputs))], best=improved)

    def _decide(self, epoch: int, logs: dict[str, Any]) -> None:
        monitor, best = self._job.stopping.monitor, self._stopping.best
        if self._job.on_progress is not None:
            seconds = time.perf_counter() - self._started
            shown = float("nan") if best is None else float(best)
            values = (float(logs[monitor]), float(logs[f"val_{monitor}"]), shown, self._best, seconds)
            self._job.on_progress(
                Progress(self._job.run, self._job.seed, epoch + 1, self._job.epochs, *values, self._record.history)
            )
        if not np.isfinite([logs["loss"], logs["val_loss"]]).all():
            self._ended = "diverged"
        elif self._job.interrupted and epoch + 1 < self._job.epochs and not self.model.stop_training:
            self._ended = "interrupted"
        elif self._job.certain and epoch + 1 in self._checks and not self.model.stop_training:
            self._ended = "verdict" if self._job.certain(self._record.so_far()) else None
        if self._ended:
            self.model.stop_training = True

    def fitted(self, seconds: float) -> TrainResult:
        early: StopReason = "callback" if self.model.stop_training else "max-epochs"
        early = "patience" if self._stopping.stopped_epoch > 0 else early
        best_epoch = finite_best_epoch(self._best, self._stopping.best)
        return self._record.fitted(best_epoch, self._ended or early, seconds)


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

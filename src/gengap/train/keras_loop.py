"""The plain trainer, which is Keras' own `fit` on any backend.

The plain trainer is the oracle of the compiled one, and its fallback. It draws the same row orders, logs the same
metrics and uses Keras' own EarlyStopping, so that the laws in tests/laws can compare the two step by step.
"""

from __future__ import annotations

import contextlib
import time
from typing import Any

import numpy as np

from gengap.data.rows import Rows
from gengap.models.backend import keras
from gengap.models.keras_internals import initial_epoch, reset_initial_epoch, weight_averages
from gengap.train.stopping import Stopping, StopReason
from gengap.train.types import (
    HistoryRecorder,
    Permutations,
    TrainConfig,
    TrainResult,
    clean_sample,
    concatenate_outputs,
    finite_best_epoch,
    output_shape,
    recorded_rows,
)


def fit(model: keras.Model, train: Rows, validation: Rows, config: TrainConfig) -> TrainResult:
    """Train a compiled Keras model by Keras' own loop; the result is that of the compiled trainer."""
    started = time.perf_counter()
    shape = output_shape(model, train)
    train, validation = train.shaped_like(shape), validation.shaped_like(shape)
    stopping = _early_stopping(config.stopping)
    batches = _ShuffledBatches(train, config.batch, config.seed)
    shuffle = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: batches.shuffle(epoch))
    reset_initial_epoch(model)
    log = _HistoryCallback(train, validation, config, stopping)
    averages = [_AveragesCallback()] if config.averaged else []
    with _randomness(model, config.randomness), _precision(model, config):
        model.fit(
            batches,
            epochs=config.epochs,
            validation_data=validation.batch(),
            validation_batch_size=len(validation),
            shuffle=False,
            verbose=0,
            callbacks=[shuffle, *config.callbacks, *averages, stopping, log],
        )
    return log.result(time.perf_counter() - started)


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


def _precision(model: keras.Model, config: TrainConfig) -> contextlib.AbstractContextManager[None]:
    if config.precision != "bfloat16":
        return contextlib.nullcontext()
    from gengap.train.jax.rounding import rounded_products

    return rounded_products(model, config.batch)


class _ShuffledBatches(keras.utils.PyDataset):
    """The training rows in each epoch's own order, in batches; the last one may be smaller."""

    def __init__(self, rows: Rows, batch: int, seed: int) -> None:
        super().__init__()
        self._rows, self._batch = rows, batch
        self._permutations, self._drawn = Permutations(len(rows), seed), 0
        self._order = np.arange(len(rows))

    def shuffle(self, epoch: int) -> None:
        """Draw the epoch's order. Keras calls `on_epoch_end` once more than there are epochs."""
        self._permutations.skip(epoch - self._drawn)
        self._order, self._drawn = self._permutations.draw(1)[0], epoch + 1

    def __len__(self) -> int:
        return -(-len(self._rows) // self._batch)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        part = self._order[index * self._batch : (index + 1) * self._batch]
        return self._rows.take(part).batch()


class _AveragesCallback(keras.callbacks.Callback):
    """Puts the averages of the weights into the model while it is evaluated, and between epochs.

    Unlike Keras' `SwapEMAWeights`, it leaves the averages in the optimizer, where Keras takes the last weights.
    """

    def __init__(self) -> None:
        super().__init__()
        self._trained: list[Any] | None = None

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._show_trained()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._show_averages()

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._show_averages()

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        self._show_trained()

    def _show_averages(self) -> None:
        weights = self.model.trainable_variables
        self._trained = [_copied(weight) for weight in weights]
        for weight, average in zip(weights, weight_averages(self.model.optimizer), strict=True):
            weight.assign(_copied(average))

    def _show_trained(self) -> None:
        if self._trained is not None:
            for weight, value in zip(self.model.trainable_variables, self._trained, strict=True):
                weight.assign(value)
            self._trained = None


def _copied(variable: keras.Variable) -> np.ndarray:
    """Copy a variable's value: a JAX program takes over the buffers of its arguments."""
    return np.array(keras.ops.convert_to_numpy(variable))


class _HistoryCallback(keras.callbacks.Callback):
    """Records what the compiled trainer records: also clean train metrics, learning rate and validation outputs."""

    def __init__(
        self, train: Rows, validation: Rows, config: TrainConfig, stopping: keras.callbacks.EarlyStopping
    ) -> None:
        super().__init__()
        self._clean, self._validation = clean_sample(train, len(validation)), validation
        self._config, self._stopping = config, stopping
        self._record, self._checks = HistoryRecorder(config), set(config.checks)
        self._best: int | None = None
        self._ended: StopReason | None = None
        self._started = time.perf_counter()

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._record = HistoryRecorder(self._config, initial_epoch(self.model))

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
        best = float("nan") if self._stopping.best is None else float(self._stopping.best)
        self._record.report(epoch + 1, best, self._best, time.perf_counter() - self._started)
        self._decide(epoch, logs)

    def _add(self, split: str, metric: str, value: Any) -> None:
        self._record.log((split, metric), [value])

    def _keep(self, epoch: int) -> None:
        predicted = self.model.predict(self._validation.x, batch_size=len(self._validation), verbose=0)
        values = self._config.row_values
        if values is None:
            outputs = concatenate_outputs(predicted)
        else:
            outputs = keras.ops.convert_to_numpy(values(predicted, self._validation.y))
        improved = self._stopping.best_epoch == epoch and epoch >= self._config.stopping.start_from_epoch
        self._best = epoch if improved else self._best
        self._record.keep(epoch, outputs[recorded_rows(len(outputs))], best=improved)

    def _decide(self, epoch: int, logs: dict[str, Any]) -> None:
        """Stop training that diverged, was interrupted, or whose verdict is settled."""
        if not np.isfinite([logs["loss"], logs["val_loss"]]).all():
            self._ended = "diverged"
        elif self._config.interrupted and epoch + 1 < self._config.epochs and not self.model.stop_training:
            self._ended = "interrupted"
        elif self._config.is_settled and epoch + 1 in self._checks and not self.model.stop_training:
            self._ended = "verdict" if self._config.is_settled(self._record.partial()) else None
        if self._ended:
            self.model.stop_training = True

    def result(self, seconds: float) -> TrainResult:
        """Return the result of the training that has ended, which took `seconds`."""
        reason: StopReason = "callback" if self.model.stop_training else "max-epochs"
        if self._stopping.stopped_epoch > 0:
            reason = "patience"
        best_epoch = finite_best_epoch(self._best, self._stopping.best)
        return self._record.finish(best_epoch, self._ended or reason, seconds)

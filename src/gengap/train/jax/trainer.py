"""The fast trainer: any Keras model on the JAX backend, whole chunks of epochs at a time.

`fit` sizes the chunks and calls callbacks. `gengap.train.jax.loop` keeps the trial's record between chunks;
`gengap.train.jax.program` is what runs on the device.

`fit_seeds` trains several seeds of one trial as one program, side by side on the device (`jax.vmap`). A small
model's step leaves a GPU idle; its seeds together fill it. On a CPU threads do as well, and a trial trained alone
gives the same bits whatever runs at the same time: so there this is not used (`seeds_are_faster`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gengap.data.rows import Rows
from gengap.errors import UsageError
from gengap.models.backend import keras
from gengap.train.jax.compilation import chunk_program
from gengap.train.jax.loop import CallbackRunner, TrialLoop, keras_logs
from gengap.train.jax.program import ChunkResult, DeviceData, ModelState
from gengap.train.stopping import EarlyStopping
from gengap.train.types import Permutations, TrainConfig, TrainResult, build_variables, clean_sample, output_shape

CHUNK_SECONDS = 0.5  # how often the host reports progress, and how long Ctrl-C waits
CHUNK_BYTES = 32 * 2**20  # of row orders and validation outputs held for one chunk
CHUNK_EPOCHS = 128


def fit(model: keras.Model, train: Rows, validation: Rows, config: TrainConfig) -> TrainResult:
    """Train a compiled Keras model; at the end it has its best or its last weights.

    The result equals that of Keras' own `fit` from the same weights on the same batches (tests/laws).

    Raises:
        UsageError: If the monitored metric is not among the compiled ones.
        UntraceableError: If the model can't be compiled as a program.
    """
    started = time.perf_counter()
    shape = output_shape(model, train)
    train, validation = train.shaped_like(shape), validation.shaped_like(shape)
    build_variables(model, train)
    data = device_data(train, clean_sample(train, len(validation)), validation)
    rule = EarlyStopping.of(config.stopping)
    callbacks = CallbackRunner(model, config.callbacks, config.epochs, -(-len(train) // config.batch))
    capacity = chunk_capacity(train, validation, shape)
    trial = TrialLoop(model, config, started, callbacks.first)
    orders = RowOrders(len(train), config, trial.done, capacity)
    arguments = (trial.state, rule, data, orders.padded, np.int32(0), np.int32(1))
    program, columns = chunk_program(model, arguments, config, capacity, monitored_metric(model, config))
    trial.begin(columns)
    length = 1
    while trial.stopped is None:
        first = trial.done
        length = 1 if callbacks.every_epoch else min(length, trial.until_check, capacity)
        if callbacks.every_epoch:
            callbacks.begin(first)
            trial.state = trial.state._replace(model=ModelState.of(model))
        begun = time.perf_counter()
        chunk = program(trial.state, rule, data, orders.padded, np.int32(first), np.int32(length))
        orders.advance(length)  # while the device computes
        trial.add(chunk)
        _call_back(trial, callbacks, columns, chunk, first)
        length = next_chunk_length(length, time.perf_counter() - begun)
        trial.judge(chunk, callbacks.stopped)
    trial.end()
    callbacks.close()
    return trial.result()


class RowOrders:
    """The row orders of the next epochs of a trial.

    `done` epochs are trained already, and a chunk has at most `capacity` epochs.
    """

    def __init__(self, rows: int, config: TrainConfig, done: int, capacity: int) -> None:
        self._capacity = capacity
        self._permutations = Permutations(rows, config.seed)
        self._permutations.skip(done)
        self._orders = self._permutations.draw(min(capacity, config.epochs))
        self._before = np.empty_like(self._orders)

    @property
    def padded(self) -> np.ndarray:
        """The orders (capacity, rows). A trial of fewer epochs repeats the last: the program's shape is fixed."""
        missing = self._capacity - len(self._orders)
        return (
            np.concatenate([self._orders, np.repeat(self._orders[-1:], missing, axis=0)])
            if missing
            else self._orders
        )

    def advance(self, length: int) -> None:
        """Draw the orders after the next `length` ones.

        They overwrite those of the chunk before, which has ended: the device may still read the present ones.
        """
        orders, left = self._before, len(self._orders) - length
        orders[:left] = self._orders[length:]
        self._permutations.fill(orders[left:])
        self._orders, self._before = orders, self._orders


def monitored_metric(model: keras.Model, config: TrainConfig) -> str:
    """Return the metric that the stopping rule watches. Raises UsageError if the model does not have it."""
    known = ["loss", *(name for name in model.get_metrics_result() if name != "loss")]
    if config.stopping.monitor not in known:
        raise UsageError(
            f"the stopping rule watches {config.stopping.monitor!r}, but the model was compiled with "
            f"{', '.join(known)}; name one of these"
        )
    return config.stopping.monitor


def device_data(train: Rows | None, clean: Rows, validation: Rows) -> DeviceData:
    """Put all rows on the device; `train` is None if the training rows come in buffers.

    A CPU uses aligned arrays without a copy (see `gengap.data.rows.aligned`); `jnp.asarray` copies once or twice.
    """
    evaluated = jax.tree.map(lambda *pair: np.concatenate(pair), validation.x, clean.x)
    arrays = (
        *((train.x, train.y, train.trained_weights) if train else (None, None, None)),
        evaluated,
        validation.y,
        validation.weights,
        clean.y,
        clean.weights,
    )
    return DeviceData(*jax.tree.map(jax.device_put, arrays))


def chunk_capacity(train: Rows, validation: Rows, shape: tuple[int | None, ...]) -> int:
    """Return the most epochs of one chunk: memory is bounded, and the cost of leaving the program is hidden."""
    epoch_bytes = 4 * (len(train) + len(validation) * int(np.prod([size or 1 for size in shape[1:]])))
    return int(np.clip(CHUNK_BYTES // epoch_bytes, 1, CHUNK_EPOCHS))


def next_chunk_length(length: int, seconds: float) -> int:
    """Return how many epochs the next chunk should have, after one of `length` epochs took `seconds`."""
    return round(np.clip(length * CHUNK_SECONDS / max(seconds, 1e-6), 1, 4 * length))


def _call_back(
    trial: TrialLoop, callbacks: CallbackRunner, columns: list[tuple[str, str]], chunk: ChunkResult, first: int
) -> None:
    """Call the callbacks for a chunk's epochs, with the weights in the model if they need them."""
    if not callbacks.any:
        return
    if callbacks.every_epoch:
        trial.restore_last()
    logs: list[Any] = np.asarray(chunk.logs)[: trial.done - first].tolist()
    for i, row in enumerate(logs):
        if not callbacks.every_epoch:
            callbacks.begin(first + i)
        callbacks.end(first + i, keras_logs(columns, row))


def seeds_are_faster() -> bool:
    """Tell whether the device trains several seeds faster together."""
    return jax.default_backend() != "cpu"


def fit_seeds(
    models: Sequence[keras.Model], train: Rows, validation: Rows, configs: Sequence[TrainConfig]
) -> list[TrainResult]:
    """Train compiled models of one structure, without callbacks; their configurations differ in the seed.

    Each result is that of `fit` up to rounding. Raises the same errors.
    """
    started, model, config = time.perf_counter(), models[0], configs[0]
    shape = output_shape(model, train)
    train, validation = train.shaped_like(shape), validation.shaped_like(shape)
    for each in models:
        build_variables(each, train)
    data = device_data(train, clean_sample(train, len(validation)), validation)
    rule = EarlyStopping.of(config.stopping)
    capacity = max(1, chunk_capacity(train, validation, shape) // len(models))
    trials = [TrialLoop(*pair, started) for pair in zip(models, configs, strict=True)]
    orders = [
        RowOrders(len(train), *pair, capacity) for pair in zip(configs, (t.done for t in trials), strict=True)
    ]
    state: Any = jax.tree.map(lambda *parts: jnp.stack(parts), *(trial.state for trial in trials))
    arguments = (state, rule, data, *_arguments(trials, orders, 1))
    monitor = monitored_metric(model, config)
    program, columns = chunk_program(model, arguments, config, capacity, monitor, seeds=True)
    for trial in trials:
        trial.begin(columns)
    length = 1
    while running := [place for place, trial in enumerate(trials) if trial.stopped is None]:
        length = min(length, capacity, *(trials[place].until_check for place in running))
        begun = time.perf_counter()
        chunk: ChunkResult = program(state, rule, data, *_arguments(trials, orders, length))
        for place in running:
            orders[place].advance(length)
        state = chunk.state
        for place in running:
            part = jax.tree.map(lambda array, place=place: array[place], chunk)
            trials[place].add(part)
            trials[place].judge(part)
        length = next_chunk_length(length, time.perf_counter() - begun)
    for trial in trials:
        trial.end()
    return [trial.result() for trial in trials]


def _arguments(trials: Sequence[TrialLoop], orders: Sequence[RowOrders], length: int) -> tuple[np.ndarray, ...]:
    """Return every trial's row orders, its first epoch, and how many epochs to train: none if it has stopped."""
    lengths = [length if trial.stopped is None else 0 for trial in trials]
    first = np.array([trial.done for trial in trials], np.int32)
    return np.stack([each.padded for each in orders]), first, np.array(lengths, np.int32)

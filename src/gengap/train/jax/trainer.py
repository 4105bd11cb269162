"""The fast trainer: any Keras model on the JAX backend, whole chunks of epochs at a time.

`fit` sizes the chunks and calls callbacks. What else the host does while the device computes is in
`gengap.train.jax.loop`; the device's side is `gengap.train.jax.program`.
"""

from __future__ import annotations

import time

import jax
import jax.numpy as jnp
import numpy as np

from gengap.data.rows import Rows
from gengap.errors import UsageError
from gengap.models.backend import keras
from gengap.train.jax.loop import TrialLoop, restore_state
from gengap.train.jax.program import ChunkResult, DeviceData, ModelState, chunk_program
from gengap.train.keras_loop import CallbackRunner, keras_logs
from gengap.train.stopping import EarlyStopping
from gengap.train.types import (
    TrainConfig,
    TrainResult,
    build_variables,
    clean_sample,
    output_shape,
)

CHUNK_SECONDS = 0.5  # how often the host hears of a trial, and how long Ctrl-C waits
CHUNK_BYTES = 32 * 2**20  # of row orders and validation outputs held for one chunk
CHUNK_EPOCHS = 128


def fit(model: keras.Model, train: Rows, validation: Rows, job: TrainConfig) -> TrainResult:
    """Trains a compiled Keras `model` as `job` says; the model is left with its best or its last weights.

    Equal to Keras' own `fit` from the same weights on the same batches (tests/laws). Raises UsageError if
    the monitored metric is not among the compiled ones.
    """
    started = time.perf_counter()
    shape = output_shape(model, train)
    train, validation = train.shaped_like(shape), validation.shaped_like(shape)
    build_variables(model, train)
    data = device_data(train, clean_sample(train, len(validation)), validation)
    rule = EarlyStopping.of(job.stopping)
    calls = CallbackRunner(model, job.callbacks, job.epochs, -(-len(train) // job.batch))
    capacity = chunk_capacity(train, validation, shape)
    trial = TrialLoop(model, job, len(train), capacity, started, calls.first)
    program, columns = chunk_program(
        model,
        (*trial.carried, rule, data, pad_orders(trial.orders, capacity), np.int32(0), np.int32(1)),
        batch=job.batch,
        capacity=capacity,
        monitor=monitored_metric(model, job),
        hashed=job.randomness == "hashed",
    )
    trial.begin(columns)
    length = 1
    while trial.stopped is None:
        first, orders = trial.done, pad_orders(trial.orders, capacity)
        length = 1 if calls.every_epoch else min(length, trial.ahead)
        if calls.every_epoch:
            calls.begin(first)
            trial.carried = trial.carried._replace(state=ModelState.of(model))
        begun = time.perf_counter()
        chunk: ChunkResult = program(*trial.carried, rule, data, orders, np.int32(first), np.int32(length))
        trial.draw(length)
        trial.add(chunk)
        _tell(model, calls, columns, chunk, first, trial.done - first)
        length = next_chunk_length(length, time.perf_counter() - begun)
        trial.judge(chunk, calls.stopped)
    trial.restore_state()
    calls.close()
    return trial.fitted()


def monitored_metric(model: keras.Model, job: TrainConfig) -> str:
    """The metric that the stopping rule watches. Raises UsageError if the model has no such one."""
    known = ["loss", *(name for name in model.get_metrics_result() if name != "loss")]
    if job.stopping.monitor not in known:
        raise UsageError(
            f"the stopping rule watches {job.stopping.monitor!r}, but the model was compiled with "
            f"{', '.join(known)}; name one of these"
        )
    return job.stopping.monitor


def device_data(train: Rows | None, clean: Rows, validation: Rows) -> DeviceData:
    """All rows on the device; without `train` those that come in buffers are left out."""
    seen = jax.tree.map(lambda *pair: np.concatenate(pair), validation.x, clean.x)
    given = (
        *((train.x, train.y, train.trained_weights) if train else (None, None, None)),
        seen,
        validation.y,
        validation.weights,
        clean.y,
        clean.weights,
    )
    return DeviceData(*jax.tree.map(jnp.asarray, given))


def chunk_capacity(train: Rows, validation: Rows, shape: tuple[int | None, ...]) -> int:
    """The most epochs of one chunk: bounded memory, and enough to hide the cost of leaving the program."""
    an_epoch = 4 * (len(train) + len(validation) * int(np.prod([size or 1 for size in shape[1:]])))
    return int(np.clip(CHUNK_BYTES // an_epoch, 1, CHUNK_EPOCHS))


def pad_orders(orders: np.ndarray, capacity: int) -> np.ndarray:
    """The program's shape is fixed, so a study of fewer epochs than a chunk holds repeats the last order."""
    if len(orders) == capacity:
        return orders
    return np.concatenate([orders, np.repeat(orders[-1:], capacity - len(orders), axis=0)])


def next_chunk_length(length: int, seconds: float) -> int:
    """How many epochs the next chunk has, after one of so many took so long."""
    return round(np.clip(length * CHUNK_SECONDS / max(seconds, 1e-6), 1, 4 * length))


def _tell(
    model: keras.Model,
    calls: CallbackRunner,
    columns: list[tuple[str, str]],
    chunk: ChunkResult,
    first: int,
    ran: int,
) -> None:
    """Tells the callbacks of a chunk's epochs, with the weights in the model if they want them."""
    if not calls.any:
        return
    if calls.every_epoch:
        restore_state(model, chunk.state)
    for i, row in enumerate(np.asarray(chunk.logs)[:ran].tolist()):
        if not calls.every_epoch:
            calls.begin(first + i)
        calls.end(first + i, keras_logs(columns, row))

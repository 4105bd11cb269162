"""Several seeds of one trial at once: one program trains all of them, side by side on the device (`jax.vmap`).

A small model's step leaves a GPU idle; its seeds together fill it. On a CPU threads do as well, and a trial trained
alone gives the same bits whatever runs at the same time: so there this is not used (`is_faster`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gengap.data.rows import Rows
from gengap.models.backend import keras
from gengap.train.jax.compilation import cached_program, compiled
from gengap.train.jax.loop import ChunkState, TrialLoop
from gengap.train.jax.program import ChunkProgram, ChunkResult
from gengap.train.jax.trainer import RowOrders, chunk_capacity, device_data, monitored_metric, next_chunk_length
from gengap.train.stopping import EarlyStopping
from gengap.train.types import TrainConfig, TrainResult, build_variables, clean_sample, output_shape


def is_faster() -> bool:
    """Tell whether the device trains several seeds faster together."""
    return jax.default_backend() != "cpu"


def fit(
    models: Sequence[keras.Model], train: Rows, validation: Rows, configs: Sequence[TrainConfig]
) -> list[TrainResult]:
    """Train compiled models of one structure, without callbacks; their configurations differ in the seed.

    Each result is that of `gengap.train.jax.trainer.fit` up to rounding. Raises the same errors.
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
    program, columns = _program(model, (*state, rule, data, *_chunks(trials, orders, 1)), config, capacity)
    for trial in trials:
        trial.begin(columns)
    length = 1
    while running := [place for place, trial in enumerate(trials) if trial.stopped is None]:
        length = min(length, capacity, *(trials[place].until_check for place in running))
        begun = time.perf_counter()
        chunk: ChunkResult = program(*state, rule, data, *_chunks(trials, orders, length))
        for place in running:
            orders[place].advance(length)
        state = ChunkState.after(chunk)
        for place in running:
            own = jax.tree.map(lambda part, place=place: part[place], chunk)
            trials[place].add(own)
            trials[place].judge(own)
        length = next_chunk_length(length, time.perf_counter() - begun)
    for trial in trials:
        trial.end()
    return [trial.result() for trial in trials]


def _program(
    model: keras.Model, arguments: tuple[Any, ...], config: TrainConfig, capacity: int
) -> tuple[Any, list[tuple[str, str]]]:
    """Return the compiled program for all seeds and the names of its logged columns. Raises UntraceableError."""
    monitor = monitored_metric(model, config)

    def compile_program() -> tuple[Any, list[tuple[str, str]]]:
        program = ChunkProgram(model, config.batch, capacity, monitor)
        chunks = jax.vmap(program.chunk, in_axes=(0, 0, 0, None, None, 0, 0, 0))
        return compiled(program, chunks, arguments, hashed=config.randomness == "hashed"), program.columns

    settings = f"together {config.batch} {capacity} {monitor} {config.randomness}"
    return cached_program(model, arguments, settings, compile_program)


def _chunks(trials: Sequence[TrialLoop], orders: Sequence[RowOrders], length: int) -> tuple[np.ndarray, ...]:
    """Return every trial's row orders, its first epoch, and how many epochs to train: none if it has stopped."""
    lengths = [length if trial.stopped is None else 0 for trial in trials]
    first = np.array([trial.done for trial in trials], np.int32)
    return np.stack([each.padded for each in orders]), first, np.array(lengths, np.int32)

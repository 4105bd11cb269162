"""Several seeds of one trial at once: one program for all of them, side by side on the device.

A small model's step leaves a GPU idle; so many at once as there are seeds fill it (`jax.vmap`). On a CPU, threads
do as well, and one by one gives the same bits whatever runs beside it: so there this is not used (`is_faster`).
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
from gengap.train.jax.loop import ChunkState, TrialLoop
from gengap.train.jax.program import ChunkProgram, ChunkResult, cached_program
from gengap.train.jax.trainer import (
    chunk_capacity,
    device_data,
    monitored_metric,
    next_chunk_length,
    pad_orders,
)
from gengap.train.stopping import EarlyStopping
from gengap.train.types import TrainConfig, TrainResult, build_variables, clean_sample, output_shape


def is_faster() -> bool:
    """Whether the device gains by it."""
    return jax.default_backend() != "cpu"


def fit(
    models: Sequence[keras.Model], train: Rows, validation: Rows, jobs: Sequence[TrainConfig]
) -> list[TrainResult]:
    """Trains compiled `models` of one structure, each with its job, which differ in their seeds, without callbacks.

    Each is as `gengap.train.jax.trainer.fit` of it alone, but for rounding. Raises UsageError and UntraceableError
    as that does.
    """
    started, model, job = time.perf_counter(), models[0], jobs[0]
    shape = output_shape(model, train)
    train, validation = train.shaped_like(shape), validation.shaped_like(shape)
    for each in models:
        build_variables(each, train)
    data, rule = (
        device_data(train, clean_sample(train, len(validation)), validation),
        EarlyStopping.of(job.stopping),
    )
    capacity = max(1, chunk_capacity(train, validation, shape) // len(models))
    members = [TrialLoop(*pair, len(train), capacity, started) for pair in zip(models, jobs, strict=True)]
    carried = _stacked([member.carried for member in members])
    arguments = (*carried, rule, data, *_asked(members, [1] * len(members), capacity))
    settings = f"together {job.batch} {capacity} {monitored_metric(model, job)} {job.randomness}"

    def make() -> tuple[Any, list[tuple[str, str]]]:
        program = ChunkProgram(model, job.batch, capacity, monitored_metric(model, job))
        chunks = jax.vmap(program.chunk, in_axes=(0, 0, 0, None, None, 0, 0, 0))
        return program.compile(chunks, *arguments, hashed=job.randomness == "hashed"), program.columns

    program, columns = cached_program(model, arguments, settings, make)
    for member in members:
        member.begin(columns)
    length = 1
    while live := [member for member in members if member.stopped is None]:
        length = min(length, *(member.ahead for member in live))
        lengths = [length if member.stopped is None else 0 for member in members]
        begun = time.perf_counter()
        chunk: ChunkResult = program(*carried, rule, data, *_asked(members, lengths, capacity))
        for member in live:
            member.draw(length)
        carried = ChunkState(chunk.state, chunk.best, chunk.watch)
        for place, member in enumerate(members):
            if member.stopped is None:
                own = jax.tree.map(lambda part, place=place: part[place], chunk)
                member.add(own)
                member.judge(own)
        length = next_chunk_length(length, time.perf_counter() - begun)
    for member in members:
        member.restore_state()
    return [member.fitted() for member in members]


def _stacked(trees: Sequence[Any]) -> Any:
    return jax.tree.map(lambda *parts: jnp.stack(parts), *trees)


def _asked(members: Sequence[TrialLoop], lengths: Sequence[int], capacity: int) -> tuple[np.ndarray, ...]:
    """Row orders, first epochs, and how many are to be trained, of every member."""
    orders = np.stack([pad_orders(member.orders, capacity) for member in members])
    return orders, np.array([member.done for member in members], np.int32), np.array(lengths, np.int32)

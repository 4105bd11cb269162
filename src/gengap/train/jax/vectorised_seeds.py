"""Several seeds of one trial at once: one program for all of them, side by side on the device.

A small model's step leaves a GPU idle; so many at once as there are seeds fill it (`jax.vmap`). On a CPU, threads
do as well, and one by one gives the same bits whatever runs beside it: so there this is not used (`worth_it`).
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
from gengap.train.jax.loop import Carried, Running
from gengap.train.jax.program import Chunk, Program, made_once
from gengap.train.jax.trainer import (
    capacity_of,
    monitored,
    next_length,
    padded,
    to_device,
)
from gengap.train.stopping import Rule
from gengap.train.types import Fitted, Job, build, clean_sample, output_shape


def worth_it() -> bool:
    """Whether the device gains by it."""
    return jax.default_backend() != "cpu"


def fit(models: Sequence[keras.Model], train: Rows, validation: Rows, jobs: Sequence[Job]) -> list[Fitted]:
    """Trains compiled `models` of one structure, each with its job, which differ in their seeds, without callbacks.

    Each is as `gengap.train.jax.trainer.fit` of it alone, but for rounding. Raises UsageError and UntraceableError
    as that does.
    """
    started, model, job = time.perf_counter(), models[0], jobs[0]
    shape = output_shape(model, train)
    train, validation = train.shaped_like(shape), validation.shaped_like(shape)
    for each in models:
        build(each, train)
    data, rule = to_device(train, clean_sample(train, len(validation)), validation), Rule.of(job.stopping)
    capacity = max(1, capacity_of(train, validation, shape) // len(models))
    members = [Running(*pair, len(train), capacity, started) for pair in zip(models, jobs, strict=True)]
    carried = _stacked([member.carried for member in members])
    arguments = (*carried, rule, data, *_asked(members, [1] * len(members), capacity))
    settings = f"together {job.batch} {capacity} {monitored(model, job)} {job.randomness}"

    def make() -> tuple[Any, list[tuple[str, str]]]:
        program = Program(model, job.batch, capacity, monitored(model, job))
        chunks = jax.vmap(program.chunk, in_axes=(0, 0, 0, None, None, 0, 0, 0))
        return program.compile(chunks, *arguments, hashed=job.randomness == "hashed"), program.columns

    program, columns = made_once(model, arguments, settings, make)
    for member in members:
        member.begin(columns)
    length = 1
    while live := [member for member in members if member.stopped is None]:
        length = min(length, *(member.ahead for member in live))
        lengths = [length if member.stopped is None else 0 for member in members]
        begun = time.perf_counter()
        chunk: Chunk = program(*carried, rule, data, *_asked(members, lengths, capacity))
        for member in live:
            member.draw(length)
        carried = Carried(chunk.state, chunk.best, chunk.watch)
        for place, member in enumerate(members):
            if member.stopped is None:
                own = jax.tree.map(lambda part, place=place: part[place], chunk)
                member.add(own)
                member.judge(own)
        length = next_length(length, time.perf_counter() - begun)
    for member in members:
        member.put_back()
    return [member.fitted() for member in members]


def _stacked(trees: Sequence[Any]) -> Any:
    return jax.tree.map(lambda *parts: jnp.stack(parts), *trees)


def _asked(members: Sequence[Running], lengths: Sequence[int], capacity: int) -> tuple[np.ndarray, ...]:
    """Row orders, first epochs, and how many are to be trained, of every member."""
    orders = np.stack([padded(member.orders, capacity) for member in members])
    return orders, np.array([member.done for member in members], np.int32), np.array(lengths, np.int32)

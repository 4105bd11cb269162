"""Several seeds of one trial at once: one program for all of them, side by side on the device.

A small model's step leaves a GPU idle; so many at once as there are seeds fill it (`jax.vmap`). On a CPU, threads
do as well, and one by one gives the same bits whatever runs beside it: so there this is not used (`worth_it`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gengap.data.rows import Rows
from gengap.models.backend import keras
from gengap.train.compiled import (
    Carried,
    Gathered,
    capacity_of,
    ended,
    gone_on,
    monitored,
    next_length,
    padded,
    put_back,
    restored,
    to_device,
)
from gengap.train.fitted import Fitted, Job, Permutations, Record, build, clean_sample, output_shape
from gengap.train.program import Chunk, Program, made_once
from gengap.train.stopping import Rule, Stopped


def worth_it() -> bool:
    """Whether the device gains by it."""
    return jax.default_backend() != "cpu"


def fit(models: Sequence[keras.Model], train: Rows, validation: Rows, jobs: Sequence[Job]) -> list[Fitted]:
    """Trains compiled `models` of one structure, each with its job, which differ in their seeds, without callbacks.

    Each is as `gengap.train.compiled.fit` of it alone, but for rounding. Raises UsageError and UntraceableError as
    that does.
    """
    started, model, job = time.perf_counter(), models[0], jobs[0]
    shape = output_shape(model, train)
    train, validation = train.shaped_like(shape), validation.shaped_like(shape)
    for each in models:
        build(each, train)
    data, rule = to_device(train, clean_sample(train, len(validation)), validation), Rule.of(job.stopping)
    capacity = max(1, capacity_of(train, validation, shape) // len(models))
    members = [_Member(*pair, len(train), capacity, started) for pair in zip(models, jobs, strict=True)]
    carried = _stacked([member.carried for member in members])
    arguments = (*carried, rule, data, *_asked(members, [1] * len(members), capacity))
    settings = f"together {job.batch} {capacity} {monitored(model, job)} {job.randomness}"

    def make() -> tuple[Any, list[tuple[str, str]]]:
        program = Program(model, job.batch, capacity, monitored(model, job))
        chunks = jax.vmap(program.chunk, in_axes=(0, 0, 0, None, None, 0, 0, 0))
        return program.compile(chunks, *arguments, hashed=job.randomness == "hashed"), program.columns

    program, columns = made_once(model, arguments, settings, make)
    length = 1
    while live := [member for member in members if member.stopped is None]:
        length = min(length, *(member.ahead for member in live))
        lengths = [length if member.stopped is None else 0 for member in members]
        begun = time.perf_counter()
        chunk: Chunk = program(*carried, rule, data, *_asked(members, lengths, capacity))
        carried = Carried(chunk.state, chunk.best, chunk.watch)
        for place, member in enumerate(members):
            if member.stopped is None:
                member.took(jax.tree.map(lambda part, place=place: part[place], chunk), columns)
        length = next_length(length, time.perf_counter() - begun)
    return [member.fitted() for member in members]


def _stacked(trees: Sequence[Any]) -> Any:
    return jax.tree.map(lambda *parts: jnp.stack(parts), *trees)


def _asked(members: Sequence[_Member], lengths: Sequence[int], capacity: int) -> tuple[np.ndarray, ...]:
    """Row orders, first epochs, and how many are to be trained, of every member."""
    orders = np.stack([padded(member.orders, capacity) for member in members])
    return orders, np.array([member.done for member in members], np.int32), np.array(lengths, np.int32)


class _Member:
    """One seed's host side: its record, row orders and checkpoints."""

    def __init__(self, model: keras.Model, job: Job, rows: int, capacity: int, started: float) -> None:
        self._model, self._job, self._record, self._started = model, job, Record(job), started
        self.carried, self._before = gone_on(Carried.of(model), job, self._record)
        self._permutations = Permutations(rows, job.seed)
        self._permutations.skip(self.done)
        self.orders = self._permutations.draw(min(capacity, job.epochs))
        self.stopped: Stopped | None = None if self.done < job.epochs else "max-epochs"
        self._gathered: Gathered | None = None

    @property
    def done(self) -> int:
        """How many epochs are trained."""
        return self._record.epochs

    @property
    def ahead(self) -> int:
        """How many epochs the next chunk may train."""
        check = next((check for check in self._job.checks if check > self.done), self._job.epochs)
        return min(check - self.done, len(self.orders))

    def took(self, chunk: Chunk, columns: list[tuple[str, str]]) -> None:
        """Takes over what its part of a chunk gave."""
        gathered = self._gathered or Gathered(columns, self._job, self._record, self._started - self._before)
        self._gathered, first, ran = gathered, self.done, int(chunk.done)
        self.carried = Carried(chunk.state, chunk.best, chunk.watch)
        gathered.add(chunk, first, ran)
        gathered.tell(chunk, self.done, ran)
        self.orders = np.concatenate([self.orders[ran:], self._permutations.draw(ran)])
        self.stopped = ended(chunk, self._job, self._record, self._job.checks, False)
        if self.stopped is None and self.done >= self._job.epochs:
            self.stopped = "max-epochs"
        if self._job.checkpoints and self.stopped in (None, "interrupted"):
            self._job.checkpoints.offer(partial(gathered.checkpoint, self.carried), now=self.stopped is not None)

    def fitted(self) -> Fitted:
        """The trained member; its model holds the weights that the job wants."""
        put_back(self._model, self.carried.state)
        self._model.optimizer.finalize_variable_values(self._model.trainable_variables)
        seconds = self._gathered.seconds if self._gathered else self._before
        return self._record.fitted(
            restored(self._model, self.carried, self._job), self.stopped or "max-epochs", seconds
        )

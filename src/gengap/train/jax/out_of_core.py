"""The fast trainer for rows that stay on disk: an epoch is many buffers, each one call of a compiled program.

While the device trains on one buffer, a thread reads the next. A buffer is blocks drawn at random from a file
whose order is random already (see `gengap.data.stored_rows`), and its rows are shuffled. All else, from the step to
the stopping rule, is that of `gengap.train.jax.trainer`: with one buffer that holds every row, both do the same.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gengap.data.rows import Rows
from gengap.data.stored_rows import StoredRows
from gengap.models.backend import keras
from gengap.train.jax.loop import ChunkRecorder, ChunkState, restore_best, restore_state, resume, stop_reason
from gengap.train.jax.program import ChunkProgram, ChunkResult, DeviceData, cached_program
from gengap.train.jax.trainer import device_data, monitored_metric
from gengap.train.stopping import EarlyStopping, StopReason
from gengap.train.types import (
    HistoryRecorder,
    Permutations,
    TrainConfig,
    TrainResult,
    build_variables,
    output_shape,
)

BUFFER_BYTES = 32 * 2**20  # of a buffer's rows; one is trained on while the next is read
BUFFER_WORK = 3e10  # parameters times rows: a second of training on two cores, for which Ctrl-C waits
BLOCKS = 16  # of a buffer


def fit(model: keras.Model, train: StoredRows, validation: Rows, job: TrainConfig) -> TrainResult:
    """Trains a compiled Keras `model` as `gengap.train.jax.trainer.fit` does, on stored rows, without callbacks."""
    started = time.perf_counter()
    clean = train.read([0], [min(len(validation), len(train))])  # the first rows are drawn at random
    shape = output_shape(model, clean)
    clean, validation = clean.shaped_like(shape), validation.shaped_like(shape)
    build_variables(model, clean)
    data, rule, record = device_data(None, clean, validation), EarlyStopping.of(job.stopping), HistoryRecorder(job)
    buffers = BufferPlan.of(train, job, shape, model.count_params())
    fresh = [jnp.array(v.value) for v in model.metrics_variables]
    begun = _PartialEpoch(_copied(fresh), jnp.float32(0), np.int32(0))
    (carried, begun), before = resume((ChunkState.of(model), begun), job, record)
    programs = _programs_for(model, carried, begun, rule, data, buffers, job)
    gathered = ChunkRecorder(programs.columns, job, record, started - before)
    stopped: StopReason | None = None
    with closing(_read_ahead(buffers, record.epochs, int(begun.buffers), job.epochs)) as coming:
        while stopped is None and record.epochs < job.epochs:
            epoch = record.epochs
            carried, begun = _trained(programs, buffers, carried, begun, coming)
            if int(begun.buffers) == len(buffers):
                mean = begun.loss / len(train)
                chunk: ChunkResult = programs.end(
                    carried.state, carried.best, begun.metrics, mean, carried.watch, rule, data, np.int32(epoch)
                )
                carried = ChunkState(chunk.state, chunk.best, chunk.watch)
                begun = _PartialEpoch(_copied(fresh), jnp.float32(0), np.int32(0))
                gathered.add(chunk, epoch, 1)
                gathered.tell(chunk, epoch + 1, 1)
                stopped = stop_reason(chunk, job, record, job.checks, False)
            elif job.interrupted:
                stopped = "interrupted"
            if job.checkpoints and stopped in (None, "interrupted"):
                job.checkpoints.offer(partial(gathered.checkpoint, carried, begun), now=stopped is not None)
    restore_state(model, carried.state)
    model.optimizer.finalize_variable_values(model.trainable_variables)
    return record.fitted(restore_best(model, carried, job), stopped or "max-epochs", gathered.seconds)


@dataclass(frozen=True, eq=False)
class BufferPlan:
    """How epochs are cut: buffers of `size` rows, made of blocks of `block` rows, both whole numbers of batches."""

    train: StoredRows
    size: int
    block: int
    seed: int
    shape: tuple[int | None, ...]

    @classmethod
    def of(cls, train: StoredRows, job: TrainConfig, shape: tuple[int | None, ...], parameters: int) -> BufferPlan:
        """Such that neither a buffer's bytes nor the work on it are too many."""
        most = min(BUFFER_BYTES / train.row_bytes, BUFFER_WORK / parameters, len(train)) / job.batch
        steps = max(int(most), 1)
        blocks = min(steps, BLOCKS)
        block = job.batch * (steps // blocks)
        return cls(train, block * blocks, block, job.seed, shape)

    def __len__(self) -> int:
        return -(-len(self.train) // self.size)

    def rows(self, number: int) -> int:
        """How many rows a buffer has: the last one may have fewer."""
        return min(self.size, len(self.train) - number * self.size)

    def blocks(self, epoch: int, number: int) -> tuple[list[int], list[int]]:
        """The first rows and the sizes of a buffer's blocks. Every epoch cuts elsewhere; the rest comes last."""
        random, rows = np.random.default_rng((self.seed, epoch)), len(self.train)
        whole, rest = divmod(rows, self.block)
        begin = int(random.integers(rows))
        order = [*random.permutation(whole).tolist(), *[whole] * bool(rest)]
        a_buffer = self.size // self.block
        chosen = order[number * a_buffer : (number + 1) * a_buffer]
        starts = [(begin + self.block * place) % rows for place in chosen]
        return starts, [rest if place == whole else self.block for place in chosen]

    def order(self, epoch: int, number: int) -> np.ndarray:
        """The order in which a buffer's rows are trained on, int32."""
        return Permutations(self.rows(number), (self.seed, epoch, number)).draw(1)[0]

    def read(self, epoch: int, number: int) -> tuple[Rows, np.ndarray]:
        """A buffer's rows and their order."""
        found = self.train.read(*self.blocks(epoch, number))
        return found.shaped_like(self.shape), self.order(epoch, number)


class _PartialEpoch(NamedTuple):
    """An epoch under way: metrics and the sum of losses up to now, and how many buffers are done."""

    metrics: list[Any]
    loss: Any
    buffers: Any


def _copied(values: list[Any]) -> list[Any]:
    return [jnp.array(value) for value in values]  # the programs take over what they are given


def _read_ahead(buffers: BufferPlan, epoch: int, number: int, epochs: int) -> Generator[tuple[Rows, np.ndarray]]:
    """Every buffer from this one on; the next is read while the present one is trained on."""
    places = ((e, n) for e in range(epoch, epochs) for n in range(number if e == epoch else 0, len(buffers)))
    with ThreadPoolExecutor(1, thread_name_prefix="read") as pool:
        coming = None
        for place in places:
            present, coming = coming, pool.submit(buffers.read, *place)
            if present:
                yield present.result()
        if coming:
            yield coming.result()


def _trained(
    programs: _BufferPrograms,
    buffers: BufferPlan,
    carried: ChunkState,
    begun: _PartialEpoch,
    coming: Generator[tuple[Rows, np.ndarray]],
) -> tuple[ChunkState, _PartialEpoch]:
    """One more buffer."""
    rows, order = next(coming)
    program = programs.full if len(order) == buffers.size else programs.last
    (state, metrics), loss = program(
        (carried.state, begun.metrics), begun.loss, (rows.x, rows.y, rows.weights), order
    )
    jax.block_until_ready(loss)
    return carried._replace(state=state), _PartialEpoch(metrics, loss, np.int32(begun.buffers + 1))


class _BufferPrograms(NamedTuple):
    """Compiled: steps over a full buffer and over an epoch's last one, and the epoch's end with its `columns`."""

    full: Any
    last: Any
    end: Any
    columns: list[tuple[str, str]]


def _programs_for(
    model: keras.Model,
    carried: ChunkState,
    begun: _PartialEpoch,
    rule: EarlyStopping,
    data: DeviceData,
    buffers: BufferPlan,
    job: TrainConfig,
) -> _BufferPrograms:
    """Provenance at most once a shape. Raises UntraceableError."""
    monitor, hashed = monitored_metric(model, job), job.randomness == "hashed"
    sizes = {buffers.rows(0), buffers.rows(len(buffers) - 1)}
    a_row = buffers.train.read([0], [1]).shaped_like(buffers.shape)
    end = (carried.state, carried.best, begun.metrics, begun.loss, carried.watch, rule, data, np.int32(0))

    def make() -> _BufferPrograms:
        program = ChunkProgram(model, job.batch, 1, monitor)

        def steps(size: int) -> Any:
            rows = [jax.ShapeDtypeStruct((size, *part.shape[1:]), part.dtype) for part in (a_row.x, a_row.y)]
            order = jax.ShapeDtypeStruct((size,), np.int32)
            carry = (carried.state, begun.metrics)
            return program.compile(program.buffer, carry, begun.loss, (*rows, None), order, hashed=hashed)

        compiled = {size: steps(size) for size in sizes}
        ending = program.compile(program.end_of_epoch, *end, hashed=hashed)
        full, last = (compiled[buffers.rows(number)] for number in (0, len(buffers) - 1))
        return _BufferPrograms(full, last, ending, program.columns)

    return cached_program(
        model, (end, a_row.batch()), f"buffers {sorted(sizes)} {job.batch} {monitor} {hashed}", make
    )

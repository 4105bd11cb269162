"""The fast trainer for rows that stay on disk: an epoch is many buffers, each one call of a compiled program.

While the device trains on one buffer, a thread reads the next. A buffer is blocks drawn at random from a file whose
order is random already (see `gengap.data.stored_rows`), and its rows are shuffled. The step, the stopping rule and
all else are those of `gengap.train.jax.trainer`: with one buffer that holds every row, both do the same.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gengap.data.rows import Rows
from gengap.data.stored_rows import StoredRows
from gengap.models.backend import keras
from gengap.train.jax.compilation import cached_program, compiled, numerics
from gengap.train.jax.loop import TrialLoop
from gengap.train.jax.program import ChunkProgram, ChunkResult, DeviceData
from gengap.train.jax.trainer import device_data, monitored_metric
from gengap.train.stopping import EarlyStopping
from gengap.train.types import Permutations, TrainConfig, TrainResult, build_variables, output_shape

BUFFER_BYTES = 32 * 2**20  # of a buffer's rows; one is trained on while the next is read
BUFFER_WORK = 3e10  # parameters times rows: a second of training on two cores, for which Ctrl-C waits
BLOCKS = 16  # of a buffer


def fit(model: keras.Model, train: StoredRows, validation: Rows, config: TrainConfig) -> TrainResult:
    """Train a compiled Keras model on stored rows as `gengap.train.jax.trainer.fit` does, without callbacks."""
    started = time.perf_counter()
    clean = train.read([0], [min(len(validation), len(train))])  # the first rows are drawn at random
    shape = output_shape(model, clean)
    clean, validation = clean.shaped_like(shape), validation.shaped_like(shape)
    build_variables(model, clean)
    data, rule = device_data(None, clean, validation), EarlyStopping.of(config.stopping)
    buffers = BufferPlan.of(train, config, shape, model.count_params())
    fresh_metrics = [jnp.array(v.value) for v in model.metrics_variables]
    trial = TrialLoop(model, config, started, epoch_state=_PartialEpoch.start(fresh_metrics))
    programs = _compile(model, trial, rule, data, buffers, config)
    trial.begin(programs.columns)
    ahead = _read_ahead(buffers, trial.done, int(trial.epoch_state.buffers), config.epochs)
    with closing(ahead):
        while trial.stopped is None:
            _train_on_buffer(trial, programs, buffers, *next(ahead))
            epoch: _PartialEpoch = trial.epoch_state
            if int(epoch.buffers) == len(buffers):
                mean = epoch.loss / len(train)
                ended = trial.state, epoch.metrics, mean, rule, data, np.int32(trial.done)
                chunk: ChunkResult = programs.end(*ended)
                trial.epoch_state = _PartialEpoch.start(fresh_metrics)
                trial.add(chunk)
                trial.judge(chunk)
            else:
                trial.stopped = "interrupted" if config.interrupted else None
                trial.offer_checkpoint(now=trial.stopped is not None)
    trial.end()
    return trial.result()


@dataclass(frozen=True, eq=False)
class BufferPlan:
    """How epochs are cut into buffers of `size` rows and blocks of `block` rows, both whole numbers of batches."""

    train: StoredRows
    size: int
    block: int
    seed: int
    shape: tuple[int | None, ...]

    @classmethod
    def of(
        cls, train: StoredRows, config: TrainConfig, shape: tuple[int | None, ...], parameters: int
    ) -> BufferPlan:
        """Choose the buffer size within the memory and compute limits."""
        most = min(BUFFER_BYTES / train.row_bytes, BUFFER_WORK / parameters, len(train)) / config.batch
        steps = max(int(most), 1)
        blocks = min(steps, BLOCKS)
        block = config.batch * (steps // blocks)
        return cls(train, block * blocks, block, config.seed, shape)

    def __len__(self) -> int:
        return -(-len(self.train) // self.size)

    def rows(self, number: int) -> int:
        """Return how many rows a buffer has: the last one may have fewer."""
        return min(self.size, len(self.train) - number * self.size)

    def blocks(self, epoch: int, number: int) -> tuple[list[int], list[int]]:
        """Return the first rows and the sizes of a buffer's blocks. Each epoch cuts elsewhere; the rest is last."""
        random, rows = np.random.default_rng((self.seed, epoch)), len(self.train)
        whole, rest = divmod(rows, self.block)
        begin = int(random.integers(rows))
        order = [*random.permutation(whole).tolist(), *[whole] * bool(rest)]
        per_buffer = self.size // self.block
        chosen = order[number * per_buffer : (number + 1) * per_buffer]
        starts = [(begin + self.block * place) % rows for place in chosen]
        return starts, [rest if place == whole else self.block for place in chosen]

    def order(self, epoch: int, number: int) -> np.ndarray:
        """Return the order in which a buffer's rows are trained on, int32."""
        return Permutations(self.rows(number), (self.seed, epoch, number)).draw(1)[0]

    def read(self, epoch: int, number: int) -> tuple[Rows, np.ndarray]:
        """Read a buffer's rows, and return them with their order."""
        rows = self.train.read(*self.blocks(epoch, number))
        return rows.shaped_like(self.shape), self.order(epoch, number)


class _PartialEpoch(NamedTuple):
    """An epoch under way: metrics and the sum of losses so far, and how many buffers are done."""

    metrics: list[Any]
    loss: Any
    buffers: Any

    @classmethod
    def start(cls, metrics: list[Any]) -> _PartialEpoch:
        """Return an epoch's start, with copies of the fresh metrics: programs take over their arguments."""
        return cls([jnp.array(value) for value in metrics], jnp.float32(0), np.int32(0))


def _read_ahead(buffers: BufferPlan, epoch: int, number: int, epochs: int) -> Generator[tuple[Rows, np.ndarray]]:
    """Yield every buffer from this one on; the next is read while the present one is trained on."""
    places = ((e, n) for e in range(epoch, epochs) for n in range(number if e == epoch else 0, len(buffers)))
    with ThreadPoolExecutor(1, thread_name_prefix="read") as pool:
        coming = None
        for place in places:
            present, coming = coming, pool.submit(buffers.read, *place)
            if present:
                yield present.result()
        if coming:
            yield coming.result()


def _train_on_buffer(
    trial: TrialLoop, programs: _BufferPrograms, buffers: BufferPlan, rows: Rows, order: np.ndarray
) -> None:
    epoch: _PartialEpoch = trial.epoch_state
    program = programs.full if len(order) == buffers.size else programs.last
    (model, metrics), loss = program(
        (trial.state.model, epoch.metrics), epoch.loss, (rows.x, rows.y, rows.weights), order
    )
    jax.block_until_ready(loss)
    trial.state = trial.state._replace(model=model)
    trial.epoch_state = _PartialEpoch(metrics, loss, np.int32(epoch.buffers + 1))


class _BufferPrograms(NamedTuple):
    """Compiled steps over a full buffer and over an epoch's last one, and its end, which logs `columns`."""

    full: Any
    last: Any
    end: Any
    columns: list[tuple[str, str]]


def _compile(
    model: keras.Model,
    trial: TrialLoop,
    rule: EarlyStopping,
    data: DeviceData,
    buffers: BufferPlan,
    config: TrainConfig,
) -> _BufferPrograms:
    """Compile the programs, at most once for each shape. Raises UntraceableError."""
    monitor = monitored_metric(model, config)
    sizes = {buffers.rows(0), buffers.rows(len(buffers) - 1)}
    first_row = buffers.train.read([0], [1]).shaped_like(buffers.shape)
    state, epoch = trial.state, trial.epoch_state
    end = (state, epoch.metrics, epoch.loss, rule, data, np.int32(0))

    def compile_programs() -> _BufferPrograms:
        program = ChunkProgram(model, config.batch, 1, monitor, config.row_values, config.averaged)

        def steps(size: int) -> Any:
            rows = jax.tree.map(
                lambda part: jax.ShapeDtypeStruct((size, *part.shape[1:]), part.dtype),
                (first_row.x, first_row.y, first_row.weights),
            )
            order = jax.ShapeDtypeStruct((size,), np.int32)
            carry = (state.model, epoch.metrics)
            return compiled(program, program.buffer, (carry, epoch.loss, rows, order), config, taken=(0, 1))

        by_size = {size: steps(size) for size in sizes}
        ending = compiled(program, program.end_of_epoch, end, config)
        full, last = (by_size[buffers.rows(number)] for number in (0, len(buffers) - 1))
        return _BufferPrograms(full, last, ending, program.columns)

    settings = f"buffers {sorted(sizes)} {config.batch} {monitor} {numerics(config)} {config.row_values}"
    return cached_program(model, (end, first_row.batch()), settings, compile_programs)

"""The fast trainer: any Keras model on the JAX backend, whole chunks of epochs at a time.

`fit` owns the host's side: it draws the row orders while the device computes, sizes the chunks, gathers the
logs, keeps checkpoints, and puts the weights back into the model. The device's side is `gengap.train.program`.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from gengap.data.rows import Rows
from gengap.errors import UsageError
from gengap.models.backend import keras
from gengap.train.calls import Calls, logs_of
from gengap.train.checkpoint import Checkpoint
from gengap.train.fitted import (
    Fitted,
    Job,
    Permutations,
    Progress,
    Record,
    build,
    clean_sample,
    finite_best,
    output_shape,
)
from gengap.train.program import Chunk, Data, State, program_for
from gengap.train.stopping import Rule, Stopped, Watch

CHUNK_SECONDS = 0.25  # how often the host hears of a trial, and how long Ctrl-C waits
CHUNK_BYTES = 32 * 2**20  # of row orders and validation outputs held for one chunk
CHUNK_EPOCHS = 128
Kept = TypeVar("Kept")


def fit(model: keras.Model, train: Rows, validation: Rows, job: Job) -> Fitted:
    """Trains a compiled Keras `model` as `job` says; the model is left with its best or its last weights.

    Equal to Keras' own `fit` from the same weights on the same batches (tests/laws). Raises UsageError if
    the monitored metric is not among the compiled ones.
    """
    started = time.perf_counter()
    shape = output_shape(model, train)
    train, validation = train.shaped_like(shape), validation.shaped_like(shape)
    build(model, train)
    data = to_device(train, clean_sample(train, len(validation)), validation)
    rule = Rule.of(job.stopping)
    calls = Calls(model, job.callbacks, job.epochs, -(-len(train) // job.batch))
    capacity = capacity_of(train, validation, shape)
    trial = Running(model, job, len(train), capacity, started, calls.first)
    program, columns = program_for(
        model,
        (*trial.carried, rule, data, padded(trial.orders, capacity), np.int32(0), np.int32(1)),
        batch=job.batch,
        capacity=capacity,
        monitor=monitored(model, job),
        hashed=job.randomness == "hashed",
    )
    trial.begin(columns)
    length = 1
    while trial.stopped is None:
        first, orders = trial.done, padded(trial.orders, capacity)
        length = 1 if calls.every_epoch else min(length, trial.ahead)
        if calls.every_epoch:
            calls.begin(first)
            trial.carried = trial.carried._replace(state=State.of(model))
        begun = time.perf_counter()
        chunk: Chunk = program(*trial.carried, rule, data, orders, np.int32(first), np.int32(length))
        trial.draw(length)
        trial.add(chunk)
        _tell(model, calls, columns, chunk, first, trial.done - first)
        length = next_length(length, time.perf_counter() - begun)
        trial.judge(chunk, calls.stopped)
    trial.put_back()
    calls.close()
    return trial.fitted()


class Carried(NamedTuple):
    """What one chunk hands to the next."""

    state: State
    best: tuple[list[Any], list[Any]]
    watch: Watch

    @classmethod
    def of(cls, model: keras.Model) -> Carried:
        """At the trial's start."""
        state = State.of(model)
        best = ([jnp.array(v) for v in state.trainable], [jnp.array(v) for v in state.fixed])
        return cls(state, best, Watch.start())


def gone_on(fresh: Kept, job: Job, record: Record) -> tuple[Kept, float]:
    """Where the trial was when it was kept last, with its record, and how many seconds in; else `fresh`, and 0."""
    kept = job.checkpoints.latest(job.run, job.seed) if job.checkpoints else None
    leaves, tree = jax.tree.flatten(fresh)
    if kept is None or [_kind(a) for a in kept.arrays] != [_kind(a) for a in leaves]:
        return fresh, 0.0
    record.go_on(kept.known, kept.best_epoch)
    return jax.tree.unflatten(tree, [jnp.array(a) for a in kept.arrays]), kept.seconds


def restored(model: keras.Model, carried: Carried, job: Job) -> int | None:
    """The best epoch; its weights are put into the model, if the job says so."""
    _, best, watch = carried
    best_epoch = finite_best(int(watch.epoch) if int(watch.epoch) >= 0 else None, float(watch.best))
    if job.stopping.restore_best and best_epoch is not None:
        _assign(model.trainable_variables, best[0])
        _assign(model.non_trainable_variables, best[1])
    return best_epoch


def _kind(array: Any) -> tuple[tuple[int, ...], str]:
    return np.shape(array), str(array.dtype)


def monitored(model: keras.Model, job: Job) -> str:
    """The metric that the stopping rule watches. Raises UsageError if the model has no such one."""
    known = ["loss", *(name for name in model.get_metrics_result() if name != "loss")]
    if job.stopping.monitor not in known:
        raise UsageError(
            f"the stopping rule watches {job.stopping.monitor!r}, but the model was compiled with "
            f"{', '.join(known)}; name one of these"
        )
    return job.stopping.monitor


def to_device(train: Rows | None, clean: Rows, validation: Rows) -> Data:
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
    return Data(*jax.tree.map(jnp.asarray, given))


def capacity_of(train: Rows, validation: Rows, shape: tuple[int | None, ...]) -> int:
    """The most epochs of one chunk: bounded memory, and enough to hide the cost of leaving the program."""
    an_epoch = 4 * (len(train) + len(validation) * int(np.prod([size or 1 for size in shape[1:]])))
    return int(np.clip(CHUNK_BYTES // an_epoch, 1, CHUNK_EPOCHS))


def padded(orders: np.ndarray, capacity: int) -> np.ndarray:
    """The program's shape is fixed, so a study of fewer epochs than a chunk holds repeats the last order."""
    if len(orders) == capacity:
        return orders
    return np.concatenate([orders, np.repeat(orders[-1:], capacity - len(orders), axis=0)])


def next_length(length: int, seconds: float) -> int:
    """How many epochs the next chunk has, after one of so many took so long."""
    return int(np.clip(length * CHUNK_SECONDS / max(seconds, 1e-6), 1, 4 * length))


def _tell(
    model: keras.Model, calls: Calls, columns: list[tuple[str, str]], chunk: Chunk, first: int, ran: int
) -> None:
    """Tells the callbacks of a chunk's epochs, with the weights in the model if they want them."""
    if not calls.any:
        return
    if calls.every_epoch:
        put_back(model, chunk.state)
    for i, row in enumerate(np.asarray(chunk.logs)[:ran].tolist()):
        if not calls.every_epoch:
            calls.begin(first + i)
        calls.end(first + i, logs_of(columns, row))


def ended(chunk: Chunk, job: Job, record: Record, checks: list[int], called: bool) -> Stopped | None:
    """Why the trial ends here, if it does. An interrupt comes last: what it asks to go on must have more to do."""
    done = record.epochs
    if bool(chunk.diverged):
        return "diverged"
    if bool(chunk.stop):
        return "patience"
    if called:
        return "callback"
    if job.certain and done in checks and job.certain(record.so_far()):
        return "verdict"
    return "interrupted" if job.interrupted and done < job.epochs else None


def put_back(model: keras.Model, state: State) -> None:
    """Puts weights and the optimizer's variables into the model."""
    _assign(model.trainable_variables, state.trainable)
    _assign(model.non_trainable_variables, state.fixed)
    _assign(model.optimizer.variables, state.optimizer)


def _assign(variables: list[Any], values: list[Any]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


class Gathered:
    """Puts each chunk's logs and outputs into the trial's record, and tells of them."""

    def __init__(self, columns: list[tuple[str, str]], job: Job, record: Record, started: float) -> None:
        self._columns, self._job, self._record, self._started = columns, job, record, started

    @property
    def seconds(self) -> float:
        """How long the trial has been trained, in all its parts."""
        return time.perf_counter() - self._started

    def checkpoint(self, carried: Carried, *more: Any) -> Checkpoint:
        """All that the epochs to come depend on, on the host: the program takes over the device's buffers."""
        arrays = [np.array(leaf) for leaf in jax.tree.leaves((carried, *more))]
        best = int(carried.watch.epoch)
        return Checkpoint(arrays, self._record.so_far(), best if best >= 0 else None, self.seconds)

    def add(self, chunk: Chunk, first: int, ran: int) -> None:
        """Logs and outputs of the epochs that ran, from `first` on."""
        logs, outputs, best = np.asarray(chunk.logs)[:ran], np.asarray(chunk.outputs), int(chunk.watch.epoch)
        for key, values in zip(self._columns, logs.T, strict=True):
            self._record.log(key, values)
        for i in range(ran):
            self._record.keep(first + i, outputs[i], last=i == ran - 1, best=first + i == best)

    def tell(self, chunk: Chunk, done: int, ran: int) -> None:
        """Says how far the trial is, after `done` epochs."""
        if self._job.on_progress is None:
            return
        latest = dict(zip(self._columns, np.asarray(chunk.logs)[ran - 1].tolist(), strict=True))
        monitor, best = self._job.stopping.monitor, int(chunk.watch.epoch)
        self._job.on_progress(
            Progress(
                self._job.run,
                self._job.seed,
                done,
                self._job.epochs,
                latest["train", monitor],
                latest["validation", monitor],
                float(chunk.watch.best) * (1 if self._job.stopping.mode == "min" else -1),
                best if best >= 0 else None,
                self.seconds,
                self._record.history,
            )
        )


class Running:
    """The host's side of one trial: its row orders, record and checkpoints, and what one chunk hands to the next.

    It goes on from its checkpoint, or else begins with epoch `first`; `stopped` says why it has ended.
    """

    def __init__(
        self, model: keras.Model, job: Job, rows: int, capacity: int, started: float, first: int = 0
    ) -> None:
        self._model, self._job, self._record = model, job, Record(job, first)
        self.carried, before = gone_on(Carried.of(model), job, self._record)
        self._started = started - before
        self._permutations = Permutations(rows, job.seed)
        self._permutations.skip(self.done)
        self.orders = self._permutations.draw(min(capacity, job.epochs))
        self.stopped: Stopped | None = None if self.done < job.epochs else "max-epochs"

    @property
    def done(self) -> int:
        """How many epochs are trained."""
        return self._record.epochs

    @property
    def ahead(self) -> int:
        """How many epochs the next chunk may train."""
        check = next((check for check in self._job.checks if check > self.done), self._job.epochs)
        return min(check - self.done, len(self.orders))

    def begin(self, columns: list[tuple[str, str]]) -> None:
        """Before the first chunk, which logs these."""
        self._gathered = Gathered(columns, self._job, self._record, self._started)

    def draw(self, length: int) -> None:
        """The row orders after the next `length`: to be drawn while the device computes."""
        self.orders = np.concatenate([self.orders[length:], self._permutations.draw(length)])

    def add(self, chunk: Chunk) -> None:
        """Takes over what a chunk gave."""
        self.carried = Carried(chunk.state, chunk.best, chunk.watch)
        self._gathered.add(chunk, self.done, int(chunk.done))

    def judge(self, chunk: Chunk, called: bool = False) -> None:
        """Tells of the chunk that was added, and whether the trial ends with it; keeps a checkpoint if it is due.

        `called` says that a callback wants it to end.
        """
        self._gathered.tell(chunk, self.done, int(chunk.done))
        why = ended(chunk, self._job, self._record, self._job.checks, called)
        if self._job.checkpoints and why in (None, "interrupted"):
            self._job.checkpoints.offer(partial(self._gathered.checkpoint, self.carried), now=why is not None)
        self.stopped = why or ("max-epochs" if self.done >= self._job.epochs else None)

    def put_back(self) -> None:
        """Puts the last weights into the model."""
        put_back(self._model, self.carried.state)
        self._model.optimizer.finalize_variable_values(self._model.trainable_variables)

    def fitted(self) -> Fitted:
        """The trained trial; its model gets the best weights, if the job wants them."""
        best = restored(self._model, self.carried, self._job)
        return self._record.fitted(best, self.stopped or "max-epochs", self._gathered.seconds)

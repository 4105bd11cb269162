"""The host's side of a trial that runs as compiled programs: what its trainers share.

The trainers are `gengap.train.jax.trainer` (one trial), `together` (its seeds at once) and `streamed` (rows on
disk).
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from gengap.models.backend import keras
from gengap.train.checkpoint import Checkpoint
from gengap.train.jax.program import ChunkResult, ModelState
from gengap.train.stopping import EarlyStoppingState, StopReason
from gengap.train.types import HistoryRecorder, Permutations, Progress, TrainConfig, TrainResult, finite_best_epoch

Kept = TypeVar("Kept")


class TrialLoop:
    """The host's side of one trial: its row orders, record and checkpoints, and what one chunk hands to the next.

    It goes on from its checkpoint, or else begins with epoch `first`; `stopped` says why it has ended.
    """

    def __init__(
        self, model: keras.Model, job: TrainConfig, rows: int, capacity: int, started: float, first: int = 0
    ) -> None:
        self._model, self._job, self._record = model, job, HistoryRecorder(job, first)
        self.carried, before = resume(ChunkState.of(model), job, self._record)
        self._started = started - before
        self._permutations = Permutations(rows, job.seed)
        self._permutations.skip(self.done)
        self.orders = self._permutations.draw(min(capacity, job.epochs))
        self._before = np.empty_like(self.orders)
        self.stopped: StopReason | None = None if self.done < job.epochs else "max-epochs"

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
        self._gathered = ChunkRecorder(columns, self._job, self._record, self._started)

    def draw(self, length: int) -> None:
        """The row orders after the next `length`: to be drawn while the device computes.

        They are written over those of the chunk before, which has ended: the device may be reading the present.
        """
        orders, kept = self._before, len(self.orders) - length
        orders[:kept] = self.orders[length:]
        self._permutations.fill(orders[kept:])
        self.orders, self._before = orders, self.orders

    def add(self, chunk: ChunkResult) -> None:
        """Takes over what a chunk gave."""
        self.carried = ChunkState(chunk.state, chunk.best, chunk.watch)
        self._gathered.add(chunk, self.done, int(chunk.done))

    def judge(self, chunk: ChunkResult, called: bool = False) -> None:
        """Tells of the chunk that was added, and whether the trial ends with it; keeps a checkpoint if it is due.

        `called` says that a callback wants it to end.
        """
        self._gathered.tell(chunk, self.done, int(chunk.done))
        why = stop_reason(chunk, self._job, self._record, self._job.checks, called)
        if self._job.checkpoints and why in (None, "interrupted"):
            self._job.checkpoints.offer(partial(self._gathered.checkpoint, self.carried), now=why is not None)
        self.stopped = why or ("max-epochs" if self.done >= self._job.epochs else None)

    def restore_state(self) -> None:
        """Puts the last weights into the model."""
        restore_state(self._model, self.carried.state)
        self._model.optimizer.finalize_variable_values(self._model.trainable_variables)

    def fitted(self) -> TrainResult:
        """The trained trial; its model gets the best weights, if the job wants them."""
        best = restore_best(self._model, self.carried, self._job)
        return self._record.fitted(best, self.stopped or "max-epochs", self._gathered.seconds)


class ChunkState(NamedTuple):
    """What one chunk hands to the next."""

    state: ModelState
    best: tuple[list[Any], list[Any]]
    watch: EarlyStoppingState

    @classmethod
    def of(cls, model: keras.Model) -> ChunkState:
        """At the trial's start."""
        state = ModelState.of(model)
        best = ([jnp.array(v) for v in state.trainable], [jnp.array(v) for v in state.fixed])
        return cls(state, best, EarlyStoppingState.start())


def resume(fresh: Kept, job: TrainConfig, record: HistoryRecorder) -> tuple[Kept, float]:
    """Where the trial was when it was kept last, with its record, and how many seconds in; else `fresh`, and 0."""
    kept = job.checkpoints.latest(job.run, job.seed) if job.checkpoints else None
    leaves, tree = jax.tree.flatten(fresh)
    if kept is None or [_kind(a) for a in kept.arrays] != [_kind(a) for a in leaves]:
        return fresh, 0.0
    record.go_on(kept.known, kept.best_epoch)
    return jax.tree.unflatten(tree, [jnp.array(a) for a in kept.arrays]), kept.seconds


def _kind(array: Any) -> tuple[tuple[int, ...], str]:
    return np.shape(array), str(array.dtype)


def stop_reason(
    chunk: ChunkResult, job: TrainConfig, record: HistoryRecorder, checks: list[int], called: bool
) -> StopReason | None:
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


def restore_state(model: keras.Model, state: ModelState) -> None:
    """Puts weights and the optimizer's variables into the model."""
    _assign(model.trainable_variables, state.trainable)
    _assign(model.non_trainable_variables, state.fixed)
    _assign(model.optimizer.variables, state.optimizer)


def restore_best(model: keras.Model, carried: ChunkState, job: TrainConfig) -> int | None:
    """The best epoch; its weights are put into the model, if the job says so."""
    _, best, watch = carried
    best_epoch = finite_best_epoch(int(watch.epoch) if int(watch.epoch) >= 0 else None, float(watch.best))
    if job.stopping.restore_best and best_epoch is not None:
        _assign(model.trainable_variables, best[0])
        _assign(model.non_trainable_variables, best[1])
    return best_epoch


def _assign(variables: list[Any], values: list[Any]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


class ChunkRecorder:
    """Puts each chunk's logs and outputs into the trial's record, and tells of them."""

    def __init__(
        self, columns: list[tuple[str, str]], job: TrainConfig, record: HistoryRecorder, started: float
    ) -> None:
        self._columns, self._job, self._record, self._started = columns, job, record, started

    @property
    def seconds(self) -> float:
        """How long the trial has been trained, in all its parts."""
        return time.perf_counter() - self._started

    def checkpoint(self, carried: ChunkState, *more: Any) -> Checkpoint:
        """All that the epochs to come depend on, on the host: the program takes over the device's buffers."""
        arrays = [np.array(leaf) for leaf in jax.tree.leaves((carried, *more))]
        best = int(carried.watch.epoch)
        return Checkpoint(arrays, self._record.so_far(), best if best >= 0 else None, self.seconds)

    def add(self, chunk: ChunkResult, first: int, ran: int) -> None:
        """Logs and outputs of the epochs that ran, from `first` on."""
        logs, outputs, best = np.asarray(chunk.logs)[:ran], np.asarray(chunk.outputs), int(chunk.watch.epoch)
        for key, values in zip(self._columns, logs.T, strict=True):
            self._record.log(key, values)
        for i in range(ran):
            self._record.keep(first + i, outputs[i], last=i == ran - 1, best=first + i == best)

    def tell(self, chunk: ChunkResult, done: int, ran: int) -> None:
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

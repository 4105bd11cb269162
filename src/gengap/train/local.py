"""Train the trials of a plan on this machine: small ones at once in threads, big ones one after the other.

JAX leaves Python's lock while it computes, so threads are enough. A big model's matrix products use every core
already, and two at once would only compete for the cache.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from gengap.data.rows import Rows
from gengap.errors import GengapWarning
from gengap.files.limits import usable_cores
from gengap.history import History, Series
from gengap.tasks import roc_auc
from gengap.train import keras_backend
from gengap.train.fitting import train_model, train_seeds
from gengap.train.stopping import SMALL
from gengap.train.types import Progress, TrainConfig, TrainResult, recorded_rows

if TYPE_CHECKING:
    import keras

    from gengap.train.checkpoint import CheckpointFile

WAKE_SECONDS = 0.25  # how long a wait may keep a signal from being handled

BuildTrial = Callable[[Rows, Rows], "BuiltTrial"]  # from all training rows and all validation rows; can be pickled


@dataclass(frozen=True)
class BuiltTrial:
    """A model built and compiled, its training rows, and how to train it."""

    model: keras.Model
    train: Rows
    config: TrainConfig


@dataclass(frozen=True)
class PendingTrial:
    """One trial and seed to train.

    Attributes:
        build: Builds the model when its turn comes, maybe on another machine.
        on_progress: As in `TrainConfig`, on this machine.
        checkpoints: As in `TrainConfig`, on this machine.
        on_start: Called before `build`.
    """

    run: str
    seed: int
    parameters: int
    build: BuildTrial
    on_progress: Callable[[Progress], None] | None = None
    checkpoints: CheckpointFile | None = None
    on_start: Callable[[], None] | None = None


@dataclass(frozen=True, eq=False)
class CompletedTrial:
    """A trial that was pending, its trained model and the result."""

    pending: PendingTrial
    model: keras.Model
    result: TrainResult


def run_trials(
    trials: Sequence[PendingTrial], rows: tuple[Rows, Rows], jobs: int | None, interrupt: threading.Event
) -> Generator[CompletedTrial]:
    """Train trials, and yield each when it is done. A KeyboardInterrupt does not wait for the epochs that run.

    Args:
        trials: The trials.
        rows: The training rows and the validation rows.
        jobs: How many small trials to train at once; None is one for each core.
        interrupt: Once set, no other trial starts, and those that run end after their chunk. Nobody waits for
            trials that have no chunk yet, for example while they are compiled.
    """
    groups = _groups(trials)
    small = [group for group in groups if group.trials[0].parameters <= SMALL]
    large = [group for group in groups if group.trials[0].parameters > SMALL]
    faults: list[BaseException] = []
    for equally_big, threads in ((small, jobs or usable_cores()), (large, 1)):
        pool = ThreadPoolExecutor(threads, thread_name_prefix="trial")
        futures = {pool.submit(_train_group, group, rows, interrupt): group for group in equally_big}
        try:
            for future in _as_completed(futures, interrupt):
                if fault := future.exception():
                    faults.append(fault)
                else:
                    yield from future.result()
        except BaseException as fault:
            interrupt.set()  # the other threads stop after their chunk
            _end(pool, futures, wait=not isinstance(fault, KeyboardInterrupt))
            raise
        _end(pool, futures, wait=not interrupt.is_set())
        if faults:  # raised only now, so that the other trials are kept
            raise faults[0]


@dataclass(eq=False)
class _Group:
    """Trials that one thread trains.

    Attributes:
        begun: Whether a trial has finished a chunk, so that there is something to keep.
        abandoned: Whether nobody waits for the thread any more. It then writes and shows nothing.
    """

    trials: Sequence[PendingTrial]
    begun: bool = False
    abandoned: bool = False

    def on_progress(self, trial: PendingTrial, progress: Progress) -> None:
        """Pass on the progress of a trial."""
        self.begun = True
        if trial.on_progress is not None and not self.abandoned:
            trial.on_progress(progress)

    def abandon(self) -> None:
        """Leave the thread to itself."""
        self.abandoned = True
        for trial in self.trials:
            if trial.checkpoints is not None:
                trial.checkpoints.close()


def _end(pool: ThreadPoolExecutor, futures: Mapping[Future[list[CompletedTrial]], _Group], *, wait: bool) -> None:
    """End the threads of a pool, or abandon those that still run."""
    for future, group in futures.items():
        if not wait and not future.done():
            group.abandon()
    pool.shutdown(wait=wait, cancel_futures=True)


def _groups(trials: Sequence[PendingTrial]) -> list[_Group]:
    """Group a trial's seeds where the device trains them faster together; else each is alone."""
    if keras_backend() == "jax":
        from gengap.train.jax import trainer

        if trainer.seeds_are_faster():
            runs = dict.fromkeys(each.run for each in trials)
            return [_Group([each for each in trials if each.run == run]) for run in runs]
    return [_Group([each]) for each in trials]


def _as_completed(
    futures: Mapping[Future[list[CompletedTrial]], _Group], interrupt: threading.Event
) -> Iterator[Future[list[CompletedTrial]]]:
    """Yield each future once it is done, but after an interrupt only those that are worth the wait.

    Waits are short, because Python handles signals only between them.
    """
    left, order = set(futures), list(futures)
    while left and not (interrupt.is_set() and not any(futures[each].begun for each in left)):
        done, left = wait(left, timeout=WAKE_SECONDS, return_when=FIRST_COMPLETED)
        yield from sorted(done, key=order.index)


def _train_group(group: _Group, rows: tuple[Rows, Rows], interrupt: threading.Event) -> list[CompletedTrial]:
    """Train the trials of a group, as one program if possible. Returns nothing after an interrupt."""
    if interrupt.is_set():
        return []
    built = [_built(trial, group, rows, interrupt) for trial in group.trials]
    # Trials on a share of the rows differ in their rows, because each seed draws its own.
    if len(built) > 1 and all(one.train is built[0].train for one in built):
        models, configs = [one.model for one in built], [one.config for one in built]
        if results := train_seeds(models, built[0].train, rows[1], configs):
            return [CompletedTrial(*each) for each in zip(group.trials, models, results, strict=True)]
    completed = []
    for trial, one in zip(group.trials, built, strict=True):
        result, why_slower = train_model(one.model, one.train, rows[1], one.config)
        warn_if_slower(trial.run, why_slower)
        completed.append(CompletedTrial(trial, one.model, result))
    return completed


def _built(trial: PendingTrial, group: _Group, rows: tuple[Rows, Rows], interrupt: threading.Event) -> BuiltTrial:
    if trial.on_start is not None:
        trial.on_start()
    built = trial.build(*rows)
    progress = partial(group.on_progress, trial)
    local = {"on_progress": progress, "checkpoints": trial.checkpoints, "interrupt": interrupt}
    return replace(built, config=replace(built.config, **local))


def warn_if_slower(run: str, why_slower: str | None) -> None:
    """Warn that Keras' own loop trained on the JAX backend. On other backends that is normal."""
    if why_slower is not None and keras_backend() == "jax":
        message = f"{run} was trained by Keras' own loop, with the same history but slower: {why_slower}"
        warnings.warn(message, GengapWarning, stacklevel=3)


def with_auc(result: TrainResult, validation: Rows) -> TrainResult:
    """Add validation/auc of a binary task, labels 0 and 1, at the epochs whose outputs were recorded."""
    rows = recorded_rows(len(validation))
    labels = validation.y[rows].reshape(-1)
    weights = None if validation.weights is None else validation.weights[rows]
    logits = result.outputs[..., 0]
    finite = np.isfinite(logits).all(axis=1)
    if not finite.any() or not roc_auc(logits[finite][0], labels, weights):
        return result
    values = np.array([roc_auc(row, labels, weights)["auc"] for row in logits[finite]])
    series = {**result.history.series, ("validation", "auc"): Series(result.output_epochs[finite], values)}
    return replace(result, history=History(result.history.run, result.history.seed, series))


def steps_per_epoch(rows: int, batch: int) -> int:
    """Return the optimizer steps of an epoch; the last batch may be smaller."""
    return -(-rows // min(batch, rows))

"""Runs the trials of a plan: small ones side by side in threads, big ones one after the other with all cores.

JAX leaves Python's lock while it computes, so threads are enough; a big model's matrix products already use
every core, and two at once would only compete for the cache.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
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

WAKE_SECONDS = 0.25


BuildTrial = Callable[[Rows, Rows], "BuiltTrial"]  # of all rows that train, and that validate; it can be pickled


@dataclass(frozen=True)
class BuiltTrial:
    """A model built and compiled, with its rows and its job: all that training needs."""

    model: keras.Model
    train: Rows
    job: TrainConfig


@dataclass(frozen=True)
class PendingTrial:
    """One trial and seed still to train. `prepare` builds its model when its turn comes, maybe on another machine.

    `on_progress` and `checkpoints` are this machine's, as of `TrainConfig`. `on_start` is called before `prepare`.
    """

    run: str
    seed: int
    parameters: int
    prepare: BuildTrial
    on_progress: Callable[[Progress], None] | None = None
    checkpoints: CheckpointFile | None = None
    on_start: Callable[[], None] | None = None


@dataclass(frozen=True, eq=False)
class CompletedTrial:
    """What was due, its trained model and what training gave."""

    due: PendingTrial
    model: keras.Model
    fitted: TrainResult


def run_trials(
    due: Sequence[PendingTrial], rows: tuple[Rows, Rows], jobs: int | None, interrupt: threading.Event
) -> Generator[CompletedTrial]:
    """Trains all that is due, yielding each as it finishes. Nothing new starts once `interrupt` is set.

    `rows` are those that train and that validate. A KeyboardInterrupt is not kept waiting for the epochs at hand.
    """
    groups = _groups(due)
    small = [group for group in groups if group[0].parameters <= SMALL]
    large = [group for group in groups if group[0].parameters > SMALL]
    side_by_side = jobs or usable_cores()
    faults: list[BaseException] = []
    for alike, threads in ((small, side_by_side), (large, 1)):
        pool = ThreadPoolExecutor(threads, thread_name_prefix="trial")
        futures = [pool.submit(_run, group, rows, interrupt) for group in alike]
        try:
            for future in _as_they_finish(futures):
                if fault := future.exception():
                    faults.append(fault)
                else:
                    yield from future.result()
        except BaseException as fault:
            interrupt.set()  # the other threads stop after their chunk
            pool.shutdown(wait=not isinstance(fault, KeyboardInterrupt), cancel_futures=True)
            raise
        pool.shutdown()
        if faults:  # raised only now, so that the trials beside the faulty one are kept
            raise faults[0]


def _groups(due: Sequence[PendingTrial]) -> list[list[PendingTrial]]:
    """What is trained as one program: a trial's seeds where the device gains by that, else each alone."""
    if keras_backend() == "jax":
        from gengap.train.jax import vectorised_seeds as together

        if together.is_faster():
            return [[each for each in due if each.run == run] for run in dict.fromkeys(each.run for each in due)]
    return [[each] for each in due]


def _as_they_finish(futures: Sequence[Future[list[CompletedTrial]]]) -> Iterator[Future[list[CompletedTrial]]]:
    """Each future once it is done. Wakes now and then: a signal that another thread took is handled only then."""
    left = set(futures)
    while left:
        done, left = wait(left, timeout=WAKE_SECONDS, return_when=FIRST_COMPLETED)
        yield from sorted(done, key=futures.index)


def _run(
    group: Sequence[PendingTrial], rows: tuple[Rows, Rows], interrupt: threading.Event
) -> list[CompletedTrial]:
    if interrupt.is_set():
        return []
    every = [_ready(due, rows, interrupt) for due in group]
    if len(group) > 1 and all(ready.train is every[0].train for ready in every):  # no shares, drawn for each seed
        models, jobs = [ready.model for ready in every], [ready.job for ready in every]
        if fitted := train_seeds(models, every[0].train, rows[1], jobs):
            return [CompletedTrial(*each) for each in zip(group, models, fitted, strict=True)]
    return [_alone(due, ready, rows[1]) for due, ready in zip(group, every, strict=True)]


def _ready(due: PendingTrial, rows: tuple[Rows, Rows], interrupt: threading.Event) -> BuiltTrial:
    if due.on_start is not None:
        due.on_start()
    ready = due.prepare(*rows)
    here = {"on_progress": due.on_progress, "checkpoints": due.checkpoints, "interrupt": interrupt}
    return replace(ready, job=replace(ready.job, **here))


def _alone(due: PendingTrial, ready: BuiltTrial, validation: Rows) -> CompletedTrial:
    fitted, slower = train_model(ready.model, ready.train, validation, ready.job)
    warn_if_slower(due.run, slower)
    return CompletedTrial(due, ready.model, fitted)


def warn_if_slower(run: str, slower: str | None) -> None:
    """Tells that Keras' own loop trained, if there is a reason why; of another backend nothing else is expected."""
    if slower is not None and keras_backend() == "jax":
        told = f"{run} was trained by Keras' own loop, with the same history but slower: {slower}"
        warnings.warn(told, GengapWarning, stacklevel=3)


def with_auc(fitted: TrainResult, validation: Rows) -> TrainResult:
    """The same with validation/auc at the epochs whose outputs were kept: of a binary task, labels 0 and 1."""
    kept = recorded_rows(len(validation))
    labels = validation.y[kept].reshape(-1)
    weights = None if validation.weights is None else validation.weights[kept]
    logits = fitted.outputs[..., 0]
    finite = np.isfinite(logits).all(axis=1)
    if not finite.any() or not roc_auc(logits[finite][0], labels, weights):
        return fitted
    values = np.array([roc_auc(row, labels, weights)["auc"] for row in logits[finite]])
    series = {**fitted.history.series, ("validation", "auc"): Series(fitted.output_epochs[finite], values)}
    return replace(fitted, history=History(fitted.history.run, fitted.history.seed, series))


def steps_per_epoch(rows: int, batch: int) -> int:
    """Optimizer steps in one epoch; the last batch may be smaller."""
    return -(-rows // min(batch, rows))

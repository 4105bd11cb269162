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
from gengap.data.stored import StoredRows
from gengap.errors import GengapWarning
from gengap.history import History, Series
from gengap.limits import cores
from gengap.tasks import area
from gengap.train import either, keras_backend
from gengap.train.fitted import Fitted, Job, kept_rows
from gengap.train.stopping import SMALL

if TYPE_CHECKING:
    import keras


WAKE_SECONDS = 0.25


@dataclass(frozen=True)
class Ready:
    """A model built and compiled, with its rows and its job: all that training needs."""

    model: keras.Model
    train: Rows | StoredRows
    job: Job


@dataclass(frozen=True)
class Due:
    """One trial and seed still to train. `prepare` builds its model when its turn comes."""

    run: str
    seed: int
    parameters: int
    prepare: Callable[[], Ready]


@dataclass(frozen=True, eq=False)
class Finished:
    """What was due, its trained model and what training gave."""

    due: Due
    model: keras.Model
    fitted: Fitted


def run_due(
    due: Sequence[Due], validation: Rows, jobs: int | None, interrupt: threading.Event
) -> Generator[Finished]:
    """Trains all that is due, yielding each as it finishes. Nothing new starts once `interrupt` is set.

    A KeyboardInterrupt is not kept waiting for the epochs at hand.
    """
    small = [each for each in due if each.parameters <= SMALL]
    large = [each for each in due if each.parameters > SMALL]
    side_by_side = jobs or cores()
    faults: list[BaseException] = []
    for group, threads in ((small, side_by_side), (large, 1)):
        pool = ThreadPoolExecutor(threads, thread_name_prefix="trial")
        futures = [pool.submit(_run, each, validation, interrupt) for each in group]
        try:
            for future in _as_they_finish(futures):
                if fault := future.exception():
                    faults.append(fault)
                elif (finished := future.result()) is not None:
                    yield finished
        except BaseException as fault:
            interrupt.set()  # the other threads stop after their chunk
            pool.shutdown(wait=not isinstance(fault, KeyboardInterrupt), cancel_futures=True)
            raise
        pool.shutdown()
        if faults:  # raised only now, so that the trials beside the faulty one are kept
            raise faults[0]


def _as_they_finish(futures: Sequence[Future[Finished | None]]) -> Iterator[Future[Finished | None]]:
    """Each future once it is done. Wakes now and then: a signal that another thread took is handled only then."""
    left = set(futures)
    while left:
        done, left = wait(left, timeout=WAKE_SECONDS, return_when=FIRST_COMPLETED)
        yield from sorted(done, key=futures.index)


def _run(due: Due, validation: Rows, interrupt: threading.Event) -> Finished | None:
    if interrupt.is_set():
        return None
    ready = due.prepare()
    fitted, slower = either.fit(ready.model, ready.train, validation, ready.job)
    if slower is not None and keras_backend() == "jax":  # of another backend there is nothing else to expect
        told = f"{due.run} was trained by Keras' own loop, with the same history but slower: {slower}"
        warnings.warn(told, GengapWarning, stacklevel=2)
    return Finished(due, ready.model, fitted)


def with_auc(fitted: Fitted, y: np.ndarray) -> Fitted:
    """The same with validation/auc at the epochs whose outputs were kept: of a binary task, labels 0 and 1."""
    labels = y[kept_rows(len(y))].reshape(-1)
    logits = fitted.outputs[..., 0]
    finite = np.isfinite(logits).all(axis=1)
    if len(np.unique(labels)) < 2 or not finite.any():
        return fitted
    values = np.array([area(row, labels)["auc"] for row in logits[finite]])
    series = {**fitted.history.series, ("validation", "auc"): Series(fitted.output_epochs[finite], values)}
    return replace(fitted, history=History(fitted.history.run, fitted.history.seed, series))


def steps_per_epoch(rows: int, batch: int) -> int:
    """Optimizer steps in one epoch; the last batch may be smaller."""
    return -(-rows // min(batch, rows))

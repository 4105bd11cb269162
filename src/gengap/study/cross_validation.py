"""Cross-validate the best runs: train them again on other splits, so that more rows compare them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace

import numpy as np

from gengap.analysis.results import OutOfFoldLosses
from gengap.data.rows import Rows
from gengap.data.stored_rows import StoredRows
from gengap.stats.learning_curve import cross_fit_rows
from gengap.study.scheduler import Scheduler
from gengap.tasks import AnyTask
from gengap.train.types import TrainResult


def cross_validate(scheduler: Scheduler, runs: Sequence[str]) -> Mapping[str, OutOfFoldLosses]:
    """Return the losses of each run on training rows that it did not train on, by run.

    Nothing for fewer than two runs, and for rows on disk. Not for rows with a group, a time or weights. A run that
    diverges on a fold is left out. If the study is interrupted, finished folds are reused the next time.
    """
    growth, dataset = scheduler.plan.growth, scheduler.dataset
    if not runs or growth is None or isinstance(dataset.train, StoredRows):
        return {}
    judged: dict[str, list[np.ndarray]] = {run: [] for run in runs}
    for fold, (held, train, validation) in enumerate(dataset.folds(growth.folds)):
        for run, found in _of_fold(scheduler, runs, fold, held, (train, validation)):
            judged[run].append(found)
            scheduler.display.cross_validating(sum(map(len, judged.values())), len(runs) * growth.folds)
        if scheduler.interrupt.is_set():
            return {}
    to_rows = {run: np.concatenate(found, axis=1) for run, found in judged.items()}
    by_class = dataset.task.by_class
    found = {
        run: OutOfFoldLosses(losses, wrong if by_class else None)
        for run, (losses, wrong) in to_rows.items()
        if np.isfinite(losses).all()
    }
    return found if len(found) > 1 else {}


def _of_fold(
    scheduler: Scheduler, runs: Sequence[str], fold: int, held: np.ndarray, rows: tuple[Rows, Rows]
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each run with its losses on the rows `held` that validate in this fold.

    Each fold has its own seed, so that the mean over folds is also a mean over seeds.
    """
    folder, whose = scheduler.folder, hashlib.sha256(held.astype(np.int64).tobytes()).hexdigest()[:16]
    prints = {run: scheduler.fingerprint(scheduler.trials[run], fold, validating=whose) for run in runs}
    kept = {run: folder.fold(run, fold, prints[run], len(held)) if folder else None for run in runs}
    yield from ((run, found) for run, found in kept.items() if found is not None)
    due = []
    for run in (run for run, found in kept.items() if found is None):
        checkpoints = folder.fold_checkpoints(run, fold, prints[run]) if folder else None
        one = scheduler.pending(scheduler.trials[run], fold, prints[run])
        due.append(replace(one, on_progress=None, on_start=None, checkpoints=checkpoints))
    with closing(scheduler.run_pending(due, rows)) as running:
        for finished in running:
            if finished.result.stopped == "interrupted":
                continue
            run, found = finished.pending.run, out_of_fold(finished.result, rows[1], scheduler.dataset.task)
            if folder is not None:
                folder.keep_fold(run, fold, prints[run], found)
            yield run, found


def out_of_fold(fitted: TrainResult, rows: Rows, task: AnyTask) -> np.ndarray:
    """Return the loss of each validation row and whether its class is wrong, (2, rows); infinite if it diverged."""
    if fitted.best_epoch is None:
        return np.full((2, len(rows)), np.inf)
    losses, right = task.row_losses(fitted.outputs, rows.y), task.right(fitted.outputs, rows.y)
    wrong = np.zeros(losses.shape) if right is None else 1.0 - right
    return np.stack([cross_fit_rows(losses, scores=each) for each in (losses, wrong)])

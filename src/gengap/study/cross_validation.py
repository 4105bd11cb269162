"""Trains a study's finalists again on other splits of the rows, so that many more rows judge them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace

import numpy as np

from gengap.analysis.results import OutOfFoldLosses
from gengap.data.folds import folds, is_exchangeable
from gengap.data.rows import Rows
from gengap.stats.learning_curve import cross_fit_rows
from gengap.study.scheduler import Scheduler
from gengap.tasks import AnyTask
from gengap.train.types import TrainResult


def cross_validate(training: Scheduler, runs: Sequence[str]) -> Mapping[str, OutOfFoldLosses]:
    """What each of `runs` says of training rows that it did not train on; nothing if there are fewer than two.

    Nor where rows of a group or of a time belong together, or rows have weights. A run that diverges on a fold is
    left out. If the study is interrupted, the folds that are finished are kept for the next time.
    """
    growth, dataset = training.plan.growth, training.dataset
    if not runs or growth is None or not is_exchangeable(dataset):
        return {}
    judged: dict[str, list[np.ndarray]] = {run: [] for run in runs}
    for fold, (held, train, validation) in enumerate(folds(dataset, growth.folds)):
        for run, found in _of_fold(training, runs, fold, held, (train, validation)):
            judged[run].append(found)
            training.display.cross_validating(sum(map(len, judged.values())), len(runs) * growth.folds)
        if training.interrupt.is_set():
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
    training: Scheduler, runs: Sequence[str], fold: int, held: np.ndarray, rows: tuple[Rows, Rows]
) -> Iterator[tuple[str, np.ndarray]]:
    """Each run with what it says of the rows `held` that validate in this fold: as was kept, or by training it now.

    Each fold has a seed of its own, so that the mean over folds is also one over seeds.
    """
    folder, whose = training.folder, hashlib.sha256(held.astype(np.int64).tobytes()).hexdigest()[:16]
    prints = {run: training.fingerprint(training.trials[run], fold, validating=whose) for run in runs}
    kept = {run: folder.fold(run, fold, prints[run], len(held)) if folder else None for run in runs}
    yield from ((run, found) for run, found in kept.items() if found is not None)
    due = []
    for run in (run for run, found in kept.items() if found is None):
        checkpoints = folder.fold_checkpoints(run, fold, prints[run]) if folder else None
        one = training.due(training.trials[run], fold, prints[run])
        due.append(replace(one, on_progress=None, checkpoints=checkpoints))
    with closing(training.running(due, rows)) as running:
        for finished in running:
            if finished.fitted.stopped == "interrupted":
                continue
            run, found = finished.due.run, out_of_fold(finished.fitted, rows[1], training.dataset.task)
            if folder is not None:
                folder.keep_fold(run, fold, prints[run], found)
            yield run, found


def out_of_fold(fitted: TrainResult, rows: Rows, task: AnyTask) -> np.ndarray:
    """The loss of each row that validated, and whether its class is wrong (2, rows); infinite if it diverged."""
    if fitted.best_epoch is None:
        return np.full((2, len(rows)), np.inf)
    losses, right = task.row_losses(fitted.outputs, rows.y), task.right(fitted.outputs, rows.y)
    wrong = np.zeros(losses.shape) if right is None else 1.0 - right
    return np.stack([cross_fit_rows(losses, scores=each) for each in (losses, wrong)])

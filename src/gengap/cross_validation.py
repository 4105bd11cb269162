"""Trains a study's finalists again on other splits of the rows, so that every training row judges them once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace

import numpy as np

from gengap.conclude.outcomes import OutOfFold
from gengap.data.folds import exchangeable, folds
from gengap.data.rows import Rows
from gengap.diagnose.extrapolate import cross_fitted_rows
from gengap.diagnose.weighted import linearised
from gengap.tasks import AnyTask
from gengap.train.fitted import Fitted
from gengap.training import Training


def cross_validate(training: Training, runs: Sequence[str]) -> None:
    """Sets `training.crossed`: what each of `runs` says of the training rows, each by a model that hasn't seen it.

    Nothing is done where rows of a group or of a time belong together. A run that diverges on a fold is left out.
    If it is interrupted, the folds that are finished are kept for the next time.
    """
    growth, dataset = training.plan.growth, training.dataset
    if not runs or growth is None or not exchangeable(dataset):
        return
    training.crossing, done = True, 0
    judged = {run: np.full((2, len(dataset.train)), np.nan) for run in runs}
    for fold, (held, train, validation) in enumerate(folds(dataset, growth.folds)):
        for run, found in _of_fold(training, runs, fold, (train, validation)):
            judged[run][:, held] = found
            done += 1
            training.display.crossing(done, len(runs) * growth.folds)
    if done < len(runs) * growth.folds:
        return
    training.crossed = {
        run: OutOfFold(losses, wrong if dataset.task.by_class else None)
        for run, (losses, wrong) in judged.items()
        if np.isfinite(losses).all()
    }
    training.crossing = False


def _of_fold(
    training: Training, runs: Sequence[str], fold: int, rows: tuple[Rows, Rows]
) -> Iterator[tuple[str, np.ndarray]]:
    """Each run with what it says of the rows that validate in this fold, as was kept or by training it now.

    Each fold has a seed of its own, so that the mean over folds is also one over seeds.
    """
    folder, parts = training.folder, str(training.plan.growth.folds if training.plan.growth else 0)
    prints = {run: training.fingerprint(training.trials[run], fold, folds=parts) for run in runs}
    kept = {run: folder.fold(run, fold, prints[run]) if folder else None for run in runs}
    yield from ((run, found) for run, found in kept.items() if found is not None)
    due = [training.due(training.trials[run], fold, prints[run]) for run, found in kept.items() if found is None]
    silent = [replace(each, on_progress=None, checkpoints=None) for each in due]  # they last seconds
    with closing(training.running(silent, rows)) as running:
        for finished in running:
            if finished.fitted.stopped == "interrupted":
                continue
            run, found = finished.due.run, out_of_fold(finished.fitted, rows[1], training.dataset.task)
            if folder is not None:
                folder.keep_fold(run, fold, prints[run], found)
            yield run, found


def out_of_fold(fitted: Fitted, rows: Rows, task: AnyTask) -> np.ndarray:
    """The loss of each row that validated, and whether its class is wrong (2, rows); infinite if it diverged."""
    if fitted.best_epoch is None:
        return np.full((2, len(rows)), np.inf)
    losses, right = task.row_losses(fitted.outputs, rows.y), task.right(fitted.outputs, rows.y)
    wrong = np.zeros(losses.shape) if right is None else ~right
    losses, wrong = (linearised(each, rows.weights) for each in (losses, wrong))
    return np.stack([cross_fitted_rows(losses, scores=each) for each in (losses, wrong)])

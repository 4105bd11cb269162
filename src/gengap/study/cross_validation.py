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
from gengap.train.local import PendingTrial
from gengap.train.types import TrainResult


def cross_validate(scheduler: Scheduler, runs: Sequence[str]) -> Mapping[str, OutOfFoldLosses]:
    """Return the losses of each run and each baseline on training rows that it did not train on, by run.

    Nothing for fewer than two runs, and for rows on disk. Not for rows with a group, a time or weights. A run that
    diverges on a fold is left out. If the study is interrupted, finished folds are reused the next time.
    """
    growth, dataset = scheduler.plan.growth, scheduler.dataset
    if not runs or growth is None or isinstance(dataset.train, StoredRows):
        return {}
    parts: dict[str, list[np.ndarray]] = {run: [] for run in runs}
    held: list[np.ndarray] = []
    constants: list[np.ndarray] = []
    for fold, (held_out, train, validation) in enumerate(dataset.folds(growth.folds)):
        held.append(validation.y)
        constants.append(dataset.task.constant_losses(train.y, validation.y))
        for run, part in _of_fold(scheduler, runs, fold, held_out, (train, validation)):
            parts[run].append(part)
            scheduler.display.cross_validating(sum(len(parts[each]) for each in runs), len(runs) * growth.folds)
        if scheduler.interrupt.is_set():
            return {}
        if any(len(parts[run]) <= fold for run in runs):  # there was no time for all runs of this fold
            scheduler.not_cross_validated = (*runs, *scheduler.not_cross_validated)
            return {}
        for each in scheduler.fit_fold_baselines(train, fold):
            parts.setdefault(each.run, []).append(each.outputs(validation.x).T)
    y = np.concatenate(held)
    by_run = {run: np.concatenate(each, axis=1).T for run, each in parts.items() if len(each) == growth.folds}
    finite = {run: each for run, each in by_run.items() if np.isfinite(each).all()}
    found = {
        run: _losses(each, dataset.task, y) if run in runs else OutOfFoldLosses.of(dataset.task, each, y)
        for run, each in finite.items()
    }
    constant = np.concatenate(constants)
    if not any(run in found for run in runs):  # they diverged
        return {}
    return {run: replace(each, constant=constant) for run, each in found.items()} if len(found) > 1 else {}


def _losses(part: np.ndarray, task: AnyTask, y: np.ndarray) -> OutOfFoldLosses:
    """Return what `out_of_fold` found for all folds, (rows, 2 + outputs), as losses."""
    return OutOfFoldLosses(part[:, 0], part[:, 1] if task.by_class else None, part[:, 2:], y)


def _of_fold(
    scheduler: Scheduler, runs: Sequence[str], fold: int, held_out: np.ndarray, rows: tuple[Rows, Rows]
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each run with its losses on the rows `held_out` that validate in this fold.

    Each fold has its own seed, so that the mean over folds is also a mean over seeds.
    """
    folder, digest = scheduler.folder, hashlib.sha256(held_out.astype(np.int64).tobytes()).hexdigest()[:16]
    pending: list[PendingTrial] = []
    fingerprints: dict[str, str] = {}
    for run in runs:
        trial = scheduler.trials[run]
        fingerprints[run] = scheduler.fingerprint(trial, fold, validating=digest)
        saved = folder.read_fold(run, fold, fingerprints[run], len(held_out)) if folder else None
        if saved is not None and len(saved) == 2 + scheduler.dataset.task.outputs:
            yield run, saved
            continue
        checkpoints = folder.fold_checkpoints(run, fold, fingerprints[run]) if folder else None
        one = scheduler.pending(trial, fold, fingerprints[run])
        pending.append(replace(one, on_progress=None, on_start=None, checkpoints=checkpoints))
    with closing(scheduler.run_pending(pending, rows)) as completed:
        for each in completed:
            if each.result.stopped == "interrupted":
                continue
            run, part = each.pending.run, out_of_fold(each.result, rows[1], scheduler.dataset.task)
            if folder is not None:
                folder.save_fold(run, fold, fingerprints[run], part, *scheduler.exported(run, each.model))
            yield run, part


def out_of_fold(result: TrainResult, rows: Rows, task: AnyTask) -> np.ndarray:
    """Return the loss of each validation row, whether its class is wrong, and its outputs, (2 + outputs, rows).

    They are those of the epoch that other rows choose. All are infinite if the training diverged.
    """
    if result.best_epoch is None:
        return np.full((2 + task.outputs, len(rows)), np.inf)
    losses, right = task.row_losses(result.outputs, rows.y), task.correct(result.outputs, rows.y)
    wrong = np.zeros(losses.shape) if right is None else 1.0 - right
    outputs = np.moveaxis(result.outputs.astype(np.float64), -1, 0)
    return np.stack([cross_fit_rows(losses, scores=each) for each in (losses, wrong, *outputs)])

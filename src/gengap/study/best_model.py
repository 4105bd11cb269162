"""Save the baselines and the recommended model: one file, or the files of several models whose mean predicts.

A run that was trained several times, with other seeds or on other folds, predicts with the mean of these models:
every row trained some of them, and their mean is steadier than one of them.

Plans that grow train another recommended run again, on the training and validation rows together, up to the epoch
that was best on the validation rows. The expected loss stays that of the first model.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from gengap.analysis.recommend import Recommendation
from gengap.data.stored_rows import StoredRows
from gengap.models.saved_baseline import for_raw_rows
from gengap.models.saved_model import ModelCard
from gengap.study.folder import StudyFolder
from gengap.study.scheduler import Scheduler
from gengap.tasks import OwnLoss
from gengap.train.baselines import Baseline, refit
from gengap.train.local import PendingTrial

MARGIN = 1.5  # time for a second training, as a multiple of the first one's


def save_models(scheduler: Scheduler, chosen: Recommendation | None, folder: StudyFolder) -> Path | None:
    """Save the baselines and the recommended model; return the path of the latter."""
    for run in scheduler.savable_baselines:
        _save_baseline(scheduler, folder.baseline_file(run), scheduler.baselines[run], folder)
    if chosen is None:
        return None
    files: list[tuple[Path, str, float]] = []
    for member in chosen.members:
        found = list(_files(scheduler, member.run, folder))
        files += [(path, member.run, member.weight / len(found)) for path in found]
    dataset = scheduler.dataset
    card = None
    if isinstance(dataset.task, OwnLoss):
        files = [(folder.model_file(chosen.run, chosen.seed), chosen.run, 1.0)]
    else:
        card = ModelCard.of(dataset.encoding, dataset.target, dataset.task)
    return folder.save_best(files, card)


def _save_baseline(scheduler: Scheduler, path: Path, baseline: Baseline, folder: StudyFolder) -> None:
    dataset = scheduler.dataset
    card = ModelCard.of(dataset.encoding, dataset.target, dataset.task, baseline.run)
    folder.save_baseline(path, for_raw_rows(baseline.model, dataset.mean, dataset.scale), card)


def _files(scheduler: Scheduler, run: str, folder: StudyFolder) -> Iterator[Path]:
    """Yield the files of a run: of its seeds, and of its folds if it was cross-validated.

    Without folds, plans that grow train it again on all rows.
    """
    if _should_refit(scheduler, run):
        if run not in scheduler.baselines:
            yield from _refit_trial(scheduler, run, folder)
            return
        assert scheduler.plan.growth is not None
        path = folder.fold_file(run, scheduler.plan.growth.folds, ".skops")
        dataset = scheduler.dataset
        again = refit(scheduler.baselines[run], dataset.joined(dataset.train, dataset.validation), dataset.task)
        _save_baseline(scheduler, path, again, folder)
        yield path
        return
    if run in scheduler.baselines:
        yield folder.baseline_file(run)
    yield from (folder.model_file(run, seed) for seed in scheduler.results().seeds(run))
    growth = scheduler.plan.growth
    for fold in range(growth.folds if growth is not None and run in scheduler.out_of_fold else 0):
        if (baseline := scheduler.fold_baselines.get((run, fold))) is not None:
            _save_baseline(scheduler, folder.fold_file(run, fold, ".skops"), baseline, folder)
            yield folder.fold_file(run, fold, ".skops")
        else:
            yield folder.fold_file(run, fold, ".keras")


def _should_refit(scheduler: Scheduler, run: str) -> bool:
    """Return whether to train a recommended run again: not with folds, rows on disk, or too little time."""
    plan, dataset = scheduler.plan, scheduler.dataset
    if plan.growth is None or run in scheduler.out_of_fold or scheduler.interrupt.is_set():
        return False
    if isinstance(dataset.task, OwnLoss) or isinstance(dataset.train, StoredRows):
        return False
    results, baseline = scheduler.results(), scheduler.baselines.get(run)
    seconds = results.seconds(run) * len(results.seeds(run)) if baseline is None else baseline.seconds
    return scheduler.budget is None or MARGIN * seconds <= scheduler.budget.left


def _refit_trial(scheduler: Scheduler, run: str, folder: StudyFolder) -> Iterator[Path]:
    """Train a run again with every seed, and yield its model files.

    A training that diverges or is interrupted yields the file of the first training. The new files are named like
    those of further folds, so that a repeated study finds them.
    """
    assert scheduler.plan.growth is not None
    trial, results = scheduler.trials[run], scheduler.results()
    for seed in results.seeds(run):
        number, best = scheduler.plan.growth.folds + seed, results.trained[run, seed].best_epoch
        assert best is not None
        fingerprint = scheduler.fingerprint(trial, seed, rows_of="all", epochs=str(best + 1))
        if folder.read_fold(run, number, fingerprint, 1) is None:
            one = scheduler.pending(trial, seed, fingerprint, epochs=best + 1)
            checkpoints = folder.fold_checkpoints(run, number, fingerprint)
            one = replace(one, checkpoints=checkpoints, on_progress=None, on_start=None)
            _train_on_all_rows(scheduler, one, number, fingerprint, folder)
        trained = folder.read_fold(run, number, fingerprint, 1) is not None
        yield folder.fold_file(run, number, ".keras") if trained else folder.model_file(run, seed)


def _train_on_all_rows(
    scheduler: Scheduler, one: PendingTrial, number: int, fingerprint: str, folder: StudyFolder
) -> None:
    """Train a trial on the training and validation rows, and save it like a fold unless it ended early."""
    train, validation = scheduler.dataset.train, scheduler.dataset.validation
    rows = (scheduler.dataset.joined(train, validation), validation)
    with closing(scheduler.run_pending([one], rows)) as completed:
        for each in completed:
            if each.result.stopped not in ("interrupted", "diverged"):
                model = scheduler.exported(one.run, each.model)
                folder.save_fold(one.run, number, fingerprint, np.zeros((1, 1)), *model)

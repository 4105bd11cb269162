"""Train the recommended model of a growing plan again, on the training and validation rows together.

Cross-validated runs are not trained again: together, the models of their folds have seen all rows, and their mean
predicts. Another run trains up to the epoch that was best on the validation rows. The expected loss stays that of
the first model.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np

from gengap.data.rows import Rows
from gengap.data.stored_rows import StoredRows
from gengap.study.folder import StudyFolder
from gengap.study.scheduler import Scheduler
from gengap.tasks import OwnLoss
from gengap.train.baselines import Baseline, refit
from gengap.train.local import BuildTrial, BuiltTrial
from gengap.train.stopping import NEVER

MARGIN = 1.5  # time for a second training, as a multiple of the first one's


def should_refit(scheduler: Scheduler, run: str) -> bool:
    """Return whether to train a recommended run again: not with folds, rows on disk, or too little time."""
    plan, dataset = scheduler.plan, scheduler.dataset
    if plan.growth is None or run in scheduler.out_of_fold or scheduler.interrupt.is_set():
        return False
    if isinstance(dataset.task, OwnLoss) or isinstance(dataset.train, StoredRows):
        return False
    results, baseline = scheduler.results(), scheduler.baselines.get(run)
    seconds = results.seconds(run) * len(results.seeds(run)) if baseline is None else baseline.seconds
    return scheduler.budget is None or MARGIN * seconds <= scheduler.budget.left


def all_rows(scheduler: Scheduler) -> Rows:
    """Return the training rows, then the validation rows."""
    dataset = scheduler.dataset
    train, validation = dataset.train, dataset.validation
    weights = None if train.weights is None else np.concatenate([train.weights, validation.weights])
    x, y = np.concatenate([train.x, validation.x]), np.concatenate([train.y, validation.y])
    joined = replace(dataset, train=Rows(x, y, weights))
    return joined.train if train.class_factors is None else joined.balanced().train


def refit_baseline(scheduler: Scheduler, run: str) -> Baseline:
    """Return a baseline fitted to all rows."""
    return refit(scheduler.baselines[run], all_rows(scheduler), scheduler.dataset.task)


def refit_trial(scheduler: Scheduler, run: str, folder: StudyFolder) -> Iterator[Path]:
    """Train a run again with every seed, and yield its model files.

    A training that diverges or is interrupted yields the file of the first training. The new files are named like
    those of further folds, so that a repeated study finds them.
    """
    assert scheduler.plan.growth is not None
    rows, trial, results = all_rows(scheduler), scheduler.trials[run], scheduler.results()
    for seed in results.seeds(run):
        number, best = scheduler.plan.growth.folds + seed, results.trained[run, seed].best_epoch
        assert best is not None
        fingerprint = scheduler.fingerprint(trial, seed, rows_of="all", epochs=str(best + 1))
        if folder.read_fold(run, number, fingerprint, 1) is None:
            one = scheduler.pending(trial, seed, fingerprint)
            one = replace(one, build=FixedEpochs(one.build, best + 1), on_progress=None, on_start=None)
            one = replace(one, checkpoints=folder.fold_checkpoints(run, number, fingerprint))
            with closing(scheduler.run_pending([one], (rows, scheduler.dataset.validation))) as completed:
                for each in completed:
                    if each.result.stopped not in ("interrupted", "diverged"):
                        model = scheduler.exported(run, each.model)
                        folder.save_fold(run, number, fingerprint, np.zeros((1, 1)), *model)
        trained = folder.read_fold(run, number, fingerprint, 1) is not None
        yield folder.fold_file(run, number, ".keras") if trained else folder.model_file(run, seed)


@dataclass(frozen=True)
class FixedEpochs:
    """Builds a trial that is trained for `epochs` epochs of its schedule, and keeps the last weights."""

    build: BuildTrial
    epochs: int

    def __call__(self, train: Rows, validation: Rows) -> BuiltTrial:
        """Return the trial as `build` does, with another end."""
        built = self.build(train, validation)
        rule = msgspec.structs.replace(built.config.stopping, patience=NEVER, restore_best=False)
        return replace(built, config=replace(built.config, epochs=self.epochs, stopping=rule, is_settled=None))

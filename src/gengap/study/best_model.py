"""Save the baselines and the recommended model: one file, or the files of several models whose mean predicts.

A run that was trained several times, with other seeds or on other folds, predicts with the mean of these models:
every row trained some of them, and their mean is steadier than one of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gengap.analysis.recommend import Recommendation
from gengap.models.saved_baseline import for_raw_rows
from gengap.models.saved_model import ModelCard
from gengap.study.folder import StudyFolder
from gengap.study.refit import refit_baseline, refit_trial, should_refit
from gengap.study.scheduler import Scheduler
from gengap.tasks import OwnLoss
from gengap.train.baselines import Baseline


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
    if should_refit(scheduler, run):
        if run not in scheduler.baselines:
            yield from refit_trial(scheduler, run, folder)
            return
        assert scheduler.plan.growth is not None
        path = folder.fold_file(run, scheduler.plan.growth.folds, ".skops")
        _save_baseline(scheduler, path, refit_baseline(scheduler, run), folder)
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

"""Write the results of a study: histories, figures, TensorBoard logs, the best model, the report, study.json."""

from __future__ import annotations

from pathlib import Path

from gengap.analysis.summary import PLAN_FILE
from gengap.data.stored_rows import sample_in_memory
from gengap.history import write_histories
from gengap.study.folder import HISTORIES, RESULTS, StudyFolder
from gengap.study.outcome import Study


def write_results(found: Study, folder: StudyFolder) -> None:
    """Write all results. An old study.json is removed first, and the new one is written last."""
    folder.path.mkdir(parents=True, exist_ok=True)
    (folder.path / RESULTS).unlink(missing_ok=True)
    write_histories(found.histories, folder.path / HISTORIES)
    _write_logs(found, folder.path / "tensorboard")
    _write_figures(found, folder.path)
    if (recommended := found.summary.recommendation) is not None:
        folder.copy_model(recommended.run, recommended.seed, "best")
    folder.write(PLAN_FILE, found.plan.to_toml().encode())
    found.report(folder.path / "report.html")
    folder.write(RESULTS, found.summary.to_json())


def _write_logs(found: Study, logs: Path) -> None:
    """Write curves and hyperparameters of every trial and seed as TensorBoard logs."""
    from gengap.report import tensorboard

    sessions = []
    for history, trial in zip(found.histories, found.trials, strict=True):
        span = (trial.began, trial.began + trial.seconds)
        seed = "" if history.seed == found.histories[0].seed else f".seed{history.seed}"
        for run in (trial.run, *trial.aliases):
            tensorboard.write(history.renamed(run + seed), logs, span=span)
        planned = found.planned[trial.run]
        sessions.append(tensorboard.hparams_session(trial.run + seed, planned, found.plan.recipe, trial))
    tensorboard.write_sessions(sessions, logs)


def _write_figures(found: Study, folder: Path) -> None:
    """Write the figures as PNG files and as TensorBoard images."""
    from gengap.report import conclusion_plots, plots, tensorboard

    figures = folder / "figures"
    x = sample_in_memory(found.dataset.train).x * found.dataset.scale + found.dataset.mean
    pictures = plots.save_figures(found.groups(), figures, x=x, best=found.best_epochs())
    pictures += conclusion_plots.save_conclusion_plots(found.summary, figures)
    tensorboard.write_images(pictures, folder / "tensorboard")

"""`Study`: what `gengap.study` returns, its figures on the test rows, and the files that it writes at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from gengap.analysis.evaluation import evaluate_on_test_rows
from gengap.analysis.summary import PLAN_FILE, StudySummary, TrialSummary
from gengap.data.dataset import Dataset
from gengap.diagnose.run_curves import MetricCurves
from gengap.diagnose.trial_verdicts import trial_curves
from gengap.diagnose.verdict import Verdict
from gengap.errors import UsageError, as_path, counted, did_you_mean
from gengap.history import History, write_histories
from gengap.models.predictor import load_predictor
from gengap.plan import Plan, Trial, group_and_label
from gengap.study.folder import HISTORIES, PAGE, RESULTS, StudyFolder
from gengap.text.catalog import Message
from gengap.train.baselines import Baseline

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class Study:
    """A finished study.

    Attributes:
        plan: The plan that was run.
        planned: All trials by run: those of the plan, and those that the study added.
        dataset: The prepared rows.
        histories: One history for each finished trial and seed, in the order of `trials`.
        summary: Results and conclusions, as study.json holds them.
        folder: The study folder, or None.
    """

    plan: Plan
    planned: Mapping[str, Trial]
    dataset: Dataset
    histories: tuple[History, ...]
    summary: StudySummary
    folder: Path | None

    @property
    def trials(self) -> tuple[TrialSummary, ...]:
        """Summaries of the finished trials, in the plan's order."""
        return self.summary.trials

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """Verdicts by run, of the first seed."""
        return {trial.run: trial.verdict for trial in reversed(self.trials) if trial.verdict is not None}

    def judged(self) -> list[tuple[MetricCurves, Verdict]]:
        """Return the curves of each trial with their verdict."""
        pairs = zip(self.histories, self.trials, strict=True)
        return [(trial_curves(history), trial.verdict) for history, trial in pairs if trial.verdict is not None]

    def groups(self) -> dict[str, list[History]]:
        """Return the histories of the first seed by group (the run name before "/"); epochs count from 1."""
        aliases = {trial.run: trial.aliases for trial in self.trials}
        found: dict[str, list[History]] = {}
        for history in self.histories:
            if history.seed == self.histories[0].seed:
                for run in (history.run, *aliases[history.run]):
                    found.setdefault(group_and_label(run)[0], []).append(history.renamed(run).counted_from_one())
        return found

    def best_epochs(self) -> dict[str, int]:
        """Return the best epoch of each run, of the first seed."""
        return {
            run: trial.best_epoch
            for trial in reversed(self.trials)
            if trial.best_epoch is not None
            for run in (trial.run, *trial.aliases)
        }

    def plot(self, group: str | None = None, ax: Axes | None = None, **options: Any) -> Axes:
        """Plot training (solid) and validation (dashed) curves.

        Args:
            group: Group of runs, such as "sizes". Default: the first group.
            ax: Axes to draw on. Default: the axes of a new figure.
            **options: As for `gengap.report.plots.curves`.

        Returns:
            The axes.

        Raises:
            UsageError: The study has no such group.
        """
        from gengap.report import plots

        groups = self.groups()
        chosen = group or next(iter(groups))
        if chosen not in groups:
            raise UsageError(f"no group {chosen!r}, expected {', '.join(groups)}.{did_you_mean(chosen, groups)}")
        return plots.curves(groups[chosen], best=self.best_epochs(), ax=ax, **options)

    def __repr__(self) -> str:
        count = counted(len(self.trials), "trial")
        return f"<Study of {self.summary.source}, plan {self.plan.name}: {count}>"

    def _repr_html_(self) -> str:
        from gengap.report.study_report import study_html

        return study_html(self.summary, self.histories)

    def report(self, path: str | Path, lang: str | None = None, *, overwrite: bool = False) -> Path:
        """Write the study as one self-contained HTML page.

        Args:
            path: The file to write.
            lang: "en" or "ko". Default: the locale's language.
            overwrite: Replace the file even if gengap did not write it as a report.

        Returns:
            The path.

        Raises:
            UsageError: `path` is a file that should stay.
        """
        from gengap.report.html import write_report
        from gengap.report.page import study_page

        page = study_page(self.summary, self.histories, self.plan.to_toml())
        return write_report(page, as_path(path, "path"), lang, overwrite=overwrite)


class TestPredictions(NamedTuple):
    """Outputs (rows, ...) of the recommended model on the test rows, and a baseline with its outputs, if any."""

    __test__ = False  # pytest would collect it
    outputs: np.ndarray
    baseline: tuple[str, np.ndarray] | None


def predict_table(dataset: Dataset, trees: Baseline | None, best: Path) -> TestPredictions:
    """Return the outputs of a saved model for the test rows of a table, and those of the trees."""
    rows = dataset.test
    assert rows is not None
    outputs = load_predictor(best).outputs(rows.x * dataset.scale + dataset.mean)
    return TestPredictions(outputs, None if trees is None else (trees.run, trees.outputs(rows.x)))


def with_test_rows(
    study: Study, predict: Callable[[Path], TestPredictions], best: Path | None, folder: StudyFolder
) -> Study:
    """Return the study with metrics of the model `best` on the test rows, beside those of a baseline.

    Rows that were used before give the figures of that day.
    """
    dataset, recommended = study.dataset, study.summary.recommendation
    rows = dataset.test
    if rows is None or recommended is None or best is None:
        return study
    digest = dataset.test_digest or rows.digest
    if (evaluation := folder.evaluation(digest)) is None:
        run, seed, found = recommended.run, recommended.seed, dataset.test_units
        predicted = predict(best)
        baseline = predicted.baseline or (run, predicted.outputs)
        evaluation = evaluate_on_test_rows(
            rows, dataset.task, run, seed, predicted.outputs, *baseline, found, digest
        )
        folder.write_evaluation(evaluation)
    else:
        note = Message("conclusion-test-rows-reused", {"day": evaluation.used, "run": evaluation.run})
        evaluation = msgspec.structs.replace(evaluation, note=note)
    tested = (evaluation.run, evaluation.seed) if best.suffix == ".keras" else None  # else a mean, or no trial
    trials = tuple(
        trial.with_test(evaluation.metrics) if (trial.run, trial.seed) == tested else trial
        for trial in study.trials
    )
    return replace(study, summary=msgspec.structs.replace(study.summary, trials=trials, test=evaluation))


def write_results(study: Study, folder: StudyFolder) -> None:
    """Write all results but the models; study.json is written last."""
    with folder.writing(folder.path / HISTORIES) as part:
        write_histories(study.histories, part)
    _write_logs(study, folder.path / "tensorboard")
    _write_figures(study, folder.path)
    folder.write(PLAN_FILE, study.plan.to_toml().encode())
    study.report(folder.path / PAGE)
    folder.write(RESULTS, study.summary.to_json())
    folder.checksums.drop_replaced()


def _write_logs(study: Study, logs: Path) -> None:
    """Write curves and hyperparameters of every trial and seed as TensorBoard logs."""
    from gengap.report import tensorboard

    sessions = []
    for history, trial in zip(study.histories, study.trials, strict=True):
        span = (trial.began, trial.began + trial.seconds)
        seed = "" if history.seed == study.histories[0].seed else f".seed{history.seed}"
        for run in (trial.run, *trial.aliases):
            tensorboard.write(history.renamed(run + seed), logs, span=span)
        planned = study.planned[trial.run]
        sessions.append(tensorboard.hparams_session(trial.run + seed, planned, study.plan.recipe, trial))
    tensorboard.write_sessions(sessions, logs)


def _write_figures(study: Study, folder: Path) -> None:
    from gengap.report import conclusion_plots, plots, tensorboard

    figures = folder / "figures"
    rows, dataset = study.dataset.train.sample(), study.dataset
    x = rows.x * dataset.scale + dataset.mean if dataset.columns else None  # rows of any shape have no columns
    pictures = plots.save_figures(study.groups(), figures, x=x, best=study.best_epochs())
    pictures += conclusion_plots.save_conclusion_plots(study.summary, figures)
    tensorboard.write_images(pictures, folder / "tensorboard")

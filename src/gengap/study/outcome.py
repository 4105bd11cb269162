"""`Study`: what `gengap.study` returns. Its verdicts, curves and report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gengap.analysis.summary import StudySummary, TrialSummary
from gengap.data.dataset import Dataset
from gengap.diagnose.run_curves import MetricCurves
from gengap.diagnose.trial_verdicts import trial_curves
from gengap.diagnose.verdict import Verdict
from gengap.errors import UsageError, did_you_mean
from gengap.history import History
from gengap.plan import Plan, Trial, group_and_label

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
            **options: As for `gengap.report.plots.plot_curves`.

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
        return f"<Study of {self.summary.source}, plan {self.plan.name}: {len(self.trials)} trials>"

    def _repr_html_(self) -> str:
        """Return what Jupyter shows."""
        from gengap.report.study_report import study_html

        return study_html(self.summary, self.histories)

    def report(self, path: str | Path, lang: str | None = None) -> Path:
        """Write the study as one self-contained HTML page.

        Args:
            path: The file to write.
            lang: "en" or "ko". Default: the locale's language.

        Returns:
            The path.
        """
        from gengap.report.html import write_report
        from gengap.report.page import study_page

        return write_report(study_page(self.summary, self.histories, self.plan.to_toml()), Path(path), lang)

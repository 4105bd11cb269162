"""What the page of a study shows, as one typed value that `gengap.report.html` renders.

summary + histories + plan -> Page

It does not depend on a language: the templates add the texts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from gengap.analysis.summary import StudySummary, TrialSummary
from gengap.history import History
from gengap.plan import ROWS, group_and_label
from gengap.report.page.page_curves import EpochTable, RunCurves, epoch_table, run_curves
from gengap.report.page.trial_rows import TrialRow, make_row
from gengap.stats.comparison import Comparison

ALL = "*"  # the group of every run; no group that has a name is called so


class GroupMember(msgspec.Struct, frozen=True):
    """A run in a group of charts: the run, and its name without the group."""

    run: str
    name: str


class RankedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run with its loss, its group of statistically tied runs, and its comparisons with the best by metric."""

    run: str
    loss: float
    group: int
    beside: dict[str, Comparison]


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Everything on the page of one study.

    Attributes:
        summary: Summary of the study.
        plan: The plan as TOML; empty if it is not known.
        rows: A row of the trials' table for each run.
        groups: The runs of each group of charts; ALL has every run if there are several groups.
        curves: Curves by run, of its first finished seed, or of its first seed while none is finished.
        values: The numbers in the curves at a few epochs.
        under_way: Whether trials are still training.
    """

    summary: StudySummary
    plan: str
    rows: tuple[TrialRow, ...]
    groups: dict[str, tuple[GroupMember, ...]]
    curves: dict[str, RunCurves]
    values: EpochTable
    under_way: bool = False

    @property
    def seeds(self) -> int:
        """The largest number of seeds of a run."""
        return max((len(row.trials) for row in self.rows), default=0)

    @property
    def tally(self) -> dict[str, int]:
        """Number of runs by verdict of their first seed; on part of the rows only if there are no other runs."""
        whole = [row for row in self.rows if row.group != ROWS] or self.rows
        return dict(Counter(row.verdict.verdict for row in whole if row.verdict is not None))

    @property
    def recommended_position(self) -> int | None:
        """The number of the recommended run's row, from 1, if that run has a verdict."""
        return next((i for i, row in enumerate(self.rows, 1) if row.kept and row.verdict is not None), None)

    @property
    def metrics(self) -> list[str]:
        """The metrics that the runs logged, in the order of the runs."""
        return list(dict.fromkeys(metric for curves in self.curves.values() for metric in curves.metrics))

    @property
    def ranked_runs(self) -> list[RankedRun]:
        """The runs that were compared, the best first."""
        beside: dict[str, dict[str, Comparison]] = {}
        for comparison in self.summary.comparisons:
            beside.setdefault(comparison.a, {})[comparison.metric] = comparison
        return [
            RankedRun(run=rank.run, loss=rank.loss, group=rank.group, beside=beside.get(rank.run, {}))
            for rank in self.summary.ranks
        ]


def study_page(
    summary: StudySummary, histories: Sequence[History], plan: str = "", *, under_way: bool = False
) -> Page:
    """Return the page of a study.

    Args:
        summary: Summary of the study.
        histories: Histories of the trials, as logged. A run without a trial in the summary is still training.
        plan: The plan as TOML.
        under_way: Whether the study is running.
    """
    trials: dict[str, list[TrialSummary]] = {}
    for trial in sorted(summary.trials, key=lambda trial: trial.seed):  # a stable sort: the plan's order stays
        trials.setdefault(trial.run, []).append(trial)
    histories = [history.counted_from_one() for history in histories]
    drawn = _drawn(histories, trials)
    runs = list(dict.fromkeys([*trials, *(history.run for history in histories)]))
    kept = summary.recommendation.run if summary.recommendation is not None else None
    curves = {
        run: run_curves(drawn[run], trials[run][0] if run in trials else None) for run in runs if run in drawn
    }
    return Page(
        summary=summary,
        plan=plan,
        rows=tuple(make_row(run, trials.get(run, []), drawn.get(run), kept=run == kept) for run in runs),
        groups=_groups(runs, trials, curves),
        curves=curves,
        values=epoch_table([drawn[run] for run in runs if run in drawn]),
        under_way=under_way,
    )


def _drawn(histories: Sequence[History], trials: dict[str, list[TrialSummary]]) -> dict[str, History]:
    """Return one history for each run: of its first finished trial, or of its first seed while none is finished."""
    found: dict[str, History] = {}
    for history in sorted(histories, key=lambda history: history.seed, reverse=True):
        if history.run not in trials or history.seed == trials[history.run][0].seed:
            found[history.run] = history
    return found


def _groups(
    runs: Sequence[str], trials: dict[str, list[TrialSummary]], curves: dict[str, RunCurves]
) -> dict[str, tuple[GroupMember, ...]]:
    """Return the runs with curves by group; a trial may be shown in several groups."""
    found: dict[str, list[GroupMember]] = {}
    for run in runs:
        if run in curves:
            for name in (run, *(trials[run][0].also if run in trials else ())):
                group, label = group_and_label(name)
                found.setdefault(group, []).append(GroupMember(run, label))
    if len(found) > 1:
        found[ALL] = [GroupMember(run, run) for run in runs if run in curves]
    return {group: tuple(shown) for group, shown in found.items()}

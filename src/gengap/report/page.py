"""What the page of a study shows, as one typed value that `gengap.report.html` renders.

summary + histories + plan -> Page

It does not depend on a language: the templates add the texts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np

from gengap.analysis.summary import RunningTrial, StudySummary, TrialSummary
from gengap.diagnose.verdict import Verdict
from gengap.history import History, Series
from gengap.plan import ROWS, group_and_label
from gengap.report.conclusions import leak_messages, story_messages
from gengap.report.page_curves import RunCurves, best_and_onset, metrics_of, rounded, run_curves
from gengap.stats.comparison import Comparison
from gengap.text.catalog import Message
from gengap.text.markup import LARGEST_DRAWABLE, sparkline_paths

TABLE_EPOCHS = 10  # epochs of the table of numbers


class EpochLine(msgspec.Struct, frozen=True):
    """Values of one run and split at the epochs of the table; None after its end, and for a gap."""

    run: str
    split: str
    values: tuple[float | None, ...]


class EpochTable(msgspec.Struct, frozen=True):
    """A metric by run and split at a few epochs, for readers who can't see the curves."""

    metric: str
    epochs: tuple[int, ...]
    lines: tuple[EpochLine, ...]


def epoch_table(histories: Sequence[History]) -> EpochTable:
    """Return the first metric of the histories at about ten epochs, evenly spread on a logarithmic scale."""
    metric = next((metric for history in histories for metric in metrics_of(history)), "")
    last = max((history.epochs for history in histories), default=0)
    epochs = np.unique(np.round(np.geomspace(1, max(last, 1), TABLE_EPOCHS)).astype(int)).tolist() if last else []
    lines = [
        EpochLine(history.run, key[0], tuple(_at(history[key], epoch) for epoch in epochs))
        for history in histories
        for key in (history.training_key(metric), ("validation", metric))
        if key in history
    ]
    return EpochTable(metric, tuple(epochs), tuple(lines))


def _at(series: Series, epoch: int) -> float | None:
    """Return the last value logged up to an epoch, if the series goes that far."""
    if not len(series) or not series.epochs[0] <= epoch <= series.epochs[-1]:
        return None
    return rounded(float(series.values[np.searchsorted(series.epochs, epoch, side="right") - 1]))


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
    compared: dict[str, Comparison]


class SparklineSvg(msgspec.Struct, frozen=True, kw_only=True):
    """Loss of a run by epoch in a box of `markup.WIDTH` x `markup.HEIGHT` pixels."""

    paths: dict[str, str]  # of SVG, by split
    best: tuple[float, float] | None  # position of the best epoch
    onset: tuple[float, float] | None  # first and last x of the onset's interval


class TrialRow(msgspec.Struct, frozen=True, kw_only=True):
    """A run with its finished trials by seed; none while the first seed is training."""

    run: str
    group: str
    trials: tuple[TrialSummary, ...]
    epochs: int
    sparkline: SparklineSvg | None
    kept: bool

    @property
    def first(self) -> TrialSummary | None:
        """The trial of the first seed, whose verdict and curves the row shows."""
        return self.trials[0] if self.trials else None

    @property
    def verdict(self) -> Verdict | None:
        """The verdict of the first seed."""
        return self.first.verdict if self.first is not None else None

    @property
    def agreeing(self) -> int:
        """The number of seeds with the same verdict as the first."""
        if self.verdict is None:
            return 0
        return sum(t.verdict is not None and t.verdict.verdict == self.verdict.verdict for t in self.trials)

    @property
    def losses(self) -> list[float]:
        """Validation losses at the best epochs, by seed."""
        return [loss for trial in self.trials if (loss := trial.loss("validation")) is not None]

    @property
    def loss(self) -> float | None:
        """The mean of these losses."""
        return _mean(self.losses)

    def mean(self, metric: str) -> float | None:
        """Return the mean over seeds of a validation metric at the best epochs."""
        return _mean(trial.metrics.get("validation", {}).get(metric) for trial in self.trials)

    @property
    def gap(self) -> float | None:
        """Validation minus training loss at the best epochs, as mean over seeds."""
        return _mean(trial.gap for trial in self.trials)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Everything on the page of one study.

    Attributes:
        plan: The plan as TOML; empty if it is not known.
        rows: A row of the trials' table for each run.
        groups: The runs of each group of charts; ALL has every run if there are several groups.
        curves: Curves by run, of its first finished seed, or of its first seed while none is finished.
        values: The numbers in the curves at a few epochs.
        under_way: Whether trials are still training.
        running: These trials, if their progress is known.
        compiling: Run and seed of each trial that has no epoch yet, because its model is being compiled.
    """

    summary: StudySummary
    plan: str
    rows: tuple[TrialRow, ...]
    groups: dict[str, tuple[GroupMember, ...]]
    curves: dict[str, RunCurves]
    values: EpochTable
    under_way: bool = False
    running: tuple[RunningTrial, ...] = ()
    compiling: tuple[tuple[str, int], ...] = ()

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
    def leaks(self) -> list[Message]:
        """What hints at a leak of the target."""
        return leak_messages(self.summary)

    @property
    def story(self) -> list[Message]:
        """What sizes and regularisers change, in a sentence each."""
        return story_messages(self.summary)

    @property
    def metrics(self) -> list[str]:
        """The metrics that the runs logged, in the order of the runs."""
        return list(dict.fromkeys(metric for curves in self.curves.values() for metric in curves.metrics))

    @property
    def ranked_runs(self) -> list[RankedRun]:
        """The runs that were compared, the best first."""
        compared: dict[str, dict[str, Comparison]] = {}
        for comparison in self.summary.comparisons:
            compared.setdefault(comparison.a, {})[comparison.metric] = comparison
        return [
            RankedRun(run=rank.run, loss=rank.loss, group=rank.group, compared=compared.get(rank.run, {}))
            for rank in self.summary.ranks
        ]


def study_page(
    summary: StudySummary, histories: Sequence[History], plan: str = "", *, under_way: bool = False
) -> Page:
    """Return the page of a study; `histories` are as logged, and a run without a trial still trains."""
    trials: dict[str, list[TrialSummary]] = {}
    for trial in sorted(summary.trials, key=lambda trial: trial.seed):  # a stable sort: the plan's order stays
        trials.setdefault(trial.run, []).append(trial)
    histories = [history.counted_from_one() for history in histories]
    runs = dict.fromkeys([*trials, *(history.run for history in histories)])
    first = {run: trials[run][0] if run in trials else None for run in runs}
    drawn = _drawn(histories, first)
    kept = summary.recommendation.run if summary.recommendation is not None else None
    rows = (
        TrialRow(
            run=run,
            group=group_and_label(run)[0],
            trials=tuple(trials.get(run, ())),
            epochs=drawn[run].epochs if run in drawn else 0,
            sparkline=sparkline_svg(drawn[run], first[run]) if run in drawn else None,
            kept=run == kept,
        )
        for run in runs
    )
    return Page(
        summary=summary,
        plan=plan,
        rows=tuple(rows),
        groups=_groups({run: first[run] for run in drawn}),
        curves={run: run_curves(history, first[run]) for run, history in drawn.items()},
        values=epoch_table(list(drawn.values())),
        under_way=under_way,
    )


def _drawn(histories: Sequence[History], first: Mapping[str, TrialSummary | None]) -> dict[str, History]:
    """Return one history for each run: of its first finished trial, or of its first seed while none is finished."""
    found: dict[str, History] = {}
    for history in sorted(histories, key=lambda history: history.seed, reverse=True):
        trial = first[history.run]
        if trial is None or history.seed == trial.seed:
            found[history.run] = history
    return {run: found[run] for run in first if run in found}


def _groups(first: Mapping[str, TrialSummary | None]) -> dict[str, tuple[GroupMember, ...]]:
    """Return the runs by group; a trial may be shown in several groups."""
    found: dict[str, list[GroupMember]] = {}
    for run, trial in first.items():
        for name in (run, *(trial.aliases if trial is not None else ())):
            group, label = group_and_label(name)
            found.setdefault(group, []).append(GroupMember(run, label))
    if len(found) > 1:
        found[ALL] = [GroupMember(run, run) for run in first]
    return {group: tuple(shown) for group, shown in found.items()}


def sparkline_svg(history: History, trial: TrialSummary | None) -> SparklineSvg | None:
    """Return a small picture of a run's curves, best epoch and onset; None without two validation values."""
    metric = history.main_metric
    key = ("validation", metric)
    if key not in history:
        return None
    series, training = history[key], history.training(metric)
    drawn = np.abs(series.values) < LARGEST_DRAWABLE
    if drawn.sum() < 2:
        return None
    picture = sparkline_paths(({"train": training.values} if training else {}) | {"validation": series.values})
    first, last = series.epochs[0], series.epochs[-1]

    def x(epoch: float) -> float:
        return round(picture.x(float((epoch - first) / (last - first))), 1)

    best, onset = best_and_onset(trial)
    lowest = 0.0 if best is None else float(np.interp(best, series.epochs[drawn], series.values[drawn]))
    return SparklineSvg(
        paths=dict(picture.paths),
        best=None if best is None else (x(best), round(picture.y(lowest), 1)),
        onset=None if onset is None else (x(onset[0]), x(onset[1])),
    )

"""What the page of a study shows, as one typed value that `gengap.report.html` renders.

summary + histories + plan -> Page

It does not depend on a language: the templates add the texts.

Curves are thinned and rounded, so that the file stays small. A long series is divided into parts, and the page
smooths and reads their means: the mean of means is exact, a choice of values is not. The start is kept whole,
because a logarithmic axis shows it large, and so is the end. The value at the best epoch is stored too. The faint
unsmoothed line keeps the lowest and the highest value of every part, so that no peak is lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from gengap.analysis.summary import CLEAN, RunningTrial, StudySummary, TrialSummary
from gengap.diagnose.verdict import Verdict
from gengap.history import History, Series
from gengap.plan import ROWS, group_and_label
from gengap.report.conclusions import story_messages
from gengap.stats.comparison import Comparison
from gengap.tasks import ALL_TASKS
from gengap.text.catalog import Message
from gengap.text.markup import LARGEST_DRAWABLE, sparkline_paths

THINNING_LENGTH = 2_000  # values, from which on a series is cut down
MOST, WHOLE = 1_500, 200  # values that are then drawn as logged, and of its start
NARROW, PARTS = 0.01, 400  # a part spans that share of the epochs before it, or the series' share of so many parts
DIGITS = 6
TABLE_EPOCHS = 10  # epochs of the table of numbers


class PageCurve(msgspec.Struct, frozen=True, omit_defaults=True):
    """One metric of one split: `values` at `epochs`, or at 1, 2, 3, ... if `epochs` is None. None is a gap.

    In a long series, each value is the mean of `counts` logged values. Then `exact` is the best epoch with its
    value, and `logged` is the unsmoothed line of validation.
    """

    values: list[float | None]
    epochs: list[int] | None = None
    counts: list[int] | None = None
    exact: tuple[int, float] | None = None
    logged: PageCurve | None = None


class RunCurves(msgspec.Struct, frozen=True, kw_only=True):
    """Curves of one run by metric and split, with its best epoch and the interval of its onset.

    Training is measured without regularisers if that was logged, so that it can be compared with validation.
    """

    seed: int
    epochs: int
    best: int | None
    onset: tuple[int, int] | None
    metrics: dict[str, dict[str, PageCurve]]


def run_curves(history: History, trial: TrialSummary | None) -> RunCurves:
    """Return the curves of a history whose epochs count from 1, with the best epoch and onset of its trial."""
    best, onset = _best_and_onset(trial)
    found: dict[str, dict[str, PageCurve]] = {}
    for metric in metrics_of(history):
        keys = {"train": history.training_key(metric), "validation": ("validation", metric)}
        found[metric] = {split: _curve(history[key], best, split) for split, key in keys.items() if key in history}
    return RunCurves(seed=history.seed, epochs=history.epochs, best=best, onset=onset, metrics=found)


def _best_and_onset(trial: TrialSummary | None) -> tuple[int | None, tuple[int, int] | None]:
    if trial is None:
        return None, None
    return trial.best_epoch, trial.verdict.onset_interval if trial.verdict is not None else None


def metrics_of(history: History) -> list[str]:
    """Return the metrics that were logged, the most important first, without the prefix `clean_`."""
    logged = dict.fromkeys(metric.removeprefix(CLEAN) for _, metric in history.series)
    first = dict.fromkeys(metric for task in ALL_TASKS for metric in task.shown if metric in logged)
    return list(first | logged)


def _curve(series: Series, best: int | None, split: str) -> PageCurve:
    if len(series) <= THINNING_LENGTH:
        return _as_logged(series)
    starts = part_starts(len(series))
    known = np.abs(series.values) < LARGEST_DRAWABLE
    counts = np.add.reduceat(known, starts, dtype=int)
    totals = np.add.reduceat(np.where(known, series.values, 0.0), starts)
    means = np.divide(totals, counts, out=np.full(len(starts), np.nan), where=counts > 0)
    epochs = np.add.reduceat(series.epochs, starts) / np.diff(starts, append=len(series))
    at = thinned_positions(series, best)
    return PageCurve(
        [rounded(value) for value in means.tolist()],
        np.round(epochs).astype(int).tolist(),
        counts.tolist(),
        _exact(series, best),
        _as_logged(Series(series.epochs[at], series.values[at])) if split == "validation" else None,
    )


def _as_logged(series: Series) -> PageCurve:
    counted = (series.epochs == np.arange(1, len(series) + 1)).all()
    values = [rounded(value) for value in series.values.tolist()]
    return PageCurve(values, None if counted else series.epochs.tolist())


def _exact(series: Series, best: int | None) -> tuple[int, float] | None:
    found = [rounded(value) for value in series.values[series.epochs == best].tolist()]
    return (best, found[0]) if best is not None and found and found[0] is not None else None


def part_starts(count: int) -> np.ndarray:
    """Return where the parts of a series start: single values at its start and end, and wider parts between.

    >>> np.diff(part_starts(10_000))[[0, 99, 200, -2, -1]].tolist()
    [1, 2, 3, 25, 10]
    """
    place = np.arange(1, count)
    begun = np.minimum(1.0, np.maximum(1 / (NARROW * place), PARTS / count))  # how much of a part each value is
    return np.append(np.flatnonzero(np.diff(np.floor(np.cumsum(begun) + 1e-9), prepend=0) > 0), count - 1)


def rounded(value: float) -> float | None:
    """Round to six digits; return None for a value that can't be drawn.

    >>> rounded(0.123456789), rounded(float("nan"))
    (0.123457, None)
    """
    return float(f"{value:.{DIGITS}g}") if abs(value) < LARGEST_DRAWABLE else None


def thinned_positions(series: Series, best: int | None, most: int = MOST) -> np.ndarray:
    """Return the positions of a series that the unsmoothed line keeps, rising: all of a short series."""
    count = len(series)
    if count <= most:
        return np.arange(count)
    whole = min(WHOLE, most // 2)
    chosen = [*range(whole), count - 1, *np.flatnonzero(series.epochs == best).tolist()]
    for part in np.array_split(np.arange(whole, count), (most - whole) // 2 - 1):
        drawn = part[np.abs(series.values[part]) < LARGEST_DRAWABLE]
        ends = [drawn[series.values[drawn].argmin()], drawn[series.values[drawn].argmax()]] if len(drawn) else []
        chosen += ends or [part[0]]  # a gap stays one
    return np.unique(chosen)


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
        return float(np.mean(self.losses)) if self.losses else None

    def mean(self, metric: str) -> float | None:
        """Return the mean over seeds of a validation metric at the best epochs."""
        found = [
            each for trial in self.trials if (each := trial.metrics.get("validation", {}).get(metric)) is not None
        ]
        return float(np.mean(found)) if found else None

    @property
    def gap(self) -> float | None:
        """Validation minus training loss at the best epochs, as mean over seeds."""
        gaps = [trial.gap for trial in self.trials if trial.gap is not None]
        return float(np.mean(gaps)) if gaps else None


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

    best, onset = _best_and_onset(trial)
    lowest = 0.0 if best is None else float(np.interp(best, series.epochs[drawn], series.values[drawn]))
    return SparklineSvg(
        paths=dict(picture.paths),
        best=None if best is None else (x(best), round(picture.y(lowest), 1)),
        onset=None if onset is None else (x(onset[0]), x(onset[1])),
    )

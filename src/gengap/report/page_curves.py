"""The curves of a study's page: thinned and rounded, so that the file stays small.

A long series is divided into parts, and the page smooths and reads their means: the mean of means is exact, a
choice of values is not. The start is kept whole, because a logarithmic axis shows it large, and so is the end. The
value at the best epoch is stored too. The faint unsmoothed line keeps the lowest and the highest value of every
part, so that no peak is lost.
"""

from __future__ import annotations

import msgspec
import numpy as np

from gengap.analysis.summary import CLEAN, TrialSummary
from gengap.history import History, Series
from gengap.tasks import ALL_TASKS
from gengap.text.markup import LARGEST_DRAWABLE

THINNING_LENGTH = 2_000  # values, from which on a series is cut down
MOST, WHOLE = 1_500, 200  # values that are then drawn as logged, and of its start
NARROW, PARTS = 0.01, 400  # a part spans that share of the epochs before it, or the series' share of so many parts
DIGITS = 6


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
    best, onset = best_and_onset(trial)
    found: dict[str, dict[str, PageCurve]] = {}
    for metric in metrics_of(history):
        keys = {"train": history.training_key(metric), "validation": ("validation", metric)}
        found[metric] = {split: _curve(history[key], best, split) for split, key in keys.items() if key in history}
    return RunCurves(seed=history.seed, epochs=history.epochs, best=best, onset=onset, metrics=found)


def best_and_onset(trial: TrialSummary | None) -> tuple[int | None, tuple[int, int] | None]:
    """Return a trial's best epoch and the interval of its onset; None for what it has not."""
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


def thinned_positions(series: Series, best: int | None) -> np.ndarray:
    """Return the positions of a long series that the unsmoothed line keeps, rising."""
    count = len(series)
    chosen = [*range(WHOLE), count - 1, *np.flatnonzero(series.epochs == best).tolist()]
    for part in np.array_split(np.arange(WHOLE, count), (MOST - WHOLE) // 2 - 1):
        drawn = part[np.abs(series.values[part]) < LARGEST_DRAWABLE]
        ends = [drawn[series.values[drawn].argmin()], drawn[series.values[drawn].argmax()]] if len(drawn) else []
        chosen += ends or [part[0]]  # a gap stays one
    return np.unique(chosen)

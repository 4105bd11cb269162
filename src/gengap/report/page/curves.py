"""The curves on the page: thinned and rounded, so that the file stays small whatever was logged.

A long series keeps its start whole, since a logarithmic axis shows it large, and of every later part the lowest and
the highest value, so that no peak is lost; besides its end and the best epoch.
"""

from __future__ import annotations

import msgspec
import numpy as np

from gengap.history import History, Series
from gengap.report.summary import CLEAN, SHOWN, TrialSummary

MOST, WHOLE = 2_000, 200  # values kept of a series, and of its start
HUGE = 1e100  # larger values leave gaps, as infinities do
DIGITS = 6


class Curve(msgspec.Struct, frozen=True, omit_defaults=True):
    """One metric of one split: `values` at `epochs`, or at 0, 1, 2, ... where those are left out. None is a gap."""

    values: list[float | None]
    epochs: list[int] | None = None


class RunCurves(msgspec.Struct, frozen=True, kw_only=True):
    """One run's curves by metric and split, its best epoch and the interval of its onset.

    Training is measured with the regularisers off where that was logged, since only that compares with validation.
    """

    seed: int
    epochs: int
    best: int | None
    onset: tuple[int, int] | None
    metrics: dict[str, dict[str, Curve]]


def curves_of_run(history: History, trial: TrialSummary | None) -> RunCurves:
    """The page's curves of one history, with what its trial's verdict marks on them."""
    best = trial.best_epoch if trial is not None else None
    verdict = trial.verdict if trial is not None else None
    found: dict[str, dict[str, Curve]] = {}
    for metric in metrics_of(history):
        keys = {"train": history.training_key(metric), "validation": ("validation", metric)}
        found[metric] = {split: _curve(history[key], best) for split, key in keys.items() if key in history}
    return RunCurves(
        seed=history.seed,
        epochs=history.epochs,
        best=best,
        onset=verdict.onset_interval if verdict is not None else None,
        metrics=found,
    )


def metrics_of(history: History) -> list[str]:
    """What was logged, the metrics that every report shows first; clean ones go by their plain names."""
    logged = dict.fromkeys(metric.removeprefix(CLEAN) for _, metric in history.series)
    return [*(metric for metric in SHOWN if metric in logged), *(m for m in logged if m not in SHOWN)]


def _curve(series: Series, best: int | None) -> Curve:
    at = thinned(series, best)
    epochs = series.epochs[at]
    values = [rounded(value) for value in series.values[at].tolist()]
    return Curve(values, None if (epochs == np.arange(len(epochs))).all() else epochs.tolist())


def rounded(value: float) -> float | None:
    """`value` to six digits; None if it can't be drawn.

    >>> rounded(0.123456789), rounded(float("nan"))
    (0.123457, None)
    """
    return float(f"{value:.{DIGITS}g}") if abs(value) < HUGE else None


def thinned(series: Series, best: int | None, most: int = MOST) -> np.ndarray:
    """Which positions of a series to keep, rising: all of a short one."""
    count = len(series)
    if count <= most:
        return np.arange(count)
    whole = min(WHOLE, most // 2)
    chosen = [*range(whole), count - 1, *np.flatnonzero(series.epochs == best).tolist()]
    for part in np.array_split(np.arange(whole, count), (most - whole) // 2 - 1):
        drawn = part[np.abs(series.values[part]) < HUGE]
        ends = [drawn[series.values[drawn].argmin()], drawn[series.values[drawn].argmax()]] if len(drawn) else []
        chosen += ends or [part[0]]  # a gap stays one
    return np.unique(chosen)

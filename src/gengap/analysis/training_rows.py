"""Would more training rows help: the best model's learning curve over nested parts of the rows, carried on."""

from __future__ import annotations

import numpy as np

from gengap.analysis.growth import best_run
from gengap.analysis.recommend import NextStep
from gengap.analysis.results import TrialResults
from gengap.plan import ROWS
from gengap.stats.learning_curve import LearningCurve, LearningCurveForecast, cross_fit_rows, extrapolate

TIMES = (2.0, 4.0, 10.0)


def judge_training_rows(outcomes: TrialResults, train_rows: int) -> LearningCurveForecast | None:
    """The learning curve and what twice, four and ten times the rows would bring; None if no part was trained on.

    Each row's loss is taken at the epoch that other rows pick, so that picking makes no size look better.
    """
    best = best_run(outcomes)
    parts = sorted((run for run in outcomes.runs if run.split("/")[0] == ROWS), key=lambda r: int(r.split("/")[1]))
    if best is None or not parts:
        return None
    sizes = np.array([*(int(run.split("/")[1]) for run in parts), train_rows])
    losses = [_by_seed(outcomes, run) for run in (*parts, best)]
    return extrapolate(LearningCurve(sizes, losses), TIMES)


def next_step(found: LearningCurveForecast | None) -> NextStep | None:
    """Twice the rows as something to try, where that can be told."""
    first = found.forecasts[0] if found is not None else None
    if first is None or first.better_percent is None or first.better_percent[1] <= 0:
        return None
    return NextStep(text=f"train on more rows: {first.text}", gain_percent=first.better_percent[1])


def _by_seed(outcomes: TrialResults, run: str) -> np.ndarray:
    return np.stack([cross_fit_rows(outcomes.lines(run, seed)) for seed in outcomes.seeds(run)])

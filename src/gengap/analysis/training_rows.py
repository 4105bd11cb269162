"""Would more training rows help: the best model's learning curve over nested parts of the rows, carried on."""

from __future__ import annotations

import numpy as np

from gengap.analysis.growth import best_run
from gengap.analysis.recommend import NextStep
from gengap.analysis.results import TrialResults
from gengap.plan import ROWS
from gengap.stats.learning_curve import LearningCurve, LearningCurveForecast, cross_fit_rows, extrapolate
from gengap.text.catalog import Message

TIMES = (2.0, 4.0, 10.0)


def judge_training_rows(outcomes: TrialResults, train_rows: int) -> LearningCurveForecast | None:
    """The learning curve and what twice, four and ten times the rows would bring; None if no part was trained on.

    Each row's loss is taken at the epoch that other rows pick, so that picking makes no size look better.
    """
    best = best_run(outcomes)
    parts = [run for run in outcomes.runs if outcomes.trials[run].group == ROWS]
    if best is None or not parts:
        return None
    rows = {run: round(outcomes.trials[run].share * train_rows) for run in (*parts, best)}
    order = sorted(rows, key=lambda run: rows[run])
    losses = [_losses_by_seed(outcomes, run) for run in order]
    return extrapolate(LearningCurve(np.array([rows[run] for run in order]), losses), TIMES)


def next_step(found: LearningCurveForecast | None) -> NextStep | None:
    """Twice the rows as something to try, if the curve shows what they would bring."""
    first = found.forecasts[0] if found is not None else None
    if first is None or first.loss is None or first.better_percent is None or first.better_percent[1] <= 0:
        return None
    finding = Message("next-more-rows", {"times": first.times, "rows": first.rows, "loss": list(first.loss)})
    return NextStep(finding=finding, gain_percent=first.better_percent[1])


def _losses_by_seed(outcomes: TrialResults, run: str) -> np.ndarray:
    return np.stack([cross_fit_rows(outcomes.lines(run, seed)) for seed in outcomes.seeds(run)])

"""Would more training rows help? The learning curve of the best model, extended beyond the rows there are."""

from __future__ import annotations

import numpy as np

from gengap.analysis.growth import best_run
from gengap.analysis.recommend import NextStep
from gengap.analysis.results import TrialResults
from gengap.plan import ROWS
from gengap.stats.learning_curve import LearningCurve, LearningCurveForecast, cross_fit_rows, extrapolate
from gengap.text.catalog import Message

TIMES = (2.0, 4.0, 10.0)


def analyse_training_rows(results: TrialResults, train_rows: int) -> LearningCurveForecast | None:
    """Return the learning curve and forecasts for more rows; None if no run was trained on a part of the rows.

    The loss of a row is taken at the epoch that other rows choose, so that the choice makes no size look better.
    """
    best = best_run(results)
    parts = [run for run in results.runs if results.trials[run].group == ROWS]
    if best is None or not parts:
        return None
    rows = {run: round(results.trials[run].share * train_rows) for run in (*parts, best)}
    order = sorted(rows, key=lambda run: rows[run])
    losses = [_losses_by_seed(results, run) for run in order]
    return extrapolate(LearningCurve(np.array([rows[run] for run in order]), losses), TIMES)


def next_step(found: LearningCurveForecast | None) -> NextStep | None:
    """Return twice the rows as something to try, if their gain is known."""
    first = found.forecasts[0] if found is not None else None
    if first is None or first.loss is None or first.better_percent is None or first.better_percent[1] <= 0:
        return None
    finding = Message("next-more-rows", {"times": first.times, "rows": first.rows, "loss": list(first.loss)})
    return NextStep(finding=finding, gain_percent=first.better_percent[1])


def _losses_by_seed(results: TrialResults, run: str) -> np.ndarray:
    return np.stack([cross_fit_rows(results.epoch_losses(run, seed)) for seed in results.seeds(run)])

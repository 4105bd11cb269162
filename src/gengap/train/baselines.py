"""Baselines: a linear model and boosted trees by scikit-learn, on the same rows as the networks.

If every network is worse than these, the networks underfit, whatever their own curves look like.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np

from gengap.data.rows import Rows
from gengap.files.limits import usable_cores
from gengap.tasks import AnyTask

LINEAR, TREES = "baselines/linear", "baselines/trees"
LEAST_LOG = -27.6  # the logarithm of 1e-12: no class has the probability 0
EARLY_STOPPING_ROWS = 100  # training rows from which on a tenth may be held out to stop early
AUTO_ROWS = 10_000  # training rows above which scikit-learn's default stops early
ONE_THREAD_CELLS = 5_000_000  # training values below which more threads of boosted trees gain nothing


@dataclass(frozen=True, eq=False)
class Baseline:
    """A fitted baseline. `outputs(x)` maps features (n, columns) to outputs (n, outputs) float64."""

    run: str
    outputs: Callable[[np.ndarray], np.ndarray]
    seconds: float


def fit_baselines(train: Rows, validation: Rows, task: AnyTask, seed: int = 0) -> Iterator[Baseline]:
    """Fit both baselines on the training rows, and yield each.

    The linear one is a logistic regression, or a ridge regression for numbers, on standardised features. Boosted
    trees are fitted twice: with scikit-learn's default settings, and with early stopping on a tenth of the training
    rows. The one with the lower validation loss is the baseline. Weights of rows and classes apply as for networks.
    There are no baselines if the training rows have one class only.

    Args:
        train: Training rows.
        validation: Validation rows, which choose between the two forests.
        task: The task.
        seed: Seed of the trees.
    """
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    counts = np.unique(task.labels(train.y), return_counts=True)[1]
    if len(counts) < 2:
        return
    # A class of few rows can't be stratified into the part held out.
    enough = len(train) >= EARLY_STOPPING_ROWS and (not task.by_class or counts.min() >= 20)
    yield _fit(LINEAR, make_pipeline(StandardScaler(), _linear(task)), train, task)
    # The default stops early from AUTO_ROWS training rows on, so both would be the same.
    settings = ("auto",) if not enough or len(train) > AUTO_ROWS else ("auto", True)
    fitted = [_fit(TREES, make_pipeline(_trees(task, setting, seed)), train, task) for setting in settings]
    best = fitted[0] if len(fitted) == 1 else min(fitted, key=lambda each: _loss(each, validation, task))
    yield replace(best, seconds=sum(each.seconds for each in fitted))


def _fit(run: str, model: Any, train: Rows, task: AnyTask) -> Baseline:
    started, weights = time.perf_counter(), {f"{model.steps[-1][0]}__sample_weight": train.trained_weights}
    with bounded_openmp_threads(train.x.size):
        model.fit(train.x, task.labels(train.y), **weights)
    return Baseline(run, partial(_outputs, model, task), time.perf_counter() - started)


def _linear(task: AnyTask) -> Any:
    from sklearn.linear_model import LogisticRegression, Ridge

    return LogisticRegression(max_iter=1_000) if task.by_class else Ridge()


def _trees(task: AnyTask, early_stopping: bool | Literal["auto"], seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingClassifier if task.by_class else HistGradientBoostingRegressor
    return kind(early_stopping=early_stopping, random_state=seed)  # pyright: ignore[reportArgumentType]


def _loss(baseline: Baseline, rows: Rows, task: AnyTask) -> float:
    return float(np.average(task.row_losses(baseline.outputs(rows.x), rows.y), weights=rows.weights))


@contextlib.contextmanager
def bounded_openmp_threads(cells: int) -> Iterator[None]:
    """Limit the threads of boosted trees: one for tables of few cells, else one core stays free.

    OpenMP's threads spin while they wait for each other. If another program uses one of their cores, 7,000 rows of
    28 features take 19 seconds with two threads and 0.6 with one.
    """
    from threadpoolctl import threadpool_limits

    threads = 1 if cells < ONE_THREAD_CELLS else max(usable_cores() - 1, 1)
    with threadpool_limits(threads, user_api="openmp"):
        yield


def _outputs(model: Any, task: AnyTask, x: np.ndarray) -> np.ndarray:
    with bounded_openmp_threads(x.size):
        if not task.by_class:
            return model.predict(x)[:, None]
        if task.outputs == 1:
            return model.decision_function(x)[:, None]
        logs = np.full((len(x), task.outputs), LEAST_LOG)  # a class that no training row has
        logs[:, model.classes_] = np.log(np.maximum(model.predict_proba(x), np.exp(LEAST_LOG)))
        return logs

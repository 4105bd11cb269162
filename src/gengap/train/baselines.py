"""Baselines: a linear model and boosted trees by scikit-learn, on the same rows as the networks.

If every network is worse than these, the networks underfit, whatever their own curves look like.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from gengap.data.rows import Rows
from gengap.tasks import AnyTask

LINEAR, TREES = "baselines/linear", "baselines/trees"
LEAST_LOG = -27.6  # the logarithm of 1e-12: no class has the probability 0


@dataclass(frozen=True, eq=False)
class Baseline:
    """A fitted baseline. `outputs(x)` maps features (n, columns) to outputs (n, outputs) float64."""

    run: str
    outputs: Callable[[np.ndarray], np.ndarray]
    seconds: float


def fit_baselines(train: Rows, task: AnyTask, seed: int = 0) -> Iterator[Baseline]:
    """Fit both baselines on the training rows alone, and yield each.

    The linear one is a logistic regression, or a ridge regression for numbers, on standardised features. The
    boosted trees have scikit-learn's default settings and stop early on a tenth of the training rows: they never
    see validation rows. Weights of rows and classes apply as for networks. There are no baselines if the training
    rows have one class only.
    """
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    y, weights = task.labels(train.y), train.trained_weights
    _, counts = np.unique(y, return_counts=True)
    if len(counts) < 2:
        return
    # A class of few rows can't be stratified into the part held out.
    enough = len(y) >= 100 and (not task.by_class or counts.min() >= 20)
    linear, trees = _classifiers(enough, seed) if task.by_class else _regressors(enough, seed)
    for run, model in ((LINEAR, make_pipeline(StandardScaler(), linear)), (TREES, make_pipeline(trees))):
        started = time.perf_counter()
        model.fit(train.x, y, **{f"{model.steps[-1][0]}__sample_weight": weights})
        yield Baseline(run, partial(_outputs, model, task), time.perf_counter() - started)


def _classifiers(early_stopping: bool, seed: int) -> tuple[Any, Any]:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    trees = HistGradientBoostingClassifier(early_stopping=early_stopping, random_state=seed)
    return LogisticRegression(max_iter=1_000), trees


def _regressors(early_stopping: bool, seed: int) -> tuple[Any, Any]:
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import Ridge

    return Ridge(), HistGradientBoostingRegressor(early_stopping=early_stopping, random_state=seed)


def _outputs(model: Any, task: AnyTask, x: np.ndarray) -> np.ndarray:
    if not task.by_class:
        return model.predict(x)[:, None]
    if task.outputs == 1:
        return model.decision_function(x)[:, None]
    logs = np.full((len(x), task.outputs), LEAST_LOG)  # a class that no training row has
    logs[:, model.classes_] = np.log(np.maximum(model.predict_proba(x), np.exp(LEAST_LOG)))
    return logs

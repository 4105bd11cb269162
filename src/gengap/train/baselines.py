"""What stands beside the networks: a linear model and boosted trees, by scikit-learn, on the same rows.

If every network is worse than these, the networks underfit, whatever their own curves say.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from gengap.data.rows import Rows

LINEAR, TREES = "baselines/linear", "baselines/trees"


@dataclass(frozen=True, eq=False)
class Baseline:
    """A fitted baseline. `logits(x)` maps features (n, columns) to log-odds of label 1, (n,) float64."""

    run: str
    logits: Callable[[np.ndarray], np.ndarray]
    seconds: float


def fit_baselines(train: Rows, seed: int = 0) -> Iterator[Baseline]:
    """Both baselines, fitted on the training rows of a binary task alone.

    The linear one is a logistic regression on standardised features. The boosted trees have scikit-learn's default
    settings and stop early on a tenth of the training rows that they hold out themselves: validation rows stay
    unseen. None at all where the training rows have one class.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    y = train.y.reshape(-1)
    if len(np.unique(y)) < 2:
        return
    held_out = len(y) >= 100 and np.unique(y, return_counts=True)[1].min() >= 20  # else it can't be stratified
    models: dict[str, Any] = {
        LINEAR: make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000)),
        TREES: HistGradientBoostingClassifier(early_stopping=bool(held_out), random_state=seed),
    }
    for run, model in models.items():
        started = time.perf_counter()
        model.fit(train.x, y)
        yield Baseline(run, model.decision_function, time.perf_counter() - started)

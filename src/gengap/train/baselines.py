"""Baselines: a linear model and trees by scikit-learn, and CatBoost's if it is installed, on the networks' rows.

If every network is worse than these, the networks underfit, whatever their own curves look like.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np

from gengap.data.rows import Rows
from gengap.models.saved_baseline import baseline_outputs, bounded_openmp_threads
from gengap.tasks import AnyTask

LINEAR, TREES, EXTRA_TREES = "baselines/linear", "baselines/trees", "baselines/extra-trees"
CATBOOST = "baselines/catboost"
EARLY_STOPPING_ROWS = 100  # training rows from which on a tenth may be held out to stop early
AUTO_ROWS = 10_000  # training rows above which scikit-learn's default stops early
MANY_TREES_ROWS = 50_000  # training rows up to which many small trees, CatBoost's and extra trees are fitted too
# Chosen on six public tables (`benchmarks.holdout_tables.FIRST`): on small tables small trees have lower losses.
_SMALL = {"max_iter": 300, "max_features": 0.5, "l2_regularization": 1.0}
SMALL_TREES: tuple[dict[str, Any], ...] = (
    {**_SMALL, "max_leaf_nodes": 8, "min_samples_leaf": 5},
    {**_SMALL, "max_leaf_nodes": 4, "min_samples_leaf": 10},
)
_SLOW = {**_SMALL, "max_iter": 600, "learning_rate": 0.05, "max_features": 0.3, "min_samples_leaf": 5}
SLOW_TREES: tuple[dict[str, Any], ...] = ({**_SLOW, "max_leaf_nodes": 8}, {**_SLOW, "max_leaf_nodes": 16})
PENALTIES = tuple(10.0**power for power in range(-2, 5))  # of the ridge regression
CATBOOST_TREES = 1_000  # its default
CATBOOST_OUTPUTS = 4_000  # trees times outputs at most: each tree has leaves for every class
HALVINGS = 6  # numbers of its trees that are tried, each half of the one before
EXTRA = {"n_estimators": 100, "min_samples_leaf": 2, "max_features": 0.5}


@dataclass(frozen=True, eq=False)
class Baseline:
    """A fitted baseline.

    Attributes:
        outputs: Maps features (n, columns) to outputs (n, outputs) float64.
        model: The fitted scikit-learn pipeline, which can be saved; None if there is none.
    """

    run: str
    outputs: Callable[[np.ndarray], np.ndarray]
    seconds: float
    model: Any = None


def fit_baselines(
    train: Rows,
    validation: Rows,
    task: AnyTask,
    seed: int = 0,
    has_time: Callable[[float], bool] = lambda _: True,
    *,
    thorough: bool = False,
) -> Iterator[Baseline]:
    """Fit the baselines on the training rows, and yield each.

    The linear one is a logistic regression on standardised features. For numbers it is a ridge regression, whose
    penalty generalised cross-validation chooses (Golub, Heath & Wahba 1979, Technometrics 21, section 2). Boosted
    trees are fitted with scikit-learn's default settings, with early stopping on a tenth of the training rows, and
    as many small trees. Those with the lowest validation loss are the baseline. A thorough fit adds settings that
    learn slowly, CatBoost's trees if it is installed, and extra trees (Geurts, Ernst & Wehenkel 2006, "Extremely
    randomized trees"): they err elsewhere than boosted trees, so the mean of both is often better. Weights of rows
    and classes apply as for networks. There are no baselines if the training rows have one class only. The
    `validation` rows choose the settings of the trees. `has_time` tells whether further settings may be fitted that
    take about as many seconds.
    """
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    counts = np.unique(task.labels(train.y), return_counts=True)[1]
    if len(counts) < 2:
        return
    yield _fit(LINEAR, make_pipeline(StandardScaler(), _linear(task, train)), train, task)
    # A class of few rows can't be stratified into the part held out.
    enough = len(train) >= EARLY_STOPPING_ROWS and (not task.by_class or counts.min() >= 20)
    settings: list[dict[str, Any]] = [{}]
    if enough and len(train) <= AUTO_ROWS:  # with more rows the default stops early itself
        settings.append({"early_stopping": True})
    if len(train) <= MANY_TREES_ROWS:
        settings += SMALL_TREES + (SLOW_TREES if thorough else ())
    fitted: list[Baseline] = []
    for each in settings:
        if fitted and not has_time(max(one.seconds for one in fitted)):
            break
        fitted.append(_fit(TREES, make_pipeline(_trees("HistGradientBoosting", task, each, seed)), train, task))
    yield replace(_best(fitted, validation, task), seconds=sum(each.seconds for each in fitted))
    longest = max(one.seconds for one in fitted)
    if not thorough or len(train) > MANY_TREES_ROWS:
        return
    if has_catboost() and has_time(longest):
        yield _fit_catboost(train, validation, task, seed, has_time)
    if has_time(longest):
        yield _fit(EXTRA_TREES, make_pipeline(_trees("ExtraTrees", task, EXTRA, seed)), train, task)


def _fit_catboost(
    train: Rows, validation: Rows, task: AnyTask, seed: int, has_time: Callable[[float], bool]
) -> Baseline:
    """Return the number of CatBoost's trees with the lowest validation loss.

    A few trees show how long more of them would take. If there is no time for more, they are the answer.
    """
    from sklearn.pipeline import make_pipeline

    from gengap.models.oblivious_trees import ObliviousTrees

    def fit(trees: int) -> Baseline:
        return _fit(CATBOOST, make_pipeline(ObliviousTrees(task.by_class, trees, random_state=seed)), train, task)

    most = min(CATBOOST_TREES, max(CATBOOST_OUTPUTS // task.outputs, 1))
    counts = [max(most >> halvings, 1) for halvings in range(HALVINGS)]
    few = fit(counts[-1])
    fitted = [few]
    most = next((each for each in counts[:-1] if has_time(few.seconds * each / counts[-1])), counts[-1])
    if most > counts[-1]:
        fitted.append(fit(most))
    models = [make_pipeline(fitted[-1].model.steps[-1][1].first(each)) for each in counts if each <= most]
    seconds = sum(each.seconds for each in fitted)
    found = [Baseline(CATBOOST, partial(baseline_outputs, each, task), seconds, each) for each in models]
    return _best(found, validation, task)


def has_catboost() -> bool:
    """Return whether CatBoost is installed."""
    return find_spec("catboost") is not None


def refit(baseline: Baseline, train: Rows, task: AnyTask) -> Baseline:
    """Fit a baseline with the same settings on other rows."""
    from sklearn.base import clone

    return _fit(baseline.run, clone(baseline.model), train, task)


def _fit(run: str, model: Any, train: Rows, task: AnyTask) -> Baseline:
    started, weights = time.perf_counter(), {f"{model.steps[-1][0]}__sample_weight": train.trained_weights}
    with bounded_openmp_threads(train.x.size):
        model.fit(train.x, task.labels(train.y), **weights)
    return Baseline(run, partial(baseline_outputs, model, task), time.perf_counter() - started, model)


def _linear(task: AnyTask, train: Rows) -> Any:
    from sklearn.linear_model import LogisticRegression, Ridge, RidgeCV
    from sklearn.preprocessing import StandardScaler

    if task.by_class:
        return LogisticRegression(max_iter=1_000)
    x = StandardScaler().fit_transform(train.x)
    found = RidgeCV(PENALTIES).fit(x, task.labels(train.y), sample_weight=train.trained_weights)
    return Ridge(float(found.alpha_))


def _trees(kind: str, task: AnyTask, settings: Mapping[str, Any], seed: int) -> Any:
    """Return scikit-learn's ensemble of a kind, such as "ExtraTrees", for the task."""
    from sklearn import ensemble

    name = f"{kind}{'Classifier' if task.by_class else 'Regressor'}"
    return getattr(ensemble, name)(**settings, random_state=seed)


def _best(fitted: Sequence[Baseline], rows: Rows, task: AnyTask) -> Baseline:
    """Return the baseline with the lowest mean loss on the rows."""

    def loss(each: Baseline) -> float:
        return float(np.average(task.row_losses(each.outputs(rows.x), rows.y), weights=rows.weights))

    return fitted[0] if len(fitted) == 1 else min(fitted, key=loss)

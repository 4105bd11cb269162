"""CatBoost as a baseline: the arrays predict what CatBoost itself predicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline

import gengap
from gengap.data.rows import Rows
from gengap.models.oblivious_trees import ObliviousTrees
from gengap.plan import Growth, Plan
from gengap.tasks import BINARY, AnyTask, Multiclass, Regression
from gengap.train import baselines
from gengap.train.recipe import Recipe

catboost: Any = pytest.importorskip("catboost")
TASKS: tuple[AnyTask, ...] = (BINARY, Multiclass(("a", "b", "c")), Regression())
ROWS, TREES, FEW = 400, 64, 8


def rows(task: AnyTask) -> Rows:
    random = np.random.default_rng(0)
    x = random.normal(size=(ROWS, 4)).astype(np.float32)
    value = x[:, 0] * x[:, 1] + 0.3 * random.normal(size=ROWS)
    if not task.by_class:
        return Rows(x, value.astype(np.float32))
    places = np.digitize(value, (0,) if task.outputs == 1 else (-0.5, 0.5))
    return Rows(x, task.encoded(np.array(task.classes)[places]))  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
@pytest.mark.parametrize("weights", [None, np.linspace(0.5, 2, ROWS)])
def test_arrays_predict_as_catboost_does(task: AnyTask, weights: np.ndarray | None) -> None:
    data = rows(task)
    labels = task.labels(data.y)
    kind = catboost.CatBoostClassifier if task.by_class else catboost.CatBoostRegressor
    theirs = kind(iterations=TREES, random_seed=0, thread_count=1, verbose=False, allow_writing_files=False)
    theirs.fit(data.x, labels, sample_weight=weights)
    ours = ObliviousTrees(task.by_class, TREES).fit(data.x, labels, sample_weight=weights)
    if task.by_class:
        np.testing.assert_allclose(ours.predict_proba(data.x), theirs.predict_proba(data.x), atol=1e-9)
    else:
        np.testing.assert_allclose(ours.predict(data.x), theirs.predict(data.x), rtol=1e-9, atol=1e-9)
    first = ours.first(FEW)
    again = ObliviousTrees(**first.get_params()).fit(data.x, labels, sample_weight=weights)
    np.testing.assert_allclose(again.leaves_, first.leaves_, atol=1e-9)


@pytest.fixture
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines, "has_catboost", lambda: True)
    monkeypatch.setattr(baselines, "CATBOOST_TREES", TREES)


def catboost_trees(task: AnyTask, has_time: Callable[[float], bool] = lambda _: True) -> tuple[Any, Rows, Rows]:
    """Return CatBoost's trees of a thorough fit (None if there are none), training rows and validation rows."""
    data = rows(task)
    train, validation = data.map(lambda a: a[:300]), data.map(lambda a: a[300:])
    found = baselines.fit_baselines(train, validation, task, has_time=has_time, thorough=True)
    models = {each.run: each.model for each in found}
    return models[baselines.CATBOOST].steps[-1][1] if baselines.CATBOOST in models else None, train, validation


@pytest.mark.usefixtures("few_trees")
@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_the_best_number_of_trees_is_kept(task: AnyTask) -> None:
    kept, train, validation = catboost_trees(task)
    every = ObliviousTrees(task.by_class, TREES).fit(train.x, task.labels(train.y))

    def loss(model: ObliviousTrees) -> float:
        outputs = baselines.baseline_outputs(make_pipeline(model), task, validation.x)
        return float(task.row_losses(outputs, validation.y).mean())

    losses = {count: loss(every.first(count)) for count in (64, 32, 16, 8, 4, 2)}
    assert kept.iterations == min(losses, key=lambda count: losses[count])


@pytest.mark.usefixtures("few_trees")
def test_trees_of_many_classes_are_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines, "CATBOOST_OUTPUTS", 30)
    assert catboost_trees(TASKS[1])[0].iterations <= 10


@pytest.mark.usefixtures("few_trees")
def test_trees_that_there_is_no_time_for_are_not_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines, "_fit", with_seconds(baselines._fit))  # pyright: ignore[reportPrivateUsage]
    data = rows(BINARY)
    train, validation = data.map(lambda a: a[:300]), data.map(lambda a: a[300:])
    choose = baselines._fit_catboost  # pyright: ignore[reportPrivateUsage]
    found = choose(train, validation, BINARY, 0, lambda seconds: seconds <= 16)  # a second for each tree
    assert found.seconds == 16 + 2 and found.model.steps[-1][1].iterations <= 16
    few = choose(train, validation, BINARY, 0, lambda seconds: seconds < 1)
    assert few.seconds == 2 and few.model.steps[-1][1].iterations == 2


def with_seconds(fit: Callable[..., baselines.Baseline]) -> Callable[..., baselines.Baseline]:
    """Let each tree take a second."""
    return lambda run, model, *a: replace(fit(run, model, *a), seconds=float(model.steps[-1][1].iterations))


@pytest.mark.usefixtures("few_trees")
def test_a_study_recommends_and_predicts_with_catboost(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(900, 4)), columns=list("abcd"))
    frame["y"] = np.sign(frame["a"] * frame["b"]) * (frame["c"] > 0) + 0.1 * random.normal(size=900)
    recipe = Recipe(batch=100, max_epochs=2)
    plan = Plan(name="little", trials=(), recipe=recipe, growth=Growth(sizes=((2,), (4,)), folds=2))
    found = gengap.study(frame, plan, target="y", out=tmp_path / "study")
    recommended = found.summary.recommendation
    assert recommended is not None and baselines.CATBOOST in [member.run for member in recommended.members]
    assert baselines.CATBOOST in [each.run for each in found.summary.baselines]
    assert (tmp_path / "study/models/baselines/catboost.skops").is_file()
    gengap.predict(tmp_path / "study/models/best", frame, tmp_path / "answers.csv")
    error = pd.read_csv(tmp_path / "answers.csv")["prediction"] - frame["y"]
    assert (error**2).mean() < 0.5 * frame["y"].var()

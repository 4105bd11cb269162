"""CatBoost as a baseline: the arrays predict what CatBoost itself predicts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from gengap.data.rows import Rows
from gengap.models.oblivious_trees import ObliviousTrees
from gengap.tasks import BINARY, AnyTask, Multiclass, Regression
from gengap.train import baselines

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


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_thorough_baselines_have_catboosts_best_number_of_trees(
    task: AnyTask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(baselines, "can_fit_catboost", lambda _: True)
    monkeypatch.setitem(baselines.CATBOOST_SETTINGS, "iterations", TREES)
    data = rows(task)
    train, validation = data.map(lambda a: a[:300]), data.map(lambda a: a[300:])
    found = {each.run: each for each in baselines.fit_baselines(train, validation, task, thorough=True)}
    kept = found[baselines.CATBOOST].model.steps[-1][1]

    def loss(model: ObliviousTrees) -> float:
        outputs = baselines.baseline_outputs(make_pipeline(model), task, validation.x)
        return float(task.row_losses(outputs, validation.y).mean())

    every = ObliviousTrees(task.by_class, TREES).fit(train.x, task.labels(train.y))
    losses = {count: loss(every.first(count)) for count in (64, 32, 16, 8, 4, 2)}
    assert loss(kept) == pytest.approx(min(losses.values()))
    assert not any(tmp_path.iterdir())  # CatBoost writes nothing where it is called

"""A growing plan trains the recommended model again on all rows; what to expect of it stays as validation said."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

import gengap
from gengap.analysis.recommend import ChosenModel, choose_model
from gengap.analysis.results import Member, TrialResults
from gengap.data.rows import Rows
from gengap.models.predictor import load_predictor
from gengap.plan import Growth, Plan, Recipe, Trial
from gengap.study import Study
from gengap.train.baselines import LINEAR, TREES, fit_baselines, refit
from gengap.train.jax import trainer as compiled
from gengap.train.recipe import Cosine
from gengap.train.stopping import NEVER, Stopping
from gengap.train.types import TrainConfig

pytestmark = pytest.mark.usefixtures("whole_studies")

RECIPE = Recipe(max_epochs=12, batch=64, schedule=Cosine(0.01), stopping=Stopping(patience=3))
PLAN = Plan(name="again", trials=(Trial(run="sizes/Tiny", units=(8,)),), recipe=RECIPE, growth=Growth())
X = np.random.default_rng(2).normal(size=(500, 3))
CURVED = (np.sin(3 * X[:, 0]) * X[:, 1] > 0).astype(int)
STRAIGHT = (X[:, 0] + X[:, 1] > 0).astype(int)


def rows_of(found: Study) -> Rows:
    train, validation = found.dataset.train, found.dataset.validation
    return Rows(np.concatenate([train.x, validation.x]), np.concatenate([train.y, validation.y]))


def best_outputs(found: Study, x: np.ndarray) -> np.ndarray:
    assert found.folder is not None
    raw = x * found.dataset.scale + found.dataset.mean
    return load_predictor(found.folder / "models" / "best").outputs(raw)


def alone(monkeypatch: pytest.MonkeyPatch, run: str) -> None:
    """Let studies recommend the run, and no mixture."""

    def chosen(results: TrialResults, features: int) -> ChosenModel:
        model = choose_model(results, features)
        assert model is not None
        return model._replace(run=run, seed=0, members=(Member(run, 1.0),))

    monkeypatch.setattr("gengap.analysis.choose_model", chosen)


def test_a_network_is_trained_on_all_rows_for_its_best_epochs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone(monkeypatch, "sizes/Tiny")
    found = gengap.study((X, CURVED), PLAN, validation=100, out=tmp_path)
    rows, best = rows_of(found), found.trials[0].best_epoch
    assert best is not None
    again = PLAN.trials[0].build(3, -(-500 // 64), RECIPE, 0)
    rule = Stopping(patience=NEVER, restore_best=False)
    compiled.fit(again, rows, found.dataset.validation, TrainConfig(best, 64, rule))
    outputs = best_outputs(found, rows.x[:50])
    np.testing.assert_allclose(outputs, np.asarray(again(rows.x[:50])), rtol=1e-3, atol=1e-4)
    expected = found.summary.recommendation
    assert expected is not None
    assert expected.expected.selection_loss == pytest.approx(
        found.trials[0].metrics["validation"]["binary_crossentropy"], rel=1e-4
    )
    file = tmp_path / "trials" / "sizes" / "Tiny.fold0.keras"
    before = file.read_bytes()
    gengap.study((X, CURVED), PLAN, validation=100, out=tmp_path)
    assert file.read_bytes() == before, "it is not trained again"


@pytest.mark.parametrize("run", [LINEAR, TREES])
def test_a_baseline_is_fitted_to_all_rows(run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone(monkeypatch, run)
    found = gengap.study((X, STRAIGHT), PLAN, validation=100, max_epochs=2, out=tmp_path)
    rows = rows_of(found)
    dataset = found.dataset
    theirs = {each.run: each for each in fit_baselines(dataset.train, dataset.validation, dataset.task)}
    first = theirs[run].outputs(rows.x[:50])
    again = refit(theirs[run], rows, dataset.task).outputs(rows.x[:50])
    np.testing.assert_allclose(best_outputs(found, rows.x[:50]), again, rtol=1e-3, atol=1e-4)
    assert np.abs(first - again).max() > 1e-3


def test_plans_that_do_not_grow_keep_the_model_that_was_validated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone(monkeypatch, "sizes/Tiny")
    fixed = msgspec.structs.replace(PLAN, growth=None)
    found = gengap.study((X, CURVED), fixed, validation=100, out=tmp_path)
    validation = found.dataset.validation
    losses = found.dataset.task.row_losses(best_outputs(found, validation.x), validation.y)
    logged = found.trials[0].metrics["validation"]["binary_crossentropy"]
    assert losses.mean() == pytest.approx(logged, rel=1e-4)

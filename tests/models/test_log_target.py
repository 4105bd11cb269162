"""Networks that learn the logarithm of their target, and are judged in its units."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gengap import models, predict, study
from gengap.data.rows import Rows
from gengap.errors import PlanError, UsageError
from gengap.models.backend import keras
from gengap.models.log_target import LogLink, LogLoss
from gengap.models.saved_model import export_model
from gengap.plan import Plan, Recipe, Trial
from gengap.presets import full
from gengap.tasks import BINARY, LogScale, Regression
from gengap.train import keras_loop as plain
from gengap.train.jax import trainer as compiled
from gengap.train.recipe import Constant
from gengap.train.stopping import Stopping
from gengap.train.types import TrainConfig

GENERATOR = np.random.default_rng(6)
X = GENERATOR.normal(size=(400, 3)).astype(np.float32)
Y = np.exp(3 + X[:, 0] + 0.3 * GENERATOR.normal(size=400))
TASK = Regression().standardised_by(Y, "here")
ROWS = Rows(X, TASK.encoded(Y))
LOG = (models.LogTarget(),)
PLAN = Plan(
    name="logs",
    trials=(Trial(run="logs/plain", units=(8,)), Trial(run="logs/log", units=(8,), treatments=LOG)),
    recipe=Recipe(max_epochs=30, batch=32, schedule=Constant(0.02)),
)


def logs() -> LogScale:
    assert TASK.logs is not None
    return TASK.logs


def built(seed: int = 1) -> keras.Model:
    treatments = (*LOG, models.Ensemble(2))
    return Trial(run="a/b", units=(8,), treatments=treatments).build(3, 13, PLAN.recipe, seed, TASK)


def test_only_positive_skewed_numbers_have_a_scale() -> None:
    assert LogScale.of(Y) is not None
    assert LogScale.of(Y * 1e200) is not None
    assert LogScale.of(-Y) is None
    assert LogScale.of(np.ones(4)) is None
    assert LogScale.of(np.append(Y, 0.0)) is None
    assert LogScale.of(GENERATOR.normal(50, 3, 400)) is None
    assert LogScale.of(np.exp(-np.exp(GENERATOR.normal(0, 2, 400)))) is None, "its logarithms are skewed more"


def test_the_link_gives_numbers_and_the_loss_compares_their_logarithms() -> None:
    link, loss = (kind(TASK.mean, TASK.scale, logs()) for kind in (LogLink, LogLoss))
    standardised = ((np.log(Y) - logs().mean) / logs().scale).astype(np.float32)[:, None]
    np.testing.assert_allclose(np.asarray(link(standardised))[:, 0], ROWS.y, rtol=1e-4, atol=1e-5)
    other = (standardised + 0.25).clip(None, logs().highest)
    expected = float(np.mean((other - standardised) ** 2))
    assert float(loss(ROWS.y[:, None], np.asarray(link(other)))) == pytest.approx(expected, rel=1e-3)
    far = np.asarray(link(np.array([[-1e9], [1e9]], np.float32)))
    assert np.isfinite(far).all()
    again = LogLink.from_config(link.get_config())
    np.testing.assert_array_equal(np.asarray(again(standardised)), np.asarray(link(standardised)))


def test_both_trainers_have_one_history_with_metrics_in_the_targets_units() -> None:
    rule = Stopping(patience=9, monitor="mean_squared_error")
    config = TrainConfig(epochs=5, batch=32, stopping=rule)
    model = built()
    one, other = compiled.fit(model, ROWS, ROWS, config), plain.fit(built(), ROWS, ROWS, config)
    for key, series in one.history.series.items():
        np.testing.assert_allclose(series.values, other.history[key].values, rtol=2e-3, atol=1e-5, err_msg=str(key))
    outputs = np.asarray(model(X))[:, 0]
    best = one.history["validation", "mean_squared_error"].values[one.best_epoch]
    assert float(((outputs - ROWS.y) ** 2).mean()) == pytest.approx(best, rel=1e-3)
    assert one.history["validation", "loss"].values[-1] != pytest.approx(best, rel=0.05)


def test_a_saved_model_is_plain_keras_in_the_targets_units(tmp_path: Path) -> None:
    model = built()
    saved = export_model(model, np.zeros(3, np.float32), np.ones(3, np.float32), TASK)
    assert "gengap" not in saved.to_json()
    saved.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    expected = np.asarray(model(X)).astype(np.float64) * TASK.scale + TASK.mean
    np.testing.assert_allclose(loaded.predict(X, verbose=0), expected, rtol=1e-3)
    loss = loaded.evaluate(X, Y[:, None], verbose=0)[0]
    assert loss == pytest.approx(((expected[:, 0] - Y) ** 2).mean(), rel=1e-3)


def test_a_study_predicts_what_it_logged(tmp_path: Path) -> None:
    frame = pd.DataFrame(X.astype(float), columns=list("abc")).assign(y=Y)
    found = study(frame, PLAN, target="y", validation=100, out=tmp_path)
    trial = next(each for each in found.trials if each.run == "logs/log")
    predict(tmp_path / "models" / "logs" / "log.keras", frame, tmp_path / "p.parquet", ids=["y"])
    predicted = pd.read_parquet(tmp_path / "p.parquet")
    held = found.dataset.task.predictions(found.dataset.validation.y[:, None])["prediction"]
    near = np.abs(predicted["y"].to_numpy()[:, None] - held).argmin(axis=0)
    errors = (predicted["prediction"] - predicted["y"]).to_numpy()[near] ** 2
    assert trial.metrics["validation"]["rmse"] == pytest.approx(errors.mean() ** 0.5, rel=1e-3)


def test_the_plan_full_tries_it_for_skewed_numbers_alone() -> None:
    def runs(task: Regression | type) -> set[str]:
        return {trial.run for trial in full().adapt_to_task(task).trials}  # pyright: ignore[reportArgumentType]

    assert runs(TASK) - runs(Regression()) == {"better/log target"}
    assert runs(BINARY) == runs(Regression())  # pyright: ignore[reportArgumentType]


def test_without_such_a_target_an_error_says_why() -> None:
    only = Plan(name="logs", trials=PLAN.trials[1:])
    with pytest.raises(PlanError, match="the target is not a positive, skewed number"):
        only.adapt_to_task(Regression())
    with pytest.raises(UsageError, match="expected positive numbers, a few of them large"):
        models.perceptron((4,), LOG, task=Regression())

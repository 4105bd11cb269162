"""Normal scores: scikit-learn's quantile transformation, fitted on training rows, saved with the model."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from scipy.stats import skew
from sklearn.preprocessing import QuantileTransformer

from gengap import models, predict, study
from gengap.data.rows import Rows
from gengap.models.layers import QuantileFeatures, adapt_to_rows, normal_scores
from gengap.models.predictor import load_predictor
from gengap.models.saved_model import load_saved
from gengap.plan import Plan, Recipe, Trial
from gengap.train.checkpoint import CheckpointFile
from gengap.train.jax import trainer as compiled
from gengap.train.recipe import Constant
from gengap.train.types import TrainConfig, TrainResult

GENERATOR = np.random.default_rng(3)
SKEWED = np.exp(2 * GENERATOR.normal(size=3_000)).astype(np.float32)
FEW = np.repeat([1.0, 5.0, 6.0], [900, 90, 10])
PLAN = Plan(
    name="scores",
    trials=(Trial(run="scores/Tiny", units=(8,), treatments=(models.QuantileNormal(),)),),
    recipe=Recipe(max_epochs=4, batch=32, schedule=Constant(0.01)),
)


def interpolated(values: np.ndarray, knots: int = 64) -> np.ndarray:
    return np.interp(values, *normal_scores(values, knots))


def test_a_skewed_column_becomes_normal_as_scikit_learn_makes_it() -> None:
    found = interpolated(SKEWED)
    theirs = QuantileTransformer(n_quantiles=3_000, output_distribution="normal", random_state=0)
    expected = theirs.fit_transform(SKEWED[:, None])[:, 0]
    inner = np.abs(expected) < 3
    assert skew(SKEWED) > 10
    assert abs(skew(found)) < 0.05
    np.testing.assert_allclose(found[inner], (expected / expected[inner].std())[inner], atol=0.1)


def test_scores_rise_with_the_values_and_have_mean_0_and_deviation_1() -> None:
    for knots, values in [(64, SKEWED), (64, np.round(SKEWED)), (64, FEW), (2, SKEWED), (2, FEW), (3, FEW)]:
        found = interpolated(values, knots)
        order = np.argsort(values, kind="stable")
        assert (np.diff(found[order]) >= 0).all()
        assert found.mean() == pytest.approx(0, abs=1e-5)
        assert found.std() == pytest.approx(1, abs=1e-5)


def test_a_column_of_two_values_is_standardised_and_a_constant_one_is_0() -> None:
    two = np.repeat([0.0, 1.0], [70, 30])
    np.testing.assert_allclose(interpolated(two), (two - two.mean()) / two.std(), rtol=1e-5)
    assert (interpolated(np.full(9, 4.0)) == 0).all()


def test_a_layer_interpolates_between_its_knots_and_is_level_beyond_them() -> None:
    layer = QuantileFeatures(32)
    x = np.stack([SKEWED, np.round(SKEWED)], axis=1)
    layer(x[:1])
    layer.adapt(x)
    expected = np.stack([interpolated(column, 32) for column in x.T], axis=1)
    np.testing.assert_allclose(np.asarray(layer(x)), expected, atol=2e-3)
    beyond = np.asarray(layer(np.array([[-1e9, 1e9]], np.float32)))[0]
    np.testing.assert_allclose(beyond, [expected[:, 0].min(), expected[:, 1].max()], rtol=1e-5)


def test_rows_are_learnt_from_and_the_layers_weights_are_not_trained() -> None:
    model = models.perceptron((4,), [models.QuantileNormal(8)], features=1)
    before = [np.asarray(weight) for weight in model.layers[0].weights]
    adapt_to_rows(model, Rows(SKEWED[:, None], np.zeros(3_000, np.float32)))
    after = [np.asarray(weight) for weight in model.layers[0].weights]
    assert all((old != new).any() for old, new in zip(before, after, strict=True))
    assert model.layers[0].trainable_variables == []


def table(validation: float) -> tuple[np.ndarray, np.ndarray]:
    x = np.stack([SKEWED[:400], SKEWED[400:800]], axis=1).astype(np.float64)
    x[300:] *= validation
    return x, (np.log(x[:, 0]) + np.log(x[:, 1]) > 0).astype(int)


@pytest.mark.parametrize("factor", [1.0, 4.0])
def test_a_study_takes_the_knots_from_training_rows_alone_and_saves_them(factor: float, tmp_path: Path) -> None:
    """Rows are split by time here, so that the last ones validate."""
    x, y = table(factor)
    frame = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "t": np.arange(400), "y": y})
    found = study(frame, PLAN, target="y", time="t", train=300, validation=100, out=tmp_path)
    saved = tmp_path / "models" / "scores" / "Tiny.keras"
    validation, dataset = found.dataset.validation, found.dataset
    outputs = load_predictor(saved).outputs(validation.x * dataset.scale + dataset.mean)
    logged = found.trials[0].metrics["validation"]["binary_crossentropy"]
    assert dataset.task.row_losses(outputs, validation.y).mean() == pytest.approx(logged, rel=1e-4)
    layers = {layer.name.rpartition("_")[2]: layer for layer in load_saved(saved).layers}
    for i, column in enumerate(dataset.train.x.T):
        places, scores = normal_scores(column, 64)
        np.testing.assert_array_equal(-layers["places"].get_weights()[1][i], places[:-1])
        np.testing.assert_array_equal(layers["scores"].get_weights()[0][i], np.diff(scores))
    predict(saved, frame[:300], tmp_path / "p.parquet", ids=["t"])
    probabilities = pd.read_parquet(tmp_path / "p.parquet").set_index("t")["probability"].to_numpy()
    outputs = load_predictor(saved).outputs(x[:300].astype(np.float32))
    np.testing.assert_allclose(probabilities, expit(outputs[:, 0]), atol=1e-4)


def test_a_resumed_trial_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    x = np.stack([SKEWED[:256], SKEWED[256:512]], axis=1)
    rows = Rows(x, (x[:, 0] > x[:, 1]).astype(np.float32))

    def fitted(**options: Any) -> tuple[TrainResult, list[np.ndarray]]:
        model = PLAN.trials[0].build(2, 8, PLAN.recipe, seed=4)
        adapt_to_rows(model, rows)
        result = compiled.fit(model, rows, rows, TrainConfig(epochs=6, batch=32, seed=4, **options))
        return result, model.get_weights()

    whole, expected = fitted()
    interrupt = threading.Event()
    first, _ = fitted(
        checkpoints=CheckpointFile(tmp_path / "c.npz", "f"),
        interrupt=interrupt,
        on_progress=lambda _: interrupt.set(),
    )
    assert first.stopped == "interrupted"
    resumed, weights = fitted(checkpoints=CheckpointFile(tmp_path / "c.npz", "f"))
    for key, series in whole.history.series.items():
        np.testing.assert_array_equal(series.values, resumed.history[key].values)
    for one, other in zip(expected, weights, strict=True):
        np.testing.assert_array_equal(one, other)

"""What each treatment means: what it changes in a model and in how that model trains."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from scipy import stats

from gengap import models
from gengap.data.rows import Rows
from gengap.models.backend import keras
from gengap.models.layers import MixupLayer
from gengap.models.treatment_base import Treatment, count_parameters
from gengap.train.jax import trainer as compiled
from gengap.train.recipe import Cosine
from gengap.train.stopping import NEVER, Stopping
from gengap.train.types import TrainConfig

GENERATOR = np.random.default_rng(3)
X = GENERATOR.normal(size=(400, 28)).astype(np.float32)
Y = (X[:, 0] - X[:, 1] + GENERATOR.normal(size=400) > 0).astype(np.float32)
TRAIN, VALIDATION = Rows(X[:300], Y[:300]), Rows(X[300:], Y[300:])
LAST = Stopping(patience=NEVER, restore_best=False)


def compiled_model(*treatments: Treatment, units: tuple[int, ...] = (16,), rate: Any = 0.01) -> keras.Sequential:
    model = models.perceptron(units, treatments)
    models.compile_binary(model, treatments, rate)
    return model


EACH: list[tuple[Treatment, ...]] = [
    (),
    (models.L1(0.1),),
    (models.L1L2(0.1, 0.2), models.Dropout(0.5), models.Dropout(0.1)),
    (models.BatchNorm(),),
    (models.WeightDecay(0.1), models.LabelSmoothing(0.1)),
    (models.Ftrl(),),
    (models.Clip(3.0), models.Noise(0.5), models.Mixup()),
    (models.Periodic(3, 5),),
    (models.Ensemble(4),),
    (models.QuantileNormal(5), models.Periodic(2, 3)),
    (models.Ensemble(2), models.BatchNorm(), models.Periodic(2, 3)),
]


@pytest.mark.parametrize("treatments", EACH, ids=lambda t: " + ".join(map(str, t)) or "none")
@pytest.mark.parametrize("units", [(), (6, 4)], ids=str)
def test_parameters_are_counted_without_building(treatments: tuple[Treatment, ...], units: tuple[int, ...]) -> None:
    model = models.perceptron(units, treatments)
    assert model.count_params() == count_parameters(28, units, treatments)
    assert model(X[:5]).shape == (5, 1)


@pytest.mark.parametrize("first", [models.L1(0.1), models.L2(0.1), models.L1L2(0.1, 0.1)])
def test_a_model_takes_one_penalty(first: Treatment) -> None:
    with pytest.raises(ValueError, match=rf"2 penalties on its weights \({re.escape(str(first))}, l2 0.5\)"):
        models.perceptron([4], [first, models.L2(0.5)])


def test_a_model_takes_one_optimizer() -> None:
    with pytest.raises(ValueError, match=r"2 optimizers \(weight decay 0.1, FTRL with l1 0.01 and l2 0\)"):
        models.perceptron([4], [models.WeightDecay(0.1), models.Ftrl()])


@pytest.mark.slow
def test_l1_brings_more_weights_to_nothing_than_l2() -> None:
    shares = {}
    for penalty in (models.L1(0.003), models.L2(0.003)):
        # A falling rate: at a constant one Adam swings about 0 by the size of its step.
        model = compiled_model(penalty, units=(32,), rate=Cosine(0.01).build(3, 150))
        compiled.fit(model, TRAIN, VALIDATION, TrainConfig(epochs=150, batch=100, stopping=LAST))
        shares[penalty.__struct_config__.tag] = models.share_below(model, 1e-3)
    assert shares["l1"] > 0.5
    assert shares["l2"] < 0.1


def test_share_below_counts_kernels_alone() -> None:
    model = models.perceptron([2], [models.Ensemble(2), models.Periodic(2, 2)])
    assert models.share_below(model, 0.0) == 0
    assert models.share_below(model, 1e9) == 1
    for variable in model.weights:
        variable.assign(np.ones(variable.shape) if variable.name == "kernel" else np.zeros(variable.shape))
    assert models.share_below(model) == 0
    assert np.isnan(models.share_below(keras.Sequential([keras.Input((2,)), keras.layers.ReLU()])))


def test_weight_decay_shrinks_kernels_alone() -> None:
    treatments = (models.WeightDecay(0.5), models.Periodic(2, 2), models.Ensemble(2))
    model = compiled_model(*treatments, units=(4,), rate=0.1)
    variables = model.trainable_variables
    for variable in variables:
        variable.assign(np.ones(variable.shape, np.float32))
    model.optimizer.build(variables)
    model.optimizer.apply([np.zeros(v.shape, np.float32) for v in variables], variables)
    for variable in variables:
        expected = 0.95 if variable.name == "kernel" else 1.0
        np.testing.assert_allclose(np.asarray(variable), expected, rtol=1e-6, err_msg=variable.path)


@pytest.mark.slow
def test_ftrl_starts_from_the_first_weights_and_leaves_exact_zeros() -> None:
    model = compiled_model(models.Ftrl(l1=0.0, learning_rate=0.01))
    before = model.get_weights()[0]
    model.train_on_batch(TRAIN.x, TRAIN.y[:, None])
    assert np.abs(model.get_weights()[0] - before).max() < 0.011
    model = compiled_model(models.Ftrl(l1=0.03))
    compiled.fit(model, TRAIN, VALIDATION, TrainConfig(epochs=60, batch=100, stopping=LAST))
    assert 0.2 < np.mean(model.get_weights()[0] == 0) < 1


@pytest.mark.slow
def test_label_smoothing_is_in_the_loss_and_not_in_the_metrics() -> None:
    fitted = compiled.fit(
        compiled_model(models.LabelSmoothing(0.2)), TRAIN, VALIDATION, TrainConfig(epochs=20, batch=100)
    )
    logits, labels = fitted.outputs[-1].ravel().astype(float), VALIDATION.y
    clean = np.mean(np.logaddexp(0, logits) - labels * logits)
    smoothed = np.mean(np.logaddexp(0, logits) - (0.8 * labels + 0.1) * logits)
    series = fitted.history
    assert series["validation", "binary_crossentropy"].values[-1] == pytest.approx(clean, rel=1e-5)
    assert series["validation", "loss"].values[-1] == pytest.approx(smoothed, rel=1e-5)
    gap = series["train", "clean_loss"].values[-1] - series["train", "clean_binary_crossentropy"].values[-1]
    assert gap > 0.01  # the loss says what is minimised; the metric beside it is clean


def test_batch_norm_comes_before_the_activation_and_takes_the_bias_away() -> None:
    model = models.perceptron([4], [models.BatchNorm(), models.Dropout(0.5)], activation="silu")
    names = [type(layer).__name__ for layer in model.layers]
    assert names == ["Dense", "BatchNormalization", "Activation", "Dropout", "Dense"]
    assert not model.layers[0].use_bias
    assert model.layers[0].activation is keras.activations.linear


def test_noise_is_drawn_in_training_alone() -> None:
    model = models.perceptron([], [models.Noise(0.5)], seed=1)
    quiet, noisy = np.asarray(model(X)), np.asarray(model(X, training=True))
    np.testing.assert_array_equal(quiet, np.asarray(model(X)))
    assert np.abs(noisy - quiet).mean() > 0.1


@pytest.mark.parametrize("how", ["hard", "smooth"])
def test_clip_keeps_features_between_its_bounds(how: str) -> None:
    layers = models.Clip(2.0, how).before_first(1, 0)  # pyright: ignore[reportArgumentType]
    x = np.array([[-9.0], [-1.0], [0.0], [0.1], [9.0]], np.float32)
    out = np.asarray(keras.Sequential([keras.Input((1,)), *layers])(x)).ravel()
    exact = np.clip(x, -2, 2) if how == "hard" else 2 * np.tanh(x / 2)
    np.testing.assert_allclose(out, exact.ravel(), rtol=1e-5, atol=1e-7)


def test_mixup_draws_are_seeded_and_labels_follow_their_rows() -> None:
    def draws(seed: int, n: int) -> list[float]:
        layer, found = MixupLayer(0.4, seed=seed), []
        rows = np.eye(3, dtype=np.float32)
        for _ in range(n):
            mixed = np.asarray(layer(rows, training=True))
            np.testing.assert_array_equal(np.asarray(layer.mix_again(rows)), mixed)
            share = mixed[0, 0]
            np.testing.assert_allclose(mixed[0], [share, 1 - share, 0], rtol=1e-6)  # with the next row of the batch
            np.testing.assert_array_equal(np.asarray(layer(rows)), rows)
            found.append(float(share))
        return found

    assert draws(1, 5) == draws(1, 5)
    assert draws(1, 5) != draws(2, 5)
    shares = np.array(draws(3, 300))
    assert len(set(shares)) > 250
    greater = stats.beta(0.4, 0.4)
    assert stats.kstest(shares, lambda s: 1 - 2 * greater.sf(s)).pvalue > 0.01


def test_mixup_trains_on_the_mixed_loss() -> None:
    model = compiled_model(models.Mixup(1.0))
    logits = np.asarray(model(TRAIN.x, training=True)).ravel().astype(float)
    state = np.asarray(model.layers[0].seed_generator.state)
    y = np.asarray(model.layers[0].mix_again(TRAIN.y))
    loss = model.compute_loss(y=TRAIN.y[:, None], y_pred=logits[:, None].astype(np.float32), training=True)
    np.testing.assert_array_equal(np.asarray(model.layers[0].seed_generator.state), state)
    assert float(loss) == pytest.approx(np.mean(np.logaddexp(0, logits) - y * logits), rel=1e-5)
    clean = model.compute_loss(y=TRAIN.y[:, None], y_pred=logits[:, None].astype(np.float32), training=False)
    assert float(clean) == pytest.approx(np.mean(np.logaddexp(0, logits) - TRAIN.y * logits), rel=1e-5)


def test_periodic_features_are_the_sines_and_cosines_of_learnt_frequencies() -> None:
    model = models.perceptron([4], [models.Periodic(3, 5, sigma=2.0)])
    first, linear, flat = model.layers[:3]
    frequencies = np.asarray(first.weight)
    assert frequencies.shape == (28, 3)
    assert frequencies.std() == pytest.approx(2.0, rel=0.3)
    waves = np.asarray(first(X))
    assert waves.shape == (400, 28, 6)
    angles = 2 * np.pi * X[:, :, None] * frequencies
    np.testing.assert_allclose(waves, np.concatenate([np.sin(angles), np.cos(angles)], -1), atol=1e-4)
    assert np.asarray(linear(waves)).shape == (400, 28, 5)
    assert flat.output.shape == (None, 28 * 5)
    assert "frequencies" in {v.name for v in model.trainable_variables}


def test_with_any_seed_every_number_of_an_embedding_follows_its_feature() -> None:
    x = np.linspace(-2, 2, 50, dtype=np.float32)[:, None] * np.ones((1, 4), np.float32)
    for seed in range(20):
        waves, linear, _ = models.Periodic(8, 8, 0.03).before_first(4, seed)
        assert (np.asarray(linear(waves(x))).std(axis=0) > 0).all()


def test_an_ensembles_output_is_the_mean_probability_and_its_loss_the_mean_loss() -> None:
    model = compiled_model(models.Ensemble(3), units=(8, 8))
    members = np.asarray(model(X, training=True)).astype(float)
    assert members.shape == (400, 3, 1)
    assert members.std(axis=1).mean() > 0.01
    probability = (1 / (1 + np.exp(-members))).mean(axis=(1, 2))
    logits = np.asarray(model(X)).astype(float)
    np.testing.assert_allclose(1 / (1 + np.exp(-logits[:, 0])), probability, rtol=1e-5)
    loss = model.compute_loss(y=Y[:, None], y_pred=members.astype(np.float32), training=True)
    each = np.logaddexp(0, members) - Y[:, None, None] * members
    assert float(loss) == pytest.approx(each.mean(), rel=1e-5)
    kernels = [v.shape for v in model.trainable_variables if v.name == "kernel"]
    assert kernels == [(28, 8), (8, 8), (3, 8, 1)]


def test_extreme_logits_of_members_stay_finite() -> None:
    from gengap.models.layers import mean_logit

    logits = np.array([[200.0, 200.0], [-200.0, -200.0], [200.0, -200.0]], np.float32)[..., None]
    np.testing.assert_allclose(np.asarray(mean_logit(logits)).ravel(), [200.0, -200.0, 0.0], atol=1e-4)

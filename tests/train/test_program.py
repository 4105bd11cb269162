"""What is asked of XLA: short steps in one thread, long ones in several, and an ELU that it vectorises."""

from __future__ import annotations

from collections import OrderedDict

import jax
import numpy as np
import pytest

from gengap import models
from gengap.files.limits import usable_cores
from gengap.models.backend import keras
from gengap.train.jax import compilation, fast_ops
from gengap.train.jax import trainer as compiled
from gengap.train.stopping import Stopping
from gengap.train.types import Rows, TrainConfig, clean_sample

SPLIT = "outer_dimension_partitions"  # as XLA's text names work that is split among threads


def compiled_for(model: keras.Model, features: int, monkeypatch: pytest.MonkeyPatch) -> str:
    """The text of the program that trains `model`, which is compiled anew."""
    made: OrderedDict[str, tuple[object, list[tuple[jax.stages.Compiled, object]]]] = OrderedDict()
    monkeypatch.setattr(compilation, "_programs", made)
    model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))
    rows = Rows(np.ones((1500, features), np.float32), np.ones((1500, 1), np.float32))
    compiled.fit(model, rows, rows, TrainConfig(1, 500, Stopping(monitor="loss")))
    (_, found), *others = made.values()
    assert not others
    return found[0][0].as_text() or ""


def test_short_steps_are_not_split_among_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "fusion" in (text := compiled_for(models.tiny(), 28, monkeypatch))
    assert SPLIT not in text


@pytest.mark.skipif(usable_cores() < 2, reason="XLA splits nothing on one core")
def test_big_rows_make_a_step_long_however_few_operations_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    layers = [keras.Input((4096,)), keras.layers.Reshape((4096, 1)), keras.layers.MaxPooling1D(64)]
    model = keras.Sequential([*layers, keras.layers.Flatten(), keras.layers.Dense(1)])
    assert SPLIT in compiled_for(model, 4096, monkeypatch)


@pytest.mark.parametrize("parameters", [1, compilation.SMALL + 1])
@pytest.mark.parametrize("short", [False, True])
def test_xla_knows_every_option(parameters: int, short: bool) -> None:
    product = jax.jit(lambda x: x @ x).lower(jax.numpy.ones((8, 8)))
    assert product.compile(compiler_options=compilation.compiler_options(parameters, short)) is not None


def test_a_program_without_a_count_of_operations_is_as_a_long_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(jax.stages.Lowered, "cost_analysis", lambda _: [])
        asked: list[bool] = []
        patch.setattr(compilation, "compiler_options", lambda parameters, short: asked.append(short) or {})
        compiled_for(models.tiny(), 28, patch)
    assert asked == [False]


def test_a_trial_trains_with_the_vectorised_elu(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []

    def spy(x: jax.Array) -> jax.Array:
        seen.append(x)
        return activations_elu(x)

    activations_elu = fast_ops.elu
    monkeypatch.setattr(fast_ops, "elu", spy)
    compiled_for(models.tiny(), 28, monkeypatch)
    assert seen


def test_losses_that_layers_add_and_penalties_are_in_the_right_logs() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(60, 3)).astype(np.float32)
    y = (x[:, :1] > 0).astype(np.float32)
    hidden = keras.layers.Dense(4, "relu", activity_regularizer="l2", kernel_regularizer="l2")
    model = keras.Sequential([keras.Input((3,)), hidden, keras.layers.Dense(1)])
    model.compile("sgd", keras.losses.BinaryCrossentropy(from_logits=True))
    train, validation = Rows(x[:40], y[:40]), Rows(x[40:], y[40:])
    history = compiled.fit(model, train, validation, TrainConfig(1, 40, Stopping(monitor="loss"))).history
    weights = model.layers[0].kernel.numpy()
    penalties = 0.01 * float((weights**2).sum())
    sample = clean_sample(train, len(validation))
    clean = model.evaluate(sample.x, sample.y, verbose=0) - penalties
    assert history["train", "clean_loss"].values[0] == pytest.approx(clean, rel=1e-5)
    assert history["validation", "loss"].values[0] == pytest.approx(
        model.evaluate(x[40:], y[40:], verbose=0), rel=1e-5
    )


def test_models_that_differ_in_their_learning_rate_share_a_program_and_a_schedule_has_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    programs: OrderedDict[str, object] = OrderedDict()
    monkeypatch.setattr(compilation, "_programs", programs)
    x = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    rows = Rows(x, (x[:, :1] > 0).astype(np.float32))

    def step(rate: float | keras.optimizers.schedules.LearningRateSchedule) -> np.ndarray:
        """How far one step of gradient descent moves the weights of one layer, from 0."""
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, kernel_initializer="zeros")])
        model.compile(keras.optimizers.SGD(rate), keras.losses.BinaryCrossentropy(from_logits=True))
        compiled.fit(model, rows, rows, TrainConfig(1, 40, Stopping(monitor="loss")))
        return model.layers[0].kernel.numpy()

    slow, fast = step(0.125), step(0.5)
    assert len(programs) == 1
    np.testing.assert_allclose(fast, 4 * slow, rtol=1e-6)
    falling = keras.optimizers.schedules.ExponentialDecay(0.25, 1, 0.5)
    np.testing.assert_allclose(step(falling), 2 * slow, rtol=1e-6)
    assert len(programs) == 2

"""Convolutions as they are trained with: Keras' values and gradients, with axes in XLA's order."""

from __future__ import annotations

import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gengap
from gengap.models.backend import keras
from gengap.train.jax import compilation
from gengap.train.jax.convolution import convolution, ordered_convolutions


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(
    ("sizes", "window", "strides", "dilation"),  # Keras takes strides or dilation above 1, not both
    [
        ((7,), (3,), (2,), (1,)),
        ((8,), (2,), (1,), (3,)),
        ((5, 5), (1, 1), (1, 1), (1, 1)),
        ((8, 8), (3, 3), (1, 1), (1, 1)),
        ((8, 7), (3, 2), (3, 2), (1, 1)),
        ((7, 6), (1, 3), (2, 2), (1, 1)),
        ((7, 8), (3, 2), (1, 1), (2, 3)),
        ((5, 6, 4), (2, 3, 2), (2, 1, 3), (1, 1, 1)),
    ],
)
def test_values_and_gradients_are_those_of_keras(
    sizes: tuple[int, ...], window: tuple[int, ...], strides: Any, dilation: Any, padding: Any
) -> None:
    draw = np.random.default_rng(0).normal
    x, kernel, g = (jnp.asarray(draw(size=s), jnp.float32) for s in ((3, *sizes, 2), (*window, 2, 4), 5000))
    ours, back = jax.vjp(lambda *a: convolution(*a, strides, padding, dilation), x, kernel)
    own = {"strides": strides, "padding": padding, "data_format": "channels_last", "dilation_rate": dilation}
    theirs, keras_back = jax.vjp(lambda *a: keras.ops.conv(*a, **own), x, kernel)
    np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=1e-6, atol=1e-6)
    g = g[: theirs.size].reshape(theirs.shape)
    for gradient, expected in zip(back(g), keras_back(g), strict=True):
        np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-5)


def network(layer: keras.layers.Layer, shape: tuple[int, ...]) -> keras.Sequential:
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input(shape), layer, keras.layers.Flatten(), keras.layers.Dense(1)])
    model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))
    return model


LAYERS = {
    "one axis, causal": (lambda: keras.layers.Conv1D(4, 3, dilation_rate=2, padding="causal"), (9, 2)),
    "activation": (lambda: keras.layers.Conv2D(4, 3, activation="relu"), (6, 6, 2)),
    "strides, no bias": (lambda: keras.layers.Conv2D(4, (3, 2), (2, 1), "same", use_bias=False), (6, 7, 2)),
    "three axes": (lambda: keras.layers.Conv3D(3, 2), (4, 4, 3, 1)),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_a_layer_gives_the_same_and_is_itself_afterwards(kind: str) -> None:
    make, shape = LAYERS[kind]
    model = network(make(), shape)
    layer: Any = model.layers[0]
    x = np.random.default_rng(0).normal(size=(5, *shape)).astype(np.float32)
    expected = np.asarray(layer(x))
    with ordered_convolutions(model):
        assert "call" in vars(layer)
        np.testing.assert_array_equal(layer(x), expected)
    assert "call" not in vars(layer)


@pytest.mark.parametrize("layer", [lambda: keras.layers.Conv2D(4, 3, groups=2), lambda: keras.layers.Dense(3)])
def test_other_layers_stay_as_they_are(layer: Any) -> None:
    model = network(layer(), (6, 6, 2))
    with ordered_convolutions(model):
        assert "call" not in vars(model.layers[0])


def test_no_convolution_of_a_program_has_its_axes_out_of_order(monkeypatch: pytest.MonkeyPatch) -> None:
    programs: list[Any] = []
    compiled = compilation.compiled

    def spy(*arguments: Any) -> Any:
        programs.append(compiled(*arguments))
        return programs[-1]

    monkeypatch.setattr(compilation, "compiled", spy)
    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(60, 6, 6, 2)).astype(np.float32), draw.integers(2, size=60).astype(np.float32)
    model = network(keras.layers.Conv2D(4, 3, name="only_in_this_test", activation="elu"), (6, 6, 2))
    gengap.fit(model, (x[:40], y[:40]), (x[40:], y[40:]), epochs=2, batch_size=20)
    orders = re.findall(r"convolution\(.*?dim_labels=(\S+?)[,\s]", programs[0].as_text())
    assert len(orders) >= 3 and set(orders) == {"b01f_01io->b01f"}

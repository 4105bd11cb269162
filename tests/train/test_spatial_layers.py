"""Convolutions and max pools as they are trained with: Keras' values and gradients, by what XLA computes fast."""

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
from gengap.train.jax.convolution import convolution, grouped_convolution, transposed_convolution
from gengap.train.jax.spatial_layers import fast_spatial_layers
from gengap.train.jax.windows import WindowSettings, depthwise_convolution, max_pool

# sizes, window, strides, dilation. Keras takes strides or dilation above 1, not both.
WINDOWS = [
    ((7,), (3,), (2,), (1,)),
    ((8,), (2,), (1,), (3,)),
    ((5, 5), (1, 1), (1, 1), (1, 1)),
    ((8, 8), (3, 3), (1, 1), (1, 1)),
    ((8, 7), (3, 2), (3, 2), (1, 1)),
    ((7, 6), (1, 3), (2, 2), (1, 1)),
    ((7, 8), (3, 2), (1, 1), (2, 3)),
    ((6, 5), (2, 1), (3, 4), (1, 1)),
    ((5, 6, 4), (2, 3, 2), (2, 1, 3), (1, 1, 1)),
]


def check_gradients(ours: Any, theirs: Any, *operands: Any) -> None:
    """Compare two functions: their values, and their gradients for each operand."""
    values, back = jax.vjp(ours, *operands)
    expected, keras_back = jax.vjp(theirs, *operands)
    np.testing.assert_allclose(np.asarray(values), np.asarray(expected), rtol=1e-6, atol=1e-6)
    g = drawn(*expected.shape, seed=1)
    for gradient, wanted in zip(back(g), keras_back(g), strict=True):
        np.testing.assert_allclose(gradient, wanted, rtol=1e-5, atol=1e-5)


def drawn(*shape: int, seed: int = 0) -> jax.Array:
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("sizes", "window", "strides", "dilation"), WINDOWS)
def test_values_and_gradients_are_those_of_keras(
    sizes: tuple[int, ...], window: tuple[int, ...], strides: Any, dilation: Any, padding: Any
) -> None:
    settings = WindowSettings(strides, padding, dilation)
    own = {"strides": strides, "padding": padding, "data_format": "channels_last", "dilation_rate": dilation}
    x = drawn(3, *sizes, 2)
    check_gradients(
        lambda a, b: convolution(a, b, settings), lambda a, b: keras.ops.conv(a, b, **own), x, drawn(*window, 2, 4)
    )
    check_gradients(
        lambda a, b: grouped_convolution(a, b, settings, 2),
        lambda a, b: keras.ops.conv(a, b, **own),
        x,
        drawn(*window, 1, 4),
    )
    check_gradients(
        lambda a, b: transposed_convolution(a, b, settings),
        lambda a, b: keras.ops.conv_transpose(a, b, **own),
        x,
        drawn(*window, 3, 2),
    )


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("sizes", "window", "strides", "dilation"), WINDOWS)
def test_depthwise_values_and_gradients_are_those_of_keras(
    sizes: tuple[int, ...], window: tuple[int, ...], strides: Any, dilation: Any, padding: Any
) -> None:
    own = {"strides": strides, "padding": padding, "data_format": "channels_last", "dilation_rate": dilation}
    check_gradients(
        lambda a, b: depthwise_convolution(a, b, WindowSettings(strides, padding, dilation)),
        lambda a, b: keras.ops.depthwise_conv(a, b, **own),
        drawn(3, *sizes, 2),
        drawn(*window, 2, 3),
    )


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("sizes", "window", "strides", "dilation"), [w for w in WINDOWS if max(w[3]) == 1])
def test_max_pools_and_their_gradients_are_those_of_keras_with_equal_values_too(
    sizes: tuple[int, ...], window: tuple[int, ...], strides: Any, dilation: Any, padding: Any
) -> None:
    for x in (drawn(3, *sizes, 2), jnp.round(drawn(3, *sizes, 2))):
        check_gradients(
            lambda a: max_pool(a, window, strides, padding),
            lambda a: keras.ops.max_pool(a, window, strides, padding, "channels_last"),
            x,
        )


def test_the_maximum_of_a_window_with_nan_is_nan() -> None:
    x = drawn(1, 4, 4, 1)
    for place in ((0, 0), (0, 1), (1, 1)):
        pooled = max_pool(x.at[0, *place].set(jnp.nan), (2, 2), (2, 2), "valid")
        assert np.isnan(pooled).sum() == 1 and np.isnan(pooled[0, 0, 0, 0])


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


L = keras.layers
OTHERS = {  # their sums have another order
    "groups": (lambda: L.Conv2D(4, 3, groups=2, activation="relu"), (6, 6, 2)),
    "transposed": (lambda: L.Conv2DTranspose(4, 3, 2, "same", activation="relu"), (5, 6, 2)),
    "transposed, one axis, no bias": (lambda: L.Conv1DTranspose(4, 2, 3, use_bias=False), (5, 2)),
    "transposed, three axes": (lambda: L.Conv3DTranspose(2, 2), (3, 4, 3, 1)),
    "depthwise": (lambda: L.DepthwiseConv2D(3, 2, "same", 2, activation="relu"), (6, 6, 2)),
    "depthwise, one axis": (lambda: L.DepthwiseConv1D(3), (7, 2)),
    "separable": (lambda: L.SeparableConv2D(5, 3, 2, "same", activation="relu"), (6, 6, 2)),
    "separable, one axis": (lambda: L.SeparableConv1D(5, 3, 2), (7, 2)),
    "max pool, one axis": (lambda: L.MaxPooling1D(), (7, 2)),
    "max pool": (lambda: L.MaxPooling2D(3, 2, "same"), (6, 7, 2)),
    "max pool, three axes": (lambda: L.MaxPooling3D(), (4, 4, 4, 1)),
}


@pytest.mark.parametrize("places", [3, 7])
def test_depthwise_convolutions_of_half_precision_are_rounded_once(places: int) -> None:
    x, kernel, g = drawn(8, 12, 12, 4), drawn(places, places, 4, 1, seed=1), drawn(8, 12, 12, 4, seed=2)
    errors = []
    for function in (
        lambda a, b: depthwise_convolution(a, b, WindowSettings((1, 1), "same", (1, 1))),
        lambda a, b: keras.ops.depthwise_conv(a, b, 1, "same", "channels_last"),
    ):
        exact = jax.vjp(function, x, kernel)
        half = jax.vjp(function, x.astype("bfloat16"), kernel.astype("bfloat16"))
        wanted, found = ((values, *back(g.astype(values.dtype))) for values, back in (exact, half))
        assert all(each.dtype == "bfloat16" for each in found)
        pairs = zip(found, wanted, strict=True)
        errors.append([float(jnp.linalg.norm(a - b) / jnp.linalg.norm(b)) for a, b in pairs])
    np.testing.assert_array_less(errors[0], np.multiply(errors[1], 1.1))


SMALL = [
    lambda: L.Conv2D(2, 3),
    lambda: L.Conv1D(2, 2, dilation_rate=3),
    lambda: L.DepthwiseConv2D(3),
    lambda: L.SeparableConv2D(2, 3),
    lambda: L.MaxPooling2D(3),
]


@pytest.mark.parametrize("make", SMALL)
@pytest.mark.parametrize("size", [1, 2])
def test_rows_smaller_than_the_window_give_what_keras_gives(make: Any, size: int) -> None:
    layer: Any = make()
    axes = len(vars(layer).get("kernel_size", vars(layer).get("pool_size")))
    model = keras.Sequential([keras.Input((None,) * axes + (2,)), layer])
    x = jnp.ones((3, *(size,) * axes, 2))

    def outcome() -> Any:
        try:
            return layer(x).shape
        except ValueError as fault:
            return str(fault)

    expected = outcome()
    with fast_spatial_layers(model):
        assert "call" in vars(layer)
        assert outcome() == expected


def test_a_max_pool_of_whole_numbers_is_keras_own() -> None:
    layer = L.MaxPooling2D()
    model = keras.Sequential([keras.Input((4, 4, 1), dtype="int32"), layer])
    x = jnp.arange(16).reshape(1, 4, 4, 1) - 8
    with fast_spatial_layers(model):
        np.testing.assert_array_equal(np.ravel(layer(x)), [-3, -1, 5, 7])


def test_a_call_that_a_layer_has_of_its_own_stays() -> None:
    model = network(L.MaxPooling2D(), (4, 4, 1))
    layer: Any = model.layers[0]
    layer.call = own = lambda inputs: -inputs
    with fast_spatial_layers(model):
        assert vars(layer)["call"] is own
    assert vars(layer)["call"] is own


@pytest.mark.parametrize("kind", [*LAYERS, *OTHERS])
def test_a_layer_gives_the_same_and_is_itself_afterwards(kind: str) -> None:
    make, shape = (LAYERS | OTHERS)[kind]
    model = network(make(), shape)
    layer: Any = model.layers[0]
    x = np.random.default_rng(0).normal(size=(5, *shape)).astype(np.float32)
    expected = np.asarray(layer(x))
    with fast_spatial_layers(model):
        assert "call" in vars(layer)
        tolerance = (0, 0) if kind in LAYERS else (1e-5, 1e-6)
        np.testing.assert_allclose(layer(x), expected, *tolerance)
    assert "call" not in vars(layer)


@pytest.mark.parametrize(
    "layer",
    [
        lambda: L.Dense(3),
        lambda: L.AveragePooling2D(2),
        lambda: L.MaxPooling2D(9, 1, "same"),
        lambda: L.Conv2DTranspose(2, 3, 2, output_padding=1),
        lambda: L.Conv2D(64, 3, groups=64),
    ],
)
def test_layers_that_would_gain_nothing_or_differ_stay_as_they_are(layer: Any) -> None:
    model = network(layer(), (6, 6, 64))
    with fast_spatial_layers(model):
        assert "call" not in vars(model.layers[0])


def test_a_program_has_only_convolutions_in_order_and_no_scattered_maxima(monkeypatch: pytest.MonkeyPatch) -> None:
    programs: list[Any] = []
    compiled = compilation.compiled

    def spy(*arguments: Any) -> Any:
        programs.append(compiled(*arguments))
        return programs[-1]

    monkeypatch.setattr(compilation, "compiled", spy)
    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(60, 6, 6, 2)).astype(np.float32), draw.integers(2, size=60).astype(np.float32)
    hidden = [L.Conv2D(4, 3, padding="same", activation="elu"), L.DepthwiseConv2D(3, padding="same")]
    hidden += [L.MaxPooling2D(), L.Conv2DTranspose(4, 3, 2, name="only_in_this_test"), L.Conv2D(4, 2, groups=2)]
    model = network(keras.Sequential(hidden), (6, 6, 2))
    gengap.fit(model, (x[:40], y[:40]), (x[40:], y[40:]), epochs=2, batch_size=20)
    text = programs[0].as_text()
    orders = re.findall(r"convolution\(.*?dim_labels=(\S+?)[,\s]", text)
    assert len(orders) >= 9 and set(orders) == {"b01f_01io->b01f"}
    assert "select-and-scatter" not in text and "feature_group_count" not in text

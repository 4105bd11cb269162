"""ELU as it is trained with: Keras' values and Keras' derivative, and Keras' own outside."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gengap import models
from gengap.models.backend import keras
from gengap.train.jax.fast_ops import WIDE, elu, fast_elu

numbers = st.floats(width=32) | st.sampled_from([0.0, -0.0, 1e-30, -1e-30, -1e-7, 88.0, -104.0])


def slopes(function: Callable[[jax.Array], jax.Array], at: jax.Array) -> jax.Array:
    return jax.grad(lambda values: function(values).sum())(at)


def agree(ours: jax.Array, keras_own: jax.Array) -> None:
    np.testing.assert_allclose(np.asarray(ours), np.asarray(keras_own), rtol=1e-6, atol=1e-37)


@pytest.mark.parametrize("units", [1, WIDE])
@given(x=numbers)
def test_values_and_derivative_are_those_of_keras(units: int, x: float) -> None:
    values = jnp.full(units, x, jnp.float32)
    agree(elu(values), keras.activations.elu(values))
    agree(slopes(elu, values), slopes(keras.activations.elu, values))


def test_wide_layers_are_as_exact_as_xla_where_the_difference_loses_digits() -> None:
    x = -np.logspace(-30, 2, 2000 * WIDE, dtype=np.float32).reshape(-1, WIDE)
    np.testing.assert_allclose(elu(jnp.asarray(x)), np.expm1(x.astype(float)), rtol=3e-7)


@pytest.mark.parametrize("kind", [jnp.float16, jnp.bfloat16])
def test_other_precisions_are_as_keras_has_them(kind: type) -> None:
    values = -jnp.logspace(-3, 1, WIDE, dtype=kind)
    np.testing.assert_array_equal(elu(values), keras.activations.elu(values))


@pytest.mark.parametrize("units", [1, WIDE])
def test_any_shape_and_what_is_no_number(units: int) -> None:
    values = jnp.asarray([[-2.0], [3.0], [np.nan]], jnp.float32) * jnp.ones(units)
    agree(elu(values), keras.activations.elu(values))
    agree(slopes(elu, values), slopes(keras.activations.elu, values))
    assert elu(jnp.float32(-1.0)) == keras.activations.elu(jnp.float32(-1.0))


def test_wide_layers_keep_one_array_for_the_derivative() -> None:
    derivative = jax.vjp(elu, jnp.ones(WIDE))[1]
    assert [leaf.shape for leaf in jax.tree.leaves(derivative)] == [(WIDE,)]


def test_a_model_has_it_only_inside() -> None:
    model = models.small(treatments=[models.Dropout(0.5)])
    hidden, other = model.layers[0], model.layers[-1]
    saved = model.to_json()
    with pytest.raises(ValueError, match="out"), fast_elu(model):
        assert hidden.activation is elu
        assert other.activation is keras.activations.linear
        raise ValueError("out")
    assert hidden.activation is keras.activations.elu
    assert model.to_json() == saved


def test_layers_inside_layers_have_it_too_and_other_scales_stay() -> None:
    dense = keras.layers.Dense(3, activation="elu")
    scaled = keras.layers.ELU(alpha=0.3)
    model = keras.Sequential([keras.Input((2,)), keras.Sequential([dense]), scaled])
    x = np.array([[1.0, -2.0]], np.float32)
    before = np.asarray(model(x))
    with fast_elu(model):
        assert dense.activation is elu
        np.testing.assert_allclose(np.asarray(model(x)), before, rtol=1e-6)
    assert dense.activation is keras.activations.elu

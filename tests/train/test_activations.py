"""ELU as it is trained with: Keras' values and Keras' derivative, and Keras' own outside."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gengap import models
from gengap.models.backend import keras
from gengap.train.activations import elu, plain_elu

numbers = st.floats(width=32) | st.sampled_from([0.0, -0.0, 1e-30, -1e-30, -1e-7, 88.0, -104.0])


def agree(ours: jax.Array, keras_own: jax.Array) -> None:
    np.testing.assert_allclose(np.asarray(ours), np.asarray(keras_own), rtol=1e-6, atol=1e-37)


@given(numbers)
def test_values_and_derivative_are_those_of_keras(x: float) -> None:
    value = jnp.float32(x)
    agree(elu(value), keras.activations.elu(value))
    agree(jax.grad(elu)(value), jax.grad(keras.activations.elu)(value))


def test_a_model_has_it_only_inside() -> None:
    model = models.small(treatments=[models.Dropout(0.5)])
    hidden, other = model.layers[0], model.layers[-1]
    saved = model.to_json()
    with pytest.raises(ValueError, match="out"), plain_elu(model):
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
    with plain_elu(model):
        assert dense.activation is elu
        np.testing.assert_allclose(np.asarray(model(x)), before, rtol=1e-6)
    assert dense.activation is keras.activations.elu

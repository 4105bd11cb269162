"""ELU as XLA vectorises it.

JAX writes ELU so that its derivative is a chain of selects, which XLA's CPU compiler leaves unvectorised: 9 us of a
step of Tiny, whose products take 20. Written with a minimum it has the same values and the same first derivative,
which takes 1 us. In wide layers two more things pay. The derivative is found from ELU's value, which the next layer
keeps anyway, so that no other array is written and read back: Large 219 -> 207 ms an epoch, Medium 9.2 -> 8.8. And
exp(x) - 1 is a series near zero: on a slower machine Large 299 -> 281, Medium 13.2 -> 11.2. In narrow layers LLVM
makes gathers of the one (Tiny 0.79 -> 0.84), and the other gains nothing. `tests/train/test_activations.py` holds
all of it against Keras.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import jax
import jax.numpy as jnp

from gengap.models.backend import keras
from gengap.models.keras_internals import all_layers

WIDE = 64  # units


def elu(x: jax.Array) -> jax.Array:
    """x where it is not negative, else exp(x) - 1 (Clevert et al. 2016, equation 15, alpha = 1); any shape.

    The derivative at 0 is 1, as Keras has it.
    """
    return _by_value(x) if x.ndim and x.shape[-1] >= WIDE else _by_input(x)


def _by_input(x: jax.Array) -> jax.Array:
    return jnp.where(x >= 0, x, jnp.expm1(jnp.minimum(x, 0)))


@jax.custom_jvp
def _by_value(x: jax.Array) -> jax.Array:
    return jnp.where(x >= 0, x, _expm1(jnp.minimum(x, 0)))


@_by_value.defjvp
def _derivative(at: tuple[jax.Array], towards: tuple[jax.Array]) -> tuple[jax.Array, jax.Array]:
    y = _by_value(at[0])
    return y, towards[0] * jnp.where(y >= 0, 1, y + 1)


def _expm1(x: jax.Array) -> jax.Array:
    """exp(x) - 1 of x <= 0, within 2e-7 of it where XLA's own is within 3e-7, in half of the time.

    Where exp(x) is close to 1 the difference loses digits; there it is the Taylor series to x^6 / 6!, which at
    -0.25 leaves out less than float32 can show.
    """
    if x.dtype != jnp.float32:
        return jnp.expm1(x)
    series = jnp.ones_like(x)
    for order in range(6, 1, -1):
        series = 1 + x * (1 / order) * series
    return jnp.where(x > -0.25, x * series, jnp.exp(x) - 1)


@contextlib.contextmanager
def fast_elu(model: keras.Model) -> Iterator[None]:
    """While open, every layer of `model` with Keras' ELU as its activation has the one above.

    Meant to be open while a training step is traced; what is saved of the model is as before.
    """
    layers = [layer for layer in all_layers(model) if vars(layer).get("activation") is keras.activations.elu]
    try:
        for layer in layers:
            layer.activation = elu
        yield
    finally:
        for layer in layers:
            layer.activation = keras.activations.elu

"""ELU as XLA vectorises it.

JAX writes ELU so that its derivative is a chain of selects, which XLA's CPU compiler leaves unvectorised: 9 us of a
step of Tiny, whose products take 20. Written with a minimum it has the same values and the same first derivative,
which takes 1 us. `tests/train/test_activations.py` holds one against the other.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import jax
import jax.numpy as jnp

from gengap.models.backend import keras


def elu(x: jax.Array, alpha: float = 1.0) -> jax.Array:
    """x where it is not negative, else alpha (exp(x) - 1) (Clevert et al. 2016, equation 15); any shape.

    With alpha = 1 the derivative at 0 is 1, as Keras has it.
    """
    return jnp.where(x >= 0, x, alpha * jnp.expm1(jnp.minimum(x, 0)))


@contextlib.contextmanager
def plain_elu(model: keras.Model) -> Iterator[None]:
    """While open, every layer of `model` with Keras' ELU as its activation has the one above.

    Meant to be open while a training step is traced; what is saved of the model is as before.
    """
    layers = [layer for layer in model._flatten_layers() if vars(layer).get("activation") is keras.activations.elu]
    try:
        for layer in layers:
            layer.activation = elu
        yield
    finally:
        for layer in layers:
            layer.activation = keras.activations.elu

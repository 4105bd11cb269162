"""Faster ELU and random bits than JAX's, used while a training step is traced.

ELU: JAX writes it so that its derivative is a chain of selects, which XLA's CPU compiler does not vectorise: 9 us
of a step of Tiny, whose products take 20. Written with a minimum it has the same values and the same first
derivative, which takes 1 us. In wide layers two more changes help. The derivative is computed from ELU's value,
which the next layer keeps anyway, so no other array is written and read back: Large 219 -> 207 ms an epoch, Medium
9.2 -> 8.8. And exp(x) - 1 is a series near zero: on a slower machine Large 299 -> 281, Medium 13.2 -> 11.2. In
narrow layers LLVM turns the first into gathers (Tiny 0.79 -> 0.84), and the second gains nothing.
`tests/train/test_activations.py` compares all of it with Keras.

Random bits for dropout and noise: a hash of each element's index and the step's key. Keras draws a dropout mask
with JAX's threefry, about 14 ms a step for four (500, 512) masks on two cores; the matrix products of that step
take 16. A mask needs no cryptography: here every element's index is mixed with the two 32-bit words of the key by
multiply-and-xorshift rounds (the 32-bit finaliser "lowbias32" by Wellons 2018, "Prospecting for hash functions",
whose measured avalanche bias is 0.17). XLA fuses it into the multiplication by the mask.
`tests/train/test_randomness.py` tests the bits.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.random import define_prng_impl

from gengap.models.backend import keras
from gengap.models.keras_internals import all_layers, seed_generators

WIDE = 64  # units


def elu(x: jax.Array) -> jax.Array:
    """Return x where it is not negative, else exp(x) - 1 (Clevert et al. 2016, equation 15, alpha = 1).

    The derivative at 0 is 1, as Keras has it.
    """
    if x.ndim and x.shape[-1] >= WIDE:
        return _by_value(x)
    return jnp.where(x >= 0, x, jnp.expm1(jnp.minimum(x, 0)))


@jax.custom_jvp
def _by_value(x: jax.Array) -> jax.Array:
    return jnp.where(x >= 0, x, _expm1(jnp.minimum(x, 0)))


@_by_value.defjvp
def _derivative(at: tuple[jax.Array], towards: tuple[jax.Array]) -> tuple[jax.Array, jax.Array]:
    y = _by_value(at[0])
    return y, towards[0] * jnp.where(y >= 0, 1, y + 1)


def _expm1(x: jax.Array) -> jax.Array:
    """Return exp(x) - 1 for x <= 0, within 2e-7 (XLA's own: within 3e-7), in half of the time.

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
    """Give every layer that has Keras' ELU the one above, while the context is open.

    Use it while a training step is traced. What is saved of the model does not change.
    """
    layers = [layer for layer in all_layers(model) if vars(layer).get("activation") is keras.activations.elu]
    try:
        for layer in layers:
            layer.activation = elu
        yield
    finally:
        for layer in layers:
            layer.activation = keras.activations.elu


GOLDEN = 0x9E3779B9  # 2**32 / golden ratio: consecutive indices land far apart


def _mix(h: jax.Array) -> jax.Array:
    h = (h ^ (h >> 16)) * jnp.uint32(0x7FEB352D)
    h = (h ^ (h >> 15)) * jnp.uint32(0x846CA68B)
    return h ^ (h >> 16)


def _words(key: jax.Array, counter: jax.Array) -> jax.Array:
    """Return one 32-bit word for each counter; both words of the key enter before a full mixing round."""
    stream = _mix(key[0] ^ _mix(key[1] + jnp.uint32(GOLDEN)))
    return _mix(_mix(counter * jnp.uint32(GOLDEN) + stream) ^ key[0])


def _random_bits(key: jax.Array, bit_width: int, shape: tuple[int, ...]) -> jax.Array:
    size = 1
    for n in shape:
        size *= n
    index = jax.lax.iota(jnp.uint32, size).reshape(shape)
    if bit_width == 64:
        high, low = _words(key, 2 * index), _words(key, 2 * index + 1)
        return (high.astype(jnp.uint64) << 32) | low.astype(jnp.uint64)
    return _words(key, index).astype(f"uint{bit_width}")


def _split(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    return _random_bits(_fold_in(key, 0x5EED), 32, (*shape, 2))


def _fold_in(key: jax.Array, data: jax.Array | int) -> jax.Array:
    return _words(key, jnp.asarray(data).astype(jnp.uint32) + jnp.arange(2, dtype=jnp.uint32) * 0x10001)


def _seed(seed: jax.Array) -> jax.Array:
    return _fold_in(jnp.zeros(2, jnp.uint32), seed)


HASH = define_prng_impl(
    key_shape=(2,),
    seed=_seed,
    split=_split,
    random_bits=_random_bits,
    fold_in=_fold_in,
    name="index_hash",
    tag="ixh",
)


@contextlib.contextmanager
def hashed_randomness(model: keras.Model) -> Iterator[None]:
    """Let every seed generator of a model return keys of the hash generator, while the context is open.

    The generators' states advance as Keras advances them, so a model trained either way can go on the
    other way. Use it while a training step is traced.
    """
    generators = seed_generators(model)
    for generator in generators:
        generator.next = _typed(generator)
    try:
        yield
    finally:
        for generator in generators:
            generator.__dict__.pop("next", None)


def _typed(generator: Any) -> Any:
    plain = type(generator).next

    def next_key(ordered: bool = True) -> jax.Array:
        return jax.random.wrap_key_data(plain(generator, ordered), impl=HASH)

    return next_key

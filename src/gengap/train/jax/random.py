"""Cheap random bits for dropout and noise: a hash of each element's index and the step's key.

Keras draws a dropout mask with JAX's threefry, about 14 ms a step for four (500, 512) masks on two cores;
the matrix products of that step take 16. A mask needs no cryptography: here every element's index is mixed
with the two 32-bit words of the key by multiply-and-xorshift rounds (the 32-bit finaliser "lowbias32" by
Wellons 2018, "Prospecting for hash functions", whose measured avalanche bias is 0.17). XLA fuses it into the
multiplication by the mask. `tests/train/test_randomness.py` tests the bits.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.random import define_prng_impl

from gengap.models.backend import keras
from gengap.models.keras_internals import seed_generators

GOLDEN = 0x9E3779B9  # 2**32 / golden ratio: consecutive indices land far apart


def _mix(h: jax.Array) -> jax.Array:
    h = (h ^ (h >> 16)) * jnp.uint32(0x7FEB352D)
    h = (h ^ (h >> 15)) * jnp.uint32(0x846CA68B)
    return h ^ (h >> 16)


def _words(key: jax.Array, counter: jax.Array) -> jax.Array:
    """One 32-bit word for each counter; both words of the key enter before a full mixing round."""
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
    """While open, every seed generator of `model` hands out keys of the hash generator.

    The generators' states advance as Keras advances them, so a model trained either way can go on the
    other way. Meant to be open while a training step is traced.
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

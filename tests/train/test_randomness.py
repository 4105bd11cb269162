"""The hashed random bits, tested as one would test a generator: uniform, independent, and right for Keras."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from gengap import models
from gengap.models.backend import keras
from gengap.train.jax.fast_ops import HASH, hashed_randomness

ALPHA = 1e-4  # each test is deterministic; a sound generator fails one in 10,000 choices of seed


def key(seed: int, counter: int) -> jax.Array:
    """As Keras' SeedGenerator makes keys: the seed and a counter that grows by one a step."""
    return jax.random.wrap_key_data(jnp.array([seed, counter], jnp.uint32), impl=HASH)


def bits(seed: int, counter: int, n: int = 200_000) -> np.ndarray:
    return np.asarray(jax.random.bits(key(seed, counter), (n,)))


@pytest.mark.parametrize(("seed", "counter"), [(0, 0), (0, 1), (1, 0), (1009, 77), (2**32 - 1, 5)])
def test_words_are_uniform_in_every_byte_and_uncorrelated(seed: int, counter: int) -> None:
    words = bits(seed, counter)
    for byte in range(4):
        counts = np.bincount((words >> (8 * byte)) & 255, minlength=256)
        assert stats.chisquare(counts).pvalue > ALPHA
    uniform = words / 2**32
    assert stats.kstest(uniform, "uniform").pvalue > ALPHA
    for lag in (1, 2, 16, 512):  # 512: the units above and below each other in a mask
        assert stats.pearsonr(uniform[:-lag], uniform[lag:]).pvalue > ALPHA


@pytest.mark.parametrize(("a", "b"), [((0, 0), (0, 1)), ((0, 0), (1, 0)), ((3, 7), (4, 8)), ((1, 0), (0, 1))])
def test_neighbouring_steps_and_layers_draw_independent_masks(a: tuple[int, int], b: tuple[int, int]) -> None:
    one, other = bits(*a), bits(*b)
    dropped = np.array([[((one < 2**31) == x) & ((other < 2**31) == y) for y in (0, 1)] for x in (0, 1)]).sum(-1)
    assert stats.chi2_contingency(dropped).pvalue > ALPHA
    assert len(np.intersect1d(one, other)) < 60  # by chance about 9 of 200,000 32-bit words


def test_each_input_bit_flips_half_of_the_output_bits() -> None:
    """Avalanche over the counter, the seed and the index."""
    base = bits(5, 9, 4096)
    for flip in range(32):
        for other in (bits(5 ^ (1 << flip), 9, 4096), bits(5, 9 ^ (1 << flip), 4096)):
            share = np.unpackbits((base ^ other).view(np.uint8)).mean()
            assert abs(share - 0.5) < 0.01
    flipped = bits(5, 9, 4097)[1:]
    assert abs(np.unpackbits((base ^ flipped).view(np.uint8)).mean() - 0.5) < 0.01


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_drops_its_share_in_every_row_and_column(rate: float) -> None:
    layer = keras.layers.Dropout(rate, seed=3)
    with hashed_randomness(keras.Sequential([keras.Input((512,)), layer])):
        masks = np.stack([np.asarray(layer(jnp.ones((500, 512)), training=True)) == 0 for _ in range(8)])
    total = masks.size
    assert abs(masks.mean() - rate) < 4.5 * np.sqrt(rate * (1 - rate) / total)
    for axes in ((0, 1), (0, 2)):  # columns, rows
        each = masks.sum(axis=axes)
        n = total // len(each)
        spread = ((each - n * rate) ** 2 / (n * rate * (1 - rate))).sum()
        assert 1e-5 < stats.chi2(len(each)).sf(spread) < 1 - 1e-5


def test_normal_draws_are_normal_and_keys_split() -> None:
    draws = np.asarray(jax.random.normal(key(1, 2), (100_000,)))
    assert stats.kstest(draws, "norm").pvalue > ALPHA
    split = jax.random.split(key(1, 2), 100)
    assert len({tuple(row) for row in np.asarray(jax.random.key_data(split)).tolist()}) == 100
    assert not np.array_equal(
        np.asarray(jax.random.bits(split[0], (9,))), np.asarray(jax.random.bits(split[1], (9,)))
    )
    folded = jax.random.fold_in(key(1, 2), 3)
    assert not np.array_equal(np.asarray(jax.random.bits(folded, (9,))), bits(1, 2, 9))
    assert jax.random.key(3, impl=HASH).shape == ()


def test_keras_goes_on_as_before_outside() -> None:
    model = models.small(treatments=[models.Dropout(0.5)], seed=1)
    twin = models.small(treatments=[models.Dropout(0.5)], seed=1)
    x = np.ones((4, 28), np.float32)
    with hashed_randomness(model):
        inside = np.asarray(model(x, training=True))
    twin(x, training=True)
    assert not np.allclose(inside, np.asarray(twin(x, training=True)))
    states = [[np.asarray(g.state) for layer in m.layers for g in layer._seed_generators] for m in (model, twin)]
    assert len(states[0]) == 2
    assert [s[0] for s in states[0]] == [s[0] for s in states[1]]
    assert [s[1] + 1 for s in states[0]] == [s[1] for s in states[1]]

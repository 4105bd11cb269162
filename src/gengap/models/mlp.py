"""The size ladder: multilayer perceptrons as plain Keras models, from Tiny (481 parameters) to Large (803,329)."""

from __future__ import annotations

from collections.abc import Sequence

from gengap.models.backend import keras
from gengap.models.treatments import Treatment

SIZES = {"Tiny": (16,), "Small": (16, 16), "Medium": (64, 64, 64), "Large": (512, 512, 512, 512)}
HIGGS_FEATURES = 28


def perceptron(
    units: Sequence[int],
    treatments: Sequence[Treatment] = (),
    *,
    features: int = HIGGS_FEATURES,
    activation: str = "elu",
    seed: int = 0,
    name: str | None = None,
) -> keras.Sequential:
    """A perceptron that maps (n, features) float32 to one logit, (n, 1).

    `units` are the widths of the hidden layers. The same `seed` gives the same first weights. At most one
    treatment may bring a kernel penalty; a second raises ValueError.

    >>> perceptron([16]).count_params()
    481
    """
    penalties = [p for t in treatments if (p := t.kernel_regularizer()) is not None]
    if len(penalties) > 1:
        raise ValueError(f"a layer takes one kernel penalty, got {len(penalties)}: {list(treatments)}")
    penalty = penalties[0] if penalties else None
    layers: list[keras.Layer] = [keras.Input((features,))]
    for depth, width in enumerate(units):
        first = keras.initializers.GlorotUniform(seed=_seed(seed, depth))
        layers.append(
            keras.layers.Dense(width, activation=activation, kernel_initializer=first, kernel_regularizer=penalty)
        )
        for treatment in treatments:
            layers.extend(treatment.after_hidden(_seed(seed, depth)))
    last = keras.initializers.GlorotUniform(seed=_seed(seed, len(units)))
    layers.append(keras.layers.Dense(1, kernel_initializer=last))
    return keras.Sequential(layers, name=name)


def _seed(seed: int, depth: int) -> int:
    """Different layers must not start alike; 1,009 (a prime) is more layers than any ladder has."""
    return seed * 1_009 + depth


def tiny(**options: object) -> keras.Sequential:
    """One hidden layer of 16 units: 481 parameters on 28 features. `options` as for `perceptron`."""
    return perceptron(SIZES["Tiny"], **options)  # pyright: ignore[reportArgumentType]


def small(**options: object) -> keras.Sequential:
    """Two hidden layers of 16 units: 753 parameters on 28 features. `options` as for `perceptron`."""
    return perceptron(SIZES["Small"], **options)  # pyright: ignore[reportArgumentType]


def medium(**options: object) -> keras.Sequential:
    """Three hidden layers of 64 units: 10,241 parameters on 28 features. `options` as for `perceptron`."""
    return perceptron(SIZES["Medium"], **options)  # pyright: ignore[reportArgumentType]


def large(**options: object) -> keras.Sequential:
    """Four hidden layers of 512 units: 803,329 parameters on 28 features. `options` as for `perceptron`."""
    return perceptron(SIZES["Large"], **options)  # pyright: ignore[reportArgumentType]

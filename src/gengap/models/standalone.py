"""A trained model with its features' preparation in front, so that it works on raw rows anywhere."""

from __future__ import annotations

import numpy as np

from gengap.models.backend import keras


def standalone(model: keras.Sequential, mean: np.ndarray, scale: np.ndarray) -> keras.Sequential:
    """`model` after a `Normalization` layer that subtracts `mean` and divides by `scale`, both (features,).

    The layers are shared with `model`, and it is compiled with the same loss and metrics, so that
    `keras.saving.load_model(...).evaluate(raw_x, y)` gives the logged loss.
    """
    prepare = keras.layers.Normalization(mean=mean, variance=np.square(scale, dtype=np.float64))
    whole = keras.Sequential([keras.Input((len(mean),)), prepare, *model.layers])
    whole.compile_from_config(model.get_compile_config())
    return whole

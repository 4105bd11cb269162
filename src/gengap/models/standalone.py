"""A trained model with its features' preparation in front, so that it works on raw rows anywhere."""

from __future__ import annotations

import numpy as np

from gengap.models.backend import keras


def standalone(model: keras.Sequential, mean: np.ndarray, scale: np.ndarray) -> keras.Sequential:
    """`model` after layers that subtract `mean` and divide by `scale`, both (features,).

    The layers are shared with `model`, and it is compiled with the same loss and metrics, so that
    `keras.saving.load_model(...).evaluate(raw_x, y)` gives the logged loss.
    """
    # Not `Normalization`: that divides by at least 1e-7, and columns in small units have less spread.
    centre = keras.layers.Rescaling(1.0, offset=(-mean).tolist())
    spread = keras.layers.Rescaling((1 / scale.astype(np.float64)).tolist())
    whole = keras.Sequential([keras.Input((len(mean),)), centre, spread, *model.layers])
    whole.compile_from_config(model.get_compile_config())
    return whole

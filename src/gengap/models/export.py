"""A trained model with its features' preparation in front, so that it works on raw rows anywhere."""

from __future__ import annotations

import numpy as np

from gengap.models import layers as own
from gengap.models.backend import keras
from gengap.models.model_function import BUILD_LOCK
from gengap.models.saved_model import UNITS_LAYER
from gengap.tasks import BINARY, AnyTask, Regression

OWN = (own.MixupLayer, own.PeriodicFeatures, own.MemberFactors, own.MemberMean)


def export_model(model: keras.Model, mean: np.ndarray, scale: np.ndarray, task: AnyTask = BINARY) -> keras.Model:
    """`model` after layers that subtract `mean` and divide by `scale`, both (features,).

    Keras' layers are shared with `model`, and gengap's own replaced by Keras' with the same weights, so that
    `keras.saving.load_model` needs nothing of gengap. Of a model that is no plain Sequential a copy is one layer in
    it. It is compiled with the same loss and metrics: `keras.saving.load_model(...).evaluate(raw_x, y)` gives the
    logged loss. A model of a number (a `task` that is a Regression) gives it in the target's own units, and so does
    its loss.
    """
    # Not `Normalization`: that divides by at least 1e-7, and columns in small units have less spread.
    centre = keras.layers.Rescaling(1.0, offset=(-mean).tolist(), name="centre")
    spread = keras.layers.Rescaling((1 / scale.astype(np.float64)).tolist(), name="spread")
    start = keras.Input((len(mean),))
    copy = None
    if type(model) not in (keras.Sequential, own.TreatedSequential):
        with BUILD_LOCK:  # `model` itself would be saved with an optimizer of its own
            copy = type(model).from_config(model.get_config())
    layers = model.layers if copy is None else [copy]
    kept = [centre, spread, *(layer for layer in layers if not isinstance(layer, own.MixupLayer))]
    if isinstance(task, Regression):
        kept.append(keras.layers.Rescaling(task.scale, offset=task.mean, name=UNITS_LAYER))
    if any(isinstance(layer, OWN) for layer in kept):
        x = start
        for layer in kept:
            x = layer.plain(x) if isinstance(layer, OWN) else layer(x)
        whole = keras.Model(start, x)
    else:
        whole = keras.Sequential([start, *kept])
    if copy is not None:
        copy.set_weights(model.get_weights())
    loss = model.loss if hasattr(model.loss, "__name__") else type(model.loss)
    with keras.saving.custom_object_scope({each.__name__: each for each in (loss, type(model.optimizer))}):
        whole.compile_from_config(model.get_compile_config())
    return whole

"""The table of trainers and models that every law is tried on."""

from __future__ import annotations

from collections.abc import Callable

from gengap import models
from gengap.models.backend import keras
from gengap.train import compiled
from gengap.train import keras as plain

TRAINERS = {"compiled": compiled.fit, "keras": plain.fit}


def compile_model(model: keras.Model, steps: int = 6) -> keras.Model:
    rate = keras.optimizers.schedules.InverseTimeDecay(0.003, decay_steps=steps * 1000, decay_rate=1)
    model.compile(
        optimizer=keras.optimizers.Adam(rate),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[
            keras.metrics.BinaryCrossentropy(from_logits=True, name="binary_crossentropy"),
            keras.metrics.BinaryAccuracy(threshold=0.0, name="accuracy"),
        ],
    )
    return model


def _batch_norm(seed: int = 0) -> keras.Model:
    parts = [keras.Input((28,))]
    for i in range(2):
        first = keras.initializers.GlorotUniform(seed=seed + i)
        parts += [
            # No bias: the normalisation takes it out again, so its gradient is rounding error, which Adam blows up.
            keras.layers.Dense(16, use_bias=False, kernel_initializer=first),
            keras.layers.BatchNormalization(momentum=0.9),
            keras.layers.Activation("elu"),
            keras.layers.GaussianNoise(0.1, seed=seed + 7),
        ]
    last = keras.initializers.GlorotUniform(seed=seed + 9)
    return keras.Sequential([*parts, keras.layers.Dense(1, kernel_initializer=last)])


def _ema_sgd(seed: int = 0) -> keras.Model:
    model = models.small(seed=seed)
    model.compile(
        optimizer=keras.optimizers.SGD(0.05, momentum=0.9, use_ema=True, ema_momentum=0.9),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.BinaryCrossentropy(from_logits=True, name="binary_crossentropy")],
    )
    return model


MODELS: dict[str, Callable[..., keras.Model]] = {
    "Tiny": models.tiny,
    "Small": models.small,
    "Medium": models.medium,
    "Large": models.large,
    "l2": lambda **o: models.large(treatments=[models.L2(0.001)], **o),
    "dropout": lambda **o: models.large(treatments=[models.Dropout(0.5)], **o),
    "combined": lambda **o: models.large(treatments=[models.L2(0.0001), models.Dropout(0.5)], **o),
    "batch-norm and noise": _batch_norm,
    "SGD with averaged weights": _ema_sgd,
}


def make(name: str, seed: int = 0) -> keras.Model:
    model = MODELS[name](seed=seed)
    return model if model.compiled else compile_model(model)

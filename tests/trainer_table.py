"""The table of trainers and models that every law is tried on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gengap import models
from gengap.data.rows import Rows
from gengap.models.backend import keras
from gengap.models.layers import adapt_to_rows
from gengap.plan import Recipe, Trial
from gengap.train import keras_loop as plain
from gengap.train.jax import trainer as compiled
from gengap.train.recipe import Cosine, FlatCosine, Schedule

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


def _ema_sgd(seed: int = 0) -> keras.Model:
    model = models.small(seed=seed)
    model.compile(
        optimizer=keras.optimizers.SGD(0.05, momentum=0.9, use_ema=True, ema_momentum=0.9),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.BinaryCrossentropy(from_logits=True, name="binary_crossentropy")],
    )
    return model


COSINE = Cosine(0.003)
WIDE = (64, 64, 64)  # as deep as Large, whose laws hold for it too, and takes a tenth of the time


def _treated(
    *treatments: models.Treatment, units: tuple[int, ...] = (16, 16), schedule: Schedule = COSINE
) -> Callable[..., keras.Model]:
    trial = Trial(run="a/b", units=units, treatments=treatments, activation="silu")  # pyright: ignore[reportArgumentType]
    recipe = Recipe(max_epochs=40, schedule=schedule)
    return lambda seed=0: trial.build(28, 7, recipe, seed)


def _adapted(*treatments: models.Treatment, units: tuple[int, ...]) -> Callable[..., keras.Model]:
    build = _treated(*treatments, units=units)
    skewed = np.exp(np.random.default_rng(8).normal(size=(300, 28))).astype(np.float32) - 1

    def adapted(seed: int = 0) -> keras.Model:
        model = build(seed)
        adapt_to_rows(model, Rows(skewed, np.zeros(300, np.float32)))
        return model

    return adapted


# Every treatment is in one of these at least; together in few models, because each takes seconds to compile.
TREATED: dict[str, Callable[..., keras.Model]] = {
    "l1 and clip": _treated(models.L1(0.001), models.Clip(2.0, "smooth")),
    "l1_l2 and decay": _treated(models.L1L2(0.001, 0.001), models.WeightDecay(0.1), models.Clip(2.0)),
    "ftrl": _treated(models.Ftrl()),
    "batch norm, noise and mixup": _treated(models.Mixup(), models.Noise(0.1), models.BatchNorm()),
    "periodic and smoothing": _treated(models.Periodic(4, 3), models.LabelSmoothing(0.1), units=(8,)),
    "normal scores": _adapted(models.QuantileNormal(16), models.Clip(2.0), units=(8,)),
    "ensemble": _treated(models.Ensemble(3), units=(8,), schedule=FlatCosine(0.003)),
    "everything": _treated(
        models.Clip(),
        models.Noise(0.1),
        models.Mixup(1.0),
        models.Periodic(4, 3),
        models.Ensemble(3),
        models.BatchNorm(),
        models.Dropout(0.1),
        models.L2(0.001),
        models.WeightDecay(0.01),
        models.LabelSmoothing(0.05),
        units=(8,),
    ),
}

MODELS: dict[str, Callable[..., keras.Model]] = {
    "Tiny": models.tiny,
    "Small": models.small,
    "Medium": models.medium,
    "Large": models.large,
    "dropout": lambda **o: models.perceptron(WIDE, [models.Dropout(0.5)], **o),
    "combined": lambda **o: models.perceptron(WIDE, [models.L2(0.001), models.Dropout(0.5)], **o),
    "SGD with averaged weights": _ema_sgd,
    **TREATED,
}


def make(name: str, seed: int = 0) -> keras.Model:
    model = MODELS[name](seed=seed)
    return model if model.compiled else compile_model(model)

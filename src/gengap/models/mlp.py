"""Multilayer perceptrons as plain Keras models, from Tiny (481 parameters) to Large (803,329)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gengap.models.backend import keras
from gengap.models.layers import MemberMean, MixupLayer, TreatedSequential
from gengap.models.treatment_base import Treatment, check_compatible
from gengap.tasks import BINARY, AnyTask

SIZES = {"Tiny": (16,), "Small": (16, 16), "Medium": (64, 64, 64), "Large": (512, 512, 512, 512)}
HIGGS_FEATURES = 28
LAYERS = 1_009  # a prime above the number of layers of any model


def perceptron(
    units: Sequence[int],
    treatments: Sequence[Treatment] = (),
    *,
    features: int = HIGGS_FEATURES,
    task: AnyTask = BINARY,
    activation: str = "elu",
    seed: int = 0,
    name: str | None = None,
) -> keras.Sequential:
    """Build a multilayer perceptron, which maps (n, features) float32 to the outputs of a task.

    Args:
        units: The widths of the hidden layers.
        treatments: What to add to the layers; `gengap.models` has them.
        features: How many features a row has.
        task: What to predict; by default two classes, with one logit (n, 1).
        activation: The name of one of Keras' activations.
        seed: The same seed gives the same first weights.
        name: The model's name.

    Returns:
        The model, not compiled.

    Raises:
        ValueError: If two treatments exclude each other, such as two kernel penalties.

    >>> perceptron([16]).count_params()
    481
    """
    check_compatible(treatments)
    if unsuited := [str(each) for each in treatments if each.own_models_only]:
        raise ValueError(f"{', '.join(unsuited)}: for models of your own; gengap's networks lack such layers")
    layers: list[keras.Layer] = [keras.Input((features,))]
    width = features
    for place, treatment in enumerate(treatments):
        layers.extend(treatment.before_first(features, _seed(seed, LAYERS - 1 - place)))
        width = treatment.embedded(width)[0]
    for depth, after in enumerate(units):
        layers.extend(_hidden(width, after, depth, treatments, activation, _seed(seed, depth)))
        width = after
    start = _seed(seed, len(units))
    heads = [layer for t in treatments for layer in t.head(width, task, not units, start)]
    first = keras.initializers.GlorotUniform(seed=start)
    layers.extend(heads or [keras.layers.Dense(task.outputs, kernel_initializer=first)])
    end = len(layers) - isinstance(layers[-1], MemberMean)
    layers[end:end] = [layer for t in treatments for layer in t.link(task)]
    special = any(isinstance(layer, (MixupLayer, MemberMean)) for layer in layers)
    return (TreatedSequential if special else keras.Sequential)(layers, name=name)


def _hidden(
    before: int, width: int, depth: int, treatments: Sequence[Treatment], activation: str, seed: int
) -> list[keras.Layer]:
    """Return a hidden layer of `width` units on `before` inputs, with what the treatments add around it."""
    penalty = next((p for t in treatments if (p := t.kernel_regularizer()) is not None), None)
    between = [layer for t in treatments for layer in t.before_activation(width)]
    dense = keras.layers.Dense(
        width,
        activation=None if between else activation,
        use_bias=not any(t.adds_bias for t in treatments),
        kernel_initializer=keras.initializers.GlorotUniform(seed=seed),
        kernel_regularizer=penalty,
    )
    return [
        *(layer for t in treatments for layer in t.before_hidden(before, depth == 0, seed)),
        dense,
        *between,
        *([keras.layers.Activation(activation)] if between else []),
        *(layer for t in treatments for layer in t.after_hidden(seed)),
    ]


def _seed(seed: int, depth: int) -> int:
    """Return a layer's seed: no two layers may start with equal weights."""
    return seed * LAYERS + depth


def compile_binary(
    model: keras.Sequential,
    treatments: Sequence[Treatment] = (),
    rate: keras.optimizers.schedules.LearningRateSchedule | float = 0.001,
) -> None:
    """Compile a model for labels 0 and 1: Adam and cross-entropy on logits, unless a treatment changes them.

    The metrics `binary_crossentropy` and `accuracy` (a logit above 0 is class 1) use the labels without smoothing.

    Args:
        model: A model with one logit as its output.
        treatments: The model's treatments: they may change the optimizer or the loss.
        rate: The learning rate, or a Keras schedule of it in steps.
    """
    compile_for(BINARY, model, treatments, rate)


def compile_for(
    task: AnyTask,
    model: keras.Model,
    treatments: Sequence[Treatment] = (),
    rate: keras.optimizers.schedules.LearningRateSchedule | float = 0.001,
    *,
    weighted: bool = False,
) -> None:
    """Compile a model for a task: Adam, the task's loss and its metrics, unless a treatment changes them.

    Args:
        task: What the model predicts.
        model: A model with the task's outputs.
        treatments: The model's treatments: they may change the optimizer or the loss.
        rate: The learning rate, or a Keras schedule of it in steps.
        weighted: Apply row weights to the metrics too.
    """
    optimizers = [o for t in treatments if (o := t.optimizer(rate)) is not None]
    optimizer = optimizers[0] if optimizers else keras.optimizers.Adam(rate)
    smoothing = max((t.label_smoothing() for t in treatments), default=0.0)
    smoothed = {"label_smoothing": smoothing} if task.by_class else {}
    model.compile(
        optimizer=with_average(optimizer, treatments),
        loss=next(filter(None, (t.loss(task) for t in treatments)), None) or task_loss(task, **smoothed),
        **{"weighted_metrics" if weighted else "metrics": task_metrics(task)},
    )


def with_average(optimizer: keras.Optimizer, treatments: Sequence[Treatment]) -> keras.Optimizer:
    """Let an optimizer compute a moving average of the weights if a treatment says so, and return it."""
    momentum = max((t.averaging() for t in treatments), default=0.0)
    if momentum:
        optimizer.use_ema, optimizer.ema_momentum, optimizer.ema_overwrite_frequency = True, momentum, None
    return optimizer


def task_loss(task: AnyTask, **options: float) -> keras.losses.Loss:
    """Return a task's loss as a Keras loss."""
    name, settings = task.keras_loss
    return getattr(keras.losses, name)(**settings, **options)


def task_metrics(task: AnyTask) -> list[keras.metrics.Metric]:
    """Return a task's metrics as Keras metrics."""
    return [getattr(keras.metrics, metric)(**settings) for metric, settings in task.keras_metrics]


def tiny(**options: object) -> keras.Sequential:
    """Build one hidden layer of 16 units: 481 parameters on 28 features. `options`: see `perceptron`."""
    return perceptron(SIZES["Tiny"], **options)  # pyright: ignore[reportArgumentType]


def small(**options: object) -> keras.Sequential:
    """Build two hidden layers of 16 units: 753 parameters on 28 features. `options`: see `perceptron`."""
    return perceptron(SIZES["Small"], **options)  # pyright: ignore[reportArgumentType]


def medium(**options: object) -> keras.Sequential:
    """Build three hidden layers of 64 units: 10,241 parameters on 28 features. `options`: see `perceptron`."""
    return perceptron(SIZES["Medium"], **options)  # pyright: ignore[reportArgumentType]


def large(**options: object) -> keras.Sequential:
    """Build four hidden layers of 512 units: 803,329 parameters on 28 features. `options`: see `perceptron`."""
    return perceptron(SIZES["Large"], **options)  # pyright: ignore[reportArgumentType]


def share_below(model: keras.Model, threshold: float = 1e-3) -> float:
    """Return the share, from 0 to 1, of the weights in all kernels whose absolute value is below a threshold.

    Biases, normalisation and the frequencies of embeddings don't count.

    Args:
        model: A built Keras model.
        threshold: The absolute value.

    Returns:
        The share; NaN for a model without kernels.
    """
    kernels = [keras.ops.convert_to_numpy(v).ravel() for v in model.weights if v.name == "kernel"]
    return float(np.mean(np.abs(np.concatenate(kernels)) < threshold)) if kernels else float("nan")

"""Optimizers and losses of a user's own model, as its treatments change them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gengap.models.backend import keras
from gengap.models.mlp import with_average
from gengap.models.treatment_base import Treatment
from gengap.models.treatments import Ftrl, LabelSmoothing, WeightAverage, WeightDecay

NO_KERNEL = "^(?!.*kernel$)"  # matches the names of all variables but kernels, those of recurrent layers included
SMOOTHED = (
    *("BinaryCrossentropy", "CategoricalCrossentropy"),
    *("BinaryFocalCrossentropy", "CategoricalFocalCrossentropy"),
)


def treated_optimizer(optimizer: keras.Optimizer, treatments: Sequence[Treatment]) -> keras.Optimizer:
    """Return a new optimizer of the same kind, with weight decay on kernels, or the one that a treatment brings."""
    decay = next((each.strength for each in treatments if isinstance(each, WeightDecay)), None)
    follow = next((each for each in treatments if isinstance(each, Ftrl)), None)
    if follow is not None:
        brought = follow.optimizer(follow.learning_rate)
        assert brought is not None
        return with_average(brought, treatments)
    decayed = {} if decay is None else {"weight_decay": decay}
    copied = type(optimizer).from_config({**optimizer.get_config(), **decayed})
    if decayed:
        copied.exclude_from_weight_decay(var_names=[NO_KERNEL])
    return with_average(copied, treatments)


def as_loss(loss: Any) -> keras.losses.Loss | Any:
    """Return a loss as Keras' object if it is one of Keras' functions or names, else the loss itself."""
    function = keras.losses.get(loss) if isinstance(loss, str) else loss
    name = getattr(function, "__name__", "")
    kind = getattr(keras.losses, "".join(part.capitalize() for part in name.split("_")), None)
    of_keras = str(getattr(function, "__module__", "")).startswith("keras.")
    return kind() if isinstance(kind, type) and of_keras else function


def treated_loss(loss: Any, treatments: Sequence[Treatment]) -> Any:
    """Return the loss, with smoothed labels if a treatment says so and the loss has them."""
    rate = max((each.label_smoothing() for each in treatments), default=0.0)
    if not rate or why_not_smoothed(loss):
        return loss
    whole = as_loss(loss)
    return type(whole).from_config({**whole.get_config(), "label_smoothing": rate})


def why_not_smoothed(loss: Any) -> str:
    """Return why a loss can't smooth labels, or an empty text."""
    whole = as_loss(loss)
    kind = type(whole).__name__
    if kind in SMOOTHED and isinstance(whole, keras.losses.Loss):
        return ""
    if kind == "SparseCategoricalCrossentropy":
        return "Keras smooths one-hot labels only; give those and CategoricalCrossentropy"
    return f"the loss {getattr(whole, '__name__', kind)} has no label_smoothing"


def why_not_compiled(treatment: Treatment, optimizer: keras.Optimizer, loss: Any) -> str:
    """Return why a treatment can't change the optimizer or the loss of a model, or an empty text."""
    if isinstance(treatment, LabelSmoothing):
        return why_not_smoothed(loss)
    if isinstance(treatment, WeightDecay) and "weight_decay" not in optimizer.get_config():
        return f"the optimizer {type(optimizer).__name__} has no weight_decay"
    if isinstance(treatment, WeightAverage) and "use_ema" not in optimizer.get_config():
        return f"the optimizer {type(optimizer).__name__} has no use_ema"
    return ""

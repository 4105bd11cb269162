"""Check before training that targets suit a model's loss. Keras trains on some wrong targets without an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gengap.data.rows import Rows
from gengap.errors import UsageError
from gengap.models import backend
from gengap.train.types import output_shape

if TYPE_CHECKING:
    import keras


def check_targets(model: keras.Model, name: str, rows: Rows, loss: Any = None) -> None:
    """Raise UsageError if targets have the wrong shape or range for one of Keras' own losses.

    Models with several outputs, and losses of the user's, are not checked. Labels of weight 0 may be anything.
    Errors call the rows `name`. The loss is that of the compiled model, unless one is given.
    """
    loss, shape = _keras_loss(getattr(model, "loss", None) if loss is None else loss), output_shape(model, rows)
    if loss is None or not shape or not isinstance(rows.y, np.ndarray):
        return
    y = rows.shaped_like(shape).y
    losses = backend.keras.losses
    if isinstance(loss, losses.SparseCategoricalCrossentropy):
        counts = isinstance(rows.weights, np.ndarray) and rows.weights.ndim <= y.ndim
        labels = y[rows.weights != 0] if counts else y
        _check_labels(name, labels, shape[-1], loss.get_config().get("ignore_class"))
        return
    if None not in shape[1:] and y.shape[1:] != tuple(shape[1:]):
        expected = (len(rows), *shape[1:])
        raise UsageError(
            f"{name}: y has the shape {rows.y.shape}, expected {expected} like the model's output. If y holds the "
            f"numbers of {shape[-1]} classes, compile the model with SparseCategoricalCrossentropy"
        )
    if isinstance(loss, (losses.BinaryCrossentropy, losses.CategoricalCrossentropy)):
        low, high = float(np.min(y)), float(np.max(y))
        if not (low >= 0 and high <= 1):
            raise UsageError(
                f"{name}: y holds values from {low:g} to {high:g}, but {type(loss).__name__} expects 0 to 1. "
                "Number two classes 0 and 1, or compile the model with another loss"
            )


def _keras_loss(loss: Any) -> Any:
    """Return the only loss of a model if it is one of Keras'; else None."""
    if isinstance(loss, str):
        from gengap.models.own_compile import as_loss

        loss = as_loss(loss)
    own = isinstance(loss, backend.keras.losses.Loss) and type(loss).__module__.startswith("keras.")
    return loss if own else None


def _check_labels(name: str, y: np.ndarray, classes: int | None, ignored: int | None) -> None:
    """Raise UsageError if a label is not a whole number from 0 to `classes` - 1."""
    labels = y if ignored is None else y[y != ignored]
    wrong = (labels < 0) | (labels != np.round(labels))
    if classes is not None:
        wrong |= labels >= classes
    if wrong.any():
        raise UsageError(
            f"{name}: y holds the label {labels[wrong][0]:g}, but the model has outputs for {classes} classes. Use "
            f"labels 0 to {(classes or 1) - 1}, or give the model more outputs"
        )

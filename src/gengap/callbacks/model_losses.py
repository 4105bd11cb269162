"""Each validation row's loss under a Keras model as it stands, on any backend.

Keras is imported only when there is a model: whoever built it has chosen the backend.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gengap.errors import UsageError
from gengap.train.types import recorded_rows

if TYPE_CHECKING:
    import keras

CURVES_ALONE = "Leave out validation=: then the curves alone are judged."


def checked_validation(validation: Any) -> tuple[Any, np.ndarray]:
    """x and y, of at most 20,000 rows."""
    if not isinstance(validation, (tuple, list)) or len(validation) != 2:
        raise UsageError(f"validation is a {type(validation).__name__}; expected a pair (x, y) of arrays")
    x, y = _each(np.asarray, validation[0]), np.asarray(validation[1])
    sizes: list[int] = []
    _each(lambda array: sizes.append(len(array) if array.ndim else 0), x)
    if y.ndim == 0 or len(y) < 2 or set(sizes) != {len(y)}:
        counts = ", ".join(map(str, sizes)) or "no"
        rows = len(y) if y.ndim else 0
        raise UsageError(f"validation: x has {counts} rows and y {rows}; expected as many, two at least")
    rows = recorded_rows(len(y))
    return (x, y) if len(rows) == len(y) else (_each(lambda array: array[rows], x), y[rows])


def _each(function: Callable[[Any], Any], x: Any) -> Any:
    """`function` of a model's input, or of each of its inputs."""
    if isinstance(x, Mapping):
        return {name: function(part) for name, part in x.items()}
    return type(x)(map(function, x)) if type(x) in (list, tuple) else function(x)


def model_losses(model: keras.Model, x: Any, y: np.ndarray, batch_size: int) -> np.ndarray:
    """Each row's loss (n,) float32 as the model stands, without penalties; one batch's outputs are held at a time.

    By `predict_on_batch`, because on PyTorch every `predict` draws from the generator that shuffles training rows.
    """
    loss, parts = compiled_loss(model), []
    for start in range(0, len(y), batch_size):
        part = slice(start, start + batch_size)
        outputs = model.predict_on_batch(_each(lambda array, part=part: _as_input(array[part]), x))
        parts.append(_losses(loss, y[part], np.asarray(_only(outputs))))
    return np.concatenate(parts)


def _as_input(array: np.ndarray) -> np.ndarray:
    """In the float type that `fit` gives a model."""
    from gengap.models.backend import keras

    return array.astype(keras.config.floatx(), copy=False) if array.dtype.kind == "f" else array


def _losses(loss: Any, y: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    from gengap.models.backend import keras

    if y.ndim + 1 == outputs.ndim and outputs.shape[-1] == 1:  # as Keras matches them
        y = y[..., None]
    elif outputs.ndim + 1 == y.ndim and y.shape[-1] == 1:
        outputs = outputs[..., None]
    dtype = getattr(loss, "dtype", keras.config.floatx())
    function = loss.call if isinstance(loss, keras.losses.Loss) else loss
    tensors = (keras.ops.convert_to_tensor(array, dtype) for array in (y, outputs))
    losses = np.asarray(keras.ops.convert_to_numpy(function(*tensors)), np.float32)
    if losses.ndim == 0 or len(losses) != len(y):
        raise UsageError(
            f"the model's loss gives the shape {losses.shape} for {len(y)} rows, not one each. {CURVES_ALONE}"
        )
    return losses.reshape(len(losses), -1).mean(axis=1)


def compiled_loss(model: keras.Model) -> Any:
    """The compiled loss: a Keras Loss or a function of targets and outputs."""
    from gengap.models.backend import keras

    try:
        loss = keras.losses.get(_only(model.loss))
    except ValueError as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(
            f"the model's loss is {model.loss!r}, which has no value for each row. {CURVES_ALONE}"
        ) from None
    if loss is None:
        raise UsageError(f"the model was compiled without a loss, so its rows have none. {CURVES_ALONE}")
    return loss


def _only(value: Any) -> Any:
    """The one output, or its loss, of a model that may hold it in a list or dict."""
    if isinstance(value, (list, tuple, dict)):
        if len(value) != 1:
            raise UsageError(
                f"the model has {len(value)} outputs or losses; rows are judged by one. {CURVES_ALONE}"
            )
        return next(iter(value.values() if isinstance(value, dict) else value))
    return value

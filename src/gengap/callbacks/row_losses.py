"""Each validation row's loss under a Keras model as it is now, on any backend, and which epochs' losses to keep.

Keras is imported only when there is a model: whoever built it has chosen the backend.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gengap.errors import UsageError
from gengap.models import backend
from gengap.stats.curves import RowLosses
from gengap.train.types import OUTPUT_EPOCHS, recorded_rows

if TYPE_CHECKING:
    import keras

CURVES_ALONE = "Leave out validation=: then the curves alone are judged."


def checked_validation(validation: Any) -> tuple[Any, np.ndarray]:
    """Return x and y with at most 20,000 rows."""
    if not isinstance(validation, (tuple, list)) or len(validation) != 2:
        raise UsageError(f"validation is a {type(validation).__name__}; expected a pair (x, y) of arrays")
    x, y = _each(np.asarray, validation[0]), np.asarray(validation[1])
    sizes: list[int] = []
    _each(lambda array: sizes.append(len(array) if array.ndim else 0), x)
    if y.ndim == 0 or len(y) < 2 or set(sizes) != {len(y)}:
        counts = ", ".join(map(str, sizes)) or "no"
        rows = len(y) if y.ndim else 0
        raise UsageError(f"validation: x has {counts} rows and y {rows}; expected equally many, at least two")
    rows = recorded_rows(len(y))
    return (x, y) if len(rows) == len(y) else (_each(lambda array: array[rows], x), y[rows])


def _each(function: Callable[[Any], Any], x: Any) -> Any:
    """Apply `function` to a model's input, or to each of its inputs."""
    if isinstance(x, Mapping):
        return {name: function(part) for name, part in x.items()}
    return type(x)(map(function, x)) if type(x) in (list, tuple) else function(x)


def model_losses(model: keras.Model, x: Any, y: np.ndarray, batch_size: int) -> np.ndarray:
    """Return each row's loss (n,) float32, without penalties; one batch's outputs are held at a time.

    By `predict_on_batch`, because on PyTorch every `predict` draws from the generator that shuffles training rows.
    """
    loss, parts = compiled_loss(model), []
    for start in range(0, len(y), batch_size):
        part = slice(start, start + batch_size)
        outputs = model.predict_on_batch(_each(lambda array, part=part: _as_input(array[part]), x))
        parts.append(_losses(loss, y[part], np.asarray(_only(outputs))))
    return np.concatenate(parts)


def _as_input(array: np.ndarray) -> np.ndarray:
    """Convert an array to the float type that `fit` gives a model."""
    return array.astype(backend.keras.config.floatx(), copy=False) if array.dtype.kind == "f" else array


def _losses(loss: Any, y: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    if y.ndim + 1 == outputs.ndim and outputs.shape[-1] == 1:  # as Keras matches them
        y = y[..., None]
    elif outputs.ndim + 1 == y.ndim and y.shape[-1] == 1:
        outputs = outputs[..., None]
    dtype = getattr(loss, "dtype", backend.keras.config.floatx())
    function = loss.call if isinstance(loss, backend.keras.losses.Loss) else loss
    tensors = (backend.keras.ops.convert_to_tensor(array, dtype) for array in (y, outputs))
    losses = np.asarray(backend.keras.ops.convert_to_numpy(function(*tensors)), np.float32)
    if losses.ndim == 0 or len(losses) != len(y):
        raise UsageError(
            f"the model's loss gives the shape {losses.shape} for {len(y)} rows, not one each. {CURVES_ALONE}"
        )
    return losses.reshape(len(losses), -1).mean(axis=1)


def compiled_loss(model: keras.Model) -> Any:
    """Return the compiled loss: a Keras Loss, or a function of targets and outputs."""
    try:
        loss = backend.keras.losses.get(_only(model.loss))
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
    """Return the single output (or its loss) of a model, also from a list or dict."""
    if isinstance(value, (list, tuple, dict)):
        if len(value) != 1:
            raise UsageError(
                f"the model has {len(value)} outputs or losses; rows are judged by one. {CURVES_ALONE}"
            )
        return next(iter(value.values() if isinstance(value, dict) else value))
    return value


GROWTH = 1.07  # from one epoch whose rows are kept to the next: 42 of 100 epochs, and 64 of a few hundred


class RowLossHistory:
    """The rows' losses at `OUTPUT_EPOCHS` log-spaced epochs at most, the best and the last.

    The number of epochs is not known beforehand, so epochs are removed where they are closest.
    """

    def __init__(self) -> None:
        self._losses: dict[
            int, tuple[int, np.ndarray]
        ] = {}  # by how many epochs were done: the epoch and its losses
        self._spaced: list[int] = []
        self._best, self._lowest = 0, math.inf
        self._rows: int | None = None

    def wants(self, done: int, level: float) -> bool:
        """Tell whether to keep the epoch after which `done` are done, with this validation loss."""
        return not self._spaced or done >= GROWTH * self._spaced[-1] or level < self._lowest

    def checked(self, place: str, rows: Any) -> np.ndarray:
        """Check one epoch's losses (n, ...), and return each row's (n,) float32."""
        try:
            losses = np.asarray(rows, dtype=np.float32)
        except (TypeError, ValueError, RuntimeError) as error:
            raise UsageError(f"{place}: rows can't be made an array of numbers ({error})") from None
        if losses.ndim == 0 or len(losses) < 2 or losses.size == 0:
            raise UsageError(
                f"{place}: rows has the shape {losses.shape}; expected each validation row's loss, at least two"
            )
        if self._rows not in (None, len(losses)):
            raise UsageError(
                f"{place}: rows holds {len(losses)} losses, before there were {self._rows}; expected those of the "
                "same rows every time"
            )
        return losses.reshape(len(losses), -1).mean(axis=1)

    def keep(self, done: int, epoch: int, losses: np.ndarray, level: float) -> None:
        """Store these losses while they are among the spaced ones, the best or the last."""
        if not self._spaced or done >= GROWTH * self._spaced[-1]:
            self._spaced.append(done)
        if len(self._spaced) > OUTPUT_EPOCHS:
            spaced = np.array(self._spaced)
            del self._spaced[1 + int(np.argmin(spaced[2:] / spaced[:-2]))]
        if level < self._lowest:
            self._best, self._lowest = done, level
        self._rows = len(losses)
        self._losses[done] = epoch, losses[recorded_rows(len(losses))]
        self._losses = {d: stored for d, stored in self._losses.items() if d in (*self._spaced, self._best, done)}

    def losses(self) -> RowLosses | None:
        """Return the stored losses, or None."""
        if not self._losses:
            return None
        epochs, losses = zip(*self._losses.values(), strict=True)
        return RowLosses(np.array(epochs, np.int64), np.stack(losses))

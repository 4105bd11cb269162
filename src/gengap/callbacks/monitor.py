"""`Monitor`: a live verdict in Keras' `fit`, on any backend, and in any other training loop.

logs of an epoch -> curves, and each validation row's loss at some epochs -> gengap.diagnose.verdict -> Verdict

Importing this does not import Keras. A plain loop needs none.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, SupportsFloat

import numpy as np

from gengap.diagnose.judge import judge
from gengap.diagnose.run_curves import Log, choose_curves
from gengap.diagnose.verdict import Verdict, make_thresholds
from gengap.errors import UsageError, check_count
from gengap.history import History, Series
from gengap.models import backend
from gengap.stats.curves import RowLosses
from gengap.train.types import OUTPUT_EPOCHS, check_epochs, recorded_rows

if TYPE_CHECKING:
    import keras

CURVES_ALONE = "Leave out validation=: then the curves alone are judged."
GROWTH = 1.07  # from one epoch whose rows are kept to the next: 42 of 100 epochs, and 64 of a few hundred
CERTAIN = 0.99  # the probability from which overfitting is certain
# Epochs done. Rarer than a trial's checks, because each computes a whole verdict.
CHECKS = frozenset(check_epochs(1.15, before=1e12))

Values = SupportsFloat | Mapping[str, SupportsFloat]


class Monitor:
    """Give a verdict on a run while it trains: in Keras' `fit` on any backend, or in any other loop.

    In Keras: `model.fit(..., validation_data=(x, y), callbacks=[Monitor(validation=(x, y))])`. In any other loop,
    call `log` once per epoch. A `fit` from epoch 0 is a new run. One with `initial_epoch` continues the run. The
    model keeps the last epoch's weights.

    With validation rows, the monitor measures each row's loss at up to 64 log-spaced epochs, the best and the last.
    This separates luck in the choice of rows from overfitting. Each time costs a pass over the rows, of at most
    20,000 evenly spaced ones. Sample weights and masks are not used. If the first epoch logs no `val_loss`, every
    epoch costs a pass, and the mean over the rows is the validation loss.

    Args:
        validation: The validation rows `(x, y)` as the model takes them: x (n, ...), or a list or dict of such,
            and y (n, ...). Default: the verdict is from the curves alone.
        metric: The curves to judge. Default: the loss.
        min_effect: The smallest change that matters, as a share of the loss or the metric.
        stop: End Keras' `fit`, and set `certain`, when overfitting has a probability of at least `CERTAIN`.
        batch_size: Rows per step when row losses are measured.
        run: Name of the run in the verdict.

    Raises:
        UsageError: An argument is wrong, or the rows don't fit the model.

    >>> monitor = Monitor()
    >>> for epoch in range(40):
    ...     monitor.log(epoch, train=0.9 * 0.95**epoch, validation=0.5 + 0.4 * 0.8**epoch + 0.004 * epoch)
    >>> monitor.verdict.verdict, monitor.verdict.best_epoch
    ('overfit', 14)
    """

    def __init__(
        self,
        validation: tuple[Any, Any] | None = None,
        *,
        metric: str | None = None,
        min_effect: float = 0.01,
        stop: bool = False,
        batch_size: int = 256,
        run: str = "model",
    ) -> None:
        if validation is not None and metric not in (None, "loss", "val_loss"):
            raise UsageError(f"validation= gives the rows of the loss, but metric is {metric!r}. {CURVES_ALONE}")
        check_count("batch_size", batch_size)
        self._validation = None if validation is None else checked_validation(validation)
        self._metric, self._thresholds, self._stop = metric, make_thresholds(min_effect), stop
        self._batch_size, self._name = batch_size, run
        self._run = _RunState()

    @property
    def verdict(self) -> Verdict:
        """The verdict so far. Raises UsageError if there is no validation curve yet."""
        if self._run.verdict is None:
            names = {(split, m): m if split == "train" else f"val_{m}" for split, m in self._run.series}
            curves = choose_curves(Log(self.history, names), self._metric)
            rows = None if curves.higher_is_better else self.rows
            self._run.verdict = judge(curves, rows, self._thresholds)
        return self._run.verdict

    @property
    def history(self) -> History:
        """The curves so far."""
        series = {
            key: Series(np.array(list(values), np.int64), np.array(list(values.values()), np.float64))
            for key, values in self._run.series.items()
        }
        return History(self._name, 0, series)

    @property
    def rows(self) -> RowLosses | None:
        """The row losses so far, for `gengap.diagnose`; None without rows."""
        return self._run.rows.losses()

    @property
    def logs_only(self) -> bool:
        """Whether the monitor needs only logs, so that `gengap.fit` may call it after many epochs at once."""
        return self._validation is None and not self._stop

    @property
    def certain(self) -> bool:
        """Whether overfitting was certain at a check. Always False without `stop=True`."""
        return self._run.certain

    @property
    def last_epoch(self) -> int:
        """The epoch that was logged last; -1 before the first."""
        return self._run.last

    @property
    def is_due(self) -> bool:
        """Whether a live verdict is worth its time after the last epoch: at log-spaced epochs."""
        return self._run.done in CHECKS

    def log(
        self, epoch: int, *, train: Values | None = None, validation: Values | None = None, rows: Any = None
    ) -> None:
        """Add the values of one epoch.

        Args:
            epoch: The epoch's number, larger than the last one.
            train: The training loss, or values by metric: `{"loss": 0.5, "accuracy": 0.8}`.
            validation: The same for validation. Default: the mean of `rows`.
            rows: The loss of each validation row, (n,) or (n, ...), of the same n rows every time. It may be given
                at some epochs only.

        Raises:
            UsageError: A value is wrong. Then nothing of this epoch is stored.
        """
        run, place = self._run, f"epoch {epoch}"
        losses = None if rows is None else run.rows.checked(place, rows)
        if validation is None and losses is not None:
            validation = float(losses.mean(dtype=np.float64))
        values = _numbers(place, "train", train) | _numbers(place, "validation", validation)
        if not values:
            raise UsageError(f"{place} brings nothing; expected train=, validation= or rows=")
        run.add(_next_epoch(epoch, run.last), values)
        if losses is not None:
            level = values.get(("validation", "loss"), float(losses.mean(dtype=np.float64)))
            run.rows.keep(run.done, run.last, losses, level)
        if self._stop and run.done in CHECKS and any(split == "validation" for split, _ in run.series):
            run.certain = run.certain or self.verdict.probabilities["overfit"] >= CERTAIN

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Refuse a loss that has no value per row. Keras calls this before the first epoch."""
        if self._validation is not None:
            compiled_loss(self.model)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Log the epoch, with row losses at some epochs. Keras calls this."""
        if epoch <= self._run.last:
            self._run = _RunState()
        scalars = {name: value for name, value in (logs or {}).items() if np.ndim(value) == 0}
        train = {name: value for name, value in scalars.items() if not name.startswith("val_")}
        validation = {name[4:]: value for name, value in scalars.items() if name.startswith("val_")}
        if not self._run.done:
            self._run.validates = self._validation is not None and "loss" not in validation
        losses = None
        if self._validation is not None and self._due(epoch, validation.get("loss", math.inf)):
            losses = model_losses(self.model, *self._validation, self._batch_size)
        if losses is not None and self._run.validates:
            validation["loss"] = float(losses.mean(dtype=np.float64))
        self.log(epoch, train=train, validation=validation, rows=losses)
        if self.certain:
            self.model.stop_training = True

    def _due(self, epoch: int, level: float) -> bool:
        """Tell whether the row losses of this epoch are needed."""
        last = epoch + 1 == self.params.get("epochs") or self.model.stop_training
        return self._run.validates or last or self._run.rows.wants(self._run.done + 1, level)

    @cached_property
    def _callback(self) -> keras.callbacks.Callback:
        return backend.keras.callbacks.Callback()

    def __getattr__(self, name: str) -> Any:
        """Return what else Keras needs of a callback, from a Keras callback made at first use."""
        if name.startswith(("on_", "set_")) or name in ("model", "params"):
            return getattr(self._callback, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


class _RunState:
    """One run so far.

    `series[split, metric]` are its values by epoch, `done` counts its epochs, and `last` is the latest.
    `validates` tells that the rows give its validation loss, because Keras' `fit` doesn't.
    """

    def __init__(self) -> None:
        self.series: dict[tuple[str, str], dict[int, float]] = {}
        self.rows = RowLossHistory()
        self.done, self.last = 0, -1
        self.validates = False
        self.certain = False
        self.verdict: Verdict | None = None

    def add(self, epoch: int, values: Mapping[tuple[str, str], float]) -> None:
        for key, value in values.items():
            self.series.setdefault(key, {})[epoch] = value
        self.done, self.last, self.verdict = self.done + 1, epoch, None


def _next_epoch(epoch: Any, last: int) -> int:
    try:
        number = operator.index(epoch)
    except TypeError:
        raise UsageError(f"epoch is {epoch!r}; expected a whole number") from None
    if number < 0:
        raise UsageError(f"epoch is {number}; expected 0 or more")
    if number <= last:
        raise UsageError(
            f"epoch {number} comes after epoch {last}; epochs must rise. For a new run make a new Monitor"
        )
    return number


def _numbers(place: str, split: str, values: Values | None) -> dict[tuple[str, str], float]:
    named: Mapping[str, Any] = values if isinstance(values, Mapping) else {} if values is None else {"loss": values}
    numbers = {}
    for name, value in named.items():
        try:
            if isinstance(value, (str, bytes, bool)) or np.ndim(value) != 0:
                raise TypeError("not a number")
            numbers[split, str(name).removeprefix("val_" if split == "validation" else "")] = float(value)
        except (TypeError, ValueError):
            raise UsageError(f"{place}: {split} {name} is {repr(value)[:40]}; expected a number") from None
    return numbers


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
        return self._is_spaced(done) or level < self._lowest

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
        if self._is_spaced(done):
            self._spaced.append(done)
        if len(self._spaced) > OUTPUT_EPOCHS:
            spaced = np.array(self._spaced)
            del self._spaced[1 + int(np.argmin(spaced[2:] / spaced[:-2]))]
        if level < self._lowest:
            self._best, self._lowest = done, level
        self._rows = len(losses)
        self._losses[done] = epoch, losses[recorded_rows(len(losses))]
        self._losses = {d: stored for d, stored in self._losses.items() if d in (*self._spaced, self._best, done)}

    def _is_spaced(self, done: int) -> bool:
        return not self._spaced or done >= GROWTH * self._spaced[-1]

    def losses(self) -> RowLosses | None:
        """Return the stored losses, or None."""
        if not self._losses:
            return None
        epochs, losses = zip(*self._losses.values(), strict=True)
        return RowLosses(np.array(epochs, np.int64), np.stack(losses))

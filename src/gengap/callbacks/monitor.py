"""`Monitor`: a live verdict in Keras' `fit`, on any backend, and in any other training loop.

logs of an epoch -> curves, and each validation row's loss at some epochs -> gengap.diagnose.verdict -> Verdict

Importing this does not import Keras. A plain loop needs none.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, SupportsFloat

import numpy as np

from gengap.callbacks.row_losses import (
    CURVES_ALONE,
    RowLossHistory,
    checked_validation,
    compiled_loss,
    model_losses,
)
from gengap.diagnose.judge import judge
from gengap.diagnose.run_curves import Log, choose_curves
from gengap.diagnose.verdict import Verdict, make_thresholds
from gengap.errors import UsageError
from gengap.history import History, Series
from gengap.models import backend
from gengap.stats.curves import RowLosses
from gengap.train.types import check_epochs

if TYPE_CHECKING:
    import keras

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
        if batch_size < 1:
            raise UsageError(f"batch_size is {batch_size}; expected a whole number of at least 1")
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


def _numbers(place: str, split: str, given: Values | None) -> dict[tuple[str, str], float]:
    named: Mapping[str, Any] = given if isinstance(given, Mapping) else {} if given is None else {"loss": given}
    numbers = {}
    for name, value in named.items():
        try:
            if isinstance(value, (str, bytes, bool)) or np.ndim(value) != 0:
                raise TypeError("not a number")
            numbers[split, str(name).removeprefix("val_" if split == "validation" else "")] = float(value)
        except (TypeError, ValueError):
            raise UsageError(f"{place}: {split} {name} is {repr(value)[:40]}; expected a number") from None
    return numbers

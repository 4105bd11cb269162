"""What every trainer takes and returns: a configuration, progress reports, and the result with its history.

The compiled trainer and Keras' own loop share these, so that the same laws are tested on both.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from gengap.data.rows import Rows, list_arrays, map_arrays
from gengap.history import History, Series
from gengap.models import backend
from gengap.options.spec import ProductPrecision
from gengap.train.checkpoint import CheckpointFile, PartialResult
from gengap.train.stopping import Stopping, StopReason

if TYPE_CHECKING:
    import keras

OUTPUT_EPOCHS = 64  # log-spaced epochs at which the validation rows' outputs are recorded
OUTPUT_ROWS = 20_000  # the most validation rows whose outputs are recorded; of more, evenly spaced ones
FIRST_CHECK = 16  # epochs before the first check of the verdict
CHECK_GROWTH = 1.05  # from one check to the next


@dataclass(frozen=True)
class Progress:
    """A report after each chunk of epochs.

    Attributes:
        epoch: How many epochs are done.
        train: The latest training value of the monitored metric.
        validation: The latest validation value.
        best_epoch: Its epoch, from 0; None if there is none yet.
        history: Returns the curves so far, while the report is handled.
    """

    run: str
    seed: int
    epoch: int
    max_epochs: int
    train: float
    validation: float
    best: float
    best_epoch: int | None
    seconds: float
    history: Callable[[], History]


@dataclass(frozen=True)
class TrainConfig:
    """How to train one model: settings that all trainers understand.

    Attributes:
        seed: Orders the rows.
        precision: Of the operands of large products, "float32" or "bfloat16": see `gengap.train.jax.rounding`.
        randomness: "hashed" (fast, see `gengap.train.jax.fast_ops`) or "keras" (Keras' own random numbers).
        on_progress: Called after each chunk of epochs.
        interrupt: Once set, the trial ends after the current chunk.
        is_settled: Tells at `checks` whether the verdict on the trial is settled; then the trial ends.
        checkpoints: Where the compiled trainer saves checkpoints, and resumes from the latest.
        callbacks: Keras callbacks: see `gengap.train.keras_loop`.
        row_values: What to record of the validation rows in place of the model's outputs: a function of outputs
            and targets with values (rows, ...).
        averaged: Evaluate and keep the moving average of the weights that the optimizer computes (`use_ema`).
    """

    epochs: int
    batch: int = 500
    stopping: Stopping = field(default_factory=Stopping)
    seed: int = 0
    run: str = "model"
    precision: ProductPrecision = "float32"
    randomness: str = "hashed"
    on_progress: Callable[[Progress], None] | None = None
    interrupt: threading.Event | None = None
    is_settled: Callable[[PartialResult], bool] | None = None
    checkpoints: CheckpointFile | None = None
    callbacks: tuple[Any, ...] = ()
    row_values: Callable[[Any, Any], Any] | None = None
    averaged: bool = False

    @property
    def interrupted(self) -> bool:
        """Whether the trial was asked to end."""
        return self.interrupt is not None and self.interrupt.is_set()

    @cached_property
    def checks(self) -> list[int]:
        """After how many epochs `is_settled` is called: always the same ones, further and further apart."""
        return [] if self.is_settled is None else check_epochs(CHECK_GROWTH, self.epochs)


@dataclass(frozen=True, eq=False)
class TrainResult(PartialResult):
    """A trained trial. Its model has the weights of `best_epoch` (from 0) if the rule restores them.

    The outputs are those of about 64 log-spaced epochs, the best one and the last. `seconds` is the training time.
    """

    best_epoch: int | None
    stopped: StopReason
    seconds: float


class HistoryRecorder:
    """Records a trial's logs and outputs epoch by epoch, from epoch `first` on."""

    def __init__(self, config: TrainConfig, first: int = 0) -> None:
        self._config, self._first = config, first
        self._spaced = set(recorded_epochs(config.epochs).tolist())
        self._logs: dict[tuple[str, str], list[float]] = {}
        self._outputs: dict[int, np.ndarray] = {}
        self._last: dict[int, np.ndarray] = {}
        self._best: dict[int, np.ndarray] = {}

    def log(self, key: tuple[str, str], values: Iterable[float]) -> None:
        """Add the next epochs' values of one series."""
        self._logs.setdefault(key, []).extend(float(v) for v in values)

    def keep(self, epoch: int, outputs: np.ndarray, *, last: bool = True, best: bool = False) -> None:
        """Keep an epoch's outputs (rows, ...) if it is a spaced one, and while it is the last or the best."""
        copied = outputs.copy() if last or best or epoch in self._spaced else outputs
        if epoch in self._spaced:
            self._outputs[epoch] = copied
        if last:
            self._last = {epoch: copied}
        if best:
            self._best = {epoch: copied}

    def resume(self, result: PartialResult, best_epoch: int | None) -> None:
        """Take over a result so far, with its best epoch."""
        for key, series in result.history.series.items():
            self.log(key, series.values)
        for epoch, outputs in zip(result.output_epochs.tolist(), result.outputs, strict=True):
            self.keep(epoch, outputs, last=epoch == self.epochs - 1, best=epoch == best_epoch)

    @property
    def epochs(self) -> int:
        """How many epochs are done, those before `first` included."""
        return self._first + min(map(len, self._logs.values()), default=0)

    def history(self) -> History:
        """Return the history so far."""
        series: dict[tuple[str, str], Series] = {}
        for key, values in self._logs.items():
            epochs = np.arange(self._first, self._first + len(values), dtype=np.int64)
            series[key] = Series(epochs, np.asarray(values, dtype=np.float64))
        return History(self._config.run, self._config.seed, series)

    def partial(self) -> PartialResult:
        """Return the history and outputs so far."""
        by_epoch = self._outputs | self._last | self._best
        epochs = np.array(sorted(by_epoch), dtype=np.int64)
        outputs = np.stack([by_epoch[e] for e in epochs.tolist()]) if by_epoch else np.empty((0, 0))
        return PartialResult(self.history(), epochs, outputs)

    def report(self, epoch: int, best: float, best_epoch: int | None, seconds: float) -> None:
        """Report the progress after `epoch` epochs, if anybody wants to know it."""
        config = self._config
        if config.on_progress is None:
            return
        progress = Progress(
            run=config.run,
            seed=config.seed,
            epoch=epoch,
            max_epochs=config.epochs,
            train=self._logs["train", config.stopping.monitor][-1],
            validation=self._logs["validation", config.stopping.monitor][-1],
            best=best,
            best_epoch=best_epoch,
            seconds=seconds,
            history=self.history,
        )
        config.on_progress(progress)

    def finish(self, best_epoch: int | None, stopped: StopReason, seconds: float) -> TrainResult:
        """Return the result of the finished trial."""
        result = self.partial()
        return TrainResult(result.history, result.output_epochs, result.outputs, best_epoch, stopped, seconds)


class Permutations:
    """The row order of every epoch, drawn on the host. The e-th draw is epoch e's, whatever the chunks' lengths.

    An order comes from sorting random keys, with each row's number in its key's low bits: NumPy sorts 64-bit
    integers with vector instructions, nearly three times as fast as it shuffles.
    """

    def __init__(self, rows: int, seed: int | tuple[int, ...]) -> None:
        self._generator = np.random.default_rng(seed)
        self._in_order = np.arange(rows, dtype=np.int64)
        self._bits = int(rows - 1).bit_length()

    def draw(self, epochs: int) -> np.ndarray:
        """Draw the next `epochs` permutations, (epochs, rows) int32."""
        return self.fill(np.empty((epochs, len(self._in_order)), np.int32))

    def fill(self, orders: np.ndarray) -> np.ndarray:
        """Draw the next permutations into `orders`, (epochs, rows) int32."""
        for order in orders:
            keys = self._keys()
            keys <<= self._bits
            keys |= self._in_order
            keys.sort()
            np.bitwise_and(keys, (1 << self._bits) - 1, out=order, casting="unsafe")
        return orders

    def skip(self, epochs: int) -> None:
        """Skip the next `epochs` permutations: their keys are drawn, but not sorted."""
        for _ in range(epochs):
            self._keys()

    def _keys(self) -> np.ndarray:
        return self._generator.integers(1 << (63 - self._bits), size=len(self._in_order))


def clean_sample(train: Rows, rows: int) -> Rows:
    """Draw the training rows on which the clean train metrics are computed: `rows` of them, the same every epoch.

    They are drawn at random, because a table may be sorted. Rows of weight 0 are left out.
    """
    weighted = isinstance(train.weights, np.ndarray) and bool(train.weights.any())
    candidates = np.flatnonzero(train.weights) if weighted else np.arange(len(train))
    chosen = np.random.default_rng(0).choice(len(candidates), min(rows, len(candidates)), replace=False)
    sample = train.take(candidates[np.sort(chosen)])
    if not weighted:
        return sample
    # Their mean weight is that of all rows: Keras divides a loss by the number of rows and not by their weights.
    return replace(sample, weights=(sample.weights * (train.weights.mean() / sample.weights.mean())))


def recorded_rows(rows: int) -> np.ndarray:
    """Return which of this many validation rows have their outputs recorded."""
    return np.unique(np.linspace(0, rows - 1, min(rows, OUTPUT_ROWS)).astype(np.int64))


def finite_best_epoch(epoch: int | None, best: float | None) -> int | None:
    """Return the best epoch, or None if the monitored value was never finite."""
    return epoch if epoch is not None and best is not None and np.isfinite(best) else None


def output_shape(model: keras.Model, rows: Rows) -> tuple[int | None, ...]:
    """Return the shape of the model's output, () if it has several. Builds a model that had no input before."""
    if not model.built:
        model(map_arrays(lambda array: array[:1], rows.x))
    spec = model.compute_output_spec(map_arrays(backend.symbolic_rows, rows.x))
    return tuple(getattr(spec, "shape", ()))


def build_variables(model: keras.Model, train: Rows) -> None:
    """Create every variable that Keras creates at its first batch, without computing anything."""
    from gengap.models.keras_internals import build_for_batch

    build_for_batch(model, tuple(map_arrays(backend.symbolic_rows, part) for part in train.batch()))
    model.reset_metrics()


def concatenate_outputs(outputs: Any) -> np.ndarray:
    """Return a model's outputs as one array; several outputs are joined, (n, values)."""
    arrays = list_arrays(outputs)
    if len(arrays) == 1:
        return np.asarray(arrays[0])
    return np.concatenate([np.reshape(part, (len(part), -1)) for part in arrays], axis=1)


def check_epochs(growth: float, before: float) -> list[int]:
    """Return epochs from FIRST_CHECK up to `before`, each `growth` times the one before it."""
    count = np.ceil(np.log(before / FIRST_CHECK) / np.log(growth))
    return np.unique((FIRST_CHECK * growth ** np.arange(count)).astype(np.int64)).tolist()


def recorded_epochs(epochs: int) -> np.ndarray:
    """Return about `OUTPUT_EPOCHS` log-spaced epochs below `epochs`: every early one, fewer and fewer later."""
    spaced = np.geomspace(1, max(epochs, 1), min(OUTPUT_EPOCHS, max(epochs, 1)))
    return np.unique(np.round(spaced).astype(np.int64)) - 1

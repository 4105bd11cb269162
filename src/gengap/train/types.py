"""What every trainer takes and gives: a job, progress, and the fitted trial with its history.

The compiled trainer and the plain Keras one share these, so that the same laws are tested on both.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from gengap.data.rows import Rows, each, parts
from gengap.history import History, Series
from gengap.train.stopping import Stopping, StopReason

if TYPE_CHECKING:
    import keras

    from gengap.train.checkpoint import CheckpointFile

OUTPUT_EPOCHS = 64  # log-spaced epochs at which the validation rows' outputs are kept
OUTPUT_ROWS = 20_000  # of at most so many validation rows; above, of evenly spaced ones
FIRST_CHECK = 16  # epochs before which no verdict is asked for
CHECK_GROWTH = 1.05  # from one check to the next


@dataclass(frozen=True)
class Progress:
    """Told after each chunk of epochs. `epoch` counts the epochs done; values are the latest ones.

    `history`, called while the progress is told, gives the curves so far.
    """

    run: str
    seed: int
    epoch: int
    of: int
    train: float
    validation: float
    best: float
    best_epoch: int | None
    seconds: float
    history: Callable[[], History]


@dataclass(frozen=True, eq=False)
class PartialResult:
    """What is known of a trial: its history, and validation `outputs` (m, rows, ...) at `output_epochs` (m,)."""

    history: History
    output_epochs: np.ndarray
    outputs: np.ndarray


@dataclass(frozen=True)
class TrainConfig:
    """How to train one model: settings that both trainers understand.

    `randomness` is "hashed" (fast, see `gengap.train.jax.fast_ops`) or "keras" (whatever Keras draws).
    `interrupt`, once set, ends the trial after the chunk at hand. `certain` is asked, once so many epochs are done
    as `checks` says, whether the verdict on the trial is settled; then it ends. The compiled trainer goes on from
    the latest of `checkpoints`, and keeps its own there. `callbacks` are Keras': see
    `gengap.train.keras_loop`.
    """

    epochs: int
    batch: int = 500
    stopping: Stopping = field(default_factory=Stopping)
    seed: int = 0
    run: str = "model"
    randomness: str = "hashed"
    on_progress: Callable[[Progress], None] | None = None
    interrupt: threading.Event | None = None
    certain: Callable[[PartialResult], bool] | None = None
    checkpoints: CheckpointFile | None = None
    callbacks: tuple[Any, ...] = ()

    @property
    def interrupted(self) -> bool:
        """Whether somebody asked the trial to end."""
        return self.interrupt is not None and self.interrupt.is_set()

    @cached_property
    def checks(self) -> list[int]:
        """After how many epochs `certain` is asked: ever more rarely, and always at the same ones."""
        return [] if self.certain is None else check_epochs(CHECK_GROWTH, self.epochs)


@dataclass(frozen=True, eq=False)
class TrainResult(PartialResult):
    """A trained trial. The model itself holds the weights of `best_epoch` if the rule restores them.

    The outputs are those of about 64 log-spaced epochs, the best one and the last.
    """

    best_epoch: int | None
    stopped: StopReason
    seconds: float


class HistoryRecorder:
    """Gathers a trial's logs and the outputs to keep, as its epochs go by, from epoch `first` on."""

    def __init__(self, job: TrainConfig, first: int = 0) -> None:
        self._job, self._first = job, first
        self._wanted = set(recorded_epochs(job.epochs).tolist())
        self._logs: dict[tuple[str, str], list[float]] = {}
        self._outputs: dict[int, np.ndarray] = {}
        self._last: dict[int, np.ndarray] = {}
        self._best: dict[int, np.ndarray] = {}

    def log(self, key: tuple[str, str], values: Iterable[float]) -> None:
        """The next epochs' values of one series."""
        self._logs.setdefault(key, []).extend(float(v) for v in values)

    def keep(self, epoch: int, outputs: np.ndarray, *, last: bool = True, best: bool = False) -> None:
        """Outputs (rows, ...) of one epoch: kept if it is a wanted one, and while it is the last or the best."""
        kept = outputs.copy() if last or best or epoch in self._wanted else outputs
        if epoch in self._wanted:
            self._outputs[epoch] = kept
        if last:
            self._last = {epoch: kept}
        if best:
            self._best = {epoch: kept}

    def go_on(self, known: PartialResult, best_epoch: int | None) -> None:
        """Takes over what a record held after so many epochs, of which `best_epoch` was the best."""
        for key, series in known.history.series.items():
            self.log(key, series.values)
        for epoch, outputs in zip(known.output_epochs.tolist(), known.outputs, strict=True):
            self.keep(epoch, outputs, last=epoch == self.epochs - 1, best=epoch == best_epoch)

    @property
    def epochs(self) -> int:
        """How many epochs are done: those logged here, and those before the first of them."""
        return self._first + min(map(len, self._logs.values()), default=0)

    def history(self) -> History:
        """The history up to now."""
        return build_history(self._job.run, self._job.seed, self._logs, self._first)

    def so_far(self) -> PartialResult:
        """The history and outputs up to now."""
        kept = self._outputs | self._last | self._best
        epochs = np.array(sorted(kept), dtype=np.int64)
        outputs = np.stack([kept[e] for e in epochs.tolist()]) if kept else np.empty((0, 0))
        return PartialResult(self.history(), epochs, outputs)

    def fitted(self, best_epoch: int | None, stopped: StopReason, seconds: float) -> TrainResult:
        """The finished trial."""
        known = self.so_far()
        return TrainResult(known.history, known.output_epochs, known.outputs, best_epoch, stopped, seconds)


class Permutations:
    """The row order of every epoch, drawn on the host: the e-th draw is epoch e's, however they are chunked.

    An order is what sorting random keys gives, with each row's number in its key's low bits: NumPy sorts 64-bit
    integers with vector instructions, nearly three times as fast as it shuffles.
    """

    def __init__(self, rows: int, seed: int | tuple[int, ...]) -> None:
        self._generator = np.random.default_rng(seed)
        self._in_order = np.arange(rows, dtype=np.int64)
        self._bits = int(rows - 1).bit_length()

    def draw(self, epochs: int) -> np.ndarray:
        """The next `epochs` permutations, (epochs, rows) int32."""
        return self.fill(np.empty((epochs, len(self._in_order)), np.int32))

    def fill(self, orders: np.ndarray) -> np.ndarray:
        """The next permutations, as many as fill `orders`, (epochs, rows) int32."""
        for order in orders:
            keys = self._keys()
            keys <<= self._bits
            keys |= self._in_order
            keys.sort()
            np.bitwise_and(keys, (1 << self._bits) - 1, out=order, casting="unsafe")
        return orders

    def skip(self, epochs: int) -> None:
        """Passes over the next `epochs` permutations: their keys are drawn, and not sorted."""
        for _ in range(epochs):
            self._keys()

    def _keys(self) -> np.ndarray:
        return self._generator.integers(1 << (63 - self._bits), size=len(self._in_order))


def clean_sample(train: Rows, rows: int) -> Rows:
    """The training rows on which the clean train metrics are computed: `rows` drawn once, the same every epoch.

    Drawn and not the first ones, because a table may come sorted; rows of no weight are passed over.
    """
    weighted = isinstance(train.weights, np.ndarray) and bool(train.weights.any())
    of = np.flatnonzero(train.weights) if weighted else np.arange(len(train))
    chosen = np.random.default_rng(0).choice(len(of), min(rows, len(of)), replace=False)
    sample = train.each(lambda array: array[of[np.sort(chosen)]])
    if not weighted:
        return sample
    # As heavy as all rows are: Keras' loss divides by their number and not by their weights.
    return replace(sample, weights=(sample.weights * (train.weights.mean() / sample.weights.mean())))


def recorded_rows(rows: int) -> np.ndarray:
    """Which of so many validation rows have their outputs kept."""
    return np.unique(np.linspace(0, rows - 1, min(rows, OUTPUT_ROWS)).astype(np.int64))


def finite_best_epoch(epoch: int | None, best: float | None) -> int | None:
    """The best epoch, or None if the monitored value was never finite."""
    return epoch if epoch is not None and best is not None and np.isfinite(best) else None


def output_shape(model: keras.Model, rows: Rows) -> tuple[int | None, ...]:
    """The shape of the model's output, () if it has several; builds a model that has not seen any input yet."""
    if not model.built:
        model(each(lambda array: array[:1], rows.x))
    spec = model.compute_output_spec(each(keras_tensor, rows.x))
    return tuple(getattr(spec, "shape", ()))


def build_variables(model: keras.Model, train: Rows) -> None:
    """Creates every variable that Keras would create at its first batch, without computing one."""
    from gengap.models.keras_internals import build_for_batch

    build_for_batch(model, tuple(each(keras_tensor, part) for part in train.batch()))
    model.reset_metrics()


def keras_tensor(array: np.ndarray) -> keras.KerasTensor:
    """One row of an array (n, ...), as Keras writes it while it only looks at shapes."""
    from gengap.models.backend import keras

    return keras.KerasTensor((1, *array.shape[1:]), str(array.dtype))


def concatenate_outputs(outputs: Any) -> np.ndarray:
    """A model's outputs as one array: several ones side by side, (n, values)."""
    found = parts(outputs)
    if len(found) == 1:
        return np.asarray(found[0])
    return np.concatenate([np.reshape(part, (len(part), -1)) for part in found], axis=1)


def check_epochs(growth: float, before: float) -> list[int]:
    """Epochs from FIRST_CHECK on and `before` so many, each `growth` times as far as the one before it."""
    count = np.ceil(np.log(before / FIRST_CHECK) / np.log(growth))
    return np.unique((FIRST_CHECK * growth ** np.arange(count)).astype(np.int64)).tolist()


def recorded_epochs(epochs: int) -> np.ndarray:
    """About `OUTPUT_EPOCHS` log-spaced epochs below `epochs`: every early one, ever fewer later."""
    spaced = np.geomspace(1, max(epochs, 1), min(OUTPUT_EPOCHS, max(epochs, 1)))
    return np.unique(np.round(spaced).astype(np.int64)) - 1


def build_history(
    run: str, seed: int, logs: Mapping[tuple[str, str], Sequence[float] | np.ndarray], first: int = 0
) -> History:
    """One value an epoch, from epoch `first` on."""
    series = {}
    for key, values in logs.items():
        series[key] = Series(
            np.arange(first, first + len(values), dtype=np.int64), np.asarray(values, dtype=np.float64)
        )
    return History(run, seed, series)

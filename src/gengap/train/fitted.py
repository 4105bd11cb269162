"""What every trainer takes and gives: a job, progress, and the fitted trial with its history.

The compiled trainer and the plain Keras one share these, so that the same laws are tested on both.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from gengap.data.rows import Rows
from gengap.history import History, Series
from gengap.train.stopping import Stopped, Stopping

if TYPE_CHECKING:
    import keras

OUTPUT_EPOCHS = 64  # log-spaced epochs at which the validation rows' outputs are kept
OUTPUT_ROWS = 20_000  # of at most so many validation rows; above, of evenly spaced ones


@dataclass(frozen=True)
class Progress:
    """Told after each chunk of epochs. `epoch` counts the epochs done; values are the latest ones."""

    run: str
    seed: int
    epoch: int
    of: int
    train: float
    validation: float
    best: float
    best_epoch: int | None
    seconds: float


@dataclass(frozen=True)
class Job:
    """How to train one model: settings that both trainers understand.

    `randomness` is "hashed" (fast, see `gengap.train.randomness`) or "keras" (whatever Keras draws).
    `interrupt`, once set, ends the trial after the chunk at hand.
    """

    epochs: int
    batch: int = 500
    stopping: Stopping = field(default_factory=Stopping)
    seed: int = 0
    run: str = "model"
    randomness: str = "hashed"
    on_progress: Callable[[Progress], None] | None = None
    interrupt: threading.Event | None = None

    @property
    def interrupted(self) -> bool:
        """Whether somebody asked the trial to end."""
        return self.interrupt is not None and self.interrupt.is_set()


@dataclass(frozen=True, eq=False)
class Fitted:
    """A trained trial. The model itself holds the weights of `best_epoch` if the rule restores them.

    `output_epochs` (m,) and `outputs` (m, rows, ...) are the model's validation outputs at about 64
    log-spaced epochs, the best one and the last.
    """

    history: History
    best_epoch: int | None
    stopped: Stopped
    seconds: float
    output_epochs: np.ndarray
    outputs: np.ndarray


class Permutations:
    """The row order of every epoch, drawn on the host: the e-th draw is epoch e's, however they are chunked."""

    def __init__(self, rows: int, seed: int) -> None:
        self._generator = np.random.default_rng(seed)
        self._in_order = np.arange(rows, dtype=np.int32)

    def draw(self, epochs: int) -> np.ndarray:
        """The next `epochs` permutations, (epochs, rows) int32."""
        return np.stack([self._generator.permutation(self._in_order) for _ in range(epochs)])


def clean_sample(train: Rows, rows: int) -> Rows:
    """The training rows on which the clean train metrics are computed: `rows` drawn once, the same every epoch.

    Drawn and not the first ones, because a table may come sorted.
    """
    chosen = np.random.default_rng(0).choice(len(train), min(rows, len(train)), replace=False)
    return Rows(train.x[np.sort(chosen)], train.y[np.sort(chosen)])


def kept_rows(rows: int) -> np.ndarray:
    """Which of so many validation rows have their outputs kept."""
    return np.unique(np.linspace(0, rows - 1, min(rows, OUTPUT_ROWS)).astype(np.int64))


def finite_best(epoch: int | None, best: float | None) -> int | None:
    """The best epoch, or None if the monitored value was never finite."""
    return epoch if epoch is not None and best is not None and np.isfinite(best) else None


def output_shape(model: keras.Model, rows: Rows) -> tuple[int | None, ...]:
    """The shape of the model's output; builds a model that has not seen any input yet."""
    from gengap.models.backend import keras

    if not model.built:
        model(rows.x[:1])
    spec = model.compute_output_spec(keras.KerasTensor((1, *rows.x.shape[1:]), str(rows.x.dtype)))
    return tuple(spec.shape)


def kept_epochs(epochs: int) -> np.ndarray:
    """About `OUTPUT_EPOCHS` log-spaced epochs below `epochs`: every early one, ever fewer later."""
    spaced = np.geomspace(1, max(epochs, 1), min(OUTPUT_EPOCHS, max(epochs, 1)))
    return np.unique(np.round(spaced).astype(np.int64)) - 1


def build_history(run: str, seed: int, logs: Mapping[tuple[str, str], Sequence[float] | np.ndarray]) -> History:
    """One value an epoch, from epoch 0 on."""
    series = {}
    for key, values in logs.items():
        series[key] = Series(np.arange(len(values), dtype=np.int64), np.asarray(values, dtype=np.float64))
    return History(run, seed, series)

"""Which epochs' row losses a monitor keeps, of a run whose length is not known: bounded memory."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gengap.errors import UsageError
from gengap.stats.row_losses import RowLosses
from gengap.train.types import OUTPUT_EPOCHS, recorded_rows

GROWTH = 1.07  # from one epoch whose rows are kept to the next: 42 of 100 epochs, and 64 of a few hundred


class RowLossHistory:
    """The rows' losses at `OUTPUT_EPOCHS` log-spaced epochs at most, the best and the last.

    How many epochs there will be is not known, so epochs are thinned out where they have come to lie closest.
    """

    def __init__(self) -> None:
        self._kept: dict[int, tuple[int, np.ndarray]] = {}  # by how many epochs were done: the epoch and its losses
        self._spaced: list[int] = []
        self._best, self._lowest = 0, math.inf
        self._rows: int | None = None

    def wants(self, done: int, level: float) -> bool:
        """Whether the epoch that makes `done` of them, with this validation loss, is one to keep."""
        return not self._spaced or done >= GROWTH * self._spaced[-1] or level < self._lowest

    def checked(self, place: str, rows: Any) -> np.ndarray:
        """One epoch's losses (n, ...) as (n,) float32, of at most 20,000 rows."""
        try:
            losses = np.asarray(rows, dtype=np.float32)
        except (TypeError, ValueError, RuntimeError) as error:
            raise UsageError(f"{place}: rows can't be made an array of numbers ({error})") from None
        if losses.ndim == 0 or len(losses) < 2 or losses.size == 0:
            raise UsageError(
                f"{place}: rows has the shape {losses.shape}; expected each validation row's loss, of two at least"
            )
        if self._rows not in (None, len(losses)):
            raise UsageError(
                f"{place}: rows holds {len(losses)} losses, before there were {self._rows}; expected those of the "
                "same rows every time"
            )
        return losses.reshape(len(losses), -1).mean(axis=1)

    def keep(self, done: int, epoch: int, losses: np.ndarray, level: float) -> None:
        """Keeps these losses while they are among the spaced ones, the best or the last."""
        if not self._spaced or done >= GROWTH * self._spaced[-1]:
            self._spaced.append(done)
        if len(self._spaced) > OUTPUT_EPOCHS:
            spaced = np.array(self._spaced)
            del self._spaced[1 + int(np.argmin(spaced[2:] / spaced[:-2]))]
        if level < self._lowest:
            self._best, self._lowest = done, level
        self._rows = len(losses)
        self._kept[done] = epoch, losses[recorded_rows(len(losses))]
        self._kept = {d: kept for d, kept in self._kept.items() if d in (*self._spaced, self._best, done)}

    def losses(self) -> RowLosses | None:
        """What is kept, if anything."""
        if not self._kept:
            return None
        epochs, losses = zip(*self._kept.values(), strict=True)
        return RowLosses(np.array(epochs, np.int64), np.stack(losses))

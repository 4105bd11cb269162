"""The numbers behind the curves, at a few epochs: what a reader has who can't see them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from gengap.history import History, Series
from gengap.report.page.page_curves import metrics_of, rounded

COLUMNS = 10


class EpochLine(msgspec.Struct, frozen=True):
    """One run and split: its values at the epochs of the table; None where it had ended, or for a gap."""

    run: str
    split: str
    values: tuple[float | None, ...]


class EpochTable(msgspec.Struct, frozen=True):
    """`metric` by run and split at `epochs`."""

    metric: str
    epochs: tuple[int, ...]
    lines: tuple[EpochLine, ...]


def epoch_table(histories: Sequence[History]) -> EpochTable:
    """The first metric of these histories at about ten epochs, evenly spread over their logarithms."""
    metric = next((metric for history in histories for metric in metrics_of(history)), "")
    last = max((history.epochs for history in histories), default=0)
    epochs = np.unique(np.round(np.geomspace(1, max(last, 1), COLUMNS)).astype(int)).tolist() if last else []
    lines = [
        EpochLine(history.run, key[0], tuple(_at(history[key], epoch) for epoch in epochs))
        for history in histories
        for key in (history.training_key(metric), ("validation", metric))
        if key in history
    ]
    return EpochTable(metric, tuple(epochs), tuple(lines))


def _at(series: Series, epoch: int) -> float | None:
    """The last value logged up to `epoch`, if the series goes that far."""
    if not len(series) or not series.epochs[0] <= epoch <= series.epochs[-1]:
        return None
    return rounded(float(series.values[np.searchsorted(series.epochs, epoch, side="right") - 1]))

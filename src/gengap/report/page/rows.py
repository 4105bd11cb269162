"""The table of trials: a row for each run, with its curve in miniature."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from gengap.diagnose.verdict import Verdict
from gengap.history import History
from gengap.report.page.curves import HUGE
from gengap.report.summary import SHOWN, TrialSummary

WIDTH, HEIGHT, EDGE = 96.0, 24.0, 3.0  # of a sparkline, and the room round it
POINTS = 48
START = 0.05  # the share of the epochs whose wild values may leave the picture at its top


class Sparkline(msgspec.Struct, frozen=True, kw_only=True):
    """Validation loss by epoch in a box of WIDTH x HEIGHT.

    An SVG polyline's points, the best epoch's place, and from where to where the onset may lie.
    """

    points: str
    best: tuple[float, float] | None
    onset: tuple[float, float] | None


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One run with its finished trials by seed: none while its first is training."""

    run: str
    group: str
    trials: tuple[TrialSummary, ...]
    epochs: int
    sparkline: Sparkline | None
    kept: bool

    @property
    def first(self) -> TrialSummary | None:
        """The first seed's trial, which the row's verdict and curves are of."""
        return self.trials[0] if self.trials else None

    @property
    def verdict(self) -> Verdict | None:
        """The first seed's verdict."""
        return self.first.verdict if self.first is not None else None

    @property
    def agreeing(self) -> int:
        """How many seeds have the same verdict as the first."""
        if self.verdict is None:
            return 0
        return sum(t.verdict is not None and t.verdict.verdict == self.verdict.verdict for t in self.trials)

    @property
    def losses(self) -> list[float]:
        """The validation losses at the best epochs, seed by seed."""
        found = [trial.metrics.get("validation", {}).get(SHOWN[0]) for trial in self.trials]
        return [loss for loss in found if loss is not None]

    @property
    def loss(self) -> float | None:
        """Their mean."""
        return float(np.mean(self.losses)) if self.losses else None

    @property
    def gap(self) -> float | None:
        """Validation minus training loss at the best epochs, the mean over seeds."""
        gaps = [trial.gap for trial in self.trials if trial.gap is not None]
        return float(np.mean(gaps)) if gaps else None


def make_row(run: str, trials: Sequence[TrialSummary], history: History | None, *, kept: bool) -> Row:
    """The row of one run: `trials` by seed, the `history` of the first."""
    return Row(
        run=run,
        group=run.split("/")[0],
        trials=tuple(trials),
        epochs=history.epochs if history is not None else 0,
        sparkline=sparkline(history, trials[0] if trials else None) if history is not None else None,
        kept=kept,
    )


def sparkline(history: History, trial: TrialSummary | None) -> Sparkline | None:
    """The run's validation curve in miniature: means over equal parts; None if nothing can be drawn."""
    key = ("validation", SHOWN[0])
    if key not in history:
        return None
    series = history[key]
    drawn = np.abs(series.values) < HUGE
    epochs, values = series.epochs[drawn], series.values[drawn]
    if len(values) < 2:
        return None
    low, high = values.min(), values[min(max(1, int(START * len(values))), len(values) - 1) :].max()
    first, last = epochs[0], epochs[-1]

    def x(epoch: float) -> float:
        return round(EDGE + (WIDTH - 2 * EDGE) * float(np.clip((epoch - first) / (last - first), 0, 1)), 1)

    def y(value: float) -> float:
        height = (value - low) / (high - low) if high > low else 0.5
        return round(HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * float(min(height, 1.0)), 1)

    parts = np.array_split(np.arange(len(values)), min(POINTS, len(values)))
    means = [(float(epochs[part].mean()), float(values[part].mean())) for part in parts]
    best = trial.best_epoch if trial is not None else None
    onset = trial.verdict.onset_interval if trial is not None and trial.verdict is not None else None
    return Sparkline(
        points=" ".join(f"{x(epoch)},{y(value)}" for epoch, value in means),
        best=None if best is None else (x(best), y(float(np.interp(best, epochs, values)))),
        onset=None if onset is None else (x(onset[0]), x(onset[1])),
    )

"""Rows of the page's table of trials, with a small picture of each run's curves."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from gengap.analysis.summary import TrialSummary
from gengap.diagnose.verdict import Verdict
from gengap.history import History
from gengap.plan import group_and_label
from gengap.text.markup import LARGEST_DRAWABLE, sparkline_paths


class SparklineSvg(msgspec.Struct, frozen=True, kw_only=True):
    """Loss of a run by epoch in a box of `markup.WIDTH` x `markup.HEIGHT` pixels.

    Attributes:
        paths: SVG paths by split.
        best: Position of the best epoch: (x, y).
        onset: First and last x of the onset's interval.
    """

    paths: dict[str, str]
    best: tuple[float, float] | None
    onset: tuple[float, float] | None


class TrialRow(msgspec.Struct, frozen=True, kw_only=True):
    """A run with its finished trials by seed; none while the first seed is training."""

    run: str
    group: str
    trials: tuple[TrialSummary, ...]
    epochs: int
    sparkline: SparklineSvg | None
    kept: bool

    @property
    def first(self) -> TrialSummary | None:
        """The trial of the first seed, whose verdict and curves the row shows."""
        return self.trials[0] if self.trials else None

    @property
    def verdict(self) -> Verdict | None:
        """The verdict of the first seed."""
        return self.first.verdict if self.first is not None else None

    @property
    def agreeing(self) -> int:
        """The number of seeds with the same verdict as the first."""
        if self.verdict is None:
            return 0
        return sum(t.verdict is not None and t.verdict.verdict == self.verdict.verdict for t in self.trials)

    @property
    def losses(self) -> list[float]:
        """Validation losses at the best epochs, by seed."""
        found = [trial.loss("validation") for trial in self.trials]
        return [loss for loss in found if loss is not None]

    @property
    def loss(self) -> float | None:
        """The mean of these losses."""
        return float(np.mean(self.losses)) if self.losses else None

    @property
    def gap(self) -> float | None:
        """Validation minus training loss at the best epochs, as mean over seeds."""
        gaps = [trial.gap for trial in self.trials if trial.gap is not None]
        return float(np.mean(gaps)) if gaps else None


def make_row(run: str, trials: Sequence[TrialSummary], history: History | None, *, kept: bool) -> TrialRow:
    """Return the row of a run from its trials by seed and the history of the first."""
    return TrialRow(
        run=run,
        group=group_and_label(run)[0],
        trials=tuple(trials),
        epochs=history.epochs if history is not None else 0,
        sparkline=sparkline_svg(history, trials[0] if trials else None) if history is not None else None,
        kept=kept,
    )


def sparkline_svg(history: History, trial: TrialSummary | None) -> SparklineSvg | None:
    """Return a small picture of a run's curves, best epoch and onset; None without two validation values."""
    metric = history.main_metric
    key = ("validation", metric)
    if key not in history:
        return None
    series, training = history[key], history.training(metric)
    drawn = np.abs(series.values) < LARGEST_DRAWABLE
    if drawn.sum() < 2:
        return None
    picture = sparkline_paths(({"train": training.values} if training else {}) | {"validation": series.values})
    first, last = series.epochs[0], series.epochs[-1]

    def x(epoch: float) -> float:
        return round(picture.x(float((epoch - first) / (last - first))), 1)

    best = trial.best_epoch if trial is not None else None
    onset = trial.verdict.onset_interval if trial is not None and trial.verdict is not None else None
    lowest = 0.0 if best is None else float(np.interp(best, series.epochs[drawn], series.values[drawn]))
    return SparklineSvg(
        paths=dict(picture.paths),
        best=None if best is None else (x(best), round(picture.y(lowest), 1)),
        onset=None if onset is None else (x(onset[0]), x(onset[1])),
    )

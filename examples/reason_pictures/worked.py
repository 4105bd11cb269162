"""One run with its verdict, and functions that draw it."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from examples.verdict_gallery import Columns
from gengap.diagnose.evidence import Evidence, collect_evidence
from gengap.diagnose.judge import judge
from gengap.diagnose.readers import read
from gengap.diagnose.run_curves import MetricCurves, choose_curves
from gengap.diagnose.verdict import Thresholds, Verdict
from gengap.history import Series
from gengap.report.plots import COLOURS
from gengap.stats.curves import RowLosses

TRAINING, VALIDATION = COLOURS[0], COLOURS[1]
REACH = 1.645  # standard deviations of a normal distribution that cover 90%
GREY = "0.4"
Triple = tuple[float, float, float]


class Band(NamedTuple):
    """The validation trend in the metric's own unit: low, middle and high (g,) at `epochs` (g,)."""

    epochs: np.ndarray
    low: np.ndarray
    middle: np.ndarray
    high: np.ndarray


class WorkedExample:
    """One run's curves, the evidence in them and the verdict."""

    def __init__(
        self,
        columns: Columns,
        rows: RowLosses | None = None,
        metric: str | None = None,
        thresholds: Thresholds | None = None,
    ) -> None:
        self.curves: MetricCurves = replace(choose_curves(read(columns)[0], metric), run="run")
        self.verdict: Verdict = judge(self.curves, rows, thresholds)
        self.rows = rows

    @property
    def evidence(self) -> Evidence:
        return collect_evidence(self.curves, self.rows)

    @property
    def train(self) -> Series:
        assert self.curves.train is not None
        return self.curves.train

    @property
    def title(self) -> str:
        sure = "" if self.verdict.verdict == "inconclusive" else f" {self.verdict.confidence:.0%}"
        return f"{self.verdict.verdict}{sure}"

    def band(self) -> Band:
        evidence = self.evidence
        trend, own = evidence.trend, evidence.validation
        covariance = trend.covariance(np.arange(len(trend.epochs)))
        variances = np.einsum("kii->ki", covariance) + (trend.means - trend.mean) ** 2
        reach, sign = REACH * np.sqrt(trend.weights @ variances), -1 if self.curves.higher_is_better else 1
        lines = (np.exp(sign * (trend.mean + by * reach)) for by in (-1, 0, 1))
        return Band(np.interp(trend.epochs, own.positions, own.epochs), *lines)

    def draw_logged(self, ax: Axes) -> None:
        """Draw logged validation as dots, and training (if any) as a thin line."""
        seen, train = self.curves.validation, self.curves.train
        ax.plot(seen.epochs, seen.values, ".", markersize=3, color="0.6", label="validation, as logged")
        if train is not None:
            ax.plot(train.epochs, train.values, color=TRAINING, linewidth=1, label="training")
        ax.set_xlabel("epoch")
        ax.set_ylabel(self.curves.metric)
        ax.spines[["top", "right"]].set_visible(False)

    def draw(self, ax: Axes) -> Band:
        """Draw the same with validation's trend and its 90% band."""
        self.draw_logged(ax)
        band = self.band()
        ax.fill_between(band.epochs, band.low, band.high, color=VALIDATION, alpha=0.25, linewidth=0)
        ax.plot(band.epochs, band.middle, color=VALIDATION, label="its trend, 90% band")
        return band


def figure(panels: int = 1, width: float = 7.2, height: float = 3.0) -> tuple[Figure, list[Axes]]:
    drawn = Figure((width, height), dpi=100, layout="constrained")
    FigureCanvasAgg(drawn)
    return drawn, [drawn.add_subplot(1, panels, i + 1) for i in range(panels)]


def measure(ax: Axes, x: float, ends: tuple[float, float], text: str) -> None:
    """Draw a vertical double arrow at x between two values, with its text on the right."""
    ax.annotate("", (x, ends[0]), (x, ends[1]), arrowprops={"arrowstyle": "<->", "shrinkA": 0, "shrinkB": 0})
    ax.annotate(text, (x, sum(ends) / 2), (6, 0), textcoords="offset points", va="center", fontsize=9)
    ax.set_xlim(right=max(ax.get_xlim()[1], 1.35 * x if text else x))


def legend(ax: Axes, columns: int = 1) -> None:
    ax.legend(frameon=False, fontsize=8, loc="upper right", ncols=columns)


def percent(triple: Triple | None) -> str:
    assert triple is not None
    return f"{triple[1]:.1f}% [{triple[0]:.1f}, {triple[2]:.1f}]"

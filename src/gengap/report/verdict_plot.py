"""Plot verdicts: each run's curves with its best epoch and the onset's interval."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from gengap.diagnose.run_curves import MetricCurves
from gengap.diagnose.verdict import Verdict
from gengap.errors import UsageError
from gengap.report.labels import FONT, plain_text
from gengap.report.plots import COLOURS
from gengap.text.markup import drawable_values

COLUMNS, MOST = 3, 30  # pictures in a row, and in all
PANEL, DPI = (5.0, 3.4), 100  # inches of one run's picture


def plot_verdict(curves: MetricCurves, verdict: Verdict, ax: Axes) -> Axes:
    """Plot one run on `ax`, and return `ax`.

    Training is solid, validation dashed, the best epoch dotted, and the onset's interval shaded.
    """
    if curves.train is not None:
        ax.plot(curves.train.epochs, drawable_values(curves.train.values), color=COLOURS[0], label="training")
    series = curves.validation
    ax.plot(series.epochs, drawable_values(series.values), "--", color=COLOURS[1], label="validation")
    if verdict.best_epoch is not None:
        ax.axvline(verdict.best_epoch, color="0.4", linestyle=":", label=f"best epoch {verdict.best_epoch}")
    if verdict.onset_interval is not None:
        ax.axvspan(*verdict.onset_interval, color=COLOURS[1], alpha=0.15, label="onset")
    sure = "" if verdict.verdict == "inconclusive" else f" {verdict.confidence:.0%}"
    ax.set_title(plain_text(f"{_short(verdict.run)}: {verdict.verdict}{sure}"), fontproperties=FONT, fontsize=11)
    ax.set_xlabel("epoch")
    ax.set_ylabel(plain_text(curves.metric), fontproperties=FONT)
    ax.legend(frameon=False, fontsize=8)
    return ax


def save_verdict_figure(judged: Sequence[tuple[MetricCurves, Verdict]], path: Path) -> None:
    """Save plots of all runs as one PNG, PDF or SVG, by the suffix of `path`. Raises UsageError for others."""
    if path.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise UsageError(f"{path}: pictures are written as .png, .pdf or .svg; name such a file")
    if len(judged) > MOST:
        raise UsageError(f"{len(judged)} runs don't fit one picture; name at most {MOST} of them")
    rows = -(-len(judged) // COLUMNS)
    columns = min(len(judged), COLUMNS)
    figure = Figure((PANEL[0] * columns, PANEL[1] * rows), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    for i, (curves, verdict) in enumerate(judged):
        plot_verdict(curves, verdict, figure.add_subplot(rows, columns, i + 1))
    part = path.with_name(f".{path.name}.part{path.suffix}")
    figure.savefig(part)
    part.replace(path)


def _short(run: str) -> str:
    return run if len(run) <= 40 else f"…{run[-39:]}"

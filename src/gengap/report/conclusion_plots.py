"""Plots of verdicts, and of a study's conclusions: loss by size, by strength of regularisers, and by rows.

As in `gengap.report.plots`, each function draws on `ax` and returns it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from matplotlib.axes import Axes

from gengap.analysis.effects import RegularizerEffect, SizeAnalysis
from gengap.analysis.summary import StudySummary
from gengap.diagnose.run_curves import MetricCurves
from gengap.diagnose.verdict import Verdict
from gengap.errors import UsageError
from gengap.models.treatment_base import strength_of
from gengap.report.plots import (
    COLOURS,
    FONT,
    LEGEND_ROWS,
    MARKERS,
    finish_axes,
    new_figure,
    plain_text,
    save_figure,
)
from gengap.report.verdict_table import shorten
from gengap.stats.learning_curve import LearningCurveForecast
from gengap.text.markup import drawable_values

FIGURE_NAMES = ("loss-by-size", "loss-by-strength", "loss-by-rows")  # of the pictures
COLUMNS, MOST_RUNS = 3, 30  # pictures in a row, and in all
PANEL = (5.0, 3.4)  # inches of one run's picture
LONGEST_TITLE = 40  # characters of a run in a title


def plot_sizes(sizes: SizeAnalysis, ax: Axes | None = None) -> Axes:
    """Plot training and validation loss against parameters, with intervals.

    The interval of training is the range over seeds, that of validation is for new rows. A ring marks the smallest
    size within one standard error of the best.
    """
    ax = ax or new_figure().add_subplot()
    x = [size.parameters for size in sizes.results]
    for name, colour, line in (("train", COLOURS[0], "-"), ("validation", COLOURS[1], "--")):
        low, middle, high = zip(*(getattr(size, name) for size in sizes.results), strict=True)
        ax.plot(x, middle, line, marker="o", color=colour, label=name)
        ax.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
    smallest = next(size for size in sizes.results if size.run == sizes.smallest)
    (ring,) = ax.plot([smallest.parameters], [smallest.validation[1]], "o", markersize=14, markerfacecolor="none")
    ring.set(markeredgecolor="black", label="smallest within one error of the best")
    ax.set_xscale("log")
    return finish_axes(ax, "parameters (log scale)", "loss at the best epoch")


def plot_strengths(effects: Iterable[RegularizerEffect], ax: Axes | None = None) -> Axes:
    """Plot the change in validation loss from each regulariser against its strength, with intervals.

    Regularisers of one kind are connected. Those without a strength are left out.
    """
    ax = ax or new_figure().add_subplot()
    kinds: dict[str, list[tuple[float, RegularizerEffect]]] = {}
    for effect in effects:
        if (found := _kind_and_strength(effect)) is not None:
            kinds.setdefault(found[0], []).append((found[1], effect))
    for i, (kind, points) in enumerate(kinds.items()):
        points.sort(key=lambda point: point[0])
        losses = [effect.loss for _, effect in points]
        x, middle = [strength for strength, _ in points], [loss.difference for loss in losses]
        down = [loss.difference - loss.interval[0] for loss in losses]
        up = [loss.interval[1] - loss.difference for loss in losses]
        marker = MARKERS[1 + i // len(COLOURS) % (len(MARKERS) - 1)]
        colour = COLOURS[i % len(COLOURS)]
        ax.errorbar(x, middle, [down, up], capsize=3, label=plain_text(kind), color=colour, marker=marker)
    ax.axhline(0, color="grey", linewidth=1)
    ax.set_xscale("log")
    columns = -(-len(kinds) // LEGEND_ROWS)
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, prop=FONT, ncols=columns)  # beside the points
    return finish_axes(ax, "strength (log scale)", "validation loss, minus that without", [])


def plot_learning_curve(found: LearningCurveForecast, ax: Axes | None = None) -> Axes:
    """Plot the loss by training rows, and forecasts with their 90% intervals."""
    ax = ax or new_figure().add_subplot()
    ax.plot(found.sizes, found.losses, "o-", color=COLOURS[0], label="measured")
    ahead = [(f.rows, *f.loss) for f in found.forecasts if f.loss is not None]
    if ahead:
        x, low, middle, high = zip(*((found.sizes[-1], *(found.losses[-1],) * 3), *ahead), strict=True)
        ax.plot(x, middle, "o--", color=COLOURS[1], label="forecast")
        ax.fill_between(x, low, high, color=COLOURS[1], alpha=0.15, linewidth=0, label="90% interval")
    ax.set_xscale("log")
    return finish_axes(ax, "training rows (log scale)", "validation loss")


def save_conclusion_plots(summary: StudySummary, folder: Path) -> list[Path]:
    """Write the plots of all conclusions that the study has, as FIGURE_NAMES, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    saved: list[Path] = []
    by_size, by_strength, by_rows = (folder / f"{name}.png" for name in FIGURE_NAMES)
    if (sizes := summary.sizes) is not None:
        saved.append(_saved(by_size, lambda ax: plot_sizes(sizes, ax), "Loss by size"))
    if any(_kind_and_strength(effect) for effect in summary.regularizers):
        title = f"Regularisers on {summary.regularizers[-1].against}"
        saved.append(_saved(by_strength, lambda ax: plot_strengths(summary.regularizers, ax), title))
    if (more_rows := summary.more_rows) is not None:
        saved.append(_saved(by_rows, lambda ax: plot_learning_curve(more_rows, ax), "Loss by training rows"))
    return saved


def _kind_and_strength(effect: RegularizerEffect) -> tuple[str, float] | None:
    """Return the treatments without the strength of the first that has one, and that strength."""
    strengths = [strength_of(treatment) for treatment in effect.treatments]
    at = next((i for i, strength in enumerate(strengths) if strength is not None), None)
    if at is None:
        return None
    names = [str(treatment) for treatment in effect.treatments]
    names[at] = str(effect.treatments[at].__struct_config__.tag)
    return " + ".join(names), strengths[at] or 0.0


def _saved(path: Path, draw: Callable[[Axes], Axes], title: str) -> Path:
    figure = new_figure()
    draw(figure.add_subplot()).set_title(plain_text(title))
    return save_figure(figure, path)


def plot_verdict(curves: MetricCurves, verdict: Verdict, ax: Axes) -> Axes:
    """Plot one run on `ax`, and return `ax`.

    Training is solid, validation dashed, the best epoch dotted, and the onset's interval shaded.
    """
    if curves.train is not None:
        ax.plot(curves.train.epochs, drawable_values(curves.train.values), color=COLOURS[0], label="training")
    series = curves.validation
    ax.plot(series.epochs, drawable_values(series.values), "--", color=COLOURS[1], label="validation")
    if verdict.best_epoch is not None:
        ax.axvline(verdict.best_epoch, color="0.4", linestyle=":", label=f"best {curves.axis} {verdict.best_epoch}")
    if verdict.onset_interval is not None:
        ax.axvspan(*verdict.onset_interval, color=COLOURS[1], alpha=0.15, label="onset")
    sure = "" if verdict.verdict == "inconclusive" else f" {verdict.confidence:.0%}"
    ax.set_title(
        plain_text(f"{shorten(verdict.run, LONGEST_TITLE)}: {verdict.verdict}{sure}"),
        fontproperties=FONT,
        fontsize=11,
    )
    ax.set_xlabel(curves.axis)
    ax.set_ylabel(plain_text(curves.metric), fontproperties=FONT)
    ax.legend(frameon=False, fontsize=8)
    return ax


def save_verdict_figure(
    judged: Sequence[tuple[MetricCurves, Verdict]], path: Path, *, overwrite: bool = False
) -> None:
    """Save plots of all runs as one PNG, PDF or SVG, by the suffix of `path`."""
    if len(judged) > MOST_RUNS:
        raise UsageError(f"{len(judged)} runs don't fit one picture; name at most {MOST_RUNS} of them")
    rows = -(-len(judged) // COLUMNS)
    columns = min(len(judged), COLUMNS)
    figure = new_figure((PANEL[0] * columns, PANEL[1] * rows))
    for i, (curves, verdict) in enumerate(judged):
        plot_verdict(curves, verdict, figure.add_subplot(rows, columns, i + 1))
    save_figure(figure, path, "diagnose", overwrite=overwrite)

"""Plots of a study: learning curves, learning rates and a histogram of the features.

Every plot draws on the `ax` it is given, or on the axes of a new figure, and returns the axes. Figures are plain
objects that pyplot knows nothing of: they need no display, work in any thread and vanish with their last reference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font
from matplotlib.lines import Line2D

from gengap.errors import UsageError
from gengap.files.outputs import mark, write_output
from gengap.history import History, Series
from gengap.plan import figure_name, group_and_label
from gengap.stats.curves import smooth
from gengap.text.markup import LARGEST_DRAWABLE, drawable_values

# Okabe and Ito's palette, told apart with any colour vision, without the yellow that white paper swallows.
# https://jfly.uni-koeln.de/color/
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9")
MARKERS = ("", "o", "s", "^", "D", "v")  # one for each time round the colours
HIGHER_IS_BETTER = ("accuracy", "auc", "precision", "recall", "f1", "r2")  # metrics that are better when higher
EPOCHS_PER_STD = 10  # no curve is smoothed over more than this part of the epochs so far, to keep its start
# Room over the start and round all that is drawn, in heights from the best to the start.
ABOVE, MARGIN = 0.4, 0.1
EDGE = 0.015  # of the height: how far below the top the marks are
WILD_START = 2.0  # no start reaches higher over the best than this many times the median run's
FLAT = 1e-3  # of the best: where the starts are no higher, the whole range is shown
LEGEND_RUNS, LEGEND_ROWS = 40, 23  # more runs than this go unnamed; what fits the height of a picture
WIDER = 9.0  # points: the width of the first line of several; the last has 2
ROOM = 0.05  # of the height: above the highest learning rate
BINS = 101
NARROW = 1e-9  # of the values: a range too small to part into bins
SHOWN_PERCENT = (0.1, 99.9)  # of the feature values, by the histogram
SIZE, DPI = (12.0, 5.0), 100  # inches and pixels an inch: 1200 x 500
LONGEST = 28  # characters of a name in a legend
# DejaVu Sans comes with matplotlib; the others add Korean, Chinese and Japanese where they are installed.
FAMILIES = (
    *("DejaVu Sans", "Noto Sans CJK KR", "Noto Sans CJK JP", "Noto Sans KR", "NanumGothic", "Malgun Gothic"),
    *("Apple SD Gothic Neo", "AppleGothic", "Microsoft YaHei", "PingFang SC", "WenQuanYi Zen Hei", "Yu Gothic"),
)
FONT = FontProperties(family=[f for f in FAMILIES if f in {font.name for font in fontManager.ttflist}])


class RunStyle(NamedTuple):
    """Colour and marker of a run in every plot."""

    colour: str
    marker: str


def curves(
    histories: Sequence[History],
    metric: str | None = None,
    *,
    log_epochs: bool = False,
    smoothing: float = 0.0,
    best: Mapping[str, int] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Plot training (solid) and validation (dashed) by epoch, in one colour for each run.

    Training is measured without regularisers (`clean_<metric>`) if that was logged, so that it can be compared with
    validation; the loss is drawn as logged, with penalties. A triangle at the top marks where a curve goes on
    above.

    Args:
        histories: Histories of the runs; several seeds of a run share a colour.
        metric: Metric to plot; by default the main metric of the first history.
        log_epochs: Whether epochs have a logarithmic axis; it shows epoch + 1 if epochs count from 0.
        smoothing: Width of the smoothing in epochs, smaller at the start of a run; 0 for none (see `smooth`). If it
            is above 0, the validation curve as logged is drawn faintly too.
        best: Epoch to mark, by run.
        ax: Axes to draw on; by default new ones.

    Returns:
        The axes.

    Raises:
        UsageError: If no history logged the metric, or a run did not reach its best epoch.
    """
    ax, metric = ax or new_figure().add_subplot(), metric or _main_metric(histories)
    shown = [h for h in histories if any((split, metric) in h for split in ("train", "validation"))]
    if not shown:
        known = sorted({name for h in histories for _, name in h.series})
        choices = ", ".join(known) or "nothing logged"
        raise UsageError(f"metric {metric!r}: no run logged it. Choose from: {choices}.")
    styles, shift = _styles(shown), int(log_epochs and any(h.first_epoch == 0 for h in shown))
    for history in shown:
        _draw(ax, history, metric, styles[history.run], shift, smoothing)
    for run, history in {h.run: h for h in reversed(shown)}.items():
        if best and run in best:
            _mark(ax, history, metric, styles[run], shift, best[run])
    ax.set_xscale("log" if log_epochs else "linear")
    _limit(ax, shown, metric)
    epochs = "epoch" + " + 1" * shift + " (log scale)" * log_epochs
    handles = [*_run_handles(styles), *_style_handles(shown, metric, bool(best))]
    return finish_axes(ax, epochs, metric.replace("_", " "), handles)


def learning_rate(histories: History | Sequence[History], ax: Axes | None = None) -> Axes:
    """Plot the learning rate by epoch, one line for each run with a dot at its end.

    Longer runs are drawn first, and earlier ones wider, so that equal schedules stay visible. Raises
    UsageError if no run logged it.
    """
    ax = ax or new_figure().add_subplot()
    given = [histories] if isinstance(histories, History) else histories
    shown = [h for h in given if ("train", "learning_rate") in h and len(h["train", "learning_rate"])]
    if not shown:
        raise UsageError("learning rate: no run logged it. Train with gengap, or log train/learning_rate.")
    styles = _styles(shown)
    for drawn, history in enumerate(sorted(shown, key=lambda h: -h.epochs)):
        series = history["train", "learning_rate"]
        values = drawable_values(series.values)
        colour, width = (
            styles[history.run].colour,
            2 + (WIDER - 2) * (len(shown) - 1 - drawn) / max(len(shown) - 1, 1),
        )
        ax.plot(series.epochs, values, linewidth=width, color=colour, label="_rate")
        ax.plot(series.epochs[-1:], values[-1:], styles[history.run].marker or "o", color=colour, label="_end")
    ax.set_ylim(0, (1 + ROOM) * highest if (highest := ax.dataLim.y1) > 0 and np.isfinite(highest) else None)
    return finish_axes(ax, "epoch", "learning rate", _run_handles(styles))


def feature_histogram(x: np.ndarray, columns: Sequence[int] | None = None, ax: Axes | None = None) -> Axes:
    """Plot all feature values of `x`, (rows, features), or of some columns, in one histogram of 101 bins.

    The bins span the middle 99.8% of the values; the axis says how many lie outside, and how many are not finite.
    Raises UsageError if no value is finite.
    """
    ax = ax or new_figure().add_subplot()
    values = np.asarray(x if columns is None else x[:, list(columns)], np.float64).ravel()
    finite = values[np.abs(values) < LARGEST_DRAWABLE]
    if not len(finite):
        raise UsageError(
            f"features of shape {np.shape(x)}: no finite value below {LARGEST_DRAWABLE}. Give prepared features."
        )
    low, high = np.percentile(finite, SHOWN_PERCENT)
    if high - low <= NARROW * abs(low):
        low, high = low - max(0.5, abs(low) / 2), high + max(0.5, abs(low) / 2)
    counts, edges = np.histogram(finite, BINS, (low, high))
    ax.stairs(counts, edges, fill=True, color=COLOURS[0])
    ax.set_xlim(edges[0], edges[-1])
    odd = int((~np.isfinite(values)).sum())
    outside = len(values) - odd - int(counts.sum())
    notes = [f"{outside:,} of {len(values):,} lie outside"] + ([f"{odd:,} are not finite"] if odd else [])
    return finish_axes(ax, f"value of a feature ({', '.join(notes)})", "values in a bin", [])


def save_figures(
    groups: Mapping[str, Sequence[History]],
    folder: Path,
    *,
    x: np.ndarray | None = None,
    best: Mapping[str, int] | None = None,
) -> list[Path]:
    """Write the study's pictures as PNG files of 1200 x 500 pixels, and return their paths.

    `<group>.png` shows a group's curves over linear and logarithmic epochs, `learning_rate.png` the runs that
    logged it, and `features.png` the training features `x`, (rows, features).
    Raises UsageError if two would have the same name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    figures: dict[str, Figure] = {}
    metric = _main_metric([history for of in groups.values() for history in of])
    for group, histories in groups.items():
        name = figure_name(group)
        if name in {*figures, "learning_rate", "features"}:
            raise UsageError(f"group {group!r}: another picture is called {name}.png. Rename the group.")
        figures[name] = _group_figure(group, histories, metric, best)
    rated = {h.run: h for histories in groups.values() for h in histories if ("train", "learning_rate") in h}
    if rated:
        figures["learning_rate"] = new_figure()
        ax = learning_rate(list(rated.values()), figures["learning_rate"].add_subplot())
        ax.set_title("Learning rate by epoch")
        _move_legend_outside(ax)
    if x is not None:
        figures["features"] = new_figure()
        ax = feature_histogram(x, ax=figures["features"].add_subplot())
        ax.set_title(f"Values of all {np.shape(x)[1]} features")
    return [save_figure(figure, folder / f"{name}.png") for name, figure in figures.items()]


def _main_metric(histories: Sequence[History]) -> str:
    return next((history.main_metric for history in histories if history.series), "loss")


def _group_figure(group: str, histories: Sequence[History], metric: str, best: Mapping[str, int] | None) -> Figure:
    figure = new_figure()
    left, right = figure.subplots(1, 2, sharey=True)
    for ax, log_epochs in ((left, False), (right, True)):
        curves(histories, metric, log_epochs=log_epochs, best=best, ax=ax)
    left.get_legend().remove()
    _move_legend_outside(right)
    right.set_ylabel("")
    figure.suptitle(plain_text(f"{group}: {metric.replace('_', ' ')} by epoch"), fontproperties=FONT, fontsize=13)
    return figure


def _move_legend_outside(ax: Axes) -> None:
    legend, figure = ax.get_legend(), ax.get_figure(root=True)
    if legend and figure:
        handles = [handle for handle in legend.legend_handles if handle]
        names = [text.get_text() for text in legend.get_texts()]
        columns = -(-len(handles) // LEGEND_ROWS)
        figure.legend(handles, names, loc="outside right center", frameon=False, prop=FONT, ncols=columns)
        legend.remove()


def save_figure(figure: Figure, path: Path, command: str = "study", *, overwrite: bool = False) -> Path:
    """Write a figure in one step, in the format that the file's ending names, with the mark of a command."""
    key = "Software" if path.suffix.lower() == ".png" else "Creator"
    with write_output(path, command, overwrite=overwrite) as part:
        figure.savefig(part, metadata={key: mark(command)})
    return path


def new_figure(size: tuple[float, float] = SIZE) -> Figure:
    """Return a figure of `size` in inches that is not registered with pyplot."""
    figure = Figure(size, DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _styles(histories: Sequence[History]) -> dict[str, RunStyle]:
    runs = list(dict.fromkeys(h.run for h in histories))
    return {
        run: RunStyle(COLOURS[i % len(COLOURS)], MARKERS[i // len(COLOURS) % len(MARKERS)])
        for i, run in enumerate(runs)
    }


def _draw(ax: Axes, history: History, metric: str, style: RunStyle, shift: int, smoothing: float) -> None:
    for key, dash in ((history.training_key(metric), "-"), (("validation", metric), "--")):
        if key not in history:
            continue
        series = history[key]
        x, y = series.epochs + shift, drawable_values(series.values)
        if key[0] == "validation" and smoothing > 0:
            ax.plot(x, y, color=style.colour, linewidth=0.8, alpha=0.2, zorder=1, label="_raw")
        smoothed = smooth(y, _std(series, smoothing, history.first_epoch))
        (line,) = ax.plot(x, smoothed, dash, color=style.colour, label=f"_{key[0]}")
        line.set(linewidth=1.6, marker=style.marker, markevery=0.15)
        alone = _without_neighbours(smoothed)
        if alone.any():
            filled = "full" if dash == "-" else "none"
            ax.plot(x[alone], smoothed[alone], "o", color=style.colour, ms=5, fillstyle=filled, label="_alone")


def _without_neighbours(values: np.ndarray) -> np.ndarray:
    """Return which values are finite between missing ones or ends: a line doesn't show them."""
    known = np.pad(np.isfinite(values), 1)
    return known[1:-1] & ~known[:-2] & ~known[2:]


def _std(series: Series, smoothing: float, first_epoch: int) -> np.ndarray:
    """Return the width of the smoothing kernel at each value, in values; `smoothing` is in epochs."""
    spacing = np.median(np.diff(series.epochs)) if len(series) > 1 else 1.0
    return np.minimum(smoothing, (series.epochs - first_epoch) / EPOCHS_PER_STD) / spacing


def _mark(ax: Axes, history: History, metric: str, style: RunStyle, shift: int, epoch: int) -> None:
    """Draw a dot on the unsmoothed validation curve at an epoch."""
    if ("validation", metric) not in history:
        return
    series = history["validation", metric]
    values = drawable_values(series.values)
    finite = ~np.isnan(values)
    if not finite.any():
        return
    if not series.epochs[0] <= epoch <= series.epochs[-1]:
        logged = f"{series.epochs[0]} to {series.epochs[-1]}"
        raise UsageError(f"best epoch {epoch} of {history.run}: expected one of the epochs logged, {logged}.")
    y = np.interp(epoch, series.epochs[finite], values[finite])
    dot = ax.plot(epoch + shift, y, "o", color=style.colour, zorder=5, label="_best")[0]
    dot.set(markeredgecolor="white", markersize=8)


def _limit(ax: Axes, histories: Sequence[History], metric: str) -> None:
    """Fit the height to the start and the best value of the runs; higher values may leave the picture."""
    if any(metric.endswith(name) for name in HIGHER_IS_BETTER):
        return
    key = ("validation" if any(("validation", metric) in h for h in histories) else "train", metric)
    every = [drawable_values(h[key].values) for h in histories if key in h]
    runs = [values[~np.isnan(values)] for values in every if not np.isnan(values).all()]
    if not runs:
        return
    starts, low = np.array([values[0] for values in runs]), min(values.min() for values in runs)
    height = min(starts.max() - low, WILD_START * (np.median(starts) - low))
    if height > FLAT * abs(low):
        drawn = [y[np.isfinite(y)] for y in (np.asarray(line.get_ydata()) for line in ax.get_lines())]
        lowest = min(y.min() for y in drawn if len(y)) - MARGIN * height
        highest = max(y.max() for y in drawn if len(y)) + MARGIN * height
        top = min(low + (1 + ABOVE) * height, highest)
        ax.set_ylim(lowest, top)  # training is never cut off below: the gap is the subject
        for line in ax.get_lines():
            _mark_above(ax, line, top)


def _mark_above(ax: Axes, line: Line2D, top: float) -> None:
    """Draw a triangle at the top wherever a curve is above it, at the highest value of each stretch there."""
    if line.get_label() not in ("_train", "_validation"):
        return
    x, y = (np.asarray(part, float) for part in line.get_data())
    above = np.flatnonzero(y > top)
    stretches = np.split(above, np.flatnonzero(np.diff(above) > 1) + 1) if len(above) else []
    at = [x[stretch[np.argmax(y[stretch])]] for stretch in stretches]
    if at:
        edge = top - EDGE * (top - ax.get_ylim()[0])
        ax.plot(at, [edge] * len(at), "^", color=line.get_color(), label="_above")


def _run_handles(styles: Mapping[str, RunStyle]) -> list[Line2D]:
    handles = [
        Line2D([], [], linewidth=3, label=name, color=style.colour, marker=style.marker)
        for name, style in zip(legend_labels(list(styles)), styles.values(), strict=True)
    ]
    more = len(handles) - LEGEND_RUNS
    rest = [Line2D([], [], linestyle="", label=f"and {more} more")] if more > 0 else []
    return handles[:LEGEND_RUNS] + rest


def _style_handles(histories: Sequence[History], metric: str, marked: bool) -> list[Line2D]:
    clean = any(h.training_key(metric) != ("train", metric) for h in histories)
    training = Line2D([], [], color="grey", label="training, dropout off" if clean else "training")
    validation = Line2D([], [], color="grey", linestyle="--", label="validation")
    dot = Line2D([], [], color="grey", marker="o", linestyle="", markeredgecolor="white", label="best epoch")
    return [training, validation, *[dot] * marked]


def finish_axes(ax: Axes, x: str, y: str, handles: Sequence[Line2D] | None = None) -> Axes:
    """Add labels, grid and legend: of the handles, or of the labelled lines if there are none; return the axes."""
    ax.set_xlabel(x)
    ax.set_ylabel(plain_text(y), fontproperties=FONT)
    ax.grid(alpha=0.25, linewidth=0.6)
    ax.spines[["top", "right"]].set_visible(False)
    if handles is None:
        ax.legend(loc="best", framealpha=0.9, prop=FONT)
    elif handles:
        ax.legend(handles=handles, loc="best", framealpha=0.9, prop=FONT)
    return ax


def legend_labels(runs: Sequence[str]) -> list[str]:
    """Return a label for each run: its name without the group, or the whole name if that is ambiguous.

    Long names are cut in the middle. Labels that look the same get the number of their run.

    >>> legend_labels(["sizes/Tiny", "sizes/Large"])
    ['Tiny', 'Large']
    >>> legend_labels(["sizes/Tiny", "regularizers/Tiny"])
    ['sizes/Tiny', 'regularizers/Tiny']
    """
    short = [group_and_label(run)[1] for run in runs]
    times = Counter(short)
    names = [_drawable(name if times[name] == 1 else run) for name, run in zip(short, runs, strict=True)]
    cut = [n if len(n) <= LONGEST else f"{n[: LONGEST // 2]}…{n[-LONGEST // 2 + 1 :]}" for n in names]
    again = Counter(cut)
    alike = [again[name] > 1 or not name.strip(" _?") for name in cut]
    return [plain_text(f"{i}: " * alike[i - 1] + name) for i, name in enumerate(cut, 1)]


def plain_text(text: str) -> str:
    r"""Return text that matplotlib draws literally: no mathematics, and "?" for characters without a glyph.

    >>> print(plain_text("cost in $ and _x_"))
    cost in \$ and _x_
    """
    return _drawable(text).replace("$", r"\$")


def _drawable(text: str) -> str:
    return "".join(c if c.isprintable() and _has_glyph(c) else "?" for c in text)


@cache
def _has_glyph(character: str) -> bool:
    return any(
        get_font(findfont(FontProperties(family=[family]))).get_char_index(ord(character))
        for family in FONT.get_family()
    )

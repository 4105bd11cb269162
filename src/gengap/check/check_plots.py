"""Plots of a check: the loss along the complexity path, and the loss by training rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gengap.report.plots import COLOURS, FONT, new_figure, plain_text

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from gengap.text.catalog import Catalog

SIZE = (8.0, 4.5)  # inches
LONGEST = 26  # characters of a setting below the axis


def plot_path(
    path: pd.DataFrame,
    settings: Sequence[str],
    train_loss: float | None,
    metric: str,
    texts: Catalog,
    ax: Axes | None = None,
) -> Axes:
    """Plot the loss of every setting, from simple to flexible, with its interval against the given estimator.

    Args:
        path: The table of `CheckResult.path`.
        settings: Name of each row of it below the axis.
        train_loss: The loss on training rows of the given estimator.
        metric: Name of the loss.
        texts: The texts of the labels' language.
        ax: The axes to draw on. Default: those of a new figure.
    """
    axes = ax if ax is not None else new_figure(SIZE).add_subplot()
    as_is = float(path.loc[path["side"] == "as-is", "loss"].iloc[0])
    at, loss = np.arange(len(path)), path["loss"].to_numpy()
    below, above = (np.abs(path[name].to_numpy() - path["better"].to_numpy()) * as_is / 100 for name in BOUNDS)
    axes.axhline(as_is, color="0.6", linewidth=1, linestyle=":")
    axes.errorbar(at, loss, yerr=(above, below), color=COLOURS[1], marker="o", markersize=4, capsize=2, linewidth=1)
    mine = int(np.flatnonzero(path["side"].to_numpy() == "as-is")[0])
    own = texts.text("check-as-is")
    axes.plot([mine], [as_is], marker="o", markersize=9, color=COLOURS[0], linestyle="", label=own)
    if train_loss is not None:
        trained = texts.text("check-as-is-training")
        axes.plot([mine], [train_loss], marker="x", color=COLOURS[0], linestyle="", label=trained)
    names = [plain_text(each if len(each) <= LONGEST else f"{each[: LONGEST - 1]}…") for each in settings]
    axes.set_xticks(at, names, rotation=45, ha="right", fontsize=8, fontproperties=FONT)
    return _labelled(axes, texts.text("check-path-axis"), metric, texts)


BOUNDS = ("better_low", "better_high")


def plot_rows(curve: pd.DataFrame, metric: str, texts: Catalog, ax: Axes | None = None) -> Axes:
    """Plot the validation loss by training rows, with the forecast for more rows and its 90% interval.

    Args:
        curve: The table of `CheckResult.learning_curve`.
        metric: Name of the loss.
        texts: The texts of the labels' language.
        ax: The axes to draw on. Default: those of a new figure.
    """
    axes = ax if ax is not None else new_figure(SIZE).add_subplot()
    measured, forecast = (curve[curve["kind"] == kind] for kind in ("measured", "forecast"))
    axes.plot(measured["rows"], measured["loss"], color=COLOURS[1], marker="o", label=texts.text("page-measured"))
    if len(forecast):
        middle = forecast["loss"].to_numpy()
        spread = (middle - forecast["loss_low"].to_numpy(), forecast["loss_high"].to_numpy() - middle)
        axes.errorbar(
            forecast["rows"], middle, yerr=spread, color=COLOURS[0], marker="o", capsize=3, linestyle="--",
            label=texts.text("page-forecast"),
        )  # fmt: skip
    axes.set_xscale("log")
    return _labelled(axes, texts.text("page-training-rows"), metric, texts)


def _labelled(axes: Axes, x: str, metric: str, texts: Catalog) -> Axes:
    axes.set_xlabel(x, fontproperties=FONT)
    loss = f"{texts.text('page-validation-loss')} ({plain_text(metric)})"
    axes.set_ylabel(loss, fontproperties=FONT)
    axes.legend(frameon=False, prop=FONT)
    return axes

"""Plots of a check: the loss along the complexity path, and the loss by training rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gengap.report.plots import COLOURS, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

SIZE = (8.0, 4.5)  # inches
LONGEST = 26  # characters of a setting below the axis


def plot_path(path: pd.DataFrame, train_loss: float | None, metric: str, ax: Axes | None = None) -> Axes:
    """Plot the loss of every setting, from simple to flexible, with its interval against the given estimator.

    Args:
        path: The table of `CheckResult.path`.
        train_loss: The loss on training rows of the given estimator.
        metric: Name of the loss.
        ax: The axes to draw on. Default: those of a new figure.
    """
    axes = ax if ax is not None else new_figure(SIZE).add_subplot()
    as_is = float(path.loc[path["side"] == "as-is", "loss"].iloc[0])
    at, loss = np.arange(len(path)), path["loss"].to_numpy()
    below, above = (np.abs(path[name].to_numpy() - path["better"].to_numpy()) * as_is / 100 for name in BOUNDS)
    axes.axhline(as_is, color="0.6", linewidth=1, linestyle=":")
    axes.errorbar(at, loss, yerr=(above, below), color=COLOURS[1], marker="o", markersize=4, capsize=2, linewidth=1)
    mine = int(np.flatnonzero(path["side"].to_numpy() == "as-is")[0])
    axes.plot([mine], [as_is], marker="o", markersize=9, color=COLOURS[0], linestyle="", label="current settings")
    if train_loss is not None:
        axes.plot(
            [mine],
            [train_loss],
            marker="x",
            color=COLOURS[0],
            linestyle="",
            label="current settings, on training rows",
        )
    names = [name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…" for name in path["setting"]]
    axes.set_xticks(at, [name.partition(" (now")[0] for name in names], rotation=45, ha="right", fontsize=8)
    axes.set_xlabel("simpler ← setting → more flexible")
    axes.set_ylabel(f"validation loss ({metric})")
    axes.legend(frameon=False)
    return axes


BOUNDS = ("better_low", "better_high")


def plot_rows(curve: pd.DataFrame, metric: str, ax: Axes | None = None) -> Axes:
    """Plot the validation loss by training rows, with the forecast for more rows and its 90% interval.

    Args:
        curve: The table of `CheckResult.learning_curve`.
        metric: Name of the loss.
        ax: The axes to draw on. Default: those of a new figure.
    """
    axes = ax if ax is not None else new_figure(SIZE).add_subplot()
    measured, forecast = (curve[curve["kind"] == kind] for kind in ("measured", "forecast"))
    axes.plot(measured["rows"], measured["loss"], color=COLOURS[1], marker="o", label="measured")
    if len(forecast):
        middle = forecast["loss"].to_numpy()
        spread = (middle - forecast["loss_low"].to_numpy(), forecast["loss_high"].to_numpy() - middle)
        axes.errorbar(
            forecast["rows"], middle, yerr=spread, color=COLOURS[0], marker="o", capsize=3, linestyle="--",
            label="forecast",
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlabel("training rows")
    axes.set_ylabel(f"validation loss ({metric})")
    axes.legend(frameon=False)
    return axes

"""Findings that need more than one run's loss: no verdict, another metric, row losses, other runs."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from examples.reason_pictures.worked import GREY, TRAINING, VALIDATION, WorkedExample, figure, legend, percent
from examples.verdict_gallery import EPOCHS, curves, falling, further_runs, shown_runs
from gengap.diagnose.verdict import Thresholds
from gengap.stats.comparison import compare
from gengap.stats.curves import RowLosses

ROWS = 1_000


def refused() -> Figure:
    """Draw six runs without a verdict."""
    demanding = Thresholds(fit_probability=0.9)
    noisy = curves(falling(0.38, 0.3, 8), falling(0.40, 0.3, 8) + 0.001 * EPOCHS, noise=0.15)
    runs = {
        "not-finite": WorkedExample(shown_runs()["diverged"]),
        "too-short": WorkedExample(further_runs()["two epochs"]),
        "constant": WorkedExample(further_runs()["constant"]),
        "nothing-learned": WorkedExample(further_runs()["nothing learnt"]),
        "diverging": WorkedExample(further_runs()["diverging"]),
        "too-noisy": WorkedExample(noisy, thresholds=demanding),
    }
    drawn, axes = figure(6, width=14, height=2.6)
    for ax, (code, worked) in zip(axes, runs.items(), strict=True):
        assert worked.verdict.codes[0] == code
        worked.draw_logged(ax)
        ax.set_title(code, fontsize=10)
    legend(axes[0])
    return drawn


def disagree() -> Figure:
    """Draw a loss that turns while accuracy still improves."""
    columns = further_runs()["accuracy goes on"]
    drawn, axes = figure(2, width=9)
    loss = WorkedExample(columns)
    assert "disagree" in loss.verdict.codes
    for ax, worked in zip(axes, (loss, WorkedExample(columns, metric="accuracy")), strict=True):
        worked.draw(ax)
        ax.axvline(loss.evidence.lowest, color=GREY, linestyle=":", label="the loss is lowest")
        ax.set_title(f"{worked.curves.metric}: {worked.title}", fontsize=10)
    legend(axes[0])
    return drawn


def sampling_error() -> Figure:
    """Draw the same curves without and with row losses: the luck of the rows widens the intervals."""
    drawn, axes = figure(2, width=9)
    columns = shown_runs()["turned"]
    for ax, title, rows in zip(axes, ("curves alone", "with 200 rows"), (None, row_losses(columns)), strict=True):
        worked = WorkedExample(columns, rows)
        band, verdict = worked.draw(ax), worked.verdict
        assert verdict.onset_interval is not None and verdict.rise_percent is not None
        ax.axvspan(*verdict.onset_interval, color=VALIDATION, alpha=0.15, label="onset, 90% interval")
        low, middle, high = (band.middle.min() * (1 + by / 100) for by in verdict.rise_percent)
        ax.errorbar([104], [middle], [[middle - low], [high - middle]], fmt="o", capsize=4, color=VALIDATION)
        text = f"rise {percent(verdict.rise_percent)}"
        ax.annotate(text, (104, high), (0, 8), textcoords="offset points", ha="right", fontsize=9)
        ax.set_ylim(0.38, 0.6)
        ax.set_title(f"{title}: {worked.title}", fontsize=10)
    legend(axes[0])
    return drawn


def row_losses(columns: dict[str, np.ndarray]) -> RowLosses:
    """Return the losses of 200 rows whose mean is the validation curve, as in `verdict_gallery.with_rows`."""
    random, validation = np.random.default_rng(0), columns["val_loss"]
    epochs = np.unique(np.geomspace(1, len(EPOCHS), 40).astype(np.int64)) - 1
    own = random.gamma(2, 0.5, size=200) + 0.004 * epochs[:, None] * random.normal(size=200)
    return RowLosses(epochs, validation[epochs, None] * own)


def compared() -> Figure:
    """Draw a run that is better on the same rows: both runs' losses, and the differences row by row."""
    random = np.random.default_rng(0)
    hard = random.gamma(2, 0.25, size=ROWS)
    losses = {"this run": hard[None], "the other": (hard * np.exp(0.12 * random.normal(size=ROWS) - 0.03))[None]}
    (found,) = compare(losses, against="this run")
    drawn, (left, right) = figure(2, width=9)
    for (name, values), colour in zip(losses.items(), (VALIDATION, TRAINING), strict=True):
        histogram(left, values[0], colour, f"{name}: {values.mean():.3f} ± {error(values[0]):.3f}")
    left.set_title("each run's losses of 1,000 rows: the means hardly differ", fontsize=10)
    differences = (losses["the other"] - losses["this run"])[0]
    histogram(right, differences, TRAINING, f"{differences.mean():.4f} ± {error(differences):.4f}")
    right.axvspan(*found.interval, color=GREY, alpha=0.5, linewidth=0, label="90% interval of the mean")
    right.axvline(0, color="black", linewidth=0.8)
    right.set_title("the other minus this one, row by row: they do", fontsize=10)
    for ax in (left, right):
        ax.set_ylabel("rows")
        legend(ax)
    return drawn


def histogram(ax: Axes, values: np.ndarray, colour: str, label: str) -> None:
    ax.hist(values, 40, histtype="step", color=colour, label=label)
    ax.axvline(float(values.mean()), color=colour, linestyle="--", linewidth=1)
    ax.set_xlabel("loss of a row")
    ax.spines[["top", "right"]].set_visible(False)


def error(values: np.ndarray) -> float:
    """Return the standard error of the mean."""
    return float(values.std(ddof=1) / np.sqrt(len(values)))

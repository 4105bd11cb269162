"""Findings from one run's curves: where their numbers come from."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from examples.reason_pictures.worked import GREY, VALIDATION, WorkedExample, figure, legend, measure, percent
from examples.verdict_gallery import EPOCHS, further_runs, shown_runs

LAST = int(EPOCHS[-1])


def rise() -> Figure:
    """Draw `rise` with its onset, and `gap`."""
    worked, (drawn, (ax,)) = WorkedExample(shown_runs()["turned"]), figure(height=3.6)
    band, verdict = worked.draw(ax), worked.verdict
    lowest = int(band.middle.argmin())
    assert verdict.onset_interval is not None and verdict.best_epoch is not None
    ax.axvspan(*verdict.onset_interval, color=VALIDATION, alpha=0.15, label="onset, 90% interval")
    ax.axvline(verdict.best_epoch, color=GREY, linestyle=":", label=f"best logged epoch, {verdict.best_epoch}")
    ax.hlines(band.middle[lowest], band.epochs[lowest], LAST + 2, color=GREY, linewidth=0.8)
    measure(
        ax,
        LAST + 2,
        (band.middle[lowest], band.middle[-1]),
        f"rise {percent(verdict.rise_percent)}".replace(" [", "\n["),
    )
    measure(ax, LAST + 36, (float(worked.train.values[-1]), band.middle[-1]), f"gap {verdict.gap_percent:.0f}%")
    legend(ax, columns=2)
    return drawn


def learns_on() -> Figure:
    """Draw training that improves after validation has levelled off."""
    worked, (drawn, (ax,)) = WorkedExample(shown_runs()["memorises"]), figure()
    band, learnt = worked.draw(ax), worked.evidence.overlearning
    since = int(band.epochs[int(np.argmax(np.log(band.middle / band.middle.min()) <= 0.01))])
    then = float(worked.train.values[since])
    assert learnt is not None
    ax.axvline(since, color=GREY, linestyle=":", label="validation is within 1% of its lowest")
    ax.hlines(then, since, LAST, color=GREY, linewidth=0.8)
    text = f"{-100 * np.expm1(-learnt.mean):.0f}% that validation\ndid not follow"
    measure(ax, LAST + 2, (float(worked.train.values[-1]), then), text)
    legend(ax)
    return drawn


def too_few_epochs() -> Figure:
    """Draw the late pace, extended to twice as many epochs."""
    worked, (drawn, (ax,)) = WorkedExample(shown_runs()["still falling"]), figure()
    band, ahead, twice = worked.draw(ax), worked.verdict.ahead_percent, 2 * len(EPOCHS)
    assert ahead is not None
    high, expected, low = (band.middle.min() / (1 + by / 100) for by in ahead)
    late = band.epochs >= 0.75 * LAST
    ax.plot(band.epochs[late], band.middle[late], color="black", linewidth=3, label="the late pace")
    ax.plot([LAST, twice], [band.middle[-1], expected], ":", color=VALIDATION)
    ax.errorbar([twice], [expected], [[expected - low], [high - expected]], fmt="o", capsize=4, color=VALIDATION)
    text = f"twice as many epochs: {percent(ahead)} lower"
    ax.annotate(text, (twice, low), (-8, 0), textcoords="offset points", ha="right", va="bottom", fontsize=9)
    legend(ax)
    return drawn


def level() -> Figure:
    """Draw a level curve, one without a gap, and one without a training curve."""
    runs = (shown_runs()["level"], further_runs()["no gap"], further_runs()["no training curve"])
    drawn, axes = figure(3, width=9)
    for ax, code, columns in zip(axes, ("level", "small-gap", "no-training-curve"), runs, strict=True):
        worked = WorkedExample(columns)
        worked.draw(ax)
        ax.set_title(f"{code}: {worked.title}", fontsize=10)
    legend(axes[0])
    return drawn


def recovered() -> Figure:
    """Draw a bump and its height."""
    worked, (drawn, (ax,)) = WorkedExample(shown_runs()["a bump"]), figure()
    band, (height, top) = worked.draw(ax), worked.evidence.bump
    at = float(np.interp(top, band.epochs, band.middle))
    measure(ax, top, (at * np.exp(-height), at), "")
    text = f"{100 * np.expm1(height):.1f}%, and back"
    ax.annotate(text, (top, at), (0, 8), textcoords="offset points", ha="center", fontsize=9)
    ax.set_title(worked.title, fontsize=10)
    legend(ax)
    return drawn


def spikes() -> Figure:
    """Draw lone outliers and lost values, which don't move the trend."""
    drawn, axes = figure(2, width=9)
    for ax, name, code in zip(axes, ("spikes", "values lost"), ("spikes", "lost"), strict=True):
        worked = WorkedExample(further_runs()[name])
        worked.draw(ax)
        found, values = worked.evidence.validation.spikes, worked.curves.validation.values
        ax.plot(found, values[found], "x", color="black", label="left out of the trend")
        for epoch in np.flatnonzero(np.isnan(values)).tolist():
            ax.axvline(epoch, color=GREY, linestyle=":", linewidth=0.8)
        ax.set_title(f"{code}: {worked.title}", fontsize=10)
    legend(axes[0])
    return drawn

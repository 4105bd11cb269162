"""Simulated curves of every verdict: the figure of docs/verdicts.md, and an example for each code.

    python examples/verdict_gallery.py docs/figures/verdicts.png

Prints each run's verdict with its findings and their codes, and draws the runs of `shown_runs`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from gengap.diagnose.findings import schedule_ended, too_little_capacity, too_much_regularisation
from gengap.diagnose.judge import judge
from gengap.diagnose.readers import read
from gengap.diagnose.run_curves import MetricCurves, choose_curves
from gengap.diagnose.verdict import Thresholds, Verdict
from gengap.report.conclusion_plots import save_verdict_figure
from gengap.stats.curves import RowLosses

EPOCHS = np.arange(100)
Columns = dict[str, np.ndarray]


def falling(floor: float, height: float, epochs: float) -> np.ndarray:
    """Return a loss that falls exponentially from floor + height to its floor, with this time constant."""
    return floor + height * np.exp(-EPOCHS / epochs)


def slow(floor: float, height: float) -> np.ndarray:
    """Return a loss that falls by a power law, more and more slowly."""
    return floor + height * (1 + EPOCHS / 20) ** -0.7


def curves(train: np.ndarray, validation: np.ndarray, noise: float = 0.006) -> Columns:
    """Return both losses with noise, relative to the loss."""
    random = np.random.default_rng(0)
    shares = {"loss": (train, 0.003), "val_loss": (validation, noise)}
    return {name: curve * (1 + share * random.normal(size=len(EPOCHS))) for name, (curve, share) in shares.items()}


def shown_runs() -> dict[str, Columns]:
    """Return the runs in the figure: one for each verdict, and one with a bump that is not overfitting."""
    train, level = falling(0.38, 0.3, 8), falling(0.40, 0.3, 8)
    bump = 0.08 * np.exp(-0.5 * ((EPOCHS - 30) / 7) ** 2)
    return {
        "still falling": curves(slow(0.25, 0.45), slow(0.28, 0.43)),
        "level": curves(train, level),
        "memorises": curves(train - 0.0008 * EPOCHS, level),
        "turned": curves(falling(0.30, 0.38, 30), level + 0.0008 * np.maximum(EPOCHS - 20, 0)),
        "diverged": change_loss(curves(train, level), slice(62, None), np.nan),
        "a bump": curves(falling(0.32, 0.38, 8), falling(0.37, 0.33, 8) + bump),
    }


def further_runs() -> dict[str, Columns]:
    """Return runs for the codes that are not in the figure."""
    turned, level = shown_runs()["turned"], shown_runs()["level"]
    solved, right = slow(0.0, 1) ** 4, np.minimum(0.9 + EPOCHS, 1)
    late, random = np.maximum(EPOCHS - 40, 0) / 59, np.random.default_rng(0)
    return {
        "accuracy goes on": {**turned, "val_accuracy": 0.70 + 0.1 * (1 - np.exp(-EPOCHS / 40))},
        "every row right": {**curves(solved, solved), "val_accuracy": right},
        "no training curve": {"val_loss": level["val_loss"]},
        "hardly falling": curves(falling(0.38, 0.02, 50), falling(0.40, 0.02, 50)),
        "hardly rising": curves(falling(0.30, 0.38, 30), falling(0.40, 0.3, 8) * (1 + 0.018 * late)),
        "no gap": curves(falling(0.3985, 0.3, 8), falling(0.40, 0.3, 8)),
        "spikes": change_loss(level, [41, 77], 0.6),
        "values lost": change_loss(level, [12, 50, 51], np.nan),
        "two epochs": {name: values[:2] for name, values in level.items()},
        "nothing learnt": curves(0.0 * EPOCHS + 0.693, 0.0 * EPOCHS + 0.6932, noise=0.002),
        "diverging": curves(falling(0.38, 0.3, 8) + 0.004 * EPOCHS, falling(0.40, 0.3, 8) + 0.004 * EPOCHS),
        "jumping": curves(falling(0.05, 0.3, 20), 0.4 * np.exp(0.7 * random.normal(size=len(EPOCHS)))),
        "a late step": change_loss(level, slice(97, None), 0.6),
        "far ahead": curves(falling(0.02, 1.0, 5), falling(0.58, 0.5, 4) * (1 - 0.0005 * EPOCHS)),
        "parts of a loss": {f"val/{part}_loss": run["val_loss"] for part, run in (("box", level), ("cls", turned))},
        "constant": change_loss(level, slice(None), 0.693),
    }


def change_loss(columns: Columns, at: slice | list[int], value: float) -> Columns:
    """Return the same run with another validation loss at some epochs."""
    validation = columns["val_loss"].copy()
    validation[at] = value
    return {**columns, "val_loss": validation}


def too_noisy() -> Verdict:
    """Return a verdict that needs a probability of 0.9, on curves that are too noisy for it."""
    noisy = curves(falling(0.38, 0.3, 8), falling(0.40, 0.3, 8) + 0.001 * EPOCHS, noise=0.15)
    return judge(replace(choose_curves(read(noisy)[0]), run="too noisy"), None, Thresholds(fit_probability=0.9))


def with_rows() -> Verdict:
    """Return the verdict on the run that turned, with the losses of 200 validation rows at up to 40 epochs."""
    random, validation = np.random.default_rng(0), shown_runs()["turned"]["val_loss"]
    epochs = np.unique(np.geomspace(1, len(EPOCHS), 40).astype(np.int64)) - 1
    noise = random.gamma(2, 0.5, size=200) + 0.004 * epochs[:, None] * random.normal(size=200)
    rows = RowLosses(epochs, validation[epochs, None] * noise)
    return judge(replace(choose_curves(read(shown_runs()["turned"])[0]), run="turned, by rows"), rows)


def judge_runs(runs: Mapping[str, Columns]) -> list[tuple[MetricCurves, Verdict]]:
    """Return each run's curves with their verdict."""
    chosen = [replace(choose_curves(read(columns)[0]), run=name) for name, columns in runs.items()]
    return [(one, judge(one)) for one in chosen]


def compared_with_others() -> Verdict:
    """Return the level run with the findings that only a study adds; numbers are invented."""
    _, verdict = judge_runs({"level, in a study": shown_runs()["level"]})[0]
    percent = (1.1, 2.4, 3.6)
    found = (
        too_little_capacity("sizes/64x2", percent),
        too_much_regularisation("sizes/64x3", percent),
        schedule_ended(0.004, 0.001),
    )
    return msgspec.structs.replace(verdict, findings=verdict.findings + found)


def gallery() -> list[Verdict]:
    """Return all verdicts of this module. Together they have every code."""
    return [
        *(verdict for _, verdict in judge_runs({**shown_runs(), **further_runs()})),
        too_noisy(),
        with_rows(),
        compared_with_others(),
    ]


def main(picture: Path) -> None:
    """Draw the figure and print the findings."""
    save_verdict_figure(judge_runs(shown_runs()), picture)
    for verdict in gallery():
        print(verdict)
        for finding in verdict.findings:
            print(f"  - {finding} [{finding.code}]")
        for advice in verdict.advice:
            print(f"  > {advice}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python examples/verdict_gallery.py PICTURE")
    main(Path(sys.argv[1]))

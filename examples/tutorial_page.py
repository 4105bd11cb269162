"""Write docs/tutorial.md's tables from a finished `gengap study HIGGS.csv.gz --plan tutorial --test N`.

    python examples/tutorial_page.py STUDY_FOLDER HIGGS.csv.gz

prints Markdown: each run and the published figures of the tutorial (TensorFlow 2.11), our losses at the epochs
that it logged, and the best models' losses on rows that took no part in training or choices.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

import gengap
from gengap.analysis.summary import StudySummary, TrialSummary
from gengap.history import History, read_histories
from gengap.models.backend import keras

# run: epochs until early stopping, validation cross-entropy at every 100th epoch, as the tutorial printed it
PUBLISHED: dict[str, tuple[int, dict[int, float]]] = {
    "sizes/Tiny": (
        5493,
        {0: 0.7602, 100: 0.6283, 500: 0.5902, 1000: 0.5835, 3000: 0.5719, 5000: 0.5689, 5400: 0.5674},
    ),
    "sizes/Small": (730, {0: 0.7259, 100: 0.6053, 300: 0.5930, 500: 0.5875, 700: 0.5884}),
    "sizes/Medium": (254, {0: 0.6859, 100: 0.6012, 200: 0.6603}),
    "sizes/large": (228, {0: 0.6775, 100: 1.6425, 200: 2.2920}),
    "regularizers/l2": (860, {0: 0.6746, 100: 0.5902, 300: 0.5834, 500: 0.5785, 700: 0.5773, 800: 0.5864}),
    "regularizers/dropout": (318, {0: 0.6868, 100: 0.5853, 200: 0.5873, 300: 0.6041}),
    "regularizers/combined": (
        1025,
        {0: 0.6964, 100: 0.5825, 300: 0.5625, 500: 0.5494, 700: 0.5429, 900: 0.5406, 1000: 0.5452},
    ),
}


def log_loss(y: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Each row's cross-entropy."""
    return np.logaddexp(0, logits) - y * logits


RUNS = [
    "| run | epochs: published | ours | lowest printed validation loss | ours at every 100th epoch, lowest | "
    "ours, best of every epoch | at epoch |",
    "|---|---|---|---|---|---|---|",
]


def page(folder: Path, higgs: Path) -> str:
    summary = msgspec.json.decode((folder / "study.json").read_bytes(), type=StudySummary)
    histories = {h.run: h for h in read_histories(folder / "histories.parquet")}
    rest = gengap.load(higgs, preparation="raw", test=summary.rows["test"])
    assert rest.test is not None
    lines = list(RUNS)
    curves = ["", "| run | epoch | published | ours |", "|---|---|---|---|"]
    fresh = [
        "",
        "| run | validation loss | accuracy | and at logit 0.5 | other rows: loss | accuracy | minus Tiny's loss |",
        "|---|---|---|---|---|---|---|",
    ]
    first: np.ndarray | None = None
    for trial in summary.trials:
        lines.append(_run_line(trial, histories[trial.run]))
        printed = PUBLISHED[trial.run][1]
        series = histories[trial.run]["validation", "binary_crossentropy"]
        for epoch, value in printed.items():
            ours = f"{series.at(epoch):.4f}" if epoch < len(series) else "stopped before"
            curves.append(f"| {trial.run} | {epoch:,} | {value:.4f} | {ours} |")
        model = keras.saving.load_model(folder / "models" / f"{trial.run}.keras", safe_mode=True)
        other = model.predict(rest.test.x, verbose=0).ravel()
        first = log_loss(rest.test.y, other) if first is None else first
        fresh.append(_fresh_line(trial, model, rest, other, first))
    return "\n".join(lines + curves + fresh) + "\n"


def _run_line(trial: TrialSummary, history: History) -> str:
    epochs, printed = PUBLISHED[trial.run]
    series = history["validation", "binary_crossentropy"]
    ours = min(series.at(e) for e in range(0, len(series), 100))
    best = trial.metrics["validation"]["binary_crossentropy"]
    return (
        f"| {trial.run} | {epochs:,} | {trial.epochs:,} | {min(printed.values()):.4f} | {ours:.4f} | {best:.4f} "
        f"| {trial.best_epoch:,} |"
    )


def _fresh_line(trial: TrialSummary, model: Any, rows: gengap.Dataset, other: np.ndarray, first: np.ndarray) -> str:
    """Return the line of a model: `other` has its logits of the test rows, `first` those rows' losses of Tiny."""
    assert rows.test is not None
    seen = model.predict(rows.validation.x, verbose=0).ravel()
    losses = log_loss(rows.test.y, other)
    error, paired = _error(losses), losses - first
    difference = f"{paired.mean():+.4f} ± {_error(paired):.4f}" if paired.any() else ""
    at = [np.mean((seen > t) == rows.validation.y) for t in (0.0, 0.5)]
    return (
        f"| {trial.run} | {log_loss(rows.validation.y, seen).mean():.4f} | {at[0]:.3f} | {at[1]:.3f} "
        f"| {losses.mean():.4f} ± {error:.4f} | {np.mean((other > 0) == rows.test.y):.3f} | {difference} |"
    )


def _error(values: np.ndarray) -> float:
    return float(values.std() / np.sqrt(len(values)))


if __name__ == "__main__":
    print(page(Path(sys.argv[1]), Path(sys.argv[2])), end="")

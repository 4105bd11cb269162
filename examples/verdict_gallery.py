"""Simulated curves of every verdict: the figure of docs/verdicts.md, and an example for each code.

    python examples/verdict_gallery.py docs/figures/verdicts.png

Prints each run's verdict with its reasons and their codes, and draws the runs of `shown` into the picture.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from gengap.diagnose.findings import too_little_capacity, too_much_regularisation
from gengap.diagnose.judge import judge
from gengap.diagnose.readers import read
from gengap.diagnose.run_curves import MetricCurves, choose_curves
from gengap.diagnose.verdict import Thresholds, Verdict
from gengap.report.verdict_plot import save_verdict_figure
from gengap.stats.row_losses import RowLosses

EPOCHS = np.arange(100)
Columns = dict[str, np.ndarray]


def falling(floor: float, height: float, epochs: float) -> np.ndarray:
    """A loss that falls from floor + height to its floor, most of it within so many epochs."""
    return floor + height * np.exp(-EPOCHS / epochs)


def slow(floor: float, height: float) -> np.ndarray:
    """A loss that falls ever more slowly, by a power law."""
    return floor + height * (1 + EPOCHS / 20) ** -0.7


def curves(train: np.ndarray, validation: np.ndarray, noise: float = 0.006) -> Columns:
    """Both losses with noise, which is a share of the loss."""
    random = np.random.default_rng(0)
    shares = {"loss": (train, 0.003), "val_loss": (validation, noise)}
    return {name: curve * (1 + share * random.normal(size=len(EPOCHS))) for name, (curve, share) in shares.items()}


def shown() -> dict[str, Columns]:
    """The runs in the picture: one for each verdict, and one whose bump is no overfitting."""
    train, level = falling(0.38, 0.3, 8), falling(0.40, 0.3, 8)
    bump = 0.08 * np.exp(-0.5 * ((EPOCHS - 30) / 7) ** 2)
    return {
        "still falling": curves(slow(0.25, 0.45), slow(0.28, 0.43)),
        "level": curves(train, level),
        "memorises": curves(train - 0.0008 * EPOCHS, level),
        "turned": curves(falling(0.30, 0.38, 30), level + 0.0008 * np.maximum(EPOCHS - 20, 0)),
        "diverged": changed(curves(train, level), slice(62, None), np.nan),
        "a bump": curves(falling(0.32, 0.38, 8), falling(0.37, 0.33, 8) + bump),
    }


def further() -> dict[str, Columns]:
    """Runs for the codes that the picture lacks."""
    turned, level = shown()["turned"], shown()["level"]
    return {
        "accuracy goes on": {**turned, "val_accuracy": 0.70 + 0.1 * (1 - np.exp(-EPOCHS / 40))},
        "no training curve": {"val_loss": level["val_loss"]},
        "hardly falling": curves(falling(0.38, 0.02, 50), falling(0.40, 0.02, 50)),
        "no gap": curves(falling(0.3985, 0.3, 8), falling(0.40, 0.3, 8)),
        "spikes": changed(level, [41, 77], 0.6),
        "values lost": changed(level, [12, 50, 51], np.nan),
        "five epochs": {name: values[:5] for name, values in level.items()},
        "constant": changed(level, slice(None), 0.693),
    }


def changed(columns: Columns, at: slice | list[int], value: float) -> Columns:
    """The same run with another validation loss at some epochs."""
    validation = columns["val_loss"].copy()
    validation[at] = value
    return {**columns, "val_loss": validation}


def too_noisy() -> Verdict:
    """A verdict is demanded from a probability of 0.9 on, which these curves don't give."""
    noisy = curves(falling(0.38, 0.3, 8), falling(0.40, 0.3, 8) + 0.001 * EPOCHS, noise=0.15)
    return judge(replace(choose_curves(read(noisy)[0]), run="too noisy"), None, Thresholds(fit_probability=0.9))


def with_rows() -> Verdict:
    """The run that turned, with the loss of each of 200 validation rows at 40 epochs or fewer."""
    random, validation = np.random.default_rng(0), shown()["turned"]["val_loss"]
    kept = np.unique(np.geomspace(1, len(EPOCHS), 40).astype(np.int64)) - 1
    own = random.gamma(2, 0.5, size=200) + 0.004 * kept[:, None] * random.normal(size=200)
    rows = RowLosses(kept, validation[kept, None] * own)
    return judge(replace(choose_curves(read(shown()["turned"])[0]), run="turned, by rows"), rows)


def judged(runs: Mapping[str, Columns]) -> list[tuple[MetricCurves, Verdict]]:
    """Each run's curves with the verdict on them."""
    chosen = [replace(choose_curves(read(columns)[0]), run=name) for name, columns in runs.items()]
    return [(one, judge(one)) for one in chosen]


def beside_others() -> Verdict:
    """The level run with what a study adds where other trials show it; numbers are made up."""
    _, verdict = judged({"level, in a study": shown()["level"]})[0]
    percent = (1.1, 2.4, 3.6)
    found = (
        too_little_capacity("sizes/64x2", percent),
        too_much_regularisation("sizes/64x3", percent),
    )
    return msgspec.structs.replace(verdict, findings=verdict.findings + found)


def gallery() -> list[Verdict]:
    """Every verdict there is here; between them they have every code."""
    return [
        *(verdict for _, verdict in judged({**shown(), **further()})),
        too_noisy(),
        with_rows(),
        beside_others(),
    ]


def main(picture: Path) -> None:
    """Draws the picture and prints the sentences."""
    save_verdict_figure(judged(shown()), picture)
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

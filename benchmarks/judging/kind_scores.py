"""Score gengap's verdicts on runs of several kinds with known truth.

    python -m benchmarks.judging.kind_scores FILE.npz [--every N] [--python PYTHON]

FILE is what `benchmarks.judging.kinds` writes, or another file of the same form whose settings are called `cfg`.
For the processes that chose something and for those that are only reported, and by length, it prints the balanced
accuracy for overfit and underfit, the share of false alarms, and the calibration errors. It also prints the share
of runs whose 90% interval of the rise covers the population's rise. With a PYTHON that has other tools (see
`benchmarks.judging.peer_verdicts`), it prints their balanced accuracy for overfit on the same runs.

A run overfits if the population's loss, smoothed over a twentieth of the epochs, ends at least 2% above its
lowest. It underfits if it does not, and three times the epochs lower it by at least 2%. It is fine if it ends at
most 0.5% above.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import uniform_filter1d

from benchmarks.judging.peer_verdicts import peer_judgements
from benchmarks.judging.scores import balanced_accuracy, reliability
from gengap.diagnose.judge import judge
from gengap.diagnose.run_curves import MetricCurves
from gengap.history import Series

BANDS = ((3, 7), (8, 15), (16, 60), (61, 10_000), (8, 10_000))
OVERFIT, FINE, UNDERFIT = 0.02, 0.005, 0.02
SMOOTHED = 20  # the population's loss is smoothed over this part of the visible epochs


@dataclass(frozen=True)
class Judged:
    """The truth about a run, what gengap says of it, and whether its process chose nothing."""

    epochs: int
    reported: bool
    truth: str
    rise: float  # of the population's loss, in percent
    verdict: str
    overfit: float  # probability
    underfit: float  # probability
    interval: tuple[float, float] | None  # of the rise, in percent
    losses: tuple[list[float], list[float]]  # of training and of validation, as a judge sees them


def true_state(population: np.ndarray, visible: int) -> tuple[str, float]:
    """Return what a run is, and its rise in percent, from the population's loss (3 x visible,)."""
    width = max(1, visible // SMOOTHED)
    seen = uniform_filter1d(population[:visible], width, mode="nearest")
    rise = seen[-1] / seen.min() - 1
    gain = 1 - uniform_filter1d(population, width, mode="nearest")[visible:].min() / seen.min()
    if rise >= OVERFIT:
        return "overfit", 100 * rise
    if gain >= UNDERFIT:
        return "underfit", 100 * rise
    return "fine" if rise <= FINE else "between", 100 * rise


def judge_run(curves: np.ndarray, visible: int, reported: bool) -> Judged:
    """Judge a run by the visible part of its curves (3 x visible, 3): training, validation, population loss."""
    epochs = np.arange(1, visible + 1)
    train, validation = (Series(epochs, curves[:visible, column].astype(float)) for column in (0, 1))
    verdict = judge(MetricCurves("run", "val_loss", validation, train, False))
    truth, rise = true_state(curves[:, 2].astype(float), visible)
    low_high = None if verdict.rise_percent is None else (verdict.rise_percent[0], verdict.rise_percent[2])
    chances, losses = verdict.probabilities, (train.values.tolist(), validation.values.tolist())
    return Judged(
        visible, reported, truth, rise, verdict.verdict, chances["overfit"], chances["underfit"], low_high, losses
    )


def judge_file(path: Path, every: int) -> list[Judged]:
    """Judge every n-th run of a file; runs with losses that are not positive or not finite are left out."""
    with np.load(path, allow_pickle=False) as file:
        settings = json.loads(str(file["runs" if "runs" in file else "cfg"]))
        judged = []
        for i in range(0, len(settings), every):
            curves, visible = file[f"h{i}"], settings[i]["visible"]
            usable = np.isfinite(curves[:visible]).all() and np.isfinite(curves[:, 2]).all()
            if usable and (curves[:visible] > 0).all() and not settings[i].get("signed"):
                judged.append(judge_run(curves, visible, bool(settings[i].get("reported"))))
    return judged


def scores(runs: list[Judged]) -> str:
    """Return the figures of these runs in a line."""
    truth, verdict = np.array([run.truth for run in runs]), np.array([run.verdict for run in runs])
    texts = [f"{len(runs)} runs"]
    for name in ("overfit", "underfit"):
        true, said = truth == name, verdict == name
        if not 0 < true.sum() < len(true):
            texts.append(f"{name} –")
            continue
        found = balanced_accuracy(said, true)
        error = reliability(np.array([getattr(run, name) for run in runs]), true).expected_error
        texts.append(f"{name} {found} (false alarms {1 - found.left_alone:.2f}, calibration error {error:.3f})")
    return ", ".join(texts)


def peer_scores(runs: list[Judged], said: dict[str, list[bool | None]]) -> str:
    """Return the balanced accuracy for overfit of each peer on these runs, in a line."""
    true = np.array([run.truth == "overfit" for run in runs])
    if not 0 < true.sum() < len(true):
        return "–"
    each = {peer: balanced_accuracy(np.array([bool(a) for a in answers]), true) for peer, answers in said.items()}
    return ", ".join(f"{peer} {found.value:.3f}" for peer, found in each.items())


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.judging.kind_scores")
    parser.add_argument("file", type=Path)
    parser.add_argument("--every", type=int, default=1, help="Judge every n-th run.")
    parser.add_argument("--python", help="A Python that has the other tools.")
    options = parser.parse_args()
    judged = judge_file(options.file, options.every)
    for reported in sorted({run.reported for run in judged}):
        group = [run for run in judged if run.reported == reported]
        name = "reported" if reported else "chose, or another file"
        for low, high in BANDS:
            if chosen := [run for run in group if low <= run.epochs <= high and run.truth != "between"]:
                print(f"{name}, {low} to {high} epochs: {scores(chosen)}")
                if options.python:
                    said = peer_judgements([run.losses for run in chosen], options.python)
                    print(f"    {peer_scores(chosen, said)}")
        covered = [run.interval[0] <= run.rise <= run.interval[1] for run in group if run.interval is not None]
        print(f"{name}: the interval covers the population's rise in {np.mean(covered):.2f} of {len(covered)} runs")
    return 0


if __name__ == "__main__":
    sys.exit(main())

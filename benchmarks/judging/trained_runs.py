"""Verdicts on trained runs compared with the truth: gengap from curves alone and with row losses, and peers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from benchmarks.judging.gengap_verdicts import verdicts_on_runs
from benchmarks.judging.goal_tables import Goal, Section, Table
from benchmarks.judging.peer_verdicts import peer_judgements
from benchmarks.judging.scores import BalancedAccuracy, balanced_accuracy, macro_f1, reliability
from benchmarks.judging.trained_run import TrainedRun
from gengap.diagnose.verdict import Verdict

CURVES, ROWS = "gengap, curves alone", "gengap, with rows"
HEADINGS = (
    "judge",
    "overfit: balanced accuracy",
    "found",
    "left alone",
    "underfit: balanced accuracy",
    "macro F1",
    "macro F1, all runs",
)


def measure(runs: list[TrainedRun], jobs: int, python: str, figure: Path | None) -> Section:
    """Score all judges on the runs, and write the reliability figure to `figure`."""
    own = {CURVES: verdicts_on_runs(runs, False, jobs), ROWS: verdicts_on_runs(runs, True, jobs)}
    labels = {judge: [grouped(v.verdict) for v in verdicts] for judge, verdicts in own.items()}
    for peer, overfit in peer_judgements([(r.train.tolist(), r.validation.tolist()) for r in runs], python).items():
        labels[peer] = ["overfit" if one else "good" for one in overfit]
    truth = Truths(runs)
    best_peer = max((truth.overfit(s).value for judge, s in labels.items() if judge not in own), default=0.0)
    goals = [
        Goal("overfit, curves alone: balanced accuracy", truth.overfit(labels[CURVES]).value, max(0.94, best_peer)),
        Goal("overfit, with rows: balanced accuracy", truth.overfit(labels[ROWS]).value, 0.95),
        Goal("underfit, curves alone: balanced accuracy", truth.underfit(labels[CURVES]).value, 0.87),
        Goal("macro F1, curves alone", truth.macro_f1(labels[CURVES]), 0.80),
    ]
    table = Table("Real runs", HEADINGS, [truth.line(judge, s) for judge, s in labels.items()], composition(runs))
    section = Section(goals, [table]) + _onsets(runs, own) + _calibration(truth, own, figure)
    return section + Section(tables=[_by_process(runs, labels)])


class Truths:
    """The truth about each run: (n,) booleans, and its label."""

    def __init__(self, runs: list[TrainedRun]) -> None:
        self.clear = np.array([run.truth.overfit is not None for run in runs])
        self.overfits = np.array([run.truth.overfit is True for run in runs])
        self.underfits = np.array([run.truth.underfit for run in runs])
        self.labels = np.array([run.truth.label for run in runs])

    def overfit(self, labels: list[str]) -> BalancedAccuracy:
        """Score overfit, over the runs with a clear truth."""
        return balanced_accuracy((np.array(labels) == "overfit")[self.clear], self.overfits[self.clear])

    def underfit(self, labels: list[str]) -> BalancedAccuracy:
        """Score underfit, over all runs."""
        return balanced_accuracy(np.array(labels) == "underfit", self.underfits)

    def macro_f1(self, labels: list[str]) -> float:
        """Return macro F1 over the runs with a clear truth."""
        return macro_f1(np.array(labels)[self.clear].tolist(), self.labels[self.clear].tolist())

    def line(self, judge: str, labels: list[str]) -> tuple[str, ...]:
        """Return one judge's row of the table."""
        overfit = self.overfit(labels)
        scores = (str(overfit), f"{overfit.found:.2f}", f"{overfit.left_alone:.2f}", str(self.underfit(labels)))
        return judge, *scores, f"{self.macro_f1(labels):.3f}", f"{macro_f1(labels, self.labels.tolist()):.3f}"


def grouped(verdict: str) -> str:
    """Return the verdict as one of the three true labels: near-overfit counts as good."""
    return "good" if verdict == "near-overfit" else verdict


def composition(runs: list[TrainedRun]) -> str:
    """Count the runs of each truth, in words."""
    counts = Counter(run.truth.label for run in runs)
    unclear = sum(run.truth.overfit is None for run in runs)
    text = ", ".join(f"{counts[label]} {label}" for label in ("underfit", "good", "overfit"))
    return f"{len(runs)} runs by truth: {text}; {unclear} rise by 0.5-2% and are left out where overfit is scored."


def _onsets(runs: list[TrainedRun], own: dict[str, list[Verdict]]) -> Section:
    goals, rows = [], []
    for judge, verdicts in own.items():
        pairs = [
            (run.truth.turning_epoch, verdict.onset_interval)
            for run, verdict in zip(runs, verdicts, strict=True)
            if run.truth.overfit and verdict.verdict == "overfit" and verdict.onset_interval is not None
        ]
        covered = float(np.mean([low <= turn <= high for turn, (low, high) in pairs])) if pairs else 0.0
        widths = [np.log((high + 1) / (low + 1)) for _, (low, high) in pairs]
        width = f"{np.exp(np.median(widths)):.2f}" if pairs else "-"
        rows.append((judge, str(len(pairs)), f"{100 * covered:.0f}%", width))
        if judge == ROWS:
            goals.append(
                Goal("onset interval covers the population's turn, with rows", 100 * covered, 80, unit="%")
            )
    note = "Of the runs that truly overfit and are called so. Width: the interval's end over its start, median."
    return Section(goals, [Table("Onset", ("judge", "intervals", "cover the turn", "width"), rows, note)])


def _calibration(truth: Truths, own: dict[str, list[Verdict]], figure: Path | None) -> Section:
    every = np.ones(len(truth.labels), bool)
    goals, rows, curves = [], [], {}
    for judge, verdicts in own.items():
        for name, true, scored in (
            ("overfit", truth.overfits, truth.clear),
            ("underfit", truth.underfits, every),
        ):
            stated = np.array([verdict.probabilities.get(name, 0.0) for verdict in verdicts])
            curve = curves[judge, name] = reliability(stated[scored], true[scored])
            rows.append((judge, name, f"{curve.expected_error:.3f}"))
            if judge == ROWS:
                goals.append(
                    Goal(f"expected calibration error, {name}, with rows", curve.expected_error, 0.08, True)
                )
    if figure is not None:
        from benchmarks.judging.reliability_plot import draw

        draw(curves, figure)
    return Section(goals, [Table("Calibration", ("judge", "probability of", "expected calibration error"), rows)])


def _by_process(runs: list[TrainedRun], labels: dict[str, list[str]]) -> Table:
    names = list(dict.fromkeys(run.config["process"] for run in runs))
    rows: list[tuple[str, ...]] = []
    for name in names:
        of = [i for i, run in enumerate(runs) if run.config["process"] == name]
        counts = Counter(runs[i].truth.label for i in of)
        right = [
            f"{100 * np.mean([labels[judge][i] == runs[i].truth.label for i in of]):.0f}%"
            for judge in (CURVES, ROWS)
        ]
        rows.append((name, *(str(counts[label]) for label in ("underfit", "good", "overfit")), *right))
    return Table(
        "By process", ("process", "underfit", "good", "overfit", f"right: {CURVES}", f"right: {ROWS}"), rows
    )

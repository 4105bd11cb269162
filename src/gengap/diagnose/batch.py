"""Verdicts on many files at once: what can't be read is said, and the others are still answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from gengap.diagnose.judge import judge
from gengap.diagnose.readers import read
from gengap.diagnose.run_curves import MetricCurves, choose_curves
from gengap.diagnose.verdict import Verdict, make_thresholds
from gengap.errors import GengapError


@dataclass(frozen=True)
class BatchResult:
    """`in_order` holds, for each run, its verdict or {"run", "error"}; `judged` has the curves with theirs.

    `notes` are what had to be decided in reading the logs, as of epochs that are in them twice.
    """

    in_order: list[Verdict | dict[str, str]] = field(default_factory=list)
    judged: list[tuple[MetricCurves, Verdict]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[dict[str, str]]:
        """The files and runs that could not be judged."""
        return [one for one in self.in_order if isinstance(one, dict)]


def diagnose_files(files: Sequence[str], metric: str | None, min_effect: float) -> BatchResult:
    """The verdict on every run in `files`. Raises UsageError only for a wrong `min_effect`."""
    thresholds, answers = make_thresholds(min_effect), BatchResult()
    for file in files:
        try:
            logs = read(file, metric)
        except GengapError as error:
            answers.in_order.append({"run": file, "error": str(error)})
            continue
        for log in logs:
            try:
                curves = choose_curves(log, metric)
            except GengapError as error:
                answers.in_order.append({"run": log.history.run, "error": str(error)})
                continue
            verdict = judge(curves, None, thresholds)
            answers.in_order.append(verdict)
            answers.judged.append((curves, verdict))
            answers.notes.extend(f"{verdict.run}: {note}" for note in log.notes)
    return answers

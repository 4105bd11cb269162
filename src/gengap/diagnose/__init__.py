"""`diagnose()`: a verdict on anyone's training curves.

a log of any framework -> readers -> Log -> choose_curves -> MetricCurves
MetricCurves -> stats.curves (one scale, no spikes) -> stats.trend -> evidence -> judge -> Verdict with findings
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gengap.diagnose.run_curves import Log, MetricCurves
    from gengap.diagnose.verdict import Thresholds, Verdict
    from gengap.stats.curves import RowLosses

NAMED = 3  # runs that a note on several of them names


def diagnose(
    source: object,
    *,
    metric: str | None = None,
    run: str | None = None,
    rows: RowLosses | None = None,
    min_effect: float = 0.01,
    restart: str = "auto",
) -> Verdict:
    """Return whether one run underfits, fits or overfits, and how certain that is.

    >>> train = [0.9 * 0.95**epoch for epoch in range(40)]
    >>> validation = [0.5 + 0.4 * 0.8**epoch + 0.004 * epoch for epoch in range(40)]
    >>> verdict = diagnose({"loss": train, "val_loss": validation})
    >>> verdict.verdict, verdict.best_epoch
    ('overfit', 14)

    Args:
        source: A log's path, its text, or a Python object: see `gengap.diagnose.readers.read`.
        metric: The curves to judge (default: the loss).
        run: The run to judge, if there are several.
        rows: Loss of each validation row, if known (`gengap.callbacks.Monitor` records it). It separates luck in
            the choice of rows from overfitting.
        min_effect: The smallest change that matters, as a share of the loss.
        restart: What to do where epochs start again: "continue" the run, "split" it into two, or "auto".

    Returns:
        The verdict with its probabilities, intervals, findings and advice.

    Raises:
        UsageError: If an argument is wrong, or there are several runs and `run` names none.
        DataError: If the log can't be read.
    """
    from gengap.diagnose.readers import read
    from gengap.diagnose.verdict import make_thresholds
    from gengap.errors import UsageError

    thresholds = make_thresholds(min_effect)
    logs = read(source, metric, restart)
    if run is not None:
        logs = [log for log in logs if log.history.run == run or log.history.run.endswith(f":{run}")] or logs
    if len(logs) != 1:
        names = ", ".join(log.history.run for log in logs[:10])
        raise UsageError(f"there are {len(logs)} runs: {names}; name one with run=, or use diagnose.every")
    return _judge_log(logs[0], metric, rows, thresholds)[1]


def every(
    source: object, *, metric: str | None = None, min_effect: float = 0.01, restart: str = "auto"
) -> list[Verdict]:
    """Return the verdicts on all runs of `source`, in its order.

    Args:
        source: A log's path, its text, or a Python object.
        metric: The curves to judge (default: the loss).
        min_effect: The smallest change that matters, as a share of the loss.
        restart: What to do where epochs start again: "continue" the run, "split" it into two, or "auto".

    Returns:
        One verdict for each run.

    Raises:
        UsageError: If an argument is wrong.
        DataError: If the log can't be read.
    """
    from gengap.diagnose.readers import read
    from gengap.diagnose.verdict import make_thresholds

    thresholds = make_thresholds(min_effect)
    return [_judge_log(log, metric, None, thresholds)[1] for log in read(source, metric, restart)]


def _judge_log(
    log: Log, metric: str | None, rows: RowLosses | None, thresholds: Thresholds
) -> tuple[MetricCurves, Verdict]:
    """Return a run's curves and verdict. A study's own verdict is repeated, unless another one is asked for."""
    from gengap.diagnose.judge import judge, name_axis
    from gengap.diagnose.run_curves import choose_curves
    from gengap.diagnose.study_verdicts import stored_verdict
    from gengap.diagnose.verdict import Thresholds

    as_studied = metric is None and rows is None and thresholds == Thresholds()
    if as_studied and (found := stored_verdict(log)) is not None:
        return found
    curves = choose_curves(log, metric)
    return curves, name_axis(judge(curves, rows, thresholds), curves)


@dataclass(frozen=True)
class BatchResult:
    """Verdicts on many files.

    Attributes:
        results: For each run, its verdict, or {"run", "error"} if it could not be judged.
        judged: The curves and verdicts of the runs that were judged.
    """

    results: list[Verdict | dict[str, str]] = field(default_factory=list)
    judged: list[tuple[MetricCurves, Verdict]] = field(default_factory=list)

    @property
    def errors(self) -> list[str]:
        """Why files and runs could not be judged."""
        return [each["error"] for each in self.results if isinstance(each, dict)]

    @property
    def notes(self) -> list[str]:
        """What had to be decided in reading the logs, as English text; once for all runs that it holds for."""
        from gengap.errors import first_few

        runs: dict[str, list[str]] = {}
        for _, each in self.judged:
            for note in each.read.notes if each.read else ():
                runs.setdefault(str(note), []).append(each.run)
        return [f"{first_few(names, NAMED)}: {note}" for note, names in runs.items()]


def diagnose_files(
    files: Sequence[str], metric: str | None, min_effect: float, restart: str = "auto"
) -> BatchResult:
    """Return the verdict on every run in `files`; files that can't be read don't stop the others.

    Raises:
        UsageError: If `min_effect` is wrong.
    """
    from gengap.diagnose.readers import read
    from gengap.diagnose.readers.file_names import join_parts
    from gengap.diagnose.verdict import make_thresholds
    from gengap.errors import GengapError

    thresholds, batch = make_thresholds(min_effect), BatchResult()
    read_or_failed: list[Log | dict[str, str]] = []
    for file in files:
        try:
            read_or_failed += read(file, metric, restart)
        except GengapError as error:
            read_or_failed.append({"run": file, "error": str(error)})
    for log in join_parts(read_or_failed):
        if isinstance(log, dict):
            batch.results.append(log)
            continue
        try:
            curves, verdict = _judge_log(log, metric, None, thresholds)
        except GengapError as error:
            batch.results.append({"run": log.history.run, "error": str(error)})
            continue
        batch.results.append(verdict)
        judged = next((part for part in curves.parts if part.metric == verdict.metric), curves)
        batch.judged.append((judged, verdict))
    return batch


class _CallableDiagnose(ModuleType):
    """Make the package callable, because `gengap.diagnose` is the name of the package and of its function."""

    __call__ = staticmethod(diagnose)


sys.modules[__name__].__class__ = _CallableDiagnose
__doc__ = diagnose.__doc__  # what `help(gengap.diagnose)` shows first

"""The verdicts that a study gave on its own trials, which it judged with the loss of every validation row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import msgspec

from gengap.diagnose.judge import summarise_log
from gengap.diagnose.run_curves import Log, MetricCurves, choose_curves
from gengap.diagnose.verdict import Verdict
from gengap.files.limits import read_document
from gengap.text.catalog import Message

RESULTS = "study.json"
NOTE = Message("read-study-verdict")


class _Trial(msgspec.Struct, frozen=True):
    run: str
    seed: int
    epochs: int
    verdict: Verdict | None = None


class _Results(msgspec.Struct, frozen=True):
    trials: tuple[_Trial, ...]


def with_study_verdicts(logs: Iterable[Log], histories: Path) -> list[Log]:
    """Return the logs of a study's histories with its verdicts, if its results are next to them.

    Their epochs then count from 1, as the study counts them.

    Args:
        logs: What was read of the histories.
        histories: The study's histories.parquet.
    """
    try:
        results = msgspec.json.decode(read_document(histories.with_name(RESULTS)), type=_Results)
    except (OSError, ValueError, RecursionError):
        return list(logs)
    trials = {(trial.run, trial.seed): trial for trial in results.trials}
    judged = [_with_verdict(log, trials) for log in logs]
    first = next((i for i, log in enumerate(judged) if log.verdict is not None), None)
    if first is not None:  # said once for all runs
        judged[first] = replace(judged[first], notes=(*judged[first].notes, NOTE))
    return judged


def _with_verdict(log: Log, trials: dict[tuple[str, int], _Trial]) -> Log:
    run = log.history.run.rpartition(":")[2].removesuffix(f".seed{log.history.seed}")
    trial = trials.get((run, log.history.seed))
    if trial is None or trial.verdict is None or trial.epochs != log.history.epochs:
        return log
    return replace(log, history=log.history.counted_from_one(), verdict=trial.verdict)


def stored_verdict(log: Log) -> tuple[MetricCurves, Verdict] | None:
    """Return the curves that the study judged and its verdict on them; None if there is none."""
    if log.verdict is None:
        return None
    curves = choose_curves(log, log.verdict.metric)
    return curves, msgspec.structs.replace(log.verdict, run=curves.run, read=summarise_log(curves))

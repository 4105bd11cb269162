"""What a study's folder shows now: a study under way, a finished one, what is left of a killed one, or none.

`mark` is cheap: it looks at names, sizes and times alone. `look` reads the files; one that is missing or
half-written, since the study writes while this reads, is as if it were not there yet.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import msgspec

from gengap.errors import StudyFolderError
from gengap.folder import HISTORIES, RESULTS, SUMMARY, StudyFolder
from gengap.history import History, read_histories
from gengap.live import CURVES, LIVE, STATUS, Status, read_status
from gengap.report.page import Page, page_of
from gengap.report.summary import StudySummary, TrialSummary

State = Literal["waiting", "running", "stopped", "finished"]
REMEMBERED = 1024  # finished trials, which are read once


@dataclass(frozen=True)
class Seen:
    """A study's state, its page (None while waiting for one), and how many trials are finished, of how many.

    `planned` is None for a plan that grows.
    """

    state: State
    page: Page | None = None
    finished: int = 0
    planned: int | None = None

    @property
    def text(self) -> str:
        """The state in English words, for `Language.say`."""
        of = f"{self.finished}" if self.planned is None else f"{self.finished} of {self.planned}"
        return {
            "waiting": "waiting for a study to begin",
            "running": f"the study is under way: {of} trials finished",
            "stopped": f"the study was ended before its end: {of} trials finished",
            "finished": "the study is finished",
        }[self.state]


def mark(folder: Path) -> str:
    """A digest that is another one whenever `look` would see something else."""
    status = read_status(folder)
    parts: list[object] = [status is not None and status.running]
    for path in (folder / RESULTS, folder / HISTORIES, folder / STATUS, *_curves_files(folder)):
        try:
            stat = path.stat()
        except OSError:
            continue
        parts.append((str(path), stat.st_mtime_ns, stat.st_size))
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def look(folder: Path) -> Seen:
    """What is there to be shown."""
    status = read_status(folder)
    if status is not None and status.running:
        return _under_way("running", folder, status)
    try:
        found = StudyFolder(folder).results()
    except StudyFolderError:
        return Seen("waiting") if status is None else _under_way("stopped", folder, status)
    trials = len(found.summary.trials)
    return Seen("finished", page_of(found.summary, found.histories, found.plan), trials, trials)


def _under_way(state: State, folder: Path, status: Status) -> Seen:
    kept = StudyFolder(folder)
    finished = list(_finished(kept.trial_file(run, seed) for run, seed in status.finished))
    known = set(status.finished)
    running = [history for history in _running(folder) if (history.run, history.seed) not in known]
    ended = time.time() if state == "running" else (folder / STATUS).stat().st_mtime
    summary = StudySummary(
        source=status.source,
        rows=status.rows,
        plan=status.plan_name,
        seconds=max(0.0, ended - status.started),
        trials=tuple(trial for _, trial in finished),
        preparation=status.preparation,
        interrupted=state == "stopped",
        columns=status.columns,
        target=status.target,
        seeds=tuple(range(status.seeds)),
    )
    histories = [*(history for history, _ in finished), *running]
    page = page_of(summary, histories, status.plan, under_way=state == "running")
    return Seen(state, page, len(finished), status.planned)


def _finished(paths: Iterable[Path]) -> Iterator[tuple[History, TrialSummary]]:
    for path in paths:
        try:
            yield _trial(path, path.stat().st_mtime_ns)
        except _unreadable():
            continue


@lru_cache(REMEMBERED)
def _trial(path: Path, written: int) -> tuple[History, TrialSummary]:
    """The finished trial in a file that was `written` then."""
    import pyarrow.parquet as pq

    kept = pq.read_schema(path).metadata[SUMMARY.encode()]
    return read_histories(path)[0], msgspec.json.decode(kept, type=TrialSummary)


def _running(folder: Path) -> Iterator[History]:
    for path in _curves_files(folder):
        try:
            yield read_histories(path)[0]
        except _unreadable():
            continue


def _curves_files(folder: Path) -> list[Path]:
    return sorted((folder / LIVE).rglob(CURVES))


def _unreadable() -> tuple[type[Exception], ...]:
    """What reading a file raises that is not there, or not yet whole."""
    import pyarrow as pa

    return OSError, KeyError, TypeError, ValueError, IndexError, msgspec.DecodeError, pa.ArrowException

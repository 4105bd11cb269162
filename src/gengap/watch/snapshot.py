"""What a study's folder shows now: a study under way, a finished one, what is left of a killed one, or none.

`folder_version` is cheap: it looks at names, sizes and times alone. `take_snapshot` reads the files; one that is
missing or half-written, since the study writes while this reads, is as if it were not there yet.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import msgspec

from gengap.analysis.summary import StudySummary, TrialSummary
from gengap.errors import PlanError, StudyFolderError
from gengap.history import History, read_histories
from gengap.plan import Plan
from gengap.report.page import ALL, EpochLine, GroupMember, Page, TrialRow, study_page
from gengap.study.folder import HISTORIES, RESULTS, StudyFolder, read_trial
from gengap.study.progress import CURVES, LIVE, STATUS, StudyStatus, is_running, modified, read_status
from gengap.text.catalog import Message

State = Literal["waiting", "running", "stopped", "finished"]
REMEMBERED = 1024  # finished trials, which are read once


@dataclass(frozen=True)
class StudySnapshot:
    """State of a study folder.

    Attributes:
        state: "waiting", "running", "stopped" or "finished".
        page: Its page; None while waiting.
        finished: Number of finished trials.
        planned: Number of planned trials; None for a plan that grows.
    """

    state: State
    page: Page | None = None
    finished: int = 0
    planned: int | None = None

    @property
    def message(self) -> Message:
        """The state as a message."""
        if self.state in ("running", "stopped"):
            return Message("live-" + self.state, {"finished": self.finished, "planned": self.planned})
        return Message("live-" + self.state)


def folder_version(folder: Path) -> str:
    """Return a digest that changes whenever the result of `take_snapshot` would."""
    parts: list[object] = [is_running(folder)]
    for path in (folder / RESULTS, folder / HISTORIES, folder / STATUS, *_curves_files(folder)):
        try:
            stat = path.stat()
        except OSError:
            continue
        parts.append((str(path), stat.st_mtime_ns, stat.st_size))
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def take_snapshot(folder: Path) -> StudySnapshot:
    """Read what a folder holds: a running study, results, or what a killed study left."""
    status, running = read_status(folder), is_running(folder)
    if status is not None and running:
        return _under_way("running", folder, status)
    try:
        found = StudyFolder(folder).results()
    except StudyFolderError:
        if status is None:
            return StudySnapshot("waiting")
        return _under_way("running" if running else "stopped", folder, status)
    trials = len(found.summary.trials)
    return StudySnapshot("finished", study_page(found.summary, found.histories, found.plan), trials, trials)


def _under_way(state: State, folder: Path, status: StudyStatus) -> StudySnapshot:
    kept = StudyFolder(folder)
    finished = list(_finished(kept, status.finished))
    known = set(status.finished)
    running = [history for history in _running(folder) if (history.run, history.seed) not in known]
    ended = time.time() if state == "running" else max(map(modified, (folder / STATUS, *_curves_files(folder))))
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
        table=status.table,
    )
    histories = [*(history for history, _ in finished), *running]
    page = study_page(summary, histories, status.plan, under_way=state == "running")
    return StudySnapshot(state, _as_planned(page), len(finished), status.planned)


def _as_planned(page: Page) -> Page:
    """Return the page with its runs in the order of the plan; runs that are not in the plan come last."""
    place = {run: at for at, run in enumerate(_planned(page.plan))}

    def at(each: TrialRow | GroupMember | EpochLine) -> int:
        return place.get(each.run, len(place))

    groups = [(name, tuple(sorted(shown, key=at))) for name, shown in page.groups.items()]
    groups.sort(key=lambda group: (group[0] == ALL, at(group[1][0])))
    values = msgspec.structs.replace(page.values, lines=tuple(sorted(page.values.lines, key=at)))
    return msgspec.structs.replace(page, rows=tuple(sorted(page.rows, key=at)), groups=dict(groups), values=values)


def _planned(plan: str) -> Sequence[str]:
    """Return the names of a plan's trials in training order; none if the plan can't be read."""
    try:
        return [trial.run for trial in Plan.from_toml(plan).all_trials]
    except PlanError:
        return ()


def _finished(folder: StudyFolder, trials: Iterable[tuple[str, int]]) -> Iterator[tuple[History, TrialSummary]]:
    for run, seed in trials:
        with contextlib.suppress(Exception):  # not there, or not yet whole, of which Arrow may say anything
            path = folder.trial_file(run, seed)
            yield _trial(path, path.stat().st_mtime_ns)


@lru_cache(REMEMBERED)
def _trial(path: Path, written: int) -> tuple[History, TrialSummary]:
    """Read the finished trial in a file; `written` is its modification time, for the cache."""
    return read_histories(path)[0], read_trial(path)[0]


def _running(folder: Path) -> Iterator[History]:
    for path in _curves_files(folder):
        with contextlib.suppress(Exception):
            yield read_histories(path)[0]


def _curves_files(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / LIVE).rglob(CURVES) if path.is_file())

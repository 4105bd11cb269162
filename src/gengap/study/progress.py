"""Displays of a study's progress, and the progress files that a running study writes for `gengap watch`.

    live/status.json                   the study: its process, its plan, and which trials are under way and finished
    live/<run>.seed<k>.parquet         a trial that is being trained: its curves, seconds and most epochs

`ProgressFiles` is a display in front of another one. Curves of a trial are written at most once a second, and in
a small share of its time. Every file is written next to its place and then renamed. All are removed when the study
ends. A killed study leaves them, but nobody holds its lock.
"""

from __future__ import annotations

import contextlib
import os
import platform
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

import msgspec

from gengap.data.table_summary import TableSummary
from gengap.errors import StudyFolderError
from gengap.files.limits import read_document
from gengap.files.writing import ELSEWHERE, atomic_write, lock_holder, safe_join
from gengap.history import write_histories
from gengap.options.spec import MOST_SEEDS

if TYPE_CHECKING:
    from gengap.analysis.summary import TrialSummary
    from gengap.data.dataset import Dataset
    from gengap.models.cloned_models import TrialModels
    from gengap.plan import Plan
    from gengap.train.types import Progress

LIVE, STATUS, CURVES = "live", "live/status.json", "*.seed*.parquet"
SECONDS, MOST_EPOCHS = "gengap.seconds", "gengap.epochs"  # in the metadata of a running trial's curves
EVERY_SECONDS = 1.0
LARGEST_SHARE = 0.01  # of a trial's time for writing its curves


class Display(Protocol):
    """Shows the progress of a study. Several threads call it, one call at a time for each trial."""

    def reading(self, done: int, expected: int | None) -> None:
        """Report the rows (or bytes of a download) read so far."""

    def begin(self, plan: Plan, dataset: Dataset, seeds: int, user_models: TrialModels | None = None) -> None:
        """Report that the rows are read and trials start. `user_models` builds the user's, if there are any."""

    def starting(self, run: str, seed: int) -> None:
        """Show that a trial starts: its model is built and compiled before the first epoch."""

    def progress(self, progress: Progress) -> None:
        """Report some epochs of a trial."""

    def finished(self, trial: TrialSummary, reused: bool) -> None:
        """Report a finished trial; `reused` if it was finished before."""

    def cross_validating(self, done: int, of: int) -> None:
        """Report the progress of cross-validation: `done` of `of` fits."""

    def interrupted(self) -> None:
        """Report Ctrl-C: trials end after the epochs that are being trained."""


class SilentDisplay(Display):
    """A display that shows nothing."""


class StudyStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A running study.

    Attributes:
        started: When it started, in seconds since 1970.
        plan: The plan as TOML.
        planned: Number of trials and seeds; None for a plan that grows.
        finished: Run and seed of each finished trial, in their order.
        under_way: Run and seed of each trial that is started, not finished. It has no curves while it is compiled.
    """

    pid: Annotated[int, msgspec.Meta(ge=1, lt=2**31)]
    host: str
    started: float
    source: str
    rows: dict[str, int]
    columns: tuple[str, ...]
    target: str
    plan: str
    plan_name: str
    preparation: str
    seeds: Annotated[int, msgspec.Meta(ge=1, le=MOST_SEEDS)]
    planned: int | None
    table: TableSummary | None = None
    finished: tuple[tuple[str, int], ...] = ()
    under_way: tuple[tuple[str, int], ...] = ()


def is_running(folder: Path) -> bool:
    """Return whether a study is running in `folder`."""
    status, found = read_status(folder), lock_holder(folder)
    return status is not None and found is not None and (status.pid, status.host) == (found.pid, found.host)


def modified(path: Path) -> float:
    """Return when `path` was written, in seconds since 1970; minus infinity if it does not exist."""
    try:
        return path.stat().st_mtime
    except OSError:
        return float("-inf")


def read_status(folder: Path) -> StudyStatus | None:
    """Return the status of the study in `folder`, or None if there is none that can be read."""
    try:
        return msgspec.json.decode(read_document(folder / STATUS), type=StudyStatus)
    except (OSError, ValueError, RecursionError):
        return None


class ProgressFiles:
    """A display that also writes the progress files of `folder`; a context manager.

    The folder is locked for this study, so these files belong to it alone.
    """

    def __init__(self, folder: Path, display: Display) -> None:
        self._folder, self._display = folder, display
        self.reading, self.interrupted = display.reading, display.interrupted
        self.cross_validating = display.cross_validating
        self._lock = threading.Lock()  # of the status, which all trials' threads change
        self._next_write: dict[tuple[str, int], float] = {}  # times of the monotonic clock
        self._status: StudyStatus | None = None

    def __enter__(self) -> ProgressFiles:
        """Raise StudyFolderError if the status is a file of the user's."""
        if (path := self._folder / STATUS).exists() and read_status(self._folder) is None:
            raise StudyFolderError(f"{path} is not by gengap, and the study would replace it. {ELSEWHERE}")
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the files, if this study wrote them."""
        if self._status is not None:
            self._clear()

    def begin(self, plan: Plan, dataset: Dataset, seeds: int, user_models: TrialModels | None = None) -> None:
        """Write the first status, and remove what a killed study left."""
        self._clear()
        self._write(
            StudyStatus(
                pid=os.getpid(),
                host=platform.node(),
                started=time.time(),
                source=dataset.origin,
                rows=dataset.row_counts,
                columns=dataset.columns,
                target=dataset.target,
                plan=plan.to_toml(),
                plan_name=plan.name,
                preparation=plan.preparation,
                seeds=seeds,
                table=dataset.table,
                planned=None if plan.growth else len(plan.trials) * seeds,
            )
        )
        self._display.begin(plan, dataset, seeds, user_models)

    def starting(self, run: str, seed: int) -> None:
        """Add the trial to the status."""
        with self._lock:
            if self._status is not None:
                under_way = (*self._status.under_way, (run, seed))
                self._write(msgspec.structs.replace(self._status, under_way=under_way))
        self._display.starting(run, seed)

    def progress(self, progress: Progress) -> None:
        """Write the curves of the trial so far, if the time has come."""
        key, now = (progress.run, progress.seed), time.monotonic()
        if now >= self._next_write.get(key, 0.0):
            path = self._curves_file(*key)
            with contextlib.suppress(OSError):  # a trial must not fail because its progress can't be written
                so_far = {SECONDS: str(progress.seconds), MOST_EPOCHS: str(progress.max_epochs)}
                write_histories([progress.history()], path, so_far)
            took = time.monotonic() - now
            self._next_write[key] = now + max(EVERY_SECONDS, took / LARGEST_SHARE)
        self._display.progress(progress)

    def finished(self, trial: TrialSummary, reused: bool) -> None:
        """Remove the curves of the trial, and add it to the status."""
        with contextlib.suppress(OSError):
            self._curves_file(trial.run, trial.seed).unlink(missing_ok=True)
        key = (trial.run, trial.seed)
        with self._lock:
            if self._status is not None:
                finished = (*self._status.finished, key)
                under_way = tuple(each for each in self._status.under_way if each != key)
                self._write(msgspec.structs.replace(self._status, finished=finished, under_way=under_way))
        self._display.finished(trial, reused)

    def _clear(self) -> None:
        """Remove these files and no others: another program may have a `live` folder here."""
        live = self._folder / LIVE
        with contextlib.suppress(OSError):
            for path in [*live.rglob(CURVES), *live.rglob(".*.part"), live / Path(STATUS).name]:
                path.unlink(missing_ok=True)
            for path in sorted((path for path in live.rglob("*") if path.is_dir()), reverse=True):
                with contextlib.suppress(OSError):  # not empty
                    path.rmdir()
            live.rmdir()

    def _curves_file(self, run: str, seed: int) -> Path:
        return safe_join(self._folder / LIVE, f"{run}.seed{seed}.parquet")

    def _write(self, status: StudyStatus) -> None:
        self._status, path = status, self._folder / STATUS
        with contextlib.suppress(OSError), atomic_write(path) as part:
            part.write_bytes(msgspec.json.encode(status))

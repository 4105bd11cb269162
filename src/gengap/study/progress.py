"""What a study is at while it runs, in its folder, for whoever watches it.

    live/status.json                   the study: its process, its plan, and which trials are finished
    live/<run>.seed<k>.parquet         a trial under way: its curves so far

The study writes these as its display is told of them: `ProgressFiles` is a display in front of another. A trial's
curves are written at most once a second, and in a small share of its time. Every file is written beside its place
and then renamed; all are gone once the study has ended. What a killed study leaves is told by its lock, which
nobody holds.
"""

from __future__ import annotations

import contextlib
import os
import platform
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec

from gengap.data.table_summary import TableSummary
from gengap.files.atomic import atomic_write, safe_join
from gengap.files.limits import read_document
from gengap.files.lock import lock_holder
from gengap.history import write_histories

if TYPE_CHECKING:
    from gengap.analysis.summary import TrialSummary
    from gengap.data.dataset import Dataset
    from gengap.models.user_model import UserModels
    from gengap.plan import Plan
    from gengap.study.display import Display
    from gengap.train.types import Progress

LIVE, STATUS, CURVES = "live", "live/status.json", "*.seed*.parquet"
MOST_SEEDS = 100_000  # that a status is believed
EVERY_SECONDS = 1.0
LARGEST_SHARE = 0.01  # of a trial's time that may be spent on writing its curves


class StudyStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A study under way: `pid` is its process on `host`, `started` in seconds since 1970, `plan` is TOML.

    `finished` holds the run and seed of each finished trial, in their order. `planned` is how many there will be,
    None for a plan that grows.
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


def is_running(folder: Path) -> bool:
    """Whether a study is under way in `folder`."""
    status, found = read_status(folder), lock_holder(folder)
    return status is not None and found is not None and (status.pid, status.host) == (found.pid, found.host)


def modified(path: Path) -> float:
    """When `path` was written, in seconds since 1970; minus infinity for one that is not there."""
    try:
        return path.stat().st_mtime
    except OSError:
        return float("-inf")


def read_status(folder: Path) -> StudyStatus | None:
    """The status of the study in `folder`, or None if none is there that can be read."""
    try:
        return msgspec.json.decode(read_document(folder / STATUS), type=StudyStatus)
    except (OSError, ValueError, RecursionError):
        return None


class ProgressFiles:
    """A `gengap.study.display.Display` that keeps `folder`'s live files and tells `display`; a context manager.

    The folder is locked for this study (`gengap.files.lock`), so that these files are its own.
    """

    def __init__(self, folder: Path, display: Display) -> None:
        self._folder, self._display = folder, display
        self._due: dict[tuple[str, int], float] = {}
        self._status: StudyStatus | None = None

    def __enter__(self) -> ProgressFiles:
        return self

    def __exit__(self, *_: object) -> None:
        """Removes the files, if this study wrote them."""
        if self._status is not None:
            self._clear()

    def reading(self, done: int, expected: int | None) -> None:
        """Rows (or bytes of a download) so far."""
        self._display.reading(done, expected)

    def begin(self, plan: Plan, dataset: Dataset, seeds: int, own: UserModels | None = None) -> None:
        """Writes the first status, in the place of all that another study left."""
        self._clear()
        rows = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
        self._write(
            StudyStatus(
                pid=os.getpid(),
                host=platform.node(),
                started=time.time(),
                source=dataset.origin,
                rows={name: 0 if each is None else len(each) for name, each in rows.items()},
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
        self._display.begin(plan, dataset, seeds, own)

    def starting(self, run: str, seed: int) -> None:
        """Pass on that a trial starts."""
        self._display.starting(run, seed)

    def progress(self, progress: Progress) -> None:
        """Writes the trial's curves so far, if they are due."""
        key, now = (progress.run, progress.seed), time.monotonic()
        if now >= self._due.get(key, 0.0):
            path = self._curves_file(*key)
            with contextlib.suppress(OSError):  # no trial shall end because nobody can watch it
                write_histories([progress.history()], path)
            took = time.monotonic() - now
            self._due[key] = now + max(EVERY_SECONDS, took / LARGEST_SHARE)
        self._display.progress(progress)

    def finished(self, trial: TrialSummary, kept: bool) -> None:
        """The trial's curves go, and its name comes into the status."""
        with contextlib.suppress(OSError):
            self._curves_file(trial.run, trial.seed).unlink(missing_ok=True)
        if self._status is not None:
            finished = (*self._status.finished, (trial.run, trial.seed))
            self._write(msgspec.structs.replace(self._status, finished=finished))
        self._display.finished(trial, kept)

    def cross_validating(self, done: int, of: int) -> None:
        """So many of the trainings that cross-validation takes are done."""
        self._display.cross_validating(done, of)

    def interrupted(self) -> None:
        """Ctrl-C was pressed."""
        self._display.interrupted()

    def _clear(self) -> None:
        """Removes these files, and no others: the folder may be one where somebody else has a `live`."""
        live = self._folder / LIVE
        with contextlib.suppress(OSError):
            for path in [*live.rglob(f"{CURVES}*"), *live.glob("*status.json*")]:
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

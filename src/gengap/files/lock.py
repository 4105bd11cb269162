"""One study at a time in a folder.

    study.lock      locked (with `filelock`) while a study runs
    study.lock.json the process, host and start time of that study

The system unlocks the file however a process ends, so the next study simply locks what a killed one left behind.
"""

from __future__ import annotations

import contextlib
import os
import platform
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout, lock_descriptor

from gengap.errors import StudyFolderError
from gengap.files.atomic import explain_write_errors

LOCK, HOLDER = "study.lock", "study.lock.json"
WAIT_SECONDS = 1.0  # `lock_holder` holds the lock for an instant, which is no reason to refuse a study


class LockHolder(msgspec.Struct, frozen=True):
    """The process that runs a study, its host, and its start as "YYYY-MM-DD HH:MM:SS"."""

    pid: int
    host: str
    since: str


def lock_holder(folder: Path) -> LockHolder | None:
    """Return who runs a study in `folder`, or None if nobody does."""
    try:
        with (folder / LOCK).open("r+b") as file, contextlib.suppress(OSError):
            if lock_descriptor(file.fileno(), blocking=False):
                return None
        return msgspec.json.decode((folder / HOLDER).read_bytes(), type=LockHolder)
    except (OSError, msgspec.DecodeError):
        return None


@contextlib.contextmanager
def study_lock(folder: Path) -> Iterator[None]:
    """Lock `folder` for one study. It is created, and removed again if nothing was put into it.

    Raises:
        StudyFolderError: Another study runs there, in this or another process.
        WriteError: The folder can't be created.
    """
    path = folder / LOCK
    with explain_write_errors(path):
        missing = [each for each in (folder, *folder.parents) if not each.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        path.touch()
        lock = _acquire(path)
        with contextlib.suppress(OSError):  # on a full disk the lock holds without this information
            since = time.strftime("%Y-%m-%d %H:%M:%S")
            (folder / HOLDER).write_bytes(msgspec.json.encode(LockHolder(os.getpid(), platform.node(), since)))
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            (folder / HOLDER).unlink()
        if sys.platform != "win32":  # there `release` removes it: an open file can't be removed
            with contextlib.suppress(OSError):
                path.unlink()  # before the release: a study that waits for it then notices that it is gone
        lock.release()
        with contextlib.suppress(OSError):  # not empty
            for each in missing:
                each.rmdir()


def _acquire(path: Path) -> FileLock:
    lock = FileLock(path, timeout=WAIT_SECONDS, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        raise StudyFolderError(_refusal(path)) from None
    except OSError as error:
        warnings.warn(f"{path} can't be locked ({error}): make sure that no other study runs there", stacklevel=4)
    return lock


def _refusal(path: Path) -> str:
    found = lock_holder(path.parent)
    who = f" (process {found.pid} on {found.host}, since {found.since})" if found else ""
    return f"{path.parent}: another study is under way there{who}; wait for it, or name another folder with --out"

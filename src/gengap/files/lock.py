"""One study at a time in a folder: a lock that the system holds for a process, and lets go when it is no more.

    study.lock      there while a study runs: its process, host and beginning; its lock is what counts

However a process ends, the system unlocks the file. So one that a killed study left is simply locked again.
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
from typing import IO

import msgspec

from gengap.errors import StudyFolderError
from gengap.files.atomic import explain_write_errors

LOCK = "study.lock"
TRIES, PAUSE = 20, 0.05  # `lock_holder` locks the file for an instant, which is no reason to refuse a study
HELD = (BlockingIOError, PermissionError)  # what POSIX and Windows raise for a file that another one has locked

if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes], shared: bool = False) -> None:
        file.seek(2**30)  # a byte that isn't there: others could not read one that is
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        file.seek(0)
else:
    import fcntl

    def _lock(file: IO[bytes], shared: bool = False) -> None:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)


class LockHolder(msgspec.Struct, frozen=True):
    """Whose a folder is: the study's process on its host, and `since` when, in words."""

    pid: int
    host: str
    since: str


def lock_holder(folder: Path) -> LockHolder | None:
    """Whoever runs a study in `folder`; None if nobody does."""
    try:
        with (folder / LOCK).open("rb") as file:
            with contextlib.suppress(OSError):
                _lock(file, shared=True)
                return None
            return msgspec.json.decode(file.read(), type=LockHolder)
    except (OSError, msgspec.DecodeError):
        return None


@contextlib.contextmanager
def study_lock(folder: Path) -> Iterator[None]:
    """While open, `folder` is this study's; it is made, and removed again if nothing was put into it.

    Raises StudyFolderError if another study runs there, in whatever process, and WriteError if it can't be made.
    """
    path = folder / LOCK
    with explain_write_errors(path):
        missing = [each for each in (folder, *folder.parents) if not each.exists()]
        file = _acquire(path)
    try:
        yield
    finally:
        if sys.platform == "win32":  # where no open file can be removed
            file.close()
        with contextlib.suppress(OSError):
            path.unlink()  # before it is unlocked: whoever waits for it then sees that it is no more
        file.close()
        with contextlib.suppress(OSError):  # not empty
            for each in missing:
                each.rmdir()


def _acquire(path: Path) -> IO[bytes]:
    """The lock file, open and locked. Of two that begin at one moment, the system lets one have it."""
    for _ in range(TRIES):
        file = _open_lock_file(path)
        try:
            _lock(file)
            if _is_same_file(file, path):  # else the study before removed it meanwhile
                return _write_holder(file)
        except HELD:
            time.sleep(PAUSE)
        except OSError as fault:  # a file system without locks
            warnings.warn(f"{path} can't be locked ({fault}): see that no other study runs there", stacklevel=5)
            return _write_holder(file)
        file.close()
    raise StudyFolderError(_refusal(path))


def _open_lock_file(path: Path) -> IO[bytes]:
    """Provenance with its folder if it is not there, and never emptied: it may be another study's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666), "r+b")


def _is_same_file(file: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except OSError:
        return False


def _write_holder(file: IO[bytes]) -> IO[bytes]:
    """Says whose it is now; on a full disk nobody learns it, but the lock holds."""
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    with contextlib.suppress(OSError):
        os.ftruncate(file.fileno(), 0)
        os.write(file.fileno(), msgspec.json.encode(LockHolder(os.getpid(), platform.node(), since)))
    return file


def _refusal(path: Path) -> str:
    found = lock_holder(path.parent)
    whose = f" (process {found.pid} on {found.host}, since {found.since})" if found else ""
    return f"{path.parent}: another study is under way there{whose}; wait for it, or name another folder with --out"

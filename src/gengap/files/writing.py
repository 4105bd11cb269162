"""Write files in one step, into the right folder, and one study at a time.

A file is written under a temporary name in the same folder, and then renamed. A study's folder is locked:

    study.lock      locked (with `filelock`) while a study runs
    study.lock.json the process, host and start time of that study

The system unlocks the file however a process ends, so the next study simply locks what a killed one left behind.
"""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import re
import sys
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path, PureWindowsPath

import msgspec
from filelock import FileLock, Timeout, lock_descriptor

from gengap.errors import GengapError, PlaceError, StudyFolderError, WriteError

# Errors of a wrong place; any other error may happen in every place.
BAD_PLACE = "EACCES EPERM EROFS ENOENT ENOTDIR EISDIR EEXIST ENAMETOOLONG EINVAL ELOOP"
BAD_PLACE_ERRORS = {getattr(errno, name, None) for name in BAD_PLACE.split()}

PARTIAL_FILE = re.compile(r"\..+\.\d+-\d+\.part(\.\w+)?")  # the name of a file that is not complete
LOCK, HOLDER = "study.lock", "study.lock.json"
ELSEWHERE = "Move it, or name another folder with --out"
WAIT_SECONDS = 1.0  # `lock_holder` holds the lock for an instant, which is no reason to refuse a study


@contextlib.contextmanager
def atomic_write(path: Path, ending: str = "") -> Iterator[Path]:
    """Yield a temporary path to write to, renamed to `path` at the end. If anything fails, nothing is left.

    Args:
        path: The file to write. Its folders are created.
        ending: An ending of the temporary name, for writers that require one.

    Raises:
        WriteError: The file can't be written.
    """
    refuse_folder(path)
    part = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part{ending}")
    missing = [each for each in path.parents if not os.path.lexists(each)]
    try:
        with explain_write_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            part.unlink(missing_ok=True)  # an old one may be a link, which writing would follow
            yield part
            part.replace(path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        _remove_empty(missing)  # none of them is, after a success


def refuse_folder(path: Path) -> None:
    """Raise PlaceError if the path of a file to write is a folder."""
    with explain_write_errors(path):  # a name that is too long
        if path.is_dir():
            raise PlaceError(f"{path} is a folder, expected a file to write. Name one in it")


def _remove_empty(folders: Sequence[Path]) -> None:
    """Remove those of the folders, the inner ones first, that are empty."""
    for each in folders:
        with contextlib.suppress(OSError):
            each.rmdir()


@contextlib.contextmanager
def explain_write_errors(path: Path) -> Iterator[None]:
    """Turn an OSError into PlaceError if `path` is no place to write to, otherwise into WriteError."""
    try:
        yield
    except GengapError:
        raise
    except OSError as error:
        problem = f"{path}: can't be written ({error.strerror or error})"
        if error.errno in BAD_PLACE_ERRORS:
            raise PlaceError(f"{problem}. {_place_hint(path, error)}") from error
        raise WriteError(
            f"{problem}. Make room there and run the same command again, or name another place"
        ) from error


def _place_hint(path: Path, error: OSError) -> str:
    """Return what to do about a place that can't be written to."""
    if error.errno == errno.ENAMETOOLONG:
        return "Name a shorter path"
    places = (path, *path.parents) if error.errno in (errno.EEXIST, errno.ENOTDIR) else path.parents
    file = next((each for each in places if each.is_file()), None)
    if file is not None:
        return f"{file} is a file, so nothing can be below it. Name another place"
    return "Name a place that you may write to"


def safe_join(folder: Path, name: str) -> Path:
    """Join a name with "/" between its parts to a folder. Raises StudyFolderError if it leads out of the folder."""
    if "\\" in name or "\0" in name or PureWindowsPath(name).anchor or ".." in name.split("/"):
        raise StudyFolderError(f"{folder}: the name {name!r} leads out of this folder. Nothing was read or written")
    return folder / name


def refuse_links(folder: Path) -> None:
    """Raise StudyFolderError if a link in `folder` leads out of it, so that files would be written elsewhere."""
    root = os.path.realpath(folder)  # of links in a circle, too, which `resolve` refuses
    for inner, folders, names in os.walk(folder):
        for path in (Path(inner, name) for name in (*folders, *names)):
            if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(root):
                raise StudyFolderError(
                    f"{path} is a link that leads out of {folder}, but a study writes into its folder only. Use "
                    "a folder or file in its place, or another folder with --out"
                )


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
    _refuse_others(folder)
    with explain_write_errors(folder):
        missing = [each for each in (folder, *folder.parents) if not each.exists()]
        folder.mkdir(parents=True, exist_ok=True)
    with explain_write_errors(path):
        path.touch()
        lock = _acquire(path)
        with contextlib.suppress(OSError), atomic_write(folder / HOLDER) as part:  # a lock on a full disk has none
            since = time.strftime("%Y-%m-%d %H:%M:%S")
            part.write_bytes(msgspec.json.encode(LockHolder(os.getpid(), platform.node(), since)))
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            (folder / HOLDER).unlink()
        if sys.platform != "win32":  # there `release` removes it: an open file can't be removed
            with contextlib.suppress(OSError):
                path.unlink()  # before the release: a study that waits for it then notices that it is gone
        lock.release()
        _remove_empty(missing)


def _refuse_others(folder: Path) -> None:
    """Raise StudyFolderError if a file of the user's has the name of one of the lock's files."""
    foreign = []
    with contextlib.suppress(OSError):
        foreign += [LOCK] * ((folder / LOCK).stat().st_size > 0)
    with contextlib.suppress(OSError):
        content = (folder / HOLDER).read_bytes()
        try:
            msgspec.json.decode(content, type=LockHolder)
        except msgspec.DecodeError:
            foreign += [HOLDER]
    for name in foreign:
        raise StudyFolderError(f"{folder / name} is not by gengap, and the study would replace it. {ELSEWHERE}")


def _acquire(path: Path) -> FileLock:
    lock = FileLock(path, timeout=WAIT_SECONDS, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        found = lock_holder(path.parent)
        who = f" (process {found.pid} on {found.host}, since {found.since})" if found else ""
        raise StudyFolderError(
            f"{path.parent}: another study is under way there{who}; wait for it, or name another folder with --out"
        ) from None
    except OSError as error:
        warnings.warn(f"{path} can't be locked ({error}): make sure that no other study runs there", stacklevel=4)
    return lock

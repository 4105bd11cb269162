"""Files that are whole or not there: written beside their place, then renamed onto it."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath

from gengap.errors import GengapError, PlaceError, StudyFolderError, WriteError

# What the system says of a place that was named wrongly; whatever else it says may befall any place.
BAD_PLACE_ERRORS = {
    getattr(errno, name, None)
    for name in ("EACCES", "EPERM", "EROFS", "ENOENT", "ENOTDIR", "EISDIR", "EEXIST", "ENAMETOOLONG", "EINVAL")
}

PARTIAL_FILE = re.compile(r"\..+\.\d+-\d+\.part(\.\w+)?")  # the name of a file that is not whole yet


@contextlib.contextmanager
def atomic_write(path: Path, ending: str = "") -> Iterator[Path]:
    """A place beside `path` to write to, renamed onto it at the end; nothing of it stays if anything fails.

    Its name has the `ending`, for writers who insist on theirs. Folders are made. Raises WriteError naming `path`.
    """
    if path.is_dir():
        raise PlaceError(f"{path} is a folder, expected a file to write. Name one in it")
    part = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part{ending}")
    try:
        with explain_write_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            part.unlink(missing_ok=True)  # one that is there already may be a link, which writing would follow
            yield part
            part.replace(path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


@contextlib.contextmanager
def explain_write_errors(path: Path) -> Iterator[None]:
    """When the system refuses, says so: raises PlaceError if `path` is no place to write to, else WriteError."""
    try:
        yield
    except GengapError:
        raise
    except OSError as fault:
        said = f"{path}: can't be written ({fault.strerror or fault})"
        if fault.errno in BAD_PLACE_ERRORS:
            raise PlaceError(f"{said}. Name a place with room that may be written to") from fault
        raise WriteError(f"{said}. Make room there and give the same call again, or name another place") from fault


def safe_join(folder: Path, name: str) -> Path:
    """`name`, with "/" between its parts, below `folder`. Raises StudyFolderError for one that leads out of it."""
    if "\\" in name or "\0" in name or PureWindowsPath(name).anchor or ".." in name.split("/"):
        raise StudyFolderError(f"{folder}: the name {name!r} leads out of this folder. Nothing was read or written")
    return folder / name


def refuse_links(folder: Path) -> None:
    """Raises StudyFolderError if a link in `folder` leads out of it: what is written there would be elsewhere."""
    root = folder.resolve()
    for inner, folders, names in os.walk(folder):
        for path in (Path(inner, name) for name in (*folders, *names)):
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                raise StudyFolderError(
                    f"{path} is a link that leads out of {folder}, and a study writes into its folder alone. Put a "
                    "folder or file in its place, or name another folder with --out"
                )

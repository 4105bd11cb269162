"""Write files in one step: into a temporary file in the same folder, which is then renamed."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath

from gengap.errors import GengapError, PlaceError, StudyFolderError, WriteError

# Errors of a wrong place; any other error may happen in every place.
BAD_PLACE_ERRORS = {
    getattr(errno, name, None)
    for name in ("EACCES", "EPERM", "EROFS", "ENOENT", "ENOTDIR", "EISDIR", "EEXIST", "ENAMETOOLONG", "EINVAL")
}

PARTIAL_FILE = re.compile(r"\..+\.\d+-\d+\.part(\.\w+)?")  # the name of a file that is not complete


@contextlib.contextmanager
def atomic_write(path: Path, ending: str = "") -> Iterator[Path]:
    """Yield a temporary path to write to, which is renamed to `path` at the end; it is removed if anything fails.

    Args:
        path: The file to write. Its folders are created.
        ending: An ending of the temporary name, for writers that require one.

    Raises:
        WriteError: The file can't be written.
    """
    if path.is_dir():
        raise PlaceError(f"{path} is a folder, expected a file to write. Name one in it")
    part = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part{ending}")
    try:
        with explain_write_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            part.unlink(missing_ok=True)  # an old one may be a link, which writing would follow
            yield part
            part.replace(path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


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
            raise PlaceError(f"{problem}. Name a place with room that may be written to") from error
        raise WriteError(
            f"{problem}. Make room there and run the same command again, or name another place"
        ) from error


def safe_join(folder: Path, name: str) -> Path:
    """Join a name with "/" between its parts to a folder. Raises StudyFolderError if it leads out of the folder."""
    if "\\" in name or "\0" in name or PureWindowsPath(name).anchor or ".." in name.split("/"):
        raise StudyFolderError(f"{folder}: the name {name!r} leads out of this folder. Nothing was read or written")
    return folder / name


def refuse_links(folder: Path) -> None:
    """Raise StudyFolderError if a link in `folder` leads out of it, so that files would be written elsewhere."""
    root = folder.resolve()
    for inner, folders, names in os.walk(folder):
        for path in (Path(inner, name) for name in (*folders, *names)):
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                raise StudyFolderError(
                    f"{path} is a link that leads out of {folder}, but a study writes into its folder only. Use "
                    "a folder or file in its place, or another folder with --out"
                )

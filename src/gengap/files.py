"""Files that are whole or not there: written beside their place, then renamed onto it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath

from gengap.errors import StudyFolderError, UsageError


class WriteError(UsageError, OSError):
    """A file that can't be written where it was asked for; one of the system's errors too, as callers expect."""


@contextlib.contextmanager
def beside(path: Path, ending: str = "") -> Iterator[Path]:
    """A place beside `path` to write to, renamed onto it at the end; nothing of it stays if anything fails.

    Its name has the `ending`, for writers who insist on theirs. Folders are made. Raises WriteError naming `path`.
    """
    if path.is_dir():
        raise WriteError(f"{path} is a folder, expected a file to write. Name one in it")
    part = path.with_name(f".{path.name}.{os.getpid()}.part{ending}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)  # one that is there already may be a link, which writing would follow
        yield part
        part.replace(path)
    except WriteError:
        raise
    except OSError as fault:
        said = fault.strerror or str(fault)
        raise WriteError(
            f"{path}: can't be written ({said}). Name a place with room that may be written to"
        ) from fault
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def within(folder: Path, name: str) -> Path:
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

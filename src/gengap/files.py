"""Files that are whole or not there: written beside their place, then renamed onto it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from gengap.errors import UsageError


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

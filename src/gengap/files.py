"""Files that are whole or not there: written beside their place, then renamed onto it."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path

from gengap.errors import PlaceError, WriteError

# What the system says of a place that was named wrongly; whatever else it says may befall any place.
MISPLACED = {
    getattr(errno, name, None)
    for name in ("EACCES", "EPERM", "EROFS", "ENOENT", "ENOTDIR", "EISDIR", "EEXIST", "ENAMETOOLONG", "EINVAL")
}

HALF = re.compile(r"\..+\.\d+-\d+\.part(\.\w+)?")  # the name of a file that is not whole yet


@contextlib.contextmanager
def beside(path: Path, ending: str = "") -> Iterator[Path]:
    """A place beside `path` to write to, renamed onto it at the end; nothing of it stays if anything fails.

    Its name has the `ending`, for writers who insist on theirs. Folders are made. Raises WriteError naming `path`.
    """
    if path.is_dir():
        raise PlaceError(f"{path} is a folder, expected a file to write. Name one in it")
    part = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part{ending}")
    try:
        with explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield part
            part.replace(path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """When the system refuses, says so: raises PlaceError if `path` is no place to write to, else WriteError."""
    try:
        yield
    except WriteError:
        raise
    except OSError as fault:
        said = f"{path}: can't be written ({fault.strerror or fault})"
        if fault.errno in MISPLACED:
            raise PlaceError(f"{said}. Name a place with room that may be written to") from fault
        raise WriteError(f"{said}. Make room there and give the same call again, or name another place") from fault

"""Files that a user names for a result: an existing file is replaced only if the same command wrote it.

Commands put a mark into pictures, pages and Parquet files. Other formats have no place for one, so such a file is
never replaced unless the user asks for it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gengap.errors import PlaceError

SEARCHED = 1 << 16  # bytes at each end of a file where the mark may be
MARKED = (".html", ".parquet", ".png", ".pdf", ".svg")  # endings of files with a mark
REPLACE = "Name another file, or add --overwrite (overwrite=True) to replace it"


def mark(command: str) -> str:
    """Return the text that marks a file as written by a command of gengap."""
    return f"written by gengap {command}"


def has_mark(path: Path, command: str) -> bool:
    """Return whether a command of gengap wrote this file."""
    expected = mark(command).encode()
    with path.open("rb") as file:
        start = file.read(SEARCHED)
        file.seek(max(file.seek(0, os.SEEK_END) - SEARCHED, 0))
        return expected in start or expected in file.read()


def check_output(path: Path, command: str, inputs: Iterable[Any] = (), *, overwrite: bool = False) -> None:
    """Raise PlaceError if `path` is a file that should stay.

    Args:
        path: The file to write.
        command: The command that writes it.
        inputs: What the command reads. Only paths of existing files count.
        overwrite: Whether the user wants to replace the file in any case.
    """
    if overwrite or not os.path.lexists(path) or path.is_dir():  # writing into a folder has its own error
        return
    for each in inputs:
        if isinstance(each, (str, os.PathLike)) and _is_same_file(Path(each), path):
            raise PlaceError(f"{path} is an input of this command, so it is not replaced. {REPLACE}")
    if not path.is_file():
        raise PlaceError(f"{path} exists already and is no plain file. {REPLACE}")
    if path.suffix.lower() not in MARKED:
        raise PlaceError(f"{path} exists already. {REPLACE}")
    if not has_mark(path, command):
        raise PlaceError(f"{path} exists already, and `gengap {command}` did not write it. {REPLACE}")


def _is_same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except (OSError, ValueError):  # there is no such file, or the text is no path
        return False

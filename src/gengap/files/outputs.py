"""Files that a user names for a result: an existing file is replaced only if the same command wrote it.

Commands put a mark into pictures, pages and Parquet files. They also note the checksum of every table in the user's
cache folder. A noted table is replaced only if it is unchanged: whoever edits a table may keep its mark.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from gengap.errors import PlaceError, UsageError
from gengap.files.checksums import file_digest
from gengap.files.user_cache import private_folder
from gengap.files.writing import atomic_write, refuse_folder

SEARCHED = 1 << 16  # bytes at each end of a file where the mark may be
PAGES, PICTURES = (".html", ".htm"), (".png", ".pdf", ".svg")
TABLES = (".parquet", ".csv", ".arrow", ".feather")
MARKED = (*PAGES, *PICTURES, ".parquet")  # endings of files with a mark
NOTES = "written"  # the folder of the notes in the cache folder
MOST_NOTES = 1000  # then the oldest ones are deleted
REPLACE = "Name another file, or add --overwrite (overwrite=True) to replace it"


@contextlib.contextmanager
def write_output(
    path: Path, command: str, inputs: Iterable[Any] = (), *, overwrite: bool = False
) -> Iterator[Path]:
    """Yield a temporary path to write to, which is renamed to `path` at the end. See `atomic_write`.

    Raises PlaceError if a file is there that should stay, even if it came during the work. See `check_output`.
    """
    check_output(path, command, inputs, overwrite=overwrite)
    with atomic_write(path, path.suffix) as part:
        yield part
        check_output(path, command, inputs, overwrite=overwrite)
    if path.suffix.lower() in TABLES:
        note_output(path, command)


def check_ending(path: Path, endings: Sequence[str]) -> None:
    """Raise UsageError, which suggests a name, if a file to write has none of these endings.

    >>> check_ending(Path("a.txt"), (".csv",))
    Traceback (most recent call last):
    gengap.errors.UsageError: a.txt: expected a name that ends in .csv, such as a.csv
    """
    if path.suffix.lower() not in endings:
        refuse_folder(path)
        name = path.name.rstrip(".")
        named = path.with_name(name).with_suffix(endings[0]) if name else f"table{endings[0]}"
        raise UsageError(f"{path}: expected a name that ends in {', '.join(endings)}, such as {named}")


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


def note_output(path: Path, command: str) -> None:
    """Note that a command of gengap wrote this file. Without a cache folder there is no note."""
    if (note := _note(path)) is None:
        return
    with contextlib.suppress(OSError):  # such as a full disk: the file is then like one of the user's
        note.write_text(f"{mark(command)} {file_digest(path)}")
        oldest_first = sorted(note.parent.iterdir(), key=lambda each: each.stat().st_mtime_ns)
        for each in oldest_first[:-MOST_NOTES]:
            each.unlink()


def was_written(path: Path, command: str) -> bool:
    """Return whether a command of gengap wrote this file as it is: by its note, else by its mark."""
    note = _note(path)
    with contextlib.suppress(OSError):
        if note is not None and note.exists():
            return note.read_text(errors="replace") == f"{mark(command)} {file_digest(path)}"
    return path.suffix.lower() in MARKED and has_mark(path, command)


def _note(path: Path) -> Path | None:
    """Return the place of the note on a file, whose name does not tell the file's."""
    folder = private_folder(NOTES)
    return folder / hashlib.sha256(os.fsencode(os.path.realpath(path))).hexdigest() if folder else None


def check_output(path: Path, command: str, inputs: Iterable[Any] = (), *, overwrite: bool = False) -> None:
    """Raise PlaceError if `path` is a file that should stay.

    Args:
        path: The file to write.
        command: The command that writes it.
        inputs: What the command reads. Only paths of existing files count.
        overwrite: Whether the user wants to replace the file in any case.
    """
    if overwrite:
        return
    if not os.path.lexists(path):
        path = Path(os.path.realpath(path))  # "new/../table.csv" is table.csv once the folder is there
    if not os.path.lexists(path) or path.is_dir():  # writing into a folder has its own error
        return
    for each in inputs:
        if isinstance(each, (str, os.PathLike)) and _is_same_file(Path(each), path):
            raise PlaceError(f"{path} is an input of this command, so it is not replaced. {REPLACE}")
    if not path.is_file():
        raise PlaceError(f"{path} exists already and is no plain file. {REPLACE}")
    if not was_written(path, command):
        raise PlaceError(f"{path} exists already, and nothing shows that `gengap {command}` wrote it. {REPLACE}")


def _is_same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except (OSError, ValueError):  # there is no such file, or the text is no path
        return False

"""Where a log comes from: standard input, a pipe, an http(s) address, its text, a pattern of names, or a path."""

from __future__ import annotations

import glob
import os
import re
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.parse import urlsplit

from gengap.errors import DataError

MAX_BYTES = 256 << 20  # of one file that is read at once
PIECE = 1 << 16
STDIN = ("-", "/dev/stdin")
STDIN_NAME = "standard input"
TEXT_NAME = "text"
VALUE = re.compile(r"[:=,]\s*-?\d|\s-?\d*\.\d\d")  # as lines of a log have, and names of files do not
LIST = re.compile(r"[:=]\s*(?:\[[^\]]*,|\{)")  # values of a document on one line; lr=[0-9] is a pattern
TEXT_HINT = "Check the path. If it is the text of a log, give all of its lines as one text."


def is_address(source: str) -> bool:
    """Return whether a source is an http(s) address."""
    return source.lower().startswith(("http://", "https://"))


def is_text(source: str) -> bool:
    """Return whether a source is the text of a log: several lines or a document, and no file has such a name."""
    return bool("\n" in source or LIST.search(source)) and not os.path.lexists(source)


def missing(source: str) -> DataError:
    """Return the error for a path at which nothing is."""
    hint = TEXT_HINT if VALUE.search(source) else "Check the path."
    return DataError(f"{source}: there is no such file or folder. {hint}")


def expand(source: str) -> list[str]:
    """Return the paths that a pattern such as `runs/*/log.txt` matches; a source that is no pattern alone.

    Raises DataError if nothing matches.
    """
    if source in STDIN or is_address(source) or is_text(source) or os.path.lexists(source):
        return [source]
    if not glob.has_magic(source):
        return [source]
    found = sorted(glob.glob(str(Path(source).expanduser()), recursive=True))  # noqa: PTH207  (absolute patterns)
    if not found and VALUE.search(source):
        raise missing(source)
    if not found:
        raise DataError(f"{source}: no file has a name like this. Check the pattern.")
    return found


@contextmanager
def local_copy(source: str) -> Iterator[tuple[Path, str]]:
    """Yield a path to read the source at, and what errors call it. Streams are copied to a temporary file.

    Raises DataError if the stream is larger than `MAX_BYTES`, SourceError if an address can't be read.
    """
    if source in STDIN:
        with _spooled(_pieces(sys.stdin.buffer), STDIN_NAME, "") as path:
            yield path, STDIN_NAME
    elif is_address(source):
        from gengap.data.sources.remote import RemoteFile

        with _spooled(RemoteFile(source).chunks(), source, PurePosixPath(urlsplit(source).path).name) as path:
            yield path, source
    elif is_text(source):
        with _spooled(iter([source.encode("utf-8", "surrogateescape")]), TEXT_NAME, "") as path:
            yield path, TEXT_NAME
    else:
        path = Path(source).expanduser()
        if _is_pipe(path):
            with path.open("rb") as opened, _spooled(_pieces(opened), source, "") as copied:
                yield copied, source
        else:
            yield path, source


def _is_pipe(path: Path) -> bool:
    try:
        return stat.S_ISFIFO(path.stat().st_mode)
    except (OSError, ValueError):  # ValueError: a zero in the name
        return False


def _pieces(opened: BinaryIO) -> Iterator[bytes]:
    while piece := opened.read(PIECE):
        yield piece


@contextmanager
def _spooled(pieces: Iterable[bytes], source: str, name: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="gengap-") as folder:
        path, size = Path(folder, name or "log"), 0
        with path.open("wb") as file:
            for piece in pieces:
                size += len(piece)
                if size > MAX_BYTES:
                    raise DataError(f"{source}: has more than {MAX_BYTES:,} bytes. Thin the log, or split it.")
                file.write(piece)
        yield path

"""Local files: which reader opens them."""

from __future__ import annotations

from pathlib import Path

from gengap.data.sources import byte_stream as stream
from gengap.data.sources import csv_text as csvtext
from gengap.data.sources import tables
from gengap.data.sources.blocks import Reader
from gengap.data.sources.source_names import TEXT, kind_of
from gengap.errors import SourceError


def open_path(path: Path, file: str) -> Reader:
    """A reader of a local file; `file` is what errors call it. Raises SourceError if there is none."""
    path = path.expanduser()
    if path.is_dir():
        raise SourceError(f"{file}: this is a folder, expected a file. Give the path of one table.")
    if not path.exists():
        raise SourceError(f"{file}: there is no such file. Check the path.")
    return open_file(path, file)


def open_file(path: Path, file: str) -> Reader:
    """A reader of a file that is there."""
    kind = kind_of(path.name, file)
    if kind in TEXT:
        return csvtext.open_csv(stream.ByteStream(lambda: stream.text(stream.read_chunks(path), kind)), file)
    return tables.open_table(path, file)

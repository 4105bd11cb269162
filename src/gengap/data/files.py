"""Local files by their ending: which kinds are known, what they are called, and which reader opens them."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from gengap.data import csvtext, stream, tables
from gengap.data.blocks import Reader
from gengap.errors import SourceError

TEXT = (".csv.gz", ".csv")
TABLES = (".parquet", ".arrow", ".feather", ".npz")


def kind_of(name: str, file: str) -> str:
    """The known ending of a file name. Raises SourceError, which calls it `file`, if there is none.

    >>> kind_of("HIGGS.CSV.gz", "")
    '.csv.gz'
    """
    for kind in TEXT + TABLES:
        if name.lower().endswith(kind):
            return kind
    known = ", ".join(TEXT + TABLES)
    raise SourceError(f"{file}: this kind of file is not known, expected one of {known}. Convert or rename it.")


def short_name(path: str) -> str:
    """A file's name without folders and ending, safe as a folder's name.

    >>> short_name("/data/My table (2).csv.gz")
    'My-table-2'
    """
    name = PurePosixPath(path.replace("\\", "/")).name
    for kind in TEXT + TABLES:
        if name.lower().endswith(kind):
            name = name[: -len(kind)]
    return re.sub(r"[^\w.-]+", "-", name).strip("-.") or "table"


def open_path(path: Path, file: str) -> Reader:
    """A reader of a local file; `file` is what errors call it. Raises SourceError if there is none."""
    path = path.expanduser()
    if path.is_dir():
        raise SourceError(f"{file}: this is a folder, expected a file. Give the path of one table.")
    if not path.exists():
        raise SourceError(f"{file}: there is no such file. Check the path, or use the built-in source collider.")
    return open_file(path, file)


def open_file(path: Path, file: str) -> Reader:
    """A reader of a file that is there."""
    kind = kind_of(path.name, file)
    if kind in TEXT:
        return csvtext.open_csv(stream.Pieces(lambda: stream.text(stream.read_chunks(path), kind)), file)
    return tables.open_table(path, file)

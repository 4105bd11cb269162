"""Where tables come from: known endings of files, short names, and addresses without passwords."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from gengap.errors import SourceError

TEXT = (".csv.gz", ".csv", ".tsv.gz", ".tsv", ".txt.gz", ".txt")
TABLES = (".parquet", ".arrow", ".feather", ".npz")


def kind_of(name: str, file: str) -> str:
    """Return the known ending of a file name. Raises SourceError, which calls it `file`, if there is none.

    >>> kind_of("HIGGS.CSV.gz", "")
    '.csv.gz'
    """
    for kind in TEXT + TABLES:
        if name.lower().endswith(kind):
            return kind
    known = ", ".join(TEXT + TABLES)
    raise SourceError(f"{file}: this kind of file is not known, expected one of {known}. Convert or rename it.")


def is_address(source: str) -> bool:
    """Return whether this is an http(s) address, and not a path."""
    return source.lower().startswith(("http://", "https://"))


def short_name(source: str) -> str:
    """Return the name of the file at a path or address, without folders and ending, safe as a folder's name.

    >>> short_name("/data/My table (2).csv.gz"), short_name("https://host/table.csv?signature=secret")
    ('My-table-2', 'table')
    """
    path = urlsplit(source).path if is_address(source) else source
    name = PurePosixPath(path.replace("\\", "/")).name
    for kind in TEXT + TABLES:
        if name.lower().endswith(kind):
            name = name[: -len(kind)]
    return re.sub(r"[^\w.-]+", "-", name).strip("-.") or "table"


def redact_address(source: str) -> str:
    """Return a path or word unchanged; an address with "…" for its user, password and query values.

    >>> redact_address("https://me:secret@host/x.csv?sig=TOKEN&KEY#part"), redact_address("a@b/x.csv?y=1")
    ('https://…@host/x.csv?sig=…&…', 'a@b/x.csv?y=1')
    """
    if not is_address(source):
        return source
    known = re.sub("(?<=://)[^/]*@", "…@", source, count=1)
    address, mark, query = known.partition("#")[0].partition("?")
    names = (part.partition("=") for part in query.split("&"))
    return address + mark + "&".join(f"{name}=…" if equals else "…" for name, equals, _ in names if name or equals)

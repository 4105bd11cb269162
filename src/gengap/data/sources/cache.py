"""Addresses as readers: streams what is asked for, or keeps the whole, text parsed once into Parquet.

The folder is GENGAP_CACHE, or the user's cache folder. A file's name holds a digest of its address and one
of its version (ETag, date and length), so a changed file is another file. Text with bad rows is kept as it
came, not as Parquet, so that every reading meets and reports them.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock

from gengap.data.sources import byte_stream, csv_text, higgs, tables
from gengap.data.sources import source_names as names
from gengap.data.sources.blocks import Progress, Reader
from gengap.data.sources.download import RemoteFile, download
from gengap.errors import BadRowError, SourceError


def cache_folder() -> Path:
    """Where whole files are kept: GENGAP_CACHE, or the user's cache folder."""
    import platformdirs

    chosen = os.environ.get("GENGAP_CACHE")
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("gengap"))


def open_address(url: str, rows: int | None, progress: Progress | None) -> Reader:
    """A reader of what lies at `url`.

    The first `rows` of text are streamed and the transfer stops there; anything else is fetched whole,
    kept, and used again while the server says it is the same. Out of reach, a kept copy is used with a
    warning.
    """
    kind = names.kind_of(urlsplit(url).path, url)
    try:
        remote = RemoteFile(url)
    except SourceError as fault:
        if (kept := _kept_table(url)) is None:
            raise
        warnings.warn(f"{fault} Using the copy kept in {kept}.", stacklevel=4)
        return tables.open_table(kept, url)
    ready = _entry(url, remote.version or "", kind)
    raw = ready.with_suffix(kind)
    if kind in names.TEXT and rows is not None and not raw.exists() and not ready.exists():
        pieces = byte_stream.ByteStream(lambda: byte_stream.text(remote.chunks(), kind), by_wire=True)
        return csv_text.open_csv(pieces, url)
    remote.close()
    with _exclusive():
        if not raw.exists() and not ready.exists():
            download(remote, raw, progress)
        if not ready.exists():
            reader = tables.open_file(raw, url)
            try:
                tables.write_reader(reader, url, ready)
            except BadRowError:  # the reading will meet it again, and refuse or skip it
                return reader
            raw.unlink()
    return tables.open_table(ready, url)


def open_higgs(rows: int | None, progress: Progress | None) -> Reader:
    """A reader of HIGGS: of the kept copy, or else of the first mirror that answers.

    Raises SourceError with what every mirror said if none answers.
    """
    if rows is not None and rows >= higgs.ROWS:
        rows = None
    faults = []
    if found := kept_higgs():
        return tables.open_table(*found)
    for mirror in higgs.MIRRORS:
        try:
            return open_address(mirror, rows, progress)
        except SourceError as fault:
            faults.append(str(fault))
    raise SourceError(
        f"higgs: no mirror answers. {' '.join(faults)} "
        f"Fetch HIGGS.csv.gz by hand ({higgs.BYTES:,} bytes; {higgs.PAGE}) and give its path, "
        "or use the built-in source collider, which needs no network."
    )


def kept_higgs() -> tuple[Path, str] | None:
    """The kept copy of HIGGS and the mirror it came from, if there is one."""
    return next(((kept, mirror) for mirror in higgs.MIRRORS if (kept := _kept_table(mirror))), None)


@contextmanager
def _exclusive() -> Iterator[None]:
    """Let one process at a time download and parse into the folder; the others wait and find the result."""
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SourceError(f"{folder}: {error.strerror}. Set GENGAP_CACHE to another folder.") from error
    with FileLock(folder / ".lock"):
        yield


def _entry(url: str, version: str, kind: str) -> Path:
    """Where the table of one version of an address is kept: text becomes Parquet."""
    ending = ".parquet" if kind in names.TEXT else kind
    return cache_folder() / f"{names.short_name(url)}-{_digest(url)}-{_digest(version)}{ending}"


def _kept_table(url: str) -> Path | None:
    """The newest whole table that was kept of `url`, whatever its version."""
    stem = _entry(url, "", "").name.rpartition("-")[0]
    found = [path for path in cache_folder().glob(f"{stem}-*") if path.suffix in names.TABLES]
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]

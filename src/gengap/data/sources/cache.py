"""Open addresses: stream the rows that are needed, or keep the whole file, with text converted to Parquet.

The folder is GENGAP_CACHE, or the user's cache folder. A file's name contains a hash of its address and one of its
version (ETag, date and length), so a changed file gets another name. Text with bad rows is kept unchanged, so that
every reading reports them.
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
    """Return the folder of whole files: GENGAP_CACHE, or the user's cache folder."""
    import platformdirs

    chosen = os.environ.get("GENGAP_CACHE")
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("gengap"))


def open_address(url: str, rows: int | None, progress: Progress | None) -> Reader:
    """Open the file at `url`.

    If only the first `rows` of text are needed, they are streamed. Otherwise the whole file is downloaded, kept,
    and used again while the server says that it has not changed. If the server can't be reached, a kept copy is
    used, with a warning.
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
            except BadRowError:  # the reading will find it again, and refuse or skip it
                return reader
            raw.unlink()
    return tables.open_table(ready, url)


def open_higgs(rows: int | None, progress: Progress | None) -> Reader:
    """Open HIGGS: the kept copy, or the first mirror that answers.

    Raises:
        SourceError: No mirror answers; the message has the reason of each.
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
        f"Download HIGGS.csv.gz yourself ({higgs.BYTES:,} bytes; {higgs.PAGE}) and give its path, "
        "or use the built-in source collider, which needs no network."
    )


def kept_higgs() -> tuple[Path, str] | None:
    """Return the kept copy of HIGGS and its mirror, if there is one."""
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
    """Return the file of one version of an address; text becomes Parquet."""
    ending = ".parquet" if kind in names.TEXT else kind
    return cache_folder() / f"{names.short_name(url)}-{_digest(url)}-{_digest(version)}{ending}"


def _kept_table(url: str) -> Path | None:
    """Return the newest kept table of `url`, of any version."""
    stem = _entry(url, "", "").name.rpartition("-")[0]
    found = [path for path in cache_folder().glob(f"{stem}-*") if path.suffix in names.TABLES]
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]

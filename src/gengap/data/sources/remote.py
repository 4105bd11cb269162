"""Read an http(s) address: stream the rows that are needed, or keep the whole file, with text converted to Parquet.

`RemoteFile.chunks` requests ranges that grow with what was received. So a reader that stops early caused a transfer
of at most 1.4 times what it used. (A server that ignores ranges is slowed down by a small receive buffer.)
Transfers resume after a break.

Whole files are kept in GENGAP_CACHE, or the user's cache folder. A file's name contains a hash of its address and
one of its version (ETag, date and length), so a changed file gets another name. Text with bad rows is kept
unchanged, so that every reading reports them.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import responses
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from filelock import FileLock

from gengap.data.sources import TABLES, TEXT, byte_stream, csv_text, kind_of, short_name, tables
from gengap.data.sources.row_blocks import Progress, Reader
from gengap.errors import BadRowError, SourceError
from gengap.files.user_cache import cache_folder
from gengap.files.writing import atomic_write

FIRST = 4 << 10  # bytes of the first range
GROWTH = 0.4  # size of each further range, relative to all before
PIECE = 256 << 10
ATTEMPTS = 4  # in a row without a byte, with waits of 0.5, 1 and 2 s between them
BACKOFF = 0.5
TIMEOUT = urllib3.Timeout(connect=10, read=30)
WINDOW = 16 << 10  # receive buffer towards a server that ignores ranges
SEGMENT = 1400

# HIGGS: P. Baldi, P. Sadowski, D. Whiteson, "Searching for exotic particles in high-energy physics with deep
# learning", Nature Communications 5 (2014), arXiv 1402.4735; data set doi 10.24432/C5V312, CC BY 4.0.
HIGGS_ROWS = 11_000_000
HIGGS_BYTES = 2_816_407_858  # of HIGGS.csv.gz
HIGGS_MIRRORS: tuple[str, ...] = ("http://mlphysics.ics.uci.edu/data/higgs/HIGGS.csv.gz",)
HIGGS_PAGE = "https://archive.ics.uci.edu/dataset/280/higgs"  # offers a zip archive, to unpack by hand


def open_address(url: str, rows: int | None, progress: Progress | None) -> Reader:
    """Open the file at `url`: the first `rows` of text are streamed, anything else is kept as a whole file.

    A kept file is used again while the server says that it has not changed, or, with a warning, does not answer.
    """
    kind = kind_of(urlsplit(url).path, url)
    try:
        remote = RemoteFile(url)
    except SourceError as fault:
        if (kept := _kept_table(url)) is None:
            raise
        warnings.warn(f"{fault} Using the copy kept in {kept}.", stacklevel=4)
        return tables.open_table(kept, url)
    ready = _entry(url, remote.version or "", kind)
    raw = ready.with_suffix(kind)
    if kind in TEXT and rows is not None and not raw.exists() and not ready.exists():
        pieces = byte_stream.ByteStream(lambda: byte_stream.text(remote.chunks(), kind), by_wire=True)
        return csv_text.open_csv(pieces, url)
    remote.close()
    with _exclusive():
        if not raw.exists() and not ready.exists():
            download(remote, raw, progress)
        if not ready.exists():
            reader = tables.open_path(raw, url)
            try:
                with atomic_write(ready, ready.suffix) as part:
                    tables.write_reader(reader, url, part)
            except BadRowError:  # the reading will find it again, and refuse or skip it
                return reader
            raw.unlink()
    return tables.open_table(ready, url)


def open_higgs(rows: int | None, progress: Progress | None) -> Reader:
    """Open HIGGS: the kept copy, or the first mirror that answers. Raises SourceError with the reason of each."""
    if rows is not None and rows >= HIGGS_ROWS:
        rows = None
    faults = []
    if found := kept_higgs():
        return tables.open_table(*found)
    for mirror in HIGGS_MIRRORS:
        try:
            return open_address(mirror, rows, progress)
        except SourceError as fault:
            faults.append(str(fault))
    raise SourceError(
        f"higgs: no mirror answers. {' '.join(faults)} "
        f"Download HIGGS.csv.gz yourself ({HIGGS_BYTES:,} bytes; {HIGGS_PAGE}) and give its path, "
        "or use the built-in source collider, which needs no network."
    )


def kept_higgs() -> tuple[Path, str] | None:
    """Return the kept copy of HIGGS and its mirror, if there is one."""
    return next(((kept, mirror) for mirror in HIGGS_MIRRORS if (kept := _kept_table(mirror))), None)


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
    ending = ".parquet" if kind in TEXT else kind
    return cache_folder() / f"{short_name(url)}-{_digest(url)}-{_digest(version)}{ending}"


def _kept_table(url: str) -> Path | None:
    """Return the newest kept table of `url`, of any version."""
    stem = _entry(url, "", "").name.rpartition("-")[0]
    found = (path for path in cache_folder().glob(f"{stem}-*") if path.suffix in TABLES)
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


class _TemporaryError(Exception):
    """A fault that may not happen again at the next attempt."""


class RemoteFile:
    """A file at an http(s) address. Its head is fetched at once; SourceError if that fails."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.length: int | None = None  # in bytes, if the server says it
        self.version: str | None = None  # changes when the file changes
        self._validator: str | None = None
        self._ranges = False
        self._narrow, self._wide = _pool(url, narrow=True), _pool(url, narrow=False)
        self._live: Iterator[bytes] | None = self._growing()
        self._head = next(self._live, b"")

    @property
    def resumable(self) -> bool:
        """Whether a later run can continue a part: the server sends ranges and a strong ETag or a date."""
        return self._validator is not None and self._ranges

    def close(self) -> None:
        """End the transfer that opened the address, if it was not read."""
        self._live = None

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes in growing ranges; the first call continues the transfer that opened the address."""
        live, self._live = self._live, None
        if live is None:
            live = self._growing()
        else:
            yield self._head
        yield from live

    def rest(self, start: int) -> Iterator[bytes]:
        """Yield all bytes from `start` on, at full speed."""
        self.close()
        if start != self.length:
            yield from self._body(start, None, self._wide)

    def _growing(self) -> Iterator[bytes]:
        at, stop = 0, FIRST
        while True:
            for piece in self._body(at, stop, self._wide if self._ranges else self._narrow):
                at += len(piece)
                yield piece
            if not self._ranges or self.length is None or at >= self.length:
                return
            stop = min(self.length, at + max(FIRST, int(at * GROWTH)))

    def _body(self, start: int, stop: int | None, pool: urllib3.PoolManager) -> Iterator[bytes]:
        """Yield the bytes from `start` to `stop` (to the end if None, or if the server ignores ranges)."""
        at, failures = start, 0
        while True:
            try:
                for piece in self._answer(at, stop, pool):
                    at, failures = at + len(piece), 0
                    yield piece
                end = stop if stop is not None and self._ranges else self.length
                end = end if end is None or self.length is None else min(end, self.length)
                if end is None or at >= end:
                    return
                raise _TemporaryError(f"the connection closed after {at:,} of {end:,} bytes")
            except (urllib3.exceptions.HTTPError, OSError, _TemporaryError) as fault:
                failures += 1
                if failures >= ATTEMPTS:
                    raise SourceError(
                        f"{self.url}: {_words(fault)} (byte {at:,}; {ATTEMPTS} attempts). "
                        "Check the address and the network, and run again: the part that was fetched is kept."
                    ) from fault
                time.sleep(BACKOFF * 2 ** (failures - 1))

    def _answer(self, start: int, stop: int | None, pool: urllib3.PoolManager) -> Iterator[bytes]:
        """Yield what one response has of the bytes from `start` to `stop`."""
        response, skip = self._request(start, stop, pool)
        size = PIECE if pool is self._wide else FIRST
        try:
            yield from byte_stream.dropped(iter(lambda: response.read1(size), b""), skip)
        finally:
            _finish(response)

    def _request(
        self, start: int, stop: int | None, pool: urllib3.PoolManager
    ) -> tuple[urllib3.BaseHTTPResponse, int]:
        """Return a response to read, and the number of its first bytes that are before `start`."""
        headers = {"Accept-Encoding": "identity", "User-Agent": "gengap"}
        if start or stop is not None:
            headers["Range"] = f"bytes={start}-{'' if stop is None else stop - 1}"
        if start and self._validator:
            headers["If-Range"] = self._validator
        retries = urllib3.Retry(
            5, connect=0, read=0, status=0, other=0, redirect=5, respect_retry_after_header=False
        )
        response = pool.request(
            "GET", self.url, headers=headers, timeout=TIMEOUT, retries=retries,
            preload_content=False, decode_content=False,
        )  # fmt: skip
        try:
            return response, self._understand(response, start)
        except BaseException:
            _finish(response)
            raise

    def _understand(self, response: urllib3.BaseHTTPResponse, start: int) -> int:
        """Note what a response says about the file. Return the number of its bytes to skip."""
        place = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+)", response.headers.get("Content-Range", ""))
        if response.status == 206 and place and place[1] and int(place[1]) == start:
            self._ranges, total, skip = True, int(place[2]), 0
        elif response.status == 200:
            length = response.headers.get("Content-Length", "")
            self._ranges, total, skip = False, int(length) if length.isdigit() else None, start
        elif response.status == 416 and start == 0:  # a range of an empty file
            total, skip = 0, 1 << 62
        elif response.status in (408, 429) or response.status >= 500:
            raise _TemporaryError(f"the server answered {_status(response)}")
        else:
            raise SourceError(f"{self.url}: the server answered {_status(response)}. Check the address.")
        etag, modified = response.headers.get("ETag", ""), response.headers.get("Last-Modified", "")
        version = f"{etag} {modified} {total}"
        if self.version not in (None, version):
            raise SourceError(f"{self.url}: the file changed while it was being read. Run again.")
        self.version, self.length = version, total
        self._validator = (etag if etag and not etag.startswith("W/") else modified) or None
        return skip


def download(remote: RemoteFile, path: Path, progress: Callable[[int, int | None], None] | None = None) -> None:
    """Download a file into `path`.part, continuing a part that exists, and rename it to `path`.

    Raises SourceError if the transfer breaks for good; the part stays.
    """
    part = path.with_name(path.name + ".part")
    try:
        with part.open("ab") as file:
            if not remote.resumable or (remote.length is not None and file.tell() > remote.length):
                file.truncate(0)
            for piece in remote.rest(file.seek(0, os.SEEK_END)):
                file.write(piece)
                if progress:
                    progress(file.tell(), remote.length)
        part.replace(path)
    except OSError as fault:
        raise SourceError(f"{part}: {fault.strerror}. Set GENGAP_CACHE to another folder.") from fault


def _pool(url: str, narrow: bool) -> urllib3.PoolManager:
    """Return connections for `url`, through the proxy of the environment if there is one."""
    options = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
    if narrow:
        options.append((socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW))
        if hasattr(socket, "TCP_MAXSEG"):  # or loopback sends segments of 64 KB
            options.append((socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT))
    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    if proxy and not proxy_bypass(parts.hostname or ""):
        return urllib3.ProxyManager(proxy, socket_options=options)
    return urllib3.PoolManager(socket_options=options)


def _finish(response: urllib3.BaseHTTPResponse) -> None:
    """Give a connection back if its response was read to the end, or close it."""
    if getattr(response, "length_remaining", None) == 0:
        response.release_conn()
    else:
        response.close()


def _status(response: urllib3.BaseHTTPResponse) -> str:
    return f"{response.status} {responses.get(response.status, '')}".rstrip()


def _words(fault: BaseException) -> str:
    """Return the text of a network error, without the library's prefixes."""
    inner = getattr(fault, "reason", None)
    if isinstance(inner, BaseException):
        return _words(inner)
    return re.sub(r"^<?[\w.]*(HTTP\w*Connection|Pool)\(.*?\)>?: ", "", str(fault)) or type(fault).__name__

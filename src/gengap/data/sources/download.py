"""Read an http(s) address: transfers resume after a break, and fetch little more than is read.

`RemoteFile.chunks` requests ranges that grow with what was received. So a reader that stops early caused a transfer
of at most 1.4 times what it used. (A server that ignores ranges is slowed down by a small receive buffer.)
`download` fetches the whole file, and continues where an earlier run stopped.
"""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3

from gengap.errors import SourceError

FIRST = 4 << 10  # bytes of the first range
GROWTH = 0.4  # size of each further range, relative to all before
PIECE = 256 << 10
ATTEMPTS = 4  # in a row without a byte, with waits of 0.5, 1 and 2 s between them
BACKOFF = 0.5
TIMEOUT = urllib3.Timeout(connect=10, read=30)
WINDOW = 16 << 10  # receive buffer towards a server that ignores ranges
SEGMENT = 1400


class _TemporaryError(Exception):
    """A fault that may not happen again at the next attempt."""


class RemoteFile:
    """A file at an http(s) address. Its head is fetched at once; SourceError if that fails.

    Attributes:
        url: The address.
        length: Size in bytes, or None if the server does not say.
        version: Changes when the file changes.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.length: int | None = None
        self.version: str | None = None
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
                response, skip = self._request(at, stop, pool)
                try:
                    size = PIECE if pool is self._wide else FIRST
                    while piece := response.read1(size):
                        useful = piece[skip:]
                        skip = max(0, skip - len(piece))
                        if useful:
                            at, failures = at + len(useful), 0
                            yield useful
                finally:
                    _finish(response)
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

    Raises:
        SourceError: The transfer breaks for good, or its length is wrong; the part stays.
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
    try:
        return f"{response.status} {HTTPStatus(response.status).phrase}"
    except ValueError:
        return str(response.status)


def _words(fault: BaseException) -> str:
    """Return the text of a network error, without the library's prefixes."""
    inner = getattr(fault, "reason", None)
    if isinstance(inner, BaseException):
        return _words(inner)
    return re.sub(r"^<?[\w.]*(HTTP\w*Connection|Pool)\(.*?\)>?: ", "", str(fault)) or type(fault).__name__

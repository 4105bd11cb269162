"""An HTTP server on this machine that serves bytes from memory and misbehaves as told."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gengap.data.sources import remote


@dataclass
class Site:
    """What the server serves, how it misbehaves, and what it was asked and sent."""

    files: dict[str, bytes] = field(default_factory=dict)
    address: str = ""
    ranges: bool = True
    etag: str | None = '"one"'
    modified: str | None = None
    statuses: list[int] = field(default_factory=list)  # answered one by one before all else
    breaks: list[int] = field(default_factory=list)  # bytes after which one answer each is cut off
    lie: int = 0  # added to every length told
    pause: float = 0.0  # seconds before each 4 KB
    sent: int = 0
    asked: list[str | None] = field(default_factory=list)  # the Range of each request
    conditions: list[str | None] = field(default_factory=list)  # the If-Range of each request

    def put(self, name: str, content: bytes) -> str:
        """Serves `content` under `name`; returns its address."""
        self.files[name] = content
        return f"{self.address}/{name}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 20
    site: Site

    def setup(self) -> None:
        """With a small send buffer: otherwise megabytes that wait in this kernel would count as sent."""
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32 << 10)
        super().setup()

    def do_GET(self) -> None:
        site = self.site
        site.asked.append(self.headers["Range"])
        site.conditions.append(self.headers["If-Range"])
        content = site.files.get(self.path.split("?")[0].lstrip("/"))
        if site.statuses or content is None:
            return self._answer(site.statuses.pop(0) if site.statuses else 404, b"", {})
        place = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers["Range"] or "")
        condition = self.headers["If-Range"]
        if not site.ranges or place is None or condition not in (None, site.etag, site.modified):
            return self._answer(200, content, {})
        start = int(place[1])
        stop = min(int(place[2]) + 1 if place[2] else len(content), len(content))
        if start >= len(content):
            return self._answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
        told = f"bytes {start}-{stop - 1}/{len(content) + site.lie}"
        return self._answer(206, content[start:stop], {"Content-Range": told})

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        site = self.site
        self.send_response(status)
        lie = site.lie if status == 200 else 0
        told = {"Content-Length": str(len(body) + lie), "ETag": site.etag, "Last-Modified": site.modified}
        for name, value in (headers | {k: v for k, v in told.items() if v}).items():
            self.send_header(name, value)
        self.end_headers()
        cut = site.breaks.pop(0) if site.breaks and status < 400 else None
        for at in range(0, len(body[:cut]), 4096):
            time.sleep(site.pause)
            piece = body[:cut][at : at + 4096]
            self.wfile.write(piece)
            site.sent += len(piece)
        if cut is not None or lie:
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None: ...


class Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None: ...  # a reader that hung up


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, cache: Path) -> Iterator[Site]:
    """A running server, an empty cache, no proxy, and no waiting between attempts."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(remote, "BACKOFF", 0.001)
    site = Site()
    server = Server(("127.0.0.1", 0), type("SiteHandler", (Handler,), {"site": site}))
    site.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield site
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The cache folder, set to an empty one."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("GENGAP_CACHE", str(folder))
    return folder

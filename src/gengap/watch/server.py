"""The server of the live page: the standard library's, on 127.0.0.1 alone.

    /           the whole page, with a script that asks for what is new
    /main       the part of it that is replaced
    /version    JSON: a version, which changes with what is to be seen, and the study's state in words

Nothing is served by its path on the disk. A request whose Host is another name is refused: any web site can give
its own name this address, and a browser would let it read what it gets (DNS rebinding). The port may be any, since
`ssh -L` may bring the page to another one. A request that another site's page makes, by its Origin, is refused too.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec

from gengap.errors import UsageError
from gengap.study.folder import StudyFolder
from gengap.text.catalog import catalog, default_language
from gengap.watch.page_cache import PageCache

ADDRESS, PORT = "127.0.0.1", 8642
LOCAL_HOST = re.compile(r"(127\.0\.0\.1|localhost)(:[0-9]{1,5})?", re.IGNORECASE)  # a Host that is this machine
IDLE_SECONDS = 10  # for which a client may say nothing
LAST_SECONDS = 5.0  # for which a server that is to end waits for an open page to get what is new
WAKE_SECONDS = 0.1
HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "frame-ancestors 'none'",  # the page itself says the rest
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class Server(ThreadingHTTPServer):
    """Serves one folder's editions. `heard` is when a page last asked, `given` the version that it then had."""

    daemon_threads = True
    allow_reuse_address = os.name == "posix"  # elsewhere it would share the port with another server

    def __init__(self, port: int, editions: PageCache) -> None:
        self.editions = editions
        self.heard, self.given = float("-inf"), ""
        self._ended = threading.Event()
        super().__init__((ADDRESS, port), _Handler)

    @property
    def address(self) -> str:
        """Where a browser finds the page."""
        return f"http://{ADDRESS}:{self.server_port}/"

    def open_browser(self, when: Callable[[], bool] = lambda: True) -> None:
        """Shows the page in the user's browser as soon as `when` says, if there is a screen for one."""

        def wait() -> None:
            while not when():
                if self._ended.wait(WAKE_SECONDS):
                    return
            self.heard = time.monotonic()  # it will ask soon
            webbrowser.open(self.address)

        if sys.platform != "linux" or {"DISPLAY", "WAYLAND_DISPLAY", "BROWSER"} & set(os.environ):
            threading.Thread(target=wait, daemon=True).start()

    def send_last_version(self) -> None:
        """Waits until an open page has what is there now; not for long."""
        until = time.monotonic() + LAST_SECONDS
        while time.monotonic() < min(until, self.heard + LAST_SECONDS):
            if self.given == self.editions.current(fresh=True).version:
                return
            time.sleep(WAKE_SECONDS)

    def server_close(self) -> None:
        """Also lets go of whoever waits to open a browser."""
        self._ended.set()
        super().server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Says nothing of a browser that went away in the middle."""
        if not isinstance(sys.exception(), (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)  # pyright: ignore[reportArgumentType]


class _Handler(BaseHTTPRequestHandler):
    """Answer one request."""

    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]
    server_version, sys_version = "gengap", ""
    timeout = IDLE_SECONDS

    def do_GET(self) -> None:
        if not self._is_for_us():
            return
        self.server.heard = time.monotonic()
        edition = self.server.editions.current()
        if self.path == "/version":
            self._answer("application/json", msgspec.json.encode(edition.news))
        elif self.path in ("/", "/main"):
            self.server.given = edition.version
            if self.headers.get("If-None-Match") == f'"{edition.version}"':
                self._answer("text/html", b"", edition.version, HTTPStatus.NOT_MODIFIED)
            else:
                self._answer("text/html", edition.whole if self.path == "/" else edition.main, edition.version)
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _refuse(self) -> None:
        if self._is_for_us():
            self.send_error(HTTPStatus.METHOD_NOT_ALLOWED)

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_TRACE = do_CONNECT = _refuse  # noqa: N815

    def _is_for_us(self) -> bool:
        """Whether the Host is this machine, and the page that asks, if a browser names one as Origin, is ours."""
        hosts, origins = (self.headers.get_all(name, []) for name in ("Host", "Origin"))
        ours = len(hosts) == 1 and LOCAL_HOST.fullmatch(hosts[0]) is not None
        ours = ours and all(origin.casefold() == f"http://{hosts[0].casefold()}" for origin in origins)
        if not ours:
            self.send_error(HTTPStatus.FORBIDDEN, f"this page is at {self.server.address} only")
        return ours

    def _answer(self, kind: str, body: bytes, version: str = "", status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        if version:
            self.send_header("ETag", f'"{version}"')
        if status == HTTPStatus.OK:
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the terminal shows the study."""


def page_server(folder: Path, port: int | None = None, lang: str | None = None) -> Server:
    """A server, not yet serving, of the page of `folder`, which need not be there yet.

    `port` is by default PORT or, if that is in use, one that is free; `lang` a language's code (default: the
    locale's). Raises UsageError for a port that can't be had and an unknown language, StudyFolderError for a file.
    """
    editions = PageCache(StudyFolder(folder).path, catalog(lang or default_language()))
    try:
        return Server(PORT if port is None else port, editions)
    except OSError as error:
        if port is None:
            return Server(0, editions)
        raise UsageError(f"port {port} can't be used ({error.strerror}); name another with --port") from None


@contextmanager
def serve_page(folder: Path, port: int | None = None, lang: str | None = None) -> Iterator[Server]:
    """A server of `folder` in a thread of its own; at the end an open page still gets what is new."""
    with page_server(folder, port, lang) as server:
        thread = threading.Thread(target=server.serve_forever, args=(WAKE_SECONDS,), daemon=True)
        thread.start()
        try:
            yield server
            server.send_last_version()
        finally:
            server.shutdown()
            thread.join()

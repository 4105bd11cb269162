"""The page of a study's folder in a browser while its trials run, served on 127.0.0.1 only.

    files of the folder -> take_snapshot -> StudySnapshot -> PageVersion -> Server

The page is made from files only, so the study and the server can start and stop in any order. `folder_version` is
cheap: it looks at names, sizes and times alone. `take_snapshot` reads the files; one that is missing or
half-written, since the study writes while this reads, counts as not there yet.

    /           the whole page, with a script that asks for updates
    /main       the part of the page that updates replace
    /version    JSON: the version, which changes with the content, and the state of the study as text

No file is served by its path. A request with another Host is refused, because any web site can point its name at
this address and would then be allowed to read the answers (DNS rebinding). Any port is accepted, because `ssh -L`
may forward the page to another one. A request from the page of another site (by its Origin) is refused as well.
"""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import os
import re
import sys
import threading
import time
import webbrowser
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Literal

import msgspec

from gengap.analysis.summary import RunningTrial, StudySummary, TrialSummary
from gengap.errors import PlanError, StudyFolderError, UsageError
from gengap.history import History, read_histories, read_metadata
from gengap.plan import Plan
from gengap.report.html import render, render_main, script_json
from gengap.report.page import ALL, EpochLine, GroupMember, Page, TrialRow, study_page
from gengap.study.folder import HISTORIES, RESULTS, StudyFolder, read_trial
from gengap.study.progress import (
    CURVES,
    LIVE,
    MOST_EPOCHS,
    SECONDS,
    STATUS,
    StudyStatus,
    is_running,
    modified,
    read_status,
)
from gengap.text.catalog import Catalog, Message, catalog, default_language

State = Literal["waiting", "running", "stopped", "finished"]
MOST_SHOWN = 1e12  # epochs and seconds
REMEMBERED = 1024  # finished trials, which are read once
ADDRESS, PORT = "127.0.0.1", 8642
LOCAL_HOST = re.compile(r"(127\.0\.0\.1|localhost)(:[0-9]{1,5})?", re.IGNORECASE)  # a Host that is this machine
REST = 10  # pause after rendering, as a multiple of its time: a study in the same process needs the time
IDLE_SECONDS = 10  # after which a silent client is disconnected
LAST_SECONDS = 5.0  # that the server waits at its end for an open page to get the newest version
WAKE_SECONDS = 0.1
HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "frame-ancestors 'none'",  # the page itself says the rest
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class StudySnapshot:
    """State of a study folder, with the numbers of its finished and planned trials."""

    state: State
    page: Page | None = None  # while waiting there is none
    finished: int = 0
    planned: int | None = None  # unknown for a plan that grows

    @property
    def message(self) -> Message:
        """The state as a message."""
        counted = self.state in ("running", "stopped")
        counts = {"finished": self.finished, "planned": self.planned} if counted else {}
        return Message("live-" + self.state, counts)


def folder_version(folder: Path) -> str:
    """Return a digest that changes whenever the result of `take_snapshot` would."""
    parts: list[object] = [is_running(folder)]
    for path in (folder / RESULTS, folder / HISTORIES, folder / STATUS, *_curves_files(folder)):
        try:
            stat = path.stat()
        except OSError:
            continue
        parts.append((str(path), stat.st_mtime_ns, stat.st_size))
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def take_snapshot(folder: Path) -> StudySnapshot:
    """Read what a folder holds: a running study, results, or what a killed study left."""
    status, running = read_status(folder), is_running(folder)
    if status is not None and running:
        return _under_way("running", folder, status)
    try:
        found = StudyFolder(folder).results()
    except StudyFolderError:
        if status is None:
            return StudySnapshot("waiting")
        return _under_way("running" if running else "stopped", folder, status)
    trials = len(found.summary.trials)
    return StudySnapshot("finished", study_page(found.summary, found.histories, found.plan), trials, trials)


def _under_way(state: State, folder: Path, status: StudyStatus) -> StudySnapshot:
    kept = StudyFolder(folder)
    finished = list(_finished(kept, status.finished))
    known = set(status.finished)
    pairs = [each for each in _running(folder) if (each[0].run, each[0].seed) not in known]
    running = [history for history, _ in pairs]
    ended = time.time() if state == "running" else max(map(modified, (folder / STATUS, *_curves_files(folder))))
    summary = StudySummary(
        source=status.source,
        rows=status.rows,
        plan=status.plan_name,
        seconds=max(0.0, ended - status.started),
        trials=tuple(trial for _, trial in finished),
        preparation=status.preparation,
        interrupted=state == "stopped",
        columns=status.columns,
        target=status.target,
        seeds=tuple(range(status.seeds)),
        table=status.table,
    )
    histories = [*(history for history, _ in finished), *running]
    page = study_page(summary, histories, status.plan, under_way=state == "running")
    if state == "running":
        trials = tuple(trial for _, trial in pairs if trial is not None)
        known |= {(history.run, history.seed) for history in running}
        compiling = tuple(each for each in status.under_way if each not in known)
        page = msgspec.structs.replace(page, running=trials, compiling=compiling)
    return StudySnapshot(state, _as_planned(page), len(finished), status.planned)


def _as_planned(page: Page) -> Page:
    """Return the page with its runs in the order of the plan; runs that are not in the plan come last."""
    place = {run: at for at, run in enumerate(_planned(page.plan))}

    def at(each: TrialRow | GroupMember | EpochLine) -> int:
        return place.get(each.run, len(place))

    groups = [(name, tuple(sorted(shown, key=at))) for name, shown in page.groups.items()]
    groups.sort(key=lambda group: (group[0] == ALL, at(group[1][0])))
    values = msgspec.structs.replace(page.values, lines=tuple(sorted(page.values.lines, key=at)))
    return msgspec.structs.replace(page, rows=tuple(sorted(page.rows, key=at)), groups=dict(groups), values=values)


def _planned(plan: str) -> Sequence[str]:
    """Return the names of a plan's trials in training order; none if the plan can't be read."""
    try:
        return [trial.run for trial in Plan.from_toml(plan).all_trials]
    except PlanError:
        return ()


def _finished(folder: StudyFolder, trials: Iterable[tuple[str, int]]) -> Iterator[tuple[History, TrialSummary]]:
    for run, seed in trials:
        with contextlib.suppress(Exception):  # missing or not yet complete: Arrow may raise anything
            path = folder.trial_file(run, seed)
            yield _trial(path, path.stat().st_mtime_ns)


@lru_cache(REMEMBERED)
def _trial(path: Path, written: int) -> tuple[History, TrialSummary]:
    """Read the finished trial in a file; `written` is its modification time, for the cache."""
    return read_histories(path)[0], read_trial(path)[0]


def _running(folder: Path) -> Iterator[tuple[History, RunningTrial | None]]:
    """Yield the curves of each trial that is being trained, and its progress if it is known."""
    for path in _curves_files(folder):
        with contextlib.suppress(Exception):
            history = read_histories(path)[0]
            yield history, _progress(history, read_metadata(path))


def _progress(history: History, known: Mapping[str, str]) -> RunningTrial | None:
    try:
        most, seconds = int(known[MOST_EPOCHS]), float(known[SECONDS])
    except (KeyError, ValueError):
        return None
    if not (history.epochs <= most < MOST_SHOWN and 0 <= seconds < MOST_SHOWN):
        return None
    return RunningTrial(
        run=history.run, seed=history.seed, epochs=history.epochs, most_epochs=most, seconds=seconds
    )


def _curves_files(folder: Path) -> list[Path]:
    """Return the curves of trials that are being trained. A folder that disappears meanwhile has none."""
    places = os.walk(folder / LIVE)
    return sorted(Path(place, name) for place, _, names in places for name in fnmatch.filter(names, CURVES))


@dataclass(eq=False)
class PageVersion:
    """The page for one state of the folder: its version, its <main>, and the whole page."""

    version: str
    snapshot: StudySnapshot
    page: Page
    catalog: Catalog

    @cached_property
    def news(self) -> dict[str, str]:
        """The version and state, which an open page asks for every second."""
        text = self.catalog.render(self.snapshot.message)
        return {"version": self.version, "state": self.snapshot.state, "text": text}

    @cached_property
    def main(self) -> bytes:
        """The part of the page that an open page replaces."""
        return render_main(self.page, self.catalog).encode()

    @cached_property
    def whole(self) -> bytes:
        """The whole page, with the script that updates it."""
        texts = {"away": self.catalog.text("live-away"), "ended": self.catalog.text("live-complete")}
        updates = files("gengap.watch").joinpath("live.js").read_text(encoding="utf-8")
        script = f"const LIVE = {script_json(self.news | texts)};\n{updates}"
        return render(self.page, self.catalog, script=script, connect="'self'").encode()


class PageCache:
    """The newest page of one folder in one language; safe to use from several threads."""

    def __init__(self, folder: Path, catalog: Catalog) -> None:
        self._folder, self._catalog = folder, catalog
        self._lock = threading.Lock()
        self._due = 0.0
        self._newest: PageVersion | None = None

    def current(self, *, fresh: bool = False) -> PageVersion:
        """Return the page of the files as they are now or, unless `fresh`, were a moment ago."""
        with self._lock:
            began = time.monotonic()
            if self._newest is not None and began < self._due and not fresh:
                return self._newest
            version = folder_version(self._folder)  # before the files are read: later writes make the next version
            if self._newest is None or version != self._newest.version:
                snapshot = take_snapshot(self._folder)
                nothing = StudySummary(source=self._folder.name, rows={}, plan="", seconds=0.0, trials=())
                page = snapshot.page or study_page(nothing, [])
                self._newest = PageVersion(version, snapshot, page, self._catalog)
                self._newest.main  # noqa: B018  # rendered here, so that its time is counted
                now = time.monotonic()
                self._due = now + REST * (now - began)
            return self._newest


class Server(ThreadingHTTPServer):
    """Serve the page of one folder. `asked` is when a page last asked, `sent` the version that it got."""

    daemon_threads = True
    allow_reuse_address = os.name == "posix"  # elsewhere it would share the port with another server

    def __init__(self, port: int, pages: PageCache) -> None:
        self.pages = pages
        self.asked, self.sent = float("-inf"), ""
        self._ended = threading.Event()
        super().__init__((ADDRESS, port), _Handler)

    @property
    def address(self) -> str:
        """The URL of the page."""
        return f"http://{ADDRESS}:{self.server_port}/"

    def open_browser(self, when: Callable[[], bool] = lambda: True) -> None:
        """Open the page in the user's browser as soon as `when()` is true, if there is a screen."""

        def wait() -> None:
            while not when():
                if self._ended.wait(WAKE_SECONDS):
                    return
            self.asked = time.monotonic()  # it will ask soon
            webbrowser.open(self.address)

        if sys.platform != "linux" or {"DISPLAY", "WAYLAND_DISPLAY", "BROWSER"} & set(os.environ):
            threading.Thread(target=wait, daemon=True).start()

    def send_last_version(self) -> None:
        """Wait until an open page has the newest version, for at most LAST_SECONDS."""
        until = time.monotonic() + LAST_SECONDS
        while time.monotonic() < min(until, self.asked + LAST_SECONDS):
            if self.sent == self.pages.current(fresh=True).version:
                return
            time.sleep(WAKE_SECONDS)

    def server_close(self) -> None:
        """Close the server and stop waiting to open a browser."""
        self._ended.set()
        super().server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore a browser that closed the connection."""
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
        self.server.asked = time.monotonic()
        page = self.server.pages.current()
        if self.path == "/version":
            self._answer("application/json", msgspec.json.encode(page.news))
        elif self.path in ("/", "/main"):
            self.server.sent = page.version
            if self.headers.get("If-None-Match") == f'"{page.version}"':
                self._answer("text/html", b"", page.version, HTTPStatus.NOT_MODIFIED)
            else:
                self._answer("text/html", page.whole if self.path == "/" else page.main, page.version)
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _refuse(self) -> None:
        if self._is_for_us():
            self.send_error(HTTPStatus.METHOD_NOT_ALLOWED)

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_TRACE = do_CONNECT = _refuse  # noqa: N815

    def _is_for_us(self) -> bool:
        """Return whether the Host is this machine and the Origin, if there is one, is our page; else answer 403."""
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
        """Log nothing: the terminal shows the study."""


def page_server(folder: Path, port: int | None = None, lang: str | None = None) -> Server:
    """Return a server for the page of a folder, not yet serving; `folder` may be created later.

    The port is PORT by default, or a free one if that is in use; the language is by default that of the locale.
    """
    if (file := next((each for each in (folder, *folder.parents) if each.is_file()), None)) is not None:
        raise UsageError(f"{folder}: {file} is a file, so nothing can be below it. Name another folder")
    pages = PageCache(folder, catalog(lang or default_language()))
    try:
        return Server(PORT if port is None else port, pages)
    except OSError as error:
        if port is None:
            return Server(0, pages)
        raise UsageError(f"port {port} can't be used ({error.strerror}); name another with --port") from None


@contextmanager
def serve_page(folder: Path, port: int | None = None, lang: str | None = None) -> Iterator[Server]:
    """Serve the page of a folder in a thread; at the end an open page still gets the newest version."""
    with page_server(folder, port, lang) as server:
        thread = threading.Thread(target=server.serve_forever, args=(WAKE_SECONDS,), daemon=True)
        thread.start()
        try:
            yield server
            server.send_last_version()
        finally:
            server.shutdown()
            thread.join()

"""The live page from one change to the next: `PageCache` makes a new one when the folder's files have changed."""

from __future__ import annotations

import threading
import time
from functools import cached_property
from importlib.resources import files
from pathlib import Path

from gengap.analysis.summary import StudySummary
from gengap.report.html import render, render_main, script_json
from gengap.report.page import Page, study_page
from gengap.text.catalog import Catalog
from gengap.watch.snapshot import StudySnapshot, folder_version, take_snapshot

REST = 10  # times as long as an edition took there is no other: a study in the same process needs the time


class PageVersion:
    """What the server says until something changes: its version, its <main>, and the whole page."""

    def __init__(self, version: str, seen: StudySnapshot, page: Page, catalog: Catalog) -> None:
        self.version, self.seen = version, seen
        self._page, self._catalog = page, catalog

    @cached_property
    def news(self) -> dict[str, str]:
        """What the page asks for again and again."""
        return {"version": self.version, "state": self.seen.state, "text": self._catalog.render(self.seen.message)}

    @cached_property
    def main(self) -> bytes:
        """The part that is replaced."""
        return render_main(self._page, self._catalog).encode()

    @cached_property
    def whole(self) -> bytes:
        """The page with the script that keeps it up to date."""
        known = script_json(
            {**self.news, "away": self._catalog.text("live-away"), "ended": self._catalog.text("live-complete")}
        )
        script = f"const LIVE = {known};\n" + files("gengap.watch").joinpath("live.js").read_text(encoding="utf-8")
        return render(self._page, self._catalog, script=script, connect="'self'").encode()


class PageCache:
    """The editions of one folder in one language, one at a time; for any number of threads."""

    def __init__(self, folder: Path, catalog: Catalog) -> None:
        self._folder, self._catalog = folder, catalog
        self._lock = threading.Lock()
        self._due = 0.0
        self._edition: PageVersion | None = None

    def current(self, *, fresh: bool = False) -> PageVersion:
        """The edition of the files as they are, or, unless it must be `fresh`, were a moment ago."""
        with self._lock:
            began = time.monotonic()
            if self._edition is not None and began < self._due and not fresh:
                return self._edition
            version = folder_version(
                self._folder
            )  # before the files are read: what is written meanwhile is the next edition
            if self._edition is None or version != self._edition.version:
                self._edition = self._made(version)
                now = time.monotonic()
                self._due = now + REST * (now - began)
            return self._edition

    def _made(self, version: str) -> PageVersion:
        seen = take_snapshot(self._folder)
        nothing = StudySummary(source=self._folder.name, rows={}, plan="", seconds=0.0, trials=())
        edition = PageVersion(version, seen, seen.page or study_page(nothing, []), self._catalog)
        edition.main  # noqa: B018  # made now, so that its time is counted
        return edition

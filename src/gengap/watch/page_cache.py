"""The live page of a study folder, rendered again when the files of the folder change."""

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

REST = 10  # pause after rendering, as a multiple of its time: a study in the same process needs the time


class PageVersion:
    """The page for one state of the folder: its version, its <main>, and the whole page."""

    def __init__(self, version: str, seen: StudySnapshot, page: Page, catalog: Catalog) -> None:
        self.version, self.seen = version, seen
        self._page, self._catalog = page, catalog

    @cached_property
    def news(self) -> dict[str, str]:
        """The version and state, which an open page asks for every second."""
        return {"version": self.version, "state": self.seen.state, "text": self._catalog.render(self.seen.message)}

    @cached_property
    def main(self) -> bytes:
        """The part of the page that an open page replaces."""
        return render_main(self._page, self._catalog).encode()

    @cached_property
    def whole(self) -> bytes:
        """The whole page, with the script that updates it."""
        known = script_json(
            {**self.news, "away": self._catalog.text("live-away"), "ended": self._catalog.text("live-complete")}
        )
        script = f"const LIVE = {known};\n" + files("gengap.watch").joinpath("live.js").read_text(encoding="utf-8")
        return render(self._page, self._catalog, script=script, connect="'self'").encode()


class PageCache:
    """The newest page of one folder in one language; safe to use from several threads."""

    def __init__(self, folder: Path, catalog: Catalog) -> None:
        self._folder, self._catalog = folder, catalog
        self._lock = threading.Lock()
        self._due = 0.0
        self._edition: PageVersion | None = None

    def current(self, *, fresh: bool = False) -> PageVersion:
        """Return the page of the files as they are now or, unless `fresh`, were a moment ago."""
        with self._lock:
            began = time.monotonic()
            if self._edition is not None and began < self._due and not fresh:
                return self._edition
            version = folder_version(
                self._folder
            )  # before the files are read, so that later writes make the next version
            if self._edition is None or version != self._edition.version:
                self._edition = self._made(version)
                now = time.monotonic()
                self._due = now + REST * (now - began)
            return self._edition

    def _made(self, version: str) -> PageVersion:
        seen = take_snapshot(self._folder)
        nothing = StudySummary(source=self._folder.name, rows={}, plan="", seconds=0.0, trials=())
        edition = PageVersion(version, seen, seen.page or study_page(nothing, []), self._catalog)
        edition.main  # noqa: B018  # rendered here, so that its time is counted
        return edition

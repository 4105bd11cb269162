"""The live page in a real browser (see conftest.py): follows the files, keeps what a reader did."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from live_made import write_curves, write_status
from playwright.sync_api import Browser, Page, expect
from report.page_made import study_made

from gengap.analysis.summary import PLAN_FILE
from gengap.history import write_histories
from gengap.study.folder import HISTORIES, RESULTS
from gengap.study.progress import LIVE
from gengap.text.catalog import catalog
from gengap.watch import Server, serve_page

AWAY = re.compile("ERR_(CONNECTION_REFUSED|CONNECTION_RESET|EMPTY_RESPONSE)")  # a server that closes, or has closed
HOSTILE = """sizes/</script><img src=x onerror=alert(1)><script>alert(2)</script>"'&"""
POINTS = """() => Math.max(0, ...[...document.querySelectorAll('[data-chart="curves"]')]
    .flatMap(({ data }) => data ?? []).map(({ x }) => x.length))"""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A tab. Whatever goes wrong in it, but for a server that is away, fails the test."""
    faults: list[str] = []
    context = browser.new_context()
    tab = context.new_page()
    tab.on("pageerror", lambda error: faults.append(str(error)))
    tab.on("dialog", lambda dialog: faults.append(f"dialog: {dialog.message}") or dialog.dismiss())
    tab.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    yield tab
    context.close()
    assert [fault for fault in faults if not AWAY.search(fault)] == []


def wait_for_points(page: Page, count: int) -> None:
    """Until the longest curve drawn has so many; Playwright's own waiting needs an eval, which the page forbids."""
    for _ in range(3_000):
        if page.evaluate(POINTS) == count:
            return
        page.wait_for_timeout(50)
    pytest.fail(f"{page.evaluate(POINTS)} points are drawn, expected {count}")


def test_the_page_follows_a_study_from_nothing_to_its_end(page: Page, tmp_path: Path) -> None:
    bar = page.locator("#live")
    with serve_page(tmp_path, 0, "en") as server:
        page.goto(server.address)
        expect(bar).to_have_text("waiting for a study to begin")
        expect(page.locator("h1")).to_have_text("No trial is finished yet")
        write_status(tmp_path)
        write_curves(tmp_path, epochs=5)
        expect(bar).to_have_text("the study is running: 0 of 2 trials finished")
        expect(page.locator(".trials th[scope=row]")).to_have_text("sizes/Two")
        wait_for_points(page, 5)
        write_curves(tmp_path, epochs=9)
        wait_for_points(page, 9)
        shutil.rmtree(tmp_path / LIVE)
        expect(bar).to_have_text("waiting for a study to begin")
        expect(page.locator(".trials th[scope=row]")).to_have_count(0)


def test_what_a_reader_did_stays(page: Page, tmp_path: Path) -> None:
    write_status(tmp_path)
    write_curves(tmp_path, epochs=40)
    page.set_viewport_size({"width": 900, "height": 400})
    with serve_page(tmp_path, 0, "en") as server:
        page.goto(server.address)
        page.locator('[data-switch="log"]').check()
        page.locator("#curves details summary").click()
        page.locator("#made").scroll_into_view_if_needed()
        before = page.evaluate("scrollY")
        write_curves(tmp_path, epochs=41)
        wait_for_points(page, 41)
        assert before > 0 and abs(page.evaluate("scrollY") - before) < 2
        expect(page.locator('[data-switch="log"]')).to_be_checked()
        expect(page.locator("#curves details")).to_have_attribute("open", "")


@contextmanager
def shown_under_way(page: Page, folder: Path) -> Iterator[Server]:
    """The page of a study that is at its fifth epoch, as long as its server serves."""
    write_status(folder)
    write_curves(folder, epochs=5)
    with serve_page(folder, 0, "en") as server:
        page.goto(server.address)
        wait_for_points(page, 5)
        yield server


def test_the_page_waits_for_a_server_that_went_away(page: Page, tmp_path: Path) -> None:
    bar = page.locator("#live")
    with shown_under_way(page, tmp_path) as server:
        port = server.server_port
    expect(bar).to_have_text(catalog("en").text("live-away"))
    write_curves(tmp_path, epochs=6)
    with serve_page(tmp_path, port, "en"):
        wait_for_points(page, 6)
        expect(bar).to_have_attribute("data-state", "running")


def test_a_page_under_a_hand_is_not_called_complete(page: Page, tmp_path: Path) -> None:
    """The study ends while the reader's hand keeps the page as it was, and the server leaves."""
    bar = page.locator("#live")
    with shown_under_way(page, tmp_path):
        page.evaluate(
            "setInterval(() => report.dispatchEvent(new KeyboardEvent('keydown', { bubbles: true })), 100)"
        )
        summary, histories = study_made()
        write_histories(histories, tmp_path / HISTORIES)
        (tmp_path / PLAN_FILE).touch()
        (tmp_path / RESULTS).write_bytes(summary.to_json())
        shutil.rmtree(tmp_path / LIVE)
        expect(bar).to_have_text("the study is finished")
    expect(bar).to_have_attribute("data-state", "away")
    expect(bar).to_have_text(catalog("en").text("live-away"))


def test_names_are_no_markup_in_the_browser(page: Page, tmp_path: Path) -> None:
    write_status(tmp_path, source=HOSTILE, target=HOSTILE, columns=(HOSTILE,), plan=HOSTILE, plan_name=HOSTILE)
    write_curves(tmp_path, run=HOSTILE, epochs=5)
    with serve_page(tmp_path, 0, "en") as server:
        page.goto(server.address)
        wait_for_points(page, 5)
        write_curves(tmp_path, run=HOSTILE, epochs=6)
        wait_for_points(page, 6)
        expect(page.locator(".trials th[scope=row]")).to_have_text(HOSTILE)
        assert page.locator('#report img, #report script:not([type="application/json"])').count() == 0


def test_the_page_speaks_korean(page: Page, tmp_path: Path) -> None:
    with serve_page(tmp_path, 0, "ko") as server:
        page.goto(server.address)
        expect(page.locator("html")).to_have_attribute("lang", "ko")
        expect(page.locator("#live")).not_to_have_text("")

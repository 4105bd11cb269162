"""The browser that the tests of pages share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PATIENCE = 60_000  # milliseconds for what a page is expected to show: two busy cores take their time
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium at GENGAP_CHROMIUM; without it these tests skip, but never in CI."""
    executable = os.environ.get("GENGAP_CHROMIUM")
    if not executable:
        if os.environ.get("CI"):
            pytest.fail("GENGAP_CHROMIUM is not set, expected the path of Chromium", pytrace=False)
        pytest.skip("GENGAP_CHROMIUM names no browser")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield browser
        browser.close()

"""The report as a reader meets it, in headless Chromium: what is drawn, and that nothing leaves the file.

GENGAP_CHROMIUM names the browser; without it these tests skip, but never in CI.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect
from report.page_made import BEST, HOSTILE, LOSS, long_made, study_made

from gengap.analysis.summary import StudySummary
from gengap.history import History
from gengap.report.html import render, render_main
from gengap.report.page import study_page
from gengap.stats.curves import smooth
from gengap.text.catalog import catalog, languages

WIDE, PHONE = (1280, 850), (390, 844)
Open = Callable[..., Page]
DRAWN = "document.querySelector('[data-chart=curves]')"


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Opens a study's report; at the end nothing was complained of and nothing was asked of the network."""
    said: list[str] = []
    contexts = []

    def open_page(hostile: str = "", code: str = "en", size: tuple[int, int] = WIDE, **options: Any) -> Page:
        path = tmp_path / f"{code}.html"
        made: tuple[StudySummary, list[History]] = options.pop("made", None) or study_made(hostile)
        path.write_text(render(study_page(*made, plan="x"), catalog(code)), encoding="utf-8")
        contexts.append(context := browser.new_context(viewport={"width": size[0], "height": size[1]}, **options))
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append(f"dialog: {dialog.message}"))
        page.on("request", lambda r: None if r.url in (path.as_uri(), "data:,") else said.append(r.url))
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert said == []


def traces(page: Page) -> dict[tuple[str, str], dict[str, Any]]:
    """The lines of the curves as they are drawn, by run and kind."""
    drawn = page.evaluate(f"{DRAWN}.data.map(({{meta, x, y}}) => ({{meta, x: [...x], y: [...y]}}))")
    return {(each["meta"]["run"], each["meta"]["kind"]): each for each in drawn}


def reading(page: Page, run: str) -> list[str]:
    """What the table beside the curves shows of a visible run."""
    return page.locator(f"tr:visible:has(button[data-run='{run}']) td").all_inner_texts()


def test_curves_are_drawn_with_their_marks(show: Open) -> None:
    page, histories = show(), study_made()[1]
    assert {kind for _, kind in traces(page)} == {"train", "validation", "best"}  # nothing is smoothed at first
    page.get_by_label("smoothing").fill("10")
    drawn = traces(page)
    kinds = ("train", "logged", "validation", "best")
    assert set(drawn) == {(run, kind) for run in ("sizes/Tiny", "sizes/large") for kind in kinds}
    logged = histories[1]["validation", LOSS].values
    assert drawn["sizes/large", "logged"]["y"] == pytest.approx(logged.tolist(), rel=1e-5)
    assert drawn["sizes/large", "best"] | {"meta": 0} == {"meta": 0, "x": [13], "y": [pytest.approx(0.5)]}
    shapes = page.evaluate(f"{DRAWN}.layout.shapes.map(({{x0, x1}}) => [x0, x1])")
    assert shapes == [[13, 18], [13, 18]]  # the onset's interval: a band and a bar at its foot
    assert page.locator("[data-chart] .main-svg").count() >= 5


def test_switches_change_what_is_drawn(show: Open) -> None:
    page, histories = show(), study_made()[1]
    page.get_by_label("smoothing").fill("10")
    page.get_by_label("validation", exact=True).uncheck()
    assert {kind for _, kind in traces(page)} == {"train"}
    page.get_by_label("validation", exact=True).check()
    page.get_by_label("training", exact=True).uncheck()
    assert {kind for _, kind in traces(page)} == {"logged", "validation", "best"}
    page.get_by_label("metric").select_option("accuracy")
    accuracy = histories[0]["validation", "accuracy"].values
    assert traces(page)["sizes/Tiny", "logged"]["y"] == pytest.approx(accuracy.tolist(), rel=1e-5)
    page.get_by_label("log epochs").check()
    assert page.evaluate(f"{DRAWN}.layout.xaxis.type") == "log"
    assert traces(page)["sizes/Tiny", "logged"]["x"][0] == 1
    page.get_by_label("runs").select_option("regularizers")
    assert {run for run, _ in traces(page)} == {"sizes/Tiny", "regularizers/l2 0.1"}


def test_an_empty_chart_says_that_nothing_is_selected(show: Open) -> None:
    page = show()
    texts = f"{DRAWN}.layout.annotations.map(({{text}}) => text)"
    assert page.evaluate(texts) == []
    page.get_by_role("button", name="hide all").click()
    assert [text.split(".")[0] for text in page.evaluate(texts)] == ["Nothing is selected"]
    page.get_by_role("button", name="show all").click()
    assert page.evaluate(texts) == []


def test_training_is_never_cut_off_and_what_leaves_the_top_is_marked(show: Open) -> None:
    train = 0.5 / np.arange(1, 41)
    validation = 0.6 - 0.002 * np.arange(40)
    validation[20] = 90
    page = show(made=long_made(train, validation, 39))
    low, high = page.evaluate(f"{DRAWN}.layout.yaxis.range")
    assert low < train.min() and high < 90
    above = {kind: trace for (_, kind), trace in traces(page).items()}["above"]
    assert above["x"] == [21] and above["y"] == [pytest.approx(high)]


def test_smoothing_looks_back_as_the_pictures_do(show: Open) -> None:
    page, histories = show(), study_made()[1]
    series = histories[0]["validation", LOSS]
    for width in (10, 3, 0):
        page.get_by_label("smoothing").fill(str(width))
        expected = smooth(series.values, np.minimum(width, series.epochs / 10))
        assert traces(page)["sizes/Tiny", "validation"]["y"] == pytest.approx(expected.tolist(), rel=1e-4)
    assert ("sizes/Tiny", "logged") not in traces(page)


@pytest.mark.parametrize(("count", "step"), [(1, 1), (2, 1), (3, 5), (40, 1), (300, 2)])
def test_smoothing_is_pythons(show: Open, count: int, step: int) -> None:
    page, random = show(), np.random.default_rng(count)
    values, epochs = random.normal(size=count), step * np.arange(count)
    values[random.random(count) < 0.2] = np.nan
    given = [None if np.isnan(value) else value for value in values.tolist()]
    for width in (0, 1.5, 20):
        found = page.evaluate("([e, v, w]) => smooth(e, v, w)", [(epochs + 1).tolist(), given, width])
        expected = smooth(values, np.minimum(width, epochs / 10) / step)
        np.testing.assert_allclose([np.nan if v is None else v for v in found], expected, rtol=1e-9)


def test_a_long_curve_is_smoothed_and_read_as_all_its_values_are(show: Open) -> None:
    noise = 0.03 * (np.random.default_rng(0).exponential(size=10_000) - 1)
    trend = 0.3 + np.arange(1, 10_001) ** -0.2 + 2e-5 * np.arange(10_000)
    best = 8_765
    page = show(made=long_made(trend, trend + noise, best))
    for width in (3, 10, 50):
        page.get_by_label("smoothing").fill(str(width))
        stds = np.minimum(width, np.arange(10_000) / 10)
        drawn = traces(page)
        train, validation = (drawn["sizes/Tiny", split] for split in ("train", "validation"))
        np.testing.assert_allclose(train["y"], smooth(trend, stds)[np.array(train["x"]) - 1], rtol=1e-3)
        ratio = np.array(validation["y"]) / smooth(trend, stds)[np.array(validation["x"]) - 1]
        widths = np.diff(validation["x"], append=10_001)
        assert np.average(ratio, weights=widths) == pytest.approx(1, abs=1e-3)
    logged = traces(page)["sizes/Tiny", "logged"]["y"]
    assert max(logged) == pytest.approx((trend + noise).max(), rel=1e-5)
    assert traces(page)["sizes/Tiny", "best"]["y"] == [pytest.approx(trend[best] + noise[best], rel=1e-5)]
    assert [float(text) for text in reading(page, "sizes/Tiny")][1] == pytest.approx(
        trend[best] + noise[best], rel=1e-3
    )
    for epoch in (4_321, 10_000):
        page.evaluate("readAt", epoch)
        assert float(reading(page, "sizes/Tiny")[0]) == pytest.approx(trend[epoch - 1], rel=1e-3)
    assert float(reading(page, "sizes/Tiny")[1]) == pytest.approx(trend[-1] + noise[-1], rel=1e-3)


def test_hovering_reads_every_run(show: Open) -> None:
    page, histories = show(), study_made()[1]
    best = [f"{h[key].at(BEST[h.run]):.4g}" for h in histories[:1] for key in _keys()]
    assert reading(page, "sizes/Tiny") == [f"{float(b):.4f}" for b in best]
    page.locator("[data-chart=curves]").scroll_into_view_if_needed()
    box = page.locator("[data-chart=curves] .nsewdrag").first.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 3, box["y"] + box["height"] / 2)
    expect(page.locator("[data-shows=at]")).to_have_text(re.compile(r"at epoch \d+"))
    epoch = int(page.locator("[data-shows=at]").inner_text().split()[-1])
    assert 10 < epoch < 30
    for history in histories[:2]:
        expected = [history[key].at(epoch - 1) for key in _keys()]
        assert [float(text) for text in reading(page, history.run)] == pytest.approx(expected, rel=1e-3)
    page.get_by_role("button", name="read at the best epochs").click()
    assert page.locator("[data-shows=at]").inner_text() == "at the best epochs"


def _keys() -> tuple[tuple[str, str], tuple[str, str]]:
    return ("train", f"clean_{LOSS}"), ("validation", LOSS)


def test_everything_works_by_keyboard(show: Open) -> None:
    page = show()
    button = page.locator("tr:visible button[data-run='sizes/large']")
    button.focus()
    page.keyboard.press("Space")
    assert button.get_attribute("aria-pressed") == "false" and ("sizes/large", "train") not in traces(page)
    assert button.evaluate("each => each === document.activeElement")
    page.keyboard.press("Enter")
    assert button.get_attribute("aria-pressed") == "true" and ("sizes/large", "train") in traces(page)
    page.get_by_label("Read the curves at this epoch").focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert page.locator("[data-shows=at]").inner_text() == "at epoch 4"
    assert page.evaluate(f"{DRAWN}.layout.shapes.at(-1).x0") == 4
    page.get_by_label("log epochs").focus()
    page.keyboard.press("Space")
    assert page.evaluate(f"{DRAWN}.layout.xaxis.type") == "log"
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    focused: list[str] = []
    for _ in range(40):
        page.keyboard.press("Tab")
        focused.append(page.evaluate("document.activeElement.dataset.switch ?? document.activeElement.tagName"))
    for switch in ("group", "metric", "train", "validation", "log", "smoothing", "at", "SUMMARY"):
        assert switch in focused


def test_a_name_in_the_table_opens_its_reasons(show: Open) -> None:
    page = show()
    page.locator(".trials a", has_text="large").click()
    page.get_by_text("The larger model sizes/large has").wait_for(state="visible")
    page.locator("h1 a").click()
    page.get_by_text("The larger model sizes/Tiny has").wait_for(state="visible")


@pytest.mark.parametrize("code", languages())
@pytest.mark.parametrize("hostile", ["", "x" * 300, HOSTILE])
def test_a_phone_scrolls_one_way_only(show: Open, code: str, hostile: str) -> None:
    page = show(hostile, code, PHONE, has_touch=True)
    for each in page.locator("details").all():
        each.evaluate("each => { each.open = true; }")
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE[0]
    assert page.locator("html").get_attribute("lang") == code


def test_no_line_breaks_inside_an_option(show: Open) -> None:
    page = show(size=PHONE)
    for part in page.locator("details").all():
        part.evaluate("each => { each.open = true }")
    lines = """() => {
      const found = [], walk = document.createTreeWalker(document.getElementById("report"), NodeFilter.SHOW_TEXT);
      while (walk.nextNode()) for (const at of walk.currentNode.data.matchAll(/--[a-z-]+/g)) {
        const range = document.createRange();
        range.setStart(walk.currentNode, at.index);
        range.setEnd(walk.currentNode, at.index + at[0].length);
        if (walk.currentNode.parentElement.closest("p")) found.push(range.getClientRects().length);
      }
      return found;
    }"""
    found: list[int] = []
    for width in range(320, 420, 3):
        page.set_viewport_size({"width": width, "height": 800})
        found += page.evaluate(lines)
    assert len(found) >= 30 and set(found) == {1}


def test_themes_follow_the_system_and_the_switch(show: Open) -> None:
    page = show(color_scheme="dark")
    paper = "getComputedStyle(document.body).backgroundColor"
    ink = f"{DRAWN}.layout.font.color"
    dark = page.evaluate(f"[{paper}, {ink}]")
    page.get_by_label("Theme").select_option("light")
    light = page.evaluate(f"[{paper}, {ink}]")
    assert light[0] == "rgb(255, 255, 255)" and light[0] != dark[0] and light[1] != dark[1]
    page.reload()
    assert page.evaluate(paper) == light[0]
    page.get_by_label("Theme").select_option("auto")
    page.emulate_media(color_scheme="light")
    assert page.evaluate(paper) == light[0]


def test_it_prints(show: Open) -> None:
    page = show(color_scheme="dark")
    page.evaluate(
        """addEventListener("beforeprint", () => { window.printed = [
            document.documentElement.dataset.theme, document.querySelectorAll("details.why:not([open])").length,
            Math.max(...[...document.querySelectorAll("[data-chart]")].map((each) => each.layout.width))] })"""
    )
    printed = page.pdf(format="A4")
    assert printed.startswith(b"%PDF") and 2 <= printed.count(b"/Type /Page\n") <= 12
    assert page.evaluate("printed") == ["light", 0, 680]
    expect(page.locator("html")).to_have_attribute("data-theme", "auto")
    assert page.locator("details.why[open]").count() == 0
    page.emulate_media(media="print")
    breaks = page.locator("figure").evaluate_all("each => each.map((one) => getComputedStyle(one).breakInside)")
    assert breaks and set(breaks) == {"avoid"}  # a chart stays with its legend and caption
    styles = "each => each.map((one) => [getComputedStyle(one).breakInside, getComputedStyle(one).breakAfter])"
    above = page.locator("p:has(+ figure)").evaluate_all(styles)
    assert len(above) >= 2 and all(each == ["avoid", "avoid"] for each in above)  # and with its heading and text


def test_hostile_names_are_drawn_as_they_are(show: Open) -> None:
    page = show(HOSTILE)
    run = f"sizes/Tiny{HOSTILE}"
    assert (run, "validation") in traces(page)
    assert page.locator("img, b").count() == 0
    ticks = page.locator("[data-chart=effects] .yaxislayer-above text").all_text_contents()
    assert len(ticks) == 2 and any("<b>b</b>" in tick for tick in ticks)  # letters, where plotly knows that tag
    button = page.locator("tr:visible button").first
    assert button.get_attribute("data-run") == run and HOSTILE[:30] in (button.text_content() or "")
    button.click()
    assert (run, "validation") not in traces(page)


def test_no_other_script_runs(browser: Browser, tmp_path: Path) -> None:
    """Should a name ever become markup, the page's policy still lets none of it run or ask the network."""
    path = tmp_path / "page.html"
    text = render(study_page(*study_made()), catalog("en"))
    attack = "<script>window.ran = 1</script><img src='http://127.0.0.1:9/x.png' onerror='window.ran = 1'>"
    path.write_text(text.replace("<h1", f"{attack}<h1", 1), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    page.wait_for_selector("[data-chart=sizes] .main-svg")
    assert page.evaluate("window.ran") is None
    page.close()


def test_a_live_page_keeps_what_the_reader_switched(show: Open) -> None:
    page, (summary, histories), english = show(), study_made(), catalog("en")
    page.get_by_label("log epochs").check()
    page.get_by_label("metric").select_option("accuracy")
    page.locator("tr:visible button[data-run='sizes/Tiny']").click()
    later = render_main(study_page(msgspec.structs.replace(summary, trials=summary.trials[:2]), histories), english)
    page.evaluate("main => { document.getElementById('report').outerHTML = main; gengapDraw(); }", str(later))
    assert page.evaluate(f"{DRAWN}.layout.xaxis.type") == "log"
    assert page.get_by_label("log epochs").is_checked() and page.get_by_label("metric").input_value() == "accuracy"
    assert {run for run, _ in traces(page)} == {"sizes/large"}
    page.get_by_role("button", name="show all").click()
    assert {run for run, _ in traces(page)} == {"sizes/Tiny", "sizes/large"}
    empty = render_main(study_page(msgspec.structs.replace(summary, trials=()), []), english)
    page.evaluate("main => { document.getElementById('report').outerHTML = main; gengapDraw(); }", str(empty))
    assert page.locator("[data-chart=curves]").count() == 0

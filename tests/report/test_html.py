"""The page of a study: what it says, that nothing in it is taken for markup, and reading a folder back."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report.page_made import EPOCHS, HOSTILE, LOSS, history, study_made, trial

import gengap
from gengap.analysis.summary import StudySummary
from gengap.data.sources import redact_address
from gengap.errors import StudyFolderError, UsageError
from gengap.files.writing import atomic_write
from gengap.history import History, Series
from gengap.options.spec import VerdictName
from gengap.options.study_options import DataSpec, RunSpec
from gengap.plan import Plan, Recipe, Trial
from gengap.report import html
from gengap.report.conclusions import conclusion_messages
from gengap.report.html import render, render_main, script_json, write_report
from gengap.report.page import ALL, epoch_table, sparkline_svg, study_page
from gengap.report.page_curves import part_starts, run_curves, thinned_positions
from gengap.study import Study
from gengap.study.folder import StudyFolder
from gengap.study.provenance import study_provenance
from gengap.text import markup
from gengap.text.catalog import catalog

ENGLISH = catalog("en")
TEMPLATES = Path(html.__file__).parent / "templates"
LABEL = "Training and validation loss by epoch, best at epoch 13"
LITTLE = Plan(name="little", trials=(Trial(run="sizes/Tiny", units=(8,)),), recipe=Recipe(batch=100, max_epochs=5))


class Read(HTMLParser):
    """Which tags there are, with which attributes, and all text but that of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text, self.scripts = "", list[str]()
        self._inside: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if not self._inside:
            self.text += data
        elif self._inside[-1] == "script":
            self.scripts.append(data)


def main_of(summary: StudySummary, *, code: str = "en", under_way: bool = False) -> Read:
    return Read(render_main(study_page(summary, [], under_way=under_way), catalog(code)))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Study:
    out = tmp_path_factory.mktemp("study") / "here"
    return gengap.study("collider", LITTLE, train=200, validation=60, out=out)


def test_the_first_screen_says_what_overfits_and_what_to_keep() -> None:
    page = Read(render_main(study_page(*study_made()), ENGLISH))
    text = " ".join(page.text.split())
    assert (
        "1 of 3 models overfits; recommended: sizes/Tiny" in text
    )  # one on part of the rows is no model to choose
    assert text.index("recommended: sizes/Tiny") < text.index("Simplest model at most one standard error")
    assert "0.5000 [0.4500, 0.5500]" in text and "70.0% [60.0, 80.0]" in text
    badges = [attrs for tag, attrs in page.tags if tag == "a" and "badge" in (attrs.get("class") or "")]
    assert len(badges) == 4 and badges[1]["class"] == "badge overfit"
    assert badges[1]["title"] == "Validation turned: it ends clearly worse than at its best."


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        ([], "No trial is finished yet"),
        (["overfit"], "The model overfits"),
        (["overfit", "good"], "1 of 2 models overfits"),
        (["overfit", "overfit", "good"], "2 of 3 models overfit"),
        (["underfit"], "The model underfits"),
        (["underfit", "good"], "No model overfits, 1 of 2 underfits"),
        (["underfit", "underfit", "near-overfit"], "No model overfits, 2 of 3 underfit"),
        (["good", "near-overfit"], "No model overfits"),
        (["good", "inconclusive"], "1 of 2 models fits; 1 curve is inconclusive"),
        (["good"] + 5 * ["inconclusive"], "1 of 6 models fits; 5 curves are inconclusive"),
        (["good", "good", "inconclusive"], "2 of 3 models fit; 1 curve is inconclusive"),
        (["near-overfit", "inconclusive"], "No model is known to overfit; 1 curve is inconclusive"),
        (
            ["underfit", "inconclusive"],
            "No model is known to overfit, 1 of 2 underfits; 1 curve is inconclusive",
        ),
        (["overfit", "inconclusive"], "1 of 2 models overfits; 1 curve is inconclusive"),
        (["inconclusive"], "The curves don't show whether any model overfits"),
    ],
)
def test_the_headline_of_other_studies(verdicts: list[VerdictName], said: str) -> None:
    summary, _ = study_made()
    trials = [trial(history(f"sizes/{i}", 0, 20, 5), 5, verdict) for i, verdict in enumerate(verdicts)]
    partial = msgspec.structs.replace(summary, trials=tuple(trials), recommendation=None)
    text = render_main(study_page(partial, []), ENGLISH)
    assert f'<h1 id="headline">{said}</h1>' in str(text).replace("&#39;", "'")


def headline(summary: StudySummary) -> str:
    found = re.search("<h1.*?</h1>", render_main(study_page(summary, []), ENGLISH), re.DOTALL)
    return Read(found.group() if found else "").text


def test_runs_on_part_of_the_rows_count_where_there_are_no_others() -> None:
    summary, _ = study_made()
    alone = [trial(history(f"rows/{i}", 0, 20, 5), 5, "overfit") for i in range(2)]
    changed = msgspec.structs.replace(summary, trials=tuple(alone), recommendation=None)
    assert headline(changed) == "2 of 2 models overfit"
    lost = tuple(msgspec.structs.replace(each, verdict=None) for each in alone)
    assert headline(msgspec.structs.replace(changed, trials=lost)) == "No curve could be judged"


def test_the_headline_leads_to_the_kept_models_reasons() -> None:
    page = Read(render_main(study_page(*study_made()), ENGLISH))
    (link,) = [attrs for tag, attrs in page.tags if tag == "a" and attrs.get("class") == "keep"]
    ids = {attrs.get("id"): tag for tag, attrs in page.tags}
    assert link["href"] == "#why-1" and ids["why-1"] == "details"


def test_a_run_keeps_its_name_at_the_start_of_a_reason() -> None:
    summary, _ = study_made()
    named = trial(history("tiny", 0, 20, 5), 5, "good")
    text = main_of(msgspec.structs.replace(summary, trials=(named,), recommendation=None)).text
    assert "The larger model tiny has a validation loss 2.4% [1.1, 3.6] lower on the same rows" in text


def test_where_nothing_was_learnt_the_headline_says_so() -> None:
    summary, _ = study_made()
    assert summary.recommendation
    kept = msgspec.structs.replace(summary.recommendation, learnt=False)
    assert "Nothing clearly beats guessing" in main_of(msgspec.structs.replace(summary, recommendation=kept)).text


def test_sections_are_left_out_where_a_study_has_none_of_it() -> None:
    sections = {"sizes", "regularizers", "rows", "comparisons", "costly", "test", "curves"}
    summary, histories = study_made()
    whole = {attrs.get("id") for _, attrs in Read(render_main(study_page(summary, histories), ENGLISH)).tags}
    assert sections <= whole
    bare = StudySummary(source="x", rows={}, plan="", seconds=0.0, trials=())
    assert not sections & {attrs.get("id") for _, attrs in main_of(bare).tags}


def test_costly_rows_are_pictures_or_texts() -> None:
    summary, _ = study_made()
    costly = summary.costly_rows
    assert costly is not None
    text = " ".join(main_of(summary).text.split())
    assert "loses most on this row of 150: 25% of the validation loss." in text
    assert "target cat, predicted dog, loss 3.50, row 7" in text
    picture = tuple(msgspec.structs.replace(row, picture="iVBO", text="") for row in costly.rows)
    shown = msgspec.structs.replace(costly, share=None, rows=picture)
    page = main_of(msgspec.structs.replace(summary, costly_rows=shown))
    assert "loses most on this row of 150. Check" in " ".join(page.text.split())
    (image,) = [attributes for tag, attributes in page.tags if tag == "img"]
    assert image == {"src": "data:image/png;base64,iVBO", "alt": "validation row 7"}


def test_a_study_under_way_is_shown_with_the_curves_so_far() -> None:
    bare = StudySummary(source="x", rows={}, plan="quick", seconds=1.0, trials=())
    page = Read(render_main(study_page(bare, [history("sizes/Tiny", 0, 7, 3)], under_way=True), ENGLISH))
    assert "still running" in page.text and "sizes/Tiny" in page.text
    assert "0:01 so far" in page.text and "took 0:01" not in page.text
    assert json.loads(page.scripts[0])["curves"]["sizes/Tiny"]["best"] is None


def test_a_trial_that_diverged_has_a_row_of_dashes() -> None:
    summary, histories = study_made()
    changes: dict[str, Any] = {"best_epoch": None, "metrics": {}, "stopped": "diverged", "verdict": None}
    lost = msgspec.structs.replace(summary.trials[0], **changes)
    histories[0].series["validation", LOSS].values[:] = np.nan
    page = study_page(msgspec.structs.replace(summary, trials=(lost,), recommendation=None), histories[:1])
    text = " ".join(Read(render_main(page, ENGLISH)).text.split())
    assert "sizes/Tiny – – – – – – of 60 481" in text
    assert (
        page.rows[0].sparkline is None and page.curves["sizes/Tiny"].metrics[LOSS]["validation"].values[0] is None
    )


def test_several_seeds_are_one_row_with_their_mean() -> None:
    summary, histories = study_made(seeds=3)
    page = study_page(summary, histories)
    assert [row.run for row in page.rows] == list(EPOCHS)
    row = page.rows[0]
    assert row.agreeing == 3 and row.loss == pytest.approx(np.mean(row.losses)) and len(set(row.losses)) == 3
    text = " ".join(Read(render_main(page, ENGLISH)).text.split())
    assert "3 of 3 seeds" in text and "Every trial and seed" in text


@pytest.mark.parametrize(("constant", "told"), [(0.4, True), (0.9, False), (None, False)])
def test_a_loss_no_lower_than_one_answer_for_every_row_is_told(constant: float | None, told: bool) -> None:
    summary, histories = study_made()
    assert summary.recommendation is not None
    expected = msgspec.structs.replace(summary.recommendation.expected, constant_loss=constant)
    kept = msgspec.structs.replace(summary.recommendation, expected=expected)
    page = study_page(msgspec.structs.replace(summary, recommendation=kept), histories)
    assert ("one constant prediction for every row, 0.4000" in Read(render_main(page, ENGLISH)).text) is told


def test_on_test_rows_recommended_trees_are_not_compared_with_themselves() -> None:
    summary, histories = study_made()
    test = summary.test
    assert test is not None
    metrics = {"binary_crossentropy": 0.4321, "rmse": 2.5, "mae": 1.0}
    alone = {"run": test.baseline, "metrics": metrics, "baseline_metrics": metrics, "comparisons": (), "note": None}
    summary = msgspec.structs.replace(summary, test=msgspec.structs.replace(test, **alone))
    page = Read(render_main(study_page(summary, histories), ENGLISH)).text
    section = page[page.index("rows that were not used for training or selection") :].partition(
        "The data and its split"
    )[0]
    texts = [ENGLISH.render(each) for each in conclusion_messages(summary) if "conclusion-test" in each.code]
    assert len(texts) == 2
    for text, value in ((section, "0.4321"), (texts[0], "0.4321"), (texts[1], "2.5")):
        assert text.count(test.baseline) == text.count(value) == 1


def test_finalists_are_a_table_where_there_are_any() -> None:
    summary, histories = study_made()
    text = " ".join(Read(render_main(study_page(summary, histories), ENGLISH)).text.split())
    assert "each of 1,234 rows was judged" in text and "0.4800 [0.4600, 0.5000]" in text
    without = study_page(msgspec.structs.replace(summary, cross_validation=()), histories)
    assert "Finalists" not in Read(render_main(without, ENGLISH)).text


def test_every_picture_has_words_and_numbers() -> None:
    page = Read(render_main(study_page(*study_made()), ENGLISH))
    pictures = [attrs for tag, attrs in page.tags if "data-chart" in attrs]
    assert [p["data-chart"] for p in pictures] == ["curves", "sizes", "effects", "rows", "standings"]
    assert all(p["role"] == "img" and p["aria-label"] for p in pictures)
    assert page.text.count("The numbers in this chart") == len(pictures)
    labelled = [attrs for tag, attrs in page.tags if tag == "svg" and attrs.get("role") == "img"]
    assert len(labelled) == 4 and labelled[1]["aria-label"] == LABEL


def test_hostile_names_are_text_everywhere() -> None:
    page = study_page(*study_made(HOSTILE), plan=f'name = "{HOSTILE}"')
    quiet, hostile = (Read(render(each, ENGLISH)) for each in (study_page(*study_made(), plan="x"), page))
    assert [tag for tag, _ in hostile.tags if tag != "wbr"] == [tag for tag, _ in quiet.tags if tag != "wbr"]
    assert hostile.text.count(HOSTILE) > 20
    for words in (f"table{HOSTILE}.csv", f"age{HOSTILE}", f"sick{HOSTILE}", f"plan mine{HOSTILE}"):
        assert words in hostile.text
    document = json.loads(hostile.scripts[0])
    assert f"sizes/Tiny{HOSTILE}" in document["curves"]
    assert document["sizes"]["smallest"] == f"sizes/Tiny{HOSTILE}"
    assert not set(hostile.scripts[0]) & set("<>&\u2028\u2029")


def test_embedded_json_has_no_character_that_html_minds() -> None:
    assert script_json("<!--<script>&\u2028\u2029") == r'"\u003c!--\u003cscript\u003e\u0026\u2028\u2029"'


def test_nothing_in_the_file_is_fetched() -> None:
    page = Read(render(study_page(*study_made()), ENGLISH))
    for _, attrs in page.tags:
        assert not {"src", "srcset", "action", "poster", "data"} & set(attrs)
        assert re.match(r"#|data:,", attrs.get("href") or "#")
    policy = next(attrs["content"] for tag, attrs in page.tags if tag == "meta" and "http-equiv" in attrs)
    assert policy and policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "connect-src 'none'" in policy and "unsafe-inline'; img" in policy.split("style-src")[1]
    assert "url(" not in (TEMPLATES / "report.css").read_text(encoding="utf-8")
    assert "</script" not in html.plotly()


def test_without_the_small_chart_library_the_whole_one_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if len(html.plotly()) < 1_300_000:  # built where npm is
        assert len(render(study_page(*study_made()), ENGLISH)) < 2_000_000
    monkeypatch.setattr(html, "files", lambda _: tmp_path)
    assert len(html.plotly.__wrapped__()) > 4_000_000


def test_a_live_page_may_ask_its_own_server() -> None:
    text = render(study_page(*study_made()), ENGLISH, script="poll();", connect="'self'")
    assert "connect-src &#39;self&#39;" in text and "<script>poll();</script>" in text


def test_long_series_keep_their_ends_extremes_and_best_epoch() -> None:
    random = np.random.default_rng(0)
    values = np.linspace(1, 0.5, 12_000) + 0.01 * random.normal(size=12_000)
    values[7_777], values[9_999], values[5_000:5_400] = 9.0, -3.0, np.nan
    series = Series(np.arange(12_000), values)
    at = thinned_positions(series, best=8_123)
    assert len(at) <= 1_500 and (np.diff(at) > 0).all()
    assert {0, 1, 150, 7_777, 8_123, 9_999, 11_999} <= set(at.tolist())
    assert np.isnan(values[at]).sum() >= 20  # the gap stays one


def test_a_long_curve_is_the_means_of_its_parts() -> None:
    random = np.random.default_rng(0)
    values = 0.5 + 0.1 * random.exponential(size=12_000)
    values[5_000:5_400] = np.nan
    run = History("a", 0, {("train", LOSS): Series(np.arange(12_000), values)})
    run = History("a", 0, {**run.series, ("validation", LOSS): run["train", LOSS]})
    best = msgspec.structs.replace(study_made()[0].trials[0], best_epoch=8_123)
    curves = run_curves(run, best).metrics[LOSS]
    train, shown = curves["train"], curves["validation"]
    assert (train.values, train.counts) == (shown.values, shown.counts) and train.counts and train.epochs
    means = np.array([np.nan if value is None else value for value in train.values])
    assert np.nansum(means * train.counts) / sum(train.counts) == pytest.approx(np.nanmean(values), rel=1e-5)
    assert train.values[:50] == pytest.approx(values[:50], rel=1e-5) and np.isnan(means).sum() > 10
    assert train.values[-1] == pytest.approx(values[-1], rel=1e-5) and train.epochs[-1] == 11_999
    assert train.exact == (8_123, pytest.approx(values[8_123], rel=1e-5))
    assert train.logged is None and shown.logged and shown.logged.values[-1] == train.values[-1]
    assert len(msgspec.json.encode(curves)) < 70_000


@given(st.integers(2_001, 200_000))
def test_parts_are_narrow_and_cover_a_series(count: int) -> None:
    starts = part_starts(count)
    widths = np.diff(starts, append=count)
    assert starts[0] == 0 and starts[-1] == count - 1 and len(starts) < 1_100
    assert (widths >= 1).all() and (widths <= 1 + np.maximum(0.011 * starts, 0)).all()


def test_a_miniature_is_that_of_notebooks() -> None:
    for run in study_made()[1]:
        found, key = sparkline_svg(run, None), ("validation", LOSS)
        curves = {"train": run["train", f"clean_{LOSS}"].values, "validation": run[key].values}
        shown = markup.sparkline(curves, "")
        assert found and all(f'd="{path}"' in shown for path in found.paths.values()) and len(found.paths) == 2


def test_curves_are_rounded_and_gaps_are_none() -> None:
    run = history("a", 0, 5, 2).counted_from_one()
    run["validation", LOSS].values[1:3] = np.nan, 1e300
    curves = run_curves(run, None).metrics
    assert curves[LOSS]["validation"].values[1:3] == [None, None]
    assert curves[LOSS]["validation"].epochs is None
    assert curves[LOSS]["train"].values[1] == 0.68  # the clean one
    assert all(len(f"{value}".replace(".", "")) <= 8 for value in curves[LOSS]["train"].values)
    assert list(curves) == [LOSS, "accuracy", "loss", "learning_rate"]


def test_the_table_of_values_ends_where_runs_end() -> None:
    runs = [history("a", 0, 100, 50).counted_from_one(), history("b", 0, 10, 5).counted_from_one()]
    values = epoch_table(runs)
    assert values.metric == LOSS and values.epochs[0] == 1 and values.epochs[-1] == 100
    short = next(line for line in values.lines if (line.run, line.split) == ("b", "validation"))
    ended = [value is None for value in short.values]
    assert ended == [epoch > 10 for epoch in values.epochs]
    assert epoch_table([]).lines == ()


def test_groups_are_those_of_the_pictures_and_all_runs() -> None:
    page = study_page(*study_made())
    assert list(page.groups) == ["sizes", "regularizers", "rows", ALL]
    assert [(s.run, s.name) for s in page.groups["regularizers"]] == [
        ("sizes/Tiny", "Tiny"),
        ("regularizers/l2 0.1", "l2 0.1"),
    ]
    assert len(page.groups[ALL]) == 4


def test_the_command_makes_the_same_study_again() -> None:
    run = RunSpec(seeds=2, only="sizes/*", out="runs/my-table-quick")  # the default folder
    found = study_provenance(Path("my table.csv"), "quick", DataSpec(target="sick", on_bad_row="skip"), run)
    assert found.command[2:5] == ("my table.csv", "--plan", "quick")
    assert found.command[5:] == ("--target", "sick", "--on-bad-row", "skip", "--seeds", "2", "--only", "sizes/*")
    arrays = study_provenance((np.ones(3), np.ones(3)), LITTLE)
    assert arrays.command == () and arrays.call == "gengap.study((X, y), 'plan.toml')"
    held_out = study_provenance("a.npz", "quick", rows={"validation": "b.npz", "groups": np.ones(3)})
    assert held_out.command == ()
    assert held_out.call == "gengap.study('a.npz', 'quick', validation='b.npz', groups=groups)"
    assert set(found.versions) == {"gengap", "python", "keras", "jax", "numpy", "scikit-learn"}


def test_packages_without_metadata_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(package: str) -> str:
        if package in ("gengap", "jax"):
            raise PackageNotFoundError(package)
        return "1"

    monkeypatch.setattr("gengap.study.provenance.version", version)
    found = study_provenance("collider", "quick").versions
    assert found["gengap"] == gengap.__version__ and "jax" not in found and found["keras"] == "1"


def test_no_secret_of_an_address_is_recorded() -> None:
    found = study_provenance("https://user:secret@host/x.csv?sig=TOKEN", "quick")
    assert found.command[2] == "https://…@host/x.csv?sig=…"
    assert found.call == "gengap.study('https://…@host/x.csv?sig=…', 'quick')"
    for address in ("HTTP://u:p?secret@h/x.csv", "https://h/x.csv?TOKEN&b=secret;c=TOKEN#secret"):
        assert not re.search("secret|TOKEN", redact_address(address))
    assert redact_address("https://h/x.csv") == "https://h/x.csv" and redact_address("a?b=c@d") == "a?b=c@d"


@pytest.mark.parametrize("out", [".", "there", "there/file/page.html"])
def test_a_report_that_cant_be_written_is_one_clear_error(
    out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").write_text("")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError, match=rf"^{re.escape(out)}(:| is a folder).*\. Name ") as error:
        write_report(study_page(*study_made()), Path(out), "en")
    assert isinstance(error.value, OSError) and sorted(tmp_path.rglob("*")) == before


def test_nothing_stays_of_a_file_that_failed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="midway"), atomic_write(tmp_path / "a" / "x.npz", ".npz") as part:
        part.write_text("half")
        raise ValueError("midway")
    assert list(tmp_path.iterdir()) == [] and part.name.endswith(".part.npz")


def test_how_it_was_computed_tells_the_last_call_from_the_training() -> None:
    text = " ".join(main_of(study_made()[0]).text.split())
    assert re.search("training took ?4:04 ?last call took ?1:15", text)  # four trials of 61 s


def test_a_trial_under_way_is_not_called_by_its_split() -> None:
    bare = StudySummary(source="x", rows={}, plan="quick", seconds=1.0, trials=())
    page = study_page(bare, [history("sizes/Tiny", 0, 7, 3)], under_way=True)
    assert '<span class="badge">훈련 중</span>' in render_main(page, catalog("ko"))


def test_a_study_writes_its_report_and_what_made_it(kept: Study) -> None:
    assert kept.folder
    text = (kept.folder / "report.html").read_text(encoding="utf-8")
    assert "sizes/Tiny" in text and len(text.encode()) < 6_000_000
    assert Plan.from_toml((kept.folder / "plan.toml").read_text()) == LITTLE
    document = json.loads((kept.folder / "study.json").read_text())
    assert document["columns"][0] == "lepton_pT" and document["target"] == "label" and document["seeds"] == [0]
    assert document["provenance"]["command"][:3] == ["gengap", "study", "collider"]
    assert "--train 200 --validation 60" in " ".join(document["provenance"]["command"])


def test_a_folder_gives_the_page_that_the_study_gave(kept: Study, tmp_path: Path) -> None:
    assert kept.folder
    found = StudyFolder(kept.folder).results()
    assert found.summary == kept.summary
    again = write_report(study_page(found.summary, found.histories, found.plan), tmp_path / "again.html", "en")
    assert again.read_bytes() == kept.report(tmp_path / "here" / "first.html", "en").read_bytes()
    korean = kept.report(tmp_path / "ko.html", "ko").read_text(encoding="utf-8")
    assert '<html lang="ko">' in korean and "과대적합" in korean
    with pytest.raises(UsageError, match="unknown language 'xx'"):
        kept.report(tmp_path / "x.html", "xx")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.html", "here", "ko.html"]


@pytest.mark.parametrize("name", ["study.json", "histories.parquet", "plan.toml"])
def test_a_damaged_folder_is_named_with_a_hint(name: str, kept: Study, tmp_path: Path) -> None:
    assert kept.folder
    folder = shutil.copytree(kept.folder, tmp_path / "copy")
    (folder / name).write_bytes(b"\xff broken")
    with pytest.raises(StudyFolderError, match=rf"{name}: can't be read .*; run the same .* --out .*copy"):
        StudyFolder(folder).results()
    (folder / name).unlink()
    expected = "not written yet: the study is running" if name == "study.json" else "there is no such file"
    with pytest.raises(StudyFolderError, match=rf"{name}: {expected}.* --out .*copy"):
        StudyFolder(folder).results()


def test_other_folders_are_named(kept: Study, tmp_path: Path) -> None:
    with pytest.raises(StudyFolderError, match="nowhere: there is no such folder"):
        StudyFolder(tmp_path / "nowhere").results()
    with pytest.raises(StudyFolderError, match=r"study\.json: there is no such file; expected the folder"):
        StudyFolder(tmp_path).results()
    assert kept.folder
    folder = shutil.copytree(kept.folder, tmp_path / "later")
    document = json.loads((folder / "study.json").read_text()) | {"schema": 3}
    (folder / "study.json").write_text(json.dumps(document))
    with pytest.raises(StudyFolderError, match="it has schema 3, this gengap reads 2"):
        StudyFolder(folder).results()


def test_the_command_writes_the_report(kept: Study, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from gengap.cli import app

    out = tmp_path / "page.html"
    done = CliRunner().invoke(app, ["report", str(kept.folder), "--lang", "ko", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert '<html lang="ko">' in out.read_text(encoding="utf-8") and str(out) in done.stdout


def test_an_interrupted_study_says_so() -> None:
    summary, _ = study_made()
    assert "some trials of the plan are missing" in main_of(msgspec.structs.replace(summary, interrupted=True)).text


def test_the_command_line_starts_without_the_page() -> None:
    code = "import sys, gengap.cli; print({'jinja2', 'plotly', 'gengap.report.html'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"

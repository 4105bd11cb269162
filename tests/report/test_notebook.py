"""What Jupyter shows of a study, a history and a verdict: well-formed markup, in which no name is markup."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, get_args
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gengap
from gengap.analysis.summary import StudySummary, TrialSummary
from gengap.diagnose.verdict import Verdict
from gengap.errors import UsageError
from gengap.history import History, Series
from gengap.options.spec import VerdictName
from gengap.plan import Plan, Recipe, Trial
from gengap.report.study_report import MOST_TRIALS, study_html
from gengap.text.catalog import catalog, languages
from gengap.text.markup import COLOURS, TRAIN, VALIDATION, badge, bullets, element, sparkline, table

HOSTILE = """<script>alert(1)</script>&amp;"'--><img src=x onerror=alert(1)>$x$ 한"""
EPOCHS = np.arange(30)
LOSS = Series(EPOCHS, 0.5 + 0.4 * 0.8**EPOCHS)


def history(run: str = "a", **changed: Series) -> History:
    series = {("train", "loss"): LOSS, ("validation", "loss"): LOSS, ("train", "clean_loss"): LOSS}
    return History(run, 0, series | {("validation", name): values for name, values in changed.items()})


def verdict(text: str = "a") -> Verdict:
    known: dict[str, Any] = {"verdict": "overfit", "confidence": 0.97, "probabilities": {"overfit": 0.97}}
    return Verdict(run=text, metric=text, **known)


def trial(run: str = "a", **changed: Any) -> TrialSummary:
    metrics = {
        "train": {"binary_crossentropy": 0.5},
        "validation": {"binary_crossentropy": 0.625, "accuracy": 0.7},
    }
    known: dict[str, Any] = {"seed": 0, "parameters": 481, "epochs": 1234, "best_epoch": 2, "metrics": metrics}
    known |= {"stopped": "max-epochs", "seconds": 8.0, "began": 1000.0, "verdict": verdict(run)}
    return TrialSummary(run=run, **known | changed)


def summary(*trials: TrialSummary, source: str = "here") -> StudySummary:
    rows = {"train": 1000, "validation": 100, "test": 0}
    return StudySummary(source=source, rows=rows, plan="quick", seconds=75.0, trials=trials)


def text_of(markup: str) -> str:
    return "".join(ElementTree.fromstring(markup).itertext())


def tags_of(markup: str) -> set[str]:
    return {each.tag for each in ElementTree.fromstring(markup).iter()}


def test_a_study_shows_its_trials_verdicts_and_conclusions() -> None:
    plan = Plan(
        name="little", trials=(Trial(run="sizes/Tiny", units=(16,)),), recipe=Recipe(batch=100, max_epochs=4)
    )
    found = gengap.study("collider", plan, train=300, validation=100)
    shown, chosen = text_of(found._repr_html_()), found.summary.recommendation
    assert chosen is not None
    for expected in ("sizes/Tiny", "481", "300 training and 100 validation rows", f"Recommended: {chosen.run}"):
        assert expected in shown
    assert repr(found) == "<Study of collider, plan little: 1 trial>"


def test_a_trials_line_holds_its_numbers() -> None:
    root = ElementTree.fromstring(study_html(summary(trial()), [history()]))
    cells = ["".join(cell.itertext()) for cell in root.iter("td")]
    assert cells[:10] == ["a", "481", "1,234", "2", "0.5000", "0.6250", "+0.125", "70.0", "0:08", "overfit 97%"]


def test_what_is_missing_leaves_its_cell_empty() -> None:
    diverged = trial(best_epoch=None, metrics={}, verdict=None)
    root = ElementTree.fromstring(study_html(summary(diverged), [History("a", 0)]))
    assert ["".join(cell.itertext()) for cell in root.iter("td")][3:8] == ["", "–", "–", "", "–"]


def test_seeds_are_told_apart_and_many_trials_are_cut() -> None:
    many = [trial(seed=seed) for seed in range(MOST_TRIALS + 1)]
    shown = text_of(study_html(summary(*many), [history()] * len(many)))
    assert "a seed 39" in shown and "a seed 40" not in shown
    assert f"the first {MOST_TRIALS} of {MOST_TRIALS + 1} trials" in shown


def test_no_name_becomes_markup() -> None:
    named = History(HOSTILE, 0, {(HOSTILE, HOSTILE): LOSS})
    known = {*("div", "table", "caption", "thead", "tbody", "tr", "th", "td", "span", "b", "p", "ul", "li", "code")}
    known |= {"svg", "path", "title"}
    for markup in (
        study_html(summary(trial(HOSTILE), source=HOSTILE), [named]),
        named._repr_html_(),
        verdict(HOSTILE)._repr_html_(),
    ):
        assert tags_of(markup) <= known
        assert HOSTILE in text_of(markup)


@given(st.text(st.characters(exclude_categories=[]), max_size=20))
def test_any_text_can_be_saved_and_stays_text(text: str) -> None:
    markup = element("b", text, title=text)
    markup.encode()
    inside = markup.removeprefix('<b title="').removesuffix("</b>")
    assert not set("<>") & set(inside.replace('">', "", 1))


def test_a_history_shows_every_series() -> None:
    root = ElementTree.fromstring(history(auc=Series(EPOCHS[:1], np.array([0.75])))._repr_html_())
    lines = [["".join(cell.itertext()) for cell in row.iter("td")][:5] for row in root.iter("tr")][1:]
    assert lines[0] == ["train loss", "0.9", "0.5006", "0.9", "0.5006"]
    assert lines[-1] == ["validation auc", "0.75", "0.75", "0.75", "0.75"]
    assert text_of(history()._repr_html_()).startswith("a, seed 0: 30 epochs")
    assert repr(History("a", 0)) == "<History of a, seed 0: 0 epochs of nothing>"


def test_a_verdict_shows_its_reasons_codes_and_advice() -> None:
    found = gengap.diagnose({"loss": (0.9 * 0.95**EPOCHS).tolist(), "val_loss": (0.5 + 0.01 * EPOCHS).tolist()})
    shown = text_of(found._repr_html_())
    for expected in (found.verdict, *found.findings, *found.codes, *found.advice):
        assert str(expected) in shown


def test_every_verdict_has_a_colour() -> None:
    for name in get_args(VerdictName):
        assert COLOURS[name] in badge(name, name)


@pytest.mark.parametrize("language", languages())
def test_a_notebook_shows_the_locales_language(language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", f"{language}.UTF-8")
    texts = catalog(language)
    found = gengap.diagnose({"loss": (0.9 * 0.95**EPOCHS).tolist(), "val_loss": (0.5 + 0.01 * EPOCHS).tolist()})
    shown = text_of(found._repr_html_())
    for message in (*(each.message for each in found.findings), *found.advice):
        assert texts.render(message) in shown
    study = text_of(study_html(summary(trial(verdict=found)), [history()]))
    for id in ("page-parameters", "page-curves", f"verdict-{found.verdict}"):
        assert texts.text(id) in study
    assert texts.text("notebook-lowest") in text_of(history()._repr_html_())


def test_a_sparkline_reaches_from_edge_to_edge() -> None:
    (line,) = ElementTree.fromstring(sparkline({TRAIN: np.array([1.0, 0.0])}, "up")).iter("path")
    assert (line.get("d"), line.get("stroke")) == ("M2.0,2.0h0L118.0,22.0", TRAIN)


@pytest.mark.parametrize(
    ("values", "drawn"),
    [
        ([], ""),
        ([np.nan, np.inf, 1e300], ""),
        ([1.0], "M2.0,12.0h0"),
        ([0.0, np.nan, 1.0, 1.0], "M2.0,22.0h0M79.3,2.0h0L118.0,2.0"),
    ],
)
def test_a_sparkline_leaves_gaps(values: list[float], drawn: str) -> None:
    (line,) = ElementTree.fromstring(sparkline({TRAIN: np.array(values)}, "")).iter("path")
    assert line.get("d") == drawn


def test_long_curves_are_thinned() -> None:
    (line,) = ElementTree.fromstring(sparkline({TRAIN: np.random.default_rng(0).random(10_000)}, "")).iter("path")
    assert (line.get("d") or "").count(",") == 60


def test_lists_and_tables_take_markup_and_text() -> None:
    assert "<li>&lt;</li><li><b>x</b></li>" in bullets(["<", element("b", "x")])
    assert "<caption" not in table(("a",), [("b",)])


def test_plot_draws_training_and_validation() -> None:
    axes = history(auc=LOSS).plot()
    train, validation = axes.lines
    assert (train.get_color(), validation.get_color(), axes.get_ylabel()) == (TRAIN, VALIDATION, "loss")
    assert (train.get_linestyle(), validation.get_linestyle()) == ("-", "--")
    np.testing.assert_array_equal(np.asarray(validation.get_ydata()), LOSS.values)
    assert len(history(auc=LOSS).plot(axes, metric="auc").lines) == 3
    with pytest.raises(
        UsageError, match="a logged no 'f1'; it logged train/clean_loss, train/loss, validation/loss"
    ):
        history().plot(metric="f1")


def test_training_that_compares_is_the_clean_one_but_for_the_loss() -> None:
    plain, clean = Series(EPOCHS, EPOCHS * 1.0), LOSS
    logged = {("train", name): plain for name in ("loss", "mse", "mae")}
    logged |= {("train", "clean_loss"): clean, ("train", "clean_mse"): clean}
    found = History("a", 0, logged)
    assert [found.training(m) for m in ("loss", "mse", "mae", "f1")] == [plain, clean, plain, None]


def test_any_name_can_be_drawn() -> None:
    axes = History("$x $y^$ _a", 0, {("validation", "$^$"): LOSS}).plot()
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()


def test_importing_gengap_loads_no_matplotlib() -> None:
    code = "import sys, gengap; gengap.History, gengap.Verdict; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"

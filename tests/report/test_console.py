"""What the terminal shows: the plan, a line per 100 epochs where there is no terminal, and the results."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from gengap.analysis import BaselineResult
from gengap.analysis.summary import StudySummary, TrialSummary
from gengap.diagnose.verdict import Verdict
from gengap.history import History
from gengap.presets import load_plan
from gengap.report.console import Terminal, plan_table, skipped_rows_text
from gengap.report.study_report import results_table, study_report
from gengap.text.numbers import minutes
from gengap.train.types import Progress

METRICS = {
    "train": {"binary_crossentropy": 0.5, "accuracy": 0.75},
    "validation": {"binary_crossentropy": 0.5123, "accuracy": 0.7},
}


UNSURE = Verdict(
    run="a",
    metric="val_loss",
    verdict="underfit",
    confidence=0.4,
    probabilities={"underfit": 0.4, "good": 0.35, "near-overfit": 0.15, "overfit": 0.1},
)


def nothing() -> History:
    return History("any", 0)


def trial(run: str, **changes: Any) -> TrialSummary:
    facts: dict[str, Any] = {
        "seed": 0,
        "parameters": 803_329,
        "epochs": 1_874,
        "best_epoch": 1_673,
        "metrics": METRICS,
    }
    return TrialSummary(run=run, **(facts | {"stopped": "patience", "seconds": 3723.4, "began": 0.0} | changes))


def shown(thing: object, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(thing)
    return console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]


def summary(*trials: TrialSummary) -> StudySummary:
    return StudySummary(source="x", rows={}, plan="quick", seconds=1.0, trials=trials)


@pytest.mark.parametrize("width", [80, 120])
def test_the_report_fits_the_console(width: int) -> None:
    long = trial("regularizers/" + "very " * 20 + "long/dropout", verdict=UNSURE)
    text = shown(study_report(summary(trial("regularizers/combined"), long), Path("runs/x"), width), width)
    assert max(map(len, text.splitlines())) <= width
    for part in ("803,329", "1,673", "0.500", "0.512", "70.0%", "Report: runs/x/report.html"):
        assert part in text, part
    assert "dropout" in text and "…" in text and "regul" in text
    assert text.count("combined") == 1 and "\n\n\n" not in text


def test_a_mean_with_a_long_name_is_called_one() -> None:
    runs = ("better/Ensemble", "regularizers/dropout", "baselines/trees")
    mean = BaselineResult(run=" + ".join(runs), loss=0.5, accuracy=0.7)
    short = BaselineResult(run="a + b", loss=0.5, accuracy=0.7)
    for mixture, name in ((mean, "mean of several models"), (short, "a + b ")):
        found = msgspec.structs.replace(summary(trial("sizes/Tiny")), mixtures=(mixture,))
        assert any(line.startswith(name) for line in shown(results_table(found)).splitlines())


def test_r2_is_named_in_narrow_tables() -> None:
    numbers = msgspec.structs.replace(summary(trial("sizes/Tiny")), task="regression")
    assert "R²" in shown(results_table(numbers)) and "score" not in shown(results_table(numbers))


def test_another_name_of_a_trial_leads_to_its_first_one() -> None:
    lines = shown(plan_table(load_plan("quick"), 28)).splitlines()
    assert lines[0].strip() == "Plan quick: 8 trials, standardised features"
    (line,) = (line for line in lines if line.startswith("regularizers/Tiny"))
    assert line.split(maxsplit=1)[1].strip() == "same as sizes/Tiny"


def test_an_unlikely_verdict_names_the_other_one() -> None:
    text = shown(results_table(summary(trial("a", verdict=UNSURE)), 120), 120)
    assert "underfit 40% or good 35%" in text


def test_the_other_verdict_has_a_line_of_its_own_in_narrow_tables() -> None:
    run = "regularizers/l2 0.0001"
    first, second = shown(results_table(summary(trial(run, verdict=UNSURE)))).splitlines()[-2:]
    assert first.startswith(run) and first.rstrip().endswith("underfit 40%")
    assert second.strip() == "or good 35%"


def test_the_report_has_no_escape_codes_without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    console = Console(file=io.StringIO(), width=80, force_terminal=True, legacy_windows=False)
    console.print(study_report(summary(trial("a", verdict=UNSURE)), None, 80))
    text = console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", text)  # no colours; bold stays
    assert "\x1b" not in shown(study_report(summary(trial("a", verdict=UNSURE)), None, 80))


def test_a_diverged_trial_has_dashes() -> None:
    text = shown(results_table(summary(trial("a", best_epoch=None, metrics={}, stopped="diverged"))))
    assert "nan" not in text and "inf" not in text and "diverged" in text


def test_several_seeds_get_a_column() -> None:
    text = shown(results_table(summary(trial("a"), trial("a", seed=1))), width=100)
    assert "seed" in text


def test_the_plan_shows_every_run_and_treatment() -> None:
    text = shown(plan_table(load_plan("tutorial"), 28), width=100)
    for run in ("sizes/Tiny", "regularizers/Tiny", "sizes/large", "regularizers/combined"):
        assert run in text
    assert "l2 0.0001 + dropout 0.5" in text
    assert "803,329" in text


def test_every_running_trial_has_a_line_and_says_that_it_compiles() -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True, legacy_windows=False)
    with Terminal(console) as terminal:
        terminal.starting("sizes/Tiny", 0)
        terminal.starting("regularizers/" + "x" * 80, 0)
        terminal.progress(Progress("sizes/Tiny", 0, 10, 1_000, 0.6, 0.7, 0.65, 3, 1.0, nothing))
        (first, second) = terminal._progress.tasks[-2:]
        lines = shown(terminal._progress, 80).splitlines()
    assert first.fields["facts"].startswith("10/1,000 val 0.7000") and second.fields["facts"] == "compiling"
    assert len(second.description) < 30 and max(map(len, lines)) <= 80
    assert any("sizes/Tiny" in line and "10/1,000" in line for line in lines)
    assert any("…" in line and "compiling" in line for line in lines)


def test_without_a_terminal_one_line_per_hundred_epochs() -> None:
    console = Console(file=io.StringIO(), width=200)
    with Terminal(console) as terminal:
        for epoch in range(10, 331, 10):
            terminal.progress(Progress("[red]run", 0, epoch, 1000, 0.6, 0.7, 0.65, 3, epoch / 50, nothing))
        terminal.finished(trial("[red]run"), reused=False)
    lines = console.file.getvalue().splitlines()  # pyright: ignore[reportAttributeAccessIssue]
    assert [line.split("  ")[0] for line in lines[:3]] == [
        "[red]run: epoch 100/1,000",
        "[red]run: epoch 200/1,000",
        "[red]run: epoch 300/1,000",
    ]
    assert "50.0/s" in lines[0] and "train 0.6000  val 0.7000  best 0.6500" in lines[0]
    assert len(lines) == 4 and lines[3].startswith("[red]run: 1,874 epochs, best epoch 1,673, val 0.5123")


def test_on_a_terminal_a_bar_shows_the_run() -> None:
    console = Console(file=io.StringIO(), width=200, force_terminal=True)
    with Terminal(console) as terminal:
        terminal.reading(10, 100)
        terminal.progress(Progress("sizes/Tiny", 0, 10, 1000, 0.6, 0.7, 0.65, 3, 1.0, nothing))
    text = console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]
    assert "sizes/Tiny" in text and "epoch 10/1,000" in text


@pytest.mark.parametrize("on_terminal", [True, False])
def test_trainings_of_cross_validation_are_counted(on_terminal: bool) -> None:
    console = Console(file=io.StringIO(), force_terminal=on_terminal, width=100)
    with Terminal(console) as terminal:
        for done in (1, 2):
            terminal.cross_validating(done, 2)
    told = console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]
    assert ("cross-validating" if on_terminal else "cross-validated the finalists: 2 trainings") in told


def test_skipped_rows_are_counted_and_named() -> None:
    text = skipped_rows_text([(i, "m_jj", "'x' is not a number") for i in range(1, 13)])
    assert text.startswith("skipped 12 bad rows:\n  row 1, column m_jj: 'x' is not a number")
    assert text.endswith("… and 2 more")
    assert minutes(3599.6) == "1:00:00"

"""Findings are values: each has a text in every language, survives JSON, and leads to its advice."""

from __future__ import annotations

import json
import re
from importlib import import_module

import msgspec
import numpy as np
import pytest
from matplotlib.figure import Figure

from gengap.diagnose import diagnose
from gengap.diagnose.judge import judge
from gengap.diagnose.readers import read
from gengap.diagnose.run_curves import choose_curves
from gengap.diagnose.verdict import Verdict
from gengap.report.conclusion_plots import plot_verdict
from gengap.report.verdict_table import read_line, verdict_text
from gengap.text.catalog import Message, catalog, languages

NAMES = re.compile(r"NaN|L2|\S+/\S+|val_\w+")  # the same in every language


@pytest.fixture(scope="module")
def verdicts() -> list[Verdict]:
    """Those of the gallery, and those whose texts it lacks."""
    epochs = np.arange(60)
    level = 0.5 + 0.4 * 0.8**epochs
    spiky = np.where(np.isin(epochs, (20, 25, 30, 35, 40, 45)), 0.9, level)
    logs = {
        "falls": {"accuracy": level, "val_accuracy": 0.8 - 0.3 * 0.8**epochs - 0.004 * epochs},
        "climbs": {"val_accuracy": 0.3 + 0.008 * epochs},
        "flat": {"val_accuracy": 0.8 - 0.3 * 0.8**epochs},
        "lost": {"val_loss": np.full(20, np.nan)},
        "far": {"loss": level / 10, "val_loss": level},
        "better": {"loss": 1.5 * level, "val_loss": level},
        "spikes": {"loss": level, "val_loss": spiky},
    }
    return [*import_module("examples.verdict_gallery").gallery(), *map(diagnose, logs.values())]


@pytest.mark.parametrize("code", sorted(set(languages()) - {"en"}))
def test_every_finding_and_advice_is_written_in_every_language(code: str, verdicts: list[Verdict]) -> None:
    messages = [finding.message for verdict in verdicts for finding in verdict.findings]
    messages += [advice for verdict in verdicts for advice in verdict.advice]
    texts = {catalog(code).render(message) for message in messages}
    assert len(texts) > 40
    assert [text for text in texts if re.search("[A-Za-z]{2,}", NAMES.sub("", text))] == []


def test_findings_survive_json(verdicts: list[Verdict]) -> None:
    for verdict in verdicts:
        again = msgspec.json.decode(msgspec.json.encode(verdict), type=Verdict)
        assert again.findings == verdict.findings and again.advice == verdict.advice


def test_advice_is_the_remedy_of_a_finding(verdicts: list[Verdict]) -> None:
    for verdict in verdicts:
        remedies = [finding.remedy for finding in verdict.findings]
        assert tuple(message.code.removeprefix("advice-") for message in verdict.advice) in remedies
        assert verdict.advice


def test_a_verdict_that_is_less_likely_than_not_names_its_runner_up(verdicts: list[Verdict]) -> None:
    uncertain = [each for each in verdicts if each.verdict != "inconclusive" and each.confidence < 0.5]
    assert uncertain
    for verdict in verdicts:
        assert ("runner-up" in verdict.codes) == (verdict in uncertain)
        assert (verdict.runner_up is not None) == (verdict in uncertain)
    for verdict in uncertain:
        numbers = verdict.findings[verdict.codes.index("runner-up")].parameters
        assert numbers["other"] == verdict.runner_up != verdict.verdict
        assert numbers["other_probability"] == sorted(verdict.probabilities.values())[-1]
        text = verdict_text(verdict).plain
        assert text.startswith(f"{verdict.verdict} {verdict.confidence:.0%} or {verdict.runner_up} ")


def test_a_curve_that_ends_at_its_best_is_said_to() -> None:
    verdict = diagnose({"loss": 0.5 + 0.4 * 0.8 ** np.arange(60), "val_loss": 0.5 + 0.4 * 0.8 ** np.arange(60)})
    assert (verdict.findings[0].code, verdict.findings[0].parameters["end"]) == ("level", "best")
    assert "it ends at its best" in str(verdict.findings[0])


@pytest.mark.parametrize("cell", ["nan", "inf"])
def test_a_column_without_numbers_is_said_to_hold_none(cell: str) -> None:
    verdict = diagnose("epoch,loss,val_loss\n" + "".join(f"{i},{0.9 - i / 50},{cell}\n" for i in range(9)))
    assert verdict.codes == ("not-finite",) and verdict.read is not None
    assert read_line(verdict.read) == (
        "Read as CSV: 9 values of val_loss, none of them a finite number; training: loss."
    )
    assert "유한한 수가 없음" in catalog("ko").render(Message("read-summary", msgspec.structs.asdict(verdict.read)))


TURNING = [round(0.5 + 0.4 * 0.8**epoch + 0.004 * epoch, 5) for epoch in range(30)]
BY_STEP = {
    "console": "\n".join(f"step {200 * i}: val loss {value}" for i, value in enumerate(TURNING)),
    "csv": "step,val_loss\n" + "\n".join(f"{200 * i},{value}" for i, value in enumerate(TURNING)),
    "tracker": json.dumps({"val_loss": [{"step": 200 * i, "value": value} for i, value in enumerate(TURNING)]}),
}
BY_EPOCH = {
    "console": "\n".join(f"epoch {i}: val loss {value}" for i, value in enumerate(TURNING)),
    "csv": "epoch,step,val_loss\n" + "\n".join(f"{i},{200 * i},{value}" for i, value in enumerate(TURNING)),
    "tracker": json.dumps({"val_loss": [{"step": i, "value": value} for i, value in enumerate(TURNING)]}),
}
WORDS = {"en": (r"\bepochs?\b", r"\bsteps?\b"), "ko": ("에포크", "스텝")}


@pytest.mark.parametrize("kind", BY_STEP)
@pytest.mark.parametrize("axis", ["epoch", "step"])
def test_texts_name_what_the_log_counts(axis: str, kind: str) -> None:
    verdict = diagnose((BY_STEP if axis == "step" else BY_EPOCH)[kind])
    assert verdict.verdict == "overfit" and verdict.read is not None and verdict.read.axis == axis
    for code, (epoch, step) in WORDS.items():
        texts = [catalog(code).render(each.message) for each in verdict.findings]
        texts += map(catalog(code).render, verdict.advice)
        right, wrong = (step, epoch) if axis == "step" else (epoch, step)
        assert any(re.search(right, text) for text in texts)
        assert not any(re.search(wrong, text.replace("early stopping", "")) for text in texts)


def test_the_plot_of_a_log_of_steps_names_them() -> None:
    (log,) = read(BY_STEP["csv"])
    curves = choose_curves(log)
    ax = plot_verdict(curves, judge(curves), Figure().subplots())
    assert ax.get_xlabel() == "step"
    assert "best step 2800" in {each.get_label() for each in ax.get_lines()}

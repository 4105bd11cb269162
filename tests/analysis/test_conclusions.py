"""What a study concludes from outcomes whose truth is known."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from analysis.outcomes_made import HARDNESS, ROWS, Y, logits, outcomes, size_trials
from report.page_made import history, trial
from rich.console import Console

from gengap.analysis import Conclusions, conclude
from gengap.analysis.evaluation import evaluate_on_test_rows
from gengap.analysis.recommend import simplest_near_best
from gengap.analysis.sampling import analyse_units
from gengap.analysis.summary import StudySummary
from gengap.data.rows import Rows
from gengap.data.units import Units
from gengap.models.treatments import L2, Dropout
from gengap.options.spec import VerdictName
from gengap.plan import Trial
from gengap.report.conclusions import conclusion_messages, curve_messages
from gengap.report.html import render_main
from gengap.report.page import study_page
from gengap.report.study_report import study_report
from gengap.stats.comparison import choose_within_one_error
from gengap.tasks import BINARY, Regression
from gengap.text.catalog import ENGLISH, catalog

COUNTS = {"train": 1_000, "validation": ROWS, "test": 0}
TREATED = [
    (Trial(run="regularizers/l2", units=(32,), treatments=(L2(0.01),)), (0.6, 0.9, 0.9)),
    (Trial(run="regularizers/dropout", units=(32,), treatments=(Dropout(0.5),)), (0.1, 0.2, 0.2)),
]
BASELINES = {"baselines/linear": logits(0.1), "baselines/trees": logits(0.5)}


@pytest.fixture(scope="module")
def found() -> Conclusions:
    made = outcomes([*size_trials(0.2, 0.4, 0.6, 0.6), *TREATED], baselines=BASELINES)
    return conclude(made, 28, COUNTS, {})


def test_each_regularizer_stands_beside_the_same_model_without_it(found: Conclusions) -> None:
    by_treatment = {effect.treatment: effect for effect in found.regularizers if effect.kind == "treatment"}
    assert {effect.against for effect in found.regularizers} == {"sizes/32"}
    helps, harms = by_treatment["l2 0.01"], by_treatment["dropout 0.5"]
    assert helps.treatments == (L2(0.01),)
    (early,) = (effect for effect in found.regularizers if effect.kind == "early-stopping")
    assert helps.loss.difference < 0 and helps.loss.interval[1] < 0 and helps.loss.adjusted < 0.01
    assert harms.loss.difference > 0 and harms.loss.interval[0] > 0
    assert early.loss.difference < 0, "the best epoch is better than the last"
    assert [e.run for e in found.regularizers if e.kind == "smaller-model"] == ["sizes/4", "sizes/8", "sizes/16"]
    assert helps.cost == pytest.approx(1.0)


def test_the_best_is_kept_where_no_smaller_one_comes_near(found: Conclusions) -> None:
    kept = found.recommendation
    assert kept is not None and kept.learnt
    assert kept.run == "regularizers/l2"
    low, middle, high = kept.expected.bounded_loss
    assert low < kept.expected.selection_loss <= middle < high
    assert kept.expected.on_test is None
    assert len(kept.next_steps) <= 3
    gains = [step.gain_percent or 0.0 for step in kept.next_steps]
    assert gains == sorted(gains, reverse=True)


def test_the_smallest_of_equals_is_kept() -> None:
    found = conclude(outcomes(size_trials(0.2, 0.6, 0.6, 0.6)), 28, COUNTS, {})
    assert found.recommendation is not None
    assert found.recommendation.run == "sizes/8"
    assert found.recommendation.why.code in ("conclusion-smallest-loss", "conclusion-lowest-loss")


def test_a_smaller_model_that_is_materially_worse_is_not_kept_however_wide_the_error() -> None:
    rng = np.random.default_rng(0)
    apart = rng.normal(size=(1, 100))
    large = np.full((1, 100), 0.6)
    for percent, kept in ((0.5, "large"), (0.2, "small")):
        small = large + apart - apart.mean() + 0.006 * percent
        losses = {"small": small, "large": large}
        assert choose_within_one_error(losses, ["small", "large"]).run == "small"
        assert simplest_near_best(losses, ["small", "large"]).run == kept


def test_the_lowest_loss_may_be_negative() -> None:
    rows = np.random.default_rng(0).normal(0, 0.1, 50)
    losses = {"small": (rows - 0.8)[None], "large": (rows - 0.9)[None]}  # as of keras.losses.CosineSimilarity
    assert simplest_near_best(losses, ["small", "large"]).run == "large"
    assert simplest_near_best({**losses, "small": losses["large"] + 0.001}, ["small", "large"]).run == "large"
    assert simplest_near_best({**losses, "small": losses["large"] + rows * 0.01}, ["small", "large"]).run == "small"


def test_without_signal_the_smallest_is_kept_and_nothing_was_learnt() -> None:
    random = np.random.default_rng(3)
    made = outcomes(size_trials(0.2, 0.4, 0.6, 0.6))
    shuffled = type(made)(made.trials, made.trained, random.permutation(Y), {})
    kept = conclude(shuffled, 28, COUNTS, {}).recommendation
    assert kept is not None and not kept.learnt
    assert kept.run == "sizes/4"
    assert kept.why.code == "conclusion-nothing-learnt"


def test_where_nothing_was_learnt_a_baseline_with_a_lower_loss_is_no_reason_to_go_on() -> None:
    random = np.random.default_rng(3)
    made = outcomes(size_trials(0.9, 0.9), baselines={"baselines/constant": 0 * logits(1.0)})
    shuffled = replace(made, y=random.permutation(Y))
    found = conclude(shuffled, 28, COUNTS, {})
    assert found.recommendation is not None and found.recommendation.learnt is False
    assert not any(step.finding.code == "next-beat-baseline" for step in found.recommendation.next_steps)
    (said,) = (each for each in curve_messages(summary_of(found)) if each.code == "conclusion-baseline")
    assert str(said).endswith("a lower validation loss than every network.")


@pytest.mark.parametrize(
    ("verdict", "missing"),
    [("overfit", True), ("near-overfit", True), ("underfit", False), ("inconclusive", False)],
)
def test_networks_that_lack_epochs_are_not_said_to_miss_something(verdict: VerdictName, missing: bool) -> None:
    made = outcomes(size_trials(0.2, 0.3), baselines={"baselines/trees": logits(1.0)})
    summary = summary_of(conclude(made, 28, COUNTS, {}))
    of = (history(run, 0, 9, 4) for run in ("sizes/4", "sizes/8"))
    ended = msgspec.structs.replace(summary, trials=tuple(trial(each, 4, verdict) for each in of))
    (said,) = (each for each in curve_messages(ended) if each.code == "conclusion-baseline")
    assert ("the networks miss something" in str(said)) == missing


def test_baselines_that_could_be_recommended_are_no_next_step() -> None:
    """A mean that is safer than the luckiest single model may have a higher loss than that one."""
    made = outcomes(size_trials(0.2, 0.3, 0.3, 0.3), baselines={"baselines/trees": logits(1.0)})
    found = conclude(replace(made, savable=("baselines/trees",)), 28, COUNTS, {})
    assert found.recommendation is not None
    assert not any(step.finding.code == "next-beat-baseline" for step in found.recommendation.next_steps)


def test_better_trees_are_told_and_are_the_first_thing_to_try() -> None:
    made = outcomes(size_trials(0.2, 0.3, 0.3, 0.3), baselines={"baselines/trees": logits(1.0)})
    found = conclude(made, 28, COUNTS, {})
    assert found.recommendation is not None
    first = found.recommendation.next_steps[0].finding
    assert (first.code, first.parameters["run"]) == ("next-beat-baseline", "baselines/trees")
    assert found.ranks[0].run == "baselines/trees"
    assert messages(found)["conclusion-baseline"]["place"] == "lower"


@pytest.mark.parametrize(("seed", "place"), [(5, "maybe-higher"), (6, "maybe-lower")])
def test_who_is_better_within_chance_is_said_to_be_so(seed: int, place: str) -> None:
    made = outcomes(size_trials(0.2, 0.4, 0.6, 0.6), baselines={"baselines/trees": logits(0.6, seed)})
    assert messages(conclude(made, 28, COUNTS, {}))["conclusion-baseline"]["place"] == place


def test_two_baselines_in_one_place_share_a_sentence() -> None:
    both = {"baselines/linear": logits(0.6, 5), "baselines/trees": logits(0.6, 5)}
    made = outcomes(size_trials(0.2, 0.4, 0.6, 0.6), baselines=both)
    summary = summary_of(conclude(made, 28, COUNTS, {}))
    (said,) = (each for each in curve_messages(summary) if each.code == "conclusion-baseline")
    runs = [each.parameters["run"] for each in (*said.parameters["others"], said.parameters["last"])]
    assert (runs, said.parameters["place"]) == (list(both), "maybe-higher")
    names = r"baselines/linear \(0\.\d{4}\) and baselines/trees \(0\.\d{4}\)"
    assert re.fullmatch(names + " have a higher .*", str(said))
    assert catalog("ko").render(said).count("baselines/") == 2


def test_models_no_better_than_one_answer_for_all_rows_are_told(found: Conclusions) -> None:
    worse = outcomes([(trial, (3.0, 4.0)) for trial, _ in size_trials(1.0, 1.0)])
    for each in worse.trained.values():
        each.outputs[:, :, 0] *= np.where(np.arange(ROWS) % 3, 1, -1)
    code = "conclusion-no-lower-than-constant"
    assert messages(conclude(worse, 28, COUNTS, {}))[code]["loss"] == pytest.approx(0.69, abs=0.01)
    assert code not in messages(found)


def test_the_expected_accuracy_is_free_of_the_luck_of_the_pick() -> None:
    """Thirty models equal but for what each makes of these rows: the best looks better than any is."""
    trials = [Trial(run=f"sizes/{n}", units=(n,)) for n in range(1, 31)]
    lucky = np.random.default_rng(31)
    made = outcomes([(trial, (0.5,)) for trial in trials], seeds=1)
    for each in made.trained.values():
        each.outputs[0, :, 0] = 2 * Y - 1 + 2 * HARDNESS + 1.5 * lucky.normal(size=ROWS)
    kept = conclude(made, 28, COUNTS, {}).recommendation
    assert kept is not None and kept.expected.accuracy is not None
    by_run = {trial.run: 1 - np.asarray(made.errors(trial.run)) for trial in trials}
    truth, right = np.mean(list(by_run.values())), by_run[kept.run]
    low, middle, high = kept.expected.accuracy
    assert right.mean() > truth + 0.01, "the pick was lucky in accuracy too"
    assert abs(middle - truth) < 0.5 * (right.mean() - truth)
    assert low < middle < right.mean() and middle - low == pytest.approx(high - middle)


def test_explained_variance_is_expected_of_numbers_that_vary() -> None:
    numbers = outcomes(size_trials(1.0, 1.5), task=Regression())
    kept = conclude(numbers, 28, COUNTS, {}).recommendation
    assert kept is not None and kept.expected.r2 is not None
    assert kept.expected.r2 == pytest.approx([1 - loss / Y.var() for loss in reversed(kept.expected.bounded_loss)])
    for other in (replace(numbers, y=np.ones(ROWS)), outcomes(size_trials(1.0, 1.5))):
        kept = conclude(other, 28, COUNTS, {}).recommendation
        assert kept is not None and kept.expected.r2 is None


def test_test_rows_widen_what_is_expected_of_them() -> None:
    made = outcomes(size_trials(0.2, 0.4, 0.6, 0.6))
    few, many = (conclude(made, 28, COUNTS | {"test": n}, {}).recommendation for n in (100, 100_000))
    assert few is not None and many is not None
    assert few.expected.on_test is not None and many.expected.on_test is not None
    assert np.ptp(few.expected.on_test) > 1.5 * np.ptp(many.expected.on_test)
    assert np.ptp(many.expected.on_test) == pytest.approx(np.ptp(few.expected.bounded_loss), rel=0.02)


def test_a_study_where_all_diverged_concludes_nothing() -> None:
    made = outcomes(size_trials(0.2, 0.4), diverged=["sizes/4", "sizes/8"])
    found = conclude(made, 28, COUNTS, {})
    assert found.recommendation is None and found.sizes is None and found.comparisons == ()


def test_conclusions_are_written_as_json_and_in_words(found: Conclusions) -> None:
    document = json.loads(msgspec.json.encode(found))
    assert set(document["comparisons"][0]) == {"a", "b", "metric", "difference", "interval", "p_value", "adjusted"}
    assert set(document["recommendation"]) >= {"run", "why", "next_steps"}
    text = shown(found)
    for words in (
        "What the curves say",
        "Recommended: regularizers/l2",
        "Expected on new rows: loss",
    ):
        assert words in text
    assert max(map(len, text.splitlines())) <= 80


def test_held_out_rows_compare_the_kept_model_with_the_baseline() -> None:
    rows = Rows(np.zeros((ROWS, 2), np.float32), Y)
    held_out = evaluate_on_test_rows(
        rows, BINARY, "sizes/8", 1, logits(1.0)[:, None], "baselines/trees", logits(0.2)[:, None]
    )
    assert held_out.metrics["binary_crossentropy"] < held_out.baseline_metrics["binary_crossentropy"]
    loss = next(c for c in held_out.comparisons if c.metric == "binary_crossentropy")
    assert (loss.a, loss.b) == ("sizes/8", "baselines/trees")
    assert loss.interval[1] < 0
    assert held_out.digest == rows.digest != Rows(rows.x, 1 - Y).digest


def test_a_single_held_out_row_has_metrics_but_no_comparison(found: Conclusions) -> None:
    row, outputs = Rows(np.zeros((1, 2), np.float32), np.zeros((1, 1), np.float32)), np.ones((1, 1), np.float32)
    test = evaluate_on_test_rows(row, Regression(), "sizes/8", 1, outputs, "baselines/trees", 2 * outputs)
    assert test.comparisons == ()
    summary = msgspec.structs.replace(summary_of(found), test=test)
    (message,) = (each for each in conclusion_messages(summary) if each.code == "conclusion-test")
    assert str(message) == (
        "1 test row, not used for training or selection: sizes/8 has loss 1.0000, baselines/trees 4.0000."
    )
    assert catalog("ko").render(message) == (
        "훈련과 모델 선택에 쓰지 않은 테스트 행 1개: sizes/8의 손실 1.0000. baselines/trees의 손실 4.0000."
    )
    page = render_main(study_page(summary, []), catalog(ENGLISH))
    part = page.partition('id="test"')[2].partition("</section>")[0]
    assert re.findall(r">(\d\.\d{4})<", part)[:2] == ["1.0000", "4.0000"]


def messages(found: Conclusions) -> dict[str, dict[str, Any]]:
    """The parameters of each conclusion by its code."""
    return {message.code: message.parameters for message in conclusion_messages(summary_of(found))}


def summary_of(found: Conclusions) -> StudySummary:
    facts = msgspec.structs.asdict(found)
    return StudySummary(source="made", rows=COUNTS, plan="made", seconds=1.0, trials=(), **facts)


def shown(found: Conclusions) -> str:
    """The conclusions as an 80-column terminal shows them."""
    console = Console(width=80, file=io.StringIO())
    console.print(study_report(summary_of(found), None, 80))
    return console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]


def test_the_document_lists_what_the_study_concludes(found: Conclusions) -> None:
    facts = msgspec.structs.asdict(found)
    summary = StudySummary(source="made", rows=COUNTS, plan="made", seconds=1.0, trials=(), **facts)
    document = json.loads(summary.to_json())
    assert found.recommendation is not None and found.sizes is not None
    assert [each["code"] for each in document["findings"]] == [each.code for each in summary.findings]
    assert document["findings"][0] == document["sizes"]["finding"]
    assert document["findings"][0]["text"] == catalog("en").render(found.sizes.finding)
    assert msgspec.json.decode(summary.to_json(), type=StudySummary) == summary


def test_rows_of_a_group_that_are_not_alike_are_not_said_to_be() -> None:
    rank = np.lexsort((HARDNESS, Y)).argsort()
    mixed = Units(rank % 20, "group", "shop")
    units = analyse_units(replace(outcomes(size_trials(0.5, 0.6)), units=mixed))
    assert units is not None and units.effective_rows == ROWS
    assert "Rows of one group are no more alike than others" in catalog(ENGLISH).render(units.finding)
    alike = Units(rank // 50, "group", "shop")
    units = analyse_units(replace(outcomes(size_trials(0.5, 0.6)), units=alike))
    assert units is not None and units.effective_rows is not None and units.effective_rows < ROWS
    said = f"Rows of one group are alike, so they count as {units.effective_rows} independent rows"
    assert said in catalog(ENGLISH).render(units.finding)

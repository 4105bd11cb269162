"""A study tells one story: one recommendation, with what is said of sizes and of guessing as parts of it."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from analysis.outcomes_made import ROWS, Y, logits, outcomes, size_trials

from gengap.analysis import conclude
from gengap.analysis.results import TrialResults
from gengap.analysis.summary import StudySummary
from gengap.models.treatments import L2
from gengap.plan import Trial
from gengap.report.conclusions import curve_messages, recommendation_messages
from gengap.stats.permutation import PermutationTest
from gengap.text.catalog import Message

COUNTS = {"train": 1_000, "validation": ROWS, "test": 0}
NOISE = np.random.default_rng(0).normal(size=ROWS)


def summary_of(found: TrialResults) -> StudySummary:
    conclusions = conclude(found, 28, COUNTS, {})
    values = {name: getattr(conclusions, name) for name in conclusions.__struct_fields__}
    return StudySummary(source="made", rows=COUNTS, plan="made", seconds=1.0, trials=(), **values)


def codes(found: TrialResults) -> tuple[set[str], set[str]]:
    """What the curves say, and what the recommendation says."""
    summary = summary_of(found)
    return {each.code for each in curve_messages(summary)}, {each.code for each in recommendation_messages(summary)}


def test_the_smallest_size_is_part_of_the_recommendation() -> None:
    l2 = Trial(run="regularizers/l2", units=(16,), treatments=(L2(0.01),))
    curves, recommended = codes(outcomes([*size_trials(0.2, 0.6, 0.6), (l2, (0.6, 0.9))]))
    assert not {code for code in curves if code.startswith("conclusion-size")}
    assert recommended & {"conclusion-size-smallest", "conclusion-size-best"}


def test_a_recommended_size_is_told_once() -> None:
    found = outcomes(size_trials(0.2, 0.6, 0.6))
    summary = summary_of(found)
    assert summary.sizes is not None and summary.recommendation is not None
    assert summary.sizes.smallest == summary.recommendation.run
    assert not any(code.startswith("conclusion-size") for part in codes(found) for code in part)


def test_no_other_size_stands_beside_a_recommended_one() -> None:
    summary = summary_of(outcomes(size_trials(0.2, 0.6, 0.6)))
    assert summary.sizes is not None and summary.recommendation is not None
    first = summary.sizes.results[0].run
    nothing = Message("conclusion-nothing-learnt", {"measure": "auc", "value": 0.5, "p_value": 0.4})
    for changes in ({"run": first}, {"run": "regularizers/l2", "why": nothing}):
        chosen = msgspec.structs.replace(summary.recommendation, **changes)
        shown = recommendation_messages(msgspec.structs.replace(summary, recommendation=chosen))
        assert not any(each.code.startswith("conclusion-size") for each in shown)


def without_skill(baseline: np.ndarray) -> TrialResults:
    """Networks that know nothing, beside a baseline."""
    found = outcomes(size_trials(0.0, 0.0), baselines={"baselines/trees": baseline})
    for i, each in enumerate(found.trained.values()):
        each.outputs[:, :, 0] = np.random.default_rng(i).normal(size=each.outputs.shape[:2])
    return found


@pytest.mark.parametrize("skilled", [True, False])
def test_nothing_was_learnt_only_if_trees_learnt_nothing_either(skilled: bool) -> None:
    found = without_skill(logits(0.6) if skilled else NOISE)
    kept = conclude(found, 28, COUNTS, {}).recommendation
    assert kept is not None
    assert kept.learnt is skilled
    assert (kept.why.code == "conclusion-nothing-learnt") is not skilled


@pytest.mark.parametrize(
    ("p", "learnt", "code"), [(0.01, True, None), (0.02, None, "conclusion-learnt-unsure"), (0.2, False, None)]
)
def test_between_sure_and_nothing_it_is_open(
    monkeypatch: pytest.MonkeyPatch, p: float, learnt: bool | None, code: str | None
) -> None:
    found = replace(outcomes(size_trials(0.2, 0.6)), y=Y)
    monkeypatch.setattr(TrialResults, "permutation_test", PermutationTest(0.785, p))
    kept = conclude(found, 28, COUNTS, {}).recommendation
    assert kept is not None and kept.learnt is learnt
    assert (kept.doubt.code if kept.doubt is not None else None) == code
    assert kept.run == ("sizes/4" if learnt is False else "sizes/8")

"""The best few models, cross-validated: who they are, and what is concluded from them."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from analysis.outcomes_made import Y, cross_validated, logits, outcomes, size_trials

from gengap.analysis import conclude
from gengap.analysis.growth import ENOUGH, FIRST, MOST, choose_finalists
from gengap.models.treatments import L2
from gengap.plan import Growth, Trial
from gengap.presets import full
from gengap.tasks import BINARY

COUNTS = {"train": 4_000, "validation": len(Y), "test": 500}
OTHERS = [Trial(run=f"regularizers/l2 {n}", units=(16,), treatments=(L2(n / 100),)) for n in range(1, 8)]


def test_finalists_are_the_first_and_the_best_of_every_group() -> None:
    better = Trial(run="better/Ensemble", units=(64,))
    skills = [(trial, (0.9 - 0.01 * at,)) for at, trial in enumerate(OTHERS)]
    found = outcomes([*size_trials(0.2, 0.3), *skills, (better, (0.1,))])
    assert choose_finalists(full(), found, 4_000) == (
        *(t.run for t in OTHERS[:FIRST]),
        "sizes/8",
        "better/Ensemble",
    )


@pytest.mark.parametrize(
    ("train_rows", "folds", "count"),
    [(4_000, 4, 2), (4_000, 0, 0), (30, 4, 0), (40, 4, 2), (100, 11, 0), (MOST + 1, 4, 0)],
)
def test_they_meet_where_few_rows_validate(train_rows: int, folds: int, count: int) -> None:
    plan = msgspec.structs.replace(full(), growth=Growth(folds=folds))
    assert len(choose_finalists(plan, outcomes(size_trials(0.2, 0.3)), train_rows)) == count


def test_enough_validation_rows_or_one_model_need_no_final() -> None:
    found = outcomes(size_trials(0.2, 0.3))
    assert not choose_finalists(full(), replace(found, y=np.tile(Y, ENOUGH // len(Y))), 4_000)
    assert not choose_finalists(full(), outcomes(size_trials(0.2)), 4_000)


def test_all_rows_pick_where_a_few_would_pick_another() -> None:
    """On the validation rows the first looks better; on four times as many others it is worse."""
    alone = outcomes(size_trials(0.62, 0.6))
    by_few = conclude(alone, 28, COUNTS, {}).recommendation
    found = conclude(cross_validated(alone, {"sizes/4": 0.3, "sizes/8": 0.6}), 28, COUNTS, {})
    by_all = found.recommendation
    assert by_few is not None and by_all is not None
    assert (by_few.run, by_all.run) == ("sizes/4", "sizes/8")
    assert by_all.why.code == "conclusion-lowest-cross-validated" and by_all.why.parameters["finalists"] == 2
    assert [each.run for each in found.cross_validation] == ["sizes/8", "sizes/4"]
    assert {each.rows for each in found.cross_validation} == {5 * len(Y)}


def test_the_smallest_of_equal_finalists_is_kept() -> None:
    found = cross_validated(outcomes(size_trials(0.2, 0.6, 0.6)), {"sizes/8": 0.6, "sizes/16": 0.608})
    kept = conclude(found, 28, COUNTS, {}).recommendation
    assert kept is not None and kept.run == "sizes/8"
    assert kept.why.code == "conclusion-smallest-cross-validated"
    assert kept.why.parameters.items() >= {"finalists": 2, "best": "sizes/16"}.items()


def test_what_to_expect_is_told_by_the_rows_that_picked_no_finalist() -> None:
    """The kept model was lucky on the validation rows; the others say what it is worth, and more surely."""
    lucky = outcomes(size_trials(0.2, 1.2))
    by_few = conclude(lucky, 28, COUNTS, {}).recommendation
    by_all = conclude(cross_validated(lucky, {"sizes/4": 0.2, "sizes/8": 0.6}), 28, COUNTS, {}).recommendation
    assert by_few is not None and by_all is not None
    (low, middle, high), few = by_all.expected.bounded_loss, by_few.expected.bounded_loss
    worth = float(BINARY.row_losses(logits(0.6, 10)[:, None], Y).mean())
    assert low < worth < high and few[2] < low
    assert middle == pytest.approx(worth, abs=0.01)
    ours, theirs = by_all.expected.accuracy, by_few.expected.accuracy
    assert ours is not None and theirs is not None and ours[2] - ours[0] < theirs[2] - theirs[0]
    assert by_all.expected.on_test is not None and by_all.expected.on_test[0] < low


def test_what_lost_in_cross_validation_is_not_the_next_thing_to_try() -> None:
    """A treatment that looked better on the validation rows, and is worse on all."""
    l2 = Trial(run="regularizers/l2", units=(8,), treatments=(L2(0.01),))
    alone = outcomes([*size_trials(0.2, 0.6), (l2, (0.608,))])
    lost = cross_validated(alone, {"sizes/8": 0.6, "regularizers/l2": 0.3})
    for found, tried in ((alone, True), (lost, False)):
        kept = conclude(found, 28, COUNTS, {}).recommendation
        assert kept is not None and kept.run == "sizes/8"
        assert any("l2" in str(step.finding.parameters) for step in kept.next_steps) is tried


def test_where_nothing_was_learnt_the_smallest_is_kept_all_the_same() -> None:
    found = outcomes(size_trials(0.2, 0.4))
    shuffled = replace(found, y=np.random.default_rng(3).permutation(Y))
    kept = conclude(cross_validated(shuffled, {"sizes/8": 0.6}), 28, COUNTS, {}).recommendation
    assert kept is not None and (kept.run, kept.learnt) == ("sizes/4", False)

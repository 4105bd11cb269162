"""Finalists trained again on other splits: on the whole path, from rows to what is kept."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

import gengap
from gengap.analysis.summary import TrialSummary
from gengap.data.rows import Rows
from gengap.errors import GengapWarning
from gengap.history import History
from gengap.models.treatments import L2
from gengap.plan import Growth, Plan, Recipe
from gengap.study import Study, cross_validation
from gengap.study.cross_validation import out_of_fold
from gengap.study.folder import StudyFolder
from gengap.study.progress import SilentDisplay
from gengap.study.scheduler import Scheduler
from gengap.tasks import BINARY, AnyTask
from gengap.train.types import TrainResult

PLAN = Plan(
    name="little", trials=(), recipe=Recipe(batch=50, max_epochs=5), growth=Growth(sizes=((4,), (8,)), folds=4)
)
FEATURES: dict[str, Any] = {"of": "drop", "w": "drop"}


def table(target: str) -> pd.DataFrame:
    random = np.random.default_rng(0)
    x = random.normal(size=(240, 3))
    value = x[:, 0] + 0.3 * random.normal(size=240)
    targets = {"number": value, "class": np.digitize(value, (-0.5, 0.5)).astype(str)}
    return pd.DataFrame(x, columns=list("abc")).assign(y=targets[target], w=random.random(240), of=range(240))


def studied(plan: Plan = PLAN, **options: Any) -> Study:
    return gengap.study(table("class"), plan, target="y", column=FEATURES, train=160, validation=40, **options)


class Counting(SilentDisplay):
    """Notes what is told, and interrupts after so many trainings of folds."""

    def __init__(self, interrupt_after: int | None = None) -> None:
        self.told: list[tuple[int, int]] = []
        self.interrupt_after = interrupt_after

    def cross_validating(self, done: int, of: int) -> None:
        self.told.append((done, of))
        if done == self.interrupt_after:
            signal.raise_signal(signal.SIGINT)


def test_every_row_judges_the_finalists_once(tmp_path: Path) -> None:
    display = Counting()
    found = gengap.study(table("class"), PLAN, target="y", column=FEATURES, out=tmp_path, display=display)
    assert display.told == [(done, 8) for done in range(1, 9)]
    finalists = {each.run: each.rows for each in found.summary.cross_validation}
    assert {"sizes/4", "sizes/8"} <= finalists.keys() and set(finalists.values()) == {240}
    assert found.summary.recommendation is not None
    assert found.summary.recommendation.why.parameters["finalists"] == len(finalists)
    assert not found.summary.interrupted


def test_a_study_goes_on_after_it_added_regularisers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their size depends on results, so the plan alone doesn't know it."""
    plan = msgspec.structs.replace(
        PLAN, growth=Growth(sizes=((4,), (8,)), regularizers=((L2(0.01),),)), recipe=Recipe(batch=50, max_epochs=2)
    )
    first = studied(plan, out=tmp_path)
    assert first.planned["regularizers/l2 0.01"].units in ((4,), (8,))
    monkeypatch.setattr(Scheduler, "pending", lambda *_: pytest.fail("it trains again"))
    again = studied(plan, out=tmp_path)
    assert [trial.run for trial in again.trials] == [trial.run for trial in first.trials]


def test_where_nothing_was_learnt_nobody_is_cross_validated() -> None:
    labels = np.random.default_rng(1).permutation(table("class")["y"])
    display = Counting()
    found = gengap.study(table("class").assign(y=labels), PLAN, target="y", column=FEATURES, display=display)
    kept = found.summary.recommendation
    assert kept is not None and not kept.learnt
    assert not display.told and not found.summary.cross_validation


def test_folds_are_not_trained_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("a kept fold was trained again")

    first = studied(out=tmp_path / "here")
    monkeypatch.setattr(cross_validation, "out_of_fold", refused)
    again = studied(out=tmp_path / "here")
    assert again.summary.cross_validation == first.summary.cross_validation
    damaged = tmp_path / "here" / "trials" / "sizes" / "4.fold1.npz"
    damaged.write_bytes(damaged.read_bytes()[:100])
    again = r"4\.fold1\.npz is missing, damaged or was changed: sizes/4 is trained on this fold again"
    with pytest.warns(GengapWarning, match=again), pytest.raises(AssertionError, match="trained again"):
        studied(out=tmp_path / "here")
    monkeypatch.undo()
    with pytest.warns(GengapWarning, match=again):
        mended = studied(out=tmp_path / "here").summary
    assert mended.cross_validation == first.summary.cross_validation


def test_other_rows_or_folds_are_not_taken_for_these(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path)
    folder.save_fold("sizes/4", 0, "mine", np.ones((2, 3)))
    assert folder.read_fold("sizes/4", 0, "mine", 3) is not None
    assert folder.read_fold("sizes/4", 0, "other", 3) is None
    assert folder.read_fold("sizes/4", 1, "mine", 3) is None
    assert folder.read_fold("sizes/4", 0, "mine", 4) is None
    folder.save_fold("sizes/4", 0, "mine", np.array([["a"] * 3] * 2))
    assert folder.read_fold("sizes/4", 0, "mine", 3) is None


def test_folds_of_another_count_are_trained_anew(tmp_path: Path) -> None:
    display = Counting()
    five = msgspec.structs.replace(PLAN, growth=Growth(sizes=((4,), (8,)), folds=5))
    studied(out=tmp_path)
    again = studied(five, out=tmp_path, display=display)
    alone = studied(five)
    assert again.summary.cross_validation == alone.summary.cross_validation


def test_an_interrupted_final_uses_no_test_rows_and_goes_on_where_it_was(tmp_path: Path) -> None:
    stopped = studied(test=40, out=tmp_path / "here", display=Counting(3))
    assert stopped.summary.interrupted and not stopped.summary.cross_validation
    assert stopped.summary.test is None and not (tmp_path / "here" / "test.json").exists()
    ended = studied(test=40, out=tmp_path / "here")
    whole = studied(test=40, out=tmp_path / "whole")
    assert ended.summary.cross_validation == whole.summary.cross_validation
    assert ended.summary.test is not None and not ended.summary.interrupted


@pytest.mark.parametrize("target", ["number", "class"])
def test_any_task(target: str) -> None:
    found = gengap.study(table(target), PLAN, target="y", column=FEATURES)
    kept = found.summary.recommendation
    assert kept is not None and len(found.summary.cross_validation) >= 2
    assert (kept.expected.accuracy is None, kept.expected.r2 is None) == (target == "number", target == "class")


@pytest.mark.parametrize("options", [{"group": "of"}, {"weight": "w"}])
@pytest.mark.parametrize("target", ["number", "class"])
def test_rows_of_a_group_or_with_weights_do_without(target: str, options: dict[str, Any]) -> None:
    dropped: dict[str, Any] = {name: "drop" for name in ("of", "w") if name not in options.values()}
    display = Counting()
    found: Study = gengap.study(table(target), PLAN, target="y", column=dropped, display=display, **options)
    assert found.summary.recommendation is not None
    assert not found.summary.cross_validation and not display.told and not found.summary.interrupted


def test_what_is_still_to_be_cross_validated_keeps_test_rows_unused(tmp_path: Path) -> None:
    """Interrupted as the last trial ends: all trials are finished, and who is to be kept isn't decided."""

    class Last(SilentDisplay):
        def finished(self, trial: TrialSummary, reused: bool) -> None:
            if trial.run == "sizes/8":
                signal.raise_signal(signal.SIGINT)

    stopped = studied(test=40, out=tmp_path, display=Last())
    assert len(stopped.trials) == 2 and stopped.summary.interrupted
    assert stopped.summary.test is None and not (tmp_path / "test.json").exists()


def test_one_that_is_left_is_no_winner(monkeypatch: pytest.MonkeyPatch) -> None:
    def diverged(fitted: TrainResult, rows: Rows, task: AnyTask) -> np.ndarray:
        found = out_of_fold(fitted, rows, task)
        return np.full(found.shape, np.inf) if fitted.history.run == "sizes/8" else found

    monkeypatch.setattr(cross_validation, "out_of_fold", diverged)
    found = gengap.study(table("class"), PLAN, target="y", column=FEATURES)
    networks = {each.run for each in found.summary.cross_validation} & set(found.planned)
    assert networks <= {"sizes/4"} and found.summary.recommendation is not None


def test_a_run_that_diverged_has_no_finite_loss() -> None:
    diverged = TrainResult(History("a", 0, {}), np.arange(0), np.zeros((0, 6, 1)), None, "diverged", 0.0)
    assert np.isinf(out_of_fold(diverged, Rows(np.zeros((6, 1)), np.zeros(6)), BINARY)).all()

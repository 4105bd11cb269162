"""Finalists trained again on other splits: on the whole path, from rows to what is kept."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import gengap
from gengap import cross_validation
from gengap.cross_validation import out_of_fold
from gengap.data.rows import Rows
from gengap.display import Silent
from gengap.folder import StudyFolder
from gengap.history import History
from gengap.plan import Growth, Plan, Recipe
from gengap.study import Study
from gengap.tasks import BINARY
from gengap.train.fitted import Fitted

PLAN = Plan(
    name="little", trials=(), recipe=Recipe(batch=50, max_epochs=5), growth=Growth(ladder=((4,), (8,)), folds=4)
)
ROWS: dict[str, Any] = {"train": 200, "validation": 50}


def table(target: str) -> pd.DataFrame:
    random = np.random.default_rng(0)
    x = random.normal(size=(240, 3))
    value = x[:, 0] + 0.3 * random.normal(size=240)
    targets = {"number": value, "class": np.digitize(value, (-0.5, 0.5)).astype(str)}
    return pd.DataFrame(x, columns=list("abc")).assign(y=targets[target], w=random.random(240), of=range(240))


class Counting(Silent):
    """Notes what is told, and interrupts after so many trainings of folds."""

    def __init__(self, interrupt_after: int | None = None) -> None:
        self.told: list[tuple[int, int]] = []
        self.interrupt_after = interrupt_after

    def crossing(self, done: int, of: int) -> None:
        self.told.append((done, of))
        if done == self.interrupt_after:
            signal.raise_signal(signal.SIGINT)


def test_every_row_judges_the_finalists_once(tmp_path: Path) -> None:
    display = Counting()
    found = gengap.study(table("class"), PLAN, target="y", column={"of": "drop"}, out=tmp_path, display=display)
    assert display.told == [(done, 8) for done in range(1, 9)]
    assert [each.rows for each in found.summary.finalists] == [240, 240]
    assert found.summary.recommendation is not None and "of 2 finalists" in found.summary.recommendation.why
    assert not found.summary.interrupted


def test_folds_are_not_trained_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("a kept fold was trained again")

    first = gengap.study("collider", PLAN, **ROWS, out=tmp_path / "here")
    monkeypatch.setattr(cross_validation, "out_of_fold", refused)
    again = gengap.study("collider", PLAN, **ROWS, out=tmp_path / "here")
    assert again.summary.finalists == first.summary.finalists
    damaged = tmp_path / "here" / "trials" / "sizes" / "4.fold1.npz"
    damaged.write_bytes(damaged.read_bytes()[:100])
    with pytest.raises(AssertionError, match="trained again"):
        gengap.study("collider", PLAN, **ROWS, out=tmp_path / "here")
    monkeypatch.undo()
    assert (
        gengap.study("collider", PLAN, **ROWS, out=tmp_path / "here").summary.finalists == first.summary.finalists
    )


def test_other_rows_or_folds_are_not_taken_for_these(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path)
    folder.keep_fold("sizes/4", 0, "mine", np.arange(3.0))
    found = folder.fold("sizes/4", 0, "mine")
    assert found is not None and found.tolist() == [0, 1, 2]
    assert folder.fold("sizes/4", 0, "other") is None
    assert folder.fold("sizes/4", 1, "mine") is None


def test_an_interrupted_final_uses_no_test_rows_and_goes_on_where_it_was(tmp_path: Path) -> None:
    stopped = gengap.study("collider", PLAN, **ROWS, test=40, out=tmp_path / "here", display=Counting(3))
    assert stopped.summary.interrupted and not stopped.summary.finalists
    assert stopped.summary.test is None and not (tmp_path / "here" / "test.json").exists()
    ended = gengap.study("collider", PLAN, **ROWS, test=40, out=tmp_path / "here")
    whole = gengap.study("collider", PLAN, **ROWS, test=40, out=tmp_path / "whole")
    assert ended.summary.finalists == whole.summary.finalists
    assert ended.summary.test is not None and not ended.summary.interrupted


@pytest.mark.parametrize("target", ["number", "class"])
def test_any_task_and_weights(target: str) -> None:
    found = gengap.study(table(target), PLAN, target="y", weight="w", column={"of": "drop"})
    kept = found.summary.recommendation
    assert kept is not None and len(found.summary.finalists) == 2
    assert (kept.expected.accuracy is None, kept.expected.r2 is None) == (target == "number", target == "class")


def test_rows_of_a_group_are_not_torn_apart() -> None:
    display = Counting()
    found: Study = gengap.study(table("class"), PLAN, target="y", group="of", column={"w": "drop"}, display=display)
    assert not found.summary.finalists and not display.told and not found.summary.interrupted


def test_a_run_that_diverged_has_no_finite_loss() -> None:
    diverged = Fitted(History("a", 0, {}), np.arange(0), np.zeros((0, 6, 1)), None, "diverged", 0.0)
    assert np.isinf(out_of_fold(diverged, Rows(np.zeros((6, 1)), np.zeros(6)), BINARY)).all()

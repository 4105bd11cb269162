"""Verdicts in a study: in its summary, its files and its table, and as the rule that ends a trial."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import gengap
from gengap.cli import app
from gengap.diagnose.trial_verdicts import CERTAIN_RISE, row_losses
from gengap.plan import Plan, Recipe, Trial
from gengap.presets import load_plan
from gengap.study import Study
from gengap.train.stopping import Stopping

# Far too large for its 150 rows: it turns within a few epochs.
OVERFITS = Plan(
    name="overfits",
    trials=(Trial(run="sizes/Wide", units=(128, 128), learning_rate=0.01),),
    recipe=Recipe(batch=50, max_epochs=150),
)
ROWS: dict[str, Any] = {"train": 150, "validation": 300}


@pytest.fixture(scope="module")
def by_patience(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return gengap.study(
        "collider", OVERFITS, **ROWS, stop="patience", out=tmp_path_factory.mktemp("patience") / "s"
    )


@pytest.fixture(scope="module")
def by_verdict(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return gengap.study("collider", OVERFITS, **ROWS, stop="verdict", out=tmp_path_factory.mktemp("verdict") / "s")


def test_a_certain_verdict_ends_a_trial_early_with_the_same_answer(by_patience: Study, by_verdict: Study) -> None:
    (long,), (short,) = by_patience.trials, by_verdict.trials
    assert (long.stopped, long.epochs) == ("max-epochs", 150)
    assert short.stopped == "verdict"
    assert short.epochs < 75
    assert short.best_epoch == long.best_epoch
    assert long.verdict is not None and short.verdict is not None
    assert (short.verdict.verdict, long.verdict.verdict) == ("overfit", "overfit")
    assert short.verdict.rise_percent is not None and short.verdict.rise_percent[0] > 100 * CERTAIN_RISE / 2


def test_study_json_holds_each_verdict(by_patience: Study) -> None:
    assert by_patience.folder
    (trial,) = json.loads((by_patience.folder / "study.json").read_text())["trials"]
    verdict = trial["verdict"]
    assert (verdict["run"], verdict["verdict"], verdict["metric"]) == (
        "sizes/Wide",
        "overfit",
        "val_binary_crossentropy",
    )
    assert verdict["best_epoch"] == trial["best_epoch"]
    assert verdict["onset_interval"][0] <= verdict["onset_epoch"] <= verdict["onset_interval"][1]
    assert "sampling-error" in [finding["code"] for finding in verdict["findings"]]


def test_outputs_are_kept_and_give_the_logged_losses(by_patience: Study) -> None:
    assert by_patience.folder
    with np.load(by_patience.folder / "trials" / "sizes" / "Wide.seed0.npz", allow_pickle=False) as kept:
        rows = row_losses(kept["epochs"], kept["outputs"], by_patience.dataset.validation.y)
    logged = by_patience.histories[0]["validation", "binary_crossentropy"]
    assert len(rows.epochs) <= 66
    expected = [logged.at(epoch) for epoch in rows.epochs.tolist()]
    np.testing.assert_allclose(rows.losses.mean(axis=1), expected, rtol=1e-4)


def test_a_resumed_study_has_the_same_verdicts(by_verdict: Study) -> None:
    assert by_verdict.folder
    again = gengap.study("collider", OVERFITS, **ROWS, stop="verdict", out=by_verdict.folder)
    assert again.trials == by_verdict.trials
    assert again.verdicts["sizes/Wide"].verdict == "overfit"


def test_plans_say_when_their_trials_end() -> None:
    assert load_plan("quick").recipe.stop == "verdict"
    assert {load_plan(name).recipe.stop for name in ("tutorial", "full")} == {"patience"}
    assert "stop" not in load_plan("tutorial").to_toml()
    assert Plan.from_toml(load_plan("quick").to_toml()) == load_plan("quick")


def test_no_rule_ends_what_still_learns() -> None:
    recipe = Recipe(batch=100, max_epochs=40, stop="verdict", stopping=Stopping(patience=40))
    plan = Plan(name="learns", trials=(Trial(run="sizes/Tiny", units=(16,), learning_rate=0.0003),), recipe=recipe)
    (trial,) = gengap.study("collider", plan, train=1000, validation=500).trials
    assert (trial.epochs, trial.stopped) == (40, "max-epochs")
    assert trial.verdict is not None and trial.verdict.verdict == "underfit"


def test_the_command_shows_verdicts(tmp_path: Path) -> None:
    call = ["study", "collider", "--train", "150", "--validation", "300", "--only", "sizes/Tiny"]
    result = CliRunner().invoke(
        app, [*call, "--max-epochs", "10", "--stop", "verdict", "--out", str(tmp_path / "s")]
    )
    assert result.exit_code == 0
    assert "verdict" in result.stdout and "Recommended: " in result.stdout
    wrong = CliRunner().invoke(app, [*call, "--stop", "never"])
    assert wrong.exit_code == 2
    assert "'never', expected 'patience' or 'verdict'" in wrong.stderr

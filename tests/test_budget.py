"""A budget in minutes, with clocks that tests set: what is trained, what is left out, and how a study goes on."""

from __future__ import annotations

import threading
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

import gengap
from gengap.cli import app
from gengap.data.dataset import load
from gengap.errors import UsageError
from gengap.models import Dropout, Ensemble
from gengap.options.study_options import RunSpec
from gengap.plan import Growth, Plan, Recipe, Trial
from gengap.presets import full
from gengap.report.study_report import study_html
from gengap.study import Study
from gengap.study.budget import (
    ANALYSIS,
    COMPILE,
    FIRST,
    MOST_ANALYSIS,
    WRITING,
    Budget,
    Cost,
    trial_cost,
)
from gengap.study.progress import SilentDisplay
from gengap.train import baselines
from gengap.train.recipe import Constant, Cosine, InverseTime
from gengap.train.stopping import Stopping
from gengap.train.types import Progress

RECIPE = Recipe(max_epochs=40, batch=50, schedule=InverseTime(0.01), stopping=Stopping(patience=40))
PLAN = Plan(
    name="budgeted",
    trials=(
        Trial(run="sizes/Tiny", units=(8,)),
        Trial(run="sizes/Small", units=(8, 8)),
        Trial(run="sizes/Wide", units=(64, 64)),
    ),
    recipe=RECIPE,
)


class Clock:
    """Seconds that tests set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Late(SilentDisplay):
    """Sets a clock to a late time once a run has trained for some epochs."""

    def __init__(self, clock: Clock, run: str, seed: int = 0) -> None:
        self._clock, self._run, self._seed = clock, run, seed

    def progress(self, progress: Progress) -> None:
        if (progress.run, progress.seed) == (self._run, self._seed):
            self._clock.now = 1e9


class LateFromStart(SilentDisplay):
    """Sets a clock to a late time before the first trial is built."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def starting(self, run: str, seed: int) -> None:
        self._clock.now = 1e9


class LateFolds(SilentDisplay):
    """Sets a clock to a late time once a run is trained on a fold."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def cross_validating(self, done: int, of: int) -> None:
        self._clock.now = 1e9


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock for the budgets of studies: it stands still until a test sets it."""
    found = Clock()
    module = import_module("gengap.study.study")
    monkeypatch.setattr(module, "Budget", lambda minutes, started: Budget(minutes, 0.0, found))
    return found


def known(minutes: float = 1.0) -> Budget:
    """A budget on a machine that is as fast as expected."""
    budget = Budget(minutes, 0.0, Clock())
    budget.add(cost(8), 8.0, 10)
    return budget


def cost(seconds: float, *, small: bool = True) -> Cost:
    return Cost(seconds, 10, small)


def test_training_ends_before_the_minutes_are_over() -> None:
    clock = Clock()
    budget = Budget(2, 0.0, clock)
    kept = ANALYSIS + WRITING * 120
    assert budget.left == 120 - kept
    clock.now = 100
    assert budget.left == pytest.approx(20 - kept)
    clock.now = 1_000
    assert budget.left == 0
    slow = Budget(2, 0.0, Clock())
    slow.add(cost(8), 24.0, 10)
    assert slow.left == pytest.approx(120 - 3 * ANALYSIS - WRITING * 120)
    slow.add(cost(8), 2_400.0, 10)
    assert slow.left == pytest.approx(120 * (1 - MOST_ANALYSIS))


def test_cheap_trials_and_first_seeds_start_first_as_long_as_they_fit() -> None:
    budget = known()
    costs = {("b", 0): cost(20), ("a", 0): cost(10), ("a", 1): cost(10), ("c", 0): cost(40), ("d", 0): cost(6)}
    assert budget.choose(costs, 1.0, 1) == [("d", 0), ("a", 0), ("b", 0)]
    assert budget.choose(costs, 0.5, 1) == [("d", 0), ("a", 0)]
    assert budget.choose(costs, 1.0, 2) == [("d", 0), ("a", 0), ("b", 0), ("c", 0)]
    assert budget.choose({("c", 0): cost(90), ("a", 1): cost(10)}, 1.0, 1) == [("a", 1)]


def test_further_seeds_start_with_the_best_runs_that_fit() -> None:
    costs = {("a", 1): cost(10), ("b", 1): cost(20), ("c", 1): cost(45), ("d", 1): cost(6), ("b", 2): cost(20)}
    assert known().choose(costs, 1.0, 1, ("b", "a", "d", "c")) == [("b", 1), ("a", 1), ("d", 1)]
    assert known().choose(costs, 1.0, 1, ("c", "b", "a", "d")) == [("c", 1), ("d", 1)]
    assert known().choose(costs, 0.5, 1, ("c", "b", "a", "d")) == [("b", 1), ("d", 1)]


def test_few_trials_start_before_the_machine_is_known() -> None:
    budget, costs = Budget(1, 0.0, Clock()), {(name, 0): cost(5) for name in "abcdefghij"}
    few = budget.choose(costs, 1.0, 1)
    budget.add(cost(5), 5.0, 10)
    assert len(few) == int(FIRST * budget.left / 5)
    assert len(few) < len(budget.choose(costs, 1.0, 1))


def test_large_trials_do_not_share_the_cores() -> None:
    budget = known()
    small = {(name, 0): cost(20) for name in "abcde"}
    large = {(name, 0): cost(20, small=False) for name in "abcde"}
    assert len(budget.choose(small, 1.0, 2)) == 5
    assert len(budget.choose(large, 1.0, 2)) == 2


def test_without_a_finished_trial_the_cheapest_starts_whatever_it_costs() -> None:
    clock = Clock()
    budget = Budget(1, 0.0, clock)
    costs = {("a", 0): cost(900), ("b", 0): cost(800)}
    assert budget.choose(costs, 1.0, 1) == [("b", 0)]
    budget.add(cost(800), 800.0, 10)
    assert budget.choose(costs, 1.0, 1) == []


def test_the_first_trial_has_some_time_even_if_it_is_late() -> None:
    clock, costs = Clock(), {("a", 0): cost(900)}
    clock.now = 1_000
    budget = Budget(1, 0.0, clock)
    assert budget.left == 0
    assert budget.choose(costs, 1.0, 1) == [("a", 0)]
    assert not budget.deadline(threading.Event()).is_set()
    budget.add(cost(900), 900.0, 10)
    assert budget.choose(costs, 1.0, 1) == []
    assert budget.deadline(threading.Event()).is_set()


def test_the_first_trial_has_an_epoch_even_if_no_time_is_left() -> None:
    clock, event = Clock(), threading.Event()
    budget = Budget(1, 0.0, clock)
    deadline = budget.deadline(event)
    clock.now = 1_000
    assert not deadline.is_set()
    event.set()
    assert deadline.is_set()
    event.clear()
    budget.begin()
    assert deadline.is_set()


def test_finished_trials_say_how_slow_the_machine_is() -> None:
    budget = Budget(1, 0.0, Clock())
    assert budget.slowness == 1
    for seconds in (8.0, 80.0, 20.0):
        budget.add(cost(8), seconds, 10)
    assert budget.slowness == pytest.approx(2.5)
    assert budget.choose({("a", 0): cost(17), ("b", 0): cost(13)}, 1.0, 1) == [("b", 0)]
    half = COMPILE + (8 - COMPILE) / 2
    fresh = Budget(1, 0.0, Clock())
    fresh.add(cost(8), half, 5)
    assert fresh.slowness == pytest.approx(1)


def test_a_cost_grows_with_the_model_its_members_and_its_rows() -> None:
    plan = Plan(name="p", trials=PLAN.trials, recipe=RECIPE)

    def seconds(trial: Trial, parameters: int = 5_000, rows: int = 10_000) -> float:
        return trial_cost(trial, plan, parameters, rows, 1_000).seconds

    plain = Trial(run="a/b", units=(8,))
    assert seconds(plain) < seconds(plain, parameters=50_000) < seconds(plain, parameters=50_000, rows=20_000)
    assert seconds(plain) < seconds(Trial(run="a/b", units=(8,), treatments=(Ensemble(8),)))
    assert seconds(plain) == seconds(Trial(run="a/b", units=(8,), treatments=(Dropout(0.5),)))
    assert seconds(Trial(run="a/b", units=(8,), share=0.5)) < seconds(plain)


@pytest.mark.parametrize(
    ("schedule", "epochs"), [(Constant(0.01), 20), (InverseTime(0.01), 20), (Cosine(0.01), 100)]
)
def test_only_a_rate_that_falls_to_0_needs_all_epochs(schedule: Constant, epochs: int) -> None:
    trial = Trial(run="a/b", units=(8,), schedule=schedule, max_epochs=100, patience=10)
    assert trial_cost(trial, PLAN, 100, 1_000, 100).epochs == epochs


def test_a_deadline_is_set_when_it_is_late_or_another_event_is() -> None:
    clock, event = Clock(), threading.Event()
    budget = Budget(1, 0.0, clock)
    budget.add(cost(8), 8.0, 10)
    deadline, early = budget.deadline(event), budget.deadline(event, 0.2)
    assert not deadline.is_set()
    clock.now = 0.4 * budget.left + 0.1
    assert early.is_set()
    assert not deadline.is_set()
    clock.now = 60
    assert deadline.is_set()
    assert not event.is_set()
    clock.now = 0
    deadline.set()
    assert event.is_set()
    assert early.is_set()


def test_the_best_finalists_are_cross_validated_as_far_as_there_is_time() -> None:
    budget = known()
    seconds = {"best": 4.0, "second": 3.0, "third": 5.0, "fourth": 0.1}
    assert budget.finalists(seconds, 4, 0.0) == ("best", "second")
    assert budget.finalists(seconds, 2, 0.0) == tuple(seconds)
    assert budget.finalists(seconds, 4, 5.0) == ()


def test_trials_of_a_growing_plan_leave_time_for_others() -> None:
    budget, plan = Budget(1, 0.0, Clock()), full()
    assert plan.growth is not None
    assert budget.share(plan.growth.size_trials(), plan) < budget.share(plan.trials, plan) < 1
    assert budget.share(PLAN.trials, PLAN) == 1


@pytest.mark.parametrize("minutes", [0.0, -1.0, float("inf"), float("nan")])
def test_minutes_are_a_number_above_0(minutes: float) -> None:
    with pytest.raises(UsageError, match=r"minutes is .*, expected a number of minutes above 0, at most 525,600"):
        RunSpec(minutes=minutes)


def test_minutes_that_are_no_number_are_refused_on_the_command_line() -> None:
    result = CliRunner().invoke(app, ["study", "--minutes", "nan"])
    assert result.exit_code == 2
    assert "nan is not a number" in result.output and "inf" not in result.output


def test_more_minutes_take_more_rows() -> None:
    rows = [Budget(minutes, 0.0, Clock()).most_rows(30) for minutes in (1, 3, 10)]
    assert rows == [20_000, 60_000, 200_000]
    assert Budget(0.01, 0.0, Clock()).most_rows(900) == 500


def test_fewer_training_rows_keep_the_shares_of_classes_and_change_the_digest() -> None:
    whole = load("collider", train=400, validation=50)
    part = whole.with_train_rows(100)
    assert whole.with_train_rows(400) is whole
    assert len(part.train) == 100
    assert part.validation is whole.validation
    assert abs(part.train.y.mean() - whole.train.y.mean()) < 0.01
    assert part.digest != whole.digest


def test_with_enough_time_nothing_differs(clock: Clock) -> None:
    one, other = (
        gengap.study("collider", PLAN, max_epochs=5, minutes=minutes, train=200, validation=100)
        for minutes in (None, 60)
    )
    assert other.summary.budget is not None
    assert other.summary.budget.findings == ()
    assert not other.summary.interrupted
    for mine, theirs in zip(one.histories, other.histories, strict=True):
        for key, series in mine.series.items():
            np.testing.assert_array_equal(series.values, theirs.series[key].values)


def late_study(clock: Clock, folder: Path) -> Study:
    """A study whose time is over once its second trial has trained for some epochs."""
    return gengap.study(
        "collider",
        PLAN,
        minutes=60,
        jobs=1,
        out=folder,
        display=Late(clock, "sizes/Small"),
        train=200,
        validation=100,
    )


def test_at_the_deadline_a_study_answers_with_what_is_there_and_goes_on_later(clock: Clock, tmp_path: Path) -> None:
    found = late_study(clock, tmp_path)
    stopped = {trial.run: trial.stopped for trial in found.trials}
    assert stopped == {"sizes/Tiny": "max-epochs", "sizes/Small": "time"}
    assert not found.summary.interrupted
    budget = found.summary.budget
    assert budget is not None
    assert budget.left_out == ("sizes/Wide",)
    assert budget.shortened == ("sizes/Small",)
    codes = [each.code for each in budget.findings]
    assert codes == ["budget-minutes", "budget-left-out", "budget-shortened"]
    assert found.summary.recommendation is not None
    assert any((tmp_path / "models").glob("best.*"))
    shown = str(study_html(found.summary, found.histories))
    assert "1 model was not trained: sizes/Wide." in shown
    assert "sizes/Wide." in (tmp_path / "report.html").read_text(encoding="utf-8")
    clock.now = 0
    again = gengap.study("collider", PLAN, minutes=60, jobs=1, out=tmp_path, train=200, validation=100)
    whole = gengap.study("collider", PLAN, train=200, validation=100)
    assert again.summary.budget is not None
    assert again.summary.budget.findings == ()
    assert [trial.stopped for trial in again.trials] == [trial.stopped for trial in whole.trials]
    for mine, theirs in zip(again.histories, whole.histories, strict=True):
        for key, series in mine.series.items():
            np.testing.assert_array_equal(series.values, theirs.series[key].values)


def test_a_first_trial_that_is_slower_than_all_minutes_is_an_answer(clock: Clock) -> None:
    found = gengap.study(
        "collider", PLAN, minutes=1, jobs=1, display=LateFromStart(clock), train=200, validation=100
    )
    assert [trial.stopped for trial in found.trials] == ["time"]
    assert found.summary.budget is not None
    assert found.summary.budget.left_out == ("sizes/Small", "sizes/Wide")
    assert found.summary.recommendation is not None


def test_models_that_lack_a_seed_are_not_called_untrained(clock: Clock) -> None:
    plan = msgspec.structs.replace(PLAN, trials=PLAN.trials[:2])
    options = RunSpec(jobs=1, max_epochs=3)
    one = gengap.study("collider", plan, run=options, train=200, validation=100)
    best, other = sorted(one.trials, key=lambda trial: trial.loss("validation") or np.inf)
    late = Late(clock, best.run, seed=1)
    found = gengap.study(
        "collider", plan, run=options, minutes=60, seeds=2, display=late, train=200, validation=100
    )
    assert len(found.trials) == 3
    budget = found.summary.budget
    assert budget is not None
    assert (budget.left_out, budget.fewer_seeds) == ((), (other.run,))
    assert f"1 model was not trained with every seed: {other.run}." in str(
        study_html(found.summary, found.histories)
    )


def test_slow_trees_have_their_first_settings_only(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    fits: list[str] = []
    fit = baselines._fit  # pyright: ignore[reportPrivateUsage]

    def slow(run: str, *arguments: Any) -> baselines.Baseline:
        fits.append(run)
        return replace(fit(run, *arguments), seconds=10.0)

    monkeypatch.setattr(baselines, "_fit", slow)
    rows = load("collider", train=200, validation=50)
    for minutes, thorough, expected in [(1, True, (1, 0)), (60, False, (4, 0)), (60, True, (6, 1))]:
        budget = Budget(minutes, 0.0, clock)
        fits.clear()
        found = baselines.fit_baselines(
            rows.train, rows.validation, rows.task, has_time=budget.has_time_for_baseline, thorough=thorough
        )
        list(found)
        assert (fits.count(baselines.TREES), fits.count(baselines.EXTRA_TREES)) == expected


def test_without_time_a_repeated_study_trains_nothing_more(clock: Clock, tmp_path: Path) -> None:
    late_study(clock, tmp_path)
    again = gengap.study("collider", PLAN, minutes=60, jobs=1, out=tmp_path, train=200, validation=100)
    assert [trial.run for trial in again.trials] == ["sizes/Tiny"]
    assert again.summary.budget is not None
    assert again.summary.budget.left_out == ("sizes/Small", "sizes/Wide")


def test_finalists_whose_folds_take_too_long_are_named(clock: Clock) -> None:
    plan = msgspec.structs.replace(PLAN, growth=Growth(folds=2))
    found = gengap.study(
        "collider", plan, max_epochs=20, minutes=60, jobs=1, display=LateFolds(clock), train=400, validation=200
    )
    assert found.summary.cross_validation == ()
    assert found.summary.budget is not None
    assert len(found.summary.budget.not_cross_validated) == 3


def test_without_time_for_finalists_the_study_says_so(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = msgspec.structs.replace(PLAN, growth=Growth(folds=2))
    monkeypatch.setattr(Budget, "finalists", lambda *_: ())
    found = gengap.study("collider", plan, max_epochs=20, minutes=60, train=400, validation=200)
    assert found.summary.cross_validation == ()
    assert found.summary.budget is not None
    assert len(found.summary.budget.not_cross_validated) == 3


def test_a_large_table_says_how_many_rows_were_used(clock: Clock) -> None:
    found = gengap.study("collider", PLAN, max_epochs=1, minutes=0.02, only="sizes/Tiny", train=600, validation=50)
    assert found.summary.rows["train"] == 500
    assert found.summary.budget is not None
    assert found.summary.budget.rows == (500, 600)
    assert "500 of 600 training rows were used." in str(study_html(found.summary, found.histories))

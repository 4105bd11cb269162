"""How a study grows: laws over made outcomes."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from analysis.outcomes_made import Y, outcomes, size_trials

from gengap.analysis.effects import FEWEST_SIZES, analyse_sizes, should_try_larger
from gengap.analysis.growth import next_trials
from gengap.analysis.results import TrialResults
from gengap.models.treatments import L2, Dropout
from gengap.plan import Growth, Plan, Recipe, Trial
from gengap.presets import load_plan
from gengap.text.catalog import ENGLISH, catalog
from gengap.train.stopping import Stopping

UNITS = tuple((2 ** (i + 2),) for i in range(8))
PLAN = Plan(
    name="grows",
    trials=(Trial(run="recipes/own", units=(7,)),),
    recipe=Recipe(batch=100, max_epochs=40, stopping=Stopping(patience=10)),
    growth=Growth(sizes=UNITS, regularizers=((L2(0.01),), (L2(0.01), Dropout(0.5))), shares=(0.001, 0.25, 0.5)),
)
NOTHING = TrialResults({}, {}, Y, {})


def tried_with(skills: list[float]) -> list[str]:
    """The sizes that are tried when size i has skills[i]."""
    every = size_trials(*skills)
    for count in range(len(every) + 1):
        so_far = outcomes(every[:count])
        plan = msgspec.structs.replace(PLAN, trials=())
        (next_one, *others) = next_trials(plan, so_far, 1_000) or (None,)
        if next_one is None or next_one.run.split("/")[0] != "sizes":
            return list(so_far.trials)
        assert not others and next_one.units == UNITS[count]
    raise AssertionError("the sizes have no end")


def test_a_plan_without_growth_is_trained_at_once_and_once() -> None:
    plan = load_plan("quick")
    assert next_trials(plan, NOTHING, 1_000) == plan.trials
    done = TrialResults({trial.run: trial for trial in plan.trials}, {}, Y, {})
    assert next_trials(plan, done, 1_000) == ()


def test_the_ladder_is_climbed_one_step_beyond_where_gains_vanish() -> None:
    assert len(tried_with([0.2, 0.4, 0.6, 0.8, 1.0, 1.0, 1.0, 1.0])) == 7
    assert len(tried_with([0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8])) == FEWEST_SIZES
    assert len(tried_with([0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])) == len(UNITS)
    assert len(tried_with([0.2, 0.3, 0.4, 0.5, 0.4, 0.6, 0.6, 0.6])) == 8, "a worse size is looked beyond"


def test_a_rung_that_diverged_brings_nothing() -> None:
    made = outcomes(size_trials(0.3, 0.3, 0.3, 0.3, 0.9), diverged=["sizes/64"])
    assert not should_try_larger(made, list(made.trials))
    assert "sizes/64" not in made.runs


def test_own_trials_come_after_small_sizes_then_large_sizes_regularizers_and_fewer_rows() -> None:
    climbed, own = size_trials(0.8, 0.8, 0.8, 0.8), (PLAN.trials[0], (0.9, 1.2))
    assert [trial.run for trial in next_trials(PLAN, outcomes(climbed[:2]), 1_000)] == ["sizes/16"]
    assert next_trials(PLAN, outcomes(climbed[:3]), 1_000) == PLAN.trials
    assert next_trials(PLAN, outcomes(climbed), 1_000) == PLAN.trials
    assert [trial.run for trial in next_trials(PLAN, outcomes([*climbed[:3], own]), 1_000)] == ["sizes/32"]
    treated = next_trials(PLAN, outcomes([*climbed, own]), 1_000)
    assert [trial.run for trial in treated] == ["regularizers/l2 0.01", "regularizers/l2 0.01 + dropout 0.5"]
    assert {trial.units for trial in treated} == {(16,)}
    known = [*climbed, own, *((trial, (0.8,)) for trial in treated)]
    fewer = next_trials(PLAN, outcomes(known), 1_000)
    assert [(t.run, t.share, t.units) for t in fewer] == [("rows/250", 0.25, (7,)), ("rows/500", 0.5, (7,))]
    assert next_trials(PLAN, outcomes([*known, *((trial, (0.5,)) for trial in fewer)]), 1_000) == ()


def test_fewer_rows_get_as_many_steps() -> None:
    known = [
        *size_trials(0.8, 0.8, 0.8, 0.8),
        (PLAN.trials[0], (1.2,)),
    ]
    known += [(t, (0.8,)) for t in next_trials(PLAN, outcomes(known), 1)]
    quarter = next_trials(PLAN, outcomes(known), 1_000)[0]
    recipe = quarter.recipe(PLAN.recipe)
    assert (recipe.batch, recipe.max_epochs, recipe.stopping.patience) == (50, 80, 20)
    whole, part = 1_000 / 100 * 40, 250 / 50 * 80
    assert whole == part


@pytest.mark.parametrize(
    ("skills", "smallest", "best", "still_improving", "code"),
    [
        ([0.2, 0.5, 0.5, 0.5], "sizes/8", None, False, None),
        ([0.2, 0.3, 0.4, 0.6], "sizes/32", "sizes/32", True, "conclusion-size-growing"),
        ([0.2, 0.6, 0.3, 0.2], "sizes/8", "sizes/8", False, "conclusion-size-best"),
    ],
)
def test_sizes_name_the_smallest_that_is_as_good(
    skills: list[float], smallest: str, best: str | None, still_improving: bool, code: str | None
) -> None:
    found = analyse_sizes(outcomes(size_trials(*skills)), 28)
    assert found is not None
    assert (found.smallest, found.still_improving) == (smallest, still_improving)
    assert best is None or found.best == best
    assert code is None or found.finding.code == code
    assert found.finding.parameters["run"] == smallest
    text = catalog(ENGLISH).render(found.finding)
    if code == "conclusion-size-best":
        assert text.endswith("No smaller one is within one standard error of it.")
    assert [size.parameters for size in found.results] == sorted(size.parameters for size in found.results)
    for size in found.results:
        low, middle, high = size.validation
        assert low < middle < high and np.isfinite(size.train).all()
    assert analyse_sizes(outcomes(size_trials(0.5)), 28) is None


def test_the_smallest_size_is_not_compared_with_smaller_ones() -> None:
    found = analyse_sizes(outcomes(size_trials(0.6, 0.4, 0.3, 0.2)), 28)
    assert found is not None and found.smallest == found.best == found.results[0].run
    assert catalog(ENGLISH).render(found.finding).endswith("is best. It is the smallest.")


def test_sizes_for_which_there_was_no_time_are_not_treated() -> None:
    known = outcomes([*size_trials(0.8, 0.8, 0.8, 0.8), (PLAN.trials[0], (0.1,))])
    last = [run for run in known.trials if run.startswith("sizes/")][-1]
    without = replace(known, trained={key: each for key, each in known.trained.items() if key[0] != last})
    treated = next_trials(PLAN, without, 1_000)
    assert {trial.units for trial in next_trials(PLAN, known, 1_000)} == {(16,)}
    assert {trial.units for trial in treated} == {(8,)}

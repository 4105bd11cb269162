"""Recipes in plans: every treatment reads back from TOML, and a trial's own settings take their places."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gengap.errors import PlanError
from gengap.models import treatments as t
from gengap.plan import Plan, Recipe, Trial
from gengap.presets import BETTER, better, load_plan
from gengap.train.recipe import Constant, Cosine, FlatCosine, InverseTime

rates, counts, strengths = st.floats(1e-6, 0.99), st.integers(2, 99), st.floats(0, 9)
KINDS: dict[type[t.Treatment], st.SearchStrategy[t.Treatment]] = {
    t.L1: st.builds(t.L1, rates),
    t.L2: st.builds(t.L2, rates),
    t.L1L2: st.builds(t.L1L2, rates, rates),
    t.Dropout: st.builds(t.Dropout, rates),
    t.BatchNorm: st.builds(t.BatchNorm, rates),
    t.WeightDecay: st.builds(t.WeightDecay, rates),
    t.WeightAverage: st.builds(t.WeightAverage, rates),
    t.Ftrl: st.builds(t.Ftrl, strengths, strengths, rates),
    t.LabelSmoothing: st.builds(t.LabelSmoothing, rates),
    t.Noise: st.builds(t.Noise, rates),
    t.Mixup: st.builds(t.Mixup, rates),
    t.Clip: st.builds(t.Clip, rates, st.sampled_from(["hard", "smooth"])),
    t.Periodic: st.builds(t.Periodic, counts, counts, rates),
    t.Ensemble: st.builds(t.Ensemble, counts),
    t.LogTarget: st.builds(t.LogTarget),
    t.QuantileNormal: st.builds(t.QuantileNormal, counts),
    t.SpatialDropout: st.builds(t.SpatialDropout, rates),
    t.RecurrentDropout: st.builds(t.RecurrentDropout, rates),
    t.LayerNorm: st.builds(t.LayerNorm),
    t.Augment: st.builds(t.Augment, st.sampled_from(["none", "horizontal", "both"]), rates, rates, rates, rates),
    t.WordDropout: st.builds(t.WordDropout, rates),
    t.TimeMask: st.builds(t.TimeMask, rates),
    t.Freeze: st.builds(t.Freeze, counts),
}
schedules = st.one_of(
    st.builds(Constant, rates),
    st.builds(InverseTime, rates, rates, rates),
    st.builds(Cosine, rates),
    st.builds(FlatCosine, rates, rates),
)
trials = st.builds(
    Trial,
    run=st.just("a/b"),
    units=st.lists(counts, max_size=3).map(tuple),
    treatments=st.lists(st.one_of(*KINDS.values()), max_size=4, unique_by=lambda one: one.role or type(one)).map(
        tuple
    ),
    batch=st.none() | counts,
    schedule=st.none() | schedules,
    activation=st.none() | st.sampled_from(["elu", "relu", "silu"]),
)


@given(trials, schedules)
def test_a_plan_of_any_treatments_reads_back_equal(trial: Trial, schedule: Cosine) -> None:
    plan = Plan(name="p", trials=(trial,), recipe=Recipe(schedule=schedule, activation="silu"))
    assert Plan.from_toml(plan.to_toml()) == plan
    assert load_plan(plan) == plan


def test_every_treatment_is_tried() -> None:
    assert set(KINDS) == set(t.TREATMENTS)


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        ((t.L1(0.1), t.L2(0.2)), r"a/b has 2 penalties on its weights \(l1 0.1, l2 0.2\); expected at most one"),
        ((t.WeightDecay(0.1), t.Ftrl()), r"a/b has 2 optimizers \(weight decay 0.1, FTRL with l1 0.01 and l2 0\)"),
        ((t.Ensemble(2), t.Ensemble(3)), r"2 ensembles \(2-member ensemble, 3-member ensemble\)"),
    ],
)
def test_a_plan_with_two_of_what_a_model_has_one_of_names_both(pair: tuple[t.Treatment, ...], said: str) -> None:
    trial = Trial(run="a/b", units=(4,), treatments=pair)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match=said):
        Plan(name="p", trials=(trial,))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("activation = 'tanh3'", "Invalid enum value 'tanh3'"),
        ("batch = 0", ">= 1"),
        ("schedule = {kind = 'flat-cosine', flat = 1.5}", "< 1.0"),
        ("treatments = [{kind = 'noise', deviation = 2.0}]", "<= 1.0"),
        ("treatments = [{kind = 'ensemble', members = 1}]", ">= 2"),
    ],
)
def test_a_wrong_setting_names_the_field(text: str, said: str) -> None:
    with pytest.raises(PlanError, match=said):
        Plan.from_toml(f'name = "p"\n[[trials]]\nrun = "a/b"\nunits = [4]\n{text}\n')


def test_a_trials_own_settings_replace_the_recipes() -> None:
    common = Recipe(batch=500, schedule=InverseTime(0.5))
    trial = Trial(run="a/b", units=(4,), batch=7, activation="relu", schedule=Cosine(0.1), learning_rate=0.2)
    assert trial.recipe(common) == Recipe(batch=7, schedule=Cosine(0.2), activation="relu")
    assert Trial(run="a/b", units=(4,)).recipe(common) == common
    model = trial.build(28, 10, common, 0)
    assert model.layers[0].activation.__name__ == "relu"


def test_schedules_count_epochs() -> None:
    cosine, flat = Cosine(0.1).build(10, 8), FlatCosine(0.1, flat=0.5).build(10, 8)
    assert float(cosine(0)) == pytest.approx(0.1) and float(cosine(40)) == pytest.approx(0.05)
    assert float(cosine(80)) == pytest.approx(0, abs=1e-9) and float(cosine(99)) == pytest.approx(0, abs=1e-9)
    assert [float(flat(step)) for step in (0, 20, 40)] == pytest.approx([0.1] * 3)
    assert float(flat(60)) == pytest.approx(0.05) and float(flat(80)) == pytest.approx(0, abs=1e-9)
    assert float(FlatCosine(0.1, flat=0.1).build(1, 1)(0)) == pytest.approx(0.1)
    assert Constant(0.1).build(10, 8) == 0.1


@pytest.mark.slow
def test_the_better_recipe_is_one_trial() -> None:
    trial = load_plan(Plan(name="p", trials=(better(),))).trials[0]
    assert trial.treatments == BETTER
    model = trial.build(28, 40, Recipe(), 0)
    assert model.count_params() == trial.parameters(28)
    for left_out in BETTER:
        rest = tuple(one for one in BETTER if one is not left_out)
        Trial(run="a/b", units=(8,), treatments=rest).build(28, 40, Recipe(), 0)


def test_plans_load_neither_keras_nor_jax() -> None:
    said = (
        "import sys, gengap.plan, gengap.models; print([m for m in ('keras', 'jax', 'scipy') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"

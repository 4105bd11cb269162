"""Plans: round trips through TOML, the tutorial's protocol, and errors that name the field."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gengap.errors import PlanError
from gengap.models.treatments import L2, Dropout
from gengap.plan import Growth, Plan, Recipe, Trial
from gengap.presets import load_plan
from gengap.train.recipe import Constant, InverseTime
from gengap.train.stopping import Stopping

positive = st.integers(1, 10**6)
rates = st.floats(1e-6, 0.99)
treatments = st.lists(st.one_of(st.builds(L2, rates), st.builds(Dropout, rates)), max_size=2, unique_by=type).map(
    tuple
)
stoppings = st.builds(
    Stopping,
    patience=st.integers(0, 1000),
    min_delta=st.floats(0, 1),
    baseline=st.none() | st.floats(-9, 9),
    start_from_epoch=st.integers(0, 99),
)
recipes = st.builds(
    Recipe,
    batch=positive,
    max_epochs=positive,
    schedule=st.one_of(st.builds(Constant, rates), st.builds(InverseTime, rates, rates, rates)),
    stopping=stoppings,
)
trials = st.builds(
    Trial,
    run=st.from_regex(r"[a-z]{1,5}/[A-Z][a-z0-9 ]{0,5}", fullmatch=True),
    units=st.lists(positive, min_size=1, max_size=4).map(tuple),
    treatments=treatments,
    max_epochs=st.none() | positive,
    patience=st.none() | positive,
    learning_rate=st.none() | rates,
)
plans = st.builds(
    Plan,
    name=st.text("abc-", min_size=1, max_size=9),
    trials=st.lists(trials, min_size=1, max_size=4, unique_by=lambda t: t.run).map(tuple),
    recipe=recipes,
    preparation=st.sampled_from(["raw", "standardise"]),
)


@given(plans)
def test_a_plan_reads_back_equal_from_toml(plan: Plan) -> None:
    assert Plan.from_toml(plan.to_toml()) == plan


def test_the_tutorials_protocol() -> None:
    plan = load_plan("tutorial")
    assert {trial.run: trial.parameters(28) for trial in plan.trials} == {
        "sizes/Tiny": 481,
        "sizes/Small": 753,
        "sizes/Medium": 10_241,
        "sizes/large": 803_329,
        "regularizers/l2": 803_329,
        "regularizers/dropout": 803_329,
        "regularizers/combined": 803_329,
    }
    assert plan.trials[0].aliases == ("regularizers/Tiny",)
    assert plan.preparation == "raw"
    assert plan.recipe == Recipe(
        batch=500, max_epochs=10_000, schedule=InverseTime(0.001, 1000, 1), stopping=Stopping(patience=200)
    )
    for trial in plan.trials:
        assert trial.recipe(plan.recipe) == plan.recipe


@pytest.mark.parametrize("trial", load_plan("tutorial").trials, ids=lambda trial: trial.run)
def test_models_have_the_parameters_that_plans_say(trial: Trial) -> None:
    assert trial.build(28, 20, Recipe(), 0).count_params() == trial.parameters(28)


HEAD = 'name = "p"\n[[trials]]\nrun = "a/b"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('name = "p"\ntrials = []', "at least one trial"),
        (HEAD + 'units = ["many"]', r"trials\[0\].units\[0\]: 'many' is not a whole number"),
        (HEAD + "units = [0]", r">= 1"),
        (
            HEAD + "units = [1]\ntreatments = [{kind = 'l2', strength = 1.0}, {kind = 'l2', strength = 2.0}]",
            "2 penalties",
        ),
        (HEAD + "units = [1]\nlearning_rate = inf", "<= "),
        (HEAD + "units = [1]\n[recipe.stopping]\nmonitor = 'acuracy'", "acuracy"),
        (HEAD + "units = [1]\n[recipe.stopping]\nmonitor = 'accuracy'", 'mode = "max"'),
        (HEAD + "units = [1]\n[recipe.stopping]\nrestore_best = false", "restore_best"),
        (HEAD + "units = [1]\n[recipe.stopping]\npatience = 5000000000", "<= "),
        (HEAD.replace("a/b", "features/b") + "units = [1]", "run name 'features/b' would take"),
        (HEAD.replace("a/b", "a/b.seed1") + "units = [1]", "seed1"),
        (HEAD.replace("a/b", "best") + "units = [1]", "'best'"),
        (HEAD + "units = [1]\ncolour = 3", r"there is no field 'colour' in trials\[0\]"),
        (HEAD + 'units = [1]\ntreatments = [{kind = "l3", strength = 1.0}]', "Invalid value 'l3'"),
        (HEAD + 'units = [1]\ntreatments = [{kind = "dropout", rate = 1.5}]', "< 1.0"),
        (HEAD.replace("a/b", "../b") + "units = [1]", r"run name '\.\./b'"),
        (HEAD.replace("a/b", "/etc/b") + "units = [1]", "run name"),
        (HEAD + 'units = [1]\naliases = ["a/b"]', "used 2 times"),
        ("name = ", "mine.toml"),
    ],
)
def test_a_wrong_plan_names_the_field_and_the_file(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(PlanError, match=said) as error:
        load_plan(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("text", "close"),
    [
        ("units = [1]\npatence = 3", "patience"),
        ("unit = [1]", "units"),
        ("units = [1]\ntreatments = [{kind = 'dropot', rate = 0.5}]", "dropout"),
        ("units = [1]\ntreatments = [{kind = 'dropout', rat = 0.5}]", "rate"),
        ("units = [1]\n[recipe]\nactivation = 'rellu'", "relu"),
        ("units = [1]\n[recipe]\nstop = 'verdict!'", "verdict"),
        ("units = [1]\n[recipe.schedule]\nkind = 'cosin'", "cosine"),
    ],
)
def test_a_misspelt_name_gets_a_suggestion(text: str, close: str) -> None:
    with pytest.raises(PlanError, match=f"Did you mean '{close}'"):
        Plan.from_toml(HEAD + text)


def test_only_takes_capital_and_small_letters_as_equal() -> None:
    for pattern, run in (
        ("sizes/tiny", "sizes/Tiny"),
        ("SIZES/LARGE", "sizes/large"),
        ("Better/*", "better/Ensemble"),
    ):
        assert [trial.run for trial in load_plan("quick").only(pattern).trials] == [run]
    capital, small = (load_plan("full").only(each).growth for each in ("REGULARIZERS/L*", "regularizers/l*"))
    assert capital is not None and capital.regularizers and capital == small


def test_only_and_capped_cut_a_plan_down() -> None:
    plan = load_plan("quick").only("regularizers/*").with_max_epochs(7)
    assert [trial.run for trial in plan.trials] == [
        "sizes/Tiny",
        "regularizers/l2",
        "regularizers/dropout",
        "regularizers/combined",
    ]
    assert {trial.recipe(plan.recipe).max_epochs for trial in plan.trials} == {7}
    assert (
        plan.trials[0].aliases == ("regularizers/Tiny",)
        and load_plan("quick").only("sizes/*").trials[0].aliases == ()
    )


def test_a_partial_stopping_rule_keeps_the_other_defaults() -> None:
    plan = Plan.from_toml(HEAD + "units = [1]\n[recipe.stopping]\nmin_delta = 0.1")
    assert plan.recipe.stopping == Stopping(patience=200, min_delta=0.1)


def test_plans_built_in_python_are_checked_too() -> None:
    with pytest.raises(PlanError, match=r"< 1\.0"):
        load_plan(Plan(name="p", trials=(Trial(run="a/b", units=(1,), treatments=(Dropout(7.0),)),)))
    with pytest.raises(PlanError, match=">= 1"):
        load_plan(Plan(name="p", trials=(Trial(run="a/b", units=(0,)),)))


def test_one_fold_is_no_cross_validation() -> None:
    with pytest.raises(PlanError, match="folds is 1; expected 0"):
        Plan.from_toml('name = "a"\ntrials = []\n[growth]\nsizes = [[4]]\nfolds = 1\n')


def test_folds_stay_where_the_trials_are_cut_down() -> None:
    trials = (Trial(run="a/x", units=(4,)), Trial(run="a/y", units=(8,)), Trial(run="b/z", units=(8,)))
    plan = Plan(name="mine", trials=trials, growth=Growth(folds=4))
    for cut in (plan.only("a/*"), plan.without_treatments()):
        assert cut.growth is not None and cut.growth.folds == 4


@pytest.mark.parametrize("rows", [60, 500, 3_000, 10_000, 200_000, 1_000_000])
def test_few_rows_get_small_batches_and_enough_steps(rows: int) -> None:
    trial = Trial(run="a", units=(4,), max_epochs=30, batch=256, min_steps=2_000)
    plan = Plan(name="p", trials=(trial, Trial(run="b", units=(4,)))).adapt_to_rows(rows)
    adapted, other = plan.trials
    recipe = adapted.recipe(plan.recipe)
    assert other == Trial(run="b", units=(4,))
    assert recipe.max_epochs * -(-rows // recipe.batch) >= 2_000 and recipe.max_epochs >= 30
    assert 32 <= recipe.batch <= 256 and (rows < 5_000) == (recipe.batch < 128)
    assert recipe.stopping.patience == -(-recipe.max_epochs // 5)
    assert plan.adapt_to_rows(rows) == plan == Plan.from_toml(plan.to_toml())


def test_a_cap_on_epochs_is_stronger_than_the_fewest_steps_and_a_high_one_changes_nothing() -> None:
    plan = Plan(name="p", trials=(Trial(run="a", units=(4,), max_epochs=30, batch=256, min_steps=2_000),))
    adapted = plan.adapt_to_rows(1_500)
    assert adapted.with_max_epochs(3).trials[0].recipe(plan.recipe).max_epochs == 3
    assert plan.with_max_epochs(500).adapt_to_rows(1_500).with_max_epochs(500).trials == adapted.trials
    assert plan.with_max_epochs(3).adapt_to_rows(1_500).with_max_epochs(3).trials[0].max_epochs == 3

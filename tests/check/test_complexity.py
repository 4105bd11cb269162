"""The table of complexity paths: every known estimator has settings that it accepts, in order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, SplineTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import all_estimators

from gengap.check.complexity import TABLE, chosen_ladders, ladders
from gengap.check.estimator_verdict import changed, changes_text
from gengap.check.estimators import clone_values, name_of, silenced, unfitted, with_one_thread
from gengap.check.fit_facts import facts
from gengap.text.catalog import catalog

KNOWN = dict(all_estimators())
NAMES = [name for family in TABLE if family.library == "sklearn" for name in family.names]
FACTS = {"rows": 400.0, "leaves": 60.0, "rounds": 100.0, "iterations": 200.0, "features": 5.0}


def test_every_name_is_an_estimator_of_scikit_learn() -> None:
    assert set(NAMES) <= set(KNOWN) and len(NAMES) == len(set(NAMES))


@pytest.mark.parametrize("name", NAMES)
def test_every_known_estimator_accepts_its_settings(name: str) -> None:
    estimator = KNOWN[name]()
    if hasattr(estimator, "get_params") and "estimator" in estimator.get_params():
        estimator.set_params(estimator=DecisionTreeClassifier(max_depth=4))
    if "n_components" in estimator.get_params():
        estimator.set_params(n_components=4)
    made = {**FACTS, "rounds": float(estimator.get_params().get("n_estimators") or 100)}
    found = ladders(estimator, made)
    assert found, name
    for ladder in found:
        for changes in (*ladder.simpler, *ladder.flexible):
            if "" not in changes:
                clone(estimator).set_params(**clone_values(dict(changes)))
        values = [tuple(changes.items()) for changes in (*ladder.simpler, *ladder.flexible)]
        if not any(hasattr(value, "fit") for each in values for _, value in each):
            assert len(values) == len(set(map(str, values))), ladder


@pytest.mark.parametrize("value", ["three", ["three"], True, None])
@pytest.mark.parametrize("name", NAMES)
def test_a_parameter_of_a_wrong_type_is_left_to_the_first_fit(name: str, value: object) -> None:
    """The estimator refuses it there and says why, or takes it after all."""
    estimator = KNOWN[name]()
    for parameter in estimator.get_params(deep=False):
        ladders(clone(estimator).set_params(**{parameter: value}), {**FACTS, "rounds": 100.0})


def test_a_network_without_hidden_layers_has_no_widths() -> None:
    found = {ladder.axis: ladder for ladder in ladders(MLPClassifier(hidden_layer_sizes=()), FACTS)}
    widths = found.get("hidden_layer_sizes")
    assert found and (widths is None or not (widths.simpler or widths.flexible))


def leaves_of(changes: dict[str, Any]) -> float:
    return changes["max_leaf_nodes"] or np.inf


def test_a_tree_gets_fewer_leaves_or_loses_its_limits() -> None:
    tree = DecisionTreeClassifier(max_depth=3, min_samples_leaf=8)
    (ladder,) = ladders(tree, {"rows": 500.0, "leaves": 8.0})
    assert [leaves_of(each) for each in ladder.simpler] == [4, 2]
    assert ladder.flexible[0] == {"max_depth": 4, "min_samples_leaf": 4}
    assert ladder.flexible[-1] == {"max_depth": None, "min_samples_leaf": 1}
    (free,) = ladders(DecisionTreeClassifier(), {"rows": 500.0, "leaves": 100.0})
    assert not free.flexible


def test_parts_of_a_pipeline_have_their_prefixes() -> None:
    pipeline = make_pipeline(PolynomialFeatures(3), SplineTransformer(), SVC(gamma=0.5))
    axes = [ladder.axis for ladder in ladders(pipeline, FACTS)]
    assert axes == ["svc__C", "svc__gamma", "polynomialfeatures__degree", "splinetransformer__n_knots"]
    assert name_of(pipeline) == "Pipeline(SVC)"


@pytest.mark.parametrize(
    ("values", "now", "simpler", "flexible"),
    [
        ([1, 2, 4, 8], 4, [2, 1], [8]),
        ([100.0, 10.0, 1.0], 10.0, [100.0], [1.0]),
        ([100.0, 10.0, 1.0], 30.0, [100.0], [10.0, 1.0]),
        (["low", "mid", "high"], "mid", ["low"], ["high"]),
    ],
)
def test_given_values_are_split_at_the_present_one(values: list, now: Any, simpler: list, flexible: list) -> None:
    tree = DecisionTreeClassifier(max_depth=now)  # no fit, so any value will do
    (ladder,) = chosen_ladders(("max_depth", values), tree, FACTS)
    assert [each["max_depth"] for each in ladder.simpler] == simpler
    assert [each["max_depth"] for each in ladder.flexible] == flexible


def test_a_polynomial_never_needs_more_features_than_fit_into_memory() -> None:
    pipeline = make_pipeline(PolynomialFeatures(2), SVC())
    degrees = {ladder.axis: ladder for ladder in ladders(pipeline, {**FACTS, "features": 231.0})}  # of 20 columns
    assert [each["polynomialfeatures__degree"] for each in degrees["polynomialfeatures__degree"].flexible] == [3]
    few = {ladder.axis: ladder for ladder in ladders(pipeline, {**FACTS, "features": 6.0})}  # of 2 columns
    assert len(few["polynomialfeatures__degree"].flexible) == 8


def test_facts_are_those_of_the_last_step() -> None:
    x, y = np.random.default_rng(0).normal(size=(80, 3)), np.arange(80) % 2
    pipeline = make_pipeline(PolynomialFeatures(2), DecisionTreeClassifier(max_leaf_nodes=5, random_state=0)).fit(
        x, y
    )
    assert facts(pipeline)["leaves"] == 5


def test_boosters_of_other_libraries_get_one_thread_unless_they_have_a_number() -> None:
    class Booster(BaseEstimator):
        def __init__(self, n_jobs: int | None = None) -> None:
            self.n_jobs = n_jobs

    Booster.__module__ = "lightgbm.sklearn"
    made = with_one_thread(make_pipeline(StandardScaler(), Booster()))
    assert made[-1].n_jobs == 1 and with_one_thread(Booster(4)).n_jobs == 4
    assert with_one_thread(RandomForestClassifier()).n_jobs is None  # scikit-learn's have one thread by default


def test_boosters_of_other_libraries_print_nothing_unless_they_are_told_to() -> None:
    class Booster(BaseEstimator):
        def __init__(self, verbose: int | None = None, silent: bool | None = None) -> None:
            self.verbose, self.silent = verbose, silent

    Booster.__module__ = "catboost.core"
    assert silenced(make_pipeline(StandardScaler(), Booster()))[-1].verbose == 0
    assert silenced(Booster(verbose=50)).verbose == 50 and silenced(Booster(silent=False)).verbose is None


def test_a_parameter_that_the_estimator_does_not_tell_is_named() -> None:
    texts = catalog("en")
    changes = ({"depth": 4}, {"C": 4.0, "gamma": 2.0}, {"": SVC()})
    assert [texts.parameter_text(changed(each, SVC())) for each in changes] == [
        "depth=4",
        "C=4 (now 1), gamma=2 (now 'scale')",
        "SVC()",
    ]
    assert [changes_text(each) for each in changes] == ["depth=4", "C=4, gamma=2", "SVC()"]


def test_the_strength_of_a_kernel_machine_stays_near_the_present_one() -> None:
    strength = next(each for each in ladders(SVC(C=3.0), {"features": 4.0}) if each.axis == "C")
    assert max(each["C"] for each in strength.flexible) == pytest.approx(3.0 * 4**5, rel=0.01)


@pytest.mark.parametrize(
    ("now", "flexible"), [((2,), [(4,), (8,), (16,), (32,), (64,), (128,)]), ((64, 32), [(128, 64), (256, 128)])]
)
def test_networks_get_wider_as_far_as_their_fits_stay_fast(now: tuple[int, ...], flexible: list[Any]) -> None:
    ladder = next(e for e in ladders(MLPClassifier(now), FACTS) if e.axis == "hidden_layer_sizes")
    assert [each["hidden_layer_sizes"] for each in ladder.flexible] == flexible


class Doubling(BaseEstimator):
    """An estimator that changes its parameter."""

    def __init__(self, size: int = 1) -> None:
        self.size = 2 * size


def test_an_estimator_that_changes_its_parameters_is_refused() -> None:
    with pytest.raises(RuntimeError, match="Cannot clone"):
        unfitted(Doubling(3))


class CopiesItsList(BaseEstimator):
    """An estimator that copies a parameter and tells the ones that were set last at the end, as CatBoost does."""

    def __init__(self, columns: list[str] | None = None, size: int = 1) -> None:
        self.columns, self.size, self.order = list(columns or []), size, ["columns", "size"]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.order}

    def set_params(self, **changes: Any) -> CopiesItsList:
        self.order = [*(name for name in self.order if name not in changes), *changes]
        return super().set_params(**changes)


def test_an_estimator_that_copies_its_parameters_is_copied_in_whatever_order_it_tells_them() -> None:
    given = CopiesItsList(["a", "b"]).set_params(size=2, columns=["c"])
    again = unfitted(given)
    assert again is not given and (again.columns, again.size) == (["c"], 2)

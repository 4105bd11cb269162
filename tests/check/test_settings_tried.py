"""`gengap.check`: which settings it tries, gives up and names, and with which seeds."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import pytest
import sklearn
from check.plain_rows import ROWS, classes, numbers
from rich.console import Console
from sklearn.base import BaseEstimator, ClassifierMixin, clone, is_classifier
from sklearn.ensemble import (
    StackingClassifier,
    VotingClassifier,
)
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LarsCV, LassoCV, LogisticRegression, LogisticRegressionCV, Ridge, RidgeCV
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import gengap
from gengap.check import fold_fits
from gengap.check.check_console import result_text
from gengap.check.complexity import ladders
from gengap.check.estimator_verdict import CLEAR
from gengap.check.estimators import name_of, resolve
from gengap.check.fit_facts import facts
from gengap.check.result import CheckResult
from gengap.check.setting_losses import Setting
from gengap.text.catalog import catalog


def test_bad_settings_are_given_up_after_two_folds_and_never_chosen(tree: CheckResult) -> None:
    walk = gengap.check(KNeighborsRegressor(5), *numbers()).facts.walk
    missing = [np.isnan(each.losses).mean() for each in walk.found]
    assert set(missing) == {0.0, 0.6, 0.8}  # two of ten folds, or four, are enough to give up
    assert not np.isnan(walk.best().losses).any()
    assert tree.facts.walk.evaluator.fits < 12 * 5


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of LogisticRegressionCV
@pytest.mark.parametrize(
    ("estimator", "inside", "axes"),
    [
        (
            VotingClassifier(
                [
                    ("tree", DecisionTreeClassifier()),
                    ("line", make_pipeline(StandardScaler(), LogisticRegression())),
                ]
            ),
            "",
            {"tree__max_leaf_nodes", "line__logisticregression__C"},
        ),
        (
            StackingClassifier([("near", KNeighborsClassifier(1))], LogisticRegression(), cv=2),
            "",
            {"near__n_neighbors", "final_estimator__C"},
        ),
        (RidgeCV([0.5]), "Ridge", {"alpha"}),
        (LarsCV(cv=2), "LarsCV", set()),
        (make_pipeline(StandardScaler(), LassoCV(alphas=[0.1], cv=2)), "Pipeline(Lasso)", {"lassocv__alpha"}),
        (
            make_pipeline(StandardScaler(), LogisticRegressionCV(Cs=[0.5], cv=2)),
            "Pipeline(LogisticRegression)",
            {"logisticregressioncv__C"},
        ),
        (
            make_pipeline(StandardScaler(), GridSearchCV(KNeighborsRegressor(), {"n_neighbors": [2]}, cv=2)),
            "Pipeline(KNeighborsRegressor)",
            {"gridsearchcv__n_neighbors"},
        ),
    ],
)
def test_ensembles_and_estimators_that_choose_have_the_paths_of_what_is_inside(
    estimator: Any, inside: str, axes: set[str]
) -> None:
    x, y = classes() if is_classifier(estimator) else numbers()
    made = resolve(estimator, x, y)
    assert {ladder.axis for ladder in ladders(made, {"rows": 200.0} | facts(clone(made).fit(x, y)))} == axes
    assert not inside or name_of(made) == inside
    assert not hasattr(estimator, "n_features_in_")


def test_a_reference_that_is_better_is_measured_on_enough_rows() -> None:
    x, y = classes(150)
    bad = gengap.check(KNeighborsClassifier(1), x, y, complexity=("n_neighbors", [2, 1]))
    assert "other-kind-better" in bad.verdict.codes
    assert not np.isnan(bad.facts.references["linear"].losses).any()  # one fold of 15 rows is luck


def test_another_kind_is_compared_with_the_best_setting_on_all_folds() -> None:
    x, y = numbers()
    walk = gengap.check(Ridge(), x, y, cv=4).facts.walk
    given_up = np.where(walk.units.fold == 0, 0.0, np.nan)
    walk.found = [replace(walk.base, setting=Setting({"alpha": 2.0}, "simpler"), losses=given_up)]
    assert walk.best() is walk.base
    walk.found.append(replace(walk.found[0], losses=walk.base.losses - 0.01))
    assert walk.best() is walk.found[1]


def test_metadata_is_routed_as_estimators_request_it() -> None:
    class Noted(Ridge):
        seen: ClassVar[list[set[str]]] = []

        def fit(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> Noted:
            self.seen.append(
                {n for n, v in (("w", sample_weight), ("g", groups)) if v is not None and len(v) == len(y)}
            )
            return super().fit(X, y)

    x, y = numbers()
    rows = {"sample_weight": np.ones(len(y)), "groups": np.arange(len(y)) % 6, "cv": 3}
    with sklearn.config_context(enable_metadata_routing=True):
        for request, expected in (({}, set()), ({"groups": True}, {"g"}), ({"sample_weight": True}, {"w"})):
            Noted.seen.clear()
            scaler = StandardScaler().set_fit_request(sample_weight=False)
            gengap.check(make_pipeline(scaler, Noted().set_fit_request(**request)), x, y, **rows)
            assert Noted.seen and all(each == expected for each in Noted.seen)


def test_a_score_of_errors_keeps_its_sign_in_all_settings() -> None:
    x, y = numbers()
    result = gengap.check(DecisionTreeRegressor(), x, -y, scoring="explained_variance", cv=3)
    bad = gengap.check(DecisionTreeRegressor(), x[::-1], y, scoring="explained_variance", cv=3)
    assert 0 < result.facts.loss < 1 < bad.facts.loss  # negative scores are losses above 1
    assert all(bad.path["loss"] > 0.9)


def test_everybody_sees_which_settings_were_given_up() -> None:
    x, y = numbers()
    tree = gengap.check(DecisionTreeRegressor(random_state=0), x, y, cv=5)
    rows = tree.path["rows"]
    assert set(rows) == {96, ROWS} and rows[tree.path["side"] == "as-is"].item() == ROWS
    note, plain = catalog("en").text("check-given-up"), Console(file=io.StringIO(), width=200)
    plain.print(result_text(tree))
    shown = cast("io.StringIO", plain.file).getvalue()
    assert note in shown and f" {rows.min()} " in shown
    assert catalog("en").text("check-given-up") in tree._repr_html_()
    scores = gengap.check(Ridge(), x, y, cv=5, scoring="explained_variance")
    assert set(scores.path["rows"]) | set(scores.references["rows"]) == {ROWS} and not scores.some_given_up
    plain = Console(file=io.StringIO(), width=200)
    plain.print(result_text(scores))
    assert note not in cast("io.StringIO", plain.file).getvalue()


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_the_page_says_which_settings_were_given_up(lang: str, tmp_path: Path) -> None:
    tree = gengap.check(DecisionTreeRegressor(random_state=0), *numbers(), cv=5)
    page = tree.report(tmp_path / "page.html", lang).read_text(encoding="utf-8")
    assert catalog(lang).text("check-given-up") in page and '<td class="n">96</td>' in page


def test_folds_have_different_seeds_and_settings_the_same_ones() -> None:
    seeds: dict[float, list[int]] = {}

    class Seeded(Ridge):
        def __init__(self, alpha: float = 1.0, random_state: int | None = None) -> None:
            super().__init__(alpha, random_state=random_state)

        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Seeded:
            if len(y) > ROWS / 2:
                seeds.setdefault(self.alpha, []).append(cast("int", self.random_state))
            return super().fit(X, y)

    gengap.check(Seeded(), *numbers(), complexity=("alpha", [0.5, 1.0]), cv=3, random_state=2**32 - 1)
    assert seeds[1.0] == [2**32 - 1, 0, 1]
    assert seeds[0.5] == seeds[1.0][:2]  # given up after two folds
    seeds.clear()
    gengap.check(Seeded(random_state=5), *numbers(), complexity=("alpha", [0.5, 1.0]), cv=3)
    assert set(seeds[1.0]) == {5}


@pytest.mark.parametrize("draw", [lambda: None, lambda: np.random.RandomState(3)])
def test_a_seed_that_is_drawn_is_one_for_the_whole_check(draw: Callable[[], Any]) -> None:
    x, y = numbers()
    facts = gengap.check(DecisionTreeRegressor(max_leaf_nodes=4), x, y, cv=3, random_state=draw()).facts
    seed = facts.walk.evaluator.seed
    again = gengap.check(DecisionTreeRegressor(max_leaf_nodes=4), x, y, cv=3, random_state=seed).facts
    assert type(seed) is int and np.array_equal(again.walk.base.losses, facts.walk.base.losses)
    assert [each.setting.changes for each in again.walk.found] == [
        each.setting.changes for each in facts.walk.found
    ]


def test_a_clearly_better_flexible_setting_is_named_without_a_signal() -> None:
    class Bold(ClassifierMixin, BaseEstimator):
        """Predict shares that ignore the features, and are far too bold unless it is patient."""

        def __init__(self, patience: int = 1) -> None:
            self.patience = patience

        def fit(self, X: Any, y: Any) -> Bold:
            self.classes_ = np.unique(y)
            return self

        def predict_proba(self, X: Any) -> np.ndarray:
            share = 0.5 + 0.45 / self.patience
            return np.tile([1 - share, share], (len(X), 1))

        def predict(self, X: Any) -> np.ndarray:
            return np.ones(len(X))

    random = np.random.default_rng(0)
    x, y = random.normal(size=(200, 3)), np.arange(200) % 2
    verdict = gengap.check(Bold(), x, y, complexity=("patience", [1, 10, 100])).verdict
    assert (verdict.verdict, *verdict.codes[:2]) == ("underfit", "flexible-better", "no-better-than-constant")
    near = gengap.check(Bold(5), x, y, complexity=("patience", [5, 10])).verdict
    assert near.probabilities["underfit"] < CLEAR and near.verdict == "inconclusive"


def test_a_penalty_far_too_small_is_raised_until_it_matters() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(100, 60))
    y = x[:, 0] + random.normal(size=100)
    result = gengap.check(Ridge(1e-7), x, y, cv=5)  # up to a penalty of 0.01 the loss is the same
    best = result.facts.walk.result("simpler")
    assert best is not None and 10 < best.best.setting.changes["alpha"] < 1e4
    assert result.verdict.verdict == "overfit" and best.gain.percent[0] > 30


def test_the_nearest_setting_is_tried_first_and_then_those_next_to_the_best_one() -> None:
    random = np.random.default_rng(2)
    x = random.normal(size=(200, 5))
    y = x @ np.array([1.0, -1.0, 0.5, 0.0, 0.0]) + random.normal(0, 0.7, size=200)
    kernel = KernelRidge(kernel="rbf", alpha=0.5, gamma=0.05)
    result = gengap.check(make_pipeline(StandardScaler(), kernel), x, y)
    walk = result.facts.walk
    assert result.verdict.verdict == "overfit" and "gamma=0.0125 (now 0.05)" in str(result.verdict.advice[0])
    steps = {each.setting.step: walk.loss(each) for each in walk.side("simpler") if "gamma" in each.setting.axis}
    assert set(steps) == {1, 2, 3} and steps[1] < walk.loss(walk.base) < steps[2]  # two steps are too many
    sides = {(each.setting.side, each.setting.axis) for each in walk.found}
    assert all(
        (*each, 1) in {(e.setting.side, e.setting.axis, e.setting.step) for e in walk.found} for each in sides
    )


def test_a_worse_setting_ends_the_walk_only_if_it_can_hardly_be_better() -> None:
    random = np.random.default_rng(2)
    x = random.uniform(-1, 1, size=(250, 3))
    y = ((x[:, 0] > 0) ^ (x[:, 1] > 0)).astype(int)  # on these rows a depth of 3 seems no better than 2
    walk = gengap.check(DecisionTreeClassifier(max_depth=1), x, y, cv=5).facts.walk
    losses = {each.setting.changes["max_depth"]: walk.loss(each) for each in walk.found}
    best = walk.result("flexible")
    assert best is not None and best.best.setting.changes["max_depth"] == 5
    assert losses[3] > losses[2] > losses[5]
    sure = gengap.check(KNeighborsRegressor(8), *numbers()).facts.walk
    assert max(each.setting.step for each in sure.side("simpler")) <= 4  # clearly worse ones end it


def test_a_better_setting_that_is_no_better_than_a_constant_is_said_to_be_so() -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(200, 6)), random.integers(2, size=200)
    verdict = gengap.check(KNeighborsClassifier(3), x, y, cv=3).verdict
    assert (verdict.verdict, *verdict.codes[:2]) == ("overfit", "simpler-better", "no-better-than-constant")
    told = gengap.check(KNeighborsClassifier(1), x, (x[:, 0] + 0.3 * x[:, 1] > 0).astype(int), cv=3).verdict
    assert told.verdict == "overfit" and "no-better-than-constant" not in told.codes


@pytest.mark.parametrize(
    ("wait", "work", "tried"),
    [(1.0, 0.0, 2), (0.0, 0.02, 2), (0.0, 2.0, 1)],
    ids=["a busy machine", "a cheap fit", "a fit that is much more work"],
)
def test_only_much_more_work_ends_a_walk(
    wait: float, work: float, tried: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clocks = {"perf_counter": 0.0, "process_time": 0.0}
    for name in clocks:
        monkeypatch.setattr(fold_fits.time, name, lambda name=name: clocks[name])

    class Timed(Ridge):
        def __init__(self, effort: int = 1) -> None:
            super().__init__()
            self.effort = effort

        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Timed:
            clocks["process_time"] += 0.001 + (self.effort > 1) * work
            clocks["perf_counter"] += 0.001 + (self.effort > 1) * (wait + work)
            return super().fit(X, y)

        def predict(self, X: Any) -> np.ndarray:  # a little worse
            return super().predict(X) + (self.effort > 1) * np.random.default_rng(1).normal(0, 0.1, len(X))

    path = gengap.check(Timed(), *numbers(), complexity=("effort", [1, 2, 3, 4, 5]), cv=3).path
    assert (path["side"] == "flexible").sum() == tried

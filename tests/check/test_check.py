"""`gengap.check`: verdicts on estimators whose truth is plain, and the inputs that it takes."""

from __future__ import annotations

import html
import io
import json
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from check.plain_rows import ROWS, classes, numbers
from rich.console import Console
from scipy.sparse import csr_array
from scipy.stats import spearmanr
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.datasets import load_diabetes
from sklearn.ensemble import (
    GradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import gengap
from gengap.check.check_console import result_text
from gengap.check.estimator_verdict import SIGNAL
from gengap.check.gains import LossUnits
from gengap.check.inputs import read_inputs
from gengap.check.more_rows import _with_share
from gengap.check.ranking import ranking_test
from gengap.check.result import CheckResult
from gengap.errors import DataError, TooFewRowsError, UsageError
from gengap.text.catalog import Message, catalog

CASES = [  # estimator, rows, the verdicts that are right
    (DecisionTreeClassifier(), classes, {"overfit"}),
    (KNeighborsClassifier(1), classes, {"overfit"}),
    (LogisticRegression(), classes, {"good", "near-overfit"}),
    (LogisticRegression(C=1e-4), classes, {"underfit"}),
    (DecisionTreeRegressor(max_depth=1), numbers, {"underfit"}),
    (DecisionTreeRegressor(), numbers, {"overfit"}),
    (GradientBoostingRegressor(n_estimators=3), numbers, {"underfit"}),
    (GradientBoostingRegressor(n_estimators=60, max_depth=6), numbers, {"overfit"}),
    (make_pipeline(PolynomialFeatures(1), StandardScaler(), Ridge(1e-3)), numbers, {"underfit"}),
]


@pytest.mark.parametrize(("estimator", "rows", "right"), CASES, ids=lambda each: type(each).__name__)
def test_plain_cases_get_their_verdict(estimator: Any, rows: Any, right: set[str]) -> None:
    before = str(estimator.get_params())
    result = gengap.check(estimator, *rows())
    verdict = result.verdict
    assert verdict.verdict in right, verdict
    assert str(estimator.get_params()) == before and not hasattr(estimator, "n_features_in_")
    assert sum(verdict.probabilities.values()) == pytest.approx(1)
    if verdict.verdict in ("overfit", "underfit"):
        assert verdict.codes[0] == ("simpler-better" if verdict.verdict == "overfit" else "flexible-better")
        assert str(verdict.advice[0]).startswith("Set ") and "(now " in str(verdict.advice[0])


def test_the_same_check_gives_the_same_result(tree: CheckResult) -> None:
    again = gengap.check(DecisionTreeClassifier(), *classes())
    assert again.verdict == tree.verdict
    pd.testing.assert_frame_equal(again.path, tree.path)


def test_tables_are_in_order(tree: CheckResult) -> None:
    path, curve = tree.path, tree.learning_curve
    assert path["step"].is_monotonic_increasing and (path["side"] == "as-is").sum() == 1
    own = path[path["side"] == "as-is"].iloc[0]
    assert own["better"] == 0 and own["loss"] == pytest.approx(tree.facts.loss)
    assert ((path["better_low"] <= path["better"]) & (path["better"] <= path["better_high"])).all()
    assert curve["rows"].is_monotonic_increasing and set(curve["kind"]) <= {"measured", "forecast"}
    assert list(tree.references["model"]) == ["constant", "linear", "trees"]


def test_json_has_the_keys_of_a_diagnosis(tree: CheckResult) -> None:
    document = json.loads(tree.to_json())
    (run,) = document["runs"]
    diagnosed = gengap.diagnose({"loss": [3.0, 2.0, 1.5], "val_loss": [3.0, 2.5, 2.4]})
    assert set(run) > set(diagnosed.__struct_fields__) and document["schema"] == 2
    assert run["verdict"] == "overfit" and run["path"] and run["references"] and run["learning_curve"]
    assert run["findings"][0]["text"] == str(tree.verdict.findings[0])


def test_plots_draw_the_tables_on_the_axes_given(tree: CheckResult) -> None:
    from matplotlib.figure import Figure

    axes = Figure().add_subplot()
    assert tree.plot(axes) is axes
    drawn = [np.asarray(line.get_ydata()) for line in axes.lines]
    assert any(np.array_equal(values, tree.path["loss"]) for values in drawn if len(values) == len(tree.path))
    names = [label.get_text() for label in axes.get_xticklabels()]
    assert "current settings" in names and all("(now" not in name for name in names)
    assert np.size(tree.plot(kind="rows").lines[0].get_xdata()) == (tree.learning_curve["kind"] == "measured").sum()
    with pytest.raises(UsageError, match="kind is 'losses'; expected 'path' or 'rows'"):
        tree.plot(kind="losses")


def test_plots_and_notebooks_follow_the_language(tree: CheckResult, monkeypatch: pytest.MonkeyPatch) -> None:
    korean = catalog("ko")
    for kind in ("path", "rows"):
        axes = tree.plot(kind=kind, lang="ko")
        legend = axes.get_legend()
        assert legend is not None
        labels = [text.get_text() for text in legend.get_texts()]
        assert axes.get_ylabel().startswith(korean.text("page-validation-loss"))
        assert set(labels) <= {
            korean.text(id) for id in ("check-as-is", "check-as-is-training", "page-measured", "page-forecast")
        }
        assert not any("?" in text for text in (axes.get_xlabel(), axes.get_ylabel(), *labels))
    monkeypatch.setenv("LC_ALL", "ko_KR.UTF-8")
    shown = tree._repr_html_()
    for message in (*(each.message for each in tree.verdict.findings), *tree.verdict.advice):
        assert korean.render(message) in html.unescape(shown)
    assert "(지금 None)" in shown and f">{korean.text('verdict-overfit')} " in shown
    assert tree.plot().get_xlabel() == korean.text("check-path-axis")
    assert "(now None)" in tree.to_json().decode()


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_the_page_holds_everything(tree: CheckResult, lang: str, tmp_path: Any) -> None:
    text = tree.report(tmp_path / "check.html", lang).read_text(encoding="utf-8")
    assert f'<html lang="{lang}">' in text and text.count("data:image/png") == 2
    assert catalog(lang).render(Message("page-rows-note")) in text
    assert ("(now None)" in text) == (lang == "en")
    assert "max_leaf_nodes=" in text and "http://" not in text and "https://" not in text
    assert "script-src &#39;none&#39;" in text


def test_changes_of_the_loss_have_signs(tree: CheckResult) -> None:
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(result_text(tree))
    line = next(line for line in console.export_text().splitlines() if line.startswith("a constant"))
    (row,) = tree.references.query("model == 'constant'").to_dict("records")
    assert row["better"] > 0 and f" -{row['better']:.1f} [" in line  # the tree is worse than a constant
    best = max(tree.path.to_dict("records"), key=lambda each: each["better"])
    assert f"-{best['better']:.1f} [" in tree._repr_html_() and best["better"] > 0


def test_names_are_escaped_for_people() -> None:
    class Odd(DecisionTreeClassifier):
        pass

    Odd.__name__ = "<b>Odd"
    result = gengap.check(Odd(max_depth=1), *classes(), cv=2)
    assert "<b>Odd" not in result._repr_html_() and "&lt;b&gt;Odd" in result._repr_html_()


def test_a_search_is_checked_by_its_best_estimator() -> None:
    search = GridSearchCV(KNeighborsRegressor(), {"n_neighbors": [1, 2]}, cv=2)
    result = gengap.check(search, *numbers(), cv=3)
    assert not hasattr(search, "best_params_")
    assert result.verdict.run == "KNeighborsRegressor"
    assert result.facts.walk.evaluator.estimator.n_neighbors == 2


def test_a_search_is_said_to_have_seen_the_validation_rows() -> None:
    search = make_pipeline(StandardScaler(), GridSearchCV(KNeighborsRegressor(), {"n_neighbors": [5, 9]}, cv=2))
    (found,) = (
        each
        for each in gengap.check(search, *numbers(), cv=3).verdict.findings
        if each.code == "chosen-on-all-rows"
    )
    assert str(found).startswith("GridSearchCV chose these parameters on all rows")
    assert "chosen-on-all-rows" not in gengap.check(KNeighborsRegressor(), *numbers(), cv=3).verdict.codes


@pytest.mark.parametrize(
    ("rows", "more", "folds"),
    [
        (240, {}, 10),
        (240, {"cv": 4}, 4),
        (240, {"groups": np.arange(240) % 6}, 5),
        (240, {"time": np.arange(240)}, 5),
        (300, {}, 10),
        (301, {}, 5),
        (40, {}, 5),
    ],
)
def test_few_rows_have_more_folds(rows: int, more: dict[str, Any], folds: int) -> None:
    x, y = numbers(rows)
    assert len(read_inputs(Ridge(), x, y, **more).folds) == folds


def test_a_scorer_without_a_loss_by_row_keeps_five_folds() -> None:
    result = gengap.check(Ridge(), *numbers(), scoring="explained_variance", complexity=("alpha", [2.0, 1.0]))
    assert len(result.facts.walk.evaluator.inputs.folds) == 5


def test_the_last_step_of_pipelines_and_wrappers_is_changed() -> None:
    inner = make_pipeline(StandardScaler(), KNeighborsRegressor(1))
    result = gengap.check(
        TransformedTargetRegressor(inner, func=np.sinh, inverse_func=np.arcsinh), *numbers(), cv=3
    )
    assert result.verdict.verdict == "overfit"
    assert set(result.path["axis"]) == {"", "regressor__kneighborsregressor__n_neighbors"}


def test_frames_with_text_and_missing_numbers() -> None:
    x, y = classes()
    frame = pd.DataFrame(x, columns=list("abcd")).assign(shop=np.where(x[:, 0] > 0, "north", "south"))
    frame.loc[::7, "b"] = np.nan
    encoder = make_column_transformer((OneHotEncoder(), ["shop"]), remainder="drop")
    result = gengap.check(make_pipeline(encoder, LogisticRegression()), frame, np.where(y, "yes", "no"), cv=3)
    assert list(result.references["model"]) == ["constant", "linear", "trees"]


def test_sparse_rows_give_the_same_as_dense_ones() -> None:
    x, y = numbers()
    x = np.where(np.abs(x) < 1, 0.0, x)
    dense, sparse = (gengap.check(Ridge(), each, y, cv=3) for each in (x, csr_array(x)))
    assert sparse.facts.loss == pytest.approx(dense.facts.loss)


def test_groups_stay_together_and_time_is_respected() -> None:
    x, y = numbers()
    group = np.arange(len(y)) // 20
    result = gengap.check(Ridge(), x, y, groups=group, cv=3)
    for train, test in result.facts.walk.evaluator.inputs.folds:
        assert not set(group[train]) & set(group[test])
    by_time = gengap.check(Ridge(), x, y, time=np.arange(len(y))[::-1], cv=3).facts.walk.evaluator.inputs
    assert by_time.split == "time" and np.array_equal(by_time.y, y[::-1])
    assert all(train.max() < test.min() for train, test in by_time.folds)


def test_indices_of_folds_are_those_of_the_rows_as_given_and_a_splitter_splits_them_by_time() -> None:
    x, y = numbers()
    times = np.random.default_rng(0).permutation(len(y))
    early, late = np.flatnonzero(times < 120), np.flatnonzero(times >= 160)
    pairs = [(early, late), (early[20:], np.flatnonzero((times >= 120) & (times < 160)) - len(y))]
    inputs = read_inputs(Ridge(), x, y, time=times, cv=pairs)
    for (train, test), mine in zip(inputs.folds, pairs, strict=True):
        assert np.array_equal(inputs.y[train], y[mine[0]]) and np.array_equal(inputs.X[test], x[mine[1]])
    split = read_inputs(Ridge(), x, y, time=times, cv=TimeSeriesSplit(3))
    assert [train.tolist() for train, _ in split.folds] == [list(range(60 * k)) for k in (1, 2, 3)]
    assert np.array_equal(split.y, y[np.argsort(times)])


@pytest.mark.parametrize(
    "rows",
    [{"time": np.arange(ROWS)}, {"time": np.arange(ROWS), "cv": TimeSeriesSplit(4)}, {"cv": TimeSeriesSplit(4)}],
)
def test_blocks_of_time_count_as_one_draw_and_the_latest_rows_are_kept(rows: dict[str, Any]) -> None:
    inputs = read_inputs(Ridge(), *numbers(), **rows)
    sampling = LossUnits.of(inputs, by_row=True).sampling
    assert sampling is not None and sampling.kind == "time" and len(sampling) == 24
    fewer = _with_share(inputs, 1 / 2, seed=0)
    assert fewer is not None
    for (kept, _), (train, _) in zip(fewer.folds, inputs.folds, strict=True):
        assert sorted(kept) == sorted(train)[-len(kept) :]


def test_rows_of_a_group_make_the_forecast_for_more_rows_less_sure() -> None:
    x, y = (np.repeat(each, 4, axis=0) for each in numbers())
    group = np.arange(len(y)) // 4
    folds = [(np.flatnonzero(group % 5 != k), np.flatnonzero(group % 5 == k)) for k in range(5)]
    widths = []
    for groups in (None, group):
        tree = DecisionTreeRegressor(max_leaf_nodes=30, random_state=0)
        curve = gengap.check(tree, x, y, cv=folds, groups=groups).learning_curve.query("kind == 'forecast'")
        widths.append((curve["loss_high"] - curve["loss_low"]).iloc[0])
    assert widths[1] > 1.3 * widths[0]
    few = gengap.check(DecisionTreeRegressor(max_leaf_nodes=30), x, y, groups=group % 5).learning_curve
    assert set(few["kind"]) == {"measured"}


def test_a_row_of_weight_two_counts_like_two_rows_in_the_loss() -> None:
    x, y = numbers()
    weights = np.where(np.arange(len(y)) % 2, 1.0, 3.0)
    result = gengap.check(make_pipeline(StandardScaler(), Ridge()), x, y, sample_weight=weights, cv=3)
    losses = result.facts.walk.base.losses
    assert list(result.references["model"]) == ["constant", "linear", "trees"]
    assert result.facts.loss == pytest.approx(np.average(losses, weights=weights))
    with pytest.raises(DataError, match="sample_weight: expected numbers of 0 or more"):
        gengap.check(Ridge(), x, y, sample_weight=-weights)


def test_decision_values_are_calibrated_and_wrong_classes_counted() -> None:
    class Rule(ClassifierMixin, BaseEstimator):
        def __init__(self, limit: float = 0.0) -> None:
            self.limit = limit

        def fit(self, X: Any, y: Any) -> Rule:
            self.classes_ = np.unique(y)
            return self

        def predict(self, X: Any) -> Any:
            return self.classes_[(X[:, 0] + X[:, 1] > self.limit).astype(int)]

    x, y = classes()
    decided = gengap.check(LinearSVC(), x, y, cv=3)
    proba = gengap.check(LogisticRegression(), x, y, cv=3)
    assert "loss-kind" in decided.verdict.codes
    assert decided.facts.loss == pytest.approx(proba.facts.loss, rel=0.1)
    assert not any(np.isnan(each.losses).any() for each in decided.facts.walk.found)  # calibrated on all folds
    counted = gengap.check(Rule(), x, y, cv=3)
    assert counted.verdict.metric == "accuracy" and counted.facts.loss == pytest.approx(0.1, abs=0.05)
    assert counted.verdict.verdict == "inconclusive" and counted.verdict.codes[0] == "unknown-path"
    assert "complexity=(" in str(counted.verdict.advice[0])
    named = gengap.check(Rule(3.0), x, y, cv=3, complexity=("limit", [3.0, 2.0, 1.0, 0.0]))
    assert named.verdict.verdict == "underfit" and "limit=0" in str(named.verdict.advice[0])


def test_the_learning_curve_ends_at_the_loss_of_the_check() -> None:
    x, y = numbers()
    heavy = y + np.random.default_rng(0).standard_t(1.1, ROWS)  # the mean loss of two folds is far from that of all
    weights = np.where(np.arange(ROWS) % 3, 1.0, 0.0)
    arguments: tuple[dict[str, Any], ...] = (
        {},
        {"sample_weight": weights},
        {"scoring": "neg_mean_absolute_error"},
    )
    for more in arguments:
        result = gengap.check(Ridge(), x, heavy, cv=4, **more)
        curve = result.learning_curve.query("kind == 'measured'")
        assert len(curve) > 2
        assert curve["loss"].iloc[-1] == pytest.approx(result.facts.loss)
    first = read_inputs(Ridge(), x, y, cv=4).folds[:2]
    weights = np.ones(ROWS)
    weights[np.concatenate([test for _, test in first])] = 0.0
    result = gengap.check(Ridge(), x, heavy, cv=4, sample_weight=weights)  # two folds say nothing
    assert result.learning_curve.query("kind == 'measured'")["loss"].iloc[-1] == pytest.approx(result.facts.loss)
    assert len(result.facts.walk.evaluator.inputs.folds) == 2
    weights[read_inputs(Ridge(), x, y, cv=4).folds[2][1]] = 0.0
    with pytest.raises(DataError, match="fewer than two folds have validation rows with a weight above 0"):
        gengap.check(Ridge(), x, y, cv=4, sample_weight=weights)


@pytest.mark.parametrize("scoring", ["neg_mean_absolute_error", "neg_root_mean_squared_error", "r2", "max_error"])
def test_scorers_lead_to_the_same_verdict(scoring: str) -> None:
    scoring = "explained_variance" if scoring == "max_error" else scoring
    result = gengap.check(DecisionTreeRegressor(), *numbers(), scoring=scoring, cv=4)
    assert result.verdict.verdict == "overfit" and result.verdict.metric == scoring


def test_a_scorer_of_the_users_own() -> None:
    def largest(estimator: Any, X: Any, y: Any) -> float:
        return -float(np.abs(estimator.predict(X) - y).max())

    assert gengap.check(Ridge(), *numbers(), scoring=largest, cv=3).facts.loss > 0

    def failing(estimator: Any, X: Any, y: Any) -> float:
        raise RuntimeError("no such column")

    with pytest.raises(UsageError, match="scoring score: it failed with 'no such column'"):
        gengap.check(Ridge(), *numbers(), scoring=failing)
    with pytest.raises(UsageError, match="expected scores of at most 1"):
        gengap.check(Ridge(), *numbers(), scoring=lambda *_: 7.0)


def test_an_estimator_that_copies_a_list_is_copied_too() -> None:
    class Changing(Ridge):
        """As CatBoost: its own copy of a list that it was given."""

        def __init__(self, alpha: float = 1.0, names: list[str] | None = None) -> None:
            super().__init__(alpha)
            self.names = list(names or ())

    with pytest.raises(RuntimeError, match="Cannot clone"):
        clone(Changing(names=["a"]))
    given = Changing(1e-3, names=["a"])
    result = gengap.check(given, *numbers(), cv=3)
    assert {each.setting.axis for each in result.facts.walk.found} == {"alpha"} and not hasattr(given, "coef_")


def test_pure_noise_is_never_good() -> None:
    random = np.random.default_rng(3)
    x, y = random.normal(size=(200, 5)), random.integers(2, size=200)
    for estimator in (GaussianNB(), LogisticRegression(C=1e-5), DecisionTreeClassifier()):
        verdict = gengap.check(estimator, x, y, cv=3).verdict
        assert verdict.verdict in ("inconclusive", "overfit"), verdict
    verdict = gengap.check(LogisticRegression(C=1e-5), x, y, cv=3).verdict
    assert verdict.codes[0] == "no-better-than-constant"


@pytest.mark.parametrize("estimator", [LogisticRegression(), LinearSVC(), Ridge()], ids=lambda e: type(e).__name__)
def test_a_weak_signal_shows_before_the_best_setting_is_clearly_better(estimator: Any) -> None:
    random = np.random.default_rng(5)
    x = random.normal(size=(300, 3))
    chance = random.random(300) < 1 / (1 + np.exp(-0.45 * x[:, 0]))
    y = 0.27 * x[:, 0] + random.normal(size=300) if isinstance(estimator, Ridge) else chance.astype(int)
    result = gengap.check(estimator, x, y)
    better = result.facts.constant_gain
    assert better is not None and 0.5 < better.above(0) < SIGNAL
    assert result.verdict.verdict == "good", result.verdict
    shuffled = gengap.check(estimator, x, random.permutation(y))
    assert shuffled.verdict.verdict in ("inconclusive", "overfit"), shuffled.verdict


def test_rows_that_were_not_validated_and_rows_without_weight_are_not_ranked() -> None:
    x, y = numbers()
    weights = np.where(np.arange(ROWS) % 3, 1.0, 0.0)
    facts = gengap.check(Ridge(), x, y, cv=4, time=np.arange(ROWS), sample_weight=weights).facts
    outputs, inputs = facts.walk.base.outputs, facts.walk.evaluator.inputs
    assert outputs is not None and np.isnan(outputs).any()
    found = ranking_test([outputs], inputs, facts.units)
    expected = [
        (spearmanr(outputs[rows], y[rows]).statistic, len(rows))
        for _, test in inputs.folds
        for rows in [test[weights[test] > 0]]
    ]
    values, counts = zip(*expected, strict=True)
    assert found.value == pytest.approx(np.average(values, weights=np.array(counts, float) ** 3), abs=0.01)


def test_groups_of_noise_are_ranked_as_whole_groups() -> None:
    random, learnt = np.random.default_rng(0), {"groups": 0, "rows": 0}
    group = np.repeat(np.arange(40), 10)
    for _ in range(12):
        outputs, y = (random.normal(size=40)[group] + 0.3 * random.normal(size=400) for _ in range(2))
        inputs = read_inputs(Ridge(), np.zeros((400, 1)), y, groups=group)
        for name, each in (("groups", inputs), ("rows", replace(inputs, groups=None))):
            learnt[name] += ranking_test([outputs], each, LossUnits.of(each, by_row=True)).learnt
    assert learnt["groups"] <= 1 < 3 <= learnt["rows"]


def test_leaks_are_found() -> None:
    x, y = classes()
    twice = gengap.check(LogisticRegression(), np.concatenate([x, x[:60]]), np.concatenate([y, y[:60]]), cv=3)
    assert "equal-rows" in twice.verdict.codes
    leak = np.column_stack([x, y + np.random.default_rng(0).normal(0, 0.01, len(y))])
    verdict = gengap.check(DecisionTreeClassifier(max_depth=3), leak, y, cv=3).verdict
    assert verdict.advice[0].code == "advice-check-feature"  # other advice is void if a feature is the target
    found = {finding.code: finding.parameters for finding in verdict.findings}
    assert found["one-feature"]["feature"] == "column 4" and found["one-feature"]["strength"] == 1.0
    assert "too-good" in found
    counts = np.random.default_rng(0).integers(3, size=(len(y), 2))  # equal rows are common by chance
    assert "equal-rows" not in gengap.check(LogisticRegression(), counts, y, cv=3).verdict.codes


def test_ctrl_c_keeps_what_is_done() -> None:
    def stop(fits: int, name: str) -> None:
        if fits > 12:
            raise KeyboardInterrupt

    result = gengap.check(DecisionTreeClassifier(), *classes(), progress=stop, cv=3)
    assert result.interrupted and result.verdict.codes[0] == "interrupted" and len(result.path) > 1
    assert json.loads(result.to_json())["runs"][0]["interrupted"]
    at_once = gengap.check(
        DecisionTreeClassifier(), *classes(), progress=lambda fits, name: stop(99 * (fits > 3), name), cv=3
    )
    assert at_once.verdict.codes == ("interrupted",) and len(at_once.path) == 1


def test_jobs_change_nothing(tree: CheckResult) -> None:
    from joblib import parallel_config

    with parallel_config("threading", n_jobs=2):
        again = gengap.check(DecisionTreeClassifier(), *classes())
    assert again.verdict == tree.verdict


def test_a_backend_that_gives_all_results_at_the_end_changes_nothing(tree: CheckResult) -> None:
    from joblib import parallel_config, register_parallel_backend
    from joblib.parallel import ThreadingBackend

    class AllAtTheEnd(ThreadingBackend):  # as Ray's
        supports_return_generator = False

    register_parallel_backend("all-at-the-end", AllAtTheEnd)
    with parallel_config("all-at-the-end", n_jobs=2):
        again = gengap.check(DecisionTreeClassifier(), *classes())
    assert again.verdict == tree.verdict
    assert repr(again) == "CheckResult(DecisionTreeClassifier: overfit (100%))"


ERRORS = [
    (lambda x, y: gengap.check(Ridge, x, y), UsageError, r"give an instance: Ridge\(\)"),
    (lambda x, y: gengap.check("tree", x, y), UsageError, "str is no scikit-learn estimator"),
    (lambda x, y: gengap.check(Ridge(), x, y[:-1]), DataError, "X has 240 rows and y has 239"),
    (lambda x, y: gengap.check(Ridge(), x[:5], y[:5]), TooFewRowsError, "needs at least 10"),
    (lambda x, y: gengap.check(Ridge(), x[:, 0], y), DataError, "expected rows and columns"),
    (lambda x, y: gengap.check(Ridge(), x, y, cv=1), UsageError, "cv is 1; expected at least 2"),
    (lambda x, y: gengap.check(Ridge(), x, np.where(y > 0, y, np.nan)), DataError, "leave these rows out"),
    (lambda x, y: gengap.check(Ridge(), x, y, scoring="neg_log_loss"), UsageError, "is for a classifier"),
    (lambda x, y: gengap.check(Ridge(), x, y, scoring="acuracy"), UsageError, "Did you mean 'accuracy'"),
    (lambda x, y: gengap.check(Ridge(), x, y, complexity="alfa"), UsageError, "Did you mean 'alpha'"),
    (lambda x, y: gengap.check(Ridge(), x, y, complexity="tol"), UsageError, "unknown which values of 'tol'"),
    (lambda x, y: gengap.check(Ridge(), x, y, complexity=cast(Any, ("alpha", 3))), UsageError, "complexity is"),
    (lambda x, y: gengap.check(Ridge(), x, y, groups=y, time=y), UsageError, "Leave one out"),
    (lambda x, y: gengap.check(Ridge(), x, y, min_effect=2), UsageError, "min_effect is 2"),
    (lambda x, y: gengap.check(Ridge(), x, y, complexity="C"), UsageError, r"no parameter 'C'\.$"),
    (lambda x, y: gengap.check(make_pipeline(Ridge()), x, y, complexity="alpha"), UsageError, "'ridge__alpha'"),
    (lambda x, y: gengap.check(x, y, Ridge()), UsageError, r"the estimator first: check\(estimator, X, y\)"),
    (lambda x, y: gengap.check(DecisionTreeClassifier(), x, y), UsageError, "y has 240 distinct numbers, such as"),
    (
        lambda x, y: gengap.check(DecisionTreeClassifier(), x, y * 0),
        DataError,
        r"class -?0\.0; .*at least two classes",
    ),
    (
        lambda x, y: gengap.check(DecisionTreeClassifier(), x, (y * 0).astype(int)),
        DataError,
        "the class 0; a check",
    ),
    (lambda x, y: gengap.check(DecisionTreeRegressor(max_depth=-3), x, y), DataError, "can't be fitted"),
]


@pytest.mark.parametrize(("call", "kind", "message"), ERRORS)
def test_errors_are_in_plain_words(call: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        call(*numbers())


@pytest.mark.parametrize(
    "labels",
    [
        np.arange(ROWS) % 120,  # numbers of classes, two rows each
        np.arange(ROWS) % 24 * 10,  # codes of ten rows each
        np.arange(ROWS) % 2 / 1.0,
        (np.arange(ROWS) % 2 / 2).astype(str),
        np.array([f"{each:.2f}" for each in numbers()[1]]),
    ],
)
def test_classes_may_be_numbers(labels: np.ndarray) -> None:
    found = read_inputs(DecisionTreeClassifier(), numbers()[0], labels).classes
    assert found is not None and found.tolist() == np.unique(labels).tolist()


def test_quantities_are_no_classes() -> None:
    x, y = load_diabetes(return_X_y=True)
    assert len(np.unique(y)) == 214 and (y == np.round(y)).all()
    for estimator in (RandomForestClassifier(), make_pipeline(StandardScaler(), RandomForestClassifier())):
        with pytest.raises(UsageError, match=r"y has 214 distinct numbers, .*RandomForestClassifier\)? predicts"):
            gengap.check(estimator, x, y.astype(int))
    with pytest.raises(UsageError, match=r"y has 2 distinct numbers, .*give them as text: y.astype\(str\)"):
        gengap.check(RandomForestClassifier(), x, (y > 100) / 2)
    assert read_inputs(Ridge(), x, y).classes is None

"""`gengap.check` on real XGBoost, LightGBM and CatBoost estimators: staged predictions come from one fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import gengap
from gengap.check.continued_fits import can_continue, continue_fit
from gengap.check.fit_facts import facts, fitted_rounds, staged_outputs

BOOSTERS = {  # library: class, rounds, and parameters that keep it quick and quiet
    "xgboost": ("XGBClassifier", "n_estimators", {"n_jobs": 1}),
    "lightgbm": ("LGBMClassifier", "n_estimators", {"n_jobs": 1, "verbose": -1}),
    "catboost": (
        "CatBoostClassifier",
        "iterations",
        {"thread_count": 1, "verbose": 0, "allow_writing_files": False},
    ),
}


def rows(count: int = 300) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    x = random.normal(size=(count, 5))
    return x, ((x[:, 0] + x[:, 1] * x[:, 2] > 0) ^ (random.random(count) < 0.15)).astype(int)


def booster(library: str, **parameters: Any) -> Any:
    name, _, quiet = BOOSTERS[library]
    return getattr(pytest.importorskip(library), name)(**quiet, **parameters)


@pytest.mark.parametrize("library", BOOSTERS)
def test_stages_are_predictions_of_fewer_rounds(library: str) -> None:
    x, y = rows()
    name = BOOSTERS[library][1]
    fitted = booster(library, **{name: 20, "learning_rate": 0.2}).fit(x, y)
    assert fitted_rounds(fitted) == 20 and facts(fitted)["rounds"] == 20
    early, last = staged_outputs(fitted, x, "predict_proba", [5, 20])
    few = booster(library, **{name: 5, "learning_rate": 0.2}).fit(x, y)
    np.testing.assert_allclose(early, few.predict_proba(x), atol=1e-5)
    np.testing.assert_allclose(last, fitted.predict_proba(x), atol=1e-6)


@pytest.mark.parametrize("library", BOOSTERS)
@pytest.mark.parametrize(("rounds", "rate", "verdict"), [(150, 0.5, "overfit"), (3, 0.05, "underfit")])
def test_too_many_and_too_few_rounds_are_found(library: str, rounds: int, rate: float, verdict: str) -> None:
    name = BOOSTERS[library][1]
    result = gengap.check(booster(library, **{name: rounds, "learning_rate": rate}), *rows(), cv=3)
    assert result.verdict.verdict == verdict
    assert f"{name}=" in str(result.verdict.advice[0])


DRAWS = {  # parameters with which a booster draws random numbers, which a continued fit would draw anew
    "xgboost": [{"subsample": 0.5}, {"colsample_bytree": 0.5}],
    "lightgbm": [{"subsample": 0.5, "subsample_freq": 1}, {"extra_trees": True}, {"boosting_type": "dart"}],
    "catboost": [{}],
}


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
@pytest.mark.parametrize("classes", [2, 3])
def test_a_continued_fit_is_a_fit_from_the_start(library: str, classes: int) -> None:
    x, y = rows()
    y = y + (classes == 3) * (x[:, 3] > 0)
    few, many = (
        make_pipeline(StandardScaler(), booster(library, n_estimators=rounds, learning_rate=0.2))
        for rounds in (10, 30)
    )
    axis = f"{few.steps[-1][0]}__n_estimators"
    earlier = few.fit(x, y)
    assert can_continue(earlier)
    continued = continue_fit(earlier, many, axis, x, y, {})
    assert fitted_rounds(continued[-1]) == 30
    anew = make_pipeline(StandardScaler(), booster(library, n_estimators=30, learning_rate=0.2)).fit(x, y)
    np.testing.assert_allclose(continued.predict_proba(x), anew.predict_proba(x), rtol=1e-6)
    early, _ = staged_outputs(continued, x, "predict_proba", [20, 30])
    np.testing.assert_allclose(
        early,
        booster(library, n_estimators=20, learning_rate=0.2)
        .fit(few[0].transform(x), y)
        .predict_proba(few[0].transform(x)),
        rtol=1e-6,
    )


@pytest.mark.parametrize(("library", "parameters"), [(k, each) for k, many in DRAWS.items() for each in many])
def test_a_booster_that_draws_random_numbers_is_fitted_anew(library: str, parameters: dict[str, Any]) -> None:
    assert not can_continue(booster(library, **parameters).fit(*rows()))


@pytest.mark.parametrize("name", ["XGBRFClassifier", "XGBRFRegressor"])
def test_a_forest_of_xgboost_is_fitted_anew(name: str) -> None:
    forest = getattr(pytest.importorskip("xgboost"), name)
    assert not can_continue(forest(n_estimators=3, n_jobs=1).fit(*rows()))


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_a_fit_of_weighted_rows_is_continued_unless_it_has_the_rounds_already(library: str) -> None:
    x, y = rows()
    weights = {"sample_weight": np.random.default_rng(1).exponential(size=len(x))}
    for wanted in (10, 20, 30):
        earlier = booster(library, n_estimators=20).fit(x, y, **weights)
        made = continue_fit(earlier, booster(library, n_estimators=wanted), "n_estimators", x, y, weights)
        anew = booster(library, n_estimators=wanted).fit(x, y, **weights)
        np.testing.assert_allclose(made.predict_proba(x), anew.predict_proba(x), rtol=1e-6)


@pytest.mark.parametrize("library", BOOSTERS)
def test_a_stage_is_what_its_setting_gives(library: str) -> None:
    name = BOOSTERS[library][1]
    walk = gengap.check(booster(library, **{name: 250}), *rows(), cv=3).facts.walk  # CatBoost sets more by it
    stages = [each for each in walk.found if each.setting.axis == name]
    (few,) = (each for each in stages if each.setting.changes[name] == 31)
    (anew,) = walk.evaluator.evaluate(few.setting)
    np.testing.assert_allclose(few.losses, anew.losses, atol=1e-4)


@pytest.mark.parametrize(
    ("library", "parameters"),
    [("xgboost", {"enable_categorical": True}), ("lightgbm", {}), ("catboost", {"cat_features": ["kind"]})],
)
def test_columns_of_categories_are_checked(library: str, parameters: dict[str, Any]) -> None:
    x, y = rows()
    kind = np.array(["low", "middle", "high"])[np.digitize(x[:, 0], [-0.4, 0.4])]
    frame = pd.DataFrame({"number": x[:, 1], "kind": pd.Categorical(kind)})
    settings = {BOOSTERS[library][1]: 200, "learning_rate": 0.5} | parameters
    assert gengap.check(booster(library, **settings), frame, y, cv=3).verdict.verdict == "overfit"

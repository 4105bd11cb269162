"""`gengap.check` on real XGBoost, LightGBM and CatBoost estimators: staged predictions come from one fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gengap
from gengap.check.estimators import facts, fitted_rounds, staged_outputs

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

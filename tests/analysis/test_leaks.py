"""Features that alone predict the target are found, in studies too, and chance finds none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from analysis.outcomes_made import outcomes, size_trials
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

import gengap
from gengap.analysis import conclude
from gengap.check.inputs import read_inputs
from gengap.check.leaks import find_leaks
from gengap.report.conclusions import conclusion_messages
from gengap.stats.single_features import FeatureColumn, telling_features

ROWS = 400
random = np.random.default_rng(0)
CLASSES = random.integers(2, size=ROWS)
NUMBERS = random.normal(size=ROWS)
MISSING = np.where(CLASSES == 1, np.nan, NUMBERS)
CATEGORY = np.where(CLASSES == 1, random.integers(0, 3, ROWS), random.integers(3, 6, ROWS))
SUM = CLASSES + (NUMBERS > 0)


@pytest.mark.parametrize(
    ("column", "y", "by_class"),
    [
        (FeatureColumn("number", CLASSES + 0.1 * NUMBERS), CLASSES, True),
        (FeatureColumn("falling number", -(CLASSES + 0.1 * NUMBERS)), CLASSES, True),
        (FeatureColumn("missing in one class", MISSING), CLASSES, True),
        (FeatureColumn("categories of one class each", CATEGORY, is_category=True), CLASSES, True),
        (FeatureColumn("number of a number", np.exp(-NUMBERS)), NUMBERS, False),
        (FeatureColumn("category of a rounded number", CATEGORY, is_category=True), 7.0 * CATEGORY, False),
        (FeatureColumn("category of three classes", SUM, is_category=True), SUM, True),
    ],
    ids=lambda value: value.name if isinstance(value, FeatureColumn) else "",
)
def test_a_feature_that_is_the_target_is_found(column: FeatureColumn, y: np.ndarray, by_class: bool) -> None:
    noise = FeatureColumn("noise", random.normal(size=ROWS))
    ((name, strength),) = telling_features([noise, column], y, by_class)
    assert name == column.name and 0.99 <= strength <= 1


@given(st.integers(0, 2**32 - 1), st.integers(1, 90), st.booleans(), st.sampled_from([3, 10, 24, 320]))
def test_useful_features_and_chance_are_no_leak(seed: int, values: int, by_class: bool, rows: int) -> None:
    """Also one category of all rows, nearly as many categories as rows, few rows with many features."""
    random = np.random.default_rng(seed)
    y = random.integers(3, size=rows) if by_class else random.normal(size=rows)
    columns = [
        FeatureColumn("category", random.integers(values, size=rows), is_category=True),
        FeatureColumn("missing", np.full(rows, np.nan)),
        FeatureColumn("useful", y + (0.5 if by_class else 0.05) * random.normal(size=rows)),
        *(FeatureColumn("number", random.normal(size=rows)) for _ in range(100)),
    ]
    assert telling_features(columns, y, by_class) == []


def test_columns_that_cannot_be_compared_are_left_out() -> None:
    table = pd.DataFrame({"a": NUMBERS, "lists": [[1, 2]] * ROWS, "left": CLASSES.astype(str)})
    table.columns = ["a", "a", "left"]
    inputs = read_inputs(LogisticRegression(), table, CLASSES)
    assert [each.parameters["feature"] for each in find_leaks(inputs, 0.5, 0.7)] == ["left"]


def test_a_study_names_the_leak_before_everything_else(tmp_path: Path) -> None:
    reasons = [str(random.choice(["price", "moved", "service"])) if left else None for left in CLASSES]
    table = {"age": NUMBERS, "plan": random.choice(["a", "b", "c"], ROWS), "churn_reason": reasons}
    frame = pd.DataFrame(table | {"churn": CLASSES})
    options: dict[str, Any] = {"target": "churn", "only": "sizes/Tiny", "max_epochs": 3}
    found = gengap.study(frame, **options, out=tmp_path / "study").summary
    first = [each for each in found.leaks if each.code == "one-feature"]
    assert [each.parameters["feature"] for each in first] == ["churn_reason"]
    said = str(conclusion_messages(found)[0])
    assert said.startswith("churn_reason alone predicts the target") and "known" in said
    assert "churn_reason alone predicts" in Path(tmp_path, "study", "report.html").read_text()
    assert not gengap.study(frame.drop(columns="churn_reason"), **options).summary.leaks


@pytest.mark.parametrize(("skill", "solved"), [(0.4, False), (40.0, True)])
def test_next_steps_end_where_classes_are_predicted_almost_without_loss(skill: float, solved: bool) -> None:
    made = outcomes(size_trials(skill / 4, skill / 3, skill / 2, skill))
    found = conclude(made, 28, {"train": 1_000, "validation": 1_000, "test": 0}, {}).recommendation
    assert found is not None and (not found.next_steps) == solved

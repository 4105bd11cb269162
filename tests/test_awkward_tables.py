"""Whole studies of tables that a careless tool would misread: nothing to learn, copies, a rare class, few rows."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

import gengap
from gengap.errors import TooFewRowsError
from gengap.plan import Plan, Recipe, Trial
from gengap.report.conclusions import conclusion_messages
from gengap.study import Study
from gengap.study.scheduler import Scheduler
from gengap.study.study import LEAST_VALIDATION_ROWS

ROWS = 1_000
SIZES = Plan(
    name="sizes",
    trials=tuple(Trial(run=f"sizes/{units}", units=(units,)) for units in (4, 32)),
    recipe=Recipe(batch=100, max_epochs=40),
    preparation="standardise",
)


@cache
def table() -> pd.DataFrame:
    """Ten features, of which three decide; the label is right in nine of ten rows."""
    rng = np.random.default_rng(7)
    x = rng.normal(size=(ROWS, 10))
    sure = 4 * (x[:, 0] + x[:, 1] * x[:, 2] > 0) - 2
    y = (rng.uniform(size=ROWS) < 1 / (1 + np.exp(-sure))).astype(int)
    return pd.DataFrame(x, columns=[f"x{i}" for i in range(10)]).assign(y=y)


def studied(frame: pd.DataFrame, test: int = 0) -> Study:
    return gengap.study(frame, SIZES, target="y", test=test)


def codes(found: Study) -> set[str]:
    return {message.code for message in conclusion_messages(found.summary)}


def test_a_table_with_something_to_learn_is_learnt() -> None:
    kept = studied(table()).summary.recommendation
    assert kept is not None and kept.learnt and kept.expected.bounded_loss[2] < 0.69


@pytest.mark.parametrize("seed", range(2))
def test_with_shuffled_labels_the_smallest_model_is_kept_and_nothing_was_learnt(seed: int) -> None:
    labels = np.random.default_rng(seed).permutation(table()["y"])
    found = studied(table().assign(y=labels))
    kept = found.summary.recommendation
    assert kept is not None and not kept.learnt
    assert kept.run == "sizes/4"
    assert "conclusion-nothing-learnt" in codes(found)
    assert kept.expected.bounded_loss[2] > np.log(2)  # no claim of being better than a coin


def test_features_copied_ten_times_change_nothing_that_matters() -> None:
    features = table().drop(columns="y")
    copies = [features.add_suffix(f"_{i}") for i in range(10)]
    once, often = studied(table()), studied(pd.concat([*copies, table()[["y"]]], axis=1))
    losses = [
        each.summary.recommendation.expected.bounded_loss for each in (once, often) if each.summary.recommendation
    ]
    assert len(often.dataset.columns) == 100
    assert losses[0][0] < losses[1][2] and losses[1][0] < losses[0][2]  # their intervals meet


def test_a_class_of_one_in_a_hundred_is_split_evenly_and_not_taken_for_learnt() -> None:
    rng = np.random.default_rng(3)
    frame = table().assign(y=(rng.uniform(size=ROWS) < 0.01).astype(int))
    found = studied(frame, test=150)
    kept, held_out = found.summary.recommendation, found.summary.test
    shares = [float(rows.y.mean()) for rows in (found.dataset.train, found.dataset.validation)]
    assert kept is not None and held_out is not None and not kept.learnt
    assert all(0.004 < share < 0.02 for share in shares)
    assert "conclusion-nothing-learnt" in codes(found)  # though 99% of its decisions are right


def test_sixty_rows_give_wide_intervals_and_few_claims() -> None:
    found = studied(table()[:60])
    kept = found.summary.recommendation
    assert kept is not None and len(found.dataset.validation) == 12
    low, middle, high = kept.expected.bounded_loss
    assert high - low > 0.2 * middle
    assert all(c.adjusted > 0.01 for c in found.summary.comparisons if c.metric == "accuracy")


def test_a_study_of_the_fewest_rows_ends_and_claims_nothing() -> None:
    found = studied(table()[:25])
    kept = found.summary.recommendation
    assert len(found.dataset.validation) == LEAST_VALIDATION_ROWS
    assert kept is not None and not any(c.adjusted <= 0.01 for c in found.summary.comparisons)
    assert conclusion_messages(found.summary)


def test_fewer_rows_are_refused_before_anything_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Scheduler, "fit_baselines", lambda _: pytest.fail("it trains"))
    with pytest.raises(TooFewRowsError, match=r"2 validation rows .* Use a table with more rows\.$"):
        studied(table()[:5])
    with pytest.raises(TooFewRowsError, match=r"4 validation rows .* Ask for more with --validation\.$"):
        gengap.study(table(), SIZES, target="y", validation=4)

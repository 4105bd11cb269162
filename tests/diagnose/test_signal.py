"""Was anything learnt: how often the test says so where nothing was, and where something was."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from gengap.stats.permutation import ORDERS, PermutationTest, permutation_test
from gengap.tasks import BINARY, Multiclass, Regression

RUNS, EPOCHS = 6, 8


def outputs(random: np.random.Generator, y: np.ndarray, strength: float) -> list[np.ndarray]:
    """Log-odds of several runs (epochs, rows) that wander, all with the same wrong ideas in part."""
    shared = random.normal(size=len(y))
    made = []
    for _ in range(RUNS):
        own = random.normal(size=(EPOCHS, len(y))).cumsum(axis=0)
        made.append(0.3 * own + shared + strength * y - 2)
    return made


def shown(made: Iterable[np.ndarray], y: np.ndarray, orders: int = ORDERS, seed: int = 0) -> PermutationTest:
    return permutation_test((lines[..., None] for lines in made), y, BINARY, orders=orders, seed=seed)


@pytest.mark.parametrize(("rows", "rate"), [(400, 0.5), (400, 0.05), (60, 0.5)])
def test_where_nothing_was_learnt_small_p_values_are_as_rare_as_they_say(rows: int, rate: float) -> None:
    random = np.random.default_rng(rows)
    p_values = []
    for _ in range(200):
        y = (np.arange(rows) < rate * rows).astype(float)
        p_values.append(shown(outputs(random, y, 0.0), y, orders=99, seed=int(random.integers(1_000_000))).p_value)
    for level in (0.05, 0.2, 0.5):
        share, error = np.mean(np.array(p_values) <= level), np.sqrt(level * (1 - level) / 200)
        assert share <= level + 3 * error
    assert np.mean(np.array(p_values) <= 0.2) >= 0.2 - 3 * np.sqrt(0.2 * 0.8 / 200)  # nor rarer than need be


def test_one_study_in_a_hundred_that_learnt_nothing_is_said_to_have_learnt() -> None:
    random, y, learnt = np.random.default_rng(1), (np.arange(100) < 50).astype(float), 0
    for _ in range(600):
        learnt += shown([random.normal(size=(3, 100))], y, orders=199, seed=int(random.integers(1_000_000))).learnt
    assert 0 < learnt < 0.01 * 600 + 3 * np.sqrt(0.01 * 600)  # 6 are expected, and 30 would be at a level of 5%


@pytest.mark.parametrize("rate", [0.5, 0.05])
def test_where_something_was_learnt_it_is_seen(rate: float) -> None:
    y = (np.arange(600) < rate * 600).astype(float)
    assert all(shown(outputs(np.random.default_rng(i), y, 2.0), y).p_value <= 0.01 for i in range(10))


def test_the_auc_is_the_largest_of_all_lines() -> None:
    random = np.random.default_rng(0)
    y = (random.random(300) < 0.3).astype(float)
    made = [np.round(each, 1) for each in outputs(random, y, 0.5)]  # with ties
    largest = max(roc_auc_score(y, line) for each in made for line in each)
    assert shown(made, y).value == pytest.approx(largest, abs=1e-6)


def test_without_anything_to_rank_nothing_is_shown() -> None:
    y = np.array([0.0, 1.0, 1.0, 0.0])
    assert shown([], y) == (0.5, 1.0, "auc")
    assert shown([np.full((2, 4), np.nan)], y) == (0.5, 1.0, "auc")
    assert shown([np.eye(4)], np.ones(4)) == (0.5, 1.0, "auc")
    assert shown([np.zeros((1, 4))], y) == (0.5, 1.0, "auc")


def test_of_several_classes_the_measure_is_the_mean_area_of_each_against_the_rest() -> None:
    random = np.random.default_rng(0)
    task = Multiclass(("a", "b", "c"))
    labels = random.integers(3, size=400)
    y = task.encoded(np.array(["a", "b", "c"])[labels])
    made = (random.normal(size=(4, 400, 3)) + 0.5 * y).round(1)
    each = [np.mean([roc_auc_score(y[:, k], line[:, k]) for k in range(3)]) for line in made]
    found = permutation_test([made], y, task)
    assert found.value == pytest.approx(max(each), abs=1e-5)
    assert found.p_value <= 0.01 < permutation_test([random.permuted(made, axis=1)], y, task).p_value


def test_of_numbers_the_measure_is_the_rank_correlation() -> None:
    random = np.random.default_rng(0)
    y = random.normal(size=300).round(1)
    made = (random.normal(size=(5, 300, 1)) + 0.4 * y[:, None]).round(1)
    found = permutation_test([made], y, Regression())
    assert found.measure == "rank-correlation"
    assert found.value == pytest.approx(max(spearmanr(line[:, 0], y).statistic for line in made), abs=0.01)
    assert found.p_value <= 0.01 < permutation_test([random.permuted(made, axis=1)], y, Regression()).p_value


def cross_validated(random: np.random.Generator, rows: int, strength: float) -> tuple[np.ndarray, np.ndarray, list]:
    """Return ridge predictions (1, rows, 1) of five folds, the target and the folds."""
    x = random.normal(size=(rows, 4))
    y = strength * x[:, 0] + random.normal(size=rows)
    made, folds = np.empty(rows), list(np.arange(rows).reshape(5, -1))
    for test in folds:
        train = np.setdiff1d(np.arange(rows), test)
        centred = y[train] - y[train].mean()
        made[test] = x[test] @ np.linalg.solve(x[train].T @ x[train] + np.eye(4), x[train].T @ centred)
    return made[None, :, None], y, folds


def test_noise_in_cross_validation_is_called_learnt_as_seldom_as_stated() -> None:
    random, p_values = np.random.default_rng(0), []
    for seed in range(300):
        made, y, folds = cross_validated(random, 100, 0.0)
        p_values.append(permutation_test([made], y, Regression(), folds=folds, orders=199, seed=seed).p_value)
    for level in (0.01, 0.05, 0.2):
        share, error = np.mean(np.array(p_values) <= level), np.sqrt(level * (1 - level) / 300)
        assert share <= level + 3 * error
    assert np.mean(np.array(p_values) <= 0.2) >= 0.2 - 3 * np.sqrt(0.2 * 0.8 / 300)


def test_a_signal_in_cross_validation_is_seen() -> None:
    random = np.random.default_rng(0)
    for seed in range(10):
        made, y, folds = cross_validated(random, 400, 0.4)
        assert permutation_test([made], y, Regression(), folds=folds, seed=seed).learnt


def test_rows_are_ranked_within_their_fold() -> None:
    random = np.random.default_rng(0)
    y, folds = (random.random(200) < 0.4).astype(float), [np.arange(0, 80), np.arange(80, 200)]
    made = random.normal(size=200) + y
    apart = made + np.where(np.arange(200) < 80, 0.0, 50.0)  # folds whose models have other levels
    pairs = [y[rows].sum() * (1 - y[rows]).sum() for rows in folds]
    inside = np.average([roc_auc_score(y[rows], made[rows]) for rows in folds], weights=pairs)
    found = permutation_test([apart[None, :, None]], y, BINARY, folds=folds, orders=99)
    assert found.value == pytest.approx(inside, abs=1e-6)
    several = np.stack([y, 1 - y], axis=1) + random.normal(size=(200, 2))
    each = [spearmanr(several[:, k], made).statistic for k in range(2)]
    two = permutation_test([np.stack([made, made], axis=1)[None]], several, Regression(), orders=99)
    assert two.value == pytest.approx(np.mean(each), abs=1e-3)

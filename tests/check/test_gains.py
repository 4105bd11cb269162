"""Gains of other settings: their intervals, and the luck of the best one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from gengap.check.gains import Gain, LossUnits, best_gain, chosen_losses, gain
from gengap.check.inputs import read_inputs

Model = Callable[[np.ndarray, np.ndarray, np.ndarray, Any], np.ndarray]


def units(rows: int, folds: int = 5) -> LossUnits:
    return LossUnits(np.arange(rows) % folds, None, 1 / (folds - 1), folds)


def test_no_gain_is_above_all_of_the_loss() -> None:
    low, middle, high = Gain(0.6, 0.4, 50).percent
    assert low < 0 < middle == 60 and high == 100


def test_a_setting_on_fewer_folds_is_compared_on_these() -> None:
    base, partial = np.arange(1.0, 11), np.full(10, np.nan)
    partial[[0, 1, 5, 6]] = base[[0, 1, 5, 6]] / 2  # folds 0 and 1 of five
    found = gain(partial, base, units(10))
    assert found.mean == pytest.approx(0.5) and found.error == pytest.approx(0)
    full = 0.9 * base
    at, better = best_gain([partial, full], base, units(10))
    assert at == 1 and better.mean == pytest.approx(0.1)


def test_trainings_that_differ_widen_the_interval() -> None:
    random, base = np.random.default_rng(0), np.ones(200)
    rows = random.normal(0, 0.1, size=200)
    by_fold = 0.2 * np.array([-1.0, -0.5, 0.0, 0.5, 1.0])[np.arange(200) % 5]
    apart = gain(base - 0.3 + rows, base, units(200)), gain(base - 0.3 + rows + by_fold, base, units(200))
    of_means = 0.2 * np.std([-1, -0.5, 0, 0.5, 1], ddof=1) / 5**0.5 * (1 + 0.5 * 5 / 4) ** 0.5
    assert apart[0].error < 0.012 and apart[1].error == pytest.approx(of_means, rel=0.1)
    gains = [gain(1 - random.normal(0.1, 0.3, size=200), base, units(200)) for _ in range(300)]
    assert np.mean([low <= 10 <= high for low, _, high in (each.percent for each in gains)]) > 0.9


def ridge(x: np.ndarray, y: np.ndarray, new: np.ndarray, penalty: float) -> np.ndarray:
    centre = x - x.mean(axis=0)
    weights = np.linalg.solve(centre.T @ centre + penalty * np.eye(x.shape[1]), centre.T @ (y - y.mean()))
    return y.mean() + (new - x.mean(axis=0)) @ weights


def neighbours(x: np.ndarray, y: np.ndarray, new: np.ndarray, count: int) -> np.ndarray:
    apart = ((new[:, None] - x) ** 2).sum(axis=2)
    return y[np.argpartition(apart, count - 1, axis=1)[:, :count]].mean(axis=1)


def squares(x: np.ndarray, y: np.ndarray, fold: np.ndarray, model: Model, setting: Any) -> np.ndarray:
    """Return the squared errors (rows,) of cross-validation."""
    losses = np.empty(len(y))
    for each in np.unique(fold):
        inside = fold == each
        losses[inside] = (y[inside] - model(x[~inside], y[~inside], x[inside], setting)) ** 2
    return losses


def gains_of(
    rows: int, folds: int, features: int, model: Model, settings: tuple[Any, Any]
) -> tuple[list[Gain], float]:
    """Return the gains on new data sets, and how often their intervals cover the mean."""
    random, each, found = np.random.default_rng(0), units(rows, folds), list[Gain]()
    for _ in range(200):
        x = random.normal(size=(rows, features))
        y = x[:, 0] + np.sin(2 * x[:, 1]) + 0.7 * random.standard_t(5, size=rows)
        base, other = (squares(x, y, each.fold, model, setting) for setting in settings)
        found.append(gain(other, base, each))
    true = 100 * np.mean([g.mean for g in found])  # of training on as many rows as a fold trains on
    return found, float(np.mean([low <= true <= high for low, _, high in (g.percent for g in found)]))


SIZES = ((150, 5, 5), (150, 10, 5), (300, 5, 3))  # rows, folds, features


def test_intervals_of_flexible_settings_cover_the_gain_as_often_as_they_say() -> None:
    pairs: tuple[tuple[Model, tuple[Any, Any]], ...] = ((ridge, (1e3, 100.0)), (neighbours, (40, 8)))
    cases = [gains_of(*size, *pair) for size in SIZES for pair in pairs]
    covered = [each for _, each in cases]
    assert min(covered) > 0.85 and 0.9 <= np.mean(covered) <= 0.945, covered
    ratios = [np.std([g.mean for g in found]) / np.mean([g.error for g in found]) for found, _ in cases]
    assert 0.8 < np.mean(ratios) < 1.05, ratios


def test_intervals_of_simpler_settings_are_never_too_narrow() -> None:
    for size in SIZES:
        for model, settings in ((ridge, (1e-3, 10.0)), (neighbours, (1, 10))):
            assert gains_of(*size, model, settings)[1] >= 0.9


def test_losses_by_row_take_half_of_the_correction_and_scores_of_folds_all_of_it() -> None:
    random = np.random.default_rng(0)
    losses = random.normal(1, 0.2, size=200)
    losses -= np.bincount(np.arange(200) % 5, losses)[np.arange(200) % 5] / 40 - losses.mean()  # equal folds
    found = gain(losses, np.ones(200), units(200))
    assert found.error == pytest.approx(losses.std(ddof=1) * (1 / 200 + 0.5 / 4 * 5 / 200) ** 0.5)
    scores = np.array([0.5, 0.6, 0.7, 0.8, 0.9])
    by_fold = gain(scores, np.ones(5), LossUnits(np.arange(5), None, 1 / 4, 5))
    assert by_fold.error == pytest.approx(scores.std(ddof=1) * (1 / 5 + 1 / 4) ** 0.5)
    assert by_fold.freedom == 4


def test_rows_of_one_group_count_as_one_draw() -> None:
    random, group = np.random.default_rng(0), np.repeat(np.arange(40), 5)
    inputs = read_inputs(Ridge(), np.zeros((200, 1)), np.zeros(200), groups=group)
    gains: dict[str, list[Gain]] = {"groups": [], "rows": []}
    for _ in range(200):
        losses = 0.9 + 0.3 * random.normal(size=40)[group] + 0.1 * random.normal(size=200)
        for name, each in (("groups", inputs), ("rows", replace(inputs, groups=None))):
            gains[name].append(gain(losses, np.ones(200), LossUnits.of(each, by_row=True)))
    spread = np.std([each.mean for each in gains["groups"]])
    low = {name: np.quantile([each.error for each in found], 0.1) for name, found in gains.items()}
    assert low["rows"] < 0.8 * spread < spread < low["groups"] < 1.4 * spread
    assert {each.freedom for each in gains["groups"]} == {39}


def test_the_luck_of_the_best_of_many_equal_settings_is_removed() -> None:
    random = np.random.default_rng(0)
    means, naive = [], []
    for _ in range(40):
        base = 1 + random.normal(0, 0.2, size=200)
        others = [1 + random.normal(0, 0.2, size=200) for _ in range(10)]
        at, found = best_gain(others, base, units(200))
        means.append(found.mean)
        naive.append(gain(others[at], base, units(200)).mean)
    assert abs(np.mean(means)) < 0.01 < np.mean(naive)


def test_the_choice_of_a_fold_ignores_its_own_rows() -> None:
    low, high = np.zeros(10), np.ones(10)
    low[0], low[5] = 100.0, 100.0  # only fold 0 sees that it is bad
    chosen = chosen_losses([high, low], units(10))
    assert chosen[0] == 100.0 and chosen[1] == 1.0


def test_a_setting_that_was_given_up_is_never_chosen() -> None:
    given_up = np.where(np.arange(10) % 5 < 2, 0.0, np.nan)
    weights = np.where(np.arange(10) % 2, 2.0, 0.0)
    for each in (units(10), replace(units(10), weights=weights)):
        assert np.array_equal(chosen_losses([np.ones(10), given_up], each), np.ones(10))


def test_a_gain_matters_by_degrees() -> None:
    exact = [Gain(mean, 1e-9, 100).matters(0.01) for mean in (0.01, 0.03, 0.05)]
    assert exact == pytest.approx([0, 0.5, 1], abs=1e-6)
    assert 0.3 < Gain(0.03, 0.05, 100).matters(0.01) < 0.7

"""Gains of other settings: their intervals, and the luck of the best one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, LeaveOneOut, RepeatedKFold, ShuffleSplit, TimeSeriesSplit

from gengap.check.gains import Gain, LossUnits, best_gain, gain
from gengap.check.inputs import Inputs, read_inputs
from gengap.check.losses import choose_loss
from gengap.check.setting_losses import Evaluator, Setting

Model = Callable[[np.ndarray, np.ndarray, np.ndarray, Any], np.ndarray]


def units(rows: int, folds: int = 5) -> LossUnits:
    fold = np.arange(rows) % folds
    pairs = [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(folds)]
    return LossUnits.of(inputs_of(rows, pairs), by_row=True)


def inputs_of(rows: int, cv: Any, **options: Any) -> Inputs:
    return read_inputs(Ridge(), np.zeros((rows, 1)), np.zeros(rows), cv=cv, **options)


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


SPLITS = {
    "folds": KFold(5, shuffle=True, random_state=0),
    "repeated folds": RepeatedKFold(n_splits=5, n_repeats=3, random_state=0),
    "more repeated folds than rows": RepeatedKFold(n_splits=5, n_repeats=50, random_state=0),
    "random splits": ShuffleSplit(20, test_size=0.2, random_state=0),
    "one row each": LeaveOneOut(),
    "later rows": list(TimeSeriesSplit(4).split(np.zeros(200))),
}


@pytest.mark.parametrize("name", SPLITS)
def test_losses_by_row_take_half_of_the_correction_for_each_row_once(name: str) -> None:
    inputs = inputs_of(200, SPLITS[name])
    each = LossUnits.of(inputs, by_row=True)
    losses = np.random.default_rng(0).normal(1, 0.2, size=200)
    for at in range(each.folds):  # the means of folds are equal
        inside = each.fold == at
        losses[inside] += (1 - losses[inside].mean()) if inside.sum() > 1 else 0
    trained = {at: len(train) for at, (train, _) in enumerate(inputs.folds)}
    rows = [trained[at] for at in each.fold.tolist() if at >= 0]
    found, tested = gain(losses, np.ones(200), each), losses[each.tested]
    assert found.error == pytest.approx(
        (tested.var(ddof=1) / len(rows) * (1 + 0.5 * np.sum(1 / np.array(rows)))) ** 0.5, rel=0.02
    )
    assert found.freedom == len(rows) - 1


@pytest.mark.parametrize("name", SPLITS)
def test_scores_of_folds_take_all_of_the_correction(name: str) -> None:
    inputs = inputs_of(200, SPLITS[name])
    scores = np.random.default_rng(0).uniform(0.5, 0.9, size=len(inputs.folds))
    found = gain(scores, np.ones(len(scores)), LossUnits.of(inputs, by_row=False))
    ratio = np.mean([len(test) / len(train) for train, test in inputs.folds])
    assert found.error == pytest.approx(scores.std(ddof=1) * (1 / len(scores) + ratio) ** 0.5)
    assert found.freedom == len(scores) - 1


def test_repeated_folds_have_intervals_of_rows_that_count_once() -> None:
    random, found = np.random.default_rng(0), dict[str, list[Gain]]()
    for seed in range(100):
        x = random.normal(size=(150, 5))
        y = x[:, 0] + np.sin(2 * x[:, 1]) + 0.7 * random.standard_t(5, size=150)
        for name, cv in (
            ("random", ShuffleSplit(20, test_size=0.2, random_state=seed)),
            ("repeated", RepeatedKFold(n_splits=5, n_repeats=4, random_state=seed)),
        ):
            inputs = read_inputs(Ridge(), x, y, cv=cv)
            evaluator = Evaluator(Ridge(), inputs, choose_loss(Ridge(), inputs, None))
            few, many = (evaluator.evaluate(Setting({"alpha": alpha}, ""))[0].losses for alpha in (100.0, 1e3))
            found.setdefault(name, []).append(gain(few, many, LossUnits.of(inputs, by_row=True)))
    for name, each in found.items():
        ratio = np.std([g.mean for g in each]) / np.mean([g.error for g in each])
        assert 0.8 < ratio < 1.1, (name, ratio)


def test_one_draw_shows_no_spread() -> None:
    inputs = inputs_of(100, None, groups=np.arange(100) % 5)
    each = LossUnits.of(inputs, by_row=True)
    first = np.where(each.fold == 0, 0.5 + 0.1 * np.sin(np.arange(100)), np.nan)
    found = gain(first, np.ones(100), each)
    assert found.mean == pytest.approx(0.5, abs=0.05)
    assert found.above(0.01) == found.matters(0.01) == 0.5
    both = gain(np.where(each.fold < 2, 0.5 + 0.1 * np.sin(np.arange(100)), np.nan), np.ones(100), each)
    assert both.freedom == 1 and np.isfinite(both.error)


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


def test_most_of_the_luck_is_found_where_settings_are_equally_good() -> None:
    random, base = np.random.default_rng(0), np.ones(200)
    luck, left = [], []
    for _ in range(200):
        others = [1 + random.normal(0, 0.2, size=200) for _ in range(10)]
        at, found = best_gain(others, base, units(200))
        luck.append(gain(others[at], base, units(200)).mean)
        left.append(found.mean)
    assert 1 - np.mean(left) / np.mean(luck) == pytest.approx(0.5**0.5, abs=0.05)


def test_nearly_equal_settings_keep_their_gain_though_folds_disagree_which_is_better() -> None:
    base = np.ones(200)
    rows = np.random.default_rng(0).normal(0, 0.05, size=200)
    for count in (4, 10):  # each fold is better with the setting that the other folds do not choose
        in_even = (np.arange(200) % count) % 2 == 0
        settings = [base + rows - 0.1 * in_even, base + rows - 0.1 * ~in_even]
        assert best_gain(settings, base, units(200, count))[1].mean == pytest.approx(0.05, abs=0.015)


def test_rows_of_one_group_are_drawn_together() -> None:
    group = np.arange(400) // 10
    losses = np.random.default_rng(0).normal(size=40)[group][None]
    grouped = LossUnits.of(inputs_of(400, 5, groups=group), by_row=True).drawn_means(losses).std()
    assert grouped == pytest.approx(losses.std() / 40**0.5, rel=0.2)
    assert units(400).drawn_means(losses).std() == pytest.approx(losses.std() / 20, rel=0.2)


@pytest.mark.parametrize(("groups", "draws"), [(None, 8000), (np.arange(8000) // 2, 4000)])
def test_draws_of_many_rows_vary_as_much_though_some_rows_share_a_weight(groups: Any, draws: int) -> None:
    many = LossUnits.of(inputs_of(8000, 5, groups=groups), by_row=True)
    losses = np.random.default_rng(0).normal(size=(1, 4000)).repeat(2, axis=1)
    assert many.drawn_means(losses).std() == pytest.approx(losses.std() / draws**0.5, rel=0.2)


def test_a_setting_that_was_given_up_is_never_chosen() -> None:
    given_up = np.where(np.arange(10) % 5 < 2, 0.0, np.nan)
    weights = np.where(np.arange(10) % 2, 2.0, 0.0)
    for each in (units(10), replace(units(10), weights=weights)):
        at, better = best_gain([given_up, np.full(10, 0.9)], np.ones(10), each)
        assert at == 1 and better.mean == pytest.approx(0.1)
        assert best_gain([given_up], np.ones(10), each)[1].mean == 0


def test_a_gain_matters_by_degrees() -> None:
    exact = [Gain(mean, 1e-9, 100).matters(0.01) for mean in (0.01, 0.03, 0.05)]
    assert exact == pytest.approx([0, 0.5, 1], abs=1e-6)
    assert 0.3 < Gain(0.03, 0.05, 100).matters(0.01) < 0.7

"""Statistics of rows in groups and in blocks of time: how often they are wrong, on simulated row losses."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from gengap.analysis.results import interval
from gengap.data.units import MIN_UNITS, Units, group_units, time_units
from gengap.errors import UsageError
from gengap.stats.comparison import compare, ranks
from gengap.stats.learning_curve import cross_fit_rows
from gengap.stats.paired import auc_components, auc_values, cross_fit
from gengap.stats.permutation import permutation_test
from gengap.stats.unit_values import by_unit, effective_rows
from gengap.tasks import BINARY

GROUPS = 12  # as in the validation part of a table of 60 groups
CORRELATIONS = [0.0, 0.2, 0.5]
SIZES = {"equal": np.full(GROUPS, 20), "unequal": np.arange(GROUPS) * 3 + 4}


def units_of(sizes: np.ndarray) -> Units:
    return group_units(np.repeat(np.arange(len(sizes)), sizes), "patient")


def alike(random: np.random.Generator, units: Units, correlation: float, count: int = 1) -> np.ndarray:
    """Normal values (count, rows) of variance 1 with this correlation within groups."""
    of_groups = random.normal(size=(count, len(units)))[:, units.codes]
    own = random.normal(size=(count, len(units.codes)))
    return np.sqrt(correlation) * of_groups + np.sqrt(1 - correlation) * own


def consistent(hits: int, draws: int, low: float, high: float) -> bool:
    """Whether a share between `low` and `high` explains the hits, within three standard errors."""
    error = 3 * np.sqrt(0.25 / draws if low < 0.5 < high else max(low * (1 - low), high * (1 - high)) / draws)
    return low - error <= hits / draws <= high + error


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("correlation", CORRELATIONS)
def test_noise_in_groups_is_called_learnt_as_seldom_as_stated(sizes: str, correlation: float) -> None:
    random, units = np.random.default_rng(1), units_of(SIZES[sizes])
    learnt = tenth = 0
    for seed in range(150):
        y = (alike(random, units, correlation)[0] > 0).astype(float)
        outputs = alike(random, units, correlation, 6)[..., None]
        p = permutation_test([outputs], y, BINARY, units=units, orders=99, seed=seed).p_value
        learnt, tenth = learnt + (p <= 0.01), tenth + (p <= 0.1)
    assert learnt <= 6  # 1.5 are expected at 1%; more than 6 have the probability 0.001
    assert consistent(tenth, 150, 0.07, 0.1)


def test_rows_of_groups_taken_as_independent_would_show_learning_in_noise() -> None:
    random, units = np.random.default_rng(2), units_of(SIZES["equal"])
    learnt = 0
    for seed in range(40):
        y, outputs = (alike(random, units, 0.5)[0] > 0).astype(float), alike(random, units, 0.5, 6)[..., None]
        learnt += permutation_test([outputs], y, BINARY, orders=199, seed=seed).learnt
    assert learnt > 10


def test_what_groups_can_be_told_by_is_found() -> None:
    random, units, found = np.random.default_rng(3), units_of(SIZES["unequal"]), 0
    for seed in range(20):
        hidden = alike(random, units, 0.5)
        y = (hidden[0] > 0).astype(float)
        outputs = (hidden + 0.7 * random.normal(size=(4, len(y))))[..., None]
        found += permutation_test([outputs], y, BINARY, units=units, orders=99, seed=seed).learnt
    assert found == 20


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("correlation", CORRELATIONS)
def test_expected_losses_and_differences_of_groups_hold(sizes: str, correlation: float) -> None:
    """Of the best of 8 models, and of two models, with skewed losses. Draws of rows alone cover a third at 0.5."""
    random, units = np.random.default_rng(4), units_of(SIZES[sizes])
    expected = differences = told_apart = 0
    draws = 300
    for _ in range(draws):
        hard, own = alike(random, units, correlation)[0], alike(random, units, correlation, 8)
        scale = 0.5 / np.sqrt(1.25)
        losses = np.exp(scale * (hard + 0.5 * own) - 0.125)  # of the mean 1
        rows = by_unit(losses, None, units)
        picked = cross_fit(list(rows))
        own_error = rows[picked.best].std(ddof=1) / np.sqrt(len(units))
        middle = picked.naive + max(picked.optimism, 0)
        low, _, high = interval(middle, max(picked.error, own_error), units.effective)
        expected += low <= 1 <= high
        (found,) = compare({"a": rows[:1], "b": rows[1:2]}, against="b")
        differences += found.interval[0] <= 0 <= found.interval[1]
        told_apart += found.p_value < 0.01
    assert consistent(expected, draws, 0.85, 0.95)
    assert consistent(differences, draws, 0.85, 0.95)
    assert told_apart <= 9  # 3 are expected at 1%


def test_groups_that_differ_are_told_apart_and_ranked() -> None:
    random, units = np.random.default_rng(5), units_of(SIZES["unequal"])
    hard = alike(random, units, 0.5)[0]
    losses = {run: by_unit((mean + hard + 0.1 * random.normal(size=hard.shape))[None], None, units)
              for run, mean in {"good": 1.0, "bad": 1.3}.items()}  # fmt: skip
    assert {rank.run: rank.group for rank in ranks(losses)} == {"good": 1, "bad": 2}


def test_the_areas_of_groups_are_compared_by_groups() -> None:
    random, units, covered = np.random.default_rng(6), units_of(SIZES["equal"]), 0
    for _ in range(150):
        hidden = alike(random, units, 0.5)[0]
        y = (hidden > 0).astype(float)
        logits = {run: (hidden + alike(random, units, 0.5)[0])[None] for run in "ab"}
        losses = {run: by_unit(BINARY.row_losses(z[..., None], y), None, units) for run, z in logits.items()}
        found = {each.metric: each for each in compare(losses, logits, y, against="b", units=units)}
        a, b = (roc_auc_score(y, logits[run][0]) for run in "ab")
        assert found["auc"].difference == pytest.approx(a - b)
        covered += found["auc"].interval[0] <= 0 <= found["auc"].interval[1]
    assert consistent(covered, 150, 0.85, 0.95)


def test_the_rows_values_of_an_area_have_its_mean_and_delongs_spread() -> None:
    random = np.random.default_rng(7)
    y = (random.random(500) < 0.3).astype(int)
    parts = auc_components((y + random.normal(size=500))[None], y)
    values = auc_values(parts, y)
    error = np.sqrt(sum(part.var(ddof=1) / len(part) for part in (parts.positives, parts.negatives)))
    assert values.mean() == pytest.approx(parts.area)
    assert values.std(ddof=1) / np.sqrt(500) == pytest.approx(error, rel=0.01)


def test_values_of_units_have_the_weighted_mean_of_the_rows() -> None:
    random, units = np.random.default_rng(8), units_of(SIZES["unequal"])
    values, weights = random.normal(size=(3, len(units.codes))), random.gamma(1, size=len(units.codes))
    np.testing.assert_allclose(
        by_unit(values, weights, units).mean(axis=-1), np.average(values, axis=-1, weights=weights)
    )
    alone = group_units(np.arange(50), "row")
    np.testing.assert_allclose(
        by_unit(values[:, :50], weights[:50], alone), by_unit(values[:, :50], weights[:50], None)
    )
    assert cross_fit_rows(by_unit(values, None, units)).shape == (GROUPS,)


@pytest.mark.parametrize("correlation", CORRELATIONS)
def test_effective_rows_are_those_of_the_design_effect(correlation: float) -> None:
    random = np.random.default_rng(9)
    units = units_of(np.full(400, 20))
    found = effective_rows(alike(random, units, correlation)[0], units)
    assert found == pytest.approx(8_000 / (1 + 19 * correlation), rel=0.2)


def test_units_of_equal_size_change_places_as_a_whole() -> None:
    units = group_units(np.array([3, 1, 3, 1, 2, 2]), "g")
    rows = units.shuffled_rows(np.random.default_rng(0))
    assert sorted(rows) == list(range(6))
    assert all(len(set(units.codes[rows[units.codes == unit]])) == 1 for unit in range(3))


def drifting(random: np.random.Generator, rows: int, memory: float) -> np.ndarray:
    """Normal values (rows,) of variance 1 that forget by this factor a row."""
    found, steps = np.empty(rows), random.normal(size=rows) * np.sqrt(1 - memory**2)
    value = random.normal()
    for i, step in enumerate(steps):
        found[i] = value = memory * value + step
    return found


@pytest.mark.parametrize("memory", [0.0, 0.9, 0.98, 0.998])
def test_drifting_noise_is_called_learnt_as_seldom_as_stated(memory: float) -> None:
    random, learnt = np.random.default_rng(10), 0
    for seed in range(100):
        y = (drifting(random, 600, memory) > 0).astype(float)
        units = time_units(np.arange(600.0), y, "day")
        outputs = np.stack([drifting(random, 600, memory) for _ in range(3)])[..., None]
        test = permutation_test([outputs], y, BINARY, units=units, orders=99, seed=seed)
        learnt += units.enough and test.learnt
    assert learnt <= 5  # 1 is expected at 1%; more than 5 have the probability 0.001


def test_blocks_of_time_are_neighbours_of_about_equal_size() -> None:
    random = np.random.default_rng(11)
    times = random.permutation(900) // 3  # three rows of each time
    units = time_units(times, random.normal(size=900), "day")
    ordered = units.codes[np.argsort(times, kind="stable")]
    assert (np.diff(ordered) >= 0).all() and not units.drifts and units.enough
    assert units.counts.max() - units.counts.min() <= 3
    assert all(len(set(units.codes[times == time])) == 1 for time in set(times))


def test_a_target_that_drifts_all_the_time_has_no_blocks() -> None:
    units = time_units(np.arange(500.0), np.linspace(0, 1, 500), "day")
    assert units.drifts and not units.enough


def test_few_or_very_unequal_groups_are_not_enough() -> None:
    assert units_of(np.full(MIN_UNITS, 30)).enough
    assert not units_of(np.full(MIN_UNITS - 1, 30)).enough
    assert not units_of(np.array([1_000, *[2] * 20])).enough


@pytest.mark.parametrize("rows", [2, 3, 4])
def test_of_fewer_rows_than_folds_all_others_choose_for_each(rows: int) -> None:
    losses = np.random.default_rng(rows).random((6, rows))
    chosen = [losses[np.delete(losses, row, axis=1).mean(axis=1).argmin(), row] for row in range(rows)]
    np.testing.assert_array_equal(cross_fit_rows(losses), chosen)
    with pytest.raises(UsageError, match="a single row"):
        cross_fit_rows(losses[:, :1])

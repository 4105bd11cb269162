"""Paired comparisons: laws that hold for any numbers, oracles, and simulations of how often they are wrong."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, kstest, norm, ttest_1samp
from scipy.stats import t as student
from sklearn.metrics import log_loss, roc_auc_score

from gengap.errors import UsageError
from gengap.stats.comparison import Comparison, choose_within_one_error, compare, ranks
from gengap.stats.paired import (
    LEVEL,
    auc_components,
    correction,
    cross_fit,
    delong,
    mcnemar,
    mcnemar_interval,
    paired_interval,
    paired_t,
    seed_variance,
)

ArraysByRun = dict[str, np.ndarray]
METRICS = ("binary_crossentropy", "accuracy", "auc")


def losses_of(logits: ArraysByRun, y: np.ndarray) -> ArraysByRun:
    return {run: np.logaddexp(0, z) - y * z for run, z in logits.items()}


def task(
    random: np.random.Generator, rows: int, runs: str = "ab", seeds: int = 1, noise: float = 0.7
) -> tuple[ArraysByRun, np.ndarray]:
    """Equally good runs: each knows the true logit up to noise of its own. At least two rows of each label."""
    truth = 1.5 * random.normal(size=rows)
    y = (random.random(rows) < 1 / (1 + np.exp(-truth))).astype(np.float64)
    y[:4] = 0, 1, 0, 1
    return {run: truth + noise * random.normal(size=(seeds, rows)) for run in runs}, y


def consistent(hits: int, of: int, chance: float) -> bool:
    """Whether so many hits are within what that chance gives, but for one time in a thousand."""
    low, high = binom.interval(0.999, of, chance)
    return bool(low <= hits <= high)


seeds_of_data = st.integers(0, 2**32 - 1)
small_tasks = st.builds(
    lambda seed, rows, seeds: task(np.random.default_rng(seed), rows, seeds=seeds),
    seeds_of_data,
    st.integers(6, 60),
    st.integers(1, 3),
)
few = settings(max_examples=25, deadline=None)


# Laws


@few
@given(small_tasks)
def test_swapping_the_runs_changes_the_sign_alone(given_task: tuple[ArraysByRun, np.ndarray]) -> None:
    logits, y = given_task
    losses = losses_of(logits, y)
    forward, back = (compare(losses, logits, y, against=run) for run in "ba")
    assert [c.metric for c in forward] == [c.metric for c in back] == list(METRICS)
    for one, other in zip(forward, back, strict=True):
        assert (one.a, one.b) == (other.b, other.a) == ("a", "b")
        assert one.difference == pytest.approx(-other.difference, abs=1e-12)
        assert one.interval == pytest.approx((-other.interval[1], -other.interval[0]), abs=1e-9)
        assert one.p_value == pytest.approx(other.p_value)
        assert one.adjusted == pytest.approx(other.adjusted)


@few
@given(small_tasks)
def test_identical_models_do_not_differ(given_task: tuple[ArraysByRun, np.ndarray]) -> None:
    logits, y = given_task
    logits = {"a": logits["a"], "b": logits["a"].copy()}
    for found in compare(losses_of(logits, y), logits, y):
        assert (found.difference, found.interval, found.p_value, found.adjusted) == (0, (0, 0), 1, 1)


@few
@given(small_tasks, seeds_of_data)
def test_the_order_of_rows_changes_only_the_bootstraps_noise(
    given_task: tuple[ArraysByRun, np.ndarray], seed: int
) -> None:
    logits, y = given_task
    order = np.random.default_rng(seed).permutation(len(y))
    shuffled = {run: z[:, order] for run, z in logits.items()}
    before, after = (
        compare(losses_of(logits, y), logits, y),
        compare(losses_of(shuffled, y[order]), shuffled, y[order]),
    )
    for one, other in zip(before, after, strict=True):
        assert (one.difference, one.p_value) == pytest.approx((other.difference, other.p_value), abs=1e-9)
        # A quantile at 5% of 2,000 draws has a standard error of 0.047 sd, of a width of 3.3 sd; a share of rows
        # right moves in steps of 1 / (seeds x rows).
        step = 1 / (len(logits["a"]) * len(y))
        assert np.abs(np.subtract(one.interval, other.interval)).max() <= 0.1 * np.ptp(one.interval) + step


@few
@given(small_tasks, st.floats(0.5, 4))
def test_what_makes_a_row_hard_for_all_runs_cancels(
    given_task: tuple[ArraysByRun, np.ndarray], scale: float
) -> None:
    logits, y = given_task
    losses = losses_of(logits, y)
    hard = 10 * np.random.default_rng(0).random(len(y))
    (before,), (after,) = compare(losses), compare({run: scale * (each + hard) for run, each in losses.items()})
    assert after.p_value == pytest.approx(before.p_value, abs=1e-9)
    assert after.difference == pytest.approx(scale * before.difference, abs=1e-9)
    assert after.interval == pytest.approx(tuple(scale * end for end in before.interval), abs=1e-9)


@few
@given(small_tasks)
def test_areas_are_those_of_scikit_learn_and_know_only_ranks(given_task: tuple[ArraysByRun, np.ndarray]) -> None:
    logits, y = given_task
    z = np.round(logits["a"], 0)  # many ties
    parts = auc_components(z, y)
    assert parts.area == pytest.approx(np.mean([roc_auc_score(y, each) for each in z]))
    assert parts.negatives.mean() == pytest.approx(parts.area)
    positive, negative = z[:, y == 1, None], z[:, None, y == 0]
    won = ((positive > negative) + 0.5 * (positive == negative)).mean(axis=0)
    np.testing.assert_allclose(parts.positives, won.mean(axis=1))
    np.testing.assert_allclose(parts.negatives, won.mean(axis=0))
    np.testing.assert_allclose(auc_components(np.exp(z), y).positives, parts.positives)
    np.testing.assert_allclose(auc_components(-z, 1 - y).positives, parts.negatives)


# Oracles and contracts


def test_mcnemars_test_of_known_tables() -> None:
    right = np.array([True] * 10)
    assert mcnemar(right, right) == 1
    assert mcnemar(right, np.arange(10) > 0) == 1  # one discordant row
    assert mcnemar(np.arange(10) < 1, np.arange(10) > 0) == pytest.approx(2 * (1 + 10) / 2**10)
    assert mcnemar(np.array([True] * 200), np.arange(200) > 19) == pytest.approx(2.0**-19)


def test_differences_and_areas_are_those_of_scikit_learn() -> None:
    logits, y = task(np.random.default_rng(4), 300, seeds=2)
    found = {c.metric: c for c in compare(losses_of(logits, y), logits, y, against="b")}
    chance = {run: 1 / (1 + np.exp(-z)) for run, z in logits.items()}
    for metric, score in {
        "binary_crossentropy": lambda p: log_loss(y, p),
        "accuracy": lambda p: np.mean((p > 0.5) == y),
        "auc": lambda p: roc_auc_score(y, p),
    }.items():
        means = {run: np.mean([score(each) for each in p]) for run, p in chance.items()}
        assert found[metric].difference == pytest.approx(means["a"] - means["b"])
        assert found[metric].interval[0] < found[metric].difference < found[metric].interval[1]


def test_the_t_test_is_scipys_or_less_sure_where_the_skewness_speaks_against_it() -> None:
    rows = np.random.default_rng(29).exponential(size=8)
    along, against = rows - 0.4, rows - 1.4  # the long tail on the side of the mean, and on the other
    assert along.mean() > 0 > against.mean()
    assert paired_t(along) == paired_t(-along) == pytest.approx(ttest_1samp(along, 0).pvalue)
    z = against.mean() / against.std(ddof=1)
    skewness = ((against - against.mean()) ** 3).mean() / against.std(ddof=1) ** 3
    halls = np.sqrt(8) * (((1 + skewness * z / 3) ** 3 - 1) / skewness + skewness / 48)
    assert paired_t(against) == pytest.approx(2 * student.sf(abs(halls), 7))
    assert paired_t(against) > ttest_1samp(against, 0).pvalue


def test_delongs_variance_is_that_of_its_definition_for_rare_positives() -> None:
    """Equations 2-5 of the paper, pair by pair, with labels so unequal that mixing them up would show."""
    random = np.random.default_rng(30)
    y = (np.arange(200) < 12).astype(int)
    a, b = 2 * y + random.normal(size=(2, 200))
    won = [(z[y == 1, None] > z[None, y == 0]).astype(float) for z in (a, b)]
    by_positive, by_negative = (np.cov([w.mean(axis=axis) for w in won]) for axis in (1, 0))
    covariance = by_positive / 12 + by_negative / 188
    error = np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    difference, interval, p_value = delong(auc_components(a[None], y), auc_components(b[None], y))
    assert difference == pytest.approx(won[0].mean() - won[1].mean())
    assert np.ptp(interval) / 2 == pytest.approx(norm.ppf(0.95) * error)
    assert p_value == pytest.approx(2 * norm.sf(abs(difference) / error))


def test_delongs_variance_is_the_bootstraps() -> None:
    random = np.random.default_rng(5)
    logits, y = task(random, 400, seeds=2)
    _, interval, _ = delong(auc_components(logits["a"], y), auc_components(logits["b"], y))
    drawn = []
    for _ in range(600):
        rows = random.integers(400, size=400)
        a, b = (auc_components(z[:, rows], y[rows]).area for z in logits.values())
        drawn.append(a - b)
    assert np.ptp(interval) / (2 * 1.645) == pytest.approx(np.std(drawn), rel=0.1)


def test_intervals_exclude_0_exactly_where_p_values_are_small() -> None:
    random = np.random.default_rng(6)
    for draw in range(300):
        row = random.choice([0.02, 0.1, 0.3]) + random.gamma(0.5, size=30) - 0.5
        level = float(random.choice([0.8, 0.9, 0.99]))
        low, high = paired_interval(row, level)
        assert (low <= 0 <= high) == (paired_t(row) >= 1 - level), draw
        a, b = random.random((2, 40)) < (0.5, 0.7)[draw % 2]
        low, high = mcnemar_interval(a, b, level)
        assert (low <= 0 <= high) == (mcnemar(a, b) >= 1 - level), draw
    right = np.arange(9) > 3
    assert paired_interval(np.ones(5)) == (1.0, 1.0) and mcnemar_interval(right, right) == (0.0, 0.0)


def test_comparisons_are_serialised_as_study_json_has_them() -> None:
    logits, y = task(np.random.default_rng(8), 80, runs="abc")
    found = compare(losses_of(logits, y), logits, y, against="c")
    assert [(c.a, c.b, c.metric) for c in found] == [(run, "c", metric) for run in "ab" for metric in METRICS]
    first = msgspec.json.decode(msgspec.json.encode(found))[0]
    assert list(first) == ["a", "b", "metric", "difference", "interval", "p_value", "adjusted"]
    assert first["interval"] == list(found[0].interval)
    assert all(c.p_value <= c.adjusted <= 2 * c.p_value for c in found)  # Dunnett's: at most Bonferroni's


def test_an_unnamed_reference_is_the_best() -> None:
    logits, y = task(np.random.default_rng(9), 80, runs="abcd")
    losses = losses_of(logits, y)
    found = compare(losses, logits, y)
    assert {c.b for c in found} == {min(losses, key=lambda run: losses[run].mean())}
    assert all(c.adjusted >= c.p_value for c in found)


def many_runs(random: np.random.Generator, rows: int) -> ArraysByRun:
    """Runs a little apart, some by less and some by more than their error."""
    hard = random.exponential(size=rows)
    means = {"a": 0.5, "b": 0.51, "c": 0.52, "d": 0.53, "e": 0.55}
    return {run: (mean + hard + 0.4 * random.normal(size=rows))[None] for run, mean in means.items()}


@pytest.mark.parametrize("against", [None, "a"])
def test_an_interval_without_0_and_no_clear_difference_never_stand_side_by_side(against: str | None) -> None:
    random = np.random.default_rng(60)
    clear = 0
    for _ in range(40):
        logits, y = task(random, 60, runs="abcd", noise=0.6)
        of_logits = compare(losses_of(logits, y), logits, y, against=against)
        for found in (*of_logits, *compare(many_runs(random, 400), against=against)):
            assert (found.interval[0] <= 0 <= found.interval[1]) == (found.adjusted >= 1 - LEVEL), found
            clear += found.adjusted < 0.1
    assert clear > 20


@pytest.mark.parametrize("against", [None, "a"])
def test_unrelated_runs_that_are_far_behind_change_no_comparison(against: str | None) -> None:
    random = np.random.default_rng(61)
    for _ in range(20):
        losses = many_runs(random, 400)
        worse = {f"bad{i}": losses["a"] + 1 + 0.1 * random.normal(size=(1, 400)) for i in range(20)}
        alone, among = compare(losses, against=against), compare({**losses, **worse}, against=against)
        kept = [each for each in among if each.a in losses]
        assert [each.interval for each in alone] == [each.interval for each in kept]
        assert [each.adjusted < 0.1 for each in alone] == [each.adjusted < 0.1 for each in kept]
        groups = {rank.run: rank.group for rank in ranks({**losses, **worse})}
        assert {rank.run: rank.group for rank in ranks(losses)} == {run: groups[run] for run in losses}


@pytest.mark.parametrize("shared", [0.0, 0.95])
def test_equal_runs_are_called_other_than_a_control_as_seldom_as_stated(shared: float) -> None:
    """Holm's correction would be at its level for unrelated runs only, and below it for similar ones."""
    random, alarms, covered = np.random.default_rng(62), 0, 0
    for _ in range(400):
        common = random.normal(size=150)
        runs = np.sqrt(shared) * common + np.sqrt(1 - shared) * random.normal(size=(8, 150))
        losses = {"control": random.normal(size=(1, 150))} | {str(i): each[None] for i, each in enumerate(runs)}
        found = compare(losses, against="control")
        alarms += min(each.adjusted for each in found) < 0.1
        covered += all(each.interval[0] <= 0 <= each.interval[1] for each in found)
    assert consistent(alarms, 400, 0.1)
    assert covered == 400 - alarms


def test_the_correction_of_independent_comparisons_is_dunnetts() -> None:
    """Dunnett's tables have 2.41 for 8 comparisons with a control at 10% on both sides, with many rows."""
    random = np.random.default_rng(63)
    values = random.normal(size=(9, 4_000))
    factor = correction(values, chosen=False)
    assert norm.isf(0.1 / factor / 2) == pytest.approx(2.41, abs=0.04)
    assert correction(values[:2], chosen=True) == 1.0
    assert correction(values, chosen=True) > factor
    assert correction(np.stack([values[0]] * 5), chosen=True) == 1.0


def test_losses_alone_are_compared_whatever_the_task() -> None:
    losses = {run: np.random.default_rng(ord(run)).exponential(size=(2, 40)) for run in "ab"}
    (found,) = compare(losses, loss="mean_squared_error", against="b")
    assert (found.metric, found.adjusted) == ("mean_squared_error", found.p_value)
    assert compare({"a": losses["a"]}) == ()


def test_runs_of_several_seeds_use_all_of_them() -> None:
    logits, y = task(np.random.default_rng(10), 100, seeds=3)
    logits["b"] = logits["b"][:2]  # an interrupted study
    found = {c.metric: c for c in compare(losses_of(logits, y), logits, y, against="b")}
    shares = {run: ((z > 0) == y).mean(axis=0) for run, z in logits.items()}
    assert found["accuracy"].p_value == pytest.approx(paired_t(shares["a"] - shares["b"]))
    one = {run: z[:1] for run, z in logits.items()}
    exact = {c.metric: c for c in compare(losses_of(one, y), one, y, against="b")}["accuracy"]
    assert exact.p_value == mcnemar(*((z[0] > 0) == y for z in one.values()))


def test_the_area_is_left_out_where_one_label_is_missing() -> None:
    logits, _ = task(np.random.default_rng(11), 30)
    y = np.zeros(30)
    y[0] = 1
    assert {c.metric for c in compare(losses_of(logits, y), logits, y)} == {"binary_crossentropy", "accuracy"}


def test_few_rows_are_never_surer_than_their_signs() -> None:
    assert paired_t(np.array([0.5, 0.5, 0.5])) == 0.25
    perfect, useless = np.array([[0.0, 0, 1, 1]]), np.zeros((1, 4))
    y = np.array([0, 0, 1, 1])
    assert delong(auc_components(perfect, y), auc_components(useless, y)) == (0.5, (0.5, 0.5), 0.125)


# How often they are wrong


def unequal_noise(random: np.random.Generator, rows: int) -> np.ndarray:
    """Loss differences of a bold run and a cautious one of the same expected loss: as skewed as they get."""
    truth = 1.5 * random.normal(size=rows)
    y = random.random(rows) < 1 / (1 + np.exp(-truth))
    bold, cautious = 2.0 * truth, 0.435 * truth
    return np.logaddexp(0, bold) - y * bold - np.logaddexp(0, cautious) + y * cautious


@pytest.mark.parametrize(("rows", "level_of_students"), [(50, 0.041), (200, 0.0185)])
def test_skewed_losses_are_not_told_apart_too_often(rows: int, level_of_students: float) -> None:
    random = np.random.default_rng(12)
    truth = float(unequal_noise(random, 4_000_000).mean())
    differences = [unequal_noise(random, rows) - truth for _ in range(4_000)]
    p_values = np.array([paired_t(d) for d in differences])
    of_student = ttest_1samp(np.array(differences), 0, axis=1).pvalue
    assert consistent(int((of_student < 0.01).sum()), 4_000, level_of_students)
    assert 0.002 < np.mean(p_values < 0.01) < 0.01
    assert 0.05 < np.mean(p_values < 0.1) < 0.1


@pytest.mark.parametrize(("rows", "coverage"), [(50, 0.93), (300, 0.91)])
def test_the_loss_differences_interval_holds(rows: int, coverage: float) -> None:
    """It is on the safe side: it holds what Student's interval or Hall's holds."""
    random = np.random.default_rng(13)
    truth = float(unequal_noise(random, 4_000_000).mean())
    hits = 0
    for _ in range(2_000):
        low, high = paired_interval(unequal_noise(random, rows))
        hits += low <= truth <= high
    assert consistent(hits, 2_000, coverage)


def test_p_values_of_equally_good_runs_are_uniform() -> None:
    random = np.random.default_rng(31)
    p_values = []
    for _ in range(2_000):
        losses = losses_of(*task(random, 100))
        p_values.append(paired_t(losses["a"][0] - losses["b"][0]))
    assert kstest(p_values, "uniform").pvalue > 0.01


def test_the_interval_of_few_rows_is_not_too_narrow() -> None:
    random = np.random.default_rng(32)
    hits = 0
    for values in random.normal(size=(3_000, 12)):
        low, high = paired_interval(values)
        hits += low <= 0 <= high
    assert consistent(hits, 3_000, 0.91)


@pytest.mark.parametrize("seeds", [1, 3])
def test_delongs_p_value_and_interval_hold(seeds: int) -> None:
    random = np.random.default_rng(14)
    p_values, covered = [], 0
    for _ in range(800):
        logits, y = task(random, 150, seeds=seeds)
        _, (low, high), p_value = delong(auc_components(logits["a"], y), auc_components(logits["b"], y))
        p_values.append(p_value)
        covered += low <= 0 <= high
    assert consistent(covered, 800, LEVEL)
    assert kstest(p_values, "uniform").pvalue > 0.01


def test_accuracies_are_seldom_told_apart_by_chance() -> None:
    """McNemar's exact test is on the safe side, the paired t-test of several seeds' shares is at its level."""
    random = np.random.default_rng(15)
    exact, several, covered = [], [], 0
    for _ in range(800):
        logits, y = task(random, 200, seeds=2)
        a, b = ((z > 0) == (y == 1) for z in logits.values())
        exact.append(mcnemar(a[0], b[0]))
        shares = a.mean(axis=0) - b.mean(axis=0)
        several.append(paired_t(shares))
        low, high = paired_interval(shares)
        covered += low <= 0 <= high
    assert 0.03 < np.mean(np.array(exact) < 0.1) < 0.1
    assert consistent(int((np.array(several) < 0.1).sum()), 800, 0.1)
    assert consistent(covered, 800, LEVEL)


def test_a_difference_is_found_once_the_rows_suffice() -> None:
    random = np.random.default_rng(16)
    logits, y = task(random, 3_000, noise=0.3)
    logits["b"] = logits["b"] + 1.5 * random.normal(size=logits["b"].shape)
    for found in compare(losses_of(logits, y), logits, y, against="b"):
        assert found.adjusted < 0.001
        assert (found.difference < 0) == (found.metric == "binary_crossentropy")


def eight_equal(random: np.random.Generator) -> ArraysByRun:
    return {str(i): each[None] for i, each in enumerate(random.normal(size=300) + random.normal(size=(8, 300)))}


def test_equal_runs_are_called_worse_than_the_best_no_more_often_than_stated() -> None:
    """A correction for seven comparisons with a run named beforehand would do it in a fifth of the studies."""
    random = np.random.default_rng(17)
    alarms = naive = grouped = 0
    for _ in range(500):
        losses = eight_equal(random)
        found = compare(losses)
        alarms += min(c.adjusted for c in found) < 0.1
        naive += 7 * min(c.p_value for c in found) < 0.1
        grouped += max(rank.group for rank in ranks(losses)) > 1
    assert naive / 500 > 0.15
    assert consistent(alarms, 500, 0.1)
    assert grouped == alarms


# Ranks


def spread(random: np.random.Generator, means: dict[str, float], rows: int = 400, own: float = 0.1) -> ArraysByRun:
    hard = random.exponential(size=rows)
    return {run: (mean + hard + own * random.normal(size=rows))[None] for run, mean in means.items()}


def test_runs_that_the_rows_cannot_tell_apart_share_a_group() -> None:
    losses = spread(
        np.random.default_rng(18), {"worst": 0.9, "also": 0.501, "best": 0.5, "next": 0.601, "mid": 0.6}
    )
    found = {rank.run: rank.group for rank in ranks(losses)}
    assert found == {"best": 1, "also": 1, "mid": 2, "next": 2, "worst": 3}
    order = [rank.loss for rank in ranks(losses)]
    assert order == sorted(order) and order[0] == pytest.approx(losses["best"].mean(), abs=0.01)
    assert [rank.group for rank in ranks({"alone": losses["best"]})] == [1]


def test_a_noisy_run_may_share_the_bests_group_where_a_steadier_better_one_does_not() -> None:
    random = np.random.default_rng(19)
    losses = spread(random, {"best": 0.5, "steady": 0.55})
    losses["noisy"] = losses["best"] + 0.08 + 2 * random.normal(size=400)
    losses["noisy"] += 0.58 - losses["noisy"].mean() + losses["best"].mean() - 0.5
    assert [(rank.run, rank.group) for rank in ranks(losses)] == [("best", 1), ("steady", 2), ("noisy", 1)]


# The one-standard-error rule


def test_the_smallest_run_within_one_error_is_kept() -> None:
    losses = spread(np.random.default_rng(20), {"tiny": 0.6, "small": 0.5, "large": 0.5, "huge": 0.5}, own=0.2)
    error = (losses["tiny"] - losses["large"]).std(ddof=1) / 20
    shifted = {"large": losses["large"] - losses["large"].mean(), "small": losses["small"] - losses["small"].mean()}
    difference = shifted["small"] - shifted["large"]
    se = float(difference.std(ddof=1) / 20)
    order = ["small", "large"]
    assert error < losses["large"].std() / 20 / 2  # far below that of the best one's own mean
    for times, kept in ((0.9, "small"), (1.1, "large")):
        found = choose_within_one_error({**shifted, "small": shifted["small"] + times * se}, order)
        assert (found.run, found.best) == (kept, "large")
    assert choose_within_one_error(dict.fromkeys("xyz", losses["tiny"]), "zyx").run == "z"


def crossed(random: np.random.Generator, seeds: int, rows: np.ndarray) -> np.ndarray:
    """Losses of one recipe's seeds: the rows' difficulty, the seeds' luck, and that each seed suits other rows."""
    return rows + 0.03 * random.normal(size=(seeds, 1)) + 0.5 * random.normal(size=(seeds, len(rows)))


def test_the_error_is_that_of_other_rows_and_other_seeds() -> None:
    random = np.random.default_rng(21)
    differences, variances = [], []
    for _ in range(1_500):
        hard = random.exponential(size=200)
        a, b = crossed(random, 3, hard), crossed(random, 2, hard)
        differences.append(a.mean() - b.mean())
        barely = a - differences[-1] + 1e-9  # a little worse than b, so that it is kept and its error told
        found = choose_within_one_error({"a": barely, "b": b}, ["a", "b"])
        assert (found.run, found.best) == ("a", "b")
        variances.append(found.error**2)
    truth = 0.03**2 * (1 / 3 + 1 / 2) + 0.5**2 * (1 / 3 + 1 / 2) / 200
    assert np.var(differences) == pytest.approx(truth, rel=0.12)
    # Cut off at 0, the seeds' part is a little above its expectation; with the seeds' means as they are, the
    # interaction of seeds and rows would count twice: 1.58 times the truth.
    assert truth < np.mean(variances) < 1.25 * truth


def test_one_seed_shows_no_spread_of_seeds() -> None:
    assert seed_variance(np.ones((1, 5)) * np.arange(5)) == 0
    assert seed_variance(np.array([[1.0] * 5, [3.0] * 5])) == pytest.approx(1.0)  # variance 2, mean of two


def test_seeds_that_come_out_elsewhere_widen_the_error() -> None:
    hard = np.random.default_rng(22).exponential(size=300)
    wobble = np.random.default_rng(23).normal(size=(2, 300)) * 0.01
    steady = choose_within_one_error({"a": wobble + hard + 0.02, "b": wobble[::-1] + hard}, ["a", "b"])
    shaken = {"a": wobble + hard + 0.02 + np.array([[0.1], [-0.1]]), "b": wobble[::-1] + hard}
    assert steady.run == "b"
    assert choose_within_one_error(shaken, ["a", "b"]).run == "a"


# Corrected for the pick

Scenario = Callable[[np.random.Generator, int], tuple[np.ndarray, np.ndarray]]


def equal_runs(random: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    return 0.6 + 0.4 * random.normal(size=rows) + 0.25 * random.normal(size=(30, rows)), np.full(30, 0.6)


def disagreeing_runs(random: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    return 0.6 + 0.4 * random.normal(size=rows) + 0.8 * random.normal(size=(30, rows)), np.full(30, 0.6)


def unequal_runs(random: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    truth = 0.6 + 0.1 * np.arange(30) / 30
    return truth[:, None] + equal_runs(random, rows)[0] - 0.6, truth


def epochs(random: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    truth = 0.6 + 0.05 * ((np.arange(60) - 25) / 35) ** 2
    walk = random.normal(size=(60, rows)).cumsum(axis=0)
    return truth[:, None] + 0.4 * random.normal(size=rows) + 0.05 * walk, truth


@pytest.mark.parametrize("scenario", [equal_runs, disagreeing_runs, unequal_runs, epochs])
def test_the_corrected_loss_is_nearly_unbiased_where_the_naive_one_is_not(scenario: Scenario) -> None:
    random = np.random.default_rng(24)
    naive, corrected, errors, covered = [], [], [], 0
    for seed in range(500):
        losses, truth = scenario(random, 200)
        found = cross_fit(losses, seed=seed)
        assert found.naive == pytest.approx(losses[found.best].mean()) == pytest.approx(losses.mean(axis=1).min())
        naive.append(found.naive - truth[found.best])
        corrected.append(found.corrected - truth[found.best])
        errors.append(found.error)
        covered += found.interval[0] <= truth[found.best] <= found.interval[1]
    noise = np.std(corrected) / np.sqrt(500)
    assert np.mean(naive) < -5 * noise
    assert abs(np.mean(corrected)) < 0.2 * abs(np.mean(naive)) + 2 * noise
    # The error is that of one halving: never below that of twenty, and for runs that disagree a third above.
    assert 0.95 < np.mean(errors) / np.std(corrected) < (1.4 if scenario is disagreeing_runs else 1.2)
    assert 0.86 < covered / 500 < (0.99 if scenario is disagreeing_runs else 0.95)


def test_a_clear_best_needs_no_correction() -> None:
    random = np.random.default_rng(25)
    losses = random.normal(size=101) + np.array([[2.0], [0.0], [3.0]]) + 0.1 * random.normal(size=(3, 101))
    found = cross_fit(losses.astype(np.float32))
    assert found.best == 1 and found.shares.tolist() == [0, 1, 0]
    assert found.optimism == pytest.approx(0, abs=1e-6)
    assert found.error == pytest.approx(losses[1].std(ddof=1) / np.sqrt(101), rel=1e-4)


def test_halves_pick_and_score_as_by_hand() -> None:
    """Four rows: whichever two pick, the halves are known, and so are all scores that can come out."""
    losses = np.array([[0.0, 0.0, 8.0, 8.0], [5.0, 5.0, 1.0, 1.0]])
    # {0,1} | {2,3}: the first pair picks line 0, which loses 8 on the other; that picks line 1, which loses 5.
    # {0,2} | {1,3}: both pick line 1 (3 < 4), which loses (5 + 1) / 2.
    scores = [cross_fit(losses, halvings=1, seed=seed).corrected for seed in range(40)]
    assert set(scores) == {6.5, 3.0}
    assert scores.count(6.5) / 40 == pytest.approx(1 / 3, abs=0.25)


@pytest.mark.parametrize(("noise", "conservative"), [(0.3, 1.2), (1.5, 1.6)])
def test_accuracy_is_corrected_for_a_pick_by_the_loss(noise: float, conservative: float) -> None:
    """Runs that agree on most rows, as trained on the same ones do, and runs that hardly do."""
    random = np.random.default_rng(5)

    def drawn(rows: int, runs: int = 30) -> tuple[np.ndarray, np.ndarray]:
        odds = 1.5 * random.normal(size=rows)
        y = random.random(rows) < 1 / (1 + np.exp(-odds))
        logits = odds + noise * random.normal(size=(runs, rows))
        return np.logaddexp(0, logits) - y * logits, (logits > 0) != y

    truth = drawn(400_000, 2)[1].mean()
    found, level = [], []
    for seed in range(500):
        losses, wrong = drawn(200)
        found.append(cross_fit(losses, wrong, seed=seed))
        level.append(wrong.mean())  # of equally good runs: what these rows alone make of the truth
    naive, corrected, errors = np.array([(each.naive, each.corrected, each.error) for each in found]).T
    luck, left = naive - level, corrected - level
    assert luck.mean() < -10 * luck.std() / np.sqrt(500)
    assert abs(left.mean()) < 0.1 * abs(luck.mean()) + 2 * left.std() / np.sqrt(500)
    assert 0.95 < errors.mean() / corrected.std() < conservative
    assert np.mean([low <= truth <= high for low, high in (each.interval for each in found)]) > 0.86


def test_of_more_lines_than_are_summed_at_a_time_the_best_is_picked() -> None:
    random = np.random.default_rng(26)
    losses = random.exponential(size=150) + 0.9 + 0.2 * random.normal(size=(80, 150))
    losses[74] -= 0.4
    found = cross_fit(losses, seed=3)
    assert found.best == 74 and found.shares[74] == 1
    assert found.naive == pytest.approx(losses[74].mean())


def test_what_diverged_is_never_picked() -> None:
    losses = np.random.default_rng(27).random((4, 50))
    losses[0], losses[1, 7], losses[2] = -np.inf, np.nan, losses[2] - 1
    found = cross_fit(losses)
    assert found.best == 2 and found.shares.tolist() == [0, 0, 1, 0]
    with pytest.raises(UsageError, match="no candidate has finite losses on all rows; leave out"):
        cross_fit(losses[:2])


# Errors

BAD = {"c": np.full((1, 5), np.nan)}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: compare(BAD), "losses of 'c' aren't all finite; leave out a run that diverged"),
        (lambda: ranks(BAD), "losses of 'c' aren't all finite"),
        (lambda: ranks({"c": np.ones((2, 1))}), "at least two"),
        (lambda: choose_within_one_error(BAD, ["c"]), "losses of 'c' aren't all finite"),
    ],
)
def test_runs_that_diverged_and_single_rows_are_refused(call: Callable[[], object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        call()


def test_a_comparison_can_be_read_back() -> None:
    logits, y = task(np.random.default_rng(28), 30)
    found = compare(losses_of(logits, y), logits, y)
    assert msgspec.json.decode(msgspec.json.encode(found), type=tuple[Comparison, ...]) == found

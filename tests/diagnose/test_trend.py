"""The trend under noise: its arithmetic against brute force, and how often its intervals hold."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from gengap.history import Series
from gengap.stats import trend
from gengap.stats.curves import find_spikes, scale_curve
from gengap.stats.normal_mixture import NormalMixture
from gengap.stats.trend import fit_trend


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.97])
def test_the_noise_between_bins_is_the_average_over_their_epochs(correlation: float) -> None:
    starts, counts = trend._bins(100, trend.BINS)
    epochs = np.arange(100)
    full = correlation ** np.abs(epochs[:, None] - epochs[None]).astype(float)
    means = np.stack([np.isin(epochs, np.arange(s, s + k)) / k for s, k in zip(starts, counts, strict=True)])
    assert counts.sum() == 100
    np.testing.assert_allclose(
        trend._autoregressive(np.array([correlation]), starts, counts), [means @ full @ means.T], atol=1e-12
    )


def test_the_trend_is_found_under_noise() -> None:
    epochs = np.arange(1, 201.0)
    truth = np.log(0.5 + 0.5 * np.exp(-epochs / 20) + 0.0005 * epochs)
    found = fit_trend(epochs, truth + 0.01 * np.random.default_rng(0).normal(size=200))
    sd = np.sqrt(found.weights @ np.einsum("kii->ki", found.covariance(np.arange(len(found.epochs)))))
    off = found.mean - np.interp(found.epochs, epochs, truth)
    assert np.abs(off).max() < 0.02
    assert np.mean(np.abs(off) < 3 * sd) > 0.9
    assert found.epochs[found.late] == round(200 / trend.LATE)


BENDS = {
    "smooth": lambda share: np.exp(-10 * share) + 0.1 * np.maximum(share - 0.5, 0),
    "two drops": lambda share: np.exp(-10 * share) - 0.2 * (share > 0.5) - 0.2 * (share > 0.75),
    "late drop": lambda share: np.exp(-10 * share) - 0.3 * (share > 0.9),
    "restarts": lambda share: np.exp(-10 * share) + 0.6 * (share % 0.25),
}


@pytest.mark.parametrize("epochs", [5, 40, 100, 300])
@pytest.mark.parametrize("noise", [0.001, 0.02])
@pytest.mark.parametrize("bend", BENDS)
def test_a_coarse_fit_changes_nothing(
    epochs: int, noise: float, bend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    positions = np.arange(1, epochs + 1.0)
    values = BENDS[bend](positions / epochs) + noise * np.random.default_rng(2).normal(size=epochs)
    found = fit_trend(positions, values)
    monkeypatch.setattr(trend, "PROMISING", 10_000)
    whole = fit_trend(positions, values)
    middle = len(whole.epochs) // 2
    found, whole = found.difference(-1, middle), whole.difference(-1, middle)
    assert abs(found.mean - whole.mean) < 0.1 * whole.sd
    assert found.sd == pytest.approx(whole.sd, rel=0.1)


def test_draws_have_the_mixtures_moments() -> None:
    epochs = np.arange(1, 61.0)
    found = fit_trend(epochs, np.exp(-epochs / 10) + 0.02 * np.random.default_rng(1).normal(size=60))
    draws, last = found.draws(20_000), len(found.epochs) - 1
    step = found.difference(last, 20)
    assert (draws[:, last] - draws[:, 20]).mean() == pytest.approx(step.mean, abs=4 * step.sd / np.sqrt(20_000))
    assert (draws[:, last] - draws[:, 20]).std() == pytest.approx(step.sd, rel=0.05)


def test_mixture_agrees_with_the_normal_distribution() -> None:
    one = NormalMixture(np.ones(1), np.array([2.0]), np.array([3.0]))
    assert one.above(1.0) == pytest.approx(norm.sf(1, 2, 3))
    assert one.quantile(0.9) == pytest.approx(norm.ppf(0.9, 2, 3), abs=1e-6)
    assert one.with_error(4.0).sd == pytest.approx(5.0)
    assert one.shifted(1.0).scaled_by(np.array([2.0]), np.ones(1)).mean == pytest.approx(6.0)
    # A normal prior of the same spread around 0 halves the mean and the variance.
    assert one.with_prior([3.0]).mean == pytest.approx(1.0)
    assert one.with_prior([3.0]).sd == pytest.approx(np.sqrt(4.5))


@pytest.mark.parametrize("sds", [(1e-6, 1e-6, 1.0), (1e-3, 0.1, 0.2), (3.0, 1e-5, 1.0)])
@pytest.mark.parametrize("level", [0.001, 0.05, 0.35, 0.5, 0.95, 0.999])
def test_a_quantile_has_its_share_below_it(level: float, sds: tuple[float, ...]) -> None:
    mixture = NormalMixture(np.array([0.3, 0.6, 0.1]), np.array([-1.0, 0.5, 40.0]), np.array(sds))
    assert 1 - mixture.above(mixture.quantile(level)) == pytest.approx(level, abs=1e-6)


def test_quantiles_of_mixtures_with_narrow_parts_are_found_too() -> None:
    """Newton's steps alone end too early in a few of these."""
    random = np.random.default_rng(0)
    for _ in range(4_000):
        parts = int(random.integers(1, 30))
        sds = 10 ** random.uniform(-7, 1, parts)
        mixture = NormalMixture(random.dirichlet(np.full(parts, 0.3)), random.normal(0, 3, parts), sds)
        for level in (0.05, 0.35, 0.5, 0.95):
            assert 1 - mixture.above(mixture.quantile(level)) == pytest.approx(level, abs=1e-3)


def test_a_prior_of_level_ends_gives_way_to_clear_data() -> None:
    clear = NormalMixture(np.ones(1), np.array([0.05]), np.array([0.002])).with_prior([0.006, 0.1])
    vague = NormalMixture(np.ones(1), np.array([0.02]), np.array([0.02])).with_prior([0.006, 0.1])
    assert clear.mean == pytest.approx(0.05, rel=0.01)
    assert vague.mean < 0.01


def test_spikes_are_found_and_steps_are_not() -> None:
    values = np.log(0.5 + 0.5 * np.exp(-np.arange(100) / 8)) + 0.003 * np.random.default_rng(2).normal(size=100)
    spiked, stepped = values.copy(), values.copy()
    spiked[[40, 99]] += 0.2
    stepped[60:] += 0.2
    assert find_spikes(values).tolist() == []
    assert find_spikes(spiked).tolist() == [40, 99]
    assert 80 not in find_spikes(stepped) and len(find_spikes(stepped)) <= 2


def test_a_spiked_curve_is_mended_and_lost_values_are_counted() -> None:
    values = np.full(50, 0.5) + 0.001 * np.random.default_rng(3).normal(size=50)
    values[20], values[30] = 0.9, np.inf
    curve = scale_curve(Series(np.arange(50), values))
    assert (curve.lost, len(curve), curve.epochs[curve.spikes].tolist()) == (1, 49, [20])
    assert np.abs(curve.values - np.log(0.5)).max() < 0.02


@pytest.mark.parametrize("before, after, worse", [(0.4, 0.2, -50.0), (0.2, 0.4, 100.0)])
@pytest.mark.parametrize("higher_is_better", [False, True])
def test_percents_are_of_the_metric_itself(
    before: float, after: float, worse: float, higher_is_better: bool
) -> None:
    curve = scale_curve(Series(np.arange(9), np.linspace(before, after, 9)), higher_is_better=higher_is_better)
    change = float(curve.values[-1] - curve.values[0])
    worse = -worse if higher_is_better else worse
    assert curve.worse(change) == pytest.approx(worse) == -curve.better(-change)


def test_scales() -> None:
    rising = scale_curve(Series(np.arange(9), np.linspace(0.5, 0.9, 9)), higher_is_better=True)
    assert (np.diff(rising.values) < 0).all()
    negative = scale_curve(Series(np.arange(9), np.linspace(-1.0, -2.0, 9)))
    assert not negative.logarithmic
    assert negative.worse(0.01) == negative.better(0.01) == pytest.approx(1.0)
    steps = scale_curve(Series(np.arange(500, 5_000, 500), np.linspace(1, 0.5, 9)))
    assert steps.positions.tolist() == list(range(500, 5_000, 500))

"""More training rows: forecasts on curves of known truth, refusals, and words."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gengap.errors import UsageError
from gengap.stats import power_law
from gengap.stats.learning_curve import (
    EVERYTHING,
    LearningCurve,
    LearningCurveFit,
    LearningCurveForecast,
    cross_fit_rows,
    extrapolate,
    fit_curve,
)
from gengap.stats.power_law import MeanLosses, Particles, posterior
from gengap.text.catalog import Message, catalog, languages

SIZES = np.array([156, 272, 474, 825, 1436, 2500])


def curve_of(
    means: Sequence[float] | np.ndarray,
    *,
    seeds: int = 3,
    rows: int = 400,
    seed_error: float = 0.002,
    row_spread: float = 0.3,
    sizes: np.ndarray = SIZES,
    seed: int = 0,
) -> LearningCurve:
    """Row losses with those means on all rows there are: rows differ, alike at all sizes; seeds differ by size."""
    random = np.random.default_rng(seed)
    own = row_spread * random.normal(size=rows)
    losses = []
    for mean in means:
        by_seed = seed_error * random.normal(size=(seeds, 1))
        losses.append(mean * (1 + own + by_seed + 0.1 * row_spread * random.normal(size=(seeds, rows))))
    return LearningCurve(sizes, losses)


def exactly(means: Sequence[float] | np.ndarray, sizes: np.ndarray = SIZES) -> LearningCurve:
    """Mean losses of three seeds that agree."""
    return LearningCurve(sizes, [np.full(3, mean) for mean in means])


def power(a: float, b: float, c: float, n: np.ndarray | float = SIZES) -> np.ndarray:
    return a + b * np.asarray(n, dtype=np.float64) ** -c


def particles_of(fit: LearningCurveFit) -> Particles:
    assert isinstance(fit.result, Particles)
    return fit.result


@pytest.mark.parametrize(("a", "b", "c"), [(0.4, 2.0, 0.5), (0.0, 3.0, 0.3), (0.2, 20.0, 0.9), (1.5, 4.0, 0.25)])
def test_a_power_law_without_noise_is_carried_on(a: float, b: float, c: float) -> None:
    fit = fit_curve(exactly(power(a, b, c)))
    present = power(a, b, c, 2500)
    for times, within in ((2, 0.25), (4, 0.35), (10, 0.5)):
        found, truth = fit.forecast(times), float(power(a, b, c, 2500 * times))
        assert found.loss is not None and found.better_percent is not None, found.finding
        assert found.loss[0] < truth < found.loss[2]
        fall = float(present) - truth
        assert abs(found.loss[1] - truth) < within * fall, (times, found.finding, truth)
        assert found.better_percent[0] < 100 * fall / present < found.better_percent[2]


@pytest.mark.slow
def test_intervals_cover_noisy_power_laws() -> None:
    random = np.random.default_rng(4)
    covered = []
    for seed in range(16):
        a, c, share = random.uniform(0.1, 1.0), random.uniform(0.2, 1.0), random.uniform(0.1, 0.8)
        b = share * a * 156**c
        fit = fit_curve(curve_of(power(a, b, c), seed_error=random.uniform(0.001, 0.02), seed=seed))
        for times in (4, 10):
            loss = fit.forecast(times).loss
            if loss is not None:
                covered.append(loss[0] <= power(a, b, c, 2500 * times) <= loss[2])
    # 90% are meant to; a power law is the tamest of the curves they are meant for, so that more are.
    assert len(covered) >= 28
    assert np.mean(covered) >= 0.85


@pytest.mark.slow
def test_the_posterior_is_calibrated_to_its_prior(monkeypatch: pytest.MonkeyPatch) -> None:
    """Curves drawn as the prior says: ranks of the truth among the particles are uniform (Talts et al. 2018)."""
    monkeypatch.setattr(power_law, "PARTICLES", 500)
    random = np.random.default_rng(11)
    u, models, rows = np.log(SIZES / 2500), np.full(6, 0.004**2), np.full((6, 6), 0.02**2)
    ranks = []
    while len(ranks) < 50:
        target = power_law._Target(MeanLosses(u, np.ones(6), rows, models, True))
        z = random.standard_normal((1, target.dimensions))
        slope, decay, wander, error = target.parameters(z)
        walk = np.cumsum(z[:, 4:] * target.roots, axis=1)
        above = slope[:, None] * np.exp(decay[:, None] * target.back + wander[:, None] * walk) @ target.until
        truth = Particles(np.ones(1), slope, decay, wander)
        gain = float(truth.continued(4, random)[1][0])
        if gain >= 1 or above.max() > 5:  # no loss is left, or hardly any curve is seen beside its start
            continue
        noise = error[0] * np.sqrt(models) * random.normal(size=6) + 0.02 * random.normal()
        found = posterior(MeanLosses(u, 1 + above[0] + noise, rows, models, True), random)
        ranks.append(np.mean(found.continued(4, random)[1] < gain))
    inside = np.mean([0.05 <= rank <= 0.95 for rank in ranks])
    assert 0.8 <= inside <= 0.99  # 90% in truth; two and a half standard errors are 10%
    assert 0.38 <= np.mean(ranks) <= 0.62


def test_validation_rows_blur_the_level_but_not_the_fall() -> None:
    few, many = (fit_curve(curve_of(power(0.4, 2, 0.5), rows=n, seed=2)).forecast(2) for n in (100, 10_000))
    assert few.loss and many.loss and few.better_percent and many.better_percent
    assert few.loss[2] - few.loss[0] > 3 * (many.loss[2] - many.loss[0])
    assert few.better_percent[2] - few.better_percent[0] < 3 * (many.better_percent[2] - many.better_percent[0])


def test_the_further_the_wider() -> None:
    fit = fit_curve(curve_of(power(0.4, 2, 0.5)))
    gains = [fit.forecast(times).better_percent or (0, 0, 0) for times in (1.5, 2, 4, 10)]
    widths = [high - low for low, _, high in gains]
    assert widths == sorted(widths)
    assert [middle for _, middle, _ in gains] == sorted(middle for _, middle, _ in gains)


def test_seeds_that_disagree_make_it_less_sure() -> None:
    sure, unsure = (
        fit_curve(curve_of(power(0.4, 2, 0.5), seed_error=error)).forecast(4).better_percent
        for error in (0.001, 0.01)
    )
    assert sure and unsure and unsure[2] - unsure[0] > sure[2] - sure[0]


def refusal_of(curve: LearningCurve, times: float = 4) -> tuple[str, dict[str, Any]]:
    found = fit_curve(curve).forecast(times)
    assert found.loss is None and found.better_percent is None
    assert found.finding.code.startswith("conclusion-rows-")
    assert found.finding.parameters.items() >= {"times": times, "rows": found.rows}.items()
    for language in languages():
        assert catalog(language).render(found.finding)
    return found.finding.code.removeprefix("conclusion-rows-"), found.finding.parameters


def test_too_few_sizes_are_refused() -> None:
    code, told = refusal_of(exactly([0.7, 0.6, 0.55], SIZES[3:]))
    assert code == "too-few-sizes"
    assert (told["count"], told["sizes"], told["least"]) == (3, [825, 1_436, 2_500], 4)


def test_a_curve_that_rises_is_refused() -> None:
    curve = curve_of([0.7, 0.65, 0.6, 0.56, 0.6, 0.64])
    code, told = refusal_of(curve)
    assert code == "rising"
    assert (told["fewer"], told["more"]) == (825, 2_500)
    assert (told["before"], told["after"]) == (curve.means[3], curve.means[5])
    assert told["errors"] > 3.5


def test_a_rise_within_noise_is_none() -> None:
    fit = fit_curve(curve_of([0.7, 0.65, 0.6, 0.56, 0.563, 0.54], seed_error=0.01))
    assert fit.forecast(4).finding.code == "conclusion-rows-forecast"


def test_a_flat_curve_is_refused() -> None:
    assert refusal_of(curve_of(np.full(6, 0.69), seed_error=0.005, seed=3))[0] == "flat"
    code, told = refusal_of(exactly(np.full(6, 0.6931)))
    assert code == "flat"
    assert (told["fewer"], told["errors"]) == (156, 0.0)
    assert (told["before"], told["after"]) == pytest.approx((0.6931, 0.6931))


def test_a_fall_that_may_be_anything_is_refused() -> None:
    steep = curve_of([1.0, 0.9, 0.97, 0.85, 0.6, 0.5], seeds=2, seed_error=0.15, seed=1)
    code, told = refusal_of(steep, 100)
    assert code == "unbounded"
    assert told["low"] < EVERYTHING[0] and told["high"] > EVERYTHING[1]


@pytest.mark.parametrize(
    ("spoilt", "code", "expected"),
    [
        (np.nan, "not-finite", {"sizes": [474]}),
        (np.inf, "not-finite", {"sizes": [474]}),
        (-0.5, "not-positive", {"at": 474, "lowest": -0.5}),
        (0.0, "not-positive", {"at": 474, "lowest": 0.0}),
        (1e300, "not-finite", {"sizes": None}),
    ],
)
def test_losses_that_are_none_are_refused(spoilt: float, code: str, expected: dict[str, Any]) -> None:
    means = power(0.4, 2, 0.5)
    means[2] = spoilt
    found, told = refusal_of(exactly(means))
    assert found == code and told.items() >= expected.items()


@pytest.mark.parametrize(
    ("sizes", "shapes", "words"),
    [
        ([1, 2, 2, 4], [(3, 5)] * 4, r"sizes \[1, 2, 2, 4\] don't rise.*sort them"),
        ([0, 1, 2, 4], [(3, 5)] * 4, "don't rise from 1 or more"),
        ([1.5, 2.5, 3.5, 4.5], [(3, 5)] * 4, "expected each whole number"),
        ([], [], "don't rise"),
        ([1, 2, 3, 4], [(3, 5)] * 3, "losses of 3 sizes for 4 sizes.*leave out"),
        ([1, 2, 3, 4], [(3, 5)] * 3 + [(3, 6)], r"\(3, 6\); expected.*same validation rows"),
        ([1, 2, 3, 4], [(3, 5)] * 3 + [(3,)], "expected"),
        ([1, 2, 3, 4], [(3, 1)] * 4, "two or more"),
        ([1, 2, 3, 4], [(0, 5)] * 4, "expected"),
        ([1, 2, 3, 4], [()] * 4, "expected"),
    ],
)
def test_misshapen_curves_are_refused(sizes: list[float], shapes: list[tuple[int, ...]], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        LearningCurve(np.array(sizes), [np.ones(shape) for shape in shapes])


def test_the_words_hold_the_numbers() -> None:
    found = fit_curve(curve_of(power(0.4, 2, 0.5))).forecast(2)
    assert found.loss is not None and found.better_percent is not None
    shown = re.fullmatch(
        r"Twice the rows \(5,000\): loss on new rows ([\d.]+) \[([\d.]+), ([\d.]+)\], "
        r"([\d.]+)% \[([\d.]+), ([\d.]+)\] lower\.",
        catalog("en").render(found.finding),
    )
    assert shown is not None, found.finding
    middle, low, high, better, least, most = map(float, shown.groups())
    width = found.loss[2] - found.loss[0]
    assert (low, middle, high) == pytest.approx(found.loss, abs=0.06 * width)
    assert (least, better, most) == pytest.approx(found.better_percent, abs=0.051)
    from_means = fit_curve(exactly(power(0.4, 2, 0.5))).forecast(2.5).finding
    words = "2.5 times the rows (6,250): loss on these validation rows 0.4"
    assert catalog("en").render(from_means).startswith(words)


def test_the_same_losses_get_the_same_answer() -> None:
    curve = curve_of(power(0.4, 2, 0.5))
    first, second = extrapolate(curve), extrapolate(curve)
    assert first == second
    assert fit_curve(curve).forecast(10) == first.forecasts[2]
    assert msgspec.json.decode(msgspec.json.encode(first), type=LearningCurveForecast) == first
    assert first.sizes == tuple(SIZES.tolist()) and first.exponent is not None


def test_another_seed_gives_nearly_the_same_answer() -> None:
    curve = curve_of(power(0.4, 2, 0.5))
    one, other = (fit_curve(curve, seed).forecast(4).better_percent for seed in (0, 1))
    assert one and other and one == pytest.approx(other, rel=0.25)


@pytest.mark.parametrize("scale", [1000.0, 1e-3])
def test_units_do_not_matter(scale: float) -> None:
    curve = curve_of(power(0.4, 2, 0.5))
    scaled = LearningCurve(SIZES, [scale * losses for losses in curve.losses])
    one, other = fit_curve(curve).forecast(4), fit_curve(scaled).forecast(4)
    assert one.loss and other.loss and one.better_percent and other.better_percent
    # Rounding tips a particle now and then, no more.
    assert np.array(other.loss) / scale == pytest.approx(np.array(one.loss), rel=0.01)
    assert other.better_percent == pytest.approx(one.better_percent, rel=0.2)
    exact = LearningCurve(SIZES, [1024 * losses for losses in curve.losses])
    assert fit_curve(exact).forecast(4).better_percent == one.better_percent


def test_one_seed_is_enough_but_less_sure() -> None:
    one, three = (fit_curve(curve_of(power(0.4, 2, 0.5), seeds=n)).forecast(4).better_percent for n in (1, 3))
    assert one and three and one[2] - one[0] > three[2] - three[0]


def test_sizes_may_have_different_numbers_of_seeds() -> None:
    curve = curve_of(power(0.4, 2, 0.5))
    ragged = LearningCurve(SIZES, [losses[: 1 + i % 3] for i, losses in enumerate(curve.losses)])
    assert fit_curve(ragged).forecast(4).finding.code == "conclusion-rows-forecast"


def test_it_is_fast() -> None:
    curve = curve_of(power(0.4, 2, 0.5), rows=1_000)
    started = time.process_time()
    extrapolate(curve)
    assert time.process_time() - started < 2


def test_cross_fitted_rows_did_not_pick_their_epoch() -> None:
    random = np.random.default_rng(0)
    luck = [1 + random.normal(size=(50, 200)) for _ in range(40)]  # no epoch is better than another
    naive = np.mean([losses.mean(axis=1).min() for losses in luck])
    fitted = np.mean([cross_fit_rows(losses).mean() for losses in luck])
    assert naive < 0.87  # the lowest of 50 means of 200
    assert fitted == pytest.approx(1.0, abs=0.03)


def test_cross_fitting_passes_over_epochs_that_diverged() -> None:
    losses = np.vstack([np.full(10, np.nan), np.full(10, 2.0), np.full(10, 3.0)])
    assert cross_fit_rows(losses).tolist() == [2.0] * 10


LOSSES = (st.floats(), st.floats(0.01, 10), st.floats(0.5, 0.7), st.floats(0.6, 0.601))


@pytest.mark.slow
@settings(max_examples=40)
@given(data=st.data())
def test_no_curve_crashes_it(data: st.DataObject) -> None:
    sizes = sorted(data.draw(st.sets(st.integers(1, 10**9), min_size=1, max_size=8)))
    shape = data.draw(st.sampled_from([(1,), (2,), (1, 2), (3, 4)]))
    count = int(np.prod(shape))
    values = data.draw(st.sampled_from(LOSSES))
    drawn = [data.draw(st.lists(values, min_size=count, max_size=count)) for _ in sizes]
    fall = np.linspace(1, 0.5, len(sizes)) if data.draw(st.booleans()) else np.ones(len(sizes))
    with np.errstate(over="ignore", invalid="ignore"):
        losses = [share * np.array(each).reshape(shape) for share, each in zip(fall, drawn, strict=True)]
    fit = fit_curve(LearningCurve(np.array(sizes), losses))
    for times in (1.01, 2, 1000):
        found = fit.forecast(times)
        assert catalog("en").render(found.finding) and found.rows >= sizes[-1]
        if found.loss is None or found.better_percent is None:
            assert found.finding.code != "conclusion-rows-forecast"
            continue
        assert 0 <= found.loss[0] <= found.loss[1] <= found.loss[2] < np.inf
        assert 0 <= found.better_percent[0] <= found.better_percent[1] <= found.better_percent[2] <= 100
    assert isinstance(fit.result, Message) or len(particles_of(fit).level) == power_law.PARTICLES

"""Curves of known verdict: the benchmark's synthetic families, fewer of each, and what bad curves get."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.judging.curve_families import FAMILIES, VARIANTS, Family, SampledCurves
from gengap.diagnose import diagnose
from gengap.diagnose.judge import judge
from gengap.diagnose.run_curves import MetricCurves
from gengap.diagnose.verdict import Verdict
from gengap.history import Series


def series(values: np.ndarray) -> Series:
    return Series(np.arange(len(values)), np.asarray(values, np.float64))


def judged(drawn: SampledCurves) -> Verdict:
    train = None if drawn.train is None else series(drawn.train)
    return judge(MetricCurves("run", "val_loss", series(drawn.validation), train, drawn.higher_is_better))


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_families_get_their_verdict(family: Family) -> None:
    right = [family.holds(judged(drawn).verdict) for drawn in family.sample(20, seed=11)]
    assert np.mean(right) >= family.share


@pytest.mark.parametrize("family", VARIANTS, ids=lambda family: family.name)
def test_variants_mostly_get_their_verdict(family: Family) -> None:
    right = [family.holds(judged(drawn).verdict) for drawn in family.sample(5, seed=12)]
    assert sum(right) >= 4


@pytest.mark.parametrize("family", FAMILIES[-4:], ids=lambda family: family.name)
def test_the_unit_does_not_matter(family: Family) -> None:
    (drawn,) = family.sample(1, seed=13)
    other = judged(SampledCurves(1000 * drawn.train if drawn.train is not None else None, 1000 * drawn.validation))
    assert judged(drawn).probabilities == pytest.approx(other.probabilities, abs=1e-6)


@pytest.mark.parametrize(
    ("values", "code", "numbers"),
    [
        ([0.5], "too-short", {"count": 1, "least": 3}),
        ([0.5, np.nan, 0.4], "too-short", {"count": 2, "least": 3}),
        ([np.nan] * 20, "not-finite", {"count": 20, "since_epoch": None}),
        ([*np.linspace(1, 0.5, 20), np.nan, np.inf], "not-finite", {"count": 22, "since_epoch": 20}),
        ([0.7] * 30, "constant", {"value": 0.7}),
    ],
)
def test_curves_that_say_nothing_are_inconclusive(
    values: list[float], code: str, numbers: dict[str, object]
) -> None:
    verdict = diagnose({"loss": values, "val_loss": values})
    assert (verdict.verdict, verdict.codes, verdict.confidence) == ("inconclusive", (code,), 0.0)
    assert verdict.findings[0].parameters == {"metric": "val_loss", **numbers}
    assert len(verdict.advice) == 1


def test_nan_in_the_middle_is_left_out_and_said() -> None:
    values = 0.5 + 0.5 * np.exp(-np.arange(60) / 5)
    values[30] = np.nan
    verdict = diagnose({"loss": values, "val_loss": values})
    assert verdict.verdict == "good"
    assert {finding.code: finding.parameters for finding in verdict.findings}["lost"] == {"count": 1}


def test_fewer_validation_values_than_training_ones() -> None:
    epochs = np.arange(90)
    train, validation = np.exp(-epochs / 30), 0.5 + 0.5 * np.exp(-epochs / 4) + 0.002 * epochs
    every_third = Series(epochs[2::3], validation[2::3])
    curves = MetricCurves("run", "val_loss", every_third, series(train), False)
    verdict = judge(curves)
    assert verdict.verdict == "overfit"
    assert verdict.best_epoch == 17
    assert verdict.onset_interval is not None and verdict.onset_interval[0] <= 17 <= verdict.onset_interval[1]


def test_loss_overfits_while_accuracy_improves() -> None:
    epochs = np.arange(80)
    loss = 0.5 + 0.3 * np.exp(-epochs / 4) + 0.003 * epochs
    accuracy = 0.7 + 0.15 * epochs / 80
    verdict = diagnose({"loss": np.exp(-epochs / 20), "val_loss": loss, "val_accuracy": accuracy})
    assert verdict.verdict == "overfit"
    assert "disagree" in verdict.codes
    assert verdict.findings[verdict.codes.index("disagree")].parameters["metric"] == "val_accuracy"
    assert [message.code for message in verdict.advice] == ["advice-choose-weights", "advice-calibrate"]


def test_a_bump_that_recovers_is_said_and_is_not_overfitting() -> None:
    epochs = np.arange(200)
    loss = 0.5 + 0.3 * np.exp(-epochs / 6) + 0.08 * np.exp(-0.5 * ((epochs - 70) / 15) ** 2)
    verdict = diagnose({"val_loss": loss * (1 + 0.002 * np.random.default_rng(0).normal(size=200))})
    assert verdict.verdict != "overfit"
    assert "recovered" in verdict.codes


def test_what_is_material_can_be_set() -> None:
    epochs = np.arange(100)
    loss = 0.5 * (1 + np.exp(-epochs / 5)) * (1 + 0.03 * np.clip((epochs - 40) / 59, 0, None))
    assert diagnose({"val_loss": loss}).verdict == "overfit"
    assert diagnose({"val_loss": loss}, min_effect=0.06).verdict == "good"


def test_numbers_are_on_the_metrics_own_scale() -> None:
    epochs = np.arange(100)
    loss = 0.5 * (1 + np.exp(-epochs / 5)) * (1 + 0.2 * np.clip((epochs - 40) / 59, 0, None))
    verdict = diagnose({"loss": loss / 2, "val_loss": loss})
    assert verdict.rise_percent is not None and verdict.gap_percent is not None
    low, middle, high = verdict.rise_percent
    assert low <= middle <= high
    assert middle == pytest.approx(20, abs=2)
    assert verdict.gap_percent == pytest.approx(100, abs=5)
    assert sum(verdict.probabilities.values()) == pytest.approx(1)


finite = st.floats(-1e12, 1e12) | st.floats(0, 1) | st.just(0.0)
anything = st.floats(allow_nan=True, allow_infinity=True)


@settings(max_examples=60)
@example(validation=[5e-324, 0.0, 0.0], train=[])
@given(st.lists(finite, max_size=40) | st.lists(anything, max_size=40), st.lists(anything, max_size=40))
def test_no_numbers_make_it_crash(validation: list[float], train: list[float]) -> None:
    curves = MetricCurves("run", "val_loss", series(np.array(validation)), series(np.array(train)), False)
    verdict = judge(curves)
    assert verdict.verdict in ("underfit", "good", "near-overfit", "overfit", "inconclusive")
    assert verdict.findings and all(map(str, verdict.findings))
    assert all(np.isfinite(p) for p in verdict.probabilities.values())


@settings(max_examples=30, deadline=None)
@given(st.integers(3, 7), st.floats(0.05, 1.0), st.floats(0.1, 2.0))
def test_a_short_log_that_turns_never_trains_longer_and_one_that_falls_never_overfits(
    epochs: int, rise: float, fall: float
) -> None:
    steps = np.arange(epochs)
    train = np.exp(-fall * steps)
    turned = judged(SampledCurves(train, 0.5 * (1 + rise * steps / (epochs - 1))))
    assert turned.verdict == "overfit" if rise > fall * (epochs - 1) / 4 else turned.verdict != "underfit"
    falling = judged(SampledCurves(train, 0.5 * (1 - 0.5 * rise * steps / (epochs - 1))))
    assert falling.verdict != "overfit"


@settings(max_examples=30, deadline=None)
@given(st.integers(3, 60), st.floats(-0.05, 0.05))
def test_no_interval_has_zero_width(epochs: int, slope: float) -> None:
    verdict = judged(
        SampledCurves(None, 0.5 * np.exp(slope * np.sqrt(np.arange(epochs)) + 1e-6 * np.arange(epochs)))
    )
    assert verdict.rise_percent is not None
    assert verdict.rise_percent[2] - verdict.rise_percent[0] > 0.01


def noisy(curve: np.ndarray, seed: int, sd: float = 0.001) -> np.ndarray:
    return curve * np.exp(sd * np.random.default_rng(seed).normal(size=len(curve)))


@settings(max_examples=20, deadline=None)
@given(st.integers(8, 60), st.floats(0.05, 5.0), st.integers(0, 99))
def test_a_level_log_learned_nothing_and_one_that_fell_is_a_fit(epochs: int, level: float, seed: int) -> None:
    flat = np.full(epochs, level)
    still = judged(SampledCurves(noisy(flat, seed), noisy(flat, seed + 1)))
    assert (still.verdict, still.codes) == ("inconclusive", ("nothing-learned",))
    fell = level * (1 + np.exp(-np.arange(epochs) / (epochs / 12)))
    assert judged(SampledCurves(noisy(fell, seed), noisy(fell, seed + 1))).verdict in ("good", "near-overfit")
    memorised = judged(SampledCurves(level * np.exp(-np.arange(epochs) / epochs), noisy(flat, seed + 1)))
    assert memorised.verdict == "near-overfit"


@pytest.mark.parametrize(
    ("classes", "accuracy", "found"), [(2, None, 2), (10, 0.1, 10), (10, None, 0), (10, 0.5, 0)]
)
def test_guessing_is_recognised(classes: int, accuracy: float | None, found: int) -> None:
    columns = {"val_loss": noisy(np.full(30, np.log(classes)), 0)}
    if accuracy is not None:
        columns["val_accuracy"] = noisy(np.full(30, accuracy), 1)
    verdict = diagnose(columns)
    assert verdict.findings[0].parameters["classes"] == found


@settings(max_examples=20, deadline=None)
@given(st.integers(12, 60), st.floats(0.25, 3.0), st.floats(0.8, 2.0), st.integers(0, 99))
def test_both_curves_rising_diverge_and_validation_alone_overfits(
    epochs: int, rise: float, share: float, seed: int
) -> None:
    steps = np.arange(epochs)
    fall = 0.5 + 0.4 * np.exp(-steps / (epochs / 12))
    up = np.maximum(steps - epochs // 3, 0) / (epochs - 1 - epochs // 3)
    validation = noisy(fall * (1 + rise * up), seed)
    diverging = judged(SampledCurves(noisy(fall * (1 + share * rise * up), seed + 1), validation))
    assert (diverging.verdict, diverging.codes) == ("inconclusive", ("diverging",))
    alone = judged(SampledCurves(noisy(fall * np.exp(-0.5 * up), seed + 1), validation))
    assert alone.verdict == "overfit"

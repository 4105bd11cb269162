"""Runs that experts recognise at once: each kind gets its finding, and its neighbour keeps its own verdict."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gengap.diagnose import diagnose
from gengap.stats.curves import find_late_step, find_rounding


def falling(epochs: int, time: float = 8.0) -> np.ndarray:
    return 0.4 + 0.3 * np.exp(-np.arange(epochs) / time)


def with_noise(curve: np.ndarray, sd: float, seed: int) -> np.ndarray:
    return curve * np.exp(sd * np.random.default_rng(seed).normal(size=len(curve)))


@settings(max_examples=15, deadline=None)
@given(st.integers(30, 120), st.integers(2, 4), st.floats(0.15, 1.0), st.integers(0, 99))
def test_a_late_step_is_no_overfitting_and_its_interval_covers_it(
    epochs: int, last: int, height: float, seed: int
) -> None:
    level = falling(epochs, epochs / 10)
    stepped = level.copy()
    stepped[-last:] *= 1 + height
    verdict = diagnose({"loss": with_noise(level, 0.003, seed), "val_loss": with_noise(stepped, 0.003, seed + 1)})
    assert (verdict.verdict, verdict.codes) == ("inconclusive", ("late-step",))
    assert verdict.rise_percent is not None
    assert verdict.rise_percent[0] - 1.5 < 100 * height < verdict.rise_percent[2] + 1.5
    assert verdict.findings[0].parameters["count"] == last


@settings(max_examples=15, deadline=None)
@given(st.integers(30, 120), st.floats(0.15, 1.0), st.integers(0, 99))
def test_a_gradual_rise_of_the_same_height_is_overfitting(epochs: int, height: float, seed: int) -> None:
    up = 1 + height * np.maximum(np.arange(epochs) - epochs // 2, 0) / (epochs - epochs // 2)
    train = with_noise(falling(epochs, epochs / 4), 0.003, seed)
    verdict = diagnose({"loss": train, "val_loss": with_noise(falling(epochs, epochs / 10) * up, 0.003, seed + 1)})
    assert verdict.verdict == "overfit"


@settings(max_examples=15, deadline=None)
@given(st.integers(10, 100), st.floats(0.8, 2.0), st.integers(0, 99))
def test_jumps_by_a_factor_of_two_are_unstable_and_noise_of_a_few_percent_is_not(
    epochs: int, size: float, seed: int
) -> None:
    alternating = 0.5 * np.exp(size * (np.arange(epochs) % 2))
    jumping = diagnose({"loss": falling(epochs), "val_loss": with_noise(alternating, 0.05, seed)})
    assert (jumping.verdict, jumping.codes) == ("inconclusive", ("unstable",))
    assert jumping.rise_percent is not None and jumping.rise_percent[2] > jumping.rise_percent[0]
    noisy = diagnose({"loss": falling(epochs), "val_loss": with_noise(falling(epochs), 0.05, seed)})
    assert "unstable" not in noisy.codes


@pytest.mark.parametrize("times", [6.0, 20.0, 100.0])
def test_where_training_is_far_ahead_a_larger_model_is_not_advised(times: float) -> None:
    epochs = np.arange(1, 61)
    slowly = (0.58 + 0.5 * np.exp(-epochs / 4)) * (1 - 0.0005 * epochs)
    verdict = diagnose({"loss": 0.58 / times + np.exp(-epochs / 5), "val_loss": slowly})
    assert verdict.verdict == "near-overfit" and verdict.codes[0] == "generalisation-limits"
    advice = [message.code for message in verdict.advice]
    assert advice == ["advice-more-rows-or-some-regularisation"]


def test_a_gap_of_usual_size_leaves_an_underfit_an_underfit() -> None:
    slowly = 0.3 + 0.5 * (1 + np.arange(60) / 20) ** -0.7
    verdict = diagnose({"loss": 0.9 * slowly, "val_loss": slowly})
    assert verdict.verdict == "underfit" and "generalisation-limits" not in verdict.codes


@settings(max_examples=15, deadline=None)
@given(st.integers(20, 60), st.integers(1, 9))
@example(23, 1)
@example(24, 1)
def test_steps_of_the_last_digit_are_no_gains(epochs: int, digit: int) -> None:
    unit = 1e-4
    level = np.full(epochs, digit * unit) + 0.02 * np.exp(-np.arange(epochs) / 2)
    level[epochs // 2 :] += unit * (np.arange(epochs - epochs // 2) % 2)
    rounded = np.round(level, 4)
    verdict = diagnose({"loss": rounded, "val_loss": rounded})
    assert verdict.verdict not in ("underfit", "overfit")


def test_the_unit_of_the_last_digit_is_found() -> None:
    assert find_rounding(np.array([0.0002, 0.0103, 2.5])) == 1e-4
    assert find_rounding(np.array([3.0, 12.0])) == 1.0
    assert find_rounding(np.random.default_rng(0).normal(size=9)) == 0.0
    assert find_rounding(np.array([8.5e-158, 0.0])) == 0.0


def test_one_last_value_is_a_spike_and_five_are_the_curve() -> None:
    level = np.zeros(40)
    for last, found in ((1, 0), (2, 2), (4, 4), (5, 0)):
        stepped = level.copy()
        stepped[-last:] = 0.4
        assert find_late_step(stepped) == found


def test_of_several_losses_the_worst_leads_and_the_others_are_named() -> None:
    epochs = np.arange(60)
    turned = falling(60) * (1 + 0.01 * np.maximum(epochs - 20, 0))
    log = {"train/box_loss": falling(60), "val/box_loss": falling(60), "val/cls_loss": turned}
    verdict = diagnose({**log, "train/cls_loss": np.exp(-epochs / 30)})
    assert (verdict.verdict, verdict.metric) == ("overfit", "val/cls_loss")
    assert "val/box_loss" in str(verdict.findings[verdict.codes.index("other-losses")])
    total = diagnose({**log, "val_loss": falling(60), "loss": falling(60)})
    assert total.metric == "val_loss" and "other-losses" not in total.codes


@pytest.mark.parametrize(
    "score", ["val_accuracy", "val_auc", "val_f1", "val_mAP", "val_iou", "val_bleu", "val_rouge1"]
)
def test_a_score_that_improves_while_the_loss_rises_is_named(score: str) -> None:
    epochs = np.arange(60)
    loss = falling(60) * (1 + 0.01 * np.maximum(epochs - 15, 0))
    verdict = diagnose({"loss": np.exp(-epochs / 20), "val_loss": loss, score: 0.9 - 0.4 * np.exp(-epochs / 15)})
    assert verdict.verdict == "overfit"
    assert verdict.findings[verdict.codes.index("disagree")].parameters["metric"] == score


@pytest.mark.parametrize("rate", ["val_wer", "val_cer", "val_error", "val_perplexity"])
def test_so_is_an_error_rate_that_falls(rate: str) -> None:
    epochs = np.arange(60)
    loss = falling(60) * (1 + 0.01 * np.maximum(epochs - 15, 0))
    verdict = diagnose({"loss": np.exp(-epochs / 20), "val_loss": loss, rate: 0.1 + 0.5 * np.exp(-epochs / 15)})
    assert verdict.findings[verdict.codes.index("disagree")].parameters["metric"] == rate


def test_the_onset_is_the_best_epoch_where_its_interval_allows() -> None:
    epochs = np.arange(80)
    for seed in range(5):
        loss = with_noise(falling(80, 6) * (1 + 0.003 * np.maximum(epochs - 30, 0)), 0.01, seed)
        verdict = diagnose({"loss": np.exp(-epochs / 30), "val_loss": loss})
        assert verdict.onset_epoch is not None and verdict.best_epoch is not None
        assert verdict.onset_epoch >= verdict.best_epoch or "onset-before-best" in verdict.codes


@settings(max_examples=15, deadline=None)
@given(st.integers(8, 60), st.floats(0.3, 0.6), st.integers(0, 99), st.sampled_from([1, 100]))
def test_a_perfect_score_with_almost_no_loss_is_no_underfit(
    epochs: int, power: float, seed: int, scale: int
) -> None:
    """The neighbours: the same falling loss without a score, with a row that is wrong, and one that stays high."""
    loss = 2 * np.exp(-5 * (np.arange(epochs) / (epochs - 1)) ** power)
    curves = {"loss": loss, "val_loss": with_noise(loss, 0.003, seed)}
    right = scale * np.minimum(0.9 + 0.2 * np.arange(epochs) / epochs, 1.0)
    solved = diagnose(curves | {"accuracy": right, "val_accuracy": right})
    assert (solved.verdict, solved.codes[0]) == ("good", "solved")
    assert "is perfect" in str(solved.findings[0]) and "keep-model" in solved.findings[0].remedy
    one_wrong = np.minimum(right, 0.999 * scale)
    assert diagnose(curves).verdict == "underfit"
    assert diagnose(curves | {"accuracy": one_wrong, "val_accuracy": one_wrong}).verdict == "underfit"
    high = {name: values + 2 for name, values in curves.items()}
    assert "solved" not in diagnose(high | {"accuracy": right, "val_accuracy": right}).codes


@pytest.mark.parametrize("name", ["accuracy", "reward", "psnr", "recall", "true_positives", "score"])
@pytest.mark.parametrize("end", [1.0, 100.0])
def test_other_scores_and_single_epochs_are_not_perfect(name: str, end: float) -> None:
    """A reward of 100 is no perfect one, an accuracy of 1 after 99 is 1%, and one epoch may be luck."""
    loss = 2 * np.exp(-5 * (np.arange(30) / 29) ** 0.4)
    score = np.full(30, end)
    score[:15] = 50
    if name == "accuracy":
        score = np.where(np.arange(30) < 29, 99.0 if end == 1 else 90.0, end)
    verdict = diagnose({"loss": loss, "val_loss": with_noise(loss, 0.003, 0), f"val_{name}": score})
    assert (verdict.verdict, "solved" in verdict.codes) == ("underfit", False)

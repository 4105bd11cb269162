"""When a trial's verdict is settled, which ends it, on drawn curves whose rows are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gengap.diagnose.trial_verdicts import judge_trial, make_ending_rule, trial_curves
from gengap.history import History, Series
from gengap.tasks import BINARY
from gengap.train.checkpoint import PartialResult
from gengap.train.types import recorded_epochs

ROWS, PATIENCE = 1_000, 200
Y = np.ones(ROWS, np.float32)


def falling(epochs: int, to: float, within: float = 30.0) -> np.ndarray:
    """Losses that fall from 0.69 and level off at `to`."""
    return to + (0.69 - to) * np.exp(-np.arange(epochs) / within)


def known(
    train: np.ndarray, validation: np.ndarray, noise: float = 0.002, luck: tuple[float, float] = (0.5, 1.5)
) -> PartialResult:
    """A trial with such losses: every row's is validation's times its own luck, drawn between these."""
    rng = np.random.default_rng(0)
    epochs = np.arange(len(train))
    of_rows = rng.uniform(*luck, ROWS)
    of_rows *= ROWS / of_rows.sum()
    seen = validation * (1 + rng.normal(0, noise, len(validation)))
    series = {("train", "clean_binary_crossentropy"): train, ("validation", "binary_crossentropy"): seen}
    history = History("drawn", 0, {key: Series(epochs, values) for key, values in series.items()})
    kept = np.union1d(recorded_epochs(len(train)), [len(train) - 1])
    losses = seen[kept][:, None] * of_rows
    return PartialResult(history, kept, -np.log(np.expm1(losses))[..., None])  # logits of class 1 with these losses


def turned(epochs: int, rise: float, within: float = 30.0) -> np.ndarray:
    """Losses that level off at 0.5 and end higher by the share `rise`."""
    return falling(epochs, 0.5, within) * (1 + rise * np.maximum(np.arange(epochs) / epochs - 0.5, 0) * 2)


LEARNS_ON = falling(400, 0.2, within=150)
CASES = {
    "near-overfit: training goes on alone": (LEARNS_ON, falling(400, 0.5), "near-overfit", True),
    "good: training has levelled off too, and may go on": (falling(400, 0.48), falling(400, 0.5), "good", False),
    "overfit: a rise that is material": (LEARNS_ON, turned(400, 0.03), "overfit", True),
    "underfit: still falling": (falling(400, 0.2, within=300), falling(400, 0.4, within=300), "underfit", False),
    "fewer epochs than the patience": (LEARNS_ON[:150], falling(150, 0.5, within=15), "near-overfit", False),
}


@pytest.mark.parametrize(("train", "validation", "verdict", "ends"), CASES.values(), ids=CASES)
def test_a_trial_ends_once_its_verdict_is_settled(
    train: np.ndarray, validation: np.ndarray, verdict: str, ends: bool
) -> None:
    trial = known(train, validation)
    assert trial_curves(trial.history).metric == "val_binary_crossentropy"
    assert judge_trial(trial, Y, BINARY).verdict == verdict
    assert make_ending_rule(Y, PATIENCE, BINARY)(trial) is ends


def test_a_rise_beyond_doubt_ends_a_trial_before_its_patience() -> None:
    trial = known(LEARNS_ON[:100], turned(100, 0.2))
    assert make_ending_rule(Y, PATIENCE, BINARY)(trial)
    less = known(LEARNS_ON[:150], turned(150, 0.032, within=15))
    assert judge_trial(less, Y, BINARY).verdict == "overfit"
    assert not make_ending_rule(Y, PATIENCE, BINARY)(less)


def test_a_gain_that_the_rows_could_tell_keeps_a_trial_going() -> None:
    slowly = falling(400, 0.5) * (1 - 0.003 * np.log1p(np.arange(400.0) / 40))
    for luck, ends in (((0.5, 1.5), True), ((0.98, 1.02), False)):
        trial = known(LEARNS_ON, slowly, luck=luck)
        verdict = judge_trial(trial, Y, BINARY)
        assert verdict.verdict == "near-overfit" and verdict.probabilities["near-overfit"] > 0.5
        assert make_ending_rule(Y, PATIENCE, BINARY)(trial) is ends


def test_a_single_validation_row_ends_no_trial() -> None:
    trial = known(LEARNS_ON, turned(400, 0.5))
    one = PartialResult(trial.history, trial.output_epochs, trial.outputs[:, :1])
    assert not make_ending_rule(Y[:1], PATIENCE, BINARY)(one)


def test_a_rise_that_may_yet_be_material_leaves_near_overfit_open() -> None:
    trial = known(LEARNS_ON, turned(400, 0.008), noise=0.008)
    verdict = judge_trial(trial, Y, BINARY)
    assert verdict.verdict == "near-overfit"
    assert 0.15 < verdict.probabilities["overfit"] < 0.5
    assert not make_ending_rule(Y, PATIENCE, BINARY)(trial)


def with_rates(trial: PartialResult, end: float) -> PartialResult:
    """The trial with learning rates that fall from 0.004 to this share of it."""
    rates = Series(np.arange(400), 0.004 * np.linspace(1, end, 400))
    return replace(trial, history=History("drawn", 0, {**trial.history.series, ("train", "learning_rate"): rates}))


@pytest.mark.parametrize(
    ("end", "found"), [(0.001, True), (0.049, True), (0.1, False), (1.0, False), (np.nan, False)]
)
def test_a_level_curve_whose_learning_rate_ended_says_so(end: float, found: bool) -> None:
    verdict = judge_trial(with_rates(known(falling(400, 0.48), falling(400, 0.5)), end), Y, BINARY)
    assert verdict.verdict == "good" and ("schedule-ended" in verdict.codes) == found


def test_an_overfit_run_is_not_excused_by_its_schedule() -> None:
    verdict = judge_trial(with_rates(known(LEARNS_ON, turned(400, 0.03)), 0.0), Y, BINARY)
    assert verdict.verdict == "overfit" and "schedule-ended" not in verdict.codes

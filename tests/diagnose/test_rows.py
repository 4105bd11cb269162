"""The rows' voice: paired errors, and what they do to a verdict."""

from __future__ import annotations

import numpy as np
import pytest

from gengap.diagnose.judge import judge
from gengap.diagnose.run_curves import MetricCurves
from gengap.diagnose.trial_verdicts import row_losses
from gengap.diagnose.verdict import Verdict
from gengap.errors import UsageError
from gengap.history import Series
from gengap.stats.curves import RowLosses, smooth_row_losses

EPOCHS = np.arange(60)


def to_rows(mean: np.ndarray, rows: int, disagreement: float, seed: int = 0) -> RowLosses:
    """Rows whose changes after the first epochs differ by `disagreement` from row to row."""
    random = np.random.default_rng(seed)
    own = 1 + 0.5 * random.random(rows)
    drift = disagreement * random.normal(size=rows)
    losses = mean[:, None] * own / own.mean() + (EPOCHS[:, None] / len(EPOCHS)) * (drift - drift.mean())
    return RowLosses(EPOCHS, losses)


def judge_trial(rise: float, rows: RowLosses | None) -> Verdict:
    train, validation = Series(EPOCHS, mean_of(0.0)), Series(EPOCHS, mean_of(rise))
    return judge(MetricCurves("run", "val_loss", validation, train, False), rows)


def mean_of(rise: float) -> np.ndarray:
    return 0.5 * (1 + np.exp(-EPOCHS / 3)) * (1 + rise * np.clip((EPOCHS - 20) / 39, 0, None))


def test_the_error_is_that_of_paired_differences() -> None:
    rows = to_rows(mean_of(0.0), 400, 0.3)
    smoothed = smooth_row_losses(rows, EPOCHS + 1.0, np.array([20.0, 60.0]))
    assert smoothed is not None
    # Between epochs 20 and 60 of 60 the rows drift apart by two thirds of their disagreement, on a loss of 0.5;
    # smoothing the last epochs with those before takes a little off.
    unsmoothed = 0.3 * (40 / 60) / 0.5 / np.sqrt(400)
    assert 0.75 * unsmoothed < smoothed.difference_error(1, 0) < unsmoothed
    spread = smoothed.resampled(4_000)
    assert (spread[:, 1] - spread[:, 0]).std() == pytest.approx(smoothed.difference_error(1, 0), rel=0.1)


def test_a_rise_within_the_rows_luck_is_less_sure() -> None:
    agreeing, disagreeing = to_rows(mean_of(0.03), 300, 0.01), to_rows(mean_of(0.03), 300, 1.0)
    alone = judge_trial(0.03, None).probabilities["overfit"]
    sure, unsure = (judge_trial(0.03, rows).probabilities["overfit"] for rows in (agreeing, disagreeing))
    assert alone > 0.95 and sure > 0.95
    assert unsure < 0.9
    assert "sampling-error" in judge_trial(0.03, disagreeing).codes


def test_losses_from_logits_are_cross_entropies() -> None:
    logits, labels = np.array([[[0.0], [2.0], [-1.0]]]), np.array([1.0, 0.0, 0.0])
    found = row_losses(np.array([5]), logits, labels).losses
    chance = 1 / (1 + np.exp(-logits[0, :, 0]))
    np.testing.assert_allclose(found[0], -np.log(np.where(labels == 1, chance, 1 - chance)))


@pytest.mark.parametrize(
    ("epochs", "shape", "words"),
    [
        ([0, 1], (3, 5), r"shape \(3, 5\) for 2 epochs"),
        ([0, 1], (2, 1), "with at least two rows"),
        ([0, 1], (2,), r"shape \(2,\) for 2 epochs"),
        ([0, 1], (2, 5, 1), r"shape \(2, 5, 1\) for 2 epochs"),
        ([1, 1], (2, 5), "don't rise"),
        ([], (0, 5), "don't rise"),
    ],
)
def test_misshapen_rows_are_refused(epochs: list[int], shape: tuple[int, ...], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        RowLosses(np.array(epochs, dtype=np.int64), np.ones(shape))


def test_rows_that_are_not_finite_are_left_out() -> None:
    rows = to_rows(mean_of(0.0), 50, 0.1)
    losses = rows.losses.copy()
    losses[5:] = np.nan
    kept = smooth_row_losses(RowLosses(EPOCHS, losses), EPOCHS + 1.0, np.array([1.0, 60.0]))
    assert kept is not None and np.isfinite(kept.shares).all()
    losses[:] = np.nan
    assert smooth_row_losses(RowLosses(EPOCHS, losses), EPOCHS + 1.0, np.array([1.0, 60.0])) is None

"""Losses that only fall: in logs that leave out epochs, and in short and steep ones."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from gengap.diagnose.judge import judge
from gengap.diagnose.run_curves import MetricCurves
from gengap.diagnose.verdict import Verdict
from gengap.history import Series


def judged(start: float, half: float, last: int, ends: tuple[float, float]) -> Verdict:
    """Judge epochs 1 to 4 and the last two: a loss that falls from `start`, and then has the two `ends`."""
    epochs = np.array([1, 2, 3, 4, last - 1, last])
    falling = start * (0.2 + 0.8 * 0.5 ** (np.arange(4) / half))
    validation, train = np.array([*falling, *ends]), np.array([*falling, 0.1 * start, 0.1 * start])
    return judge(MetricCurves("run", "val_loss", Series(epochs, validation), Series(epochs, train), False))


STARTS, HALVES, LASTS = st.floats(0.3, 8), st.floats(0.5, 3), st.integers(20, 200)


@given(STARTS, HALVES, LASTS, st.floats(0.9, 0.9999))
def test_a_loss_that_only_falls_is_not_overfit(start: float, half: float, last: int, ratio: float) -> None:
    before = 0.19 * start
    verdict = judged(start, half, last, (before, ratio * before))
    assert verdict.verdict != "overfit" and verdict.best_epoch == last


@given(STARTS, HALVES, LASTS, st.floats(1.5, 3))
def test_one_that_ends_far_above_its_lowest_is_overfit(start: float, half: float, last: int, rise: float) -> None:
    lowest = start * (0.2 + 0.8 * 0.5 ** (3 / half))
    assert judged(start, half, last, (rise * lowest, 1.01 * rise * lowest)).verdict == "overfit"


FALLS = st.lists(st.floats(-3.5, 1.0), min_size=2, max_size=8)


@given(FALLS, st.floats(0.2, 1.0), st.booleans())
@example([0.6, -0.9], 0.28, False)  # 1.29, 0.21, 0.134
def test_a_short_and_steep_fall_is_not_overfit(falls: list[float], ratio: float, far: bool) -> None:
    """The bends of a steep fall are no noise, however far below training is."""
    loss = np.exp(-np.cumsum([0.0, *np.exp(falls)]))
    train = loss * np.linspace(1, ratio, len(loss)) if far else ratio * loss
    epochs = np.arange(1, len(loss) + 1)
    verdict = judge(MetricCurves("run", "val_loss", Series(epochs, loss), Series(epochs, train), False))
    assert verdict.verdict != "overfit"
    assert verdict.probabilities["overfit"] < 0.5

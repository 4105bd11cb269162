"""What other trials show of one: that it is too small, if they are better by enough and beyond chance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from analysis.losses_made import exponential, made
from analysis.outcomes_made import ROWS
from report.page_made import history, trial

from gengap.analysis.effects import cross_trial_findings
from gengap.diagnose.findings import too_little_capacity

SMALL = exponential(np.random.default_rng(0), 0.5, 1, ROWS)
ERROR = 0.05  # of each row's difference


def lower_by(percent: float, seed: int = 1) -> np.ndarray:
    """Losses of a larger model on the same rows, lower by so much on the mean."""
    own = np.random.default_rng(seed).normal(0, ERROR, SMALL.shape) * SMALL
    return np.abs(SMALL * (1 - percent / 100) + own - own.mean())


def test_a_larger_model_says_by_how_much_it_is_better_and_how_sure_that_is() -> None:
    found = cross_trial_findings(made({"sizes/4": [SMALL], "sizes/5": [lower_by(5)], "sizes/6": [lower_by(3)]}), 28)
    assert found["sizes/4"].code == "too-little-capacity"
    told: dict[str, Any] = dict(found["sizes/4"].parameters)
    assert told["run"] == "sizes/5"
    low, middle, high = told["lower_percent"]
    assert middle == pytest.approx(5, abs=0.1)
    error = 100 * np.sqrt(2) * ERROR / np.sqrt(ROWS)  # rows' losses are as spread as their mean
    reach = 1.95 * error  # of two comparisons
    assert (middle - low, high - middle) == pytest.approx((reach, reach), rel=0.25)
    assert "sizes/6" not in found, "nothing is larger than the largest"


@pytest.mark.parametrize(("percent", "told"), [(0.8, False), (1.3, True), (-5, False)])
def test_what_is_better_by_less_than_matters_is_not_told(percent: float, told: bool) -> None:
    found = cross_trial_findings(made({"sizes/4": [SMALL], "sizes/5": [lower_by(percent)]}), 28)
    assert ("sizes/4" in found) is told
    assert "sizes/5" not in found


def test_what_may_be_chance_is_not_told() -> None:
    other = exponential(np.random.default_rng(3), 0.48, 1, ROWS)
    assert other.mean() < 0.99 * SMALL.mean()
    assert not cross_trial_findings(made({"sizes/4": [SMALL], "sizes/5": [other]}), 28)


def test_advice_to_keep_a_model_goes_when_another_one_is_better() -> None:
    kept = trial(history("sizes/4", 0, 20, 19), 19, "good")
    assert kept.verdict is not None and [each.code for each in kept.verdict.advice] == ["advice-keep-model"]
    found = kept.with_finding(too_little_capacity("sizes/5", (1.0, 2.0, 3.0))).verdict
    assert found is not None and [str(each) for each in found.advice] == ["Use sizes/5 instead"]

"""The numbers of a verdict, held against curves whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from gengap.diagnose.judge import judge
from gengap.diagnose.run_curves import MetricCurves
from gengap.diagnose.verdict import Verdict
from gengap.history import Series
from gengap.stats.curves import RowLosses, scale_curve

EPOCHS = np.arange(200)
LOG = np.log(EPOCHS + 1.0)


def curves(validation: np.ndarray, train: np.ndarray | None = None) -> MetricCurves:
    random = np.random.default_rng(0)
    noisy = [each * (1 + random.normal(0, 0.002, len(each))) for each in (validation, train) if each is not None]
    series = [Series(np.arange(len(each)), each) for each in noisy]
    return MetricCurves("drawn", "val_loss", series[0], series[1] if train is not None else None, False)


def verdict(validation: np.ndarray, train: np.ndarray | None = None, rows: RowLosses | None = None) -> Verdict:
    return judge(curves(validation, train), rows)


@pytest.mark.parametrize("pace", [0.05, 0.1, 0.2])
def test_the_forecast_covers_an_even_fall_and_a_levelling_one(pace: float) -> None:
    """A loss that falls evenly in log-epochs falls by log 2 of its pace with twice as many epochs.

    Most real losses level off: the median of real runs is 0.3 to 0.4 of the pace, and a tenth of them fall by 0.1.
    """
    found = verdict(0.7 * np.exp(-pace * LOG))
    assert found.verdict == "underfit" and found.ahead_percent is not None
    low, middle, high = found.ahead_percent
    assert low < 100 * (1 - np.exp(-0.1 * pace)) and 100 * (1 - np.exp(-pace * np.log(2))) < high
    assert middle == pytest.approx(100 * (1 - np.exp(-0.4 * pace)), rel=0.15)


@pytest.mark.parametrize(("train", "percent"), [(0.4, 25), (0.5, 0), (0.625, -20)])
def test_the_gap_is_how_far_validation_ends_above_training(train: float, percent: float) -> None:
    levelled = 0.5 + 0.2 * np.exp(-EPOCHS / 20)
    found = verdict(levelled, levelled * train / 0.5)
    assert found.gap_percent == pytest.approx(percent, abs=0.5)
    (gap,) = (each.parameters for each in found.findings if each.code in ("gap", "small-gap"))
    assert gap["gap_percent"] == pytest.approx(abs(percent), abs=0.5)
    if percent:
        assert gap["side"] == ("worse" if percent > 0 else "better")


def test_a_gap_of_several_times_the_training_loss_is_told_as_such() -> None:
    levelled = 0.5 + 0.2 * np.exp(-EPOCHS / 20)
    (gap,) = (each.parameters for each in verdict(levelled, levelled / 4).findings if each.code == "gap")
    assert gap["side"] == "times" and gap["times"] == pytest.approx(4, rel=0.02)


def test_where_validation_turned_is_as_unsure_as_its_rows_make_it() -> None:
    """Half the rows turn early and half late. Which half is larger decides when the mean turns."""
    early, late = (0.5 + 0.08 * (LOG - np.log(turn)) ** 2 for turn in (15, 60))
    mean = (early + late) / 2
    at = np.unique(np.geomspace(1, len(EPOCHS), 40).astype(int)) - 1
    widths = []
    for count in (20, 2_000):
        losses = np.repeat(np.stack([early[at], late[at]], axis=1), count // 2, axis=1)
        found = verdict(mean, rows=RowLosses(at, losses))
        assert found.verdict == "overfit" and found.onset_interval is not None and found.onset_epoch is not None
        assert abs(np.log(found.onset_epoch / 30)) < 0.25
        widths.append(np.log(found.onset_interval[1] / found.onset_interval[0]))
    without = verdict(mean).onset_interval
    assert without is not None
    alone = np.log(without[1] / without[0])
    assert widths[0] > 2 * widths[1] and widths[0] > 1.5 * alone


@pytest.mark.parametrize("difference", [1e6, -1e6, 1e300])
def test_a_change_of_any_size_has_a_finite_percentage(difference: float) -> None:
    curve = scale_curve(Series(np.arange(1, 9), np.geomspace(1.0, 0.5, 8)))
    assert np.isfinite(curve.worse(difference)) and np.isfinite(curve.better(difference))

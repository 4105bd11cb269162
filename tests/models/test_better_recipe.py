"""The example that measures what each part of the better recipe brings, on a few rows."""

from __future__ import annotations

import msgspec
import pytest

import gengap
from examples.better_recipe import table, variants
from gengap.presets import BETTER


def test_every_part_is_left_out_once() -> None:
    left_out = [set(map(str, BETTER)) - set(map(str, trial.treatments)) for trial in variants().values()]
    for part in BETTER:
        assert {str(part)} in left_out


def test_the_table_compares_with_its_first_row() -> None:
    dataset = gengap.load("collider", train=200, validation=50, test=60)
    trials = {
        name: msgspec.structs.replace(trial, units=(4,), max_epochs=2, batch=100)
        for name, trial in variants().items()
        if name in ("without ensemble", "none of them (a perceptron, Adam)")
    }
    lines = table(dataset, trials, seeds=1, momenta=(0.0, 0.5))
    first, second, last, mean = (line.split("|") for line in lines[1:])
    assert first[1].strip() == "without ensemble" and first[4].strip() == ""
    assert float(second[4]) == pytest.approx(float(second[3]) - float(first[3]), abs=2e-4)
    same = [float(cell) for cell in first[2:4]]  # a mean that forgets at once is the weights
    assert [float(cell) for cell in last[2:4]] == pytest.approx(same, abs=2e-4)
    assert mean[1].strip() == "with mean weights (0.5)"
    assert [float(cell) for cell in mean[2:4]] != pytest.approx(same, abs=2e-4)

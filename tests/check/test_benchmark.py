"""The benchmark of checks: its cases and its truth; the check's own verdicts are measured by running it."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.checking.cases import FAMILIES, LEVELS, cases
from benchmarks.checking.page import page
from benchmarks.checking.processes import PROCESSES
from benchmarks.checking.scores import Outcome, run
from benchmarks.checking.truth import Truth, measure


def test_no_process_has_two_roles_and_every_case_has_its_own_name() -> None:
    reported = list(cases("reported"))
    assert len(reported) >= 60 and len({(case.name, case.default_forest) for case in reported}) == len(reported)
    assert {case.process.role for case in reported} == {"reported"}
    assert len({family.name for family in FAMILIES}) >= 12
    assert {case.level for case in reported} == set(LEVELS)


@pytest.mark.parametrize("process", PROCESSES, ids=lambda each: each.name)
def test_a_task_draws_the_same_rows_again(process) -> None:
    first, second = (process.make(np.random.default_rng(1))(200, np.random.default_rng(2)) for _ in range(2))
    assert np.array_equal(first[0], second[0]) and np.array_equal(first[1], second[1])
    assert len(np.unique(first[1])) >= 2 and np.isfinite(first[0]).all()


@pytest.mark.parametrize(
    ("simpler", "flexible", "verdict"),
    [
        ([0.95, 1.2], [1.3], "overfit"),
        ([1.1], [0.9], "underfit"),
        ([0.9], [0.95], "overfit"),
        ([0.99], [0.99], "fine"),
        ([0.97], [1.0], None),
        ([1.2], [], "fine"),
    ],
)
def test_the_truth_is_the_larger_clear_gain(
    simpler: list[float], flexible: list[float], verdict: str | None
) -> None:
    named = [{str(at): loss for at, loss in enumerate(side)} for side in (simpler, flexible)]
    assert Truth(1.0, 1.5, *named).verdict == verdict


def test_one_case_is_measured_and_shown() -> None:
    case = next(case for case in cases("reported") if case.name.startswith("coin/classes/neighbours"))
    truth = measure(case)
    outcome: Outcome = run(case, truth)
    assert outcome.noise and outcome.cost > 0 and outcome.verdict in ("overfit", "inconclusive", "underfit")
    assert "1 without a signal" in page([outcome]) and "| 0 good" in page([outcome])

"""A model that one statement calls tied with the best is clearly worse in no other one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from analysis.outcomes_made import Y, logits, outcomes, size_trials

from gengap.analysis import Conclusions, conclude
from gengap.analysis.results import TrialResults
from gengap.models.treatments import L2, Dropout
from gengap.plan import Trial
from gengap.stats.comparison import LEVEL, Comparison, ranks
from gengap.text.catalog import catalog, languages

COUNTS = {"train": 10_000, "validation": len(Y), "test": 0}
TREATED = [
    (Trial(run=f"regularizers/{name}", units=(32,), treatments=treatments), name)
    for name, treatments in (
        ("l2", (L2(0.001),)),
        ("dropout", (Dropout(0.3),)),
        ("both", (L2(0.001), Dropout(0.3))),
    )
]


def close_results(seed: int) -> TrialResults:
    """Four sizes, three regularisers and two baselines, whose losses hardly differ."""
    random = np.random.default_rng(seed)
    skills = 0.6 + 0.06 * random.random(len(TREATED))
    treated = [(trial, (skill / 2, skill)) for (trial, _), skill in zip(TREATED, skills, strict=True)]
    sizes = size_trials(*(0.55 + 0.08 * random.random(4)))
    trees = {f"baselines/{name}": logits(0.58 + 0.07 * random.random(), seed) for name in ("linear", "trees")}
    return outcomes([*sizes, *treated], seeds=1, baselines=trees)


def clear(compared: Sequence[Comparison]) -> set[tuple[str, str]]:
    """The better and the worse run of each comparison that is clear."""
    pairs = [(each.a, each.b, each.difference) for each in compared if each.adjusted < 1 - LEVEL]
    return {(a, b) if difference < 0 else (b, a) for a, b, difference in pairs}


def clear_in(found: Conclusions, results: TrialResults) -> set[tuple[str, str]]:
    """All pairs that a statement calls clearly different."""
    effects = clear(
        [each.loss for each in found.regularizers if each.kind == "treatment" or each.run != each.against]
    )
    pairs = clear(found.baseline_comparisons) | effects
    better = {a for a, _ in pairs if a in results.baselines}  # than the best network, so than each
    return pairs | {(a, network) for a in better for network in results.full_runs}


def test_no_tied_model_is_clearly_worse_than_another() -> None:
    contradictions = 0
    for seed in range(12):
        results = close_results(seed)
        found = conclude(results, 28, COUNTS, {})
        pairs = clear_in(found, results)
        tied = {rank.run for rank in found.ranks if rank.group == 1}
        assert not [(a, b) for a, b in pairs if a in tied and b in tied]
        assert found.ranks[0].group == 1 and {rank.group for rank in found.ranks} >= {1}
        names = [*results.full_runs, *results.baselines]
        plain = {rank.run for rank in ranks({run: results.losses(run) for run in names}) if rank.group == 1}
        contradictions += any(a in plain and b in plain for a, b in pairs)
    assert contradictions  # without the separation there are some


@pytest.mark.parametrize(("skill", "unsure"), [(0.604523, True), (0.7, False)])
def test_the_largest_size_is_not_said_to_be_better_than_one_that_it_is_tied_with(
    skill: float, unsure: bool
) -> None:
    found = conclude(outcomes(size_trials(0.3, 0.4, 0.6, skill), seeds=1), 28, COUNTS, {})
    assert found.sizes is not None and found.sizes.still_improving
    assert found.sizes.finding.code == f"conclusion-size-growing{'-unsure' * unsure}"
    assert ("sizes/16" in {rank.run for rank in found.ranks if rank.group == 1}) == unsure
    for code in languages():
        assert ("sizes/16" in catalog(code).render(found.sizes.finding)) == unsure

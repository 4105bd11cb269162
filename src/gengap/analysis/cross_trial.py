"""Findings that only other runs show: a larger model is better, or one with less regularisation.

A run's own curves show whether more epochs would help, not that it is too small or regularised too much.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from gengap.analysis.results import TrialResults
from gengap.analysis.sizes import size_runs
from gengap.diagnose.findings import too_little_capacity, too_much_regularisation
from gengap.diagnose.verdict import Finding, Thresholds
from gengap.stats.comparison import compare


def cross_trial_findings(results: TrialResults, features: int) -> dict[str, Finding]:
    """Return findings by run: other runs show that it is too small, or regularised too much."""
    return dict(_too_small(results, features)) | dict(_held_back(results))


def _too_small(results: TrialResults, features: int) -> Iterator[tuple[str, Finding]]:
    ladder = sorted(size_runs(results), key=lambda run: results.parameters(run, features))
    for i, run in enumerate(ladder):
        found = _lower(results, run, ladder[i + 1 :])
        if found is not None:
            yield run, too_little_capacity(*found)


def _held_back(results: TrialResults) -> Iterator[tuple[str, Finding]]:
    plain = {results.trials[run].units: run for run in results.full_runs if not results.trials[run].treatments}
    for run in results.full_runs:
        trial = results.trials[run]
        if trial.treatments and trial.units in plain:
            found = _lower(results, run, [plain[trial.units]])
            if found is not None:
                yield run, too_much_regularisation(*found)


def _lower(results: TrialResults, run: str, others: Sequence[str]) -> tuple[str, tuple[float, float, float]] | None:
    """Return the best other run, and by how many percent its loss is lower, if that matters and is not chance.

    Holm's correction is for all other runs, because the best was chosen among them.
    """
    if not others:
        return None
    losses = {each: results.losses(each) for each in (run, *others)}
    best = min(compare(losses, against=run), key=lambda each: each.difference)
    mean, limit = float(np.mean(losses[run])), Thresholds().min_effect
    if best.adjusted >= 0.1 or -best.difference < limit * mean:
        return None
    return best.a, (-100 * best.interval[1] / mean, -100 * best.difference / mean, -100 * best.interval[0] / mean)

"""What other trials say of one: a larger model that does better, or the same one with less regularisation.

A run's own curves show whether more epochs would help; that it is too small, or held back, only others can show.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from gengap.analysis.results import TrialResults
from gengap.analysis.sizes import size_runs
from gengap.diagnose.findings import too_little_capacity, too_much_regularisation
from gengap.diagnose.verdict import Finding, Thresholds
from gengap.stats.comparison import compare


def cross_trial_findings(outcomes: TrialResults, features: int) -> dict[str, Finding]:
    """Return, by run, that other trials show it to be too small or regularised too much, beyond chance."""
    return dict(_too_small(outcomes, features)) | dict(_held_back(outcomes))


def _too_small(outcomes: TrialResults, features: int) -> Iterator[tuple[str, Finding]]:
    ladder = sorted(size_runs(outcomes), key=lambda run: outcomes.parameters(run, features))
    for i, run in enumerate(ladder):
        found = _lower(outcomes, run, ladder[i + 1 :])
        if found is not None:
            yield run, too_little_capacity(*found)


def _held_back(outcomes: TrialResults) -> Iterator[tuple[str, Finding]]:
    plain = {outcomes.trials[run].units: run for run in outcomes.whole if not outcomes.trials[run].treatments}
    for run in outcomes.whole:
        trial = outcomes.trials[run]
        if trial.treatments and trial.units in plain:
            found = _lower(outcomes, run, [plain[trial.units]])
            if found is not None:
                yield run, too_much_regularisation(*found)


def _lower(
    outcomes: TrialResults, run: str, others: Sequence[str]
) -> tuple[str, tuple[float, float, float]] | None:
    """The best of the others, and how far its loss is below in percent, if that matters and is beyond chance.

    Holm's correction is for all of the others, from which the best was picked.
    """
    if not others:
        return None
    losses = {each: outcomes.losses(each) for each in (run, *others)}
    best = min(compare(losses, against=run), key=lambda each: each.difference)
    mean, limit = float(np.mean(losses[run])), Thresholds().min_effect
    if best.adjusted >= 0.1 or -best.difference < limit * mean:
        return None
    return best.a, (-100 * best.interval[1] / mean, -100 * best.difference / mean, -100 * best.interval[0] / mean)

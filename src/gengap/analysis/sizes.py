"""Which size: the ladder from small to large, when to stop climbing it, and what it says."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from gengap.analysis.results import TrialResults
from gengap.plan import SIZES
from gengap.stats.comparison import choose_within_one_error
from gengap.stats.paired import REACH

BEYOND = 1  # rungs tried after the first that brought nothing
FEWEST = 4  # rungs tried in any case: fewer points are no curve

Interval = tuple[float, float, float]  # low, middle, high


class SizeResult(msgspec.Struct, frozen=True, kw_only=True):
    """One size: loss at its best epochs, (low, middle, high), the mean over seeds.

    `validation`'s interval is that of new rows like these; `train`'s spans the seeds.
    """

    run: str
    parameters: int
    train: Interval
    validation: Interval


class SizeAnalysis(msgspec.Struct, frozen=True, kw_only=True):
    """The ladder's answer: the `smallest` rung within one standard error of the `best` one.

    `gaining` says that the largest rung was still better than all smaller ones by more than an error: then larger
    ones may be better still. `text` says it in words.
    """

    rungs: tuple[SizeResult, ...]
    smallest: str
    best: str
    gaining: bool
    text: str


def size_runs(outcomes: TrialResults) -> list[str]:
    """The runs of the group `sizes` by rising parameters' order, which is the plan's."""
    return [run for run in outcomes.runs if run.split("/")[0] == SIZES]


def should_try_larger(outcomes: TrialResults, tried: Sequence[str]) -> bool:
    """Whether the next rung is to be tried, after those `tried`, from small to large.

    It is while fewer than FEWEST were, and until the last BEYOND + 1 rungs brought nothing: the one-standard-error
    rule keeps a smaller one. A rung that diverged brought nothing.
    """
    if len(tried) < FEWEST:
        return True
    return any(gained(outcomes, tried[:count]) for count in range(len(tried) - BEYOND, len(tried) + 1))


def gained(outcomes: TrialResults, tried: Sequence[str]) -> bool:
    """Whether the last of these rungs is better than all before by more than the paired standard error."""
    finite = [run for run in tried if run in outcomes.runs]
    if len(finite) < 2 or finite[-1] != tried[-1]:
        return False
    return choose_within_one_error({run: outcomes.losses(run) for run in finite}, finite).run == tried[-1]


def judge_sizes(outcomes: TrialResults, features: int) -> SizeAnalysis | None:
    """What the ladder says; None for fewer than two rungs."""
    order = sorted(size_runs(outcomes), key=lambda run: outcomes.parameters(run, features))
    if len(order) < 2:
        return None
    rungs = tuple(_rung(outcomes, run, features) for run in order)
    kept = choose_within_one_error({run: outcomes.losses(run) for run in order}, order)
    gaining = kept.run == order[-1]
    parameters = {rung.run: rung.parameters for rung in rungs}
    if gaining:
        text = (
            f"{kept.run} ({parameters[kept.run]:,} parameters), the largest tried, is better than every smaller "
            "one by more than a standard error: the ladder should go on"
        )
    elif kept.run == kept.best:
        text = (
            f"{kept.run} ({parameters[kept.run]:,} parameters) is the best; no smaller one comes within one "
            "standard error of it"
        )
    else:
        text = (
            f"{kept.run} ({parameters[kept.run]:,} parameters) is the smallest within one standard error of the "
            f"best, {kept.best} ({parameters[kept.best]:,}): their validation losses differ by "
            f"{kept.difference:.4f} ± {kept.error:.4f}"
        )
    return SizeAnalysis(rungs=rungs, smallest=kept.run, best=kept.best, gaining=gaining, text=text)


def _rung(outcomes: TrialResults, run: str, features: int) -> SizeResult:
    rows = outcomes.losses(run).mean(axis=0)
    train = outcomes.at_best(run, outcomes.clean_loss)
    return SizeResult(
        run=run,
        parameters=outcomes.parameters(run, features),
        train=(float(train.min()), float(train.mean()), float(train.max())),
        validation=mean_interval(rows),
    )


def mean_interval(rows: np.ndarray) -> Interval:
    """The mean of the losses (rows,), and where that of new rows like these is."""
    middle, reach = float(rows.mean()), REACH * float(rows.std(ddof=1) / np.sqrt(len(rows)))
    return middle - reach, middle, middle + reach

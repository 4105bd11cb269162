"""Which size: the ladder from small to large, when to stop climbing it, and what it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from gengap.analysis.results import TrialResults
from gengap.plan import SIZES
from gengap.stats.comparison import OneStandardErrorChoice, choose_within_one_error
from gengap.stats.paired import REACH
from gengap.text.catalog import Message

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
    ones may be better still. `finding` says it.
    """

    rungs: tuple[SizeResult, ...]
    smallest: str
    best: str
    gaining: bool
    finding: Message


def size_runs(outcomes: TrialResults) -> list[str]:
    """The runs of the group `sizes` by rising parameters' order, which is the plan's."""
    return [run for run in outcomes.runs if outcomes.trials[run].group == SIZES]


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
    choice = choose_within_one_error({run: outcomes.losses(run) for run in order}, order)
    gaining = choice.run == order[-1]
    finding = _finding(choice, gaining, {rung.run: rung.parameters for rung in rungs})
    return SizeAnalysis(rungs=rungs, smallest=choice.run, best=choice.best, gaining=gaining, finding=finding)


def _finding(choice: OneStandardErrorChoice, gaining: bool, parameters: Mapping[str, int]) -> Message:
    """Which size is enough, and why."""
    values: dict[str, object] = {"run": choice.run, "parameters": parameters[choice.run]}
    if gaining:
        return Message("conclusion-size-growing", values)
    if choice.run == choice.best:
        return Message("conclusion-size-best", values)
    values |= {"best": choice.best, "best_parameters": parameters[choice.best]}
    return Message("conclusion-size-smallest", values | {"difference": choice.difference, "error": choice.error})


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

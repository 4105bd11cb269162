"""Which size is enough: sizes are tried from small to large, until larger ones bring nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from gengap.analysis.results import TrialResults
from gengap.plan import SIZES
from gengap.stats.comparison import OneStandardErrorChoice, choose_within_one_error
from gengap.stats.paired import REACH
from gengap.text.catalog import Message

BEYOND = 1  # sizes to try after the first that brought nothing
FEWEST = 4  # sizes to try in any case: fewer points are no curve

Interval = tuple[float, float, float]  # low, middle, high


class SizeResult(msgspec.Struct, frozen=True, kw_only=True):
    """Losses of one size at its best epochs, as (low, middle, high), with the mean over seeds in the middle.

    Attributes:
        run: The run.
        parameters: Number of parameters.
        train: Training loss; the interval is the range over seeds.
        validation: Validation loss; the interval (90%) is for new rows.
    """

    run: str
    parameters: int
    train: Interval
    validation: Interval


class SizeAnalysis(msgspec.Struct, frozen=True, kw_only=True):
    """Which size is enough.

    Attributes:
        rungs: The sizes, from small to large.
        smallest: The smallest run within one standard error of the best.
        best: The run with the lowest loss.
        gaining: Whether the largest size is better than every smaller one by more than one standard error.
        finding: The conclusion, to be written in a language.
    """

    rungs: tuple[SizeResult, ...]
    smallest: str
    best: str
    gaining: bool
    finding: Message


def size_runs(results: TrialResults) -> list[str]:
    """Return the runs of the group `sizes`, in the order of the plan: from small to large."""
    return [run for run in results.runs if results.trials[run].group == SIZES]


def should_try_larger(results: TrialResults, tried: Sequence[str]) -> bool:
    """Return whether to try the next size.

    Yes while fewer than FEWEST were tried, and until the last BEYOND + 1 sizes brought nothing: the
    one-standard-error rule chooses a smaller one. A size that diverged brought nothing.

    Args:
        results: The finished trials.
        tried: The runs of the sizes so far, from small to large.
    """
    if len(tried) < FEWEST:
        return True
    return any(improves(results, tried[:count]) for count in range(len(tried) - BEYOND, len(tried) + 1))


def improves(results: TrialResults, tried: Sequence[str]) -> bool:
    """Return whether the last of these runs is better than all before by more than the paired standard error."""
    finite = [run for run in tried if run in results.runs]
    if len(finite) < 2 or finite[-1] != tried[-1]:
        return False
    return choose_within_one_error({run: results.losses(run) for run in finite}, finite).run == tried[-1]


def analyse_sizes(results: TrialResults, features: int) -> SizeAnalysis | None:
    """Return which size is enough; None for fewer than two sizes."""
    order = sorted(size_runs(results), key=lambda run: results.parameters(run, features))
    if len(order) < 2:
        return None
    rungs = tuple(_rung(results, run, features) for run in order)
    choice = choose_within_one_error({run: results.losses(run) for run in order}, order)
    gaining = choice.run == order[-1]
    finding = _finding(choice, gaining, {rung.run: rung.parameters for rung in rungs})
    return SizeAnalysis(rungs=rungs, smallest=choice.run, best=choice.best, gaining=gaining, finding=finding)


def _finding(choice: OneStandardErrorChoice, gaining: bool, parameters: Mapping[str, int]) -> Message:
    """Return the conclusion in numbers."""
    values: dict[str, object] = {"run": choice.run, "parameters": parameters[choice.run]}
    if gaining:
        return Message("conclusion-size-growing", values)
    if choice.run == choice.best:
        return Message("conclusion-size-best", values)
    values |= {"best": choice.best, "best_parameters": parameters[choice.best]}
    return Message("conclusion-size-smallest", values | {"difference": choice.difference, "error": choice.error})


def _rung(results: TrialResults, run: str, features: int) -> SizeResult:
    rows = results.losses(run).mean(axis=0)
    train = results.at_best(run, results.clean_loss_key)
    return SizeResult(
        run=run,
        parameters=results.parameters(run, features),
        train=(float(train.min()), float(train.mean()), float(train.max())),
        validation=mean_interval(rows),
    )


def mean_interval(rows: np.ndarray) -> Interval:
    """Return the mean of the losses (rows,) with its 90% interval for new rows."""
    middle, reach = float(rows.mean()), REACH * float(rows.std(ddof=1) / np.sqrt(len(rows)))
    return middle - reach, middle, middle + reach

"""Which model to keep, what it will do on new rows, and what to try next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from gengap.analysis.finalists import pooled
from gengap.analysis.regularizers import RegularizerEffect
from gengap.analysis.results import TrialResults
from gengap.analysis.sizes import Interval, SizeAnalysis
from gengap.diagnose.verdict import Thresholds, Verdict
from gengap.stats.comparison import OneStandardErrorChoice, choose_within_one_error
from gengap.stats.paired import REACH, CrossFitEstimate, cross_fit
from gengap.stats.permutation import PermutationTest
from gengap.tasks import weighted_variance
from gengap.text.catalog import Message

STEPS = 3
MIN_EFFECT = Thresholds().min_effect


class ExpectedScores(msgspec.Struct, frozen=True, kw_only=True):
    """What the kept model will do on new rows: (low, middle, high).

    All are corrected for having been picked: `picked_loss` is what the picking rows say. `accuracy` is that of
    classes, `r2` that of numbers. `on_test` is the loss as the mean of just the study's test rows, whose own
    luck widens it. `constant_loss` is that of the best constant answer on the validation rows, which no features
    help.
    """

    loss: Interval
    picked_loss: float
    accuracy: Interval | None = None
    r2: Interval | None = None
    on_test: Interval | None = None
    constant_loss: float | None = None

    @property
    def no_lower_than_constant(self) -> bool:
        """Whether the constant answer is as good; not where it has no loss, since all rows are of one class."""
        constant = self.constant_loss
        return constant is not None and 0 < constant <= self.loss[1]


class NextStep(msgspec.Struct, frozen=True, kw_only=True):
    """Something to try, and by how much it should lower the loss, in percent of it; None if that is not known."""

    finding: Message
    gain_percent: float | None = None


class Recommendation(msgspec.Struct, frozen=True, kw_only=True):
    """The model to keep, which models/best.keras is: that `run` with that `seed`."""

    run: str
    seed: int
    why: Message
    learnt: bool
    expected: ExpectedScores
    next_steps: tuple[NextStep, ...]


def recommend(
    outcomes: TrialResults,
    features: int,
    test_rows: int,
    sizes: SizeAnalysis | None,
    effects: Sequence[RegularizerEffect],
    verdicts: Mapping[str, Verdict],
    more_rows: NextStep | None = None,
) -> Recommendation | None:
    """The smallest model that is as good as the best, as far as these rows can tell; None if no run is finite.

    That is within one standard error of it, by paired losses, and at most MIN_EFFECT worse: where few rows make the
    error wide, being small is no reason to give up a loss that matters. Where the best were cross-validated it is
    one of them, by the losses of all rows that validated. Where no model ranks the validation rows better than
    chance does, the smallest of all, because nothing was learnt.
    """
    if not outcomes.whole:
        return None
    order = sorted(outcomes.whole, key=lambda run: outcomes.parameters(run, features))
    if outcomes.out_of_fold:
        candidates = [run for run in order if run in outcomes.out_of_fold]
        losses = {run: pooled(outcomes, run)[None] for run in candidates}
    else:
        candidates, losses = order, {run: outcomes.losses(run) for run in order}
    kept = smallest_near_best(losses, candidates)
    learnt = outcomes.signal.learnt
    run = kept.run if learnt else order[0]
    seed = outcomes.seeds(run)[int(outcomes.losses(run).mean(axis=1).argmin())]
    steps = list(_next_steps(outcomes, run, sizes, effects, verdicts.get(run)))
    steps += [more_rows] if more_rows is not None else []
    steps.sort(key=lambda step: -(step.gain_percent if step.gain_percent is not None else 0.0))
    return Recommendation(
        run=run,
        seed=seed,
        why=_why(kept, len(outcomes.out_of_fold)) if learnt else _nothing_learnt(outcomes.signal),
        learnt=learnt,
        expected=_expected(outcomes, run, seed, test_rows),
        next_steps=tuple(steps[:STEPS]),
    )


def _nothing_learnt(test: PermutationTest) -> Message:
    return Message("conclusion-nothing-learnt", test._asdict())


def _why(choice: OneStandardErrorChoice, finalists: int) -> Message:
    """Why this run: it is the best, or the smallest that is close to the best."""
    values: dict[str, object] = {"limit": MIN_EFFECT}
    if finalists:
        values["finalists"] = finalists
    if choice.run == choice.best:
        return Message("conclusion-lowest-cross-validated" if finalists else "conclusion-lowest-loss", values)
    values |= {"best": choice.best, "difference": choice.difference, "error": choice.error}
    return Message("conclusion-smallest-cross-validated" if finalists else "conclusion-smallest-loss", values)


def smallest_near_best(losses: Mapping[str, np.ndarray], order: Sequence[str]) -> OneStandardErrorChoice:
    """The first run in `order` within one standard error of the best and at most MIN_EFFECT worse."""
    means = {run: float(losses[run].mean()) for run in order}
    near = [run for run in order if means[run] <= (1 + MIN_EFFECT) * min(means.values())]
    return choose_within_one_error({run: losses[run] for run in near}, near)


@dataclass(frozen=True, eq=False)
class _CandidateLosses:
    """The rows that say what to expect: their losses and, of classes, whether each one's is wrong.

    `lines` are the losses of every candidate of the pick, (rows,) each, and `of_kept` those of the one that was
    kept; `wrong` and `wrong_of_kept` likewise, None of numbers. `picked_loss` is the mean by which it was picked.
    """

    lines: Sequence[np.ndarray]
    of_kept: np.ndarray
    wrong: Sequence[np.ndarray] | None
    wrong_of_kept: np.ndarray | None
    picked_loss: float

    @classmethod
    def validating(cls, outcomes: TrialResults, run: str, seed: int) -> _CandidateLosses:
        """The validation rows, on which all runs, seeds and epochs were candidates."""
        at, right = outcomes.seeds(run).index(seed), outcomes.right(run)
        lines = [line for pair in outcomes.pairs for line in outcomes.lines(*pair)]
        of_kept = outcomes.losses(run)[at]
        if right is None:
            return cls(lines, of_kept, None, None, float(of_kept.mean()))
        wrong = [line for pair in outcomes.pairs for line in outcomes.wrong_lines(*pair)]
        return cls(lines, of_kept, wrong, 1 - right[at], float(of_kept.mean()))

    @classmethod
    def out_of_fold(cls, outcomes: TrialResults, run: str) -> _CandidateLosses:
        """Training rows, each by models that did not train on it: they had no part in picking the finalists."""
        found = outcomes.out_of_fold
        lines, kept = [each.losses for each in found.values()], found[run]
        wrong = [each.wrong for each in found.values() if each.wrong is not None]
        return cls(lines, kept.losses, wrong or None, kept.wrong, float(pooled(outcomes, run).mean()))


def _expected(outcomes: TrialResults, run: str, seed: int, test_rows: int) -> ExpectedScores:
    """What to expect of the kept model, less the luck of the pick."""
    crossed = run in outcomes.out_of_fold
    by = (
        _CandidateLosses.out_of_fold(outcomes, run) if crossed else _CandidateLosses.validating(outcomes, run, seed)
    )
    picked, rows = cross_fit(by.lines), by.of_kept
    loss, sd = float(rows.mean()) + max(picked.optimism, 0.0), float(rows.std(ddof=1))
    error = _error(picked, rows)
    expected = _around(loss, error)
    on_test = _around(loss, float(np.hypot(error, sd / np.sqrt(test_rows)))) if test_rows else None
    return ExpectedScores(
        loss=expected,
        picked_loss=by.picked_loss,
        accuracy=_accuracy(by),
        r2=_explained(expected, outcomes),
        on_test=on_test,
        constant_loss=outcomes.task.constant_loss(outcomes.y, outcomes.weights),
    )


def _error(picked: CrossFitEstimate, rows: np.ndarray) -> float:
    """The standard error of what is expected: the pick's, but not below that of the kept model's own rows."""
    return float(max(picked.error, rows.std(ddof=1) / np.sqrt(len(rows))))


def _accuracy(by: _CandidateLosses) -> Interval | None:
    """How often the class is right, less the luck that a pick by the losses has in it."""
    if by.wrong is None or by.wrong_of_kept is None:
        return None
    picked = cross_fit(by.lines, by.wrong)
    middle = 1 - float(by.wrong_of_kept.mean()) - max(picked.optimism, 0.0)
    low, middle, high = np.clip(_around(middle, _error(picked, by.wrong_of_kept)), 0, 1).tolist()
    return low, middle, high


def _explained(loss: Interval, outcomes: TrialResults) -> Interval | None:
    """The share of the target's variance that isn't left as loss; None of classes."""
    if outcomes.task.score != "r2" or not (variance := weighted_variance(outcomes.y, outcomes.weights)) > 0:
        return None
    low, middle, high = (1 - value / variance for value in reversed(loss))
    return low, middle, high


def _around(middle: float, error: float) -> Interval:
    return middle - REACH * error, middle, middle + REACH * error


def _next_steps(
    outcomes: TrialResults,
    run: str,
    sizes: SizeAnalysis | None,
    effects: Sequence[RegularizerEffect],
    verdict: Verdict | None,
) -> Iterator[NextStep]:
    loss = float(outcomes.losses(run).mean())
    if verdict is not None and verdict.verdict == "underfit" and verdict.ahead_percent is not None:
        yield NextStep(finding=Message("next-train-longer", {"run": run}), gain_percent=verdict.ahead_percent[1])
    if sizes is not None and sizes.gaining:
        before, last = sizes.rungs[-2:]
        gain = 100 * (1 - last.validation[1] / before.validation[1])
        yield NextStep(finding=Message("next-larger-model", {"run": last.run}), gain_percent=gain)
    yield from _use_baseline(outcomes, loss)
    beaten = {run, *outcomes.out_of_fold}  # by cross-validation, where they looked better on fewer rows
    better = [effect for effect in effects if effect.kind == "treatment" and effect.run not in beaten]
    best = min(better, key=lambda effect: effect.loss.difference, default=None)
    if best is not None and (gain := 100 * (1 - float(outcomes.losses(best.run).mean()) / loss)) > 0:
        finding = Message("next-try-treatment", {"treatment": best.treatment, "run": best.run})
        yield NextStep(finding=finding, gain_percent=gain)


def _use_baseline(outcomes: TrialResults, loss: float) -> Iterator[NextStep]:
    for run in outcomes.baselines:
        gain = 100 * (1 - float(outcomes.losses(run).mean()) / loss)
        if gain > 1:
            yield NextStep(finding=Message("next-use-baseline", {"run": run}), gain_percent=gain)

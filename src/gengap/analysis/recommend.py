"""Which model to use, what to expect of it on new rows, and what to try next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from gengap.analysis.finalists import pooled_losses
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
    """What to expect of the recommended model on new rows, as (low, middle, high).

    All are corrected for the choice of the model, which is too optimistic on the rows that chose it.

    Attributes:
        loss: Expected loss.
        picked_loss: Loss on the rows that chose the model.
        accuracy: Expected accuracy, for classes.
        r2: Expected R², for numbers.
        on_test: Expected mean loss of the study's test rows; few rows make this interval wider.
        constant_loss: Validation loss of the best constant prediction.
    """

    loss: Interval
    picked_loss: float
    accuracy: Interval | None = None
    r2: Interval | None = None
    on_test: Interval | None = None
    constant_loss: float | None = None

    @property
    def no_lower_than_constant(self) -> bool:
        """Whether a constant prediction is as good. Not if its loss is 0, because all rows are of one class."""
        constant = self.constant_loss
        return constant is not None and 0 < constant <= self.loss[1]


class NextStep(msgspec.Struct, frozen=True, kw_only=True):
    """Something to try, and by how many percent it should lower the loss; None if that is not known."""

    finding: Message
    gain_percent: float | None = None


class Recommendation(msgspec.Struct, frozen=True, kw_only=True):
    """The model to use, saved as models/best.keras.

    Attributes:
        run: Its run.
        seed: Its seed.
        why: The reason.
        learnt: Whether any network clearly beats guessing.
        expected: What to expect on new rows.
        next_steps: What to try next, the most promising first.
    """

    run: str
    seed: int
    why: Message
    learnt: bool
    expected: ExpectedScores
    next_steps: tuple[NextStep, ...]


def recommend(
    results: TrialResults,
    features: int,
    test_rows: int,
    sizes: SizeAnalysis | None,
    effects: Sequence[RegularizerEffect],
    verdicts: Mapping[str, Verdict],
    more_rows: NextStep | None = None,
) -> Recommendation | None:
    """Recommend the smallest model that is as good as the best; None if all diverged.

    As good means: at most one standard error (of paired losses) and MIN_EFFECT worse. With few rows the standard
    error is wide, and a small size is no reason to accept a loss that is clearly higher. Cross-validated runs are
    compared by the losses of all rows that validated. If no model ranks the validation rows better than chance,
    the smallest of all is recommended, because nothing was learnt.

    Args:
        results: The finished trials.
        features: Number of features.
        test_rows: Number of test rows.
        sizes: Which size is enough.
        effects: Effects of the regularisers.
        verdicts: Verdicts by run.
        more_rows: Training on more rows, as something to try.
    """
    if not results.full_runs:
        return None
    order = sorted(results.full_runs, key=lambda run: results.parameters(run, features))
    if results.out_of_fold:
        candidates = [run for run in order if run in results.out_of_fold]
        losses = {run: pooled_losses(results, run)[None] for run in candidates}
    else:
        candidates, losses = order, {run: results.losses(run) for run in order}
    choice = smallest_near_best(losses, candidates)
    learnt = results.permutation_test.learnt
    run = choice.run if learnt else order[0]
    seed = results.seeds(run)[int(results.losses(run).mean(axis=1).argmin())]
    steps = list(_next_steps(results, run, sizes, effects, verdicts.get(run)))
    steps += [more_rows] if more_rows is not None else []
    steps.sort(key=lambda step: -(step.gain_percent if step.gain_percent is not None else 0.0))
    return Recommendation(
        run=run,
        seed=seed,
        why=_why(choice, len(results.out_of_fold)) if learnt else _nothing_learnt(results.permutation_test),
        learnt=learnt,
        expected=_expected(results, run, seed, test_rows),
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
    """Return the first run in `order` at most one standard error and MIN_EFFECT worse than the best."""
    means = {run: float(losses[run].mean()) for run in order}
    near = [run for run in order if means[run] <= (1 + MIN_EFFECT) * min(means.values())]
    return choose_within_one_error({run: losses[run] for run in near}, near)


@dataclass(frozen=True, eq=False)
class _CandidateLosses:
    """Losses of all candidates, and of the chosen one, on the rows that estimate the expected loss.

    Attributes:
        lines: Losses of each candidate, (rows,).
        of_chosen: Losses of the chosen one, (rows,).
        wrong: Whether each class is wrong, for each candidate, (rows,); None for numbers.
        wrong_of_chosen: The same of the chosen one.
        picked_loss: The mean loss by which it was chosen.
    """

    lines: Sequence[np.ndarray]
    of_chosen: np.ndarray
    wrong: Sequence[np.ndarray] | None
    wrong_of_chosen: np.ndarray | None
    picked_loss: float

    @classmethod
    def validating(cls, results: TrialResults, run: str, seed: int) -> _CandidateLosses:
        """Return losses on the validation rows: all runs, seeds and epochs were candidates."""
        at, right = results.seeds(run).index(seed), results.correct(run)
        lines = [line for pair in results.keys for line in results.epoch_losses(*pair)]
        of_chosen = results.losses(run)[at]
        if right is None:
            return cls(lines, of_chosen, None, None, float(of_chosen.mean()))
        wrong = [line for pair in results.keys for line in results.epoch_errors(*pair)]
        return cls(lines, of_chosen, wrong, 1 - right[at], float(of_chosen.mean()))

    @classmethod
    def out_of_fold(cls, results: TrialResults, run: str) -> _CandidateLosses:
        """Return losses on training rows by models that did not train on them: these rows chose no finalist."""
        found = results.out_of_fold
        lines, kept = [each.losses for each in found.values()], found[run]
        wrong = [each.wrong for each in found.values() if each.wrong is not None]
        return cls(lines, kept.losses, wrong or None, kept.wrong, float(pooled_losses(results, run).mean()))


def _expected(results: TrialResults, run: str, seed: int, test_rows: int) -> ExpectedScores:
    """Return what to expect of the chosen model, corrected for the luck of the choice."""
    crossed = run in results.out_of_fold
    by = _CandidateLosses.out_of_fold(results, run) if crossed else _CandidateLosses.validating(results, run, seed)
    picked, rows = cross_fit(by.lines), by.of_chosen
    loss, sd = float(rows.mean()) + max(picked.optimism, 0.0), float(rows.std(ddof=1))
    error = _error(picked, rows)
    expected = _around(loss, error)
    on_test = _around(loss, float(np.hypot(error, sd / np.sqrt(test_rows)))) if test_rows else None
    return ExpectedScores(
        loss=expected,
        picked_loss=by.picked_loss,
        accuracy=_accuracy(by),
        r2=_explained(expected, results),
        on_test=on_test,
        constant_loss=results.task.constant_loss(results.y, results.weights),
    )


def _error(picked: CrossFitEstimate, rows: np.ndarray) -> float:
    """Return the standard error: that of the choice, at least that of the chosen model's own rows."""
    return float(max(picked.error, rows.std(ddof=1) / np.sqrt(len(rows))))


def _accuracy(by: _CandidateLosses) -> Interval | None:
    """Return the expected accuracy, corrected for the luck of a choice by losses."""
    if by.wrong is None or by.wrong_of_chosen is None:
        return None
    picked = cross_fit(by.lines, by.wrong)
    middle = 1 - float(by.wrong_of_chosen.mean()) - max(picked.optimism, 0.0)
    low, middle, high = np.clip(_around(middle, _error(picked, by.wrong_of_chosen)), 0, 1).tolist()
    return low, middle, high


def _explained(loss: Interval, results: TrialResults) -> Interval | None:
    """Return R², the share of the target's variance that is explained; None for classes."""
    if results.task.score != "r2" or not (variance := weighted_variance(results.y, results.weights)) > 0:
        return None
    low, middle, high = (1 - value / variance for value in reversed(loss))
    return low, middle, high


def _around(middle: float, error: float) -> Interval:
    return middle - REACH * error, middle, middle + REACH * error


def _next_steps(
    results: TrialResults,
    run: str,
    sizes: SizeAnalysis | None,
    effects: Sequence[RegularizerEffect],
    verdict: Verdict | None,
) -> Iterator[NextStep]:
    loss = float(results.losses(run).mean())
    if verdict is not None and verdict.verdict == "underfit" and verdict.ahead_percent is not None:
        yield NextStep(finding=Message("next-train-longer", {"run": run}), gain_percent=verdict.ahead_percent[1])
    if sizes is not None and sizes.gaining:
        before, last = sizes.rungs[-2:]
        gain = 100 * (1 - last.validation[1] / before.validation[1])
        yield NextStep(finding=Message("next-larger-model", {"run": last.run}), gain_percent=gain)
    yield from _use_baseline(results, loss)
    beaten = {run, *results.out_of_fold}  # by cross-validation, where they looked better on fewer rows
    better = [effect for effect in effects if effect.kind == "treatment" and effect.run not in beaten]
    best = min(better, key=lambda effect: effect.loss.difference, default=None)
    if best is not None and (gain := 100 * (1 - float(results.losses(best.run).mean()) / loss)) > 0:
        finding = Message("next-try-treatment", {"treatment": best.treatment, "run": best.run})
        yield NextStep(finding=finding, gain_percent=gain)


def _use_baseline(results: TrialResults, loss: float) -> Iterator[NextStep]:
    for run in results.baselines:
        gain = 100 * (1 - float(results.losses(run).mean()) / loss)
        if gain > 1:
            yield NextStep(finding=Message("next-use-baseline", {"run": run}), gain_percent=gain)

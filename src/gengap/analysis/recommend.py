"""Which model to use, what to expect of it on new rows, and what to try next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from gengap.analysis.effects import RegularizerEffect, SizeAnalysis
from gengap.analysis.leak_signs import too_good
from gengap.analysis.results import Interval, Member, OpenInterval, OutOfFoldLosses, TrialResults, interval
from gengap.diagnose.verdict import Verdict
from gengap.stats.comparison import OneStandardErrorChoice, choose_within_one_error
from gengap.stats.learning_curve import LearningCurveForecast
from gengap.stats.paired import CrossFitEstimate, cross_fit
from gengap.tasks import AnyTask, Regression, weighted_variance
from gengap.text.catalog import Message

STEPS = 3
NEAR = 0.003  # share of the loss that simplicity may cost


class ExpectedScores(msgspec.Struct, frozen=True, kw_only=True):
    """What to expect of the recommended model on new rows, as (low, middle, high).

    All are corrected for the choice of the model, which is too optimistic on the rows that chose it.

    Attributes:
        loss: Expected loss. Without limits if the validation rows are of too few groups.
        selection_loss: Loss on the rows that chose the model.
        rmse: Expected root mean squared error in the target's units, for numbers.
        mae: Expected mean absolute error in the target's units, for numbers.
        on_test: Expected mean loss of the study's test rows; few rows make this interval wider.
        constant_loss: Loss of the best constant prediction of the training rows, on the rows of the expected loss.
    """

    loss: OpenInterval
    selection_loss: float
    accuracy: Interval | None = None
    r2: Interval | None = None
    rmse: Interval | None = None
    mae: Interval | None = None
    on_test: Interval | None = None
    constant_loss: float | None = None

    @property
    def bounded_loss(self) -> Interval:
        """The expected loss with its limits. Raises ValueError if they are not known."""
        low, middle, high = self.loss
        if low is None or high is None:
            raise ValueError("the limits of the expected loss are not known: too few groups validate")
        return low, middle, high

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
    """The model to use, saved as models/best with an ending that says what it is.

    Attributes:
        run: Its run, or the names of the runs that it averages.
        seed: Its best seed, of a trial.
        members: The runs whose predictions it averages, with their weights; one run if it is no mixture.
        learnt: Whether any model, baselines included, clearly beats guessing. None if that is open, or if too few
            groups validate to know it.
        doubt: Why it is open whether anything was learnt.
        next_steps: What to try next, the most promising first.
    """

    run: str
    seed: int
    members: tuple[Member, ...] = ()
    why: Message
    learnt: bool | None
    doubt: Message | None = None
    expected: ExpectedScores
    next_steps: tuple[NextStep, ...]


class ChosenModel(NamedTuple):
    """The model to recommend, the reason, and whether any model clearly beats guessing."""

    run: str
    seed: int
    why: Message
    learnt: bool | None
    members: tuple[Member, ...]
    doubt: Message | None = None


def choose_model(results: TrialResults, features: int) -> ChosenModel | None:
    """Choose the simplest model that is as good as the best; None if all networks diverged.

    Networks from small to large, the linear model, the trees and the mixture of all are candidates. As good means:
    at most one standard error (of paired losses) and NEAR worse. With few rows the standard error is wide, and
    simplicity is no reason to accept a loss that is clearly higher. Cross-validated runs are compared by the losses
    of all rows that validated. The single model with the lowest loss is lucky, and the mixture, whose weights other
    rows chose, is not. So the mixture is chosen if its loss is lower, by more than NEAR, than the one that a choice
    of a single model is expected to bring. If nothing ranks the validation rows better than chance, baselines
    included, the smallest network is recommended, because nothing was learnt.
    """
    if not results.full_runs:
        return None
    order = sorted(results.full_runs, key=lambda run: results.parameters(run, features))
    candidates = [*order, *results.savable, *results.mixtures]
    if results.out_of_fold:
        candidates = [run for run in candidates if run in results.out_of_fold]
        choice = simplest_near_best({run: results.pooled_losses(run)[None] for run in candidates}, candidates)
    else:
        choice = simplest_near_best({run: results.losses(run) for run in candidates}, candidates)
    test = results.permutation_test
    something = test.learnt or test.unsure
    run = choice.run if something else order[0]
    seed = results.best_seed(run)
    nothing_learnt = Message("conclusion-nothing-learnt", test._asdict())
    why = _why(results, choice, candidates)
    if something and (safer := _safer_mixture(results, run)) is not None:
        (run, why), seed = safer, 0
    why = why if something else nothing_learnt
    doubt = Message("conclusion-learnt-unsure", test._asdict()) if test.unsure else None
    members = results.mixtures[run].members if run in results.mixtures else (Member(run, 1.0),)
    return ChosenModel(run, seed, why, None if test.unsure else test.learnt, members, doubt)


def _safer_mixture(results: TrialResults, run: str) -> tuple[str, Message] | None:
    """Return the mixture and the reason, if it is expected to be better than a single run that the rows choose."""
    if run in results.mixtures or not results.mixtures:
        return None
    mixture = next(iter(results.mixtures))
    if results.out_of_fold:
        if mixture not in results.out_of_fold:
            return None
        losses = [results.pooled_losses(each) for each in results.out_of_fold if each != mixture]
        mixed = float(results.pooled_losses(mixture).mean())
    else:
        losses = [epoch for key in results.keys for epoch in results.epoch_losses(*key)]
        losses += [results.losses(each)[0] for each in results.savable]
        mixed = float(results.losses(mixture).mean())
    single = cross_fit(losses).corrected
    if mixed >= (1 - NEAR) * single:
        return None
    return mixture, Message("conclusion-mixture-is-safer", {"single": single, "mixed": mixed})


def recommend(
    results: TrialResults,
    chosen: ChosenModel,
    expected: ExpectedScores,
    sizes: SizeAnalysis | None,
    effects: Sequence[RegularizerEffect],
    verdicts: Mapping[str, Verdict],
    more_rows: LearningCurveForecast | None = None,
) -> Recommendation:
    """Recommend the chosen model, and what to try next: nothing if classes are predicted almost without loss."""
    solved = results.task.by_class and too_good(expected.loss[1], expected.constant_loss)
    steps = (
        [] if solved else list(_next_steps(results, chosen, sizes, effects, verdicts.get(chosen.run), more_rows))
    )
    steps.sort(key=lambda step: -(step.gain_percent if step.gain_percent is not None else 0.0))
    return Recommendation(**chosen._asdict(), expected=expected, next_steps=tuple(steps[:STEPS]))


def recommend_without_statements(results: TrialResults) -> Recommendation | None:
    """Recommend the run with the lowest validation loss, without a statement about new rows; None if all diverged.

    For validation rows of too few groups: the loss is that of these rows, and its interval is not known.
    """
    if not results.ranked:
        return None
    losses = {run: float(results.losses(run).mean()) for run in (*results.ranked, *results.savable)}
    run = min(losses, key=lambda each: losses[each])
    loss = losses[run]
    return Recommendation(
        run=run,
        seed=results.best_seed(run),
        members=(Member(run, 1.0),),
        why=Message("conclusion-lowest-loss", {"smaller": False}),
        learnt=None,
        expected=ExpectedScores(loss=(None, loss, None), selection_loss=loss),
        next_steps=(),
    )


def _why(results: TrialResults, choice: OneStandardErrorChoice, candidates: Sequence[str]) -> Message:
    """Return why it was chosen: it is the best, or the simplest that is close to the best."""
    finalists = len(results.out_of_fold)
    values: dict[str, object] = {"finalists": finalists} if finalists else {}
    if choice.run == choice.best:
        code = "conclusion-lowest-cross-validated" if finalists else "conclusion-lowest-loss"
        smaller = choice.run in results.trials and choice.run != candidates[0]
        return Message(code, values | {"smaller": smaller, "limit": NEAR})
    values |= {"limit": NEAR, "best": choice.best, "difference": choice.difference, "error": choice.error}
    return Message("conclusion-smallest-cross-validated" if finalists else "conclusion-smallest-loss", values)


def simplest_near_best(losses: Mapping[str, np.ndarray], order: Sequence[str]) -> OneStandardErrorChoice:
    """Return the first run in `order` at most one standard error and NEAR worse than the best."""
    means = {run: float(losses[run].mean()) for run in order}
    near = [run for run in order if _is_near(means[run], min(means.values()))]
    return choose_within_one_error({run: losses[run] for run in near}, near)


def _is_near(loss: float, lowest: float) -> bool:
    """Return whether a loss is at most NEAR worse than the lowest, which is negative for some losses of users."""
    return loss <= lowest + NEAR * abs(lowest)


class _Candidates(NamedTuple):
    """Losses (rows,) of all candidates, and of the chosen one, on the rows that estimate the expected loss.

    `errors` says whether each row's class is wrong, or how far its number is off.
    """

    losses: list[np.ndarray]
    chosen_losses: np.ndarray
    errors: list[np.ndarray]
    chosen_errors: np.ndarray | None

    def luck(self, picked: CrossFitEstimate) -> float:
        """Return how much too good the chosen one looks: one that isn't the lowest was not chosen for its luck."""
        lowest = min(float(each.mean()) for each in self.losses)
        return max(picked.optimism, 0.0) if _is_near(float(self.chosen_losses.mean()), lowest) else 0.0


def _candidates(results: TrialResults, run: str, seed: int) -> _Candidates:
    """Return the candidates: cross-validated runs, or else all runs, seeds, epochs and other models.

    The rows of cross-validation chose no finalist: they trained the models that the finalists were chosen from.
    """
    if (chosen := results.out_of_fold.get(run)) is not None:
        crossed = results.out_of_fold.values()
        of = {id(each): _fold_errors(each, results.task) for each in (*crossed, chosen)}
        errors = [error for each in crossed if (error := of[id(each)]) is not None]
        return _Candidates([each.losses for each in crossed], chosen.losses, errors, of[id(chosen)])
    at, wrong = results.seeds(run).index(seed) if run in results.trials else 0, results.errors(run)
    others = [*results.savable, *results.mixtures]
    losses = [epoch for key in results.keys for epoch in results.epoch_losses(*key)]
    losses += [results.losses(each)[0] for each in others]
    errors = [epoch for key in results.keys for epoch in results.epoch_errors(*key)]
    errors += [each[0] for each in map(results.errors, others) if each is not None]
    return _Candidates(losses, results.losses(run)[at], errors, None if wrong is None else wrong[at])


def expect(results: TrialResults, run: str, seed: int, test_rows: int) -> ExpectedScores:
    """Return what to expect of the chosen model on new rows, corrected for the luck of the choice."""
    candidates = _candidates(results, run, seed)
    picked, rows = cross_fit(candidates.losses), candidates.chosen_losses
    chosen_on = results.pooled_losses(run) if run in results.out_of_fold else rows
    loss, error = float(rows.mean()) + candidates.luck(picked), _error(picked, rows)
    count = results.count if run not in results.out_of_fold else len(rows)
    expected = interval(loss, error, count)
    per_row = 1.0 if run in results.out_of_fold else len(rows) / len(results.y)  # units for each row
    new = max(test_rows * per_row, 1.0)
    on_test = interval(loss, float(np.hypot(error, rows.std(ddof=1) / np.sqrt(new))), count)
    return ExpectedScores(
        loss=expected,
        selection_loss=float(chosen_on.mean()),
        accuracy=_accuracy(candidates, count) if results.task.score == "accuracy" else None,
        r2=_explained(expected, results, run),
        **_in_units(results.task, expected, candidates, count),
        on_test=on_test if test_rows else None,
        constant_loss=_constant_loss(results, run),
    )


def _error(picked: CrossFitEstimate, rows: np.ndarray) -> float:
    """Return the standard error: that of the choice, at least that of the chosen model's own rows."""
    return float(max(picked.error, rows.std(ddof=1) / np.sqrt(len(rows))))


def _fold_errors(crossed: OutOfFoldLosses, task: AnyTask) -> np.ndarray | None:
    """Return the errors (rows,) of a cross-validated run; those of numbers are the roots of their losses."""
    return np.sqrt(crossed.losses) if isinstance(task, Regression) else crossed.wrong


def _in_units(task: AnyTask, loss: Interval, candidates: _Candidates, count: float) -> dict[str, Interval]:
    """Return the expected RMSE and MAE of a number in the target's units, corrected like the loss."""
    errors = candidates.chosen_errors
    if not isinstance(task, Regression) or errors is None:
        return {}
    low, middle, high = (task.scale * max(each, 0.0) ** 0.5 for each in loss)
    picked = cross_fit(candidates.losses, candidates.errors)
    absolute = interval(float(errors.mean()) + candidates.luck(picked), _error(picked, errors), count)
    low_mae, mae, high_mae = (task.scale * max(each, 0.0) for each in absolute)
    return {"rmse": (low, middle, high), "mae": (low_mae, mae, high_mae)}


def _accuracy(candidates: _Candidates, count: float) -> Interval | None:
    """Return the expected accuracy, corrected for the luck of a choice by losses."""
    wrong = candidates.chosen_errors
    if wrong is None:
        return None
    picked = cross_fit(candidates.losses, candidates.errors)
    middle = 1 - float(wrong.mean()) - candidates.luck(picked)
    low, middle, high = np.clip(interval(middle, _error(picked, wrong), count), 0, 1).tolist()
    return low, middle, high


def _constant_loss(results: TrialResults, run: str) -> float | None:
    """Return the loss of the best constant prediction of training rows, on the rows of the expected loss."""
    if run in results.out_of_fold:
        known = (each.constant for each in results.out_of_fold.values())
        constant, weights = next((each for each in known if each is not None), None), None
    else:
        constant, weights = results.constant, results.weights
    return None if constant is None else float(np.average(constant, weights=weights))


def _explained(loss: Interval, results: TrialResults, run: str) -> Interval | None:
    """Return R², the share of the variance of the same rows' target that is explained; None for classes."""
    folds = results.out_of_fold.get(run)
    y, weights = (results.y, results.weights) if folds is None else (folds.y, None)
    if results.task.score != "r2" or y is None or not (variance := weighted_variance(y, weights)) > 0:
        return None
    low, middle, high = (1 - value / variance for value in reversed(loss))
    return low, middle, high


def _next_steps(
    results: TrialResults,
    chosen: ChosenModel,
    sizes: SizeAnalysis | None,
    effects: Sequence[RegularizerEffect],
    verdict: Verdict | None,
    more_rows: LearningCurveForecast | None,
) -> Iterator[NextStep]:
    run = chosen.run
    loss = float(results.losses(run).mean())
    if verdict is not None and verdict.verdict == "underfit" and verdict.ahead_percent is not None:
        yield NextStep(finding=Message("next-train-longer", {"run": run}), gain_percent=verdict.ahead_percent[1])
    if sizes is not None and sizes.still_improving:
        before, last = sizes.results[-2:]
        gain = 100 * (1 - last.validation[1] / before.validation[1])
        yield NextStep(finding=Message("next-larger-model", {"run": last.run}), gain_percent=gain)
    for baseline in (each for each in results.baselines if chosen.learnt and each not in results.savable):
        if (gain := _gain_percent(results, baseline, loss)) > 1:  # one that can't be recommended itself
            yield NextStep(finding=Message("next-beat-baseline", {"run": baseline}), gain_percent=gain)
    beaten = {run, *results.out_of_fold}  # by cross-validation, where they looked better on fewer rows
    better = [effect for effect in effects if effect.kind == "treatment" and effect.run not in beaten]
    best = min(better, key=lambda effect: effect.loss.difference, default=None)
    if best is not None and (gain := _gain_percent(results, best.run, loss)) > 0:
        finding = Message("next-try-treatment", {"treatment": best.treatment, "run": best.run})
        yield NextStep(finding=finding, gain_percent=gain)
    twice = more_rows.forecasts[0] if more_rows is not None else None
    if twice is not None and twice.loss and twice.better_percent and twice.better_percent[1] > 0:
        values = {"times": twice.times, "rows": twice.rows, "loss": list(twice.loss)}
        yield NextStep(finding=Message("next-more-rows", values), gain_percent=twice.better_percent[1])


def _gain_percent(results: TrialResults, run: str, loss: float) -> float:
    return 100 * (1 - float(results.losses(run).mean()) / loss)

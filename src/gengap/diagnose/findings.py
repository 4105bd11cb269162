"""From a verdict's numbers to its findings: codes with their numbers, and what to try next.

Each code has its text in the catalogues of `gengap.text` and its section in docs/verdicts.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gengap.diagnose.evidence import Evidence
from gengap.diagnose.run_curves import MetricCurves
from gengap.diagnose.verdict import Finding, Interval, Thresholds, Verdict
from gengap.text.catalog import Message

SEEN = 0.8  # probability from which a side remark is made
NO_CHANGE = 0.1  # percent; a smaller change is shown as none
MULTIPLE = 3.0  # times training from which a gap is shown as a multiple


def find_reasons(
    verdict: Verdict, curves: MetricCurves, evidence: Evidence, auxiliary: Evidence | None, thresholds: Thresholds
) -> tuple[Finding, ...]:
    """Return the findings behind a verdict, the most important first.

    Args:
        verdict: The verdict with its numbers.
        curves: The curves that were judged.
        evidence: The evidence in them.
        auxiliary: The evidence in the same run's score, such as accuracy, if there is one.
        thresholds: What counts as what.
    """
    case = _Case(verdict, curves, evidence, auxiliary, thresholds)
    main = {
        "overfit": _overfit,
        "underfit": _underfit,
        "good": _fit,
        "near-overfit": _fit,
        "inconclusive": _noisy,
    }[verdict.verdict]
    reasons = tuple(main(case))
    return *reasons, *_remarks(case, reasons)


def advise(findings: Sequence[Finding]) -> tuple[Message, ...]:
    """Return what to try next: the remedy of `disagree` where it is found, else that of the first finding."""
    by_code = {finding.code: finding.remedy for finding in findings}
    remedy = by_code.get("disagree") or next(filter(None, by_code.values()), ())
    return tuple(Message(f"advice-{code}") for code in remedy)


def too_little_capacity(larger: str, lower_percent: Interval) -> Finding:
    """Return the finding that a larger model has a lower validation loss: `lower_percent` (low, middle, high)."""
    return Finding("too-little-capacity", "warning", {"run": larger, "lower_percent": lower_percent})


def too_much_regularisation(plain: str, lower_percent: Interval) -> Finding:
    """Return the finding that the same model without its treatments has a lower validation loss."""
    return Finding("too-much-regularisation", "warning", {"run": plain, "lower_percent": lower_percent})


def schedule_ended(rate: float, share: float) -> Finding:
    """Return the finding that the learning rate fell from `rate` to a `share` of it before the curve ended."""
    return Finding("schedule-ended", "info", {"rate": rate, "share": share})


@dataclass(frozen=True, eq=False)
class _Case:
    """What the findings of one verdict are made from."""

    verdict: Verdict
    curves: MetricCurves
    evidence: Evidence
    auxiliary: Evidence | None
    thresholds: Thresholds

    @property
    def limit_percent(self) -> float:
        """The smallest change that matters."""
        return 100 * self.thresholds.min_effect

    @property
    def metric(self) -> dict[str, str]:
        """The judged metric, and which of its values are better."""
        return {"metric": self.curves.metric, "better": "higher" if self.curves.higher_is_better else "lower"}

    @property
    def more_percent(self) -> float:
        """How much more training improved than validation."""
        fall = self.evidence.overlearning
        return 0.0 if fall is None else self.evidence.validation.better(fall.mean)


def _overfit(case: _Case) -> Iterator[Finding]:
    """Yield the findings of a validation curve that turned."""
    verdict, fall = case.verdict, case.evidence.overlearning
    low, high = verdict.onset_interval or (0, 0)
    numbers = {
        **case.metric,
        "rise_percent": verdict.rise_percent,
        "onset_epoch": (low, verdict.onset_epoch, high),
        "limit_percent": case.limit_percent,
        "probability": verdict.probabilities["overfit"],
    }
    yield Finding("rise", "problem", numbers, ("keep-best-weights", "more-rows-or-regularise"))
    best, onset = verdict.best_epoch, verdict.onset_epoch
    if best is not None and onset is not None and onset < best:
        yield Finding("onset-before-best", "info", {"onset_epoch": onset, "best_epoch": best})
    if fall is not None and fall.above(float(np.log1p(case.thresholds.min_effect))) >= SEEN:
        yield Finding("learns-on", "warning", {"since": "rise", "more_percent": case.more_percent})
    yield from _disagreement(case)


def _underfit(case: _Case) -> Iterator[Finding]:
    """Yield the finding that more epochs would help."""
    likely = case.verdict.runner_up is None
    numbers = {
        **case.metric,
        "likely": "yes" if likely else "no",
        "ahead_percent": case.verdict.ahead_percent,
        "limit_percent": case.limit_percent,
        "probability": case.verdict.probabilities["underfit"],
    }
    severity, gap = "problem" if likely else "warning", case.verdict.gap_percent
    if gap is None or not case.evidence.far_ahead:
        yield Finding("too-few-epochs", severity, numbers, ("train-longer", "larger-model-if-level"))
        return
    yield Finding("too-few-epochs", severity, numbers, ("train-longer", "more-rows-or-some-regularisation"))
    yield _far_ahead(case, gap)


def _fit(case: _Case) -> Iterator[Finding]:
    """Yield the findings of a validation curve that has levelled off."""
    verdict, gap = case.verdict, case.verdict.gap_percent
    near = verdict.verdict == "near-overfit"
    if near and case.evidence.generalisation_limits and gap is not None:
        yield _far_ahead(case, gap)
        return
    yield _solved(case, near) if case.evidence.solved else _level(case, near)
    if near:
        numbers = {"since": "level", "more_percent": case.more_percent}
        yield Finding("learns-on", "warning", numbers, ("stop-here", "more-rows-or-some-regularisation"))
    elif case.evidence.overlearning is None:
        yield Finding("no-training-curve", "warning")
    elif gap is not None and abs(gap) < case.limit_percent:
        yield Finding("small-gap", "info", {"gap_percent": abs(gap)})


def _level(case: _Case, near: bool) -> Finding:
    """Return the finding that validation has levelled off."""
    verdict = case.verdict
    rise, ahead = verdict.rise_percent or (0.0, 0.0, 0.0), verdict.ahead_percent or (0.0, 0.0, 0.0)
    numbers = {
        **case.metric,
        "end": "best" if max(map(abs, rise)) < NO_CHANGE else "worse",
        "rise_percent": rise,
        "most_ahead_percent": max(ahead[2], 0.0),
    }
    return Finding("level", "info", numbers, () if near else ("keep-model", "try-larger-model"))


def _solved(case: _Case, near: bool) -> Finding:
    """Return the finding that every row is right already."""
    losses, score = case.curves.validation.values, case.curves.auxiliary
    numbers = {
        **case.metric,
        "score": "" if score is None else score.metric,
        "share": float(losses[np.isfinite(losses)][-1] / losses[np.isfinite(losses)][0]),
    }
    return Finding("solved", "info", numbers, () if near else ("keep-model",))


def _far_ahead(case: _Case, gap_percent: float) -> Finding:
    """Return the finding that training is so far ahead that generalisation is what limits the model."""
    numbers = {**case.metric, "times": 1 + gap_percent / 100, "ahead_percent": case.verdict.ahead_percent}
    return Finding("generalisation-limits", "warning", numbers, ("more-rows-or-some-regularisation",))


def _noisy(case: _Case) -> Iterator[Finding]:
    """Yield the finding that no verdict is likely enough."""
    numbers = {
        "metric": case.curves.metric,
        "count": len(case.evidence.validation),
        "noise_percent": 100 * float(case.evidence.trend.noise),
        "rise_percent": case.verdict.rise_percent,
        **{name.replace("-", "_"): p for name, p in case.verdict.probabilities.items()},
    }
    yield Finding("too-noisy", "warning", numbers, ("validate-on-more-rows",))


def _remarks(case: _Case, reasons: Sequence[Finding]) -> Iterator[Finding]:
    """Yield what else a reader should know."""
    evidence, verdict, validation = case.evidence, case.verdict, case.evidence.validation
    if (other := verdict.runner_up) is not None:
        numbers = {
            "probability": verdict.confidence,
            "verdict": verdict.verdict,
            "other": other,
            "other_probability": verdict.probabilities[other],
        }
        yield Finding("runner-up", "warning", numbers)
    if evidence.sampling_error is not None:
        yield Finding("sampling-error", "info", {"error_percent": 100 * evidence.sampling_error})
    if verdict.gap_percent is not None and not {"small-gap", "generalisation-limits"} & {r.code for r in reasons}:
        gap = verdict.gap_percent
        times = 1 + gap / 100
        side = "times" if times > MULTIPLE else "worse" if gap > 0 else "better"
        yield Finding("gap", "info", {"side": side, "gap_percent": abs(gap), "times": times})
    height, top = evidence.bump
    percent = validation.worse(height)
    if verdict.verdict != "overfit" and percent > 2 * case.limit_percent:
        yield Finding("recovered", "info", {"bump_percent": percent, "top_epoch": top})
    if len(validation.spikes):
        epochs = validation.epochs[validation.spikes].tolist()
        yield Finding("spikes", "info", {"count": len(epochs), "epochs": tuple(epochs)})
    if validation.lost:
        yield Finding("lost", "warning", {"count": validation.lost})


def _disagreement(case: _Case) -> Iterator[Finding]:
    """Yield the finding that the score still improves while the loss overfits."""
    if case.auxiliary is None or case.curves.auxiliary is None or case.verdict.best_epoch is None:
        return
    trend, own = case.auxiliary.trend, case.auxiliary.validation
    since = np.interp(case.evidence.lowest, own.epochs, own.positions)
    at, last = int(np.argmin(np.abs(trend.epochs - since))), len(trend.epochs) - 1
    gain = trend.difference(at, last)
    if at < last and gain.above(0.0) >= SEEN:
        numbers = {"metric": case.curves.auxiliary.metric, "gain_percent": own.better(gain.mean)}
        yield Finding("disagree", "info", numbers, ("choose-weights", "calibrate"))

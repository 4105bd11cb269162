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
from gengap.options.spec import VerdictName
from gengap.text.catalog import Message

SHORTEST = 3  # finite validation values; fewer show no trend
SEEN = 0.8  # probability from which a side remark is made
NO_CHANGE = 0.1  # percent; a smaller change is shown as none
MULTIPLE = 3.0  # times training from which a gap is shown as a multiple
TOGETHER = 0.25  # share of validation's rise from which training rises with it
MOST_CLASSES = 1_000  # whose chance level is recognised
AT_CHANCE = 0.01  # how far a loss may be from the logarithm of the number of classes, as a share of it


def check_usable(curves: MetricCurves) -> Finding | None:
    """Return why these curves can't be judged, or None if they can."""
    name, series = curves.metric, curves.validation
    finite = np.isfinite(series.values)
    count = int(finite.sum())
    if count == 0 or not finite[-1]:
        since = None if count == 0 else int(series.epochs[np.flatnonzero(finite)[-1] + 1])
        numbers = {"metric": name, "count": len(series), "since_epoch": since}
        return Finding("not-finite", "problem", numbers, ("stabilise-training",))
    if count < SHORTEST:
        numbers = {"metric": name, "count": count, "least": SHORTEST}
        return Finding("too-short", "warning", numbers, ("log-more-epochs",))
    if np.ptp(series.values[finite]) == 0:
        numbers = {"metric": name, "value": float(series.values[finite][0])}
        return Finding("constant", "problem", numbers, ("check-training",))
    return None


def find_failure(
    name: VerdictName, curves: MetricCurves, evidence: Evidence, thresholds: Thresholds
) -> Finding | None:
    """Return why training itself failed, so that no verdict on the fit makes sense; None if it did not.

    Args:
        name: The verdict that the curves would get otherwise.
        curves: The curves that were judged.
        evidence: The evidence in them, with the training trend.
        thresholds: What counts as what.
    """
    if name == "overfit":
        return _diverging(curves, evidence, thresholds)
    if name in ("good", "near-overfit"):
        return _nothing_learned(curves, evidence, thresholds)
    return None


def _diverging(curves: MetricCurves, evidence: Evidence, thresholds: Thresholds) -> Finding | None:
    """Return the finding that training rises together with validation."""
    rise = evidence.training_rise
    if rise is None or rise.above(float(np.log1p(thresholds.min_effect))) < SEEN:
        return None
    if rise.mean < TOGETHER * evidence.rise.mean:
        return None
    curve = evidence.validation
    numbers = {
        "metric": curves.metric,
        "better": "higher" if curves.higher_is_better else "lower",
        "rise_percent": curve.worse(evidence.rise.mean),
        "train_percent": curve.worse(rise.mean),
        "since_epoch": evidence.turn_epoch,
    }
    return Finding("diverging", "problem", numbers, ("stabilise-training",))


def _nothing_learned(curves: MetricCurves, evidence: Evidence, thresholds: Thresholds) -> Finding | None:
    """Return the finding that neither validation nor training ever improved by what matters."""
    limit = float(np.log1p(thresholds.min_effect))
    trends = [evidence.trend, *filter(None, [evidence.train_trend])]
    if any(float(trend.mean[0] - trend.mean.min()) >= limit for trend in trends):
        return None
    finite = curves.validation.values[np.isfinite(curves.validation.values)]
    value = float(np.median(finite))
    numbers = {
        "metric": curves.metric,
        "value": value,
        "classes": 0 if curves.higher_is_better else _guessed_classes(value, curves.auxiliary),
        "limit_percent": 100 * thresholds.min_effect,
    }
    return Finding("nothing-learned", "problem", numbers, ("check-training",))


def _guessed_classes(loss: float, score: MetricCurves | None) -> int:
    """Return the number of classes whose guessing has this cross-entropy; 0 if there is none.

    More than two are recognised only if the score is about the accuracy of guessing.
    """
    classes = round(float(np.exp(min(loss, 10.0))))
    if not 2 <= classes <= MOST_CLASSES or abs(loss - np.log(classes)) > AT_CHANCE * np.log(classes):
        return 0
    if classes == 2 or (score is not None and abs(np.nanmedian(score.validation.values) * classes - 1) < 0.25):
        return classes
    return 0


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
    if fall is not None and fall.above(float(np.log1p(case.thresholds.min_effect))) >= SEEN:
        yield Finding("learns-on", "warning", {"since": "rise", "more_percent": case.more_percent})
    yield from _disagreement(case)


def _underfit(case: _Case) -> Iterator[Finding]:
    """Yield the finding that more epochs would help."""
    numbers = {
        **case.metric,
        "ahead_percent": case.verdict.ahead_percent,
        "limit_percent": case.limit_percent,
        "probability": case.verdict.probabilities["underfit"],
    }
    yield Finding("too-few-epochs", "problem", numbers, ("train-longer", "larger-model-if-level"))


def _fit(case: _Case) -> Iterator[Finding]:
    """Yield the findings of a validation curve that has levelled off."""
    verdict, gap = case.verdict, case.verdict.gap_percent
    near = verdict.verdict == "near-overfit"
    rise, ahead = verdict.rise_percent or (0.0, 0.0, 0.0), verdict.ahead_percent or (0.0, 0.0, 0.0)
    numbers = {
        **case.metric,
        "end": "best" if max(map(abs, rise)) < NO_CHANGE else "worse",
        "rise_percent": rise,
        "most_ahead_percent": max(ahead[2], 0.0),
    }
    yield Finding("level", "info", numbers, () if near else ("keep-model", "try-larger-model"))
    if near:
        numbers = {"since": "level", "more_percent": case.more_percent}
        yield Finding("learns-on", "warning", numbers, ("stop-here", "more-rows-or-some-regularisation"))
    elif case.evidence.overlearning is None:
        yield Finding("no-training-curve", "warning")
    elif gap is not None and abs(gap) < case.limit_percent:
        yield Finding("small-gap", "info", {"gap_percent": abs(gap)})


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
            "other": other,
            "other_probability": verdict.probabilities[other],
        }
        yield Finding("runner-up", "warning", numbers)
    if evidence.sampling_error is not None:
        yield Finding("sampling-error", "info", {"error_percent": 100 * evidence.sampling_error})
    if verdict.gap_percent is not None and all(reason.code != "small-gap" for reason in reasons):
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

"""From curves to a verdict: curves -> evidence -> probabilities -> verdict -> findings and advice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import msgspec
import numpy as np

from gengap.diagnose.evidence import Evidence, collect_evidence
from gengap.diagnose.failures import check_usable, find_failure
from gengap.diagnose.findings import advise, find_reasons
from gengap.diagnose.run_curves import MetricCurves
from gengap.diagnose.verdict import Finding, LogSummary, Thresholds, Verdict
from gengap.options.spec import VerdictName
from gengap.stats.curves import RowLosses
from gengap.text.catalog import Message

UNSEEN = 0.5  # probability from which a rise is stated that no value shows, because the last one is the best
LEADS = 0.9  # probability of overfit from which a part of the loss leads
NARROW = 0.0005  # the least upper end of a rise's interval: it never has zero width


def judge(curves: MetricCurves, rows: RowLosses | None = None, thresholds: Thresholds | None = None) -> Verdict:
    """Return the verdict on one run's curves. Of several losses, one that certainly overfits leads.

    Args:
        curves: Curves of one metric.
        rows: Loss of each validation row at some epochs, where it is known.
        thresholds: What counts as what (default: `Thresholds()`).
    """
    thresholds = thresholds or Thresholds()
    if curves.parts:
        each = (replace(part, run=curves.run, parts=()) for part in (curves, *curves.parts))
        return _worst([judge(part, rows, thresholds) for part in each])
    if (obstacle := check_usable(curves)) is not None:
        return _unknown(curves, obstacle)
    evidence = collect_evidence(curves, rows, min_effect=thresholds.min_effect)
    auxiliary = None
    if curves.auxiliary is not None and check_usable(curves.auxiliary) is None:
        auxiliary = collect_evidence(replace(curves.auxiliary, train=None), min_effect=thresholds.min_effect)
    verdict = _measure(curves, evidence, thresholds)
    if (failure := find_failure(verdict.verdict, curves, evidence, thresholds)) is not None:
        return msgspec.structs.replace(
            verdict,
            verdict="inconclusive",
            confidence=0.0,
            onset_epoch=None,
            onset_interval=None,
            findings=(failure,),
            advice=advise((failure,)),
        )
    findings = find_reasons(verdict, curves, evidence, auxiliary, thresholds)
    return msgspec.structs.replace(verdict, findings=findings, advice=advise(findings))


def name_axis(verdict: Verdict, curves: MetricCurves) -> Verdict:
    """Return the verdict on curves with texts that say what their positions count."""
    if curves.axis == "epoch":  # as texts say it by themselves
        return verdict
    findings = tuple(
        msgspec.structs.replace(each, parameters={**each.parameters, "axis": curves.axis})
        for each in verdict.findings
    )
    advice = tuple(Message(each.code, {**each.parameters, "axis": curves.axis}) for each in verdict.advice)
    return msgspec.structs.replace(verdict, findings=findings, advice=advice)


def verdict_probabilities(evidence: Evidence, thresholds: Thresholds) -> dict[str, float]:
    """Return the probability of each verdict except `inconclusive`; they sum to 1.

    A rise that matters is overfitting. Without it, a gain that matters from more epochs is underfitting. The rest
    is a fit: near-overfit as far as training improves by more than matters while validation does not, else good.
    Where training is far ahead, more epochs or a larger model are not what is missing: that is near-overfit too.
    Where every row is right already and the loss is nearly 0, a smaller loss is no gain that matters.
    """
    limit = float(np.log1p(thresholds.min_effect))
    over = evidence.rise.above(limit)
    under = 0.0 if evidence.solved else (1 - over) * evidence.ahead.above(limit)
    learns_on = 0.0 if evidence.overlearning is None else evidence.overlearning.above(limit)
    fit = max(1 - over - under, 0.0)
    if evidence.generalisation_limits:
        return {"underfit": 0.0, "good": 0.0, "near-overfit": fit + under, "overfit": over}
    return {"underfit": under, "good": fit * (1 - learns_on), "near-overfit": fit * learns_on, "overfit": over}


def verdict_name(probabilities: Mapping[str, float], thresholds: Thresholds) -> VerdictName:
    """Return the verdict that these probabilities lead to."""
    if probabilities["overfit"] >= thresholds.overfit_probability:
        return "overfit"
    if probabilities["underfit"] >= max(thresholds.underfit_probability, probabilities["overfit"]):
        return "underfit"
    if probabilities["good"] + probabilities["near-overfit"] < thresholds.fit_probability:
        return "inconclusive"
    return "good" if probabilities["good"] >= probabilities["near-overfit"] else "near-overfit"


def best_epoch(curves: MetricCurves) -> int | None:
    """Return the epoch with the best logged validation value, the first of equal ones; None if none is finite."""
    values = curves.validation.values * (-1 if curves.higher_is_better else 1)
    finite = np.isfinite(values)
    return int(curves.validation.epochs[np.where(finite, values, np.inf).argmin()]) if finite.any() else None


def _worst(verdicts: list[Verdict]) -> Verdict:
    """Return the verdict that is almost certainly overfit, or else the first, with the others as a finding."""
    judged = [each for each in verdicts if each.verdict != "inconclusive"]
    worst = max(judged, key=lambda each: each.probabilities["overfit"], default=verdicts[0])
    if worst.probabilities["overfit"] < LEADS and verdicts[0] in judged:
        worst = verdicts[0]
    others = tuple(f"{each.metric} {each.probabilities['overfit']:.0%}" for each in verdicts if each is not worst)
    finding = Finding("other-losses", "info", {"metric": worst.metric, "others": others})
    return msgspec.structs.replace(worst, findings=(*worst.findings, finding))


def _measure(curves: MetricCurves, evidence: Evidence, thresholds: Thresholds) -> Verdict:
    """Return the verdict with its numbers, without findings."""
    probabilities, best = verdict_probabilities(evidence, thresholds), best_epoch(curves)
    if best == curves.validation.epochs[-1]:
        least = max(thresholds.overfit_probability, UNSEEN)
        thresholds = msgspec.structs.replace(thresholds, overfit_probability=least)
    name = verdict_name(probabilities, thresholds)
    tails = ((1 - thresholds.interval) / 2, 0.5, (1 + thresholds.interval) / 2)
    curve = evidence.validation
    rise = [
        curve.worse(max(evidence.rise.quantile(q), least)) for q, least in zip(tails, (0, 0, NARROW), strict=True)
    ]
    ahead = [curve.better(evidence.ahead.quantile(q)) for q in tails]
    low, onset, high = _onset(evidence, best, tails) if name == "overfit" else (None, None, None)
    return Verdict(
        run=curves.run,
        metric=curves.metric,
        verdict=name,
        confidence=probabilities.get(name, 0.0),
        probabilities=probabilities,
        best_epoch=best,
        read=summarise_log(curves),
        onset_epoch=onset,
        onset_interval=None if low is None or high is None else (low, high),
        rise_percent=(rise[0], rise[1], rise[2]),
        ahead_percent=(ahead[0], ahead[1], ahead[2]),
        gap_percent=None if evidence.gap is None else curve.worse(evidence.gap),
    )


def _onset(evidence: Evidence, best: int | None, tails: tuple[float, float, float]) -> tuple[int, int, int]:
    """Return where the rise starts, between the ends of its interval: the best logged epoch if that allows it."""
    low, onset, high = np.round(np.quantile(evidence.turns, tails)).astype(int).tolist()
    return low, onset if best is None else max(onset, min(best, high)), high


def summarise_log(curves: MetricCurves) -> LogSummary | None:
    """Return what was read of the curves' log; None for curves that were not read from one."""
    values = curves.validation.values
    if curves.log is None or not curves.log.reader:
        return None
    finite = values[np.isfinite(values)].tolist()
    return LogSummary(
        reader=curves.log.reader,
        validation=curves.metric,
        train=curves.train_column,
        not_judged=curves.not_judged,
        points=len(values),
        first=finite[0] if finite else None,
        last=finite[-1] if finite else None,
        notes=curves.log.notes,
        axis=curves.axis,
    )


def _unknown(curves: MetricCurves, obstacle: Finding) -> Verdict:
    """Return the verdict on curves that can't be judged."""
    return Verdict(
        run=curves.run,
        metric=curves.metric,
        verdict="inconclusive",
        confidence=0.0,
        probabilities=dict.fromkeys(("underfit", "good", "near-overfit", "overfit"), 0.25),
        best_epoch=best_epoch(curves),
        read=summarise_log(curves),
        findings=(obstacle,),
        advice=advise((obstacle,)),
    )

"""From curves to a verdict: the rules and their named thresholds.

curves -> evidence (numbers with their uncertainty) -> probabilities -> verdict -> findings and advice in words
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import numpy as np

from gengap.diagnose.evidence import Evidence, collect_evidence
from gengap.diagnose.run_curves import RunCurves
from gengap.errors import UsageError
from gengap.stats.row_losses import RowLosses
from gengap.text.markup import badge, bullets, element

if TYPE_CHECKING:
    from gengap.diagnose.findings import Finding

VerdictName = Literal["underfit", "good", "near-overfit", "overfit", "inconclusive"]
Share = Annotated[float, msgspec.Meta(gt=0, lt=1)]


class Thresholds(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What counts as what.

    `materially` is the change that matters, as a share of the loss. A fit (good or near-overfit) is stated from the
    probability `decisive` on, overfit from `accusing` on, and underfit already from `inviting` on: to train on
    costs little and may win much. `interval` is the probability that intervals cover.
    """

    materially: Share = 0.01
    decisive: Share = 0.5
    accusing: Share = 0.6
    inviting: Share = 0.35
    interval: Share = 0.9


def make_thresholds(materially: float) -> Thresholds:
    """The thresholds with another material change. Raises UsageError if it is no share."""
    if not 0 < materially < 1:
        raise UsageError(f"materially is {materially:g}; expected a share of the loss between 0 and 1, as in 0.01")
    return Thresholds(materially=materially)


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the curves of one run say, and how sure that is.

    Epochs are counted as they were logged. `best_epoch` has the best logged validation value. `onset_epoch` is
    where validation turned, `onset_interval` where it may have: None unless it overfits. `rise_percent` is how far
    validation ends above its lowest point, (low, middle, high), and `ahead_percent` how far twice as many epochs
    would lower it further. `gap_percent` is how far validation ends above training. Each of `reasons` has its code
    in `codes`, explained in docs/verdicts.md.
    """

    run: str
    metric: str
    verdict: VerdictName
    confidence: float
    probabilities: dict[str, float]
    best_epoch: int | None = None
    onset_epoch: int | None = None
    onset_interval: tuple[int, int] | None = None
    rise_percent: tuple[float, float, float] | None = None
    ahead_percent: tuple[float, float, float] | None = None
    gap_percent: float | None = None
    reasons: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()

    def __str__(self) -> str:
        sure = "" if self.verdict == "inconclusive" else f" ({self.confidence:.0%})"
        return f"{self.run}: {self.verdict}{sure}"

    def _repr_html_(self) -> str:
        """What Jupyter shows: the verdict, its reasons with their codes, and the advice."""
        reasons = (
            element("span", reason, " ", element("code", code))
            for code, reason in zip(self.codes, self.reasons, strict=True)
        )
        title = element(
            "p", element("b", self.run), " ", badge(self.verdict, self.confidence), f" by {self.metric}"
        )
        return element("div", title, bullets(reasons), bullets(self.advice, "›"))


def judge(curves: RunCurves, rows: RowLosses | None = None, thresholds: Thresholds | None = None) -> Verdict:
    """The verdict on one run's curves; `rows` are its validation rows' losses, where they are known."""
    from gengap.diagnose.findings import advise, explain, refusal

    thresholds = thresholds or Thresholds()
    if (why := refusal(curves)) is not None:
        return _with_words(_unknown(curves), [why], advise("inconclusive", [why]))
    evidence = collect_evidence(curves, rows, near=thresholds.materially)
    also = (
        collect_evidence(curves.also, near=thresholds.materially)
        if curves.also and not refusal(curves.also)
        else None
    )
    stated = _stated(curves, evidence, thresholds)
    findings = explain(stated, curves, evidence, also, thresholds)
    return _with_words(stated, findings, advise(stated.verdict, findings))


def verdict_probabilities(evidence: Evidence, thresholds: Thresholds) -> dict[str, float]:
    """The probability of each verdict but `inconclusive`; they sum to 1.

    A material rise is overfitting, whatever else; without it, a material gain from more epochs is underfitting; of
    the rest, training that learns materially on while validation does not makes the difference to near-overfitting.
    """
    materially = float(np.log1p(thresholds.materially))
    over = evidence.rise.above(materially)
    under = (1 - over) * evidence.ahead.above(materially)
    learns_on = 0.0 if evidence.overlearning is None else evidence.overlearning.above(materially)
    fit = max(1 - over - under, 0.0)
    return {"underfit": under, "good": fit * (1 - learns_on), "near-overfit": fit * learns_on, "overfit": over}


def verdict_name(chances: Mapping[str, float], thresholds: Thresholds) -> VerdictName:
    """The verdict that these probabilities make, as `Thresholds` says."""
    if chances["overfit"] >= thresholds.accusing:
        return "overfit"
    if chances["underfit"] >= max(thresholds.inviting, chances["overfit"]):
        return "underfit"
    if chances["good"] + chances["near-overfit"] < thresholds.decisive:
        return "inconclusive"
    return "good" if chances["good"] >= chances["near-overfit"] else "near-overfit"


def _stated(curves: RunCurves, evidence: Evidence, thresholds: Thresholds) -> Verdict:
    """The verdict with its numbers, not yet in words."""
    chances = verdict_probabilities(evidence, thresholds)
    name = verdict_name(chances, thresholds)
    tails = ((1 - thresholds.interval) / 2, 0.5, (1 + thresholds.interval) / 2)
    curve = evidence.validation
    rise = [curve.worse(evidence.rise.quantile(q)) for q in tails]
    ahead = [curve.better(evidence.ahead.quantile(q)) for q in tails]
    low, onset, high = np.round(np.quantile(evidence.turns, tails)).astype(int).tolist()
    overfit = name == "overfit"
    return Verdict(
        run=curves.run,
        metric=curves.metric,
        verdict=name,
        confidence=chances.get(name, 0.0),
        probabilities=chances,
        best_epoch=best_epoch(curves),
        onset_epoch=onset if overfit else None,
        onset_interval=(low, high) if overfit else None,
        rise_percent=(rise[0], rise[1], rise[2]),
        ahead_percent=(ahead[0], ahead[1], ahead[2]),
        gap_percent=None if evidence.gap is None else curve.worse(evidence.gap),
    )


def best_epoch(curves: RunCurves) -> int | None:
    """The epoch with the best logged validation value, the first of equal ones; None if none is finite."""
    values = curves.validation.values * (-1 if curves.higher_is_better else 1)
    finite = np.isfinite(values)
    return int(curves.validation.epochs[np.where(finite, values, np.inf).argmin()]) if finite.any() else None


def _unknown(curves: RunCurves) -> Verdict:
    none: dict[str, float] = dict.fromkeys(("underfit", "good", "near-overfit", "overfit"), 0.25)
    return Verdict(
        run=curves.run,
        metric=curves.metric,
        verdict="inconclusive",
        confidence=0.0,
        probabilities=none,
        best_epoch=best_epoch(curves),
    )


def _with_words(verdict: Verdict, findings: Sequence[Finding], advice: Sequence[str]) -> Verdict:
    return msgspec.structs.replace(
        verdict,
        reasons=tuple(finding.text for finding in findings),
        codes=tuple(finding.code for finding in findings),
        advice=tuple(advice),
    )

"""What a verdict says in words: findings with their codes and numbers, and what to try next.

Each code has its section in docs/verdicts.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gengap.diagnose.evidence import Evidence
from gengap.diagnose.run_curves import RunCurves

if TYPE_CHECKING:
    from gengap.diagnose.verdict import Thresholds, Verdict

SHORTEST = 8  # validation values; fewer say nothing about a trend
MANIFOLD = 3.0  # a gap from which on it is told as a multiple
SEEN = 0.8  # the probability from which a side remark is made


class Finding(NamedTuple):
    """One reason: its code and a sentence with its numbers."""

    code: str
    text: str


def refusal(curves: RunCurves) -> Finding | None:
    """Why nothing can be said of these curves; None if something can."""
    name, series = curves.metric, curves.validation
    finite = np.isfinite(series.values)
    count = int(finite.sum())
    if count == 0:
        return Finding("not-finite", f"all {len(series)} values of {name} are NaN or infinite")
    if not finite[-1]:
        since = int(series.epochs[np.flatnonzero(finite)[-1] + 1])
        return Finding("not-finite", f"{name} is NaN or infinite from epoch {since} to the end: training diverged")
    if count < SHORTEST:
        return Finding("too-short", f"{name} has {count} finite values; a trend needs at least {SHORTEST}")
    if np.ptp(series.values[finite]) == 0:
        value = float(series.values[finite][0])
        return Finding("constant", f"{name} is {value:g} at every epoch: nothing is learnt, or nothing is logged")
    return None


def explain(
    stated: Verdict, curves: RunCurves, evidence: Evidence, also: Evidence | None, thresholds: Thresholds
) -> list[Finding]:
    """The reasons for a verdict, the weightiest first."""
    words = _Words(stated, curves, evidence, also, thresholds)
    main = {
        "overfit": words.overfit,
        "underfit": words.underfit,
        "good": words.fit,
        "near-overfit": words.fit,
        "inconclusive": words.noisy,
    }[stated.verdict]
    return [*main(), *words.remarks()]


class _Words:
    """Puts one verdict's numbers into sentences."""

    def __init__(
        self, stated: Verdict, curves: RunCurves, evidence: Evidence, also: Evidence | None, thresholds: Thresholds
    ) -> None:
        self.stated, self.curves, self.evidence, self.also = stated, curves, evidence, also
        self.limit = 100 * thresholds.materially
        self.worse, self.better = ("fell", "raise") if curves.higher_is_better else ("rose", "lower")
        self.name = curves.metric

    def overfit(self) -> Iterator[Finding]:
        """Validation turned."""
        stated, onset = self.stated, self.stated.onset_interval or (0, 0)
        yield Finding(
            "rise",
            f"{self.name} {self.worse} by {_interval(stated.rise_percent)} from its best, around epoch "
            f"{stated.onset_epoch} [{onset[0]}, {onset[1]}], to the end; {self._material('overfit')}",
        )
        if self._learns_on() >= SEEN:
            yield Finding("learns-on", f"training went on improving meanwhile, by {self._learnt():.1f}% more")
        yield from self._disagreement()

    def underfit(self) -> Iterator[Finding]:
        """More epochs would help."""
        stated = self.stated
        yield Finding(
            "too-few-epochs",
            f"{self.name} still improves at the end: twice as many epochs should {self.better} it by "
            f"{_interval(stated.ahead_percent)}; {self._material('underfit')}",
        )

    def fit(self) -> Iterator[Finding]:
        """Validation has levelled off."""
        stated = self.stated
        yield Finding(
            "level",
            f"{self.name} has levelled off: it ends {_interval(stated.rise_percent)} from its best, and twice as "
            f"many epochs should {self.better} it by {max((stated.ahead_percent or (0, 0, 0))[2], 0):.1f}% at most",
        )
        if self.stated.verdict == "near-overfit":
            yield Finding(
                "learns-on",
                f"training went on improving since validation levelled off, by {self._learnt():.1f}% more than "
                "validation did: what it still learns does not carry over",
            )
        elif self.evidence.overlearning is None:
            yield Finding(
                "no-training-curve", "without a training curve, good and near-overfit can't be told apart"
            )
        elif self.stated.gap_percent is not None and abs(self.stated.gap_percent) < self.limit:
            yield Finding(
                "small-gap",
                f"training and validation end {abs(self.stated.gap_percent):.1f}% apart: all that this model "
                "learns carries over, so a larger one may learn more; one run's curves can't tell",
            )

    def noisy(self) -> Iterator[Finding]:
        """No verdict is likely enough."""
        chances = ", ".join(f"{name} {_chance(p)}" for name, p in self.stated.probabilities.items())
        yield Finding(
            "too-noisy",
            f"{self.name} has {len(self.evidence.validation)} values that vary by "
            f"{100 * self.evidence.trend.noise:.1f}% from one to the next: its change from its best to the end is "
            f"known only as {_interval(self.stated.rise_percent)} ({chances})",
        )

    def remarks(self) -> Iterator[Finding]:
        """What else a reader should know."""
        evidence, stated = self.evidence, self.stated
        if evidence.sampling_error is not None:
            yield Finding(
                "sampling-error",
                "the validation rows themselves leave that change uncertain by "
                f"{100 * evidence.sampling_error:.1f}% (one standard error, paired by row)",
            )
        if stated.gap_percent is not None and "small-gap" not in stated.codes:
            side, times = "worse" if stated.gap_percent > 0 else "better", 1 + stated.gap_percent / 100
            far = f"at {times:,.1f} times training" if times > MANIFOLD else None
            yield Finding("gap", f"validation ends {far or f'{abs(stated.gap_percent):.1f}% {side} than training'}")
        height, top = evidence.bump
        percent = evidence.validation.worse(height)
        if stated.verdict != "overfit" and percent > 2 * self.limit:
            yield Finding(
                "recovered",
                f"validation was {percent:.1f}% worse around epoch {top} and came back: a bump that recovers is "
                "not overfitting (double descent)",
            )
        if len(evidence.validation.spikes):
            epochs = evidence.validation.epochs[evidence.validation.spikes]
            few = ", ".join(map(str, epochs[:5].tolist())) + (", …" if len(epochs) > 5 else "")
            yield Finding("spikes", f"lone outliers were left out of the trend, at epoch {few}")
        if evidence.validation.lost:
            yield Finding("lost", f"{evidence.validation.lost} values are NaN or infinite and were left out")

    def _disagreement(self) -> Iterator[Finding]:
        """The loss overfits; does the accuracy?"""
        if self.also is None or self.curves.also is None or self.stated.best_epoch is None:
            return
        name, trend, own = self.curves.also.metric, self.also.trend, self.also.validation
        since = np.interp(self.evidence.lowest, own.epochs, own.positions)
        at, last = int(np.argmin(np.abs(trend.epochs - since))), len(trend.epochs) - 1
        gain = trend.difference(at, last)
        if at < last and gain.above(0.0) >= SEEN:
            yield Finding(
                "disagree",
                f"{name} still improved meanwhile, by {own.better(gain.mean):.1f}%: the loss is worse because the "
                "model grows too sure of its mistakes (calibration), not because it decides worse",
            )

    def _material(self, name: str) -> str:
        return f"more than {self.limit:g}% has probability {_chance(self.stated.probabilities[name])}"

    def _learns_on(self) -> float:
        own = self.evidence.overlearning
        return 0.0 if own is None else own.above(float(np.log1p(self.limit / 100)))

    def _learnt(self) -> float:
        own = self.evidence.overlearning
        return 0.0 if own is None else self.evidence.validation.better(own.mean)


def too_little_capacity(larger: str, percent: tuple[float, float, float]) -> Finding:
    """Another run says so: `percent` (low, middle, high) is how far a larger model's validation loss is below."""
    return Finding(
        "too-little-capacity",
        f"{larger}, a larger model, has a validation loss {_interval(percent)} lower on the same rows: this one is "
        "too small for them",
    )


def too_much_regularisation(other: str, percent: tuple[float, float, float]) -> Finding:
    """Another run says so: `percent` is how far the same model's validation loss is below with less of it."""
    return Finding(
        "too-much-regularisation",
        f"{other}, the same model without these treatments, has a validation loss {_interval(percent)} lower on "
        "the same rows: they hold this one back",
    )


def advise(verdict: str, findings: Sequence[Finding]) -> list[str]:
    """What to try next, the most promising first."""
    codes = {finding.code for finding in findings}
    if "disagree" in codes:
        return [
            "keep the last weights if you only need decisions, the best epoch's if you need probabilities",
            "try label smoothing or temperature scaling; or regularise as for any overfitting",
        ]
    known = {
        "overfit": [
            "keep the weights of the best epoch (stop early and restore them)",
            "train on more rows if there are any; else try dropout with a small L2 penalty, or a smaller model",
        ],
        "underfit": [
            "train on: at least twice as many epochs, or with a higher learning rate",
            "if training levels off as well, try a larger model or less regularisation",
        ],
        "near-overfit": [
            "stop here: more epochs only widen the gap",
            "more rows or some regularisation may turn what training still learns into validation gains",
        ],
        "good": ["keep this model", "try a larger one: if it is no better, this size is enough"],
    }
    if verdict in known:
        return known[verdict]
    mends = {
        "too-short": "train for more epochs, or log validation more often",
        "not-finite": "lower the learning rate or clip gradients, and look for NaN and extreme values in the input",
        "constant": "check that the model trains at all: its learning rate, its labels, dead units",
        "too-noisy": "validate on more rows, or train longer: the noise hides what matters",
    }
    return [mends[finding.code] for finding in findings if finding.code in mends][:1]


def _interval(triple: tuple[float, float, float] | None) -> str:
    low, middle, high = (v if abs(v) >= 0.05 else 0.0 for v in triple or (float("nan"),) * 3)  # no "-0.0"
    return f"{middle:.1f}% [{low:.1f}, {high:.1f}]"


def _chance(p: float) -> str:
    return f"{p:.2f}" if 0.005 <= p <= 0.995 else "above 0.99" if p > 0.5 else "below 0.01"

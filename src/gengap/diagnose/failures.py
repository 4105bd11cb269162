"""Runs whose training failed, or whose curves show too little: no verdict on the fit makes sense.

Each failure is a finding that makes the verdict `inconclusive`.
"""

from __future__ import annotations

import numpy as np

from gengap.diagnose.evidence import Evidence
from gengap.diagnose.run_curves import MetricCurves
from gengap.diagnose.verdict import Finding, Thresholds
from gengap.options.spec import VerdictName

SHORTEST = 3  # finite validation values; fewer show no trend
CERTAIN = 0.8  # probability from which training is said to rise
TOGETHER = 0.5  # share of validation's rise from which training rises with it ...
DIVERGED = 0.1  # ... and the least such rise on the curve's scale
MOST_CLASSES = 1_000  # whose chance level is recognised
AT_CHANCE = 0.01  # how far a loss may be from the logarithm of the number of classes, as a share of it
JUMP, OFTEN = 2.0, 0.25  # a curve is unstable if it jumps by this factor in this share of its epochs,
JUMPS = 3  # and at least this often


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
    if series.values[finite].min() == series.values[finite].max():
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
    if (unstable := _unstable(curves, evidence)) is not None:
        return unstable
    if name == "overfit":
        return _late_step(curves, evidence) or _diverging(curves, evidence, thresholds)
    if name in ("good", "near-overfit"):
        return _nothing_learned(curves, evidence, thresholds)
    return None


def _diverging(curves: MetricCurves, evidence: Evidence, thresholds: Thresholds) -> Finding | None:
    """Return the finding that training rises together with validation."""
    rise = evidence.training_rise
    if rise is None or rise.above(float(np.log1p(thresholds.min_effect))) < CERTAIN:
        return None
    if rise.mean < max(TOGETHER * evidence.rise.mean, DIVERGED):
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


def _unstable(curves: MetricCurves, evidence: Evidence) -> Finding | None:
    """Return the finding that validation often jumps up or down by a factor of JUMP."""
    values = curves.validation.values[np.isfinite(curves.validation.values)]
    late = values[len(values) // 4 :]
    if not evidence.validation.logarithmic or len(late) < SHORTEST:
        return None
    lower, upper = np.minimum(late[1:], late[:-1]), np.maximum(late[1:], late[:-1])
    unit = evidence.validation.rounding
    jumps = (upper - unit) / JUMP > lower + unit
    if jumps.mean() < OFTEN or jumps.sum() < JUMPS:
        return None
    numbers = {
        "metric": curves.metric,
        "count": int(jumps.sum()),
        "low": float(late.min()),
        "high": float(late.max()),
    }
    return Finding("unstable", "problem", numbers, ("stabilise-training", "validate-on-more-rows"))


def _late_step(curves: MetricCurves, evidence: Evidence) -> Finding | None:
    """Return the finding that the rise is one jump within the last epochs."""
    count = evidence.validation.late_step
    if not count:
        return None
    curve = evidence.validation
    numbers = {
        "metric": curves.metric,
        "better": "higher" if curves.higher_is_better else "lower",
        "rise_percent": curve.worse(evidence.rise.mean),
        "count": count,
        "epoch": int(curve.epochs[-count]),
    }
    return Finding("late-step", "warning", numbers, ("keep-weights-before", "look-at-change"))

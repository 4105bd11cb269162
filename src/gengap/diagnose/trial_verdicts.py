"""The verdicts on gengap's own trials, with their validation rows, and the rule that ends a settled trial early."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np

from gengap.data.units import Units
from gengap.diagnose.evidence import Evidence, collect_evidence, expected_gain
from gengap.diagnose.failures import check_usable
from gengap.diagnose.findings import schedule_ended
from gengap.diagnose.judge import judge, verdict_name, verdict_probabilities
from gengap.diagnose.run_curves import Log, MetricCurves, choose_curves
from gengap.diagnose.verdict import Finding, Thresholds, Verdict
from gengap.history import History
from gengap.stats.curves import RowLosses
from gengap.stats.unit_values import by_unit
from gengap.tasks import BINARY, AnyTask
from gengap.train.checkpoint import PartialResult
from gengap.train.types import recorded_rows

CERTAIN = 0.99  # the probability that ends a trial
CERTAIN_RISE = 0.03  # the rise that must be certain: three times min_effect, so that the verdict will not change
ENDED = 0.05  # share of the first learning rate below which training stands still
UNLIKELY = 0.15  # a gain that can be measured, or overfitting, is not expected up to this probability


def row_losses(epochs: np.ndarray, outputs: np.ndarray, y: np.ndarray, task: AnyTask = BINARY) -> RowLosses:
    """Return each row's loss from `outputs` (m, rows, outputs) at `epochs` (m,) and the target `y`."""
    return RowLosses(epochs, task.row_losses(outputs, y))


def trial_curves(history: History, metric: str | None = None) -> MetricCurves:
    """Return the curves of a trial that are judged: by default those of its task's loss. Epochs count from 1."""
    history = history.counted_from_one()
    return choose_curves(
        Log(history, {key: "val_" * (key[0] == "validation") + key[1] for key in history.series}),
        metric or history.main_metric,
    )


def judge_trial(
    result: PartialResult,
    y: np.ndarray,
    task: AnyTask,
    weights: np.ndarray | None = None,
    units: Units | None = None,
) -> Verdict:
    """Return the verdict on a trial, from its curves and its validation rows' outputs.

    Args:
        result: The trial's history and outputs.
        y: Target of the validation rows. A single row is not used: its sampling error is unknown.
        task: The task.
        weights: Weight of each validation row.
        units: Groups or blocks of time of the validation rows. Too few of them are not used.
    """
    usable = len(y) > 1 and (units is None or units.enough)
    rows = _rows(result, y, task, weights, units) if usable else None
    verdict = judge(trial_curves(result.history, task.loss), rows)
    ended = _schedule_ended(result.history) if verdict.verdict in ("good", "near-overfit") else None
    return verdict if ended is None else msgspec.structs.replace(verdict, findings=(*verdict.findings, ended))


def _schedule_ended(history: History) -> Finding | None:
    """Return the finding that the schedule flattened the curve, if the rate is nearly 0 at the end."""
    series = history.series.get(("train", "learning_rate"))
    if series is None or len(series) < 2 or not np.isfinite(series.values).all():
        return None
    first, last = float(series.values[0]), float(series.values[-1])
    return schedule_ended(first, last / first) if 0 <= last < ENDED * first else None


def make_ending_rule(
    y: np.ndarray,
    patience: int,
    task: AnyTask,
    weights: np.ndarray | None = None,
    units: Units | None = None,
) -> Callable[[PartialResult], bool]:
    """Return a rule that is called with a trial's result so far and says whether its verdict is settled.

    A trial ends once overfitting is certain: a rise of CERTAIN_RISE has the probability CERTAIN. It also ends once
    neither a better model nor another verdict is expected, which needs both:

    - As many epochs again (or twice the patience, if that is more) gain one standard error of the validation loss
      with a probability of at most UNLIKELY. The rows could not tell a smaller gain.
    - The verdict is overfit; or it is near-overfit, which alone has `fit_probability`, and overfit has at most
      UNLIKELY. A good fit becomes near-overfit once training learns on, and an underfit may become anything.

    Fewer epochs than the patience never end a trial for the second reason, because an early plateau looks final. A
    single validation row never ends a trial.

    Args:
        y: Target of the validation rows.
        patience: Epochs without a better loss after which training ends anyway.
        task: The task.
        weights: Weight of each validation row.
        units: Groups or blocks of time of the validation rows. Too few of them never end a trial.
    """
    unusable = len(y) < 2 or (units is not None and not units.enough)

    def settled(result: PartialResult) -> bool:
        curves, epochs = trial_curves(result.history), result.history.epochs
        # Most early checks end here: the evidence takes as long as many epochs of a small model.
        if unusable or check_usable(curves) is not None or (epochs < patience and not _has_risen(curves)):
            return False
        rows = _rows(result, y, task, weights, units)
        evidence = collect_evidence(curves, rows)
        if evidence.rise.above(float(np.log1p(CERTAIN_RISE))) >= CERTAIN:
            return True
        if epochs < patience:
            return False
        folds = max(1.0, float(np.log1p(max(epochs, 2 * patience) / epochs)))
        better = expected_gain(evidence.pace, evidence.height, folds).above(_standard_error(rows))
        return better <= UNLIKELY and _is_final(evidence)

    return settled


def _has_risen(curves: MetricCurves) -> bool:
    """Return whether the last logged loss is above the lowest by CERTAIN_RISE."""
    losses = curves.validation.values
    return bool(losses[-1] > (1 + CERTAIN_RISE) * np.nanmin(losses))


def _standard_error(rows: RowLosses) -> float:
    """Return the standard error of the best epoch's mean loss over the rows, as a share of it."""
    best = rows.losses[np.nanargmin(rows.losses.mean(axis=1))]
    return float(best.std(ddof=1) / np.sqrt(len(best)) / best.mean())


def _is_final(evidence: Evidence) -> bool:
    """Return whether more epochs are not expected to change the verdict."""
    thresholds = Thresholds()
    probabilities = verdict_probabilities(evidence, thresholds)
    name = verdict_name(probabilities, thresholds)
    alone = probabilities["near-overfit"] >= thresholds.fit_probability and probabilities["overfit"] <= UNLIKELY
    return name == "overfit" or (name == "near-overfit" and alone)


def _rows(
    result: PartialResult, y: np.ndarray, task: AnyTask, weights: np.ndarray | None, units: Units | None
) -> RowLosses:
    recorded = recorded_rows(len(y))
    rows = row_losses(result.output_epochs + 1, result.outputs, y[recorded], task)
    chosen = None if weights is None else weights[recorded]
    return RowLosses(rows.epochs, by_unit(rows.losses, chosen, None if units is None else units.take(recorded)))

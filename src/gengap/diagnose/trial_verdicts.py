"""gengap's own trials: their verdicts with the rows' voice, and when a verdict is settled, so that they end."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gengap.diagnose.evidence import Evidence, collect_evidence, gain
from gengap.diagnose.findings import check_usable
from gengap.diagnose.judge import judge, verdict_name, verdict_probabilities
from gengap.diagnose.run_curves import Log, RunCurves, choose
from gengap.diagnose.verdict import Thresholds, Verdict
from gengap.history import History
from gengap.stats.row_losses import RowLosses
from gengap.stats.weighted import linearise
from gengap.tasks import BINARY, AnyTask
from gengap.train.types import PartialResult, recorded_rows

CERTAIN = 0.99  # the probability that ends a trial
CERTAIN_RISE = 0.03  # of a rise of so much: three times what is material, so that the verdict won't change
UNLIKELY = 0.15  # the probability up to which a noticeable gain, or overfitting, is not to be expected


def row_losses(epochs: np.ndarray, outputs: np.ndarray, y: np.ndarray, task: AnyTask = BINARY) -> RowLosses:
    """Each row's loss from `outputs` (m, rows, outputs) at `epochs` (m,) and the target `y`."""
    return RowLosses(epochs, task.row_losses(outputs, y))


def trial_curves(history: History, metric: str | None = None) -> RunCurves:
    """The curves of a trial on which its verdict is given: by default its task's loss."""
    return choose(
        Log(history, {key: "val_" * (key[0] == "validation") + key[1] for key in history.series}),
        metric or history.main_metric,
    )


def judge_trial(known: PartialResult, y: np.ndarray, task: AnyTask, weights: np.ndarray | None = None) -> Verdict:
    """The verdict on a trial, from its curves and its validation rows' outputs.

    `y` is those rows' target, and `weights` (rows,) is by how much each counts. A single row says nothing besides.
    """
    rows = _rows(known, y, task, weights) if len(y) > 1 else None
    return judge(trial_curves(known.history, task.loss), rows)


def make_ending_rule(
    y: np.ndarray, patience: int, task: AnyTask, weights: np.ndarray | None = None
) -> Callable[[PartialResult], bool]:
    """A rule that ends a trial once its verdict is settled, asked with what is known of it so far.

    `y` is the validation rows' target, and `weights` (rows,) is by how much each counts.

    It ends once overfitting is certain: a rise of CERTAIN_RISE has the probability CERTAIN (before the patience, it
    is only looked at if the last loss is so much above the lowest). And it ends once neither a better model nor
    another verdict is to be expected:

    - as many epochs again, or twice the patience if that is more, gain a standard error of the validation loss
      with a probability of UNLIKELY at most, so that the rows could not tell that better model from this one;
    - the verdict is overfit; or it is near-overfit, which by itself has a probability of `decisive`, and overfit
      has one of UNLIKELY at most. A good fit becomes near-overfit by training that learns on, and an underfit one
      may become anything.

    That can't be said of fewer epochs than the patience: early plateaus look as if nothing more would come. Nor can
    it of a single row.
    """

    def settled(known: PartialResult) -> bool:
        curves, epochs = trial_curves(known.history), known.history.epochs
        # Most early checks end here, for what is weighed below takes as long as many epochs of a small model.
        if len(y) < 2 or check_usable(curves) is not None or (epochs < patience and not _has_risen(curves)):
            return False
        rows = _rows(known, y, task, weights)
        evidence = collect_evidence(curves, rows)
        if evidence.rise.above(float(np.log1p(CERTAIN_RISE))) >= CERTAIN:
            return True
        if epochs < patience:
            return False
        folds = max(1.0, float(np.log1p(max(epochs, 2 * patience) / epochs)))
        better = gain(evidence.pace, evidence.rise.mean, folds).above(_standard_error(rows))
        return better <= UNLIKELY and _would_stay(evidence)

    return settled


def _has_risen(curves: RunCurves) -> bool:
    """Whether the last loss, as it was logged, is above the lowest by CERTAIN_RISE."""
    losses = curves.validation.values
    return bool(losses[-1] > (1 + CERTAIN_RISE) * np.nanmin(losses))


def _standard_error(rows: RowLosses) -> float:
    """The standard error of the best epoch's mean loss over the rows, as a share of it."""
    best = rows.losses[np.nanargmin(rows.losses.mean(axis=1))]
    return float(best.std(ddof=1) / np.sqrt(len(best)) / best.mean())


def _would_stay(evidence: Evidence) -> bool:
    """Whether the verdict is one that more epochs are not expected to change."""
    thresholds = Thresholds()
    chances = verdict_probabilities(evidence, thresholds)
    name = verdict_name(chances, thresholds)
    alone = chances["near-overfit"] >= thresholds.decisive and chances["overfit"] <= UNLIKELY
    return name == "overfit" or (name == "near-overfit" and alone)


def _rows(known: PartialResult, y: np.ndarray, task: AnyTask, weights: np.ndarray | None) -> RowLosses:
    kept = recorded_rows(len(y))
    rows = row_losses(known.output_epochs, known.outputs, y[kept], task)
    return rows if weights is None else RowLosses(rows.epochs, linearise(rows.losses, weights[kept]))

"""Evaluate the recommended model on the test rows, which no trial saw, and compare it with a baseline."""

from __future__ import annotations

import time

import msgspec
import numpy as np

from gengap.data.rows import Rows
from gengap.data.units import Units
from gengap.stats.comparison import ArraysByRun, Comparison, compare
from gengap.stats.unit_values import by_unit
from gengap.tasks import AnyTask, Binary
from gengap.text.catalog import Message


class HoldoutEvaluation(msgspec.Struct, frozen=True, kw_only=True):
    """The recommended model and a baseline on the test rows.

    Attributes:
        comparisons: Model minus baseline, by loss and, for classes, accuracy and AUC.
        used: Day on which the rows were used.
        digest: Digest of the rows as read, so that rows prepared otherwise are known again.
        note: Says when these figures were measured, if that was before this study.
    """

    run: str
    seed: int
    rows: int
    metrics: dict[str, float]
    baseline: str
    baseline_metrics: dict[str, float]
    comparisons: tuple[Comparison, ...]
    used: str
    digest: str
    note: Message | None = None


def evaluate_on_test_rows(
    rows: Rows,
    task: AnyTask,
    run: str,
    seed: int,
    outputs: np.ndarray,
    baseline: str,
    theirs: np.ndarray,
    units: Units | None = None,
    digest: str | None = None,
) -> HoldoutEvaluation:
    """Evaluate the `outputs` of the model and `theirs` of the baseline, (rows, outputs), on the test rows.

    A single row, or too few `units` (groups or blocks of time), are not compared. Without `digest`, it is that of
    the prepared rows.
    """
    by_run = {run: outputs[None].astype(np.float64), baseline: theirs[None].astype(np.float64)}
    losses = {
        each: by_unit(task.row_losses(values, rows.y), rows.weights, units) for each, values in by_run.items()
    }
    enough = len(rows) > 1 if units is None else units.enough
    return HoldoutEvaluation(
        run=run,
        seed=seed,
        rows=len(rows),
        metrics=task.scores(by_run[run][0], rows.y, rows.weights),
        baseline=baseline,
        baseline_metrics=task.scores(by_run[baseline][0], rows.y, rows.weights),
        comparisons=compare_all_metrics(losses, by_run, rows.y, task, rows.weights, units, against=baseline)
        if enough
        else (),
        used=time.strftime("%Y-%m-%d"),
        digest=digest or rows.digest,
    )


def compare_all_metrics(
    losses: ArraysByRun,
    outputs: ArraysByRun,
    y: np.ndarray,
    task: AnyTask,
    weights: np.ndarray | None = None,
    units: Units | None = None,
    against: str | None = None,
) -> tuple[Comparison, ...]:
    """Compare runs by all metrics of the task.

    `losses` are those of `by_unit`, (seeds, units) by run, and `outputs` (seeds, rows, outputs) by run. The
    reference is the run with the lowest loss, unless `against` names one.
    """
    if not losses:
        return ()
    if isinstance(task, Binary):
        logits = {run: each[..., 0] for run, each in outputs.items()}
        labels = y.reshape(-1)
        return compare(losses, logits, labels, against=against, loss=task.loss, weights=weights, units=units)
    found = {run: by_unit(task.correct(each, y), weights, units) for run, each in outputs.items()}
    right = {run: each for run, each in found.items() if each is not None}
    return compare(losses, right=right or None, against=against, loss=task.loss)

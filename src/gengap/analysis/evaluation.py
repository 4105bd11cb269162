"""What the test rows, which no trial saw, say of the model kept, beside a baseline."""

from __future__ import annotations

import hashlib
import time

import msgspec
import numpy as np

from gengap.data.rows import Rows
from gengap.stats.comparison import ArraysByRun, Comparison, compare
from gengap.stats.paired import linearise
from gengap.tasks import AnyTask, Binary
from gengap.text.catalog import Message


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """What `rows` test rows say of `run`, beside a baseline, on the day `used`.

    `comparisons` are the model minus the baseline, by loss and, of classes, accuracy and AUC. `digest` is of the
    rows. `note` says when these figures were measured, if that was before this study.
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


def digest_of(rows: Rows) -> str:
    """A fingerprint of the rows."""
    parts = (rows.x, rows.y) if rows.weights is None else (rows.x, rows.y, rows.weights)
    return hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts)).hexdigest()[:16]


def evaluate_on_test_rows(
    rows: Rows, task: AnyTask, run: str, seed: int, outputs: np.ndarray, baseline: str, theirs: np.ndarray
) -> Evaluation:
    """The answer of test `rows` on which the model has `outputs`, and the baseline `theirs`, (rows, outputs)."""
    by_run = {run: outputs[None].astype(np.float64), baseline: theirs[None].astype(np.float64)}
    losses = {each: linearise(task.row_losses(values, rows.y), rows.weights) for each, values in by_run.items()}
    return Evaluation(
        run=run,
        seed=seed,
        rows=len(rows),
        metrics=task.scores(by_run[run][0], rows.y, rows.weights),
        baseline=baseline,
        baseline_metrics=task.scores(by_run[baseline][0], rows.y, rows.weights),
        comparisons=compared(losses, by_run, rows.y, task, rows.weights, against=baseline),
        used=time.strftime("%Y-%m-%d"),
        digest=digest_of(rows),
    )


def compared(
    losses: ArraysByRun,
    outputs: ArraysByRun,
    y: np.ndarray,
    task: AnyTask,
    weights: np.ndarray | None = None,
    against: str | None = None,
) -> tuple[Comparison, ...]:
    """`compare` by all metrics that the task has, of `outputs` by run, (seeds, rows, outputs); none of no runs.

    With `weights` (rows,) the losses are given `linearise`.
    """
    if not losses:
        return ()
    if isinstance(task, Binary):
        logits = {run: each[..., 0] for run, each in outputs.items()}
        return compare(losses, logits, y.reshape(-1), against=against, loss=task.loss, weights=weights)
    found = {run: linearise(task.right(each, y), weights) for run, each in outputs.items()}
    right = {run: each for run, each in found.items() if each is not None}
    return compare(losses, right=right or None, against=against, loss=task.loss)

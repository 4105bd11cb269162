"""What the test rows, which no trial saw, say of the model kept, beside a baseline."""

from __future__ import annotations

import hashlib
import time

import msgspec
import numpy as np

from gengap.data.rows import Rows
from gengap.diagnose.compare import Comparison, compare
from gengap.diagnose.trials import cross_entropies


class HeldOut(msgspec.Struct, frozen=True, kw_only=True):
    """What `rows` test rows say of `run`, beside a baseline, on the day `used`.

    `comparisons` are the model minus the baseline, by cross-entropy, accuracy and AUC. `digest` is of the rows.
    `note` says so where the figures are those of an earlier look.
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
    note: str = ""


def digest_of(rows: Rows) -> str:
    """A fingerprint of the rows."""
    return hashlib.sha256(np.ascontiguousarray(rows.x).tobytes() + rows.y.tobytes()).hexdigest()[:16]


def judge_held_out(
    rows: Rows, run: str, seed: int, logits: np.ndarray, baseline: str, theirs: np.ndarray
) -> HeldOut:
    """The answer of test `rows` on which the model has `logits` (rows,), and the baseline `theirs` (rows,)."""
    y = rows.y.reshape(-1)
    by_run = {run: logits[None].astype(np.float64), baseline: theirs[None].astype(np.float64)}
    losses = {each: cross_entropies(values, y) for each, values in by_run.items()}
    return HeldOut(
        run=run,
        seed=seed,
        rows=len(rows),
        metrics=_metrics(by_run[run][0], y),
        baseline=baseline,
        baseline_metrics=_metrics(by_run[baseline][0], y),
        comparisons=compare(losses, by_run, y, against=baseline),
        used=time.strftime("%Y-%m-%d"),
        digest=digest_of(rows),
    )


def _metrics(logits: np.ndarray, y: np.ndarray) -> dict[str, float]:
    from sklearn.metrics import roc_auc_score

    found = {
        "binary_crossentropy": float(cross_entropies(logits, y).mean()),
        "accuracy": float(((logits > 0) == (y == 1)).mean()),
    }
    return found | ({"auc": float(roc_auc_score(y, logits))} if len(np.unique(y)) == 2 else {})

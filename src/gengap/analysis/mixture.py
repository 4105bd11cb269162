"""Weigh the predictions of several models, so that their mean is better than each of them.

Models are added one by one, each time the one that lowers the loss of the mean most; a model may be added again.
Caruana, Niculescu-Mizil, Crew & Ksikes (2004), "Ensemble selection from libraries of models", section 2. Rows
choose the weights, so the loss of a mixture is measured on other rows: half of the rows choose for the other half.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gengap.analysis.results import Member, Mixture, OutOfFoldLosses, TrialResults
from gengap.tasks import AnyTask, OwnLoss

NETWORKS = 3  # best networks that are weighed, if there is no cross-validation
STEPS = 10  # models that are added; weights are multiples of a tenth
LEAST_ROWS = 40  # that choose weights


def with_mixture(results: TrialResults) -> TrialResults:
    """Return the results with the mixture of the best networks and the baselines, if there is one."""
    if isinstance(results.task, OwnLoss) or not results.ranked or not results.savable or results.refused:
        return results
    crossed = {run: each for run, each in results.out_of_fold.items() if each.outputs is not None}
    runs = list(crossed) if results.out_of_fold else [*results.ranked[:NETWORKS], *results.savable]
    if len(runs) < 2:
        return results
    here = [results.cross_fit_outputs(run) for run in runs]
    y, outputs, weights = results.y, here, results.weights
    away = [crossed[run].outputs for run in runs if run in crossed]
    if results.out_of_fold:
        theirs = next(iter(crossed.values())).y
        assert theirs is not None
        y = np.concatenate([theirs, y])
        outputs = [np.concatenate([a, b]) for a, b in zip(away, here, strict=True) if a is not None]
    if len(y) < LEAST_ROWS:
        return results
    first = len(y) - len(results.y)
    half = np.concatenate([np.arange(first), first + results.halves_by]) % 2
    mixture = _mixture(results.task, runs, outputs, y, weights, half, len(results.y))
    if mixture is None:
        return results
    added = {} if mixture.out_of_fold is None else {mixture.run: mixture.out_of_fold}
    return replace(results, mixtures={mixture.run: mixture}, out_of_fold={**results.out_of_fold, **added})


def _mixture(
    task: AnyTask,
    runs: Sequence[str],
    outputs: Sequence[np.ndarray],
    y: np.ndarray,
    weights: np.ndarray | None,
    half: np.ndarray,
    last: int,
) -> Mixture | None:
    """Return the mixture of the runs; None if one run alone is best.

    Rows of one `half` (rows,) choose weights for the other. The `last` rows are the validation rows.
    """
    counts = choose_weights(task, outputs, y, weights)
    if np.count_nonzero(counts) < 2:
        return None
    mixed = np.empty(outputs[0].shape)
    for part in (0, 1):
        here, other = half == part, half != part
        chosen = choose_weights(
            task, [each[other] for each in outputs], y[other], None if weights is None else weights[other]
        )
        mixed[here] = mix(task, [each[here] for each in outputs], chosen)
    order = sorted(np.flatnonzero(counts).tolist(), key=lambda i: -counts[i])
    members = tuple(Member(runs[i], float(counts[i] / counts.sum())) for i in order)
    first = len(y) - last
    crossed = OutOfFoldLosses.of(task, mixed[:first], y[:first]) if first else None
    return Mixture(members, mixed[first:], crossed)


def choose_weights(
    task: AnyTask, outputs: Sequence[np.ndarray], y: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """Return how often each model is added to the mean with the lowest loss, (models,).

    `outputs` are those of each model, (rows, outputs).
    """

    def loss(of: np.ndarray) -> float:
        return float(np.average(task.row_losses(of, y), weights=weights))

    usable = [i for i, each in enumerate(outputs) if np.isfinite(each).all()]  # the others diverged
    counts = np.zeros(len(outputs), int)
    best, best_loss, mean = counts.copy(), np.inf, outputs[0]
    for step in range(STEPS if usable else 0):
        means = {i: task.mix([mean, outputs[i]], [step, 1.0]) if step else outputs[i] for i in usable}
        losses = {i: loss(each) for i, each in means.items()}
        chosen = min(losses, key=lambda i: losses[i])
        counts[chosen] += 1
        mean = means[chosen]
        if losses[chosen] < best_loss:
            best, best_loss = counts.copy(), losses[chosen]
    return best


def mix(task: AnyTask, outputs: Sequence[np.ndarray], counts: np.ndarray) -> np.ndarray:
    """Return the outputs (rows, outputs) of the mean with these counts."""
    chosen = np.flatnonzero(counts).tolist()
    return task.mix([outputs[i] for i in chosen], counts[chosen].tolist())

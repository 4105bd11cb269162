"""One fit: trains an estimator on the training rows of a fold, and takes its outputs for the validation rows."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gengap.check.continued_fits import can_continue, continue_fit
from gengap.check.estimators import fit_keywords, fitted_part
from gengap.check.fit_facts import facts, fitted_rounds, staged_outputs
from gengap.check.inputs import Fold, Inputs, take
from gengap.check.losses import Loss, align, scored
from gengap.errors import GengapError, reason


@dataclass(frozen=True, eq=False)
class FoldTask:
    """What one fit needs."""

    estimator: Any
    inputs: Inputs
    loss: Loss
    fold: Fold
    stages: tuple[float, ...]  # shares of the boosting rounds at which outputs are taken too
    sample: np.ndarray  # training rows whose loss is measured
    rounds: str = ""  # the parameter that is the number of boosting rounds, if fits with more of them may follow
    earlier: Any = None  # a fit with fewer rounds on the same rows, which is continued


@dataclass(frozen=True, eq=False)
class FoldFit:
    """What one fit gives.

    Attributes:
        outputs: The outputs, or a score, for each stage and at the end.
        train_outputs: Those for training rows; None if their loss is not measured.
        sample: The training rows.
        facts: What the fitted estimator shows.
        cpu_seconds: The CPU time of its process: other processes on a busy machine don't count.
        unfinished: Whether it stopped before it converged.
        fitted: The fit itself, if it can be continued.
    """

    outputs: list[Any]
    train_outputs: Any
    sample: np.ndarray
    facts: dict[str, float]
    cpu_seconds: float
    unfinished: bool
    fitted: Any = None


def _fit(task: FoldTask) -> FoldFit:
    """Fit on the training rows of a fold, and return the outputs on its validation rows."""
    inputs, (train, test) = task.inputs, task.fold
    started = time.process_time()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        given = {"sample_weight": inputs.weights, "groups": inputs.groups}
        metadata = {name: values[train] for name, values in given.items() if values is not None}
        keywords = fit_keywords(task.estimator, metadata)
        X, y = take(inputs.X, train), inputs.y[train]
        if task.earlier is None:
            fitted = task.estimator.fit(X, y, **keywords)
        else:
            fitted = continue_fit(task.earlier, task.estimator, task.rounds, X, y, keywords)
        outputs = _outputs(task, fitted, test, task.stages)
        train_outputs = _outputs(task, fitted, task.sample, ())[0] if len(task.sample) else None
    unfinished = any(issubclass(each.category, UserWarning) and _is_unfinished(each.category) for each in caught)
    cpu_seconds = time.process_time() - started
    kept = fitted if task.rounds and can_continue(fitted) else None
    return FoldFit(outputs, train_outputs, task.sample, facts(fitted), cpu_seconds, unfinished, kept)


def _is_unfinished(category: type) -> bool:
    return category.__name__ == "ConvergenceWarning"


def _outputs(task: FoldTask, fitted: Any, rows: np.ndarray, stages: Sequence[float]) -> list[Any]:
    """Return the outputs for rows at each stage and at the end."""
    X, loss = take(task.inputs.X, rows), task.loss
    if loss.scorer is not None:
        return [scored(loss.scorer, fitted, X, task.inputs.y[rows], loss.label)]
    inner, found = fitted_part(fitted), []
    if stages and (total := fitted_rounds(inner)) is not None:
        wanted = [max(round(share * total), 1) for share in stages]
        found = staged_outputs(fitted, X, loss.method, sorted(set(wanted)))
        found = [found[sorted(set(wanted)).index(each)] for each in wanted]
    found.append(getattr(fitted, loss.method)(X))
    return [_as_indices(task, each, fitted) for each in found]


def _as_indices(task: FoldTask, outputs: Any, fitted: Any) -> np.ndarray:
    inputs = task.inputs
    if task.loss.method == "predict":
        outputs = np.asarray(outputs)
        return outputs if inputs.classes is None else np.searchsorted(inputs.classes, outputs.reshape(-1))
    return align(outputs, getattr(fitted, "classes_", None), inputs)


def fit_fold(task: FoldTask) -> FoldFit | str:
    """Return what a fit gives, or why it failed."""
    try:
        return _fit(task)
    except (GengapError, KeyboardInterrupt):
        raise
    except Exception as fault:
        return reason(fault)

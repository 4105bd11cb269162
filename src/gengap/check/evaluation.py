"""Fits settings of an estimator on every fold and keeps every validation row's loss.

    Evaluator(estimator, inputs, loss).evaluate([Setting(...), ...]) -> one Evaluation for each

A setting is the estimator with a few parameters changed. Boosting rounds are stages of one fit.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from gengap.check.estimators import clone_values, facts, fitted_part, fitted_rounds, staged_outputs, with_seed
from gengap.check.inputs import Fold, Inputs, take
from gengap.check.losses import Loss, align, calibrate, calibrate_other, check_scores, row_losses, scored
from gengap.errors import DataError, GengapError, reason

MANY_ROWS = 20_000  # from here on, a fit may use several threads
Side = str  # "as-is", "simpler" or "flexible"


@dataclass(frozen=True, eq=False)
class Setting:
    """An estimator with changed parameters.

    Attributes:
        changes: The changed parameters; none for the estimator as it is.
        side: "as-is", "simpler" or "flexible".
        axis: The parameter that the path follows.
        step: How many steps it is away from the estimator as it is.
    """

    changes: Mapping[str, Any]
    side: Side
    axis: str = ""
    step: int = 0

    def apply(self, estimator: Any) -> Any:
        """Return a copy of the estimator with the changes; a change of "" replaces it."""
        from sklearn.base import clone

        if "" in self.changes:
            return clone(self.changes[""])
        return clone(estimator).set_params(**clone_values(dict(self.changes)))


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The losses of a setting.

    Attributes:
        setting: The setting.
        losses: Validation losses of shape (repeats, units); a unit is a row, or a fold if only folds have a loss.
            NaN for rows that no fold validates.
        train_loss: Mean loss on training rows; None if it was not measured.
        seconds: What its fits took, all together.
    """

    setting: Setting
    losses: np.ndarray
    train_loss: float | None
    seconds: float


@dataclass(frozen=True, eq=False)
class _Task:
    """What one fit needs."""

    estimator: Any
    inputs: Inputs
    loss: Loss
    fold: Fold
    stages: tuple[float, ...]  # shares of the boosting rounds at which outputs are taken too
    sample: np.ndarray  # training rows whose loss is measured


@dataclass(frozen=True, eq=False)
class _Fitted:
    """What one fit gives: outputs, or a score, for each stage and at the end."""

    outputs: list[Any]
    train_outputs: Any
    facts: dict[str, float]
    seconds: float
    unfinished: bool


def _fit(task: _Task) -> _Fitted:
    """Fit on the training rows of a fold, and return the outputs on its validation rows."""
    inputs, (train, test) = task.inputs, task.fold
    started = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fitted = task.estimator.fit(
            take(inputs.X, train), inputs.y[train], **_weights(task.estimator, inputs.weights, train)
        )
        outputs = _outputs(task, fitted, test, task.stages)
        train_outputs = _outputs(task, fitted, task.sample, ())[0] if len(task.sample) else None
    unfinished = any(issubclass(each.category, UserWarning) and _is_unfinished(each.category) for each in caught)
    return _Fitted(outputs, train_outputs, facts(fitted), time.perf_counter() - started, unfinished)


def _is_unfinished(category: type) -> bool:
    return category.__name__ == "ConvergenceWarning"


def _weights(estimator: Any, weights: np.ndarray | None, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Return the keyword with which `fit` takes weights; a pipeline's goes to its last step."""
    from sklearn import get_config

    if weights is None:
        return {}
    prefix = ""
    if hasattr(estimator, "steps") and not get_config().get("enable_metadata_routing"):
        prefix = f"{estimator.steps[-1][0]}__"
    return {f"{prefix}sample_weight": weights[rows]}


def _outputs(task: _Task, fitted: Any, rows: np.ndarray, stages: Sequence[float]) -> list[Any]:
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


def _as_indices(task: _Task, outputs: Any, fitted: Any) -> np.ndarray:
    inputs = task.inputs
    if task.loss.method == "predict":
        outputs = np.asarray(outputs)
        return outputs if inputs.classes is None else np.searchsorted(inputs.classes, outputs.reshape(-1))
    return align(outputs, getattr(fitted, "classes_", None), inputs)


@dataclass(eq=False)
class Evaluator:
    """Fits settings on all folds, in parallel.

    Attributes:
        estimator: The estimator as it is.
        inputs: Rows and folds.
        loss: How the loss is measured.
        n_jobs: Number of fits at the same time, as joblib takes it.
        seed: Seed of estimators without one.
        progress: Function that is called with the number of finished fits and a name.
        facts: What the fits of the estimator as it is showed.
        unfinished: Whether one of its fits stopped before it converged.
        fits: Number of fits so far.
        doing: What they are for, in words.
    """

    estimator: Any
    inputs: Inputs
    loss: Loss
    n_jobs: int | None = None
    seed: int = 0
    progress: Callable[[int, str], None] | None = None
    facts: dict[str, float] = field(default_factory=dict)
    unfinished: bool = False
    fits: int = 0
    doing: str = ""

    def evaluate(
        self,
        settings: Sequence[Setting],
        stages: Mapping[float, Setting] | None = None,
        *,
        train: bool = False,
        repeats: int | None = None,
    ) -> list[Evaluation]:
        """Return the evaluations of settings; those whose fits fail are left out.

        Args:
            settings: The settings.
            stages: For the first setting, further settings that are stages of its fits, by their share of the
                boosting rounds.
            train: Whether the loss on training rows is measured too.
            repeats: How many repetitions of the folds are used. Default: all.

        Raises:
            DataError: If the estimator as it is can't be fitted.
        """
        from joblib import Parallel, delayed

        stages = stages or {}
        folds = [fold for each in self.inputs.repeats[:repeats] for fold in each]
        tasks = [
            self._task(setting, fold, tuple(stages) if at == 0 else (), train)
            for at, setting in enumerate(settings)
            for fold in folds
        ]
        fitted: list[_Fitted | None] = []
        results = Parallel(self.n_jobs, return_as="generator")(delayed(_attempt)(task) for task in tasks)
        for result, task in zip(results, tasks, strict=True):
            if isinstance(result, str):
                self._refuse(result, settings[len(fitted) // len(folds)], task)
            fitted.append(None if isinstance(result, str) else result)
            self.fits += 1
            if self.progress is not None:
                self.progress(self.fits, self.doing)
        found: list[Evaluation] = []
        for at, setting in enumerate(settings):
            mine = fitted[at * len(folds) : (at + 1) * len(folds)]
            results = [each for each in mine if each is not None]
            if len(results) == len(folds):
                found += self._collect(setting, results, folds, stages if at == 0 else {})
        return found

    def _task(self, setting: Setting, fold: Fold, stages: tuple[float, ...], train: bool) -> _Task:
        estimator = with_seed(setting.apply(self.estimator), self.seed)
        count = min(len(fold[1]), len(fold[0])) if train else 0
        drawn = np.random.default_rng(self.seed).permutation(fold[0])[:count]
        return _Task(estimator, self.inputs, self.loss, fold, stages, np.sort(drawn))

    def _refuse(self, why: str, setting: Setting, task: _Task) -> None:
        if setting.side == "as-is":
            name = type(task.estimator).__name__
            raise DataError(f"{name} can't be fitted to {len(task.fold[0]):,} of the rows: {why}")

    def _collect(
        self, setting: Setting, results: list[_Fitted], folds: list[Fold], stages: Mapping[float, Setting]
    ) -> list[Evaluation]:
        """Return the evaluations of one setting and of its stages."""
        if setting.side == "as-is" and not self.facts:
            names = {name for each in results for name in each.facts}
            self.facts = {n: float(np.mean([each.facts[n] for each in results if n in each.facts])) for n in names}
            self.facts["rows"] = float(self.inputs.train_rows)
            self.unfinished = any(each.unfinished for each in results)
        seconds = sum(each.seconds for each in results)
        outputs = [each.outputs for each in results]
        last = len(outputs[0]) - 1
        found = [
            Evaluation(stage, self._losses([each[at] for each in outputs], folds), None, 0.0)
            for at, stage in enumerate(stages.values())
            if at < last
        ]
        losses = self._losses([each[last] for each in outputs], folds)
        train = self._train_loss(results, folds) if results[0].train_outputs is not None else None
        return [Evaluation(setting, losses, train, seconds), *found]

    def _losses(self, outputs: list[Any], folds: list[Fold]) -> np.ndarray:
        """Return the losses (repeats, units) from the outputs of each fold."""
        inputs, loss = self.inputs, self.loss
        per = len(inputs.repeats[0])
        if not loss.by_row:
            return check_scores(np.reshape(outputs, (-1, per)).astype(np.float64), loss.label)
        found = np.full((len(folds) // per, inputs.rows), np.nan)
        for repeat in range(len(found)):
            mine = slice(repeat * per, (repeat + 1) * per)
            tested = np.concatenate([test for _, test in folds[mine]])
            stacked = np.concatenate([np.asarray(each) for each in outputs[mine]])
            if loss.name == "calibrated-log-loss":
                number = np.concatenate([np.full(len(test), k) for k, (_, test) in enumerate(folds[mine])])
                stacked = calibrate(stacked, inputs.labels[tested], number, inputs.class_count)
            found[repeat, tested] = row_losses(loss, inputs.labels[tested], stacked, inputs.least_probability)
        return found

    def _train_loss(self, results: list[_Fitted], folds: list[Fold]) -> float:
        """Return the mean loss on training rows."""
        inputs, loss = self.inputs, self.loss
        if not loss.by_row:
            return float(check_scores(np.array([each.train_outputs for each in results]), loss.label).mean())
        means = []
        for each, fold in zip(results, folds, strict=True):
            sample, outputs = self._task(Setting({}, "as-is"), fold, (), True).sample, each.train_outputs
            if loss.name == "calibrated-log-loss":
                y, classes = inputs.labels[fold[1]], inputs.class_count
                outputs = calibrate_other(np.asarray(each.outputs[-1]), y, np.asarray(outputs), classes)
            losses = row_losses(loss, inputs.labels[sample], outputs, inputs.least_probability)
            weights = None if inputs.weights is None else inputs.weights[sample]
            means.append(np.average(losses, weights=weights) if weights is None or weights.sum() else np.nan)
        return float(np.nanmean(means))


def few_threads(inputs: Inputs) -> AbstractContextManager[object]:
    """Limit OpenMP and BLAS to one thread for few rows: threads that wait for each other are slower."""
    return threadpool_limits(1) if inputs.rows < MANY_ROWS else nullcontext()


def _attempt(task: _Task) -> _Fitted | str:
    """Return what a fit gives, or why it failed."""
    try:
        return _fit(task)
    except (GengapError, KeyboardInterrupt):
        raise
    except Exception as fault:
        return reason(fault)

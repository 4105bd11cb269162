"""Fits settings of an estimator on every fold and keeps every validation row's loss.

    Evaluator(estimator, inputs, loss).evaluate(Setting(...)) -> an Evaluation

A setting is the estimator with a few parameters changed. Boosting rounds are stages of one fit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from gengap.check.estimators import clone_values, name_of, silenced, unfitted, with_one_thread, with_seed
from gengap.check.fold_fits import FoldFit, FoldTask, fit_fold
from gengap.check.inputs import Fold, Inputs
from gengap.check.losses import Loss, best_score, calibrate, calibrate_other, check_scores, row_losses
from gengap.errors import DataError

MANY_ROWS = 20_000  # from here on, a fit may use several threads
Side = str  # "as-is", "simpler" or "flexible"


@dataclass(frozen=True, eq=False)
class Setting:
    """An estimator with changed parameters.

    Attributes:
        changes: The changed parameters; none for the given estimator.
        side: "as-is", "simpler" or "flexible".
        axis: The parameter that the path follows.
        step: How many steps it is away from the given estimator.
    """

    changes: Mapping[str, Any]
    side: Side
    axis: str = ""
    step: int = 0

    def apply(self, estimator: Any) -> Any:
        """Return a copy of the estimator with the changes; a change of "" replaces it."""
        if "" in self.changes:
            return unfitted(self.changes[""])
        return unfitted(estimator).set_params(**clone_values(dict(self.changes)))


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The losses of a setting.

    Attributes:
        setting: The setting.
        losses: Validation losses of shape (units,); a unit is a row, or a fold if only folds have a loss.
            NaN where the setting was not validated: bad settings are given up after a few folds.
        outputs: Probabilities (rows, classes), class indices (rows,) or numbers (rows,) or (rows, targets), NaN
            where not validated. None with a scorer.
        train_loss: Mean loss on training rows; None if it was not measured.
        cpu_seconds: The median CPU time of a fit; 0 for the stages of another setting's fit.
    """

    setting: Setting
    losses: np.ndarray
    outputs: np.ndarray | None
    train_loss: float | None = None
    cpu_seconds: float = 0.0


@dataclass(eq=False)
class Evaluator:
    """Fits settings on all folds, in parallel.

    Attributes:
        estimator: The given estimator.
        inputs: Rows and folds.
        loss: How the loss is measured.
        n_jobs: Number of fits at the same time, as joblib takes it.
        seed: Seed of the first fold's estimators without one; the other folds have the next numbers.
        progress: Function that is called with the number of finished fits and a name.
        facts: What the fits of the given estimator showed.
        unfinished: Whether one of its fits stopped before it converged.
        best_score: The best possible score, 1 or 0, if the loss is a scorer's; None before the first fit.
        refused: Why the last setting could not be fitted; None if all could.
        pool: joblib's Parallel for all fits; None for a new one each time.
        earlier: Fits of boosting that may be continued with more rounds, by the number of their fold.
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
    best_score: float | None = None
    refused: str | None = None
    pool: Any = None
    earlier: dict[int, Any] = field(default_factory=dict)
    fits: int = 0
    doing: str = ""

    def evaluate(
        self,
        setting: Setting,
        stages: Mapping[float, Setting] | None = None,
        *,
        train: bool = False,
        rounds: str = "",
        batches: Sequence[int] = (),
        give_up: Callable[[Evaluation], bool] | None = None,
    ) -> list[Evaluation]:
        """Return the evaluation of a setting and those of its stages; none if a fit fails.

        Args:
            setting: The setting.
            stages: Further settings that are stages of the same fits, by their share of the boosting rounds.
            train: Whether the loss on training rows is measured too.
            rounds: The parameter that is the number of boosting rounds: earlier fits with fewer of them are
                continued where that is the same, and these fits are kept for it.
            batches: Numbers of folds after each of which `give_up` is asked, if the loss is by fold.
            give_up: Whether the other folds can be left out.

        Raises:
            DataError: If the given estimator can't be fitted.
        """
        folds, stages = self.inputs.folds, stages or {}
        order = list(range(len(folds)))[:: -1 if self.inputs.by_time else 1]  # the most training rows first
        ends = [0, *np.cumsum(batches if self.loss.by_fold else ()).tolist(), len(order)]
        estimator, fitted = self._prepared(setting), {}
        found: list[Evaluation] = []
        for batch in filter(None, (order[start:end] for start, end in pairwise(ends))):
            tasks = [self._task(estimator, at, tuple(stages), train, rounds) for at in batch]
            for at, result in zip(batch, self._run(tasks), strict=True):
                if isinstance(result, str):
                    self._refuse(result, setting, folds[at])
                    return []
                self._keep(at, result)
                fitted[at] = result
            found = self._collect(setting, fitted, stages)
            if not found or (give_up is not None and give_up(found[0])):
                break
        return found

    def _run(self, tasks: list[FoldTask]) -> Iterator[FoldFit | str]:
        """Yield what each fit gives, or why it failed."""
        from joblib import Parallel, delayed

        pool = Parallel(self.n_jobs, return_as="generator") if self.pool is None else self.pool
        for result in pool(delayed(fit_fold)(task) for task in tasks):
            self.fits += 1
            if self.progress is not None:
                self.progress(self.fits, self.doing)
            yield result

    def _prepared(self, setting: Setting) -> Any:
        """Return the unfitted estimator of a setting, without output and too many threads."""
        estimator = silenced(setting.apply(self.estimator))
        return with_one_thread(estimator) if self.inputs.rows < MANY_ROWS else estimator

    def _task(self, estimator: Any, at: int, stages: tuple[float, ...], train: bool, rounds: str) -> FoldTask:
        fold = self.inputs.folds[at]
        count = min(len(fold[1]), len(fold[0])) if train else 0
        drawn = np.random.default_rng(self.seed).permutation(fold[0])[:count]
        earlier = self.earlier.get(at) if rounds else None
        # folds with one seed would share its luck, and their spread would not show it
        estimator = with_seed(unfitted(estimator), (self.seed + at) % 2**32)
        return FoldTask(estimator, self.inputs, self.loss, fold, stages, np.sort(drawn), rounds, earlier)

    def _keep(self, at: int, fit: FoldFit) -> None:
        """Keep a fit that may be continued, in place of an earlier one of the same fold."""
        if fit.fitted is not None:
            self.earlier[at] = fit.fitted

    def _refuse(self, why: str, setting: Setting, fold: Fold) -> None:
        self.refused = why
        if setting.side == "as-is":
            name = name_of(self.estimator)
            raise DataError(f"{name} can't be fitted to {len(fold[0]):,} of the rows: {why}")

    def _collect(
        self, setting: Setting, fitted: Mapping[int, FoldFit], stages: Mapping[float, Setting]
    ) -> list[Evaluation]:
        """Return the evaluations of one setting and of its stages, as far as its folds are fitted."""
        results = list(fitted.values())
        if setting.side == "as-is" and not self.facts:
            names = {name for each in results for name in each.facts}
            self.facts = {n: float(np.mean([each.facts[n] for each in results if n in each.facts])) for n in names}
            self.facts["rows"] = float(self.inputs.train_rows)
            self.unfinished = any(each.unfinished for each in results)
        cpu_seconds = float(np.median([each.cpu_seconds for each in results]))  # the first fit may import modules
        last = len(results[0].outputs) - 1
        made = [self._validated({at: f.outputs[k] for at, f in fitted.items()}) for k in range(last + 1)]
        if any(np.isinf(losses).any() for losses, _ in made):
            self._refuse("its predictions are infinite", setting, self.inputs.folds[0])
            return []
        train = self._train_loss(fitted) if results[0].train_outputs is not None else None
        earlier = zip(stages.values(), made[:last], strict=False)
        return [
            Evaluation(setting, *made[last], train, cpu_seconds),
            *(Evaluation(stage, *each) for stage, each in earlier),
        ]

    def _validated(self, outputs: Mapping[int, Any]) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the losses (units,) and the outputs (rows, ...) from the outputs of each fold.

        Decision values are calibrated. A row of several folds has the mean of its losses, and the first fold's
        outputs.
        """
        inputs, loss, folds = self.inputs, self.loss, self.inputs.folds
        if not loss.by_row:
            return self._score_losses(np.array([outputs[at] for at in range(len(folds))], np.float64)), None
        order = sorted(outputs)
        tested = np.concatenate([folds[at][1] for at in order])
        made = np.concatenate([np.asarray(outputs[at]) for at in order])
        if loss.name == "calibrated-log-loss":
            number = np.concatenate([np.full(len(folds[at][1]), at) for at in order])
            made = calibrate(made, inputs.labels[tested], number, inputs.class_count)
        found = row_losses(loss, inputs.labels[tested], made, inputs.least_probability)
        kept = np.full((inputs.rows, *made.shape[1:]), np.nan, np.float32)
        with np.errstate(over="ignore", invalid="ignore"):  # rows without a fold have 0 / 0
            losses = np.bincount(tested, found, inputs.rows) / np.bincount(tested, minlength=inputs.rows)
            kept[tested[::-1]] = made[::-1]
        return losses, kept

    def _score_losses(self, scores: np.ndarray) -> np.ndarray:
        """Return how far scores are below the best possible one; the given estimator shows which that is."""
        if self.best_score is None:
            self.best_score = best_score(scores, self.loss)
        return check_scores(scores, self.best_score, self.loss.label)

    def _train_loss(self, fitted: Mapping[int, FoldFit]) -> float:
        """Return the mean loss on training rows."""
        inputs, loss = self.inputs, self.loss
        if not loss.by_row:
            scores = np.array([each.train_outputs for each in fitted.values()], np.float64)
            return float(self._score_losses(scores).mean())
        means = []
        for at, each in fitted.items():
            sample, outputs = each.sample, each.train_outputs
            if loss.name == "calibrated-log-loss":
                y, classes = inputs.labels[inputs.folds[at][1]], inputs.class_count
                outputs = calibrate_other(np.asarray(each.outputs[-1]), y, np.asarray(outputs), classes)
            losses = row_losses(loss, inputs.labels[sample], outputs, inputs.least_probability)
            weights = None if inputs.weights is None else inputs.weights[sample]
            means.append(np.average(losses, weights=weights) if weights is None or weights.sum() else np.nan)
        return float(np.nanmean(means))


def few_threads(inputs: Inputs) -> AbstractContextManager[object]:
    """Limit OpenMP and BLAS to one thread for few rows: threads that wait for each other are slower."""
    return threadpool_limits(1) if inputs.rows < MANY_ROWS else nullcontext()


def kept_pool(n_jobs: int | None) -> AbstractContextManager[Any]:
    """Return a pool for all fits, if the backend gives all results at the end; it is slow to start, as Ray's is."""
    from joblib import Parallel
    from joblib.parallel import get_active_backend

    return nullcontext() if get_active_backend()[0].supports_return_generator else Parallel(n_jobs)

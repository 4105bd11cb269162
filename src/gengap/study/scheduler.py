"""Train the trials of a study with every seed, and keep what is finished.

Trials that the study folder already holds are not trained again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from gengap.analysis.results import CONSTANT, Key, OutOfFoldLosses, TrialResults
from gengap.analysis.summary import TrialSummary, metrics_at
from gengap.data.dataset import Dataset
from gengap.data.rows import Rows
from gengap.diagnose.trial_verdicts import judge_trial
from gengap.diagnose.verdict import Verdict
from gengap.files.limits import usable_cores
from gengap.models.saved_model import ModelCard
from gengap.models.treatments import AnyTreatment
from gengap.options.spec import ProductPrecision
from gengap.options.study_options import RunSpec
from gengap.plan import Plan, Recipe, Trial
from gengap.study.budget import Budget, Cost, trial_cost
from gengap.study.folder import StudyFolder
from gengap.study.progress import Display
from gengap.study.trial_factory import TrialFactory
from gengap.tasks import OwnLoss
from gengap.train import versions
from gengap.train.baselines import Baseline, fit_baselines, refit
from gengap.train.checkpoint import fingerprint
from gengap.train.local import CompletedTrial, PendingTrial, run_trials, with_auc
from gengap.train.precision import resolve_precision, trial_precision
from gengap.train.types import Progress, TrainResult, recorded_rows

if TYPE_CHECKING:
    import keras

    from gengap.models.cloned_models import TrialModels
    from gengap.train.distributed import Cluster


@dataclass(frozen=True, eq=False)
class TrialRecord:
    """A finished trial and seed: the result of training, and its summary."""

    result: TrainResult
    summary: TrialSummary


@dataclass(eq=False)
class Scheduler:
    """Trains the trials of one study, and keeps what is finished.

    Attributes:
        user_models: Builds the user's models in place of gengap's networks.
        cluster: Trains on these machines in place of this one.
        budget: The minutes of the study, if they are limited.
        trials: Trials so far by run, finished or not.
        finished: Finished trials by run and seed.
        left_out: Trials for which there was no time, by run and seed.
        not_cross_validated: Finalists for whose cross-validation there was no time.
        out_of_fold: Results of cross-validation by run.
        baselines: The fitted baselines by run.
        fold_baselines: Baselines that were fitted on folds, by run and fold.
        precision: Of the operands of large products, on this machine.
    """

    plan: Plan
    dataset: Dataset
    run: RunSpec
    folder: StudyFolder | None
    display: Display
    interrupt: threading.Event
    user_models: TrialModels | None = None
    cluster: Cluster | None = None
    budget: Budget | None = None

    def __post_init__(self) -> None:
        self.precision: ProductPrecision = resolve_precision(self.plan.recipe.precision)
        self._baseline_outputs: dict[str, np.ndarray] = {}
        self.baselines: dict[str, Baseline] = {}
        self.fold_baselines: dict[tuple[str, int], Baseline] = {}
        self._constant: np.ndarray | None = None
        self.trials: dict[str, Trial] = {}
        self.finished: dict[Key, TrialRecord] = {}
        self.left_out: list[Key] = []
        self.not_cross_validated: tuple[str, ...] = ()
        self.out_of_fold: Mapping[str, OutOfFoldLosses] = {}
        self._clock_offset = time.time() - time.perf_counter()  # the clock of the day may jump during a study

    def fit_baselines(self) -> None:
        """Fit the models without epochs."""
        if self.user_models is not None and self.user_models.clones:
            baselines = list(self.user_models.baselines)
            constant = next((each for each in baselines if each.run == CONSTANT), None)
            self._constant = None if constant is None else constant.outputs(self.dataset.validation.x)[:, 0]
        else:
            train, validation = self.dataset.train.sample(), self.dataset.validation
            has_time = self.budget.has_time_for_baseline if self.budget else lambda _: True
            task, grows = self.dataset.task, self.plan.growth is not None
            baselines = list(fit_baselines(train, validation, task, has_time=has_time, thorough=grows))
            self._constant = self.dataset.task.constant_losses(train.y, validation.y, train.weights)
        self.baselines = {each.run: each for each in baselines}
        self._baseline_outputs = {each.run: each.outputs(self.dataset.validation.x) for each in baselines}

    def fit_fold_baselines(self, train: Rows, fold: int) -> list[Baseline]:
        """Fit the baselines on the training rows of a fold, and keep them."""
        found = [refit(self.baselines[run], train, self.dataset.task) for run in self.savable_baselines]
        self.fold_baselines |= {(each.run, fold): each for each in found}
        return found

    @property
    def savable_baselines(self) -> tuple[str, ...]:
        """The runs of the baselines that can be saved."""
        return tuple(run for run, each in self.baselines.items() if each.model is not None)

    def results(self) -> TrialResults:
        """Return what is finished, for the analysis."""
        validation, units = self.dataset.validation, self.dataset.validation_units
        recorded = recorded_rows(len(validation))
        return TrialResults(
            self.trials,
            {key: record.result for key, record in self.finished.items()},
            validation.target[recorded],
            {run: outputs[recorded] for run, outputs in self._baseline_outputs.items()},
            self.dataset.task,
            {run: record.summary.parameters for (run, _), record in self.finished.items()},
            None if validation.weights is None else validation.weights[recorded],
            self.out_of_fold,
            self.savable_baselines,
            constant=None if self._constant is None else self._constant[recorded],
            units=None if units is None else units.take(recorded),
        )

    def in_order(self) -> list[TrialRecord]:
        """Return what is finished, seed by seed, in the order of the trials."""
        keys = [(run, seed) for seed in range(self.run.seeds) for run in self.trials]
        return [self.finished[key] for key in keys if key in self.finished]

    @property
    def complete(self) -> bool:
        """Whether every trial for which there was time is finished with every seed."""
        return len({*self.finished, *self.left_out}) == len(self.trials) * self.run.seeds

    def train(self, trials: Sequence[Trial]) -> None:
        """Train these trials with every seed, until Ctrl-C is pressed. Finished ones in the folder are reused."""
        self.trials |= {trial.run: trial for trial in trials}
        keys = [(trial.run, seed) for seed in range(self.run.seeds) for trial in trials]
        fingerprints = {(run, seed): self.fingerprint(self.trials[run], seed) for run, seed in keys}
        self._reuse(fingerprints)
        left = [key for key in keys if key not in self.finished]
        share = self.budget.share(trials, self.plan) if self.budget else 1.0
        rows = (self.dataset.train, self.dataset.validation)
        while chosen := self._affordable(left, share):
            before = len(self.finished)
            pending = [self.pending(self.trials[run], seed, fingerprints[run, seed]) for run, seed in chosen]
            with closing(self.run_pending(pending, rows, share)) as completed:  # an error ends trials that run
                for each in filter(self._is_kept, completed):
                    self._record(each, fingerprints)
            left = [key for key in left if key not in self.finished]
            if self.budget is None or self.interrupt.is_set():
                return
            if len(self.finished) == before and not self.budget.left:  # another try would end in the same way
                break
        self.left_out += left

    def _affordable(self, keys: Sequence[Key], share: float) -> list[Key]:
        """Return the trials that fit into a share of the time left, in the order in which they should start."""
        if self.budget is None:
            return list(keys)
        costs, threads = {key: self._cost(key[0]) for key in keys}, self.run.jobs or usable_cores()
        return self.budget.choose(costs, share, threads, self.results().ranked if self.run.seeds > 1 else ())

    def _cost(self, run: str) -> Cost:
        trial, rows = self.trials[run], len(self.dataset.train)
        return trial_cost(trial, self.plan, self._parameters(trial), rows, len(self.dataset.validation))

    def _is_kept(self, completed: CompletedTrial) -> bool:
        """Return whether a trial ended by itself, or at the deadline with an epoch to keep."""
        if completed.result.stopped != "interrupted":
            return True
        late = self.budget is not None and not self.interrupt.is_set()
        return late and completed.result.best_epoch is not None

    @property
    def shortened(self) -> list[TrialSummary]:
        """The trials that ended at the deadline."""
        return [each.summary for each in self.in_order() if each.summary.stopped == "time"]

    def affordable_finalists(self, runs: Sequence[str]) -> Sequence[str]:
        """Return the finalists for whose cross-validation there is time; keep the others as left out."""
        growth = self.plan.growth
        if self.budget is None or growth is None or not runs:
            return runs
        results = self.results()
        seconds = {run: results.seconds(run) for run in runs}
        baselines = sum(self.baselines[run].seconds for run in self.savable_baselines)
        chosen = self.budget.finalists(seconds, growth.folds, baselines)
        self.not_cross_validated = tuple(run for run in runs if run not in chosen)
        return chosen

    def run_pending(
        self, pending: Sequence[PendingTrial], rows: tuple[Rows, Rows], share: float = 1.0
    ) -> Generator[CompletedTrial]:
        """Train, here or on the cluster, on the training and validation `rows`, in a `share` of the time left."""
        interrupt = self.budget.deadline(self.interrupt, share) if self.budget else self.interrupt
        if self.cluster is None:
            return run_trials(pending, rows, self.run.jobs, interrupt)
        from gengap.train.distributed import run_on_cluster

        return run_on_cluster(self.cluster, pending, rows, self.run.jobs, interrupt)

    def _reuse(self, fingerprints: Mapping[Key, str]) -> None:
        if self.folder is None:
            return
        for key, expected in fingerprints.items():
            if (saved := self.folder.finished(*key, expected)) is not None:
                result, summary = saved
                summary = msgspec.structs.replace(
                    summary, aliases=self.trials[summary.run].aliases
                )  # as this plan says
                self._learn_cost(summary.run, result)
                self.finished[key] = TrialRecord(result, summary)
                self.display.finished(summary, reused=True)

    def _learn_cost(self, run: str, result: TrainResult) -> None:
        """Let the budget learn from a finished trial how fast this machine is."""
        if self.budget is not None:
            self.budget.add(self._cost(run), result.seconds, result.history.epochs)

    def _record(self, completed: CompletedTrial, fingerprints: Mapping[Key, str]) -> None:
        """Summarise a trained trial and save it with its model."""
        dataset, result = self.dataset, completed.result
        late = result.stopped == "interrupted"
        result = replace(result, stopped="time") if late else result
        if dataset.task.name == "binary":
            result = with_auc(result, dataset.validation)
        validation = dataset.validation
        verdict = judge_trial(result, validation.target, dataset.task, validation.weights, dataset.validation_units)
        summary = self._summarise(completed, result, verdict)
        key = (summary.run, summary.seed)
        if self.folder is not None and late:  # its checkpoint goes on with more time
            self.folder.save_model(self.folder.model_file(*key), *self.exported(summary.run, completed.model))
        elif self.folder is not None:
            self.folder.save_trial(result, summary, fingerprints[key], *self.exported(summary.run, completed.model))
        self._learn_cost(summary.run, result)
        self.finished[key] = TrialRecord(result, summary)
        self.display.finished(summary, reused=False)

    def exported(self, run: str, model: keras.Model) -> tuple[keras.Model, ModelCard | None]:
        """Return a trained model as it is saved, and its card; a clone of the user's model has none."""
        from gengap.models.saved_model import export_clone, export_model

        dataset = self.dataset
        if isinstance(dataset.task, OwnLoss):
            return export_clone(model), None
        card = ModelCard.of(dataset.encoding, dataset.target, dataset.task, run)
        return export_model(model, dataset.mean, dataset.scale, dataset.task), card

    def fingerprint(self, trial: Trial, seed: int, **others: str) -> str:
        """Return all that decides the result of a trial, with `others`, as text."""
        treatments = [" ".join(_settings(each)) for each in trial.treatments]
        parts: dict[str, object] = {"units": trial.units, "treatments": treatments}
        parts |= {"width": trial.width, "depth": trial.depth} if (trial.width, trial.depth) != (1, 1) else {}
        recipe = msgspec.structs.replace(trial.recipe(self.plan.recipe), precision=Recipe().precision)
        parts |= {"recipe": recipe, "preparation": self.plan.preparation, "seed": seed}
        parts |= {"rows": self.dataset.digest, **({"share": trial.share} if trial.share < 1 else {})}
        if self.dataset.train.class_factors is not None:
            parts |= {"class weight": "balanced"}
        if self.user_models is not None:
            parts |= {"model": self.user_models.known_trial(trial).digest}
        if (precision := trial_precision(self.precision, self._parameters(trial))) != "float32":
            parts |= {"precision": precision}
        return fingerprint(parts | others | versions())

    def check_folder(self) -> None:
        """Raise StudyFolderError if the folder holds trials of another plan or other data.

        Trials whose size is not known yet are checked when they are needed.
        """
        if self.folder is not None:
            keys = [(trial, seed) for trial in self.plan.sized_trials for seed in range(self.run.seeds)]
            saved = [(trial, seed) for trial, seed in keys if self.folder.trial_file(trial.run, seed).is_file()]
            expected = {(trial.run, seed): self.fingerprint(trial, seed) for trial, seed in saved}
            self.folder.check_trials(expected, self.dataset.digest, self.dataset.target)

    def pending(self, trial: Trial, seed: int, fingerprint: str, epochs: int | None = None) -> PendingTrial:
        """Return the trial with that seed, ready to be trained; for `epochs` see `TrialFactory`."""
        parameters = self._parameters(trial)
        checkpoints = self.folder.checkpoints(trial.run, seed, fingerprint) if self.folder else None
        models, units = self.user_models, self.dataset.validation_units
        recipe, task = self.plan.recipe, self.dataset.task
        build = TrialFactory(trial, recipe, seed, task, models, self.precision, units, epochs)
        start = partial(self.display.starting, trial.run, seed)
        return PendingTrial(trial.run, seed, parameters, build, self._on_progress, checkpoints, start)

    def _on_progress(self, progress: Progress) -> None:
        if self.budget is not None:
            self.budget.begin()
        self.display.progress(progress)

    def _parameters(self, trial: Trial) -> int:
        if self.user_models is None:
            return trial.parameters(len(self.dataset.columns), self.dataset.task.outputs)
        return self.user_models.known_trial(trial).parameters

    def _used_precision(self, trial: Trial, model: keras.Model) -> ProductPrecision:
        """Return the precision that the trained model's products had: small ones stay float32."""
        if self.precision == "float32":
            return "float32"
        from gengap.train.jax.rounding import rounded_layers

        return "bfloat16" if rounded_layers(model, trial.recipe(self.plan.recipe).batch) else "float32"

    def _summarise(self, completed: CompletedTrial, result: TrainResult, verdict: Verdict) -> TrialSummary:
        from gengap.models.mlp import share_below

        trial = self.trials[completed.pending.run]
        metrics = metrics_at(result.history, result.best_epoch, self.dataset.task.shown)
        return TrialSummary(
            run=trial.run,
            aliases=trial.aliases,
            seed=result.history.seed,
            parameters=completed.model.count_params(),
            epochs=result.history.epochs,
            best_epoch=None if result.best_epoch is None else result.best_epoch + 1,
            metrics={split: found | self.dataset.task.in_units(found) for split, found in metrics.items()},
            stopped=result.stopped,
            seconds=result.seconds,
            began=self._clock_offset + time.perf_counter() - result.seconds,
            verdict=verdict,
            sparsity=share_below(completed.model),
            precision=self._used_precision(trial, completed.model),
        )


def _settings(treatment: AnyTreatment) -> Iterator[str]:
    """Yield the kind and all settings, such as "dropout" and "rate 0.5", without rounding."""
    (_, kind), *settings = msgspec.to_builtins(treatment).items()
    yield str(kind)
    yield from (f"{name} {value}" for name, value in settings)

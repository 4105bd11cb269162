"""Trains a study's trials, as many seeds of each as asked for, and keeps what is finished.

What the study folder already holds is not trained again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from gengap.analysis.results import Key, OutOfFoldLosses, TrialResults
from gengap.analysis.summary import TrialSummary, metrics_at
from gengap.data.dataset import Dataset
from gengap.data.rows import Rows
from gengap.data.stored_rows import take_share
from gengap.diagnose.trial_verdicts import judge_trial, make_ending_rule
from gengap.models.saved_model import ModelCard
from gengap.models.treatments import AnyTreatment
from gengap.plan import Plan, Recipe, Trial
from gengap.study.display import Display
from gengap.study.folder import StudyFolder
from gengap.tasks import AnyTask
from gengap.train import versions
from gengap.train.baselines import Baseline
from gengap.train.fingerprint import fingerprint
from gengap.train.local import BuiltTrial, CompletedTrial, PendingTrial, run_trials, steps_per_epoch, with_auc
from gengap.train.types import TrainConfig, TrainResult, recorded_rows

if TYPE_CHECKING:
    from gengap.models.user_model import UserModels
    from gengap.train.distributed import Cluster


@dataclass(frozen=True, eq=False)
class TrialRecord:
    """A finished trial and seed: what training gave, and its summary."""

    fitted: TrainResult
    summary: TrialSummary


@dataclass(eq=False)
class Scheduler:
    """One study's training. `trials` are those tried so far, by run; `finished` what came of them.

    `own` builds the models, where the user does. With a `cluster` they are trained there.
    """

    plan: Plan
    dataset: Dataset
    seeds: int
    jobs: int | None
    folder: StudyFolder | None
    display: Display
    interrupt: threading.Event
    baselines: Sequence[Baseline]
    own: UserModels | None = None
    cluster: Cluster | None = None

    def __post_init__(self) -> None:
        self._of_baselines = {each.run: each.outputs(self.dataset.validation.x) for each in self.baselines}
        self.trials: dict[str, Trial] = {}
        self.finished: dict[Key, TrialRecord] = {}
        self.out_of_fold: Mapping[str, OutOfFoldLosses] = {}
        self._epoch = time.time() - time.perf_counter()  # asked once: the clock of the day may jump meanwhile

    def outcomes(self) -> TrialResults:
        """What is finished, for conclusions."""
        y, weights = self.dataset.validation.y, self.dataset.validation.weights
        kept = recorded_rows(len(y))
        fitted = {key: trained.fitted for key, trained in self.finished.items()}
        baselines = {run: each[kept] for run, each in self._of_baselines.items()}
        counted = {run: trained.summary.parameters for (run, _), trained in self.finished.items()}
        of_kept = None if weights is None else weights[kept]
        return TrialResults(
            self.trials, fitted, y[kept], baselines, self.dataset.task, counted, of_kept, self.out_of_fold
        )

    def in_order(self) -> list[TrialRecord]:
        """What is finished, seed by seed, in the order in which trials were tried."""
        wanted = [(run, seed) for seed in range(self.seeds) for run in self.trials]
        return [self.finished[key] for key in wanted if key in self.finished]

    @property
    def complete(self) -> bool:
        """Whether every trial tried was finished with every seed."""
        return len(self.finished) == len(self.trials) * self.seeds

    def train(self, trials: Sequence[Trial]) -> None:
        """Trains these with every seed, as far as nobody interrupts."""
        self.trials |= {trial.run: trial for trial in trials}
        prints = {
            (trial.run, seed): self.fingerprint(trial, seed) for seed in range(self.seeds) for trial in trials
        }
        for run, seed in prints:
            kept = self.folder.finished(run, seed, prints[run, seed]) if self.folder else None
            if kept:
                fitted, summary = kept
                summary = msgspec.structs.replace(summary, also=self.trials[run].also)  # as this plan has it
                self.finished[run, seed] = TrialRecord(fitted, summary)
                self.display.finished(summary, kept=True)
        left = [(run, seed) for run, seed in prints if (run, seed) not in self.finished]
        due = [self.due(self.trials[run], seed, prints[run, seed]) for run, seed in left]
        running = self.running(due, (self.dataset.train, self.dataset.validation))
        with closing(running):  # a fault here ends the trials that run
            for trained in self._trained(running, prints):
                self.finished[trained.summary.run, trained.summary.seed] = trained
                self.display.finished(trained.summary, kept=False)

    def running(self, due: Sequence[PendingTrial], rows: tuple[Rows, Rows]) -> Generator[CompletedTrial]:
        """Trains what is due, here or on the cluster, on the `rows` that train and validate."""
        if self.cluster is None:
            return run_trials(due, rows, self.jobs, self.interrupt)
        from gengap.train.distributed import run_on_cluster

        return run_on_cluster(self.cluster, due, rows, self.jobs, self.interrupt)

    def _trained(self, running: Iterator[CompletedTrial], prints: Mapping[Key, str]) -> Iterator[TrialRecord]:
        for finished in running:
            if finished.fitted.stopped == "interrupted":
                continue
            fitted = finished.fitted
            if self.dataset.task.name == "binary":
                fitted = with_auc(fitted, self.dataset.validation)
            summary = self._summarise(finished, fitted)
            if self.folder is not None:
                from gengap.models.saved_model import export_model

                model = export_model(finished.model, self.dataset.mean, self.dataset.scale, self.dataset.task)
                card = ModelCard.of(self.dataset.encoding, self.dataset.target, self.dataset.task)
                self.folder.keep(fitted, summary, prints[summary.run, summary.seed], model, card)
            yield TrialRecord(fitted, summary)

    def fingerprint(self, trial: Trial, seed: int, **others: str) -> str:
        """Of what decides the trial's result, with `others` that do."""
        parts: dict[str, object] = {"units": trial.units, "treatments": [_settings(t) for t in trial.treatments]}
        parts |= {"recipe": trial.recipe(self.plan.recipe), "preparation": self.plan.preparation, "seed": seed}
        parts |= {"rows": self.dataset.digest, **({"share": trial.share} if trial.share < 1 else {})}
        if self.dataset.train.class_factors is not None:
            parts |= {"class weight": "balanced"}
        if self.own is not None:
            parts |= {"model": self.own.known(trial.units).digest}
        return fingerprint(parts | others | versions())

    def due(self, trial: Trial, seed: int, fingerprint: str) -> PendingTrial:
        """The trial with that seed as something to train."""
        task, features = self.dataset.task, len(self.dataset.columns)
        own = self.own
        parameters = trial.parameters(features, task.outputs) if own is None else own.known(trial.units).parameters
        kept = self.folder.checkpoints(trial.run, seed, fingerprint) if self.folder else None
        prepare = TrialFactory(trial, self.plan.recipe, seed, task, own)
        return PendingTrial(trial.run, seed, parameters, prepare, self.display.progress, kept)

    def _summarise(self, finished: CompletedTrial, fitted: TrainResult) -> TrialSummary:
        from gengap.models.mlp import share_below

        trial, validation = self.trials[finished.due.run], self.dataset.validation
        return TrialSummary(
            run=trial.run,
            also=trial.also,
            seed=fitted.history.seed,
            parameters=finished.model.count_params(),
            epochs=fitted.history.epochs,
            best_epoch=None if fitted.best_epoch is None else fitted.best_epoch + 1,
            metrics=metrics_at(fitted.history, fitted.best_epoch, self.dataset.task.shown),
            stopped=fitted.stopped,
            seconds=fitted.seconds,
            began=self._epoch + time.perf_counter() - fitted.seconds,
            verdict=judge_trial(fitted, validation.y, self.dataset.task, validation.weights),
            sparsity=share_below(finished.model),
        )


@dataclass(frozen=True)
class TrialFactory:
    """All that builds one trial and seed beside the rows. It can be pickled, and be called on another machine."""

    trial: Trial
    plan: Recipe
    seed: int
    task: AnyTask
    own: UserModels | None

    def __call__(self, train: Rows, validation: Rows) -> BuiltTrial:
        """The model and its job for these rows, of which the trial may take a share."""
        trial, recipe = self.trial, self.trial.recipe(self.plan)
        train = take_share(train, trial.share, self.seed)
        certain = None
        if recipe.stop == "verdict":
            certain = make_ending_rule(validation.y, recipe.stopping.patience, self.task, validation.weights)
        job = TrainConfig(recipe.max_epochs, recipe.batch, recipe.stopping, self.seed, trial.run, certain=certain)
        steps = steps_per_epoch(len(train), recipe.batch)
        if self.own is not None:
            rate = recipe.schedule.build(steps, recipe.max_epochs)
            return BuiltTrial(self.own.build(trial.units, rate, self.seed), train, job)
        weighted, features = train.weights is not None, validation.x.shape[1]
        model = trial.build(features, steps, self.plan, self.seed, self.task, weighted=weighted)
        return BuiltTrial(model, train, job)


def _settings(treatment: AnyTreatment) -> str:
    """As in "dropout rate 0.5", all of it: what decides a result is not rounded."""
    kind, *settings = msgspec.to_builtins(treatment).items()
    return " ".join((str(kind[1]), *(f"{name} {value}" for name, value in settings)))

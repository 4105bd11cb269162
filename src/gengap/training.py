"""Trains a study's trials, as many seeds of each as asked for, and keeps what is finished.

What the study folder already holds is not trained again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from gengap.conclude.outcomes import Key, Outcomes
from gengap.data.dataset import Dataset
from gengap.data.stored import share_of
from gengap.diagnose.trials import is_certain, verdict_of
from gengap.display import Display
from gengap.fingerprint import fingerprint
from gengap.folder import StudyFolder
from gengap.models.saved import Card
from gengap.models.treatments import AnyTreatment
from gengap.plan import Plan, Trial
from gengap.report.summary import TrialSummary, metrics_at
from gengap.train import versions
from gengap.train.baselines import Baseline
from gengap.train.fitted import Fitted, Job, kept_rows
from gengap.train.trials import Due, Finished, Ready, run_due, steps_per_epoch, with_auc

if TYPE_CHECKING:
    from gengap.models.own import OwnModels


@dataclass(frozen=True, eq=False)
class Trained:
    """A finished trial and seed: what training gave, and its summary."""

    fitted: Fitted
    summary: TrialSummary


@dataclass(eq=False)
class Training:
    """One study's training. `trials` are those tried so far, by run; `finished` what came of them.

    `own` builds the models, where the user does.
    """

    plan: Plan
    dataset: Dataset
    seeds: int
    jobs: int | None
    folder: StudyFolder | None
    display: Display
    interrupt: threading.Event
    baselines: Sequence[Baseline]
    own: OwnModels | None = None

    def __post_init__(self) -> None:
        self._of_baselines = {each.run: each.outputs(self.dataset.validation.x) for each in self.baselines}
        self.trials: dict[str, Trial] = {}
        self.finished: dict[Key, Trained] = {}
        self._epoch = time.time() - time.perf_counter()  # asked once: the clock of the day may jump meanwhile

    def outcomes(self) -> Outcomes:
        """What is finished, for conclusions."""
        y = self.dataset.validation.y
        kept = kept_rows(len(y))
        fitted = {key: trained.fitted for key, trained in self.finished.items()}
        baselines = {run: each[kept] for run, each in self._of_baselines.items()}
        counted = {run: trained.summary.parameters for (run, _), trained in self.finished.items()}
        return Outcomes(self.trials, fitted, y[kept], baselines, self.dataset.task, counted)

    def in_order(self) -> list[Trained]:
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
            (trial.run, seed): self._fingerprint(trial, seed) for seed in range(self.seeds) for trial in trials
        }
        for run, seed in prints:
            kept = self.folder.finished(run, seed, prints[run, seed]) if self.folder else None
            if kept:
                fitted, summary = kept
                summary = msgspec.structs.replace(summary, also=self.trials[run].also)  # as this plan has it
                self.finished[run, seed] = Trained(fitted, summary)
                self.display.finished(summary, kept=True)
        left = [(run, seed) for run, seed in prints if (run, seed) not in self.finished]
        due = [self._due(self.trials[run], seed, prints[run, seed]) for run, seed in left]
        running = run_due(due, self.dataset.validation, self.jobs, self.interrupt)
        with closing(running):  # a fault here ends the trials that run
            for trained in self._trained(running, prints):
                self.finished[trained.summary.run, trained.summary.seed] = trained
                self.display.finished(trained.summary, kept=False)

    def _trained(self, running: Iterator[Finished], prints: Mapping[Key, str]) -> Iterator[Trained]:
        for finished in running:
            if finished.fitted.stopped == "interrupted":
                continue
            fitted = finished.fitted
            if self.dataset.task.name == "binary":
                fitted = with_auc(fitted, self.dataset.validation.y)
            summary = self._summarise(finished, fitted)
            if self.folder is not None:
                from gengap.models.standalone import standalone

                model = standalone(finished.model, self.dataset.mean, self.dataset.scale, self.dataset.task)
                card = Card.of(self.dataset.encoding, self.dataset.target, self.dataset.task)
                self.folder.keep(fitted, summary, prints[summary.run, summary.seed], model, card)
            yield Trained(fitted, summary)

    def _fingerprint(self, trial: Trial, seed: int) -> str:
        """Of what decides the trial's result."""
        parts: dict[str, object] = {"units": trial.units, "treatments": [_settings(t) for t in trial.treatments]}
        parts |= {"recipe": trial.recipe(self.plan.recipe), "preparation": self.plan.preparation, "seed": seed}
        parts |= {"rows": self.dataset.digest, **({"share": trial.share} if trial.share < 1 else {})}
        if self.own is not None:
            parts |= {"model": self.own.known(trial.units).digest}
        return fingerprint(parts | versions())

    def _due(self, trial: Trial, seed: int, fingerprint: str) -> Due:
        recipe, features = trial.recipe(self.plan.recipe), len(self.dataset.columns)
        y, task, patience = self.dataset.validation.y, self.dataset.task, recipe.stopping.patience
        own = self.own

        def prepare() -> Ready:
            train = share_of(self.dataset.train, trial.share, seed)
            job = Job(
                epochs=recipe.max_epochs,
                batch=recipe.batch,
                stopping=recipe.stopping,
                seed=seed,
                run=trial.run,
                on_progress=self.display.progress,
                interrupt=self.interrupt,
                certain=is_certain(y, patience, task) if recipe.stop == "verdict" else None,
                checkpoints=self.folder.checkpoints(trial.run, seed, fingerprint) if self.folder else None,
            )
            steps = steps_per_epoch(len(train), recipe.batch)
            if own is None:
                return Ready(trial.build(features, steps, self.plan.recipe, seed, task), train, job)
            rate = recipe.schedule.build(steps, recipe.max_epochs)
            return Ready(own.build(trial.units, rate, seed), train, job)

        parameters = trial.parameters(features, task.outputs) if own is None else own.known(trial.units).parameters
        return Due(trial.run, seed, parameters, prepare)

    def _summarise(self, finished: Finished, fitted: Fitted) -> TrialSummary:
        from gengap.models.weights import share_below

        trial = self.trials[finished.due.run]
        return TrialSummary(
            run=trial.run,
            also=trial.also,
            seed=fitted.history.seed,
            parameters=finished.model.count_params(),
            epochs=fitted.history.epochs,
            best_epoch=fitted.best_epoch,
            metrics=metrics_at(fitted.history, fitted.best_epoch, self.dataset.task.shown),
            stopped=fitted.stopped,
            seconds=fitted.seconds,
            began=self._epoch + time.perf_counter() - fitted.seconds,
            verdict=verdict_of(fitted, self.dataset.validation.y, self.dataset.task),
            sparsity=share_below(finished.model),
        )


def _settings(treatment: AnyTreatment) -> str:
    """As in "dropout rate 0.5", all of it: what decides a result is not rounded."""
    kind, *settings = msgspec.to_builtins(treatment).items()
    return " ".join((str(kind[1]), *(f"{name} {value}" for name, value in settings)))

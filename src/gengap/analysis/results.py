"""The finished trials of a study with their outputs on the validation rows: the input of every conclusion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from gengap.history import Series
from gengap.plan import Trial
from gengap.stats.paired import linearise
from gengap.stats.permutation import PermutationTest, permutation_test
from gengap.tasks import BINARY, AnyTask
from gengap.train.types import TrainResult

Key = tuple[str, int]  # run and seed


@dataclass(frozen=True, eq=False)
class OutOfFoldLosses:
    """Losses of a cross-validated run on training rows that it did not train on, each at an epoch of other rows.

    Attributes:
        losses: Loss of each row, (rows,).
        wrong: Whether the class of each row is wrong, (rows,); None for numbers.
    """

    losses: np.ndarray
    wrong: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class TrialResults:
    """The finished trials of a study, and the validation rows whose outputs were recorded (at most 20,000).

    Attributes:
        trials: Trials by run, in the order in which they were trained.
        fitted: Training results by run and seed.
        y: Target of the rows, (rows,).
        baselines: Outputs (rows, outputs) of models without epochs, by run.
        task: The task.
        parameter_counts: Numbers of parameters by run, of models that were built.
        weights: Weights of the rows, (rows,). Losses are then `linearise`d: their plain means are weighted means.
        out_of_fold: Losses of the cross-validated runs.
    """

    trials: Mapping[str, Trial]
    fitted: Mapping[Key, TrainResult]
    y: np.ndarray
    baselines: Mapping[str, np.ndarray]
    task: AnyTask = BINARY
    parameter_counts: Mapping[str, int] = field(default_factory=dict)
    weights: np.ndarray | None = None
    out_of_fold: Mapping[str, OutOfFoldLosses] = field(default_factory=dict)

    @cached_property
    def runs(self) -> tuple[str, ...]:
        """Runs with at least one finite epoch, in the order of the trials."""
        return tuple(run for run in self.trials if self.seeds(run))

    @cached_property
    def full_runs(self) -> tuple[str, ...]:
        """Runs that were trained on all training rows."""
        return tuple(run for run in self.runs if self.trials[run].share == 1)

    @property
    def keys(self) -> list[Key]:
        """Each of `full_runs` with each of its seeds."""
        return [(run, seed) for run in self.full_runs for seed in self.seeds(run)]

    @cached_property
    def permutation_test(self) -> PermutationTest:
        """Whether any of `full_runs`, with any seed, at any recorded epoch, learnt something."""
        return permutation_test((self.fitted[pair].outputs for pair in self.keys), self.y, self.task)

    def seeds(self, run: str) -> list[int]:
        """Return the seeds that are finished and did not diverge in the first epoch."""
        return sorted(s for r, s in self.fitted if r == run and self.fitted[r, s].best_epoch is not None)

    def parameters(self, run: str, features: int) -> int:
        """Return the number of parameters of the run's model."""
        known = self.parameter_counts.get(run)
        return self.trials[run].parameters(features, self.task.outputs) if known is None else known

    def outputs(self, run: str) -> np.ndarray:
        """Return outputs (seeds, rows, outputs) at the best epoch of each seed; a baseline has one seed."""
        if run in self.baselines:
            return self.baselines[run][None]
        return np.stack([self._best_outputs(run, seed) for seed in self.seeds(run)])

    def losses(self, run: str) -> np.ndarray:
        """Return the loss of every row, (seeds, rows), at the best epoch of each seed."""
        return linearise(self.task.row_losses(self.outputs(run), self.y), self.weights)

    def correct(self, run: str) -> np.ndarray | None:
        """Return whether the class of each row is correct, (seeds, rows); None without classes."""
        return linearise(self.task.right(self.outputs(run), self.y), self.weights)

    def epoch_losses(self, run: str, seed: int) -> np.ndarray:
        """Return the loss of every row at all recorded epochs, (epochs, rows)."""
        return linearise(self.task.row_losses(self.fitted[run, seed].outputs, self.y), self.weights)

    def epoch_errors(self, run: str, seed: int) -> np.ndarray:
        """Return whether each class is wrong at all recorded epochs, (epochs, rows). Only for classes."""
        right = self.task.right(self.fitted[run, seed].outputs, self.y)
        assert right is not None, "numbers have no classes"
        return linearise(~right, self.weights)

    def _best_outputs(self, run: str, seed: int) -> np.ndarray:
        fitted = self.fitted[run, seed]
        at = int(np.flatnonzero(fitted.output_epochs == fitted.best_epoch)[0])
        return fitted.outputs[at].astype(np.float64)

    def at_best(self, run: str, key: tuple[str, str]) -> np.ndarray:
        """Return a logged metric at the best epoch of each seed, (seeds,)."""
        return np.array([self._logged(run, seed, key) for seed in self.seeds(run)])

    def gap(self, run: str) -> float:
        """Return validation loss minus training loss without penalties at the best epochs, the mean over seeds."""
        validation = self.at_best(run, ("validation", self.task.loss))
        return float(np.mean(validation - self.at_best(run, self.clean_loss_key)))

    @property
    def clean_loss_key(self) -> tuple[str, str]:
        """Key of the training loss that compares with validation loss: without regularisers."""
        return "train", f"clean_{self.task.loss}"

    def seconds(self, run: str) -> float:
        """Return the seconds of training, the mean over seeds."""
        return float(np.mean([self.fitted[run, seed].seconds for seed in self.seeds(run)]))

    def _logged(self, run: str, seed: int, key: tuple[str, str]) -> float:
        fitted = self.fitted[run, seed]
        series: Series = fitted.history[key]
        return series.at(fitted.best_epoch or 0)

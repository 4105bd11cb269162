"""All finished trials of a study, seen by their validation rows: what every conclusion is drawn from."""

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
    """What a run says of training rows that it did not train on: each validated once, while others trained.

    The `losses` (rows,), and of classes whether each row's is `wrong` (rows,), at the epochs that other rows pick.
    """

    losses: np.ndarray
    wrong: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class TrialResults:
    """Finished trials by run and seed, their `trials` by run, and the target `y` of the rows kept.

    `baselines` are the outputs (rows, outputs) of models that have no epochs. Rows are those whose outputs
    were kept: all of a validation set of up to 20,000. `counted` holds the parameters of models that were built.
    `weights` (rows,) is by how much each row counts; losses, and what is right, are `linearise` by it, so that
    their plain means are the weighted ones. `out_of_fold` are the finalists, cross-validated, by
    run.
    """

    trials: Mapping[str, Trial]
    fitted: Mapping[Key, TrainResult]
    y: np.ndarray
    baselines: Mapping[str, np.ndarray]
    task: AnyTask = BINARY
    counted: Mapping[str, int] = field(default_factory=dict)
    weights: np.ndarray | None = None
    out_of_fold: Mapping[str, OutOfFoldLosses] = field(default_factory=dict)

    @cached_property
    def runs(self) -> tuple[str, ...]:
        """The runs that learnt anything finite, in the order of the trials."""
        return tuple(run for run in self.trials if self.seeds(run))

    @cached_property
    def whole(self) -> tuple[str, ...]:
        """Those of the runs that were trained on all training rows."""
        return tuple(run for run in self.runs if self.trials[run].share == 1)

    @property
    def pairs(self) -> list[Key]:
        """Each of `whole` with each of its seeds."""
        return [(run, seed) for run in self.whole for seed in self.seeds(run)]

    @cached_property
    def signal(self) -> PermutationTest:
        """Whether any of `whole`, with any seed, at any epoch kept, shows that it learnt something."""
        return permutation_test((self.fitted[pair].outputs for pair in self.pairs), self.y, self.task)

    def seeds(self, run: str) -> list[int]:
        """The seeds with which it was finished and did not diverge before its first epoch's end."""
        return sorted(s for r, s in self.fitted if r == run and self.fitted[r, s].best_epoch is not None)

    def parameters(self, run: str, features: int) -> int:
        """How many parameters the run's model has on so many features."""
        known = self.counted.get(run)
        return self.trials[run].parameters(features, self.task.outputs) if known is None else known

    def outputs(self, run: str) -> np.ndarray:
        """(seeds, rows, outputs), each seed at its best epoch; a baseline has one seed."""
        if run in self.baselines:
            return self.baselines[run][None]
        return np.stack([self._line(run, seed) for seed in self.seeds(run)])

    def losses(self, run: str) -> np.ndarray:
        """The loss of every row, (seeds, rows), each seed at its best epoch."""
        return linearise(self.task.row_losses(self.outputs(run), self.y), self.weights)

    def right(self, run: str) -> np.ndarray | None:
        """Whether each row's class is right, (seeds, rows); None without classes."""
        return linearise(self.task.right(self.outputs(run), self.y), self.weights)

    def lines(self, run: str, seed: int) -> np.ndarray:
        """The loss of every row at all epochs kept, (epochs, rows)."""
        return linearise(self.task.row_losses(self.fitted[run, seed].outputs, self.y), self.weights)

    def wrong_lines(self, run: str, seed: int) -> np.ndarray:
        """Whether each row's class is wrong at all epochs kept, (epochs, rows). Only for classes."""
        right = self.task.right(self.fitted[run, seed].outputs, self.y)
        assert right is not None, "numbers have no classes"
        return linearise(~right, self.weights)

    def _line(self, run: str, seed: int) -> np.ndarray:
        fitted = self.fitted[run, seed]
        at = int(np.flatnonzero(fitted.output_epochs == fitted.best_epoch)[0])
        return fitted.outputs[at].astype(np.float64)

    def at_best(self, run: str, key: tuple[str, str]) -> np.ndarray:
        """A logged metric, by seed, at each seed's best epoch (seeds,)."""
        return np.array([self._logged(run, seed, key) for seed in self.seeds(run)])

    def gap(self, run: str) -> float:
        """Validation minus clean training loss at the best epochs, the mean over seeds."""
        validation, train = (self.at_best(run, key) for key in (("validation", self.task.loss), self.clean_loss))
        return float(np.mean(validation - train))

    @property
    def clean_loss(self) -> tuple[str, str]:
        """Under which key the training loss is logged that compares with validation's."""
        return "train", f"clean_{self.task.loss}"

    def seconds(self, run: str) -> float:
        """How long a training took, the mean over seeds."""
        return float(np.mean([self.fitted[run, seed].seconds for seed in self.seeds(run)]))

    def _logged(self, run: str, seed: int, key: tuple[str, str]) -> float:
        fitted = self.fitted[run, seed]
        series: Series = fitted.history[key]
        return series.at(fitted.best_epoch or 0)

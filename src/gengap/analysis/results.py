"""The finished trials of a study with their outputs on the validation rows: the input of every conclusion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain

import msgspec
import numpy as np
from scipy.special import stdtrit

from gengap.data.units import Units
from gengap.plan import SIZES, Size, Trial
from gengap.stats.learning_curve import cross_fit_rows
from gengap.stats.paired import LEVEL, linearise
from gengap.stats.permutation import PermutationTest, better_than_constant, permutation_test
from gengap.stats.unit_values import by_unit
from gengap.tasks import BINARY, AnyTask, OwnLoss
from gengap.train.types import TrainResult

Key = tuple[str, int]  # run and seed
Interval = tuple[float, float, float]  # low, middle, high
OpenInterval = tuple[float | None, float, float | None]  # None if a limit is not known
CONSTANT = "baselines/constant"
NAMED = 2  # members of a mixture that its name names


def interval(middle: float, error: float, count: float) -> Interval:
    """Return the 90% interval of a mean of `count` independent values with this standard error (Student's t)."""
    reach = error * float(stdtrit(max(count - 1, 1), (1 + LEVEL) / 2))
    return middle - reach, middle, middle + reach


@dataclass(frozen=True, eq=False)
class OutOfFoldLosses:
    """Losses of a cross-validated run on training rows that it did not train on, each at an epoch of other rows.

    Attributes:
        losses: Loss of each row, (rows,).
        wrong: Whether the class of each row is wrong, (rows,); None for numbers.
        outputs: Outputs of each row, (rows, outputs); None if they were not kept.
        constant: Losses (rows,) of the best constant prediction on each fold's training rows.
    """

    losses: np.ndarray
    wrong: np.ndarray | None = None
    outputs: np.ndarray | None = None
    y: np.ndarray | None = None
    constant: np.ndarray | None = None

    @classmethod
    def of(cls, task: AnyTask, outputs: np.ndarray, y: np.ndarray) -> OutOfFoldLosses:
        """Return the losses that outputs (rows, outputs) have."""
        right = task.correct(outputs, y)
        return cls(task.row_losses(outputs, y), None if right is None else 1.0 - right, outputs, y)


class Member(msgspec.Struct, frozen=True):
    """A run whose predictions a mixture averages, and its weight."""

    run: str
    weight: float


@dataclass(frozen=True, eq=False)
class Mixture:
    """A model whose prediction is the weighted mean of several runs' predictions.

    Attributes:
        members: The runs with their weights, the largest first.
        outputs: Outputs (rows, outputs) on the validation rows, each row with weights that other rows chose.
        out_of_fold: The same on the rows of cross-validation.
    """

    members: tuple[Member, ...]
    outputs: np.ndarray
    out_of_fold: OutOfFoldLosses | None = None

    @property
    def run(self) -> str:
        """Name of the mixture: its largest members."""
        names = [each.run for each in self.members]
        more = [f"{len(names) - NAMED} more"] if len(names) > NAMED else []
        return " + ".join([*names[:NAMED], *more])


@dataclass(frozen=True, eq=False)
class TrialResults:
    """The finished trials of a study, and the validation rows whose outputs were recorded (at most 20,000).

    Attributes:
        trials: Trials by run, in the order in which they were trained.
        trained: Training results by run and seed.
        y: Target of the rows, (rows,).
        baselines: Outputs (rows, outputs) of models without epochs, by run.
        parameter_counts: Numbers of parameters by run, of models that were built.
        weights: Weights of the rows, (rows,).
        out_of_fold: Losses of the cross-validated runs.
        savable: Baselines that can be saved, and so be recommended.
        mixtures: Weighted means of runs, by their names.
        constant: Losses (rows,) of the best constant prediction on the training rows; None if they aren't known.
        units: Groups or blocks of time of the rows. Each is then one value of all losses, see `by_unit`.
    """

    trials: Mapping[str, Trial]
    trained: Mapping[Key, TrainResult]
    y: np.ndarray
    baselines: Mapping[str, np.ndarray]
    task: AnyTask = BINARY
    parameter_counts: Mapping[str, int] = field(default_factory=dict)
    weights: np.ndarray | None = None
    out_of_fold: Mapping[str, OutOfFoldLosses] = field(default_factory=dict)
    savable: tuple[str, ...] = ()
    mixtures: Mapping[str, Mixture] = field(default_factory=dict)
    constant: np.ndarray | None = None
    units: Units | None = None

    @property
    def refused(self) -> bool:
        """Whether there are too few groups or blocks of time for statements about new rows."""
        return self.units is not None and not self.units.enough

    @property
    def count(self) -> float:
        """Effective number of values that losses have: of groups, blocks of time or rows."""
        return len(self.y) if self.units is None or self.refused else self.units.effective

    def _by_unit(self, values: np.ndarray) -> np.ndarray:
        return by_unit(values, self.weights, None if self.refused else self.units)

    def mean_interval(self, values: np.ndarray) -> Interval:
        """Return the mean of losses (units,) with its 90% interval for new rows."""
        count = self.count if len(values) == len(self.units or self.y) else len(values)
        return interval(float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))), count)

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
    def ranked(self) -> tuple[str, ...]:
        """The `full_runs` by mean validation loss, the lowest first."""
        return tuple(sorted(self.full_runs, key=lambda run: float(self.losses(run).mean())))

    @property
    def untreated(self) -> dict[Size, str]:
        """The `full_runs` without treatments, by their size."""
        return {self.trials[run].size: run for run in self.full_runs if not self.trials[run].treatments}

    @cached_property
    def permutation_test(self) -> PermutationTest:
        """Whether any of `full_runs`, with any seed, at any recorded epoch, or any baseline learnt something."""
        if isinstance(self.task, OwnLoss):
            constant = self.baselines.get(CONSTANT)
            models = [*self.full_runs, *(run for run in self.baselines if run != CONSTANT)]
            losses = {run: self.losses(run).mean(axis=0) for run in models}
            return better_than_constant(losses, None if constant is None else self._by_unit(constant[:, 0]))
        outputs = (self.trained[pair].outputs for pair in self.keys)
        others = (each[None] for each in self.baselines.values())
        return permutation_test(chain(outputs, others), self.y, self.task, units=self.units)

    def of_group(self, group: str) -> list[str]:
        """Return the runs of a group, in the order of the trials."""
        return [run for run in self.runs if self.trials[run].group == group]

    def sizes(self, features: int) -> list[str]:
        """Return the runs of the group `sizes`, from small to large."""
        return sorted(self.of_group(SIZES), key=lambda run: self.parameters(run, features))

    def seeds(self, run: str) -> list[int]:
        """Return the seeds that are finished and did not diverge in the first epoch."""
        return sorted(s for r, s in self.trained if r == run and self.trained[r, s].best_epoch is not None)

    def best_seed(self, run: str) -> int:
        """Return the seed with the lowest mean loss; 0 for a run without seeds."""
        seeds = self.seeds(run)
        return seeds[int(self.losses(run).mean(axis=1).argmin())] if seeds else 0

    def parameters(self, run: str, features: int) -> int:
        """Return the number of parameters of the run's model."""
        known = self.parameter_counts.get(run)
        return self.trials[run].parameters(features, self.task.outputs) if known is None else known

    def outputs(self, run: str) -> np.ndarray:
        """Return outputs (seeds, rows, outputs) at the best epoch of each seed; all but trials have one seed."""
        if run in self.baselines:
            return self.baselines[run][None]
        if run in self.mixtures:
            return self.mixtures[run].outputs[None]
        results = [self.trained[run, seed] for seed in self.seeds(run)]
        best = [each.outputs[np.flatnonzero(each.output_epochs == each.best_epoch)[0]] for each in results]
        return np.stack(best).astype(np.float64)

    def losses(self, run: str) -> np.ndarray:
        """Return the losses (seeds, units) at the best epoch of each seed; each row is a unit without groups."""
        return self._by_unit(self.task.row_losses(self.outputs(run), self.y))

    def row_losses(self, run: str) -> np.ndarray:
        """Return the loss of every row, (seeds, rows), at the best epoch of each seed."""
        return linearise(self.task.row_losses(self.outputs(run), self.y), self.weights)

    def errors(self, run: str) -> np.ndarray | None:
        """Return the errors (seeds, units) of the predicted classes or numbers; None without either."""
        return self._errors(self.outputs(run))

    def epoch_losses(self, run: str, seed: int) -> np.ndarray:
        """Return the losses at all recorded epochs, (epochs, units)."""
        return self._by_unit(self.task.row_losses(self.trained[run, seed].outputs, self.y))

    def epoch_errors(self, run: str, seed: int) -> np.ndarray:
        """Return the errors at all recorded epochs, (epochs, units); none without classes or numbers."""
        errors = self._errors(self.trained[run, seed].outputs)
        return np.empty((0, 0)) if errors is None else errors

    def _errors(self, outputs: np.ndarray) -> np.ndarray | None:
        errors = self.task.row_errors(outputs, self.y)
        return None if errors is None else self._by_unit(errors)

    def cross_fit_losses(self, run: str) -> np.ndarray:
        """Return the losses (seeds, units) at the epoch that other units choose."""
        if run not in self.trials:
            return self.losses(run)
        return np.stack([cross_fit_rows(self.epoch_losses(run, seed)) for seed in self.seeds(run)])

    @property
    def halves_by(self) -> np.ndarray:
        """Number of the unit of each row, (rows,): rows of one unit stay in one half or fold."""
        return np.arange(len(self.y)) if self.units is None or self.refused else self.units.codes

    def cross_fit_outputs(self, run: str) -> np.ndarray:
        """Return the mean prediction of the seeds, (rows, outputs), each at the epoch that other rows choose."""
        if run not in self.trials:
            return self.outputs(run)[0]
        found = []
        for seed in self.seeds(run):
            losses, outputs = self.epoch_losses(run, seed), self.trained[run, seed].outputs
            epochs = np.broadcast_to(np.arange(len(losses))[:, None], losses.shape)
            chosen = cross_fit_rows(losses, scores=epochs)  # the epoch of each unit
            rows = np.arange(len(self.y))
            found.append(outputs[chosen[self.halves_by], rows].astype(np.float64))
        return found[0] if len(found) == 1 else self.task.mix(found, [1.0] * len(found))

    def pooled_losses(self, run: str) -> np.ndarray:
        """Return the losses (rows,) of a cross-validated run on all rows that validated, seeds averaged."""
        return np.concatenate([self.out_of_fold[run].losses, self.cross_fit_losses(run).mean(axis=0)])

    def train_loss(self, run: str) -> np.ndarray:
        """Return the training loss without penalties at the best epoch of each seed, (seeds,)."""
        return self._at_best(run, self.clean_loss_key)

    def gap(self, run: str) -> float:
        """Return validation loss minus training loss without penalties at the best epochs, the mean over seeds."""
        return float(np.mean(self._at_best(run, ("validation", self.task.loss)) - self.train_loss(run)))

    def _at_best(self, run: str, key: tuple[str, str]) -> np.ndarray:
        results = [self.trained[run, seed] for seed in self.seeds(run)]
        return np.array([each.history[key].at(each.best_epoch or 0) for each in results])

    @property
    def clean_loss_key(self) -> tuple[str, str]:
        """Key of the training loss that compares with validation loss: without regularisers."""
        return "train", f"clean_{self.task.loss}"

    def seconds(self, run: str) -> float:
        """Return the seconds of training, the mean over seeds."""
        return float(np.mean([self.trained[run, seed].seconds for seed in self.seeds(run)]))

"""All finished trials of a study, seen by their validation rows: what every conclusion is drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gengap.diagnose.trials import binary_row_losses, cross_entropies
from gengap.history import Series
from gengap.plan import Trial
from gengap.train.fitted import Fitted

Key = tuple[str, int]  # run and seed
LOSS, CLEAN_LOSS = "binary_crossentropy", "clean_binary_crossentropy"


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Finished trials by run and seed, their `trials` by run, and the labels `y` (rows,) of the rows kept.

    `baselines` are the logits (rows,) of models that have no epochs. Rows are those whose outputs were kept: all of
    a validation set of up to 20,000.
    """

    trials: Mapping[str, Trial]
    fitted: Mapping[Key, Fitted]
    y: np.ndarray
    baselines: Mapping[str, np.ndarray]

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

    def seeds(self, run: str) -> list[int]:
        """The seeds with which it was finished and did not diverge before its first epoch's end."""
        return sorted(s for r, s in self.fitted if r == run and self.fitted[r, s].best_epoch is not None)

    def logits(self, run: str) -> np.ndarray:
        """(seeds, rows), each seed at its best epoch; of a baseline (1, rows)."""
        if run in self.baselines:
            return self.baselines[run][None]
        return np.stack([self._line(run, seed) for seed in self.seeds(run)])

    def losses(self, run: str) -> np.ndarray:
        """The cross-entropy of every row, (seeds, rows), each seed at its best epoch."""
        return cross_entropies(self.logits(run), self.y)

    def lines(self, run: str, seed: int) -> np.ndarray:
        """The cross-entropy of every row at all epochs kept, (epochs, rows)."""
        fitted = self.fitted[run, seed]
        return binary_row_losses(fitted.output_epochs, fitted.outputs, self.y).losses

    def _line(self, run: str, seed: int) -> np.ndarray:
        fitted = self.fitted[run, seed]
        at = int(np.flatnonzero(fitted.output_epochs == fitted.best_epoch)[0])
        return fitted.outputs[at].reshape(-1).astype(np.float64)

    def at_best(self, run: str, key: tuple[str, str]) -> np.ndarray:
        """A logged metric, by seed, at each seed's best epoch (seeds,)."""
        return np.array([self._logged(run, seed, key) for seed in self.seeds(run)])

    def gap(self, run: str) -> float:
        """Validation minus clean training cross-entropy at the best epochs, the mean over seeds."""
        return float(np.mean(self.at_best(run, ("validation", LOSS)) - self.at_best(run, ("train", CLEAN_LOSS))))

    def seconds(self, run: str) -> float:
        """How long a training took, the mean over seeds."""
        return float(np.mean([self.fitted[run, seed].seconds for seed in self.seeds(run)]))

    def _logged(self, run: str, seed: int, key: tuple[str, str]) -> float:
        fitted = self.fitted[run, seed]
        series: Series = fitted.history[key]
        return series.at(fitted.best_epoch or 0)

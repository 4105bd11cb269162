"""A budget in minutes: which trials a study still starts, and when training ends.

Cheap trials come first. Further seeds start with the best runs. A trial starts only if what it is expected to take
fits into the time that is left. The costs of finished trials say how fast this machine is. At the deadline trials
end as after Ctrl-C: they keep their best epoch for this study's answer, and a checkpoint from which the same
command goes on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from gengap.plan import REGULARIZERS, ROWS, SIZES, Plan, Trial
from gengap.train.local import steps_per_epoch
from gengap.train.recipe import Constant, InverseTime
from gengap.train.stopping import SMALL

ANALYSIS, WRITING = 6.0, 0.03  # seconds on two cores, and share of the minutes, for analysis and report
MOST_ANALYSIS = 0.4  # share of the minutes that are kept for them at most
FIRST = 0.3  # share of the time that trials may take as long as this machine is not known
BASELINE = 0.1  # share of the time left that further settings of a baseline may take each
CELLS_PER_MINUTE = 600_000  # training rows times features for each minute
FEWEST_ROWS = 500  # training rows that are used whatever the minutes
SHARES = {SIZES: 0.2, REGULARIZERS: 0.25, ROWS: 0.2}  # of the time left that trials of a growing plan may take
SHARE = 0.5  # the same for the plan's own trials
OVERRUN = 2.0  # how many times its share a group of trials may take before it is ended
FOLDS_MARGIN = 1.3  # cross-validation is expected to take this many times what its trials took
FIRST_SECONDS = 30.0  # seconds that the first trial may take at least
# What two cores take, before this machine is known: seconds of compilation, of a step, and for an operation.
COMPILE, STEP, OPERATION = 4.0, 6e-5, 5e-11
WIDE = 100_000  # parameters from which on an operation takes half of that or less


class Cost(NamedTuple):
    """What a trial with a seed is expected to take.

    Attributes:
        seconds: Seconds of all its epochs on two cores.
        epochs: These epochs: all, or as many as it needs if its learning rate does not fall to 0.
        small: Whether other trials are trained at the same time.
    """

    seconds: float
    epochs: int
    small: bool

    def scaled_to(self, epochs: int) -> float:
        """Return the seconds of another number of epochs."""
        return COMPILE + (self.seconds - COMPILE) * epochs / self.epochs


def trial_cost(trial: Trial, plan: Plan, parameters: int, rows: int, validation: int) -> Cost:
    """Return what a trial is expected to take."""
    recipe, used = trial.recipe(plan.recipe), max(round(trial.share * rows), 1)
    epochs = recipe.max_epochs
    if isinstance(recipe.schedule, (Constant, InverseTime)):  # such a trial may end at any epoch
        epochs = min(epochs, 2 * recipe.stopping.patience)
    members = max((each.head_count() for each in trial.treatments), default=1)
    operations = 2 * members * parameters * (3 * used + 2 * validation)
    epoch = STEP * steps_per_epoch(used, recipe.batch) + OPERATION * operations / (1 + parameters / WIDE)
    return Cost(COMPILE + epochs * epoch, epochs, parameters <= SMALL)


class Deadline(threading.Event):
    """An event that is set once another event is, or once it is late and there is something to answer with."""

    def __init__(
        self, event: threading.Event, at: float, clock: Callable[[], float], has_answer: Callable[[], bool]
    ) -> None:
        super().__init__()
        self._event, self._at, self._clock, self._has_answer = event, at, clock, has_answer

    def is_set(self) -> bool:
        """Return whether the other event is set, or it is late and there is something to answer with."""
        return self._event.is_set() or (self._clock() >= self._at and self._has_answer())

    def set(self) -> None:
        """Set the other event."""
        self._event.set()


class Budget:
    """The minutes of a study. `started` is when it started, as `clock` counts seconds."""

    def __init__(self, minutes: float, started: float, clock: Callable[[], float] = time.perf_counter) -> None:
        self.minutes, self._clock = minutes, clock
        self._end = started + 60 * minutes
        self._ratios: list[float] = []
        self._begun = False

    @property
    def left(self) -> float:
        """Seconds of training that are left: analysis and report take time too, more on a slow machine."""
        kept = min(ANALYSIS * self.slowness + WRITING * 60 * self.minutes, MOST_ANALYSIS * 60 * self.minutes)
        return max(self._end - kept - self._clock(), 0.0)

    @property
    def slowness(self) -> float:
        """How many times longer trials take on this machine than expected, by the finished ones."""
        return float(np.median(self._ratios)) if self._ratios else 1.0

    def most_rows(self, features: int) -> int:
        """Return how many training rows are used at most."""
        return max(round(CELLS_PER_MINUTE * self.minutes / max(features, 1)), FEWEST_ROWS)

    def has_time_for_baseline(self, seconds: float) -> bool:
        """Return whether further settings of a baseline, which take these seconds, leave the time to others."""
        return seconds <= BASELINE * self.left

    def has_answer(self) -> bool:
        """Return whether a trial is finished, or has finished epochs."""
        return self._begun or bool(self._ratios)

    def begin(self) -> None:
        """Note that a trial has finished epochs."""
        self._begun = True

    def add(self, cost: Cost, seconds: float, epochs: int) -> None:
        """Learn from a finished trial how fast this machine is."""
        self._ratios.append(seconds / cost.scaled_to(epochs))

    def share(self, trials: Sequence[Trial], plan: Plan) -> float:
        """Return the share of the time left that these trials may take. Those of a fixed plan may take all."""
        return SHARES.get(trials[0].group, SHARE) if plan.growth is not None else 1.0

    def choose(
        self, costs: Mapping[tuple[str, int], Cost], share: float, threads: int, ranked: Sequence[str] = ()
    ) -> list[tuple[str, int]]:
        """Return the trials of the first seed that has some which fit into a share of the time left.

        Args:
            costs: What each run and seed is expected to take.
            share: The share of the time left.
            threads: How many small trials are trained at the same time.
            ranked: The runs that have a loss with an earlier seed, the best first.

        Returns:
            Runs and seeds in the order in which they should start: the best first, then the cheapest without a
            loss. One is among them if no trial was finished before: without any there is no answer.
        """
        room = self.left * share * (1 if self._ratios else FIRST)
        place = {run: at for at, run in enumerate(ranked)}
        for seed in sorted({seed for _, seed in costs}):
            keys = [key for key in costs if key[1] == seed]
            chosen, needed = [], 0.0
            for key in sorted(keys, key=lambda key: (place.get(key[0], len(place)), costs[key].seconds)):
                each = costs[key].seconds * self.slowness / (threads if costs[key].small else 1)
                if needed + each <= room or not (self._ratios or chosen):
                    chosen.append(key)
                    needed += each
            if chosen:
                return chosen
        return []

    def deadline(self, event: threading.Event, share: float = 1.0) -> Deadline:
        """Return when trials that may take a share of the time left must end; they may overrun it.

        The first trial may take FIRST_SECONDS even if that is late, and has at least one epoch, whatever it takes:
        without any there is no answer. Machines of a cluster show no epochs, so there the first trial is finished.
        """
        seconds = min(OVERRUN * share, 1.0) * self.left
        seconds = seconds if self._ratios else max(seconds, FIRST_SECONDS)
        return Deadline(event, self._clock() + seconds, self._clock, self.has_answer)

    def finalists(self, seconds: Mapping[str, float], folds: int, fixed: float) -> tuple[str, ...]:
        """Return the runs for whose cross-validation there is time, in the same order; none for fewer than two.

        `seconds` are those of one training by run, the best run first, and `fixed` those that a fold takes besides.
        """
        room, chosen = self.left / FOLDS_MARGIN - folds * fixed, []
        for run, each in seconds.items():
            if folds * each > room:
                break
            chosen.append(run)
            room -= folds * each
        return tuple(chosen) if len(chosen) > 1 else ()

"""Trial results whose rows have any losses that a test wants, without training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from analysis.outcomes_made import Y

from gengap.analysis.results import TrialResults
from gengap.history import History, Series
from gengap.plan import Trial
from gengap.tasks import BINARY
from gengap.train.types import TrainResult

LOSS = BINARY.loss


def fitted(run: str, seed: int, losses: np.ndarray, train: float = 0.3) -> TrainResult:
    """A trial whose rows have these losses (epochs, rows), and whose training loss is the same at every epoch."""
    epochs, outputs = np.arange(len(losses)), (1 - 2 * Y) * np.log(np.expm1(losses))
    series = {("validation", LOSS): losses.mean(axis=1), ("train", f"clean_{LOSS}"): np.full(len(losses), train)}
    history = History(run, seed, {key: Series(epochs, values) for key, values in series.items()})
    best = int(losses.mean(axis=1).argmin())
    return TrainResult(history, epochs, outputs[..., None], best, "max-epochs", 1.0)


def made(losses: Mapping[str, Sequence[np.ndarray]], train: float = 0.3) -> TrialResults:
    """Runs of rising size, each with one array of losses (epochs, rows) a seed."""
    trials = {run: Trial(run=run, units=(4 + at,)) for at, run in enumerate(losses)}
    pairs = [(run, seed, each) for run, seeds in losses.items() for seed, each in enumerate(seeds)]
    return TrialResults(trials, {(run, seed): fitted(run, seed, each, train) for run, seed, each in pairs}, Y, {})


def exponential(random: np.random.Generator, mean: float, *shape: int) -> np.ndarray:
    """Losses that differ from row to row as much as those of real models do."""
    return random.exponential(mean, shape) + 1e-6

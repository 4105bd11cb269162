"""TrialResults made of plain arrays: trials whose validation losses are known beforehand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from gengap.analysis.results import OutOfFoldLosses, TrialResults
from gengap.history import History, Series
from gengap.plan import Trial
from gengap.tasks import BINARY, AnyTask
from gengap.train.types import TrainResult

ROWS = 1_000
RANDOM = np.random.default_rng(0)
Y = (RANDOM.random(ROWS) < 0.5).astype(np.float64)
HARDNESS = RANDOM.normal(size=ROWS)  # of each row, for every model alike


def logits(skill: float, seed: int = 0, noise: float = 0.1) -> np.ndarray:
    """Log-odds (rows,) of a model: the more `skill`, the lower its loss (0: it knows nothing; 2: much)."""
    own = np.random.default_rng([seed, round(1e6 * skill)]).normal(size=ROWS)
    return skill * (2 * Y - 1 + HARDNESS) + noise * own * (skill > 0)


def fitted(
    run: str,
    skills: Sequence[float],
    seed: int = 0,
    *,
    train: float = 0.5,
    diverged: bool = False,
    task: AnyTask = BINARY,
) -> TrainResult:
    """A trial with one epoch for each skill, all of whose outputs are kept."""
    outputs = np.stack([logits(skill, seed) for skill in skills])[..., None].astype(np.float32)
    losses = task.row_losses(outputs, Y).mean(axis=1)
    epochs = np.arange(len(skills))
    series = {
        ("validation", task.loss): Series(epochs, losses),
        ("train", f"clean_{task.loss}"): Series(epochs, np.full(len(skills), train)),
    }
    best = None if diverged else int(losses.argmin())
    return TrainResult(History(run, seed, series), epochs, outputs, best, "max-epochs", 1.0 + len(skills))


def outcomes(
    trials: Sequence[tuple[Trial, Sequence[float]]],
    seeds: int = 2,
    diverged: Sequence[str] = (),
    baselines: Mapping[str, np.ndarray] | None = None,
    task: AnyTask = BINARY,
) -> TrialResults:
    """Every trial with every seed."""
    return TrialResults(
        {trial.run: trial for trial, _ in trials},
        {
            (trial.run, seed): fitted(trial.run, skills, seed, diverged=trial.run in diverged, task=task)
            for trial, skills in trials
            for seed in range(seeds)
        },
        Y,
        {run: each[:, None] for run, each in (baselines or {}).items()},
        task,
        constant=task.constant_losses(Y, Y),
    )


def size_trials(*skills: float) -> list[tuple[Trial, Sequence[float]]]:
    """Trials of the sizes 4, 8, 16, ... with these skills at their best epochs."""
    names = [2 ** (i + 2) for i in range(len(skills))]
    return [
        (Trial(run=f"sizes/{n}", units=(n,)), (0.5 * s, s, 0.9 * s)) for n, s in zip(names, skills, strict=True)
    ]


def cross_validated(found: TrialResults, skills: Mapping[str, float], rows: int = 4) -> TrialResults:
    """The same with so many times as many rows on which the runs have these skills."""
    made = {}
    for run, skill in skills.items():
        outputs = np.concatenate([logits(skill, seed) for seed in range(10, 10 + rows)])[:, None]
        y = np.tile(Y, rows)
        right = BINARY.correct(outputs, y)
        assert right is not None
        constant = BINARY.constant_losses(Y, y)
        made[run] = OutOfFoldLosses(BINARY.row_losses(outputs, y), 1.0 - right, y=y, constant=constant)
    return replace(found, out_of_fold=made)

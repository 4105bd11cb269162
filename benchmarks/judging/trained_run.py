"""A training run with known truth, and the .npz file that stores many of them."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.judging.truth import Truth, truth_of

SNAPSHOTS = 64  # log-spaced epochs at which the losses of validation rows and population are stored
LONGER = 3  # training continues to this multiple of the run's length, only to find the truth


@dataclass(frozen=True, eq=False)
class TrainedRun:
    """One training run. Curves are (epochs,) float64; accuracies are None for a regression. Epochs count from 0.

    `row_losses` (k, rows) float16 are the validation rows' losses at `row_epochs` (k,): log-spaced, best and last.
    `population_losses` (m,) at `population_epochs` (m,) continue to three times the run's length.
    """

    name: str
    config: dict[str, Any]
    train: np.ndarray
    clean_train: np.ndarray
    validation: np.ndarray
    train_accuracy: np.ndarray | None
    validation_accuracy: np.ndarray | None
    row_epochs: np.ndarray
    row_losses: np.ndarray
    population_epochs: np.ndarray
    population_losses: np.ndarray

    @cached_property
    def truth(self) -> Truth:
        """Whether the run overfits or underfits, by its loss on the population."""
        return truth_of(self.population_epochs, self.population_losses, self.epochs - 1)

    @property
    def epochs(self) -> int:
        """Number of epochs before the verdict."""
        return len(self.validation)


RUN_ARRAYS = tuple(name for name, kind in TrainedRun.__annotations__.items() if "ndarray" in str(kind))


def save_corpus(runs: list[TrainedRun], path: Path) -> None:
    """Write the runs to a temporary file and rename it to `path`."""
    arrays: dict[str, np.ndarray] = {}
    for i, run in enumerate(runs):
        arrays |= {f"{i}/{part}": getattr(run, part) for part in RUN_ARRAYS if getattr(run, part) is not None}
    facts = [{"name": r.name, "config": r.config} for r in runs]
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.npz")
    np.savez_compressed(temporary, allow_pickle=False, runs=np.array(json.dumps(facts)), **arrays)
    temporary.replace(path)


def load_corpus(path: Path | str) -> list[TrainedRun]:
    """Read the runs of a file that `save_corpus` wrote, in order."""
    with np.load(path, allow_pickle=False) as stored:
        facts = json.loads(str(stored["runs"]))
        return [
            TrainedRun(
                name=one["name"],
                config=one["config"],
                **{part: stored.get(f"{i}/{part}") for part in RUN_ARRAYS},  # pyright: ignore[reportArgumentType]
            )
            for i, one in enumerate(facts)
        ]

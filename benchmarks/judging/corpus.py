"""Real training runs of known truth: made here, written to one .npz, and read back as `Run`s.

    python -m benchmarks.judging.corpus --runs 420 --seed 2 --out FILE.npz

Run i of a seed is the same whatever the number asked for. One process; `taskset -c 0` keeps it on one core.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.judging.truth import Truth, truth_of

SNAPSHOTS = 64  # log-spaced epochs at which validation rows and the population are kept
LONGER = 3  # a run is trained on to so many times its length, for its truth alone
SAVED_EVERY = 20


@dataclass(frozen=True, eq=False)
class Run:
    """One run. Curves are (epochs,) float64; accuracies are None for a regression. All epochs count from 0.

    `row_losses` (k, rows) float16 are the validation rows' losses at `row_epochs` (k,): log-spaced, best and last.
    `population_losses` (m,) at `population_epochs` (m,) go on to three times the run's length.
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
        """What the population says."""
        return truth_of(self.population_epochs, self.population_losses, self.epochs - 1)

    @property
    def epochs(self) -> int:
        """How many epochs were trained before the verdict is asked for."""
        return len(self.validation)


ARRAYS = tuple(name for name, kind in Run.__annotations__.items() if "ndarray" in str(kind))


def save_corpus(runs: list[Run], path: Path) -> None:
    """Write the runs beside `path` and rename the file onto it."""
    arrays: dict[str, np.ndarray] = {}
    for i, run in enumerate(runs):
        arrays |= {f"{i}/{part}": getattr(run, part) for part in ARRAYS if getattr(run, part) is not None}
    told = [{"name": r.name, "config": r.config} for r in runs]
    beside = path.with_name(f".{path.stem}.{os.getpid()}.npz")
    np.savez_compressed(beside, allow_pickle=False, runs=np.array(json.dumps(told)), **arrays)
    beside.replace(path)


def load_corpus(path: Path | str) -> list[Run]:
    """The runs of a file that `save_corpus` wrote, in order."""
    with np.load(path, allow_pickle=False) as stored:
        told = json.loads(str(stored["runs"]))
        return [
            Run(
                name=one["name"],
                config=one["config"],
                **{part: stored.get(f"{i}/{part}") for part in ARRAYS},  # pyright: ignore[reportArgumentType]
            )
            for i, one in enumerate(told)
        ]


def make_corpus(runs: int, seed: int, told: Callable[[list[Run]], None]) -> list[Run]:
    """Train `runs` runs; `told` gets all so far after every SAVED_EVERY."""
    from benchmarks.judging.making import make_run

    made: list[Run] = []
    for i in range(runs):
        made.append(make_run(seed, i))
        if len(made) % SAVED_EVERY == 0 or len(made) == runs:
            told(made)
    return made


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.judging.corpus")
    parser.add_argument("--runs", type=int, default=420)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    started = time.perf_counter()

    def told(made: list[Run]) -> None:
        save_corpus(made, options.out)
        counts = dict(Counter(run.truth.label for run in made))
        print(f"{len(made)} runs, {time.perf_counter() - started:.0f} s, {counts}", file=sys.stderr, flush=True)

    make_corpus(options.runs, options.seed, told)
    return 0


if __name__ == "__main__":
    sys.exit(main())

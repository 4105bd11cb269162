"""Train a corpus of runs with known truth, and write it to one .npz file.

    python -m benchmarks.judging.corpus --runs 420 --seed 2 --out FILE.npz

Run i of a seed is the same for any number of runs. It uses one process; `taskset -c 0` keeps it on one core.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from benchmarks.judging.run_training import make_run
from benchmarks.judging.trained_run import TrainedRun, save_corpus

SAVED_EVERY = 20


def make_corpus(runs: int, seed: int, save: Callable[[list[TrainedRun]], None]) -> list[TrainedRun]:
    """Train `runs` runs, and call `save` with all runs so far after every SAVED_EVERY."""
    corpus: list[TrainedRun] = []
    for i in range(runs):
        corpus.append(make_run(seed, i))
        if len(corpus) % SAVED_EVERY == 0 or len(corpus) == runs:
            save(corpus)
    return corpus


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.judging.corpus")
    parser.add_argument("--runs", type=int, default=420)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    started = time.perf_counter()

    def save(corpus: list[TrainedRun]) -> None:
        save_corpus(corpus, options.out)
        counts = dict(Counter(run.truth.label for run in corpus))
        print(f"{len(corpus)} runs, {time.perf_counter() - started:.0f} s, {counts}", file=sys.stderr, flush=True)

    make_corpus(options.runs, options.seed, save)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""A table larger than memory: peak memory, speed compared with rows in memory, and the cost of shuffling by blocks.

By hand, each a process of its own: `python -m benchmarks.big_table ingest|memory|speed|quality TABLE`, where TABLE
is HIGGS-like, as of `gengap ingest collider --rows 11000000 -o TABLE`.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

VALIDATION = 10_000
MEMORY = 0.5  # GiB of rows in memory at once
SIZES = {"Tiny": (16,), "Medium": (64, 64, 64)}
EPOCHS = {"Tiny": 6, "Medium": 3}
SEEDS = 5
QUALITY_ROWS = 110_000


def peak() -> float:
    """Return the peak resident memory of this process, in GB."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e9


def ingest(table: str) -> None:
    """Measure peak memory and seconds for converting TABLE (.csv.gz) to Parquet."""
    from gengap.data.sources.source import ingest as run

    started = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=Path(table).parent) as folder:
        rows = run(table, Path(folder) / "ingested.parquet")
    print(f"ingest: {rows:,} rows in {time.perf_counter() - started:.0f} s, peak {peak():.2f} GB", flush=True)


def _prepared(table: str) -> Any:
    import pyarrow.parquet as pq

    import gengap

    rows = pq.ParquetFile(table).metadata.num_rows
    return gengap.load(table, train=rows - VALIDATION, validation=VALIDATION, memory=MEMORY)


def memory(table: str) -> None:
    """Measure peak memory and seconds for a study of TABLE with its training rows on disk."""
    import pyarrow.parquet as pq

    import gengap

    rows = pq.ParquetFile(table).metadata.num_rows
    started = time.perf_counter()
    options: dict[str, Any] = {"validation": VALIDATION, "only": "sizes/Tiny", "max_epochs": 2, "memory": MEMORY}
    with tempfile.TemporaryDirectory(dir=Path(table).parent) as out:
        os.environ["GENGAP_CACHE"] = out
        found = gengap.study(table, "quick", train=rows - VALIDATION, out=Path(out) / "study", **options)
    for trial in found.trials:
        print(f"{trial.run}: {trial.seconds / trial.epochs:.1f} s an epoch, {trial.metrics['validation']}")
    print(f"study: {time.perf_counter() - started:.0f} s in all, peak {peak():.2f} GB", flush=True)


class _Clock:
    """Seconds of each epoch, from progress reports."""

    def __init__(self) -> None:
        self.at = [time.perf_counter()]

    def __call__(self, _: object) -> None:
        self.at.append(time.perf_counter())

    @property
    def epochs(self) -> np.ndarray:
        """Seconds of all epochs except the first, which compiles."""
        return np.diff(self.at)[1:]


def _model(units: tuple[int, ...], seed: int) -> Any:
    from gengap.plan import Recipe, Trial

    return Trial(run="a/b", units=units).build(28, 1000, Recipe(), seed)


def speed(table: str) -> None:
    """Measure seconds per epoch with rows on disk and in memory, in turns."""
    from gengap.train.jax import out_of_core as streamed
    from gengap.train.jax import trainer as compiled
    from gengap.train.types import TrainConfig

    os.environ["GENGAP_CACHE"] = str(Path(table).parent)
    data = _prepared(table)
    in_memory = data.train.read([0], [len(data.train)])
    for size, units in SIZES.items():
        taken: dict[str, list[float]] = {"disk": [], "memory": []}
        for _ in range(2):
            for place, fit, rows in (("disk", streamed.fit, data.train), ("memory", compiled.fit, in_memory)):
                clock = _Clock()
                fit(_model(units, 0), rows, data.validation, TrainConfig(epochs=EPOCHS[size], on_progress=clock))
                taken[place] += clock.epochs.tolist()
        disk, inside = (float(np.median(taken[place])) for place in taken)
        print(f"{size}: {disk:.2f} s an epoch from disk, {inside:.2f} in memory: {inside / disk:.0%}", flush=True)


def quality(_: str) -> None:
    """Compare validation losses of full and block shuffles, paired by seed, for three orders of a table."""
    import gengap
    from gengap.data.stored_rows import StoredRows
    from gengap.train.jax import out_of_core as streamed
    from gengap.train.jax import trainer as compiled
    from gengap.train.types import TrainConfig

    source = gengap.load("collider", train=QUALITY_ROWS - 2, validation=2, preparation="raw").train.sample()
    streamed.BUFFER_BYTES = 1 << 20  # about twelve buffers per epoch, each 32 times smaller than usual
    orders = {"random": np.arange(len(source)), "by class": np.argsort(source.y, kind="stable")}
    orders["by a feature"] = np.argsort(source.x[:, -1])
    for name, order in orders.items():
        with tempfile.TemporaryDirectory() as folder:
            os.environ["GENGAP_CACHE"] = folder
            data = gengap.load((source.x[order], source.y[order]), validation=VALIDATION, memory=1e-3)
            assert isinstance(data.train, StoredRows)
            in_memory, losses = data.train.read([0], [len(data.train)]), []
            for seed in range(SEEDS):
                job = TrainConfig(epochs=10, seed=seed)
                both = (
                    compiled.fit(_model((64, 64, 64), seed), in_memory, data.validation, job),
                    streamed.fit(_model((64, 64, 64), seed), data.train, data.validation, job),
                )
                losses += [each.history["validation", "binary_crossentropy"].values.min() for each in both]
        full, blocks = np.reshape(losses, (SEEDS, 2)).T
        error = (blocks - full).std(ddof=1) / SEEDS**0.5
        print(
            f"{name}: full {full.mean():.5f}, blocks {blocks.mean():.5f}, "
            f"blocks - full {(blocks - full).mean():+.5f} ± {error:.5f}",
            flush=True,
        )


if __name__ == "__main__":
    {"ingest": ingest, "memory": memory, "speed": speed, "quality": quality}[sys.argv[1]](sys.argv[2])

"""Compare training on a CUDA GPU with training on the CPU of the same machine, in under 8 minutes.

    pip install 'jax[cuda12]'
    python -m benchmarks.gpu [--rows 1000000] [--json FILE]

One process trains on the GPU, then another on the CPU (JAX_PLATFORMS=cpu). On simulated collider rows, each takes
the ms per epoch of Tiny and of Large (10,000 rows, batch 500), of 8 seeds of Tiny as one program and one by one,
and of Large on many rows (batch 5,000). Compilation and the first chunk of epochs don't count.

Last, both train Medium for 10 epochs from the same weights on the same batches. The largest relative difference of
a loss is printed.

Exit status: 0 done, 2 JAX sees no GPU.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.peers.gengap_training import STOPPING, model
from gengap.data import collider
from gengap.data.rows import Rows
from gengap.models.backend import keras
from gengap.train.jax.trainer import fit, fit_seeds
from gengap.train.types import Progress, TrainConfig

TRAIN_ROWS, VALIDATION_ROWS = 10_000, 1_000
SEEDS, EQUAL_EPOCHS = 8, 10
MANY_BATCH = 5_000
SECONDS = 6.0  # about how long a figure is measured
FIRST, MOST = 10, 20_000  # epochs of the first measurement, and at most

Figures = dict[str, float | list[float]]


def measure(rows: int, seconds: float = SECONDS) -> Figures:
    """Return all figures of JAX's default device, in ms per epoch, and the validation losses of Medium."""
    few, validation = _rows(TRAIN_ROWS)
    many, _ = _rows(rows)
    figures: Figures = {
        "Tiny": _ms_per_epoch(lambda epochs: _train("Tiny", few, validation, epochs), seconds),
        "Large": _ms_per_epoch(lambda epochs: _train("Large", few, validation, epochs), seconds),
        f"{SEEDS} seeds of Tiny, one program": _ms_per_epoch(lambda n: _train_seeds(few, validation, n), seconds),
        f"Large on {rows:,} rows": _ms_per_epoch(
            lambda epochs: _train("Large", many, validation, epochs, MANY_BATCH), seconds
        ),
    }
    figures[f"{SEEDS} seeds of Tiny, one by one"] = SEEDS * float(np.mean(figures["Tiny"]))
    keras.utils.set_random_seed(0)
    config = TrainConfig(EQUAL_EPOCHS, stopping=STOPPING)
    history = fit(model("Medium", 0, TRAIN_ROWS // config.batch), few, validation, config).history
    figures["losses"] = history["validation", "loss"].values.tolist()
    return figures


def _rows(count: int) -> tuple[Rows, Rows]:
    """Return `count` training rows, and the validation rows before them."""
    x, y = collider.events(count + VALIDATION_ROWS)
    return Rows(x[VALIDATION_ROWS:], y[VALIDATION_ROWS:]), Rows(x[:VALIDATION_ROWS], y[:VALIDATION_ROWS])


def _train(size: str, train: Rows, validation: Rows, epochs: int, batch: int = 500) -> list[Progress]:
    progress: list[Progress] = []
    config = TrainConfig(epochs, batch, STOPPING, on_progress=progress.append)
    fit(model(size, 0, len(train) // batch), train, validation, config)
    return progress


def _train_seeds(train: Rows, validation: Rows, epochs: int) -> list[Progress]:
    progress: list[Progress] = []
    first = TrainConfig(epochs, stopping=STOPPING, on_progress=progress.append)
    configs = [first, *(TrainConfig(epochs, stopping=STOPPING, seed=seed) for seed in range(1, SEEDS))]
    fit_seeds([model("Tiny", 0, len(train) // first.batch) for _ in configs], train, validation, configs)
    return progress


def _ms_per_epoch(train: Callable[[int], list[Progress]], seconds: float) -> float:
    """Return ms per epoch without the first chunk, over a training of about `seconds`."""
    epochs = FIRST
    while True:
        progress = train(epochs)
        done, took = progress[-1].epoch - progress[0].epoch, progress[-1].seconds - progress[0].seconds
        pace = took / done
        if took > seconds / 3 or epochs == MOST:
            return 1e3 * pace
        epochs = min(MOST, max(2 * epochs, round(seconds / max(pace, 1e-6))))


def _measured_by(platform: str, rows: int) -> Figures:
    """Return the figures of a process of its own on this platform of JAX ("" for the default one)."""
    environment = {**os.environ, **({"JAX_PLATFORMS": platform} if platform else {})}
    command = [sys.executable, "-m", "benchmarks.gpu", "--child", "--rows", str(rows)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def compare(gpu: Figures, cpu: Figures) -> str:
    """Return the figures of both as a Markdown table, and the largest relative difference of their losses."""
    lines = ["| ms per epoch | GPU | CPU | times |", "|---|---|---|---|"]
    for name, value in gpu.items():
        if name != "losses":
            ours, theirs = float(np.mean(value)), float(np.mean(cpu[name]))
            lines.append(f"| {name} | {ours:.3g} | {theirs:.3g} | {theirs / ours:.2f} |")
    ours, theirs = np.asarray(gpu["losses"]), np.asarray(cpu["losses"])
    apart = float(np.abs(ours / theirs - 1).max())
    lines.append(f"\nValidation losses of Medium's {len(ours)} epochs differ by at most {apart:.2g} of the loss.")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu")
    parser.add_argument("--rows", type=int, default=1_000_000, help="Rows of the large table.")
    parser.add_argument("--json", type=Path, help="Write all figures to this file.")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(options.rows)))
        return 0
    found = subprocess.run(
        [sys.executable, "-c", "import jax; print(jax.default_backend())"], capture_output=True, text=True
    )
    if found.stdout.strip() != "gpu":
        print("JAX sees no GPU: it needs a CUDA GPU and jax[cuda12].", file=sys.stderr)
        return 2
    started = time.perf_counter()
    gpu, cpu = (_measured_by(platform, options.rows) for platform in ("", "cpu"))
    print(compare(gpu, cpu))
    print(f"Seconds for all: {time.perf_counter() - started:.0f}.")
    if options.json:
        options.json.write_text(json.dumps({"gpu": gpu, "cpu": cpu}, indent=2), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Draw and train one run of the corpus: its task, rows, network and settings."""

from __future__ import annotations

from dataclasses import asdict, replace

import jax
import numpy as np

from benchmarks.judging.perceptron import EpochLog, Program, Setup, build, epoch_order
from benchmarks.judging.processes import PROCESSES, Process, Rows
from benchmarks.judging.trained_run import LONGER, SNAPSHOTS, TrainedRun

POPULATION = 100_000
SMALL = 0.4  # share of runs whose network is too small for its rows to overfit much
SCALARS = ("train", "train_right", "clean_train", "validation_right")
CHEAP = 4.0  # seconds; of more expensive draws, the share CHEAP/cost is used: every shape may occur, but rarely


def make_run(seed: int, number: int) -> TrainedRun:
    """Train run `number` of a corpus. A draw that diverges or is too expensive is repeated."""
    rng = np.random.default_rng([seed, number])
    names = list(PROCESSES)
    while True:
        process = PROCESSES[names[number % len(names)]](rng)
        small = bool(rng.random() < SMALL)
        rows = round(_log_uniform(rng, 1_000 if small else 50, 4_000))
        setup = draw_setup(rng, rows, small)
        if rng.random() * _seconds(setup, rows) > CHEAP:
            continue
        run = _train(f"{seed}-{number:03d}-{process.name}", process, setup, rows, rng)
        if run is not None:
            return run


def draw_setup(rng: np.random.Generator, rows: int, small: bool) -> Setup:
    """Draw a network and how to train it on `rows` rows. `small` networks train long and level off."""
    optimizer = str(rng.choice(["adam", "sgd"], p=[0.7, 0.3]))
    setup = Setup(
        layers=int(rng.integers(1, 3 if small else 5)),
        units=int(rng.choice([8, 16, 32] if small else [8, 16, 32, 64, 128, 256])),
        optimizer=optimizer,
        rate=_log_uniform(rng, 2e-3 if small else 3e-4, 2e-2) * (3 if optimizer == "sgd" else 1),
        schedule=str(rng.choice(["constant", "cosine", "step", "cyclic"], p=[0.6, 0.15, 0.1, 0.15])),
        cycle=int(rng.integers(6, 31)),
        batch=min(int(rng.choice([16, 32, 64, 128, 256, 500])), rows),
        l2=0.0,
        dropout=0.0,
        decay=0.0,
        epochs=round(_log_uniform(rng, 40 if small else 10, 600)),
    )
    regularizer = rng.choice(["none", "l2", "dropout", "both", "adamw"], p=[0.2, 0.2, 0.3, 0.15, 0.15])
    if regularizer in ("l2", "both"):
        setup = replace(setup, l2=_log_uniform(rng, 1e-4, 1e-2))
    if regularizer in ("dropout", "both"):
        setup = replace(setup, dropout=round(rng.uniform(0.1, 0.6), 2))
    if regularizer == "adamw":
        setup = replace(setup, optimizer="adamw", decay=_log_uniform(rng, 1e-3, 0.3))
    return setup


def _train(name: str, process: Process, setup: Setup, rows: int, rng: np.random.Generator) -> TrainedRun | None:
    validation_rows = int(rng.integers(200, 1_001))
    train, validation, population = _standardised(
        [process.draw(n, rng) for n in (rows, validation_rows, POPULATION)]
    )
    program = build(setup, process.kind, process.outputs, train, validation, population, int(rng.integers(2**31)))
    logs, watched, losses = _run(program, setup, rows, rng)
    curves = {part: np.array([float(getattr(log, part)) for log in logs]) for part in SCALARS}
    by_row = np.stack([np.asarray(log.validation_rows) for log in logs])
    if not (np.isfinite(by_row).all() and np.isfinite(losses).all() and by_row.max() < 60_000):
        return None
    means = by_row.mean(axis=1, dtype=np.float64)
    stored = np.union1d(log_spaced(setup.epochs), [means.argmin(), setup.epochs - 1])
    has_accuracy = process.kind != "regression"
    facts = {"process": process.name, "kind": process.kind, "rows": rows, "validation_rows": validation_rows}
    return TrainedRun(
        name=name,
        config=asdict(setup) | facts,
        train=curves["train"],
        clean_train=curves["clean_train"],
        validation=means,
        train_accuracy=curves["train_right"] if has_accuracy else None,
        validation_accuracy=curves["validation_right"] if has_accuracy else None,
        row_epochs=stored,
        row_losses=by_row[stored].astype(np.float16),
        population_epochs=watched,
        population_losses=losses,
    )


def _run(
    program: Program, setup: Setup, rows: int, rng: np.random.Generator
) -> tuple[list[EpochLog], np.ndarray, np.ndarray]:
    """Train to LONGER times the length. Return the logs within the length, and the population's losses."""
    watched = log_spaced(setup.epochs)
    ahead = log_spaced(LONGER * setup.epochs, round(SNAPSHOTS * 1.25))
    watched = np.union1d(watched, ahead[ahead >= setup.epochs])
    key = jax.random.key(int(rng.integers(2**31)), impl="unsafe_rbg")
    state, logs, losses = program.start, [], []
    for epoch in range(LONGER * setup.epochs):
        order = epoch_order(rng, rows, setup.batch)
        state, log = program.epoch(state, order, setup.rate_at(epoch), key)
        if epoch < setup.epochs:
            logs.append(log)
        if epoch in watched:
            losses.append(program.mean_loss(state.weights))
    return logs, watched, np.array(losses)


def log_spaced(epochs: int, count: int = SNAPSHOTS) -> np.ndarray:
    """Return at most `count` of `epochs` epochs, from 0, evenly spaced in their logarithm, with both ends."""
    return np.unique(np.round(np.geomspace(1, epochs, count)).astype(np.int64)) - 1


def _standardised(splits: list[Rows]) -> list[Rows]:
    """Scale features to mean 0 and variance 1 in the training rows. Constant columns stay."""
    mean, sd = splits[0][0].mean(axis=0), splits[0][0].std(axis=0)
    return [((x - mean) / np.where(sd > 1e-3, sd, 1), y) for x, y in splits]


def _seconds(setup: Setup, rows: int) -> float:
    """Estimate the seconds of a run: overhead of steps, training, and evaluations of the population."""
    weights = setup.units * (30 + setup.units * (setup.layers - 1))
    steps = LONGER * setup.epochs * (rows / setup.batch + 1)
    work = LONGER * setup.epochs * rows * 8 * weights + (SNAPSHOTS + 16) * POPULATION * 2 * weights
    return steps * 4e-5 * (1 + 2 * (setup.dropout > 0)) + work / 5e10


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))

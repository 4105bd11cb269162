"""Train runs of several kinds, of many processes, and write their curves and their population losses.

    python -m benchmarks.judging.kinds --out FILE.npz --seed S --runs N

1,500 runs take about five minutes on one idle core. Group g of a seed is the same for any number of runs. The file
holds `runs`, a JSON list of settings, and `h{i}`, a float32 array (3 x visible, 3) for run i: training loss as a
framework logs it, validation loss, population loss. Only the first `visible` epochs are for a judge.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.judging.batch_network import (
    BatchSetup,
    Optimizer,
    Weights,
    initial_weights,
    mean_losses,
    train_epoch,
)
from benchmarks.judging.kind_processes import KINDS, PATCHES
from benchmarks.judging.processes import Process

GROUP = 12  # runs of one task and shape that train together
POPULATION = 10_000
STEPS = 5_000  # of a group, about: larger batches keep long runs cheap
EVALUATIONS = 40  # epochs before the end, at most about, with the population's loss; half as many after
TREES = 80  # visible trees of a boosted ensemble, at most
SHORT, LONG = (3, 16), (16, 2_000)  # epochs of a group before the runs are cut; a third are short
LONG_RUN = 300  # epochs from which few rows are used, because they take long; one in ten may be as long
CUT = 0.7  # share of the runs that end near the population's best epoch, where the truth is hard to see

Settings = dict[str, Any]


def make_group(seed: int, group: int) -> list[tuple[Settings, np.ndarray]]:
    """Train the runs of one group; return their settings and curves."""
    rng = np.random.default_rng([seed, group])
    kind = list(KINDS)[group % len(KINDS)]
    names = list(KINDS[kind])
    name = names[group // len(KINDS) % len(names)]
    process = KINDS[kind][name](rng)
    short = rng.random() < 1 / 3
    low, high = SHORT if short else (LONG[0], LONG[1] if rng.random() < 0.1 else LONG_RUN)
    visible = int(np.exp(rng.uniform(np.log(low), np.log(high))))
    most_rows = 300 if visible > LONG_RUN else 1_000
    settings: Settings = {
        "kind": kind,
        "process": f"{kind}/{name}",
        "reported": name == names[-1],
        "visible": visible,
        "group": group,
        "train_rows": int(np.exp(rng.uniform(np.log(60), np.log(most_rows)))),
        "validation_rows": int(np.exp(rng.uniform(np.log(150), np.log(2 * most_rows)))),
    }
    make = _boost if kind == "boosted" else _train
    return [_cut(settings, curves, rng) for settings, curves in make(settings, process, rng)]


def _cut(settings: Settings, curves: np.ndarray, rng: np.random.Generator) -> tuple[Settings, np.ndarray]:
    """End some runs earlier: between half and four times the epoch where the population's loss is lowest."""
    visible = settings["visible"]
    best = int(np.argmin(curves[:visible, 2])) + 1
    low, high = max(best / 2, 3), min(4.0 * best + 3, visible)
    if rng.random() < CUT and low < high:
        visible = int(np.exp(rng.uniform(np.log(low), np.log(high))))
    return settings | {"visible": visible, "cut_from": settings["visible"]}, curves[: 3 * visible]


def _train(settings: Settings, process: Process, rng: np.random.Generator) -> list[tuple[Settings, np.ndarray]]:
    """Train GROUP networks that differ by rows, rate, decay and start."""
    kind, visible, train_rows = settings["kind"], settings["visible"], settings["train_rows"]
    name = settings["process"].split("/")[1]
    fine = kind == "fine-tuning"
    schedules = {"fine-tuning": ["warmup"], "schedules": ["cyclic", "restarts", "step", "cosine"]}
    units = int(np.exp(rng.uniform(np.log(8), np.log(120 if kind == "label-noise" else 40))))
    adam = bool(rng.random() < 0.6)
    rates = np.exp(rng.uniform(np.log(3e-4), np.log(3e-2), GROUP)) * (1 if adam else 3)
    setup = BatchSetup(
        kind=process.kind,
        outputs=process.outputs if process.kind == "classes" else 1,
        patches=PATCHES.get(name, 1),
        units=(units,) * int(rng.integers(1, 3)),
        adam=adam,
        rates=np.minimum(rates * (1 if visible > 30 else 2), 0.1) / (5 if fine else 1),
        decays=np.where(rng.random(GROUP) < 0.5, 0.0, np.exp(rng.uniform(np.log(1e-3), np.log(0.3), GROUP))),
        dropout=float(rng.choice([0.0, 0.0, 0.2, 0.5])),
        batch=max(int(rng.choice([8, 16, 32, 64])), -(-3 * visible * train_rows // STEPS)),
        schedule=str(rng.choice(schedules.get(kind, ["constant", "constant", "cosine", "step"]))),
        cycle=int(rng.integers(4, max(visible // 2, 5) + 1)),
        epochs=visible,
    )
    train, validation = (_stacked(process, settings[rows], rng) for rows in ("train_rows", "validation_rows"))
    x, y = process.draw(POPULATION, rng)
    population = x[None], y[None]
    if fine:
        weights = _pretrained(setup, KINDS[kind][name](rng), train[0].shape[2], rng)
    else:
        weights = initial_weights(train[0].shape[2], setup, rng)
    curves = np.full((3 * visible, GROUP, 3), np.nan)
    optimizer, measured = Optimizer(setup), _measured_epochs(visible)
    with np.errstate(all="ignore"):
        for epoch in range(3 * visible):
            curves[epoch, :, 0] = train_epoch(setup, weights, optimizer, train, epoch, rng)
            if epoch < visible:
                curves[epoch, :, 1] = mean_losses(setup, weights, validation)
            if epoch in measured:
                curves[epoch, :, 2] = mean_losses(setup, weights, population)
    extra = {"adam": adam, "units": units, "schedule": setup.schedule, "dropout": setup.dropout}
    return [
        (settings | extra | {"rate": float(setup.rates[i]), "decay": float(setup.decays[i])}, _filled(curves[:, i]))
        for i in range(GROUP)
        if np.isfinite(curves[:, i, 0]).all()
    ]


def _pretrained(setup: BatchSetup, source: Process, inputs: int, rng: np.random.Generator) -> Weights:
    """Train one start on another draw of the process with many rows; only its last layer is new in each run."""
    outputs = source.outputs if source.kind == "classes" else 1
    one = BatchSetup(
        **{
            **vars(setup),
            "outputs": outputs,
            "rates": np.full(1, 2e-3),
            "decays": np.zeros(1),
            "adam": True,
            "batch": 64,
            "schedule": "constant",
        }
    )
    x, y = source.draw(2_000, rng)
    x = np.resize(x.T, (inputs, len(x))).T.copy()  # the source may have other columns
    weights, optimizer = initial_weights(inputs, one, rng), Optimizer(one)
    for epoch in range(8):
        train_epoch(one, weights, optimizer, (x[None], y[None]), epoch, rng)
    own = initial_weights(inputs, setup, rng)
    return [*(np.repeat(w, GROUP, axis=0) for w in weights[:-2]), *own[-2:]]


def _stacked(process: Process, rows: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    drawn = [process.draw(rows, rng) for _ in range(GROUP)]
    return np.stack([x for x, _ in drawn]), np.stack([y for _, y in drawn])


def _boost(settings: Settings, process: Process, rng: np.random.Generator) -> list[tuple[Settings, np.ndarray]]:
    """Boost GROUP // 3 ensembles of small trees; an epoch is one tree."""
    from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

    visible = settings["visible"] = min(settings["visible"], TREES)
    made = []
    x_population, y_population = process.draw(POPULATION, rng)
    for _ in range(GROUP // 3):
        rate, depth = float(np.exp(rng.uniform(np.log(0.02), np.log(0.7)))), int(rng.integers(1, 6))
        share = float(rng.choice([0.5, 1.0]))
        maker = GradientBoostingRegressor if process.kind == "regression" else GradientBoostingClassifier
        model = maker(
            n_estimators=3 * visible,
            learning_rate=rate,
            max_depth=depth,
            subsample=share,
            random_state=int(rng.integers(1 << 30)),
        )
        samples = [process.draw(settings[rows], rng) for rows in ("train_rows", "validation_rows")]
        x, y = samples[0]
        if process.kind != "regression" and len(np.unique(y)) < 2:
            continue
        model.fit(x, y)
        curves = np.full((3 * visible, 3), np.nan)
        for column, (rows, target) in enumerate([*samples, (x_population, y_population)]):
            staged = model.staged_predict if process.kind == "regression" else model.staged_predict_proba
            for epoch, predicted in enumerate(staged(rows)):
                curves[epoch, column] = _boosted_loss(process, predicted, target)
        made.append((settings | {"rate": rate, "depth": depth, "share": share}, curves.astype(np.float32)))
    return made


def _boosted_loss(process: Process, predicted: np.ndarray, y: np.ndarray) -> float:
    if process.kind == "regression":
        return float(np.mean((predicted - y) ** 2))
    return float(-np.log(np.maximum(predicted[np.arange(len(y)), y.astype(int)], 1e-7)).mean())


def _measured_epochs(visible: int) -> set[int]:
    """Return the epochs at which the population's loss is measured: evenly spaced, denser early."""
    before = np.linspace(0, visible - 1, min(visible, EVALUATIONS))
    early = np.geomspace(1, visible, EVALUATIONS // 4) - 1
    after = np.linspace(visible, 3 * visible - 1, min(2 * visible, EVALUATIONS // 2))
    return set(np.round(np.concatenate([before, early, after])).astype(int).tolist())


def _filled(curves: np.ndarray) -> np.ndarray:
    """Return curves (epochs, 3) whose unmeasured population losses are interpolated."""
    there = np.flatnonzero(np.isfinite(curves[:, 2]))
    curves[:, 2] = np.interp(np.arange(len(curves)), there, curves[there, 2])
    return curves.astype(np.float32)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.judging.kinds")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--runs", type=int, default=1_500)
    options = parser.parse_args()
    runs: list[tuple[Settings, np.ndarray]] = []
    started, group = time.perf_counter(), 0
    while len(runs) < options.runs:
        runs += make_group(options.seed, group)
        group += 1
        if group % 8 == 0 or len(runs) >= options.runs:
            arrays = {f"h{i}": curves for i, (_, curves) in enumerate(runs)}
            temporary = options.out.with_name(f".{options.out.name}.part.npz")
            facts = np.array(json.dumps([settings for settings, _ in runs]))
            np.savez_compressed(temporary, allow_pickle=False, runs=facts, **arrays)
            temporary.replace(options.out)
            print(f"{len(runs)} runs, {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

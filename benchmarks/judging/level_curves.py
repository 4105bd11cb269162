"""How often level curves are called overfit, by noise and length.

    python -m benchmarks.judging.level_curves [--curves 40] [--seed 3] [--jobs 2]

Validation falls and ends level, so no verdict of overfit is right. Training falls on slowly, or steeply by a factor
of 3 to 20, with 0.1, 0.3 or 1% noise. It prints a table in Markdown: percent of curves called overfit, slow and
steep.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace

import numpy as np

from benchmarks.judging.curve_families import (
    Family,
    Noise,
    SampledCurves,
    autoregressive,
    bump,
    cycles,
    flat,
    iid,
    last_spike,
    spikes,
)
from benchmarks.judging.gengap_verdicts import verdicts_on_samples

LENGTHS = (4, 6, 10, 20, 40, 100, 300)
TRAINING_NOISE = (0.001, 0.003, 0.01)


def late_step(n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw weak noise, with the last one to four epochs 10-50% up."""
    noise = 0.006 * rng.normal(size=n)
    noise[-int(rng.integers(1, 5)) :] += rng.uniform(0.1, 0.5)
    return noise


# Noise by name, with the fewest epochs that show it
NOISES: dict[str, tuple[Noise, int]] = {
    "white 0.6%": (iid(0.006), 4),
    "white 3%": (iid(0.03), 4),
    "AR(0.8) 2%": (autoregressive(0.8, 0.02), 4),
    "AR(0.9) 1%": (autoregressive(0.9, 0.01), 4),
    "AR(0.97) 1%": (autoregressive(0.97, 0.01), 100),
    "spikes": (spikes, 20),
    "last-epoch spike": (last_spike, 20),
    "late step": (late_step, 20),
    "cycles": (cycles, 20),
    "recovered bump": (bump, 20),
}


def level_curves(noise: Noise, epochs: int, steep: bool) -> Family:
    """Return the family of level curves with this noise, whose training falls on slowly or steeply."""
    family = flat(f"level, {epochs} epochs, steep {steep}", noise, epochs)
    draw = family.draw

    def noisier(rng: np.random.Generator) -> SampledCurves:
        curves = draw(rng)
        assert curves.train is not None
        train = curves.train
        if steep:
            factor, bend = rng.uniform(3, 20), rng.uniform(0.5, 1)
            train = curves.validation[0] * factor ** -(np.linspace(0, 1, epochs) ** bend)
        return replace(curves, train=train * np.exp(rng.choice(TRAINING_NOISE) * rng.normal(size=epochs)))

    return replace(family, draw=noisier)


def percent_overfit(family: Family, count: int, seed: int, jobs: int) -> int:
    """Return how many percent of `count` curves are called overfit."""
    verdicts = verdicts_on_samples(family.sample(count, seed), jobs)
    return round(100 * float(np.mean([verdict.verdict == "overfit" for verdict in verdicts])))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.judging.level_curves")
    parser.add_argument("--curves", type=int, default=40, help="Curves of each noise, length and training.")
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    print(f"| noise | {' | '.join(map(str, LENGTHS))} |\n|{'---|' * (len(LENGTHS) + 1)}")
    for name, (noise, fewest) in NOISES.items():
        cells = []
        for epochs in LENGTHS:
            found = [
                percent_overfit(level_curves(noise, epochs, steep), options.curves, options.seed, options.jobs)
                for steep in (False, True)
                if epochs >= fewest
            ]
            cells.append(", ".join(map(str, found)) or "–")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

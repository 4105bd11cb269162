"""Simulated curves with known verdicts: families of noise, rises and falls.

A curve is a base that falls like a learning curve and levels off, times a rise or a bump, times noise. All
sizes are relative to the loss. `FAMILIES` have goals. `VARIANTS` are further tests.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.signal import lfilter

Expected = Literal["no overfit", "overfit", "underfit"]
Noise = Callable[[int, np.random.Generator], np.ndarray]


@dataclass(frozen=True, eq=False)
class SampledCurves:
    """One run's curves, (epochs,) float64. `train` may be None."""

    train: np.ndarray | None
    validation: np.ndarray
    higher_is_better: bool = False


@dataclass(frozen=True)
class Family:
    """Curves with one true verdict. At least the share `share` of the verdicts must be as `expected`."""

    name: str
    expected: Expected
    share: float
    draw: Callable[[np.random.Generator], SampledCurves]

    def sample(self, count: int, seed: int = 0) -> list[SampledCurves]:
        """Draw `count` curves, the same for the same seed."""
        rng = np.random.default_rng([seed, *self.name.encode()])
        return [self.draw(rng) for _ in range(count)]

    def holds(self, verdict: str) -> bool:
        """Tell whether a verdict is as expected."""
        return (verdict != "overfit") if self.expected == "no overfit" else verdict == self.expected


def iid(sd: float) -> Noise:
    """Return independent noise of standard deviation `sd`."""
    return lambda n, rng: sd * rng.normal(size=n)


def autoregressive(correlation: float, sd: float) -> Noise:
    """Return autoregressive noise of standard deviation `sd`, from its stationary start."""

    def draw(n: int, rng: np.random.Generator) -> np.ndarray:
        steps = rng.normal(size=n) * np.sqrt(1 - correlation**2)
        steps[0] = rng.normal()
        return sd * lfilter([1.0], [1.0, -correlation], steps)

    return draw


def spikes(n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw weak noise with single epochs 5-40% up: one in 15 to 40, none among the last two."""
    noise = 0.004 * rng.normal(size=n)
    at = rng.choice(n - 2, max(1, n // int(rng.integers(15, 41))), replace=False)
    noise[at] += rng.uniform(0.05, 0.4, len(at))
    return noise


def last_spike(n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw weak noise, with the last epoch 5-30% up."""
    noise = 0.004 * rng.normal(size=n)
    noise[-1] += rng.uniform(0.05, 0.3)
    return noise


def cycles(n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw a cyclic learning rate's effect: 2-5% up and down every 6 to 25 epochs, ending at any phase."""
    period, phase = rng.integers(6, 26), rng.random()
    turn = (np.arange(n) / period + phase) % 1
    triangle, sawtooth, sine = 1 - np.abs(2 * turn - 1), 1 - turn, np.sin(np.pi * turn)
    wave = (triangle, sawtooth, sine)[rng.integers(3)]
    return rng.uniform(0.02, 0.05) * wave + 0.003 * rng.normal(size=n)


def bump(n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw a bump of 5-15% around the middle, as in double descent."""
    t, middle, width = np.arange(n) / n, rng.uniform(0.3, 0.5), rng.uniform(0.05, 0.09)
    return rng.uniform(0.05, 0.15) * np.exp(-0.5 * ((t - middle) / width) ** 2) + 0.006 * rng.normal(size=n)


def flat(name: str, noise: Noise, epochs: int = 100) -> Family:
    """Validation falls and levels off within a quarter of the epochs. Training continues to fall slowly."""

    def draw(rng: np.random.Generator) -> SampledCurves:
        validation = _levelling(epochs, epochs / rng.uniform(12, 40), rng) * np.exp(noise(epochs, rng))
        return SampledCurves(_train(validation, rng), validation)

    return Family(name, "no overfit", 0.95, draw)


def rising(name: str, rise: float, noise: Noise, epochs: int = 100, curved: bool = False) -> Family:
    """Validation falls, turns at 20 to 50% of the epochs, and ends higher by `rise`. `curved`: it accelerates."""

    def draw(rng: np.random.Generator) -> SampledCurves:
        turn = epochs * rng.uniform(0.2, 0.5)
        after = np.maximum(np.arange(epochs) - turn, 0) / (epochs - 1 - turn)
        up = 1 + rise * after ** (rng.uniform(1.5, 2.0) if curved else 1.0)
        validation = _levelling(epochs, turn / rng.uniform(5, 9), rng) * up * np.exp(noise(epochs, rng))
        return SampledCurves(_train(validation / up, rng, faster=1 + 3 * min(rise, 0.3)), validation)

    return Family(name, "overfit", 0.9, draw)


def falling(name: str, noise: Noise, epochs: int = 100) -> Family:
    """Validation still falls at the end: three times as many epochs would lower it by 4-15%."""

    def draw(rng: np.random.Generator) -> SampledCurves:
        t = np.append(np.arange(1, epochs + 1), 3 * epochs)
        shape = np.exp(-t / (epochs * rng.uniform(0.4, 1.2))) if rng.random() < 0.5 else t ** -rng.uniform(0.3, 0.6)
        end, later = shape[-2:]
        above = 1 + rng.uniform(0.04, 0.15) * (shape[:-1] - end) / (end - later)
        validation = rng.uniform(0.2, 0.8) * above * np.exp(noise(epochs, rng))
        return SampledCurves(_train(validation, rng), validation)

    return Family(name, "underfit", 0.9, draw)


def constant(name: str, noise: Noise, epochs: int = 100) -> Family:
    """Validation never moves, as for a model that learns nothing."""

    def draw(rng: np.random.Generator) -> SampledCurves:
        validation = rng.uniform(0.2, 2) * np.exp(noise(epochs, rng))
        return SampledCurves(validation.mean() * np.exp(0.005 * rng.normal(size=epochs)), validation)

    return Family(name, "no overfit", 0.95, draw)


def scaled(family: Family, factor: float) -> Family:
    """Return the family with other units."""

    def draw(rng: np.random.Generator) -> SampledCurves:
        one = family.draw(rng)
        return SampledCurves(None if one.train is None else factor * one.train, factor * one.validation)

    return replace(family, name=f"{family.name}, x{factor:g}", draw=draw)


def without_train(family: Family) -> Family:
    """Return the family without training curves."""
    draw = family.draw
    return replace(family, name=f"{family.name}, no train", draw=lambda rng: replace(draw(rng), train=None))


def as_accuracy(family: Family) -> Family:
    """Return the family as accuracies: a relative rise becomes the same relative fall."""

    def draw(rng: np.random.Generator) -> SampledCurves:
        one = family.draw(rng)
        best = rng.uniform(0.6, 0.9) * float(np.quantile(one.validation, 0.02))
        train = None if one.train is None else np.minimum(best / one.train, 1)
        return SampledCurves(train, np.minimum(best / one.validation, 1), higher_is_better=True)

    return replace(family, name=f"{family.name}, as accuracy", draw=draw)


def _levelling(epochs: int, time: float, rng: np.random.Generator) -> np.ndarray:
    """Fall exponentially (one in three stretched) to a level, flat to 0.1% well before the end."""
    level, height = rng.uniform(0.2, 0.8), rng.uniform(0.3, 2.0)
    stretch = rng.uniform(1.0, 1.5) if rng.random() < 1 / 3 else 1.0
    return level * (1 + height * np.exp(-((np.arange(1, epochs + 1) / time) ** stretch)))


def _train(validation: np.ndarray, rng: np.random.Generator, faster: float = 1.0) -> np.ndarray:
    """Draw a smoother training curve below, which falls by 2-6% (times `faster`) per e-fold of epochs."""
    n = len(validation)
    smooth = np.minimum.accumulate(lfilter([0.2], [1, -0.8], validation, zi=[0.8 * validation[0]])[0])
    slope = faster * rng.uniform(0.02, 0.06)
    return smooth * np.arange(1, n + 1) ** -slope * rng.uniform(0.93, 1.0) * np.exp(0.003 * rng.normal(size=n))


FAMILIES: tuple[Family, ...] = (
    flat("flat, iid 0.6%", iid(0.006)),
    flat("flat, AR(0.9) 1%", autoregressive(0.9, 0.01)),
    flat("flat, AR(0.8) 2%", autoregressive(0.8, 0.02)),
    flat("spikes", spikes),
    flat("last-epoch spike", last_spike),
    flat("learning-rate cycles", cycles, 120),
    flat("recovered bump", bump, 150),
    flat("3,000 epochs, AR(0.97) 1%", autoregressive(0.97, 0.01), 3_000),
    rising("rise 3%, iid 0.6%", 0.03, iid(0.006)),
    rising("rise 8%, AR(0.9) 1%", 0.08, autoregressive(0.9, 0.01)),
    rising("rise 60%", 0.6, iid(0.01)),
    rising("12 epochs, rise 5%", 0.05, iid(0.004), 12),
    falling("still falling, 100 epochs", iid(0.006)),
    falling("still falling, 10 epochs", iid(0.004), 10),
)

VARIANTS: tuple[Family, ...] = (
    *(flat(f"flat, AR(0.9) 1%, {n} epochs", autoregressive(0.9, 0.01), n) for n in (30, 300, 1_000)),
    *(flat(f"flat, iid 0.6%, {n} epochs", iid(0.006), n) for n in (15, 30, 1_000)),
    *(flat(f"spikes, {n} epochs", spikes, n) for n in (40, 400)),
    *(flat(f"last-epoch spike, {n} epochs", last_spike, n) for n in (20, 500)),
    flat("learning-rate cycles, 600 epochs", cycles, 600),
    constant("constant, iid 0.6%", iid(0.006)),
    constant("constant, AR(0.9) 1%", autoregressive(0.9, 0.01)),
    constant("constant, no noise", iid(0.0)),
    without_train(flat("flat, AR(0.9) 1%", autoregressive(0.9, 0.01))),
    scaled(flat("flat, AR(0.9) 1%", autoregressive(0.9, 0.01)), 100),
    scaled(flat("flat, AR(0.9) 1%", autoregressive(0.9, 0.01)), 0.001),
    as_accuracy(flat("flat, AR(0.9) 1%", autoregressive(0.9, 0.01))),
    as_accuracy(flat("flat, iid 0.6%", iid(0.006))),
    *(rising(f"rise 3%, iid 0.6%, {n} epochs", 0.03, iid(0.006), n) for n in (60, 1_000)),
    *(rising(f"rise 60%, {n} epochs", 0.6, iid(0.01), n) for n in (20, 1_000)),
    rising("rise 20%, faster and faster", 0.2, iid(0.006), curved=True),
    rising("rise 8%, AR(0.9) 1%, 1,000 epochs", 0.08, autoregressive(0.9, 0.01), 1_000),
    without_train(rising("rise 8%, AR(0.9) 1%", 0.08, autoregressive(0.9, 0.01))),
    scaled(rising("rise 3%, iid 0.6%", 0.03, iid(0.006)), 100),
    scaled(rising("rise 3%, iid 0.6%", 0.03, iid(0.006)), 0.001),
    as_accuracy(rising("rise 8%, iid 0.6%", 0.08, iid(0.006))),
    *(falling(f"still falling, {n} epochs", iid(0.006), n) for n in (30, 1_000)),
    falling("still falling, 100 epochs, AR(0.8) 0.6%", autoregressive(0.8, 0.006)),
    without_train(falling("still falling, 100 epochs", iid(0.006))),
    without_train(falling("still falling, 10 epochs", iid(0.004), 10)),
    as_accuracy(falling("still falling, 100 epochs", iid(0.006))),
)

"""Eight processes that draw any number of labelled rows, so the truth can be measured.

A maker in `PROCESSES` draws one task (its teacher, its noise) from a generator and returns the `Process`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np

from gengap.data import collider

Kind = Literal["binary", "classes", "regression"]
Rows = tuple[np.ndarray, np.ndarray]
Draw = Callable[[int, np.random.Generator], Rows]


@dataclass(frozen=True)
class Process:
    """One task. `draw(rows, rng)` gives features (rows, d) float32 and targets (rows,): float32, classes int32."""

    name: str
    kind: Kind
    outputs: int
    draw: Draw


def simulated_collider(rng: np.random.Generator) -> Process:
    """gengap's simulation of the process behind HIGGS: 28 features."""
    del rng

    def draw(rows: int, rng: np.random.Generator) -> Rows:
        features, labels = _events()
        chosen = rng.choice(len(labels), rows, replace=False)
        return features[chosen], labels[chosen]

    return Process("collider", "binary", 1, draw)


@cache
def _events() -> Rows:
    return collider.events(1_000_000, seed=77)


def teacher(rng: np.random.Generator) -> Process:
    """A random tanh network whose output is the log-odds of label 1; small odds are noise."""
    inputs, units, strength = int(rng.integers(5, 31)), int(rng.integers(3, 21)), rng.uniform(1, 8)
    first = rng.normal(size=(inputs, units)) * rng.uniform(1, 2) / np.sqrt(inputs)
    second = rng.normal(size=units) * strength / np.sqrt(units)

    def draw(rows: int, rng: np.random.Generator) -> Rows:
        x = rng.normal(size=(rows, inputs))
        odds = np.tanh(x @ first) @ second
        return _f32(x), _f32(rng.random(rows) < 1 / (1 + np.exp(-odds)))

    return Process("teacher", "binary", 1, draw)


def clusters(rng: np.random.Generator) -> Process:
    """Gaussian clusters on a hypercube's corners, labels by cluster, some flipped, redundant and noise columns."""
    true, redundant, noise = int(rng.integers(3, 8)), int(rng.integers(0, 8)), int(rng.integers(0, 12))
    spread, flipped = rng.uniform(0.5, 1.1), rng.uniform(0, 0.25)
    corners = np.array(np.meshgrid(*[[-1, 1]] * true)).reshape(true, -1).T
    labels, mixing = rng.permutation(len(corners)) % 2, rng.normal(size=(true, redundant))

    def draw(rows: int, rng: np.random.Generator) -> Rows:
        which = rng.integers(len(corners), size=rows)
        x = corners[which] + spread * rng.normal(size=(rows, true))
        y = labels[which] ^ (rng.random(rows) < flipped)
        return _f32(np.hstack([x, x @ mixing, rng.normal(size=(rows, noise))])), _f32(y)

    return Process("clusters", "binary", 1, draw)


def checkerboard(rng: np.random.Generator) -> Process:
    """Squares of alternating label in the plane, some labels flipped, with columns of noise."""
    squares, noise, flipped = int(rng.integers(2, 5)), int(rng.integers(0, 9)), rng.uniform(0, 0.2)

    def draw(rows: int, rng: np.random.Generator) -> Rows:
        x = rng.uniform(-1, 1, size=(rows, 2 + noise))
        y = np.floor((x[:, :2] + 1) / 2 * squares).sum(1) % 2 == 1
        return _f32(x), _f32(y ^ (rng.random(rows) < flipped))

    return Process("checkerboard", "binary", 1, draw)


def spirals(rng: np.random.Generator) -> Process:
    """Two to four spiral arms with jitter, with columns of noise: the class is the arm."""
    arms, noise = int(rng.integers(2, 5)), int(rng.integers(0, 6))
    turns, jitter = rng.uniform(0.5, 1.2), rng.uniform(0.05, 0.25)

    def draw(rows: int, rng: np.random.Generator) -> Rows:
        arm, radius = rng.integers(arms, size=rows), np.sqrt(rng.random(rows))
        angle = 2 * np.pi * (turns * radius + arm / arms)
        plane = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1) + jitter * rng.normal(size=(rows, 2))
        return _f32(np.hstack([plane, rng.normal(size=(rows, noise))])), arm.astype(np.int32)

    return Process("spirals", "classes", arms, draw)


def classes_teacher(rng: np.random.Generator) -> Process:
    """A random network's softmax over 3-10 classes, on correlated features."""
    inputs, units, classes = int(rng.integers(8, 41)), int(rng.integers(8, 33)), int(rng.integers(3, 11))
    mixing = rng.normal(size=(inputs, inputs)) / np.sqrt(inputs)
    first = rng.normal(size=(inputs, units)) * 1.5 / np.sqrt(inputs)
    second = rng.normal(size=(units, classes)) * rng.uniform(0.5, 5) / np.sqrt(units)

    def draw(rows: int, rng: np.random.Generator) -> Rows:
        x = rng.normal(size=(rows, inputs)) @ mixing
        scores = np.maximum(x @ first, 0) @ second + rng.gumbel(size=(rows, classes))
        return _f32(x), scores.argmax(1).astype(np.int32)

    return Process("classes-teacher", "classes", classes, draw)


def words(rng: np.random.Generator) -> Process:
    """Counts of 60-200 words in short texts of 2-6 topics that share most of their vocabulary."""
    vocabulary, topics, length = int(rng.integers(60, 201)), int(rng.integers(2, 7)), rng.uniform(8, 40)
    common = rng.dirichlet(np.full(vocabulary, 0.5))
    own = rng.dirichlet(np.full(vocabulary, 0.1), size=topics)
    rates = length * (common + rng.uniform(0.05, 0.4) * (own - common))

    def draw(rows: int, rng: np.random.Generator) -> Rows:
        topic = rng.integers(topics, size=rows)
        return _f32(np.log1p(rng.poisson(rates[topic]))), topic.astype(np.int32)

    return Process("words", "classes", topics, draw)


def friedman(rng: np.random.Generator) -> Process:
    """Friedman's first regression function (1991, section 4.3) of 5 columns, with columns of noise."""
    noise_columns, noise = int(rng.integers(0, 16)), rng.uniform(0.1, 1.0)

    def draw(rows: int, rng: np.random.Generator) -> Rows:
        x = rng.random((rows, 5 + noise_columns))
        y = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
        return _f32(x), _f32((y - 14.4) / 4.9 + noise * rng.normal(size=rows))

    return Process("friedman", "regression", 1, draw)


PROCESSES: dict[str, Callable[[np.random.Generator], Process]] = {
    "collider": simulated_collider,
    "teacher": teacher,
    "clusters": clusters,
    "checkerboard": checkerboard,
    "spirals": spirals,
    "classes-teacher": classes_teacher,
    "words": words,
    "friedman": friedman,
}


def _f32(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, np.float32)

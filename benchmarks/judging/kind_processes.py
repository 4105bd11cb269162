"""Processes of several kinds, besides the tables of `processes`: images, sequences, ratings, heavy tails, noise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.judging.processes import PROCESSES, Process, Rows

SIDE, WINDOW, STAMP = 8, 4, 3  # of an image, of the parts that a network looks at, and of what they show
MOTIF, LETTERS, LENGTH = 3, 4, 10  # of a sequence's sought motif, alphabet and length


def _windows(images: np.ndarray) -> np.ndarray:
    """Return images (rows, SIDE, SIDE) as their four quarters, one after the other: (rows, 64)."""
    parts = np.lib.stride_tricks.sliding_window_view(images, (WINDOW, WINDOW), axis=(1, 2))[:, ::WINDOW, ::WINDOW]
    return np.ascontiguousarray(parts.reshape(len(images), -1), np.float32)


def shapes(rng: np.random.Generator) -> Process:
    """Draw noisy images of one of several random 3 x 3 stamps, at random places."""
    classes, noise, wrong = int(rng.integers(3, 7)), rng.uniform(0.3, 1.0), rng.choice([0.0, 0.1, 0.25])
    stamps = rng.normal(size=(classes, STAMP, STAMP))

    def draw(rows: int, rng: np.random.Generator) -> Rows:
        y, corner = rng.integers(classes, size=rows), rng.integers(SIDE - STAMP, size=(rows, 2))
        images = noise * rng.normal(size=(rows, SIDE, SIDE))
        for i in range(STAMP):
            for j in range(STAMP):
                images[np.arange(rows), corner[:, 0] + i, corner[:, 1] + j] += stamps[y, i, j]
        return _windows(images), _relabelled(y, classes, wrong, rng)

    return Process("shapes", "classes", classes, draw)


def textures(rng: np.random.Generator) -> Process:
    """Draw noisy gratings of one of several frequencies and directions, at random phases."""
    classes, noise = int(rng.integers(3, 7)), rng.uniform(0.5, 1.6)
    waves = rng.uniform(-2.2, 2.2, (classes, 2))
    across = np.arange(SIDE)

    def draw(rows: int, rng: np.random.Generator) -> Rows:
        y, phase = rng.integers(classes, size=rows), rng.uniform(0, 2 * np.pi, rows)
        place = waves[y, 0, None, None] * across[:, None] + waves[y, 1, None, None] * across
        images = np.sin(place + phase[:, None, None]) + noise * rng.normal(size=(rows, SIDE, SIDE))
        return _windows(images), y.astype(np.int32)

    return Process("textures", "classes", classes, draw)


def markov(rng: np.random.Generator) -> Process:
    """Draw the next of 10 symbols after three; it depends on two of them."""
    symbols = 10
    chances = rng.dirichlet(np.full(symbols, rng.uniform(0.1, 0.6)), size=(symbols, symbols)).cumsum(-1)

    def draw(rows: int, rng: np.random.Generator) -> Rows:
        context = rng.integers(symbols, size=(rows, 3))
        y = (rng.random((rows, 1)) > chances[context[:, 0], context[:, 1]]).sum(-1)
        return np.eye(symbols, dtype=np.float32)[context].reshape(rows, -1), np.minimum(y, 9).astype(np.int32)

    return Process("markov", "classes", symbols, draw)


def motifs(rng: np.random.Generator) -> Process:
    """Draw letter sequences; the class is the motif that one of them holds, with some letters changed."""
    classes, changed = int(rng.integers(2, 6)), rng.uniform(0.0, 0.25)
    sought = rng.integers(LETTERS, size=(classes, MOTIF))

    def draw(rows: int, rng: np.random.Generator) -> Rows:
        y, start = rng.integers(classes, size=rows), rng.integers(LENGTH - MOTIF, size=rows)
        letters = rng.integers(LETTERS, size=(rows, LENGTH))
        for i in range(MOTIF):
            kept = rng.random(rows) >= changed
            letters[np.flatnonzero(kept), (start + i)[kept]] = sought[y[kept], i]
        coded = np.eye(LETTERS, dtype=np.float32)[letters]
        parts = np.lib.stride_tricks.sliding_window_view(coded, MOTIF, axis=1)
        return np.ascontiguousarray(parts.reshape(rows, -1), np.float32), y.astype(np.int32)

    return Process("motifs", "classes", classes, draw)


def ratings(rng: np.random.Generator) -> Process:
    """Draw ratings of 30 items by 40 users, from hidden factors, with noise."""
    users, items, rank, noise = 40, 30, int(rng.integers(1, 4)), rng.uniform(0.3, 1.0)
    a, b = rng.normal(size=(users, rank)), rng.normal(size=(items, rank))

    def draw(rows: int, rng: np.random.Generator) -> Rows:
        user, item = rng.integers(users, size=rows), rng.integers(items, size=rows)
        x = np.concatenate([np.eye(users)[user], np.eye(items)[item]], 1).astype(np.float32)
        return x, ((a[user] * b[item]).sum(1) / np.sqrt(rank) + noise * rng.normal(size=rows)).astype(np.float32)

    return Process("ratings", "regression", 1, draw)


def student(rng: np.random.Generator) -> Process:
    """Draw a random network's values with Student's t noise of 2.2 to 4 degrees of freedom."""
    inputs, freedom, noise = int(rng.integers(6, 21)), rng.uniform(2.2, 4), rng.uniform(0.2, 0.8)
    first, second = rng.normal(size=(inputs, 16)) / np.sqrt(inputs), rng.normal(size=16) / 4

    def draw(rows: int, rng: np.random.Generator) -> Rows:
        x = rng.normal(size=(rows, inputs)).astype(np.float32)
        y = np.tanh(2 * x @ first) @ second + noise * rng.standard_t(freedom, rows)
        return x, y.astype(np.float32)

    return Process("student", "regression", 1, draw)


def claims(rng: np.random.Generator) -> Process:
    """Draw insurance-like sums: mostly none, else log-normal with a scale that depends on the columns."""
    inputs, share, spread = int(rng.integers(5, 16)), rng.uniform(0.2, 0.6), rng.uniform(0.5, 1.0)
    slope = rng.normal(size=inputs) / np.sqrt(inputs)

    def draw(rows: int, rng: np.random.Generator) -> Rows:
        x = rng.normal(size=(rows, inputs)).astype(np.float32)
        sums = np.exp(x @ slope + spread * rng.normal(size=rows)) * (rng.random(rows) < share)
        return x, sums.astype(np.float32)

    return Process("claims", "regression", 1, draw)


def noisy_labels(rng: np.random.Generator) -> Process:
    """Draw well separated clusters with 15 to 40% wrong labels in every sample."""
    inputs, classes, wrong = int(rng.integers(8, 31)), int(rng.integers(3, 8)), rng.uniform(0.15, 0.4)
    centres = rng.normal(size=(classes, inputs)) * rng.uniform(0.8, 1.6)

    def draw(rows: int, rng: np.random.Generator) -> Rows:
        y = rng.integers(classes, size=rows)
        x = (centres[y] + rng.normal(size=(rows, inputs))).astype(np.float32)
        return x, _relabelled(y, classes, wrong, rng)

    return Process("noisy-labels", "classes", classes, draw)


def two_scales(rng: np.random.Generator) -> Process:
    """Draw a linear function of a few large and many small columns, with noise: losses may descend twice."""
    large, small, noise = int(rng.integers(5, 15)), int(rng.integers(15, 45)), rng.uniform(0.3, 1.0)
    scale = np.concatenate([np.ones(large), np.full(small, rng.uniform(0.1, 0.35))])
    slope = rng.normal(size=large + small) / np.sqrt(large) / np.maximum(scale, 0.2)

    def draw(rows: int, rng: np.random.Generator) -> Rows:
        x = rng.normal(size=(rows, large + small)) * scale
        return x.astype(np.float32), (x @ slope + noise * rng.normal(size=rows)).astype(np.float32)

    return Process("two-scales", "regression", 1, draw)


def _relabelled(y: np.ndarray, classes: int, wrong: float, rng: np.random.Generator) -> np.ndarray:
    return np.where(rng.random(len(y)) < wrong, rng.integers(classes, size=len(y)), y).astype(np.int32)


PATCHES = {"shapes": 4, "textures": 4, "motifs": LENGTH - MOTIF + 1}
# Each kind of runs with its processes. The last process of each kind is for reporting only: it chooses nothing.
KINDS: dict[str, dict[str, Callable[[np.random.Generator], Process]]] = {
    "tables": {name: PROCESSES[name] for name in ("collider", "teacher", "clusters", "friedman", "spirals")},
    "images": {"shapes": shapes, "textures": textures},
    "sequences": {"markov": markov, "words": PROCESSES["words"], "motifs": motifs},
    "fine-tuning": {"classes-teacher": PROCESSES["classes-teacher"], "shapes": shapes},
    "boosted": {"teacher": PROCESSES["teacher"], "friedman": PROCESSES["friedman"], "student": student},
    "heavy-tails": {"student": student, "ratings": ratings, "claims": claims},
    "schedules": {"teacher": PROCESSES["teacher"], "checkerboard": PROCESSES["checkerboard"]},
    "label-noise": {"noisy-labels": noisy_labels, "two-scales": two_scales},
}

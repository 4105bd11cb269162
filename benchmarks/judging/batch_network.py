"""Train several small networks of one shape at once, in plain numpy: the first axis of every array is the run.

A network sees each row as `patches` equal parts. One shared layer maps every part to hidden units, their mean over
the parts goes on (a convolution with global pooling; one part gives a perceptron), and dense layers follow.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from benchmarks.judging.processes import Kind

Weights = list[np.ndarray]  # kernel (runs, a, b), bias (runs, 1, b), kernel, ...
BLOCK = 500  # population rows evaluated at a time


@dataclass(frozen=True, eq=False)
class BatchSetup:
    """How a group of runs trains. `rates` and `decays` (runs,) differ by run, everything else is shared.

    `schedule` is constant, cosine (to a hundredth), step (three drops to 0.3), cyclic (triangles of `cycle`
    epochs), restarts (cosines of `cycle` epochs) or warmup (a tenth up, then linearly to a fiftieth).
    """

    kind: Kind
    outputs: int
    patches: int
    units: tuple[int, ...]
    adam: bool
    rates: np.ndarray
    decays: np.ndarray
    dropout: float
    batch: int
    schedule: str
    cycle: int
    epochs: int

    def factor(self, epoch: int) -> float:
        """Return the learning rate of an epoch, counted from 0, as a share of the highest."""
        done, phase = min(epoch / max(self.epochs - 1, 1), 1.0), (epoch % self.cycle) / self.cycle
        return {
            "constant": 1.0,
            "cosine": 0.505 + 0.495 * np.cos(np.pi * done),
            "step": 0.3 ** min(int(4 * done), 3),
            "cyclic": 0.1 + 0.9 * abs(1 - 2 * phase),
            "restarts": 0.505 + 0.495 * np.cos(np.pi * phase),
            "warmup": max(min((epoch + 1) / max(self.epochs / 10, 1), 1.02 - done), 0.02),
        }[self.schedule]


def initial_weights(inputs: int, setup: BatchSetup, rng: np.random.Generator) -> Weights:
    """Draw He-scaled weights."""
    runs, weights = len(setup.rates), []
    for a, b in pairwise((inputs // setup.patches, *setup.units, setup.outputs)):
        weights.append((rng.normal(size=(runs, a, b)) * np.sqrt(2 / (a + b))).astype(np.float32))
        weights.append(np.zeros((runs, 1, b), np.float32))
    return weights


@dataclass
class Optimizer:
    """SGD with momentum 0.9, or Adam; decay shrinks kernels directly."""

    setup: BatchSetup
    steps: int = 0
    first: Weights = field(default_factory=list)
    second: Weights = field(default_factory=list)

    def update(self, weights: Weights, slopes: Weights, factor: float) -> None:
        """Change the weights in place by one step."""
        self.first = self.first or [np.zeros_like(w) for w in weights]
        self.second = self.second or [np.zeros_like(w) for w in weights]
        self.steps += 1
        rate = (factor * self.setup.rates)[:, None, None].astype(np.float32)
        for i, (w, g, m, v) in enumerate(zip(weights, slopes, self.first, self.second, strict=True)):
            if self.setup.adam:
                m += 0.1 * (g - m)
                v += 0.001 * (g * g - v)
                scale = np.float32(np.sqrt(1 - 0.999**self.steps) / (1 - 0.9**self.steps))
                move = scale * m / (np.sqrt(v) + np.float32(1e-7))
            else:
                m *= 0.9
                m += g
                move = m
            w -= rate * move
            if i % 2 == 0:
                w -= rate * self.setup.decays[:, None, None].astype(np.float32) * w


def forward(weights: Weights, x: np.ndarray, patches: int, mask: np.ndarray | None = None) -> list[np.ndarray]:
    """Return the activations of every layer on x (runs, rows, inputs); the last are the scores."""
    runs, rows, _ = x.shape
    hidden = np.maximum(x.reshape(runs, rows * patches, -1) @ weights[0] + weights[1], 0)
    layers = [x, hidden, hidden.reshape(runs, rows, patches, -1).mean(2) if patches > 1 else hidden]
    for i in range(2, len(weights) - 2, 2):
        layers.append(np.maximum(layers[-1] @ weights[i] + weights[i + 1], 0))
    if mask is not None:
        layers[-1] = layers[-1] * mask
    return [*layers, layers[-1] @ weights[-2] + weights[-1]]


def losses_and_slopes(kind: Kind, scores: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each row's loss (runs, rows), and its slope with respect to the scores (runs, rows, outputs)."""
    if kind == "classes":
        shifted = scores - scores.max(-1, keepdims=True)
        chances = np.exp(shifted)
        total = chances.sum(-1, keepdims=True)
        picked = np.take_along_axis(shifted, y[..., None], -1)[..., 0]
        slope = chances / total
        np.put_along_axis(slope, y[..., None], np.take_along_axis(slope, y[..., None], -1) - 1, -1)
        return np.log(total[..., 0]) - picked, slope
    score = scores[..., 0]
    if kind == "regression":
        return (score - y) ** 2, (2 * (score - y))[..., None]
    with np.errstate(over="ignore"):
        return np.logaddexp(0, score) - score * y, (1 / (1 + np.exp(-score)) - y)[..., None]


def _slopes(weights: Weights, layers: list[np.ndarray], top: np.ndarray, patches: int, mask) -> Weights:
    """Return the weights' slopes by going back through the layers."""
    slopes: Weights = [np.empty(0)] * len(weights)
    for i in range(len(weights) - 2, -1, -2):
        below = layers[0].reshape(*layers[1].shape[:2], -1) if i == 0 else layers[i // 2 + 1]
        slopes[i], slopes[i + 1] = below.transpose(0, 2, 1) @ top, top.sum(1, keepdims=True)
        if i == 0:
            break
        top = top @ weights[i].transpose(0, 2, 1)
        if mask is not None and i == len(weights) - 2:
            top = top * mask
        if i > 2:
            top = top * (below > 0)
        else:
            top = np.repeat(top / patches, patches, axis=1) * (layers[1] > 0)
    return slopes


def train_epoch(
    setup: BatchSetup,
    weights: Weights,
    optimizer: Optimizer,
    rows: tuple[np.ndarray, np.ndarray],
    epoch: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Train one epoch in place; return its logged loss: averaged while weights change, with dropout."""
    x, y = rows
    order, total = rng.permutation(x.shape[1]), np.zeros(len(x))
    for start in range(0, len(order), setup.batch):
        chosen = order[start : start + setup.batch]
        mask = None
        if setup.dropout:
            shape = (len(x), len(chosen), setup.units[-1])
            mask = ((rng.random(shape) >= setup.dropout) / (1 - setup.dropout)).astype(np.float32)
        layers = forward(weights, x[:, chosen], setup.patches, mask)
        losses, slope = losses_and_slopes(setup.kind, layers[-1], y[:, chosen])
        total += losses.sum(1)
        top = (slope / len(chosen)).astype(np.float32)
        optimizer.update(weights, _slopes(weights, layers, top, setup.patches, mask), setup.factor(epoch))
    return total / len(order)


def mean_losses(setup: BatchSetup, weights: Weights, rows: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Return each run's mean loss (runs,) on rows: x (runs or 1, n, inputs) and y."""
    x, y = rows
    total = np.zeros(len(weights[0]))
    for start in range(0, x.shape[1], BLOCK):
        part = slice(start, start + BLOCK)
        wide = np.broadcast_to(x[:, part], (len(total), *x[:, part].shape[1:]))
        scores = forward(weights, wide, setup.patches)[-1]
        total += losses_and_slopes(setup.kind, scores, np.broadcast_to(y[:, part], scores.shape[:2]))[0].sum(1)
    return total / x.shape[1]

"""A small trainer of perceptrons in plain JAX: an epoch is one compiled program, nothing else is clever.

It logs what frameworks log: the training loss averaged over the epoch while the weights change, with dropout on
and the penalty in; validation after the epoch. It also keeps every validation row's loss.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.judging.processes import Kind, Rows

BLOCK = 5_000  # population rows evaluated at a time, so that activations stay in the processor's cache


@dataclass(frozen=True)
class Setup:
    """How one run trains. `schedule` is constant, cosine (to a tenth), step (three drops to 0.3) or cyclic
    (triangles down to a tenth, `cycle` epochs each). After `epochs`, cycles go on and the others keep their rate.
    """

    layers: int
    units: int
    optimizer: str
    rate: float
    schedule: str
    cycle: int
    batch: int
    l2: float
    dropout: float
    decay: float
    epochs: int

    def rate_at(self, epoch: int) -> float:
        """The learning rate of an epoch, counted from 0."""
        done = min(epoch / max(self.epochs - 1, 1), 1.0)
        if self.schedule == "cosine":
            return self.rate * (0.55 + 0.45 * math.cos(math.pi * done))
        if self.schedule == "step":
            return self.rate * 0.3 ** min(int(4 * done), 3)
        if self.schedule == "cyclic":
            return self.rate * (0.1 + 0.9 * abs(1 - 2 * (epoch % self.cycle) / self.cycle))
        return self.rate


class State(NamedTuple):
    """Weights [(kernel, bias)…], two moments of their shape, and the number of steps."""

    weights: Any
    first: Any
    second: Any
    steps: jax.Array


class EpochLog(NamedTuple):
    """One epoch's logs: training means (loss with penalty and dropout; share right), validation by row."""

    train: jax.Array
    train_right: jax.Array
    clean_train: jax.Array
    validation_rows: jax.Array
    validation_right: jax.Array


class Program(NamedTuple):
    """The compiled parts of one run: an epoch of training, and mean losses of many rows."""

    start: State
    epoch: Callable[[State, np.ndarray, float, jax.Array], tuple[State, EpochLog]]
    mean_loss: Callable[[Any], float]


def build(
    setup: Setup, kind: Kind, outputs: int, train: Rows, validation: Rows, population: Rows, seed: int
) -> Program:
    """The programs of one run over its rows; `population` must be a multiple of BLOCK."""
    arrays = jax.tree.map(jnp.asarray, (train, validation))
    blocks = jax.tree.map(lambda a: jnp.asarray(a.reshape(-1, BLOCK, *a.shape[1:])), population)
    weights = _initial(train[0].shape[1], setup, outputs, np.random.default_rng(seed))
    zeros = jax.tree.map(jnp.zeros_like, weights)
    epoch = jax.jit(partial(_epoch, setup, kind))
    mean_loss = jax.jit(partial(_mean_loss, kind))
    return Program(
        State(weights, zeros, zeros, jnp.zeros((), jnp.int32)),
        lambda state, order, rate, key: epoch(state, arrays, order, rate, key),
        lambda weights: float(mean_loss(weights, blocks)),
    )


def epoch_order(rng: np.random.Generator, rows: int, batch: int) -> np.ndarray:
    """A random order of rows as (steps, batch) indices; -1 fills the last batch up."""
    steps = math.ceil(rows / batch)
    order = np.full(steps * batch, -1, np.int32)
    order[:rows] = rng.permutation(rows)
    return order.reshape(steps, batch)


def _initial(inputs: int, setup: Setup, outputs: int, rng: np.random.Generator) -> Any:
    widths = [inputs, *[setup.units] * setup.layers, outputs]
    kernels = [rng.normal(size=(a, b)) * math.sqrt(2 / (a + b)) for a, b in pairwise(widths)]
    return [(jnp.asarray(k, jnp.float32), jnp.zeros(k.shape[1], jnp.float32)) for k in kernels]


def _forward(weights: Any, x: jax.Array, dropout: float = 0.0, key: jax.Array | None = None) -> jax.Array:
    for depth, (kernel, bias) in enumerate(weights[:-1]):
        x = jax.nn.relu(x @ kernel + bias)
        if dropout and key is not None:
            mask = jax.random.bernoulli(jax.random.fold_in(key, depth), 1 - dropout, x.shape)
            x = jnp.where(mask, x / (1 - dropout), 0)
    kernel, bias = weights[-1]
    return x @ kernel + bias


def _losses(kind: Kind, scores: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Each row's loss, and whether it is right (0 for a regression)."""
    if kind == "classes":
        logs = jax.nn.log_softmax(scores)
        return -jnp.take_along_axis(logs, y[:, None], 1)[:, 0], scores.argmax(1) == y
    score = scores[:, 0]
    if kind == "regression":
        return (score - y) ** 2, jnp.zeros(score.shape, bool)
    return jax.nn.softplus(score) - score * y, (score > 0) == (y > 0.5)


def _epoch(
    setup: Setup, kind: Kind, state: State, arrays: Any, order: jax.Array, rate: float, key: jax.Array
) -> tuple[State, EpochLog]:
    (x, y), (x_validation, y_validation) = arrays

    def loss_of(weights: Any, indices: jax.Array, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        there = indices >= 0
        losses, right = _losses(kind, _forward(weights, x[indices], setup.dropout, key), y[indices])
        penalty = setup.l2 * sum((kernel**2).sum() for kernel, _ in weights) if setup.l2 else 0.0
        return (losses * there).sum() / there.sum() + penalty, (right * there).sum()

    def step(carry: tuple[State, jax.Array], indices: jax.Array) -> tuple[tuple[State, jax.Array], Any]:
        state, key = carry
        own = jax.random.fold_in(key, state.steps) if setup.dropout else key
        (loss, right), slopes = jax.value_and_grad(loss_of, has_aux=True)(state.weights, indices, own)
        return (_updated(setup, state, slopes, rate), key), (loss * (indices >= 0).sum(), right)

    (state, _), (losses, right) = jax.lax.scan(step, (state, key), order)
    clean, _ = _losses(kind, _forward(state.weights, x), y)
    rows, rows_right = _losses(kind, _forward(state.weights, x_validation), y_validation)
    return state, EpochLog(losses.sum() / len(y), right.sum() / len(y), clean.mean(), rows, rows_right.mean())


def _updated(setup: Setup, state: State, slopes: Any, rate: float) -> State:
    """One step of SGD with momentum 0.9, or of Adam; `decay` shrinks weights directly (AdamW)."""
    steps = state.steps + 1
    if setup.optimizer == "sgd":
        first = jax.tree.map(lambda m, g: 0.9 * m + g, state.first, slopes)
        moves, second = first, state.second
    else:
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, state.first, slopes)
        second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, state.second, slopes)
        scale = jnp.sqrt(1 - 0.999**steps) / (1 - 0.9**steps)
        moves = jax.tree.map(lambda m, v: scale * m / (jnp.sqrt(v) + 1e-7), first, second)
    weights = jax.tree.map(lambda w, move: w - rate * (move + setup.decay * w), state.weights, moves)
    return State(weights, first, second, steps)


def _mean_loss(kind: Kind, weights: Any, blocks: Rows) -> jax.Array:
    return jax.lax.map(lambda block: _losses(kind, _forward(weights, block[0]), block[1])[0].mean(), blocks).mean()

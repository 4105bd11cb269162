"""Chunks of epochs of any Keras model as one XLA program.

`ChunkProgram` is traced once for a model: an epoch is a `lax.scan` over batches, a chunk a `lax.while_loop` over
epochs, which ends at the epoch at which the stopping rule ends training. Everything that differs between trials
of one shape (weights, seeds, data, the rule's numbers, how many epochs) is an argument, so that they share the
program. `gengap.train.jax.compilation` compiles and keeps it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gengap.models.backend import keras
from gengap.models.keras_internals import average_places, call_takes_training, losses_replaced, penalty_count
from gengap.train.stopping import EarlyStopping, EarlyStoppingState, update
from gengap.train.types import recorded_rows

PREDICT_ROWS = 16_384  # rows put through the model at once, outside training, ...
PREDICT_VALUES = 2**21  # ... and values in them


class ModelState(NamedTuple):
    """A model's and its optimizer's variables, as lists of arrays in Keras' order."""

    trainable: list[Any]
    fixed: list[Any]
    optimizer: list[Any]

    @classmethod
    def of(cls, model: keras.Model) -> ModelState:
        """Copy the variables' values: the program takes over the buffers of its arguments."""
        groups = (model.trainable_variables, model.non_trainable_variables, model.optimizer.variables)
        return cls(*([jnp.array(v.value) for v in group] for group in groups))


class DeviceData(NamedTuple):
    """Rows on the device. `x_evaluated` holds the validation rows, then the clean training sample.

    Each field is an array, or a list, tuple or dict of arrays if the model takes that. Weights may be None.
    """

    x: Any
    y: Any
    weights: Any
    x_evaluated: Any
    y_validation: Any
    weights_validation: Any
    y_clean: Any
    weights_clean: Any


class ChunkState(NamedTuple):
    """What one chunk hands to the next: variables, the best epoch's weights, and the stopping rule's state."""

    model: ModelState
    best: tuple[list[Any], list[Any]]
    stopping: EarlyStoppingState

    @classmethod
    def of(cls, model: keras.Model) -> ChunkState:
        """Return the state at the start of a trial."""
        state = ModelState.of(model)
        best = ([jnp.array(v) for v in state.trainable], [jnp.array(v) for v in state.fixed])
        return cls(state, best, EarlyStoppingState.start())


class ChunkResult(NamedTuple):
    """The result of a chunk. It ran `done` epochs; later rows of `logs` and `outputs` are unused."""

    state: ChunkState
    done: Any
    stop: Any
    diverged: Any
    logs: Any
    outputs: Any


class ChunkProgram:
    """The functions that a model's programs are compiled from.

    Attributes:
        columns: Names of the logged values in order, (split, metric); known once an epoch is traced.
        batch_values: How many values a batch has; known once an epoch is traced.
    """

    def __init__(
        self,
        model: keras.Model,
        batch: int,
        capacity: int,
        monitor: str,
        row_values: Callable[[Any, Any], Any] | None = None,
        averaged: bool = False,
    ) -> None:
        self.model, self.batch, self.capacity, self.monitor = model, batch, capacity, monitor
        self._row_values = row_values
        self._averages = average_places(model.optimizer) if averaged else None
        self._fresh_metrics = [jnp.array(v.value) for v in model.metrics_variables]
        self._value_and_grad = jax.value_and_grad(model.compute_loss_and_updates, has_aux=True)
        self._adds_losses = False
        self.batch_values = 0
        self.columns: list[tuple[str, str]] = []

    def chunk(
        self, start: ChunkState, rule: EarlyStopping, data: DeviceData, orders: Any, first_epoch: Any, epochs: Any
    ) -> ChunkResult:
        """Run up to `epochs` epochs (at most `capacity`); end at the epoch at which the rule ends training."""
        row, outputs = jax.eval_shape(lambda model: self._epoch(model, data, orders[0])[1:], start.model)

        def one(c: ChunkResult) -> ChunkResult:
            trained = self._epoch(c.state.model, data, orders[c.done])
            return self._with_epoch(c, rule, first_epoch + c.done, *trained)

        empty = self._empty_chunk(start, data, row, outputs)
        return lax.while_loop(lambda c: (c.done < epochs) & ~c.stop & ~c.diverged, one, empty)

    def buffer(
        self, carry: tuple[ModelState, list[Any]], loss: Any, rows: tuple[Any, ...], order: Any
    ) -> tuple[tuple[ModelState, list[Any]], Any]:
        """Train on one buffer of an epoch, and add the sum of its rows' losses to `loss`."""
        carry, total = self._train_on(carry, rows, order)
        return carry, loss + total

    def end_of_epoch(
        self, start: ChunkState, metrics: list[Any], loss: Any, rule: EarlyStopping, data: DeviceData, epoch: Any
    ) -> ChunkResult:
        """End an epoch after its last buffer, as a chunk of one epoch. `loss` is the mean over the epoch's rows."""
        model, row, outputs = self._evaluated(start.model, metrics, loss, data)
        return self._with_epoch(self._empty_chunk(start, data, row, outputs), rule, epoch, model, row, outputs)

    def _empty_chunk(self, start: ChunkState, data: DeviceData, row: Any, outputs: Any) -> ChunkResult:
        """Return a chunk of no epochs, with room for the logs and outputs of `capacity` ones."""
        rows = recorded_rows(row_count(data.y_validation))
        logs = jnp.zeros((self.capacity, *row.shape), row.dtype)
        recorded = jnp.zeros((self.capacity, len(rows), *outputs.shape[1:]), outputs.dtype)
        return ChunkResult(start, jnp.int32(0), jnp.bool_(False), jnp.bool_(False), logs, recorded)

    def _with_epoch(
        self, c: ChunkResult, rule: EarlyStopping, epoch: Any, model: ModelState, row: Any, outputs: Any
    ) -> ChunkResult:
        """Add an epoch to a chunk: its logs and outputs, the rule's new state, and its weights if they are best."""
        monitored = self.columns.index(("validation", self.monitor))
        losses = [self.columns.index((split, "loss")) for split in ("train", "validation")]
        rows = recorded_rows(len(outputs))
        stopping, improved, stop = update(rule, c.state.stopping, epoch, row[monitored])
        weights = (self._shown(model).trainable, model.fixed)
        best = lax.cond(improved, lambda new, _: new, lambda _, old: old, weights, c.state.best)
        diverged = ~jnp.isfinite(row[jnp.array(losses)]).all()
        logs = c.logs.at[c.done].set(row)
        recorded = c.outputs.at[c.done].set(outputs[rows] if len(rows) < len(outputs) else outputs)
        return ChunkResult(ChunkState(model, best, stopping), c.done + 1, stop, diverged, logs, recorded)

    def _epoch(self, state: ModelState, data: DeviceData, order: Any) -> tuple[ModelState, Any, Any]:
        """Train on all rows in `order`, then evaluate: return the state, the logged row and the outputs."""
        rows = (data.x, data.y, data.weights)
        (state, metrics), total = self._train_on((state, self._fresh_metrics), rows, order)
        return self._evaluated(state, metrics, total / row_count(data.x), data)

    def _train_on(
        self, carry: tuple[ModelState, list[Any]], table: tuple[Any, ...], order: Any
    ) -> tuple[tuple[ModelState, list[Any]], Any]:
        """Step over the rows of `table` in `order`; return (state, metrics), and the sum of the rows' losses."""
        rows, size = len(order), min(self.batch, len(order))
        whole = rows - rows % size
        self.batch_values = size * values_per_row(table)

        def step(carry: tuple[ModelState, list[Any]], indices: Any) -> tuple[tuple[ModelState, list[Any]], Any]:
            batch = jax.tree.map(
                lambda part: part.at[indices].get(mode="promise_in_bounds", unique_indices=True), table
            )
            return self._step(carry, batch)

        carry, losses = lax.scan(step, carry, order[:whole].reshape(-1, size))
        total = losses.sum() * size
        if whole < rows:
            carry, loss = step(carry, order[whole:])
            total += loss * (rows - whole)
        return carry, total

    def _evaluated(
        self, state: ModelState, metrics: list[Any], loss: Any, data: DeviceData
    ) -> tuple[ModelState, Any, Any]:
        """Evaluate at an epoch's end: return the state, the logged values (as `columns`), and the outputs."""
        train = {"loss": loss, **self._results(metrics), "learning_rate": self._rate(state)}
        validation, clean, outputs = self._evaluate(self._shown(state), data)
        train |= {f"clean_{name}": value for name, value in clean.items()}
        named = {("train", k): v for k, v in train.items()} | {("validation", k): v for k, v in validation.items()}
        self.columns = list(named)
        return state, jnp.stack([jnp.asarray(v, jnp.float32) for v in named.values()]), outputs

    def _shown(self, state: ModelState) -> ModelState:
        """Return the state with the weights that are evaluated and kept: as they are, or their averages."""
        if self._averages is None:
            return state
        return state._replace(trainable=[state.optimizer[place] for place in self._averages])

    def _step(
        self, carry: tuple[ModelState, list[Any]], batch: tuple[Any, ...]
    ) -> tuple[tuple[ModelState, list[Any]], Any]:
        """Take one optimizer step, as Keras' own JAX trainer does."""
        (trainable, fixed, optimizer), metrics = carry
        x, y, weights = batch
        (_, (loss, outputs, fixed, metrics)), gradients = self._value_and_grad(
            trainable, fixed, metrics, x, y, weights, training=True, optimizer_variables=optimizer
        )
        trainable, optimizer = self.model.optimizer.stateless_apply(optimizer, gradients, trainable)
        state = ModelState(list(trainable), list(fixed), list(optimizer))
        return (state, self._update(metrics, x, y, outputs, weights)), loss

    def _evaluate(self, state: ModelState, data: DeviceData) -> tuple[dict[str, Any], dict[str, Any], Any]:
        """Return validation metrics with penalties, clean training metrics without, and the validation outputs."""
        outputs, penalties = self._predict(state, data.x_evaluated)
        validation_rows, logs = row_count(data.y_validation), []
        splits = [slice(None, validation_rows), slice(validation_rows, None)]
        targets = [(data.y_validation, data.weights_validation), (data.y_clean, data.weights_clean)]
        for split, (y, weights) in zip(splits, targets, strict=True):
            x, out = jax.tree.map(lambda part, split=split: part[split], (data.x_evaluated, outputs))
            # What layers add is a loss of all rows at once, so it can't be sliced out of the outputs.
            losses = self._call(state, x)[1:] if self._adds_losses else ()
            with losses_replaced(self.model, losses):
                loss, (_, _, metrics) = self.model.stateless_compute_loss(
                    *(state.trainable, state.fixed, self._fresh_metrics),
                    **{"x": x, "y": y, "y_pred": out, "sample_weight": weights, "training": False},
                )
            logs.append({"loss": loss, **self._results(self._update(metrics, x, y, out, weights))})
        validation, clean = logs
        clean |= {"loss": clean["loss"] - penalties}
        if self._row_values is None:
            return validation, clean, _concatenated(outputs)[:validation_rows]
        held_out = jax.tree.map(lambda part: part[:validation_rows], outputs)
        return validation, clean, self._row_values(held_out, data.y_validation)

    def _call(self, state: ModelState, x: Any) -> tuple[Any, Any, Any]:
        """Return inference outputs, the sum of the penalties on weights, and the sum of what `add_loss` added."""
        # Keras passes `training` only to models whose call takes it.
        inference = {"training": False} if call_takes_training(self.model) else {}
        outputs, _, losses = self.model.stateless_call(
            state.trainable, state.fixed, x, return_losses=True, **inference
        )
        added = len(losses) - penalty_count(self.model)
        self._adds_losses = added > 0
        penalties, others = (jnp.asarray(sum(part), jnp.float32) for part in (losses[added:], losses[:added]))
        return outputs, penalties, others

    def _predict(self, state: ModelState, x: Any) -> tuple[Any, Any]:
        """Return outputs and penalties, computed in blocks of rows so that memory is bounded."""
        rows = row_count(x)
        size = int(np.clip(PREDICT_VALUES // max(values_per_row(x), 1), 1, PREDICT_ROWS))  # fewer if rows are big
        if rows <= size:
            return self._call(state, x)[:2]
        blocks = -(-rows // size)

        def in_blocks(part: Any) -> Any:
            padded = jnp.concatenate([part, jnp.repeat(part[-1:], blocks * size - rows, axis=0)])
            return padded.reshape(blocks, size, *part.shape[1:])

        outputs, penalties = lax.map(lambda part: self._call(state, part)[:2], jax.tree.map(in_blocks, x))
        return jax.tree.map(lambda part: part.reshape(-1, *part.shape[2:])[:rows], outputs), penalties[0]

    def _update(self, metrics: list[Any], x: Any, y: Any, outputs: Any, weights: Any) -> list[Any]:
        variables = self.model.metrics_variables
        with keras.StatelessScope(state_mapping=list(zip(variables, metrics, strict=True))) as scope:
            self.model.compute_metrics(x, y, outputs, weights)
        return [scope.get_current_value(v) for v in variables]

    def _results(self, metrics: list[Any]) -> dict[str, Any]:
        with keras.StatelessScope(state_mapping=list(zip(self.model.metrics_variables, metrics, strict=True))):
            results = self.model.get_metrics_result()
        return {name: value for name, value in results.items() if name != "loss" and jnp.ndim(value) == 0}

    def _rate(self, state: ModelState) -> Any:
        pairs = zip(self.model.optimizer.variables, state.optimizer, strict=True)
        with keras.StatelessScope(state_mapping=list(pairs)):
            return jnp.asarray(self.model.optimizer.learning_rate)


def row_count(rows: Any) -> int:
    """Return how many rows an array (n, ...), or a list, tuple or dict of such arrays, has."""
    return len(jax.tree.leaves(rows)[0])


def values_per_row(rows: Any) -> int:
    """Return how many values a row of an array (n, ...), or of a list, tuple or dict of such arrays, has."""
    return sum(int(np.prod(part.shape[1:])) for part in jax.tree.leaves(rows))


def _concatenated(outputs: Any) -> Any:
    """Do what `gengap.train.types.concatenate_outputs` does, on the device."""
    arrays = jax.tree.leaves(outputs)
    return arrays[0] if len(arrays) == 1 else jnp.concatenate([p.reshape(len(p), -1) for p in arrays], axis=1)

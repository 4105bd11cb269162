"""Chunks of epochs of any Keras model as one XLA program.

`ChunkProgram` traces a model once: an epoch is a `lax.scan` over batches, a chunk a `lax.while_loop` over epochs
that leaves at the very epoch at which the stopping rule says so. Everything that differs between trials of
one shape (weights, seeds, data, the rule's numbers, how many epochs) is an argument, so that they share the
program; `chunk_program` keeps the programs made.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gengap.models.backend import keras
from gengap.models.keras_internals import call_takes_training, forget_losses, losses_replaced, penalty_count
from gengap.train.jax.cache_key import cache_key
from gengap.train.jax.fast_ops import fast_elu, hashed_randomness
from gengap.train.stopping import SMALL, EarlyStopping, EarlyStoppingState, update
from gengap.train.types import recorded_rows

PREDICT_ROWS = 16_384  # rows put through the model at once, outside training, ...
PREDICT_VALUES = 2**21  # ... and values in them
PROGRAMS_KEPT = 32
SHORT_FLOPS = 3e7  # of one step and one evaluation, by XLA's count; Small has 5e6, Medium 7e7
SHORT_VALUES = 2**18  # in one batch; those of the tutorial have 14,500
Value = TypeVar("Value")


class UntraceableError(Exception):
    """A model that can't be made one program, with the reason in one line."""


class ModelState(NamedTuple):
    """A model's and its optimizer's variables, as lists of arrays in Keras' order."""

    trainable: list[Any]
    fixed: list[Any]
    optimizer: list[Any]

    @classmethod
    def of(cls, model: keras.Model) -> ModelState:
        """Copies, because the program takes over the buffers that it is given."""
        groups = (model.trainable_variables, model.non_trainable_variables, model.optimizer.variables)
        return cls(*([jnp.array(v.value) for v in group] for group in groups))


class DeviceData(NamedTuple):
    """Rows on the device: training, and validation followed by the clean training sample.

    Each is an array or what a model takes instead: a list, tuple or dict of arrays. Weights may be None.
    """

    x: Any
    y: Any
    weights: Any
    x_seen: Any
    y_validation: Any
    weights_validation: Any
    y_clean: Any
    weights_clean: Any


class ChunkResult(NamedTuple):
    """What a chunk hands back. `done` epochs were run; rows of `logs` and `outputs` beyond are unused."""

    state: ModelState
    best: tuple[list[Any], list[Any]]
    watch: EarlyStoppingState
    done: Any
    stop: Any
    diverged: Any
    logs: Any
    outputs: Any


class ChunkProgram:
    """One model's chunk program. `columns` names the logged values in order, as (split, metric)."""

    def __init__(self, model: keras.Model, batch: int, capacity: int, monitor: str) -> None:
        self.model, self.batch, self.capacity, self.monitor = model, batch, capacity, monitor
        self._fresh_metrics = [jnp.array(v.value) for v in model.metrics_variables]
        self._value_and_grad = jax.value_and_grad(model.compute_loss_and_updates, has_aux=True)
        self._adds_losses = False
        self._batch_values = 0
        self.columns: list[tuple[str, str]] = []

    def compile(self, function: Callable[..., Any], *arguments: Any, hashed: bool) -> Any:
        """One of these programs for arguments of these shapes; the first two are given away at each call."""
        with _tracing, fast_elu(self.model), hashed_randomness(self.model) if hashed else nullcontext():
            lowered = jax.jit(function, donate_argnums=(0, 1)).lower(*arguments)
        short = self._batch_values <= SHORT_VALUES and _flops(lowered) <= SHORT_FLOPS
        try:
            return lowered.compile(compiler_options=compiler_options(self.model.count_params(), short))
        except jax.errors.JaxRuntimeError:  # an XLA that doesn't know these options
            return lowered.compile()

    def chunk(
        self,
        state: ModelState,
        best: tuple[list[Any], list[Any]],
        watch: EarlyStoppingState,
        rule: EarlyStopping,
        data: DeviceData,
        orders: Any,
        first_epoch: Any,
        epochs: Any,
    ) -> ChunkResult:
        """Runs up to `epochs` epochs (at most `capacity`), stopping at the epoch where the rule says so."""
        row, outputs = jax.eval_shape(lambda s: self._epoch(s, data, orders[0])[1:], state)
        start = self._none_done(state, best, watch, data, row, outputs)

        def one(c: ChunkResult) -> ChunkResult:
            return self._judged(c, rule, first_epoch + c.done, *self._epoch(c.state, data, orders[c.done]))

        return lax.while_loop(lambda c: (c.done < epochs) & ~c.stop & ~c.diverged, one, start)

    def buffer(
        self, carry: tuple[ModelState, list[Any]], loss: Any, rows: tuple[Any, ...], order: Any
    ) -> tuple[tuple[ModelState, list[Any]], Any]:
        """Part of an epoch whose rows come in buffers: steps over `rows`, whose losses are added to `loss`."""
        carry, total = self._train_on(carry, rows, order)
        return carry, loss + total

    def end_of_epoch(
        self,
        state: ModelState,
        best: tuple[list[Any], list[Any]],
        metrics: list[Any],
        loss: Any,
        watch: EarlyStoppingState,
        rule: EarlyStopping,
        data: DeviceData,
        epoch: Any,
    ) -> ChunkResult:
        """What follows an epoch's last buffer: a chunk of this one epoch. `loss` is the mean over its rows."""
        state, row, outputs = self._logged(state, metrics, loss, data)
        start = self._none_done(state, best, watch, data, row, outputs)
        return self._judged(start, rule, epoch, state, row, outputs)

    def _none_done(
        self,
        state: ModelState,
        best: tuple[list[Any], list[Any]],
        watch: EarlyStoppingState,
        data: DeviceData,
        row: Any,
        outputs: Any,
    ) -> ChunkResult:
        """A chunk at its start, with room for `capacity` epochs of such logs and outputs."""
        kept = recorded_rows(row_count(data.y_validation))
        logs = jnp.zeros((self.capacity, *row.shape), row.dtype)
        shown = jnp.zeros((self.capacity, len(kept), *outputs.shape[1:]), outputs.dtype)
        return ChunkResult(state, best, watch, jnp.int32(0), jnp.bool_(False), jnp.bool_(False), logs, shown)

    def _judged(
        self, c: ChunkResult, rule: EarlyStopping, epoch: Any, state: ModelState, row: Any, outputs: Any
    ) -> ChunkResult:
        """The chunk with one more epoch: its logs, the rule's look at it, and its weights if they are the best."""
        monitored = self.columns.index(("validation", self.monitor))
        losses = [self.columns.index((split, "loss")) for split in ("train", "validation")]
        kept = recorded_rows(len(outputs))
        watch, improved, stop = update(rule, c.watch, epoch, row[monitored])
        weights = (state.trainable, state.fixed)
        best = lax.cond(improved, lambda new, _: new, lambda _, old: old, weights, c.best)
        diverged = ~jnp.isfinite(row[jnp.array(losses)]).all()
        logs, shown = (
            c.logs.at[c.done].set(row),
            c.outputs.at[c.done].set(outputs[kept] if len(kept) < len(outputs) else outputs),
        )
        return ChunkResult(state, best, watch, c.done + 1, stop, diverged, logs, shown)

    def _epoch(self, state: ModelState, data: DeviceData, order: Any) -> tuple[ModelState, Any, Any]:
        """One pass over the training rows in `order`, then the metrics: (state, logged row, outputs)."""
        rows = (data.x, data.y, data.weights)
        (state, metrics), total = self._train_on((state, self._fresh_metrics), rows, order)
        return self._logged(state, metrics, total / row_count(data.x), data)

    def _train_on(
        self, carry: tuple[ModelState, list[Any]], among: tuple[Any, ...], order: Any
    ) -> tuple[tuple[ModelState, list[Any]], Any]:
        """Steps over the rows `among` all that `order` names: (state, metrics), and the sum of their losses."""
        rows, size = len(order), min(self.batch, len(order))
        whole = rows - rows % size
        self._batch_values = size * values_per_row(among)

        def step(carry: tuple[ModelState, list[Any]], named: Any) -> tuple[tuple[ModelState, list[Any]], Any]:
            given = jax.tree.map(
                lambda part: part.at[named].get(mode="promise_in_bounds", unique_indices=True), among
            )
            return self._step(carry, given)

        carry, losses = lax.scan(step, carry, order[:whole].reshape(-1, size))
        total = losses.sum() * size
        if whole < rows:
            carry, loss = step(carry, order[whole:])
            total += loss * (rows - whole)
        return carry, total

    def _logged(
        self, state: ModelState, metrics: list[Any], loss: Any, data: DeviceData
    ) -> tuple[ModelState, Any, Any]:
        """An epoch's end: the state, what is logged of it in the order of `columns`, and the outputs."""
        train = {"loss": loss, **self._results(metrics), "learning_rate": self._rate(state)}
        validation, clean, outputs = self._evaluate(state, data)
        train |= {f"clean_{name}": value for name, value in clean.items()}
        named = {("train", k): v for k, v in train.items()} | {("validation", k): v for k, v in validation.items()}
        self.columns = list(named)
        return state, jnp.stack([jnp.asarray(v, jnp.float32) for v in named.values()]), outputs

    def _step(
        self, carry: tuple[ModelState, list[Any]], batch: tuple[Any, ...]
    ) -> tuple[tuple[ModelState, list[Any]], Any]:
        """One optimizer step, as Keras' own JAX trainer takes it."""
        (trainable, fixed, optimizer), metrics = carry
        x, y, weights = batch
        (_, (loss, outputs, fixed, metrics)), gradients = self._value_and_grad(
            trainable, fixed, metrics, x, y, weights, training=True, optimizer_variables=optimizer
        )
        trainable, optimizer = self.model.optimizer.stateless_apply(optimizer, gradients, trainable)
        state = ModelState(list(trainable), list(fixed), list(optimizer))
        return (state, self._update(metrics, x, y, outputs, weights)), loss

    def _evaluate(self, state: ModelState, data: DeviceData) -> tuple[dict[str, Any], dict[str, Any], Any]:
        """Validation metrics with penalties, clean training metrics without, and the validation outputs."""
        outputs, penalties = self._predict(state, data.x_seen)
        seen, logs = row_count(data.y_validation), []
        splits = [slice(None, seen), slice(seen, None)]
        targets = [(data.y_validation, data.weights_validation), (data.y_clean, data.weights_clean)]
        for split, (y, weights) in zip(splits, targets, strict=True):
            x, out = jax.tree.map(lambda part, split=split: part[split], (data.x_seen, outputs))
            # What layers add is a loss of all rows at once, so it can't be sliced out of the outputs.
            losses = self._call(state, x)[1:] if self._adds_losses else ()
            with losses_replaced(self.model, losses):
                loss, (_, _, metrics) = self.model.stateless_compute_loss(
                    *(state.trainable, state.fixed, self._fresh_metrics),
                    **{"x": x, "y": y, "y_pred": out, "sample_weight": weights, "training": False},
                )
            logs.append({"loss": loss, **self._results(self._update(metrics, x, y, out, weights))})
        validation, clean = logs
        return validation, clean | {"loss": clean["loss"] - penalties}, _as_one(outputs)[:seen]

    def _call(self, state: ModelState, x: Any) -> tuple[Any, Any, Any]:
        """Outputs in inference mode, the sum of the penalties on weights, and of what layers' `add_loss` adds."""
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
        """Outputs and penalties, in blocks so that memory stays bounded."""
        rows = row_count(x)
        size = block_rows(x)
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
    """How many rows an array (n, ...), or a list, tuple or dict of such, has."""
    return len(jax.tree.leaves(rows)[0])


def block_rows(x: Any) -> int:
    """How many rows are put through the model at once outside training: fewer of them if they are big."""
    return int(np.clip(PREDICT_VALUES // max(values_per_row(x), 1), 1, PREDICT_ROWS))


def values_per_row(rows: Any) -> int:
    """How many values each row of an array (n, ...), or of a list, tuple or dict of such, has."""
    return sum(int(np.prod(part.shape[1:])) for part in jax.tree.leaves(rows))


def _as_one(outputs: Any) -> Any:
    """As `gengap.train.types.concatenate_outputs`, on the device."""
    found = jax.tree.leaves(outputs)
    return found[0] if len(found) == 1 else jnp.concatenate([p.reshape(len(p), -1) for p in found], axis=1)


def compiler_options(parameters: int, short: bool) -> dict[str, Any]:
    """XLA's settings for a model of so many parameters; `short` says whether its steps are.

    Measured on two cores with AVX-512. Full-width vectors: Large 151 -> 143 ms an epoch. Products by Eigen where
    there are few parameters: Medium 12.5 -> 8.9 with both, but Large twice as slow. Where there are many, only the
    products by YNN, and a closer look before kernels are copied: Large 223 -> 210, but that makes Medium slower.
    Short steps' elementwise work not split among threads: Tiny 1.11 -> 0.86, Small 1.79 -> 1.40, Medium no faster:
    handing over some us of it takes longer.
    """
    if jax.default_backend() != "cpu":
        return {}
    by_eigen = {"xla_cpu_experimental_ynn_fusion_type": ""}
    by_ynn = {
        "xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT",
        "xla_cpu_copy_insertion_use_region_analysis": True,
    }
    unsplit = {"xla_disable_hlo_passes": "cpu-parallel-task-assigner"} if short else {}
    return {"xla_cpu_prefer_vector_width": 512, **(by_eigen if parameters <= SMALL else by_ynn), **unsplit}


def _flops(lowered: jax.stages.Lowered) -> float:
    """XLA's count for a program, loops counted once; infinite where there is none."""
    try:
        found: Any = lowered.cost_analysis()
        return float(found["flops"])
    except Exception:  # JAX promises neither its form nor that there is one
        return math.inf


_tracing = threading.Lock()  # Keras models are not made to be traced by two threads at once
_finding = threading.Lock()
_programs: OrderedDict[str, tuple[threading.Lock, list[Any]]] = OrderedDict()


def chunk_program(
    model: keras.Model, arguments: tuple[Any, ...], *, batch: int, capacity: int, monitor: str, hashed: bool
) -> tuple[Any, list[tuple[str, str]]]:
    """The compiled chunk program for `model` and the names of its logged columns, made at most once a shape.

    Raises UntraceableError.
    """

    def make() -> tuple[Any, list[tuple[str, str]]]:
        program = ChunkProgram(model, batch, capacity, monitor)
        return program.compile(program.chunk, *arguments, hashed=hashed), program.columns

    return cached_program(model, arguments, f"chunk {batch} {capacity} {monitor} {hashed}", make)


def cached_program(
    model: keras.Model, arguments: tuple[Any, ...], settings: str, make: Callable[[], Value]
) -> Value:
    """What `make` makes of a model of this structure, arguments of these shapes, and `settings`.

    Raises UntraceableError.
    """
    shapes = jax.tree.map(lambda a: (np.shape(a), str(jnp.asarray(a).dtype)), arguments)
    key = f"{cache_key(model)} {shapes} {settings}"
    with _finding:
        lock, made = _programs.setdefault(key, (threading.Lock(), []))
        _programs.move_to_end(key)
        while len(_programs) > PROGRAMS_KEPT:
            _programs.popitem(last=False)
    with lock:
        if not made:
            # The model stays with its program: `cache_key` may name it by its id, which must not be given again.
            try:
                made.extend((make(), model))
            except Exception as error:  # whatever code of the user's own raises
                forget_losses(model)
                said = (str(error).strip() or type(error).__name__).splitlines()[0]
                raise UntraceableError(f"{type(error).__name__}: {said}") from error
    return made[0]

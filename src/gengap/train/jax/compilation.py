"""Compile programs, and keep them: models of equal structure share one."""

from __future__ import annotations

import json
import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from gengap.models.backend import keras
from gengap.models.keras_internals import all_layers, forget_losses, weight_decays, without_keys
from gengap.models.layers import TreatedSequential
from gengap.train.jax.fast_ops import fast_elu, hashed_randomness
from gengap.train.jax.program import ChunkProgram
from gengap.train.jax.rounding import rounded_products
from gengap.train.jax.spatial_layers import fast_spatial_layers
from gengap.train.stopping import SMALL
from gengap.train.types import TrainConfig

PROGRAMS_KEPT = 32
SHORT_FLOPS = 3e7  # of one step and one evaluation, by XLA's count; Small has 5e6, Medium 7e7
SHORT_VALUES = 2**18  # in one batch; those of the tutorial have 14,500
CONFIGURED = ("keras", "builtins", "gengap")  # packages whose layers do what their configurations say
Compiled = TypeVar("Compiled")

_tracing = threading.Lock()  # Keras models can't be traced by two threads at once
_lookup = threading.Lock()
_programs: OrderedDict[str, tuple[threading.Lock, list[Any]]] = OrderedDict()


class UntraceableError(Exception):
    """A model can't be compiled as a program; the message is the reason in one line."""


def chunk_program(
    model: keras.Model,
    arguments: tuple[Any, ...],
    config: TrainConfig,
    capacity: int,
    monitor: str,
    *,
    seeds: bool = False,
) -> tuple[Any, list[tuple[str, str]]]:
    """Return the compiled chunk program for a model, and the names of its logged columns.

    A chunk has at most `capacity` epochs. With `seeds` it trains several at once: all `arguments` but the rule and
    the rows have one more axis. Raises UntraceableError if the model can't be compiled.
    """

    def compile_chunk() -> tuple[Any, list[tuple[str, str]]]:
        program = ChunkProgram(model, config.batch, capacity, monitor, config.row_values, config.averaged)
        chunk = jax.vmap(program.chunk, in_axes=(0, None, None, 0, 0, 0)) if seeds else program.chunk
        return compiled(program, chunk, arguments, config), program.columns

    settings = f"chunk {config.batch} {capacity} {monitor} {numerics(config)} {seeds} {config.row_values}"
    return cached_program(model, arguments, settings, compile_chunk)


def compiled(
    program: ChunkProgram,
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    config: TrainConfig,
    taken: tuple[int, ...] = (0,),
) -> Any:
    """Compile one of a program's functions for arguments of these shapes; each call takes over the `taken` ones."""
    model = program.model
    hashed = hashed_randomness(model) if config.randomness == "hashed" else nullcontext()
    rounded = rounded_products(model, config.batch) if config.precision == "bfloat16" else nullcontext()
    with _tracing, fast_elu(model), fast_spatial_layers(model), hashed, rounded:
        lowered = jax.jit(function, donate_argnums=taken).lower(*arguments)
    short = program.batch_values <= SHORT_VALUES and _flops(lowered) <= SHORT_FLOPS
    try:
        return lowered.compile(compiler_options=compiler_options(model.count_params(), short))
    except jax.errors.JaxRuntimeError:  # an XLA that doesn't know these options
        return lowered.compile()


def numerics(config: TrainConfig) -> str:
    """Return the settings of a trial that change what its program computes, for `cached_program`."""
    return f"{config.randomness} {config.precision} {config.averaged}"


def cached_program(
    model: keras.Model, arguments: tuple[Any, ...], settings: str, compile_program: Callable[[], Compiled]
) -> Compiled:
    """Return what `compile_program` returns, from the cache if it ran for such a model, shapes and settings before.

    Raises:
        UntraceableError: If it raises anything.
    """
    shapes = jax.tree.map(lambda a: (np.shape(a), str(jnp.asarray(a).dtype)), arguments)
    key = f"{cache_key(model)} {shapes} {settings}"
    with _lookup:
        lock, cached = _programs.setdefault(key, (threading.Lock(), []))
        _programs.move_to_end(key)
        while len(_programs) > PROGRAMS_KEPT:
            _programs.popitem(last=False)
    with lock:
        if not cached:
            # The model stays with its program: `cache_key` may hold its id, which Python must not give to another.
            try:
                cached.extend((compile_program(), model))
            except Exception as error:  # the user's code may raise anything
                forget_losses(model)
                first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
                raise UntraceableError(f"{type(error).__name__}: {first_line}") from error
    return cached[0]


def compiler_options(parameters: int, short: bool) -> dict[str, Any]:
    """Return XLA's settings for a model with this many parameters; `short` tells whether its steps are short.

    Measured on two cores with AVX-512. Full-width vectors: Large 151 -> 143 ms an epoch. Products by Eigen for few
    parameters: Medium 12.5 -> 8.9 with both, but Large takes twice as long. For many, only the products by YNN, and
    a closer analysis before kernels are copied: Large 223 -> 210, but Medium gets slower. Short steps' elementwise
    work not split among threads: Tiny 1.11 -> 0.86, Small 1.79 -> 1.40, Medium no faster: handing over some us of
    work takes longer.
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
    """Return XLA's count for a program, with loops counted once; infinity if there is no count."""
    try:
        costs: Any = lowered.cost_analysis()
        return float(costs["flops"])
    except Exception:  # JAX promises neither its form nor that there is one
        return math.inf


def cache_key(model: keras.Model) -> str:
    """Return a text that is equal for models that can share a program.

    It is the model's configuration without seeds, the learning rate, and names where they mean nothing. A model
    with layers or functions that are neither Keras' nor gengap's shares with no other: their configuration may not
    tell all.
    """
    try:
        config = without_keys(keras.saving.serialize_keras_object(model), ("seed",))
    except (NotImplementedError, TypeError, ValueError):  # a model that can't be saved can still be trained
        return str(id(model))
    # What a layer adapted to, as Normalization does, is neither a variable nor in the configuration.
    shared = _is_configured(config) and not any(hasattr(layer, "adapt") for layer in all_layers(model))
    optimizer = config["compile_config"]["optimizer"]["config"]
    optimizer.pop("name", None)
    if isinstance(optimizer.get("learning_rate"), float):  # a variable, unlike a schedule
        del optimizer["learning_rate"]
    if model.optimizer.weight_decay is not None:  # the configuration does not hold what it excludes
        config["decayed"] = [weight_decays(model.optimizer, v) for v in model.trainable_variables]
    if type(model) in (keras.Sequential, TreatedSequential):  # elsewhere names tell how layers are connected
        for part in (config, *config["config"]["layers"]):
            part["config"].pop("name", None)
    text = json.dumps(config, sort_keys=True, default=repr)
    return text if shared else f"{text} {id(model)}"


def _is_configured(config: Any) -> bool:
    """Tell whether all parts come from packages whose configurations are complete."""
    if isinstance(config, dict):
        module = config.get("module")
        if "class_name" in config and (module is None or str(module).split(".")[0] not in CONFIGURED):
            return False
        if config.get("class_name") in ("function", "__lambda__"):
            return False
        return all(map(_is_configured, config.values()))
    return all(map(_is_configured, config)) if isinstance(config, list) else True

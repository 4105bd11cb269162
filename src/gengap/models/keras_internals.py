"""Access private attributes of Keras. No other module of gengap uses them.

Keras offers nothing public for these. `pyproject.toml` bounds its version by what the tests ran with.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

UNDRAWN = "uninitialized_variables"  # where Keras lists variables whose first values it has yet to draw


def all_layers(model: keras.Layer) -> list[keras.Layer]:
    """Return the model (or layer) itself and all layers in it, also those inside other layers."""
    return list(model._flatten_layers())


def seed_generators(model: keras.Model) -> list[Any]:
    """Return the seed generators of all layers."""
    return [generator for layer in all_layers(model) for generator in getattr(layer, "_seed_generators", [])]


def build_for_batch(model: keras.Model, batch: tuple[Any, ...]) -> None:
    """Create every variable that Keras creates at its first batch; `batch` holds Keras tensors (x, y, weights)."""
    model._symbolic_build(data_batch=batch)


def loss_weights_of(model: keras.Model) -> Any:
    """Return the `loss_weights` that a model was compiled with."""
    return model._compile_loss._user_loss_weights


def maker_of(tensor: Any) -> Any:
    """Return the layer or operation that made a tensor of a functional model."""
    return tensor._keras_history.operation


def call_takes_training(model: keras.Model) -> bool:
    """Tell whether the model's `call` has a `training` argument."""
    return model._call_has_training_arg


def penalty_count(model: keras.Model) -> int:
    """Return how many of the model's losses are penalties on weights: the last ones, after those of `add_loss`."""
    return len(model._get_regularization_losses())


@contextmanager
def without_weights() -> Iterator[None]:
    """Build models that have no weights, which is fast however large they are.

    Keras would draw the weights when the next model trains, and keep every model alive until then. Here it forgets
    them.
    """
    from keras import StatelessScope
    from keras.src.backend.common import global_state

    pending = list(global_state.get_global_attribute(UNDRAWN) or [])
    try:
        with StatelessScope(initialize_variables=False):
            yield
    finally:
        global_state.set_global_attribute(UNDRAWN, pending)


@contextmanager
def losses_replaced(model: keras.Model, losses: Sequence[Any]) -> Iterator[None]:
    """Replace `model.losses` while the context is open; with no `losses`, keep the model's own."""
    if losses:
        model._losses_override = list(losses)
    try:
        yield
    finally:
        forget_losses(model)


@contextmanager
def calls_replaced(calls: Mapping[Any, Callable[..., Any]]) -> Iterator[None]:
    """Let each of these layers compute another function while the context is open; what is saved stays the same.

    A layer whose `call` its user replaced keeps that.
    """
    calls = {layer: call for layer, call in calls.items() if "call" not in vars(layer)}
    try:
        for layer, call in calls.items():
            layer.call = call
        yield
    finally:
        for layer in calls:
            vars(layer).pop("call", None)


def forget_losses(model: keras.Model) -> None:
    """Remove the losses that a trace of the model left behind."""
    model._losses_override = []


def weight_decays(optimizer: keras.Optimizer, variable: keras.Variable) -> bool:
    """Tell whether the optimizer's weight decay applies to a variable."""
    return optimizer._use_weight_decay(variable)


def weight_averages(optimizer: keras.Optimizer) -> list[keras.Variable]:
    """Return the moving averages of an optimizer with `use_ema`, one for each trainable variable of its model."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)  # in that of mixed_float16, which scales the loss
    return list(inner._model_variables_moving_average)


def average_places(optimizer: keras.Optimizer) -> list[int]:
    """Return the positions of the moving averages among the optimizer's variables."""
    places = {id(variable): place for place, variable in enumerate(optimizer.variables)}
    return [places[id(average)] for average in weight_averages(optimizer)]


def reset_initial_epoch(model: keras.Model) -> None:
    """Let training start at epoch 0, unless a callback such as BackupAndRestore sets another."""
    model._initial_epoch = None


def initial_epoch(model: keras.Model) -> int:
    """Return the epoch that a callback made training start at, from 0."""
    return model._initial_epoch or 0


def overrides_hook(callback: Any, hook: str) -> bool:
    """Return whether a callback defines this hook, and does not inherit Keras' empty one."""
    return not getattr(getattr(callback, hook, None), "_is_default", False)


def without_keys(config: Any, keys: Collection[str]) -> Any:
    """Return a configuration of Keras without these keys, at every depth."""
    if isinstance(config, dict):
        return {name: without_keys(value, keys) for name, value in config.items() if name not in keys}
    return [without_keys(each, keys) for each in config] if isinstance(config, (list, tuple)) else config


def run_graph(model: Any, inputs: Any, call: Callable[..., Any]) -> Any:
    """Run `call(operation, *args, **kwargs)` for each node of a functional model, from the inputs to the outputs.

    The values may be anything that is no list, tuple or dict, for example shapes. `call` returns one for each
    output of the operation. The result has the structure of the model's outputs. Of a Sequential the layers are
    called one after the other.
    """
    if is_functional(model):
        return model._run_through_graph(inputs, call_fn=call)
    value = inputs[0]
    for layer in model.layers:
        value = call(layer, value)
    return value


def is_functional(model: Any) -> bool:
    """Return whether Keras knows the graph of the model's layers; a Sequential has none."""
    return hasattr(model, "_nodes_by_depth") and hasattr(model, "operations")

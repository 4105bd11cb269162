"""Clone a user's model with edits: changed settings, layers after others or after the inputs, other depths."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from gengap.errors import UsageError, reason
from gengap.models.backend import keras
from gengap.models.depth import Segment, repetitions, subgraph
from gengap.models.keras_internals import all_layers, is_functional, run_graph
from gengap.models.widths import WidthPlan

NOT_FOR_CLONES = (
    "gengap can change only models whose layers Keras can list: keras.Sequential and functional models. Give a "
    "function build(size, features, outputs) that returns the model of each size"
)


@dataclass(eq=False)
class Edits:
    """What a clone changes.

    Attributes:
        settings: By the id of a layer, its settings in the clone. "layer" holds those of a wrapped layer.
        after: By the id of a layer, layers to put after it.
        inputs: By the number of an input, layers to put after it.
        removed: Ids of layers that the clone leaves out; they must not change the shape of their input.
        skipped: By the id of an operation, the operation whose outputs replace its own.
        repeated: By the id of an operation, the block that ends with it, and how often it is repeated after it.
        kind: The class of the clone. Default: that of the model if it takes layers or tensors, else Keras' own.
    """

    settings: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    after: Mapping[int, Sequence[keras.Layer]] = field(default_factory=dict)
    inputs: Mapping[int, Sequence[keras.Layer]] = field(default_factory=dict)
    removed: frozenset[int] = frozenset()
    skipped: Mapping[int, Any] = field(default_factory=dict)
    repeated: Mapping[int, tuple[Sequence[Segment], int]] = field(default_factory=dict)
    kind: Callable[..., keras.Model] | None = None


@dataclass(frozen=True, eq=False)
class Clone:
    """A clone, not compiled. `layers` are pairs of an original layer and its clone."""

    model: keras.Model
    layers: tuple[tuple[keras.Layer, keras.Layer], ...]

    def take_weights(self) -> None:
        """Give each layer the weights of the original, unless their shapes differ."""
        for original, copied in self.layers:
            if [v.shape for v in original.weights] == [v.shape for v in copied.weights]:
                copied.set_weights(original.get_weights())
                continue
            theirs = {variable.name: variable for variable in original.weights}
            for variable in copied.weights:  # a clone may have no bias
                if (same := theirs.get(variable.name)) is not None and same.shape == variable.shape:
                    variable.assign(same)


def check_clonable(model: keras.Model, name: str) -> None:
    """Raise UsageError for a model that is not Sequential or functional."""
    if not (isinstance(model, keras.Sequential) or is_functional(model)):
        raise UsageError(f"model {name}: {type(model).__name__} is a subclassed model. {NOT_FOR_CLONES}")


def clone(model: keras.Model, edits: Edits | None = None) -> Clone:
    """Clone a built Sequential or functional model with new first weights.

    Layers that were adapted to data and Lambda layers are shared with the original. Raises UsageError for another
    model, or a layer that can't be made anew from its configuration.
    """
    check_clonable(model, model.name)
    edits = edits or Edits()
    _name_apart(
        model, [layer for added in (edits.after, edits.inputs) for each in added.values() for layer in each]
    )
    run = _CloneBuilder(edits)
    return Clone(run.model(model, top=True), tuple(run.pairs))


def _name_apart(model: keras.Model, added: Sequence[keras.Layer]) -> None:
    """Rename new layers that have a model's name: each thread counts the names that Keras gives from the start."""
    layers = all_layers(model)
    operations = [operation for each in layers if is_functional(each) for operation in each.operations]
    taken = {each.name for each in (*layers, *operations)}
    for layer in added:
        names = (f"{layer.name}_added_{i}" if i else layer.name for i in count())
        layer.name = next(name for name in names if name not in taken)
        taken.add(layer.name)


class _CloneBuilder:
    """Clones a model and the models in it, layer by layer."""

    def __init__(self, edits: Edits) -> None:
        self.edits, self.pairs = edits, list[tuple[keras.Layer, keras.Layer]]()
        self._known: dict[int, Any] = {}
        self._originals: dict[int, Any] = {}
        self._made: dict[int, Any] = {}
        self._repeats = 0

    def model(self, model: Any, *, top: bool = False) -> keras.Model:
        sizes = self.edits.settings.get(id(model), {}).get("inputs")
        first = self.edits.inputs if top else {}
        kind = self.edits.kind if top else None
        if isinstance(model, keras.Sequential):
            return self._sequential(model, sizes, first, kind)
        return self._functional(model, sizes, first, kind)

    def _sequential(self, model: Any, sizes: Any, first: Mapping[int, Any], kind: Any) -> keras.Model:
        shape = sizes[0] if sizes else model.inputs[0].shape
        layers = [keras.Input(batch_shape=shape, dtype=model.inputs[0].dtype, name=model.inputs[0].name)]
        layers += first.get(0, ())
        for layer in model.layers:
            if id(layer) in self.edits.removed or id(layer) in self.edits.skipped:
                continue
            layers += [self.layer(layer), *self.edits.after.get(id(layer), ())]
            block, times = self.edits.repeated.get(id(layer), ((), 0))
            layers += [self._renamed(part.last) for _ in range(times) for part in block]
        own = type(model) if type(model).__init__ is keras.Sequential.__init__ else keras.Sequential
        return (kind or own)(layers, name=model.name, trainable=model.trainable)

    def _functional(self, model: Any, sizes: Any, first: Mapping[int, Any], kind: Any) -> keras.Model:
        shapes = iter(sizes or [tensor.shape for tensor in model.inputs])
        inputs = keras.tree.map_structure(
            lambda tensor: keras.Input(batch_shape=next(shapes), dtype=tensor.dtype, name=tensor.name), model.input
        )
        changed = {}
        for number, tensor in enumerate(keras.tree.flatten(inputs)):
            changed[id(tensor)] = _called(first.get(number, ()), tensor)
        compiled, model.compiled = model.compiled, False  # Keras would compile the clone too
        try:
            copied = keras.models.clone_model(
                model,
                input_tensors=inputs,
                clone_function=self.layer,
                call_function=lambda layer, *args, **kwargs: self._call(layer, changed, args, kwargs),
            )
        finally:
            model.compiled = compiled
        copied.trainable = model.trainable
        return copied if kind is None else kind(copied.input, copied.output, name=model.name)

    def layer(self, layer: Any) -> Any:
        """Return the clone of a layer, the same for each of its calls."""
        if id(layer) not in self._known:
            self._known[id(layer)] = copied = self._copied(layer)
            self._originals[id(copied)] = layer
            if isinstance(layer, keras.Layer) and copied is not layer:
                self.pairs.append((layer, copied))
        return self._known[id(layer)]

    def _copied(self, layer: Any) -> Any:
        if isinstance(layer, keras.Sequential) or (isinstance(layer, keras.Model) and is_functional(layer)):
            return self.model(layer)
        # Keras' operations have no state; an adapted layer's state is not in its configuration
        if not isinstance(layer, keras.Layer) or hasattr(layer, "adapt") or isinstance(layer, keras.layers.Lambda):
            return layer
        try:
            config = layer.get_config()
            _change(config, self.edits.settings.get(id(layer), {}))
            return type(layer).from_config(config)
        except Exception as fault:
            raise UsageError(
                f"model layer {layer.name}: {type(layer).__name__} can't be made again from its configuration "
                f"({reason(fault)}); give it a get_config that holds all arguments of its constructor"
            ) from fault

    def _call(self, layer: Any, changed: Mapping[int, Any], args: Any, kwargs: Any) -> Any:
        args, kwargs = keras.tree.map_structure(lambda each: changed.get(id(each), each), (args, kwargs))
        original = self._originals[id(layer)]
        if id(original) in self.edits.removed:
            return args[0]
        if id(original) in self.edits.skipped:
            self._made[id(original)] = outputs = self._made[id(self.edits.skipped[id(original)])]
            return outputs
        outputs = layer(*args, **kwargs)
        block, times = self.edits.repeated.get(id(original), ((), 0))
        for _ in range(times):
            outputs = self._repeat(block, outputs)
        self._made[id(original)] = outputs
        after = self.edits.after.get(id(original), ())
        if not after or not isinstance(outputs, (list, tuple)):
            return _called(after, outputs)
        return type(outputs)([_called(after, outputs[0]), *outputs[1:]])

    def _repeat(self, block: Sequence[Segment], tensor: Any) -> Any:
        """Return the output of new layers like those of a block, on a tensor."""

        def call(operation: Any, *args: Any, **kwargs: Any) -> Any:
            return self._renamed(operation)(*args, **kwargs)

        return run_graph(subgraph(block), [tensor], call)

    def _renamed(self, layer: Any) -> Any:
        """Return a new layer with the same settings and a name of its own."""
        if not isinstance(layer, keras.layers.Layer):
            return layer
        self._repeats += 1
        return type(layer).from_config({**layer.get_config(), "name": f"{layer.name}_repeat_{self._repeats}"})


def _called(layers: Sequence[keras.Layer], tensor: Any) -> Any:
    for layer in layers:
        tensor = layer(tensor)
    return tensor


def _change(config: dict[str, Any], settings: Mapping[str, Any]) -> None:
    for name, value in settings.items():
        if isinstance(value, Mapping) and name in ("layer", "backward_layer"):
            _change(config[name]["config"], value)
            if name == "layer" and config.get("backward_layer"):
                _change(config["backward_layer"]["config"], value)
        else:
            config[name] = value


def scaled(model: keras.Model, width: float = 1, depth: float = 1) -> keras.Model:
    """Return a clone whose layers are `width` times as wide, and whose blocks repeat `depth` times as often.

    Units, filters, heads and embedding widths are scaled; inputs and outputs stay. Sizes that additions join
    stay equal, and sizes that groups divide stay divisible. At least one of equal blocks is left.

    Args:
        model: A built Sequential or functional model.
        width: The factor on widths, above 0.
        depth: The factor on repetitions, above 0.

    Returns:
        The clone, not compiled. It has new first weights; with both factors 1 it has the weights of the model.

    Raises:
        UsageError: The model can't be cloned, none of its layers can be scaled, or no block repeats.
    """
    check_clonable(model, model.name)
    if width == depth == 1:
        same = clone(model)
        same.take_weights()
        return same.model
    if depth != 1:
        if not repetitions(model):
            raise UsageError(f"model {model.name}: no block of layers repeats, so its depth can't be scaled")
        model = _deepened(model, depth)
    return model if width == 1 else _widened(model, width)


def _deepened(model: keras.Model, depth: float) -> keras.Model:
    """Return a clone that repeats its blocks `depth` times as often, with new first weights."""
    skipped: dict[int, Any] = {}
    repeated: dict[int, tuple[tuple[Segment, ...], int]] = {}
    for repetition in repetitions(model):
        count, blocks = repetition.count(depth), repetition.blocks
        if count > len(blocks):
            repeated[id(blocks[-1][-1].last)] = (blocks[-1], count - len(blocks))
        for block in blocks[count:]:
            skipped |= {id(segment.last): segment.entry for segment in block}
    return clone(model, Edits(skipped=skipped, repeated=repeated)).model


def _widened(model: keras.Model, width: float) -> keras.Model:
    plan = WidthPlan.of(model)
    if not plan.scaled:
        whys = "; ".join(f"{name}: {why}" for name, why in list(plan.unscaled.items())[:4])
        raise UsageError(f"model {model.name}: no layer can be scaled ({whys or 'it has none with units'})")
    return clone(model, Edits({key: settings(width) for key, settings in plan.settings.items()})).model

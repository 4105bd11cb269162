"""Treat a model of the user's own: clone it with what the treatments add, and say on which layers they act."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from gengap.models import model_treatments as own
from gengap.models import treatments as common
from gengap.models.backend import keras
from gengap.models.blocks import CONVOLUTION, DENSE, Block, Graph, ModelInput
from gengap.models.clone import Clone, Edits, check_clonable, clone
from gengap.models.layers import MixupLayer
from gengap.models.treatment_base import Treatment, check_compatible

PLACES = 10_007  # a prime above the number of places of a treatment
SEPARABLE = (keras.layers.SeparableConv1D, keras.layers.SeparableConv2D)
TRAINING_ONLY = (
    *(keras.layers.Dropout, keras.layers.SpatialDropout1D, keras.layers.SpatialDropout2D),
    *(keras.layers.SpatialDropout3D, keras.layers.GaussianNoise, MixupLayer, keras.layers.RandomFlip),
    *(keras.layers.RandomTranslation, keras.layers.RandomRotation, keras.layers.RandomZoom),
    keras.layers.RandomContrast,
)


class NotApplicableError(Exception):
    """A treatment can't act on a model; the message is the reason."""


@dataclass(frozen=True, eq=False)
class TreatedModel:
    """A clone with treatments.

    Attributes:
        model: The clone. It is not compiled: `gengap.models.user_model` adds optimizers and losses.
        acted: The names of the layers that each treatment acts on, by the treatment's text.
        left_out: Why a treatment doesn't apply, by the treatment's text.
    """

    model: keras.Model
    acted: dict[str, tuple[str, ...]]
    left_out: dict[str, str]


@dataclass(eq=False)
class _Places:
    """What the treatments so far change in a model."""

    graph: Graph
    seed: int
    learnt: bool
    settings: dict[int, dict[str, Any]] = field(default_factory=lambda: defaultdict(dict))
    normalised: dict[int, list[Any]] = field(default_factory=lambda: defaultdict(list))
    dropped: dict[int, list[Any]] = field(default_factory=lambda: defaultdict(list))
    inputs: dict[int, list[Any]] = field(default_factory=lambda: defaultdict(list))
    mixed: bool = False
    _drawn: int = 0

    def next_seed(self) -> int:
        """Return a seed for the next place."""
        self._drawn += 1
        return self.seed * PLACES + self._drawn

    def edits(self) -> Edits:
        """Return all changes: at one place, normalisations come before dropout."""
        after = {
            key: [*self.normalised.get(key, ()), *self.dropped.get(key, ())]
            for key in (*self.normalised, *self.dropped)
        }
        kind = None
        if self.mixed:
            from gengap.models.input_layers import MixedModel, MixedSequential

            kind = MixedSequential if isinstance(self.graph.model, keras.Sequential) else MixedModel
        return Edits(self.settings, after, self.inputs, kind=kind)


def treated(
    model: keras.Model, treatments: Sequence[Treatment], *, seed: int = 0, learnt: bool = False
) -> TreatedModel:
    """Clone a model with treatments. The clone has the weights of the model where their shapes are equal.

    A layer's own penalty, normalisation or dropout stays; a treatment of that kind doesn't act there.

    Args:
        model: A built Sequential or functional model.
        treatments: The treatments, such as `L2(0.001)` and `Dropout(0.5)`.
        seed: Seed of the layers that draw random numbers.
        learnt: Whether the weights were learnt before, on other rows. Only such layers can be frozen.

    Returns:
        The clone, which layers each treatment acts on, and which treatments don't apply, with the reason.

    Raises:
        UsageError: The model can't be cloned.
        ValueError: Two treatments exclude each other.
    """
    copied, acted, left_out = treat_layers(model, treatments, seed=seed, learnt=learnt)
    copied.take_weights()
    return TreatedModel(copied.model, acted, left_out)


def treat_layers(
    model: keras.Model, treatments: Sequence[Treatment], *, seed: int, learnt: bool
) -> tuple[Clone, dict[str, tuple[str, ...]], dict[str, str]]:
    """Return what `treated` does, with new first weights."""
    check_compatible(treatments)
    check_clonable(model, model.name)
    places = _Places(Graph(model), seed, learnt)
    acted: dict[str, tuple[str, ...]] = {}
    left_out: dict[str, str] = {}
    for treatment in treatments:
        try:
            acted[str(treatment)] = tuple(dict.fromkeys(ACTIONS[type(treatment)](treatment, places)))
        except NotApplicableError as why:
            left_out[str(treatment)] = str(why)
    return clone(model, places.edits()), acted, left_out


def for_inference(model: keras.Model) -> Clone:
    """Clone a treated model without the layers that act in training only, with its weights."""
    from gengap.models.input_layers import InputChange

    kinds = (*TRAINING_ONLY, InputChange)
    removed = frozenset(key for key, layer in Graph(model).order.items() if isinstance(layer, kinds))
    plain = keras.Sequential if isinstance(model, keras.Sequential) else keras.Model
    of_gengap = type(model).__name__ in ("MixedSequential", "MixedModel", "TotalModel")
    copied = clone(model, Edits(removed=removed, kind=plain if of_gengap else None))
    copied.take_weights()
    return copied


def _names(found: Sequence[Any], why: str) -> list[str]:
    if not found:
        raise NotApplicableError(why)
    return [layer.name for layer in found]


def _penalty(treatment: Any, places: _Places) -> list[str]:
    found = []
    for layer in places.graph.order.values():
        inner = getattr(layer, "layer", None) or getattr(layer, "forward_layer", None) or layer
        settings = inner.get_config() if isinstance(inner, keras.layers.Layer) else {}
        names = ("kernel", "depthwise", "pointwise") if isinstance(inner, SEPARABLE) else ("kernel", "depthwise")
        free = [f"{name}_regularizer" for name in names if settings.get(f"{name}_regularizer", 0) is None]
        if not free or any(settings.get(f"{name}_regularizer") for name in names):
            continue
        penalty = keras.regularizers.serialize(treatment.kernel_regularizer())
        _set(places, layer, inner, dict.fromkeys(free, penalty))
        found.append(layer)
    return _names(found, "no layer has a kernel without a penalty")


def _set(places: _Places, layer: Any, inner: Any, settings: dict[str, Any]) -> None:
    """Change settings of a layer, or of the layer that it wraps."""
    of = places.settings[id(layer)]
    (of if inner is layer else of.setdefault("layer", {})).update(settings)


def _hidden(places: _Places) -> list[Block]:
    """Return the blocks that end with an activation and are not the model's output."""
    return [block for block in places.graph.blocks if block.end is not None and not block.output]


def _dropout(treatment: common.Dropout, places: _Places) -> list[str]:
    found = places.graph.activations
    for end in found:
        places.dropped[id(end)] += [keras.layers.Dropout(treatment.rate, seed=places.next_seed())]
    return _names(found, "no hidden layer ends with an activation, or each has its own dropout")


def _spatial_dropout(treatment: own.SpatialDropout, places: _Places) -> list[str]:
    graph = places.graph
    found = [(b.end, b.rank) for b in _hidden(places) if isinstance(b.inner, CONVOLUTION) and not b.dropped]
    embeddings = [layer for layer in graph.order.values() if isinstance(layer, keras.layers.Embedding)]
    found += [(layer, 3) for layer in embeddings if graph.ranks[id(layer)] == 3]
    for end, rank in found:
        kind = getattr(keras.layers, f"SpatialDropout{rank - 2}D")
        places.dropped[id(end)] += [kind(treatment.rate, seed=places.next_seed())]
    return _names([end for end, _ in found], "no convolution or embedding is without dropout")


def _recurrent_dropout(treatment: own.RecurrentDropout, places: _Places) -> list[str]:
    found = [block for block in places.graph.blocks if block.recurrent and not block.inner.recurrent_dropout]
    for block in found:
        _set(places, block.layer, block.inner, {"recurrent_dropout": treatment.rate, "seed": places.next_seed()})
    return _names([block.layer for block in found], "no layer is an LSTM, GRU or SimpleRNN")


def _normalisation(treatment: Any, places: _Places) -> list[str]:
    found = []
    for block in _hidden(places):
        plain = block.inner is block.layer and isinstance(block.layer, (*DENSE, *CONVOLUTION))
        if block.normalised or not plain:
            continue
        layer, between = block.layer, [_norm_layer(treatment)]
        if isinstance(treatment, common.BatchNorm):  # it would remove a bias
            places.settings[id(layer)]["use_bias"] = False
        if block.activates:
            places.settings[id(layer)]["activation"] = "linear"
            between.append(keras.layers.Activation(layer.activation))
        places.normalised[id(layer)] += between
        found.append(layer)
    return _names(found, "no hidden layer is without a normalisation before its activation")


def _norm_layer(treatment: Any) -> Any:
    if isinstance(treatment, own.LayerNorm):
        return keras.layers.LayerNormalization()
    return keras.layers.BatchNormalization(momentum=treatment.momentum)


def _on_inputs(wanted: Callable[[ModelInput], bool], why: str) -> Callable[[Any, _Places], list[str]]:
    """Return an action that puts layers after the inputs of a kind."""

    def act(treatment: Any, places: _Places) -> list[str]:
        found = [each for each in places.graph.inputs if wanted(each)]
        for each in found:
            places.inputs[each.number] += _first_layers(treatment, each, places.next_seed())
        return _names(found, why)

    return act


def _first_layers(treatment: Any, given: ModelInput, seed: int) -> list[Any]:
    from gengap.models.input_layers import TimeMaskLayer, WordDropoutLayer

    if isinstance(treatment, own.Augment):
        return augmenting(treatment, seed)
    if isinstance(treatment, own.WordDropout):
        return [WordDropoutLayer(treatment.rate, seed=seed, dtype=given.dtype)]
    if isinstance(treatment, own.TimeMask):
        return [TimeMaskLayer(treatment.rate, seed=seed)]
    return treatment.before_first(given.shape[-1], seed)


def augmenting(treatment: own.Augment, seed: int) -> list[Any]:
    """Return Keras' layers of an augmentation, in the order flip, shift, rotation, zoom, contrast."""
    layers, made = keras.layers, []
    flips = {"horizontal": "horizontal", "vertical": "vertical", "both": "horizontal_and_vertical"}
    if treatment.flip in flips:
        made.append(layers.RandomFlip(flips[treatment.flip], seed=seed))
    if treatment.shift:
        made.append(layers.RandomTranslation(treatment.shift, treatment.shift, fill_mode="nearest", seed=seed + 1))
    if treatment.rotation:
        made.append(layers.RandomRotation(treatment.rotation, fill_mode="nearest", seed=seed + 2))
    if treatment.zoom:
        made.append(layers.RandomZoom(treatment.zoom, fill_mode="nearest", seed=seed + 3))
    if treatment.contrast:
        made.append(layers.RandomContrast(treatment.contrast, seed=seed + 4))
    return made


def _mixup(treatment: common.Mixup, places: _Places) -> list[str]:
    model = places.graph.model
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise NotApplicableError("it mixes the rows of one input with the labels of one output")
    if not places.graph.inputs[0].numeric:
        raise NotApplicableError("tokens can't be mixed")
    places.mixed = True
    places.inputs[0] += treatment.before_first(0, places.next_seed())
    return [places.graph.inputs[0].name]


def _freeze(treatment: own.Freeze, places: _Places) -> list[str]:
    if not places.learnt:
        raise NotApplicableError("the model starts from random weights; frozen layers would learn nothing")
    model = places.graph.model
    found = [layer for layer in model.layers if layer.weights]
    frozen = found[: -treatment.last]
    for layer in frozen:
        for inner in (layer, *getattr(layer, "layers", ())):
            places.settings[id(inner)]["trainable"] = False
    return _names(frozen, f"the model has no more than {treatment.last} layers with weights")


def _compiled(text: str) -> Callable[[Any, _Places], list[str]]:
    """Return an action of a treatment that changes the optimizer or the loss, not the layers."""
    return lambda treatment, places: [text]


def _refused(why: str) -> Callable[[Any, _Places], list[str]]:
    def refuse(treatment: Any, places: _Places) -> list[str]:
        raise NotApplicableError(why)

    return refuse


NUMERIC = _on_inputs(lambda each: each.numeric, "no input holds numbers")
ACTIONS: dict[type[Treatment], Callable[[Any, _Places], list[str]]] = {
    common.L1: _penalty,
    common.L2: _penalty,
    common.L1L2: _penalty,
    common.Dropout: _dropout,
    common.BatchNorm: _normalisation,
    common.WeightDecay: _compiled("optimizer"),
    common.Ftrl: _compiled("optimizer"),
    common.WeightAverage: _compiled("optimizer"),
    common.LabelSmoothing: _compiled("loss"),
    common.Noise: NUMERIC,
    common.Mixup: _mixup,
    common.Clip: NUMERIC,
    common.Periodic: _on_inputs(
        lambda each: each.numeric and len(each.shape) == 2 and bool(each.shape[1]), "no input is a row of numbers"
    ),
    common.Ensemble: _refused("its members share the kernels of gengap's own networks"),
    common.LogTarget: _refused("the loss of your model is kept"),
    common.QuantileNormal: _refused("its knots are computed for gengap's own networks"),
    own.SpatialDropout: _spatial_dropout,
    own.RecurrentDropout: _recurrent_dropout,
    own.LayerNorm: _normalisation,
    own.Augment: _on_inputs(lambda each: each.image, "no input is an image (height, width, 1 to 4 channels)"),
    own.WordDropout: _on_inputs(lambda each: each.tokens, "no Embedding reads an input"),
    own.TimeMask: _on_inputs(lambda each: each.sequence, "no input is a sequence of numbers (steps, numbers)"),
    own.Freeze: _freeze,
}

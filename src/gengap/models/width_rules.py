"""What each kind of Keras layer does to sizes: which of its settings is a width, and which sizes must be equal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gengap.models.axes import Axis, Shape, Width, concatenated, flattened
from gengap.models.backend import keras

layers = keras.layers
Rule = Callable[["WidthSettings", Any, list[Shape], Any], Any]
Settings = Callable[[float], dict[str, Any]]  # a layer's settings for a factor
RECURRENT = (layers.LSTM, layers.GRU, layers.SimpleRNN)
ATTENTION = (layers.MultiHeadAttention, layers.GroupQueryAttention)
JOINED = (layers.Add, layers.Subtract, layers.Multiply, layers.Average, layers.Maximum, layers.Minimum)
JOINED_OPERATIONS = ("Add", "Subtract", "Multiply", "Divide", "TrueDivide", "Maximum", "Minimum", "Power")
# Operations of keras.ops that act on each value by itself
ELEMENTWISE = (
    *("Absolute", "Cast", "Clip", "Elu", "Exp", "Expm1", "Gelu", "HardSigmoid", "HardSilu", "LeakyRelu", "Log"),
    *("Log1p", "Negative", "Relu", "Relu6", "Rsqrt", "Sigmoid", "Sign", "Silu", "Softplus", "Sqrt", "Square"),
    "Tanh",
)
# Layers whose output has the sizes of their input
SAME = (
    *(layers.Activation, layers.ReLU, layers.LeakyReLU, layers.PReLU, layers.ELU, layers.Softmax, layers.Rescaling),
    *(layers.Dropout, layers.SpatialDropout1D, layers.SpatialDropout2D, layers.SpatialDropout3D),
    *(layers.GaussianNoise, layers.GaussianDropout, layers.AlphaDropout, layers.ActivityRegularization),
    *(layers.BatchNormalization, layers.LayerNormalization, layers.UnitNormalization, layers.Masking),
    *(layers.Identity, layers.RandomFlip, layers.RandomTranslation, layers.RandomRotation, layers.RandomZoom),
    *(layers.RandomContrast, layers.RandomBrightness, layers.Normalization, layers.RMSNormalization),
)
# Layers that change all axes but the last
POOLING = ("MaxPooling", "AveragePooling", "GlobalMaxPooling", "GlobalAveragePooling")
RESAMPLED = (
    *(
        getattr(layers, f"{kind}{n}D")
        for n in (1, 2, 3)
        for kind in (*POOLING, "UpSampling", "ZeroPadding", "Cropping")
    ),
    *(layers.Resizing, layers.CenterCrop, layers.RandomCrop, layers.RepeatVector),
)
CONVOLUTIONS = tuple(
    getattr(layers, name)
    for name in (
        *("Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"),
        *("SeparableConv1D", "SeparableConv2D", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"),
    )
)
DEPTHWISE = (layers.DepthwiseConv1D, layers.DepthwiseConv2D)


@dataclass(eq=False)
class WidthSettings:
    """The sizes of a model that can be scaled.

    Attributes:
        settings: By the id of a layer, its settings that depend on the factor.
        widths: By the name of a layer, the widths that its settings have.
    """

    settings: dict[int, Settings] = field(default_factory=dict)
    widths: dict[str, list[Width]] = field(default_factory=dict)

    def width(self, layer: Any, name: str, size: int) -> Width:
        """Return a width that is a setting of a layer."""
        known = self.settings.get(id(layer))
        if known is not None:  # the layer is called again
            return self.widths[layer.name][0]
        width = Width(size)
        self.widths.setdefault(layer.name, []).append(width)
        self.settings[id(layer)] = lambda factor: {name: width.scaled(factor)}
        return width

    def call(self, operation: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the shapes of an operation's outputs."""
        raise NotImplementedError


def shapes_in(value: Any) -> list[Shape]:
    """Return all shapes in nested lists, tuples and dicts."""
    return [each for each in keras.tree.flatten(value) if isinstance(each, Shape)]


def _same(plan: WidthSettings, layer: Any, found: list[Shape], outputs: Shape) -> Shape:
    per_value = [getattr(layer, name, None) for name in ("scale", "mean", "input_mean")]
    if isinstance(layer, (layers.Rescaling, layers.Normalization)) and any(
        getattr(value, "ndim", 0) or isinstance(value, (list, tuple)) for value in per_value
    ):
        found[0].fix(f"{layer.name} has numbers for each of them")
    return Shape(found[0].axes, outputs.dtype)


def _grouped(plan: WidthSettings, layer: Any, found: list[Shape], outputs: Shape) -> Shape:
    if layer.groups > 1:
        _keep_multiple(found[0].last, layer.groups, layer.name)
    return found[0]


def _keep_multiple(axis: Axis, of: int, name: str) -> None:
    for part in axis.parts:
        part.width.keep_multiple(of, f"{name} needs a multiple of {of}")


def _resampled(plan: WidthSettings, layer: Any, found: list[Shape], outputs: Shape) -> Shape:
    for axis in found[0].axes[:-1]:
        axis.fix(f"{layer.name} acts along it")
    return outputs.with_last(found[0].last)


def _dense(plan: WidthSettings, layer: Any, found: list[Shape], outputs: Shape) -> Shape:
    width = plan.width(layer, "units", layer.units)
    return Shape((*found[0].axes[:-1], Axis.of(width)), outputs.dtype)


def _embedding(plan: WidthSettings, layer: Any, found: list[Shape], outputs: Shape) -> Shape:
    width = plan.width(layer, "output_dim", layer.output_dim)
    return Shape((*found[0].axes, Axis.of(width)), outputs.dtype)


def _convolution(plan: WidthSettings, layer: Any, found: list[Shape], outputs: Shape) -> Shape:
    for axis in found[0].axes[:-1]:
        axis.fix(f"{layer.name} acts along it")
    groups, channels = getattr(layer, "groups", 1) or 1, found[0].last
    if groups > 1 and groups == channels.base and layer.filters % groups == 0:
        times = layer.filters // groups
        plan.settings[id(layer)] = lambda factor: {
            "groups": channels.scaled(factor),
            "filters": times * channels.scaled(factor),
        }
        plan.widths[layer.name] = [part.width for part in channels.parts]
        return outputs.with_last(channels.repeated(times))
    width = plan.width(layer, "filters", layer.filters)
    if groups > 1:
        _keep_multiple(channels, groups, layer.name)
        width.keep_multiple(groups, f"{layer.name} needs a multiple of {groups}")
    return outputs.with_last(Axis.of(width))


def _depthwise(plan: WidthSettings, layer: Any, found: list[Shape], outputs: Shape) -> Shape:
    return _resampled(plan, layer, [found[0].with_last(found[0].last.repeated(layer.depth_multiplier))], outputs)


def joined(plan: WidthSettings, layer: Any, found: list[Shape], outputs: Shape) -> Shape:
    """Require equal sizes, from the last axis on; an axis of size 1 fits any."""
    axes = list(outputs.axes)
    for place in range(1, len(axes) + 1):
        present = [shape.axes[-place] for shape in found if len(shape.axes) >= place]
        large = [axis for axis in present if axis.base != 1] or present
        for other in large[1:]:
            large[0].join(other, f"{layer.name} joins it with others")
        if axes[-place].base == large[0].base:
            axes[-place] = large[0]
    return Shape(tuple(axes), outputs.dtype)


def _concatenated(plan: WidthSettings, layer: Any, found: list[Shape], outputs: Shape) -> Shape:
    rank = len(outputs.axes)
    along = (layer.axis if layer.axis > 0 else layer.axis + rank + 1) - 1
    others = joined(
        plan, layer, [Shape(_without(s.axes, along)) for s in found], Shape(_without(outputs.axes, along))
    )
    axes = list(others.axes)
    axes.insert(along, concatenated(shape.axes[along] for shape in found))
    return Shape(tuple(axes), outputs.dtype)


def _without(axes: tuple[Axis, ...], place: int) -> tuple[Axis, ...]:
    return (*axes[:place], *axes[place + 1 :])


def _flattened(plan: WidthSettings, layer: Any, found: list[Shape], outputs: Shape) -> Shape:
    return Shape((flattened(found[0].axes),), outputs.dtype)


def _permuted(plan: WidthSettings, layer: Any, found: list[Shape], outputs: Shape) -> Shape:
    return Shape(tuple(found[0].axes[place - 1] for place in layer.dims), outputs.dtype)


def _reshaped(plan: WidthSettings, layer: Any, found: list[Shape], outputs: Shape) -> Shape:
    """Let the last axis keep its width if reshaping keeps its size."""
    kept = found[0].last.base == outputs.last.base
    for axis in found[0].axes[:-1] if kept else found[0].axes:
        axis.fix(f"{layer.name} reshapes it")
    if not kept:
        return outputs
    if layer.target_shape[-1] != -1:
        axis, before = found[0].last, tuple(layer.target_shape[:-1])
        plan.settings[id(layer)] = lambda factor: {"target_shape": (*before, axis.scaled(factor))}
    return outputs.with_last(found[0].last)


def _recurrent(plan: WidthSettings, layer: Any, found: list[Shape], outputs: Any) -> Any:
    axis = Axis.of(plan.width(layer, "units", layer.units))
    for state in found[1:]:
        state.last.join(axis, f"{layer.name} starts from it")
    return keras.tree.map_structure(lambda shape: shape.with_last(axis), outputs)


def _bidirectional(plan: WidthSettings, layer: Any, found: list[Shape], outputs: Any) -> Any:
    inner = layer.forward_layer
    if not isinstance(inner, RECURRENT) or layer.backward_layer.units != inner.units:
        found[0].fix(f"gengap doesn't know the sizes of {layer.name}")
        return outputs
    width = plan.width(layer, "units", inner.units)
    plan.settings[id(layer)] = lambda factor: {"layer": {"units": width.scaled(factor)}}
    axis = Axis.of(width)
    both = concatenated([axis, axis]) if layer.merge_mode == "concat" else axis
    flat = shapes_in(outputs)
    first = len(flat) if layer.merge_mode is None and len(flat) <= 2 else 2 if layer.merge_mode is None else 1
    shaped = [s.with_last(both if i < first else axis) for i, s in enumerate(flat)]
    for state in found[1:]:
        state.last.join(axis, f"{layer.name} starts from it")
    return keras.tree.pack_sequence_as(outputs, shaped)


def _time_distributed(plan: WidthSettings, layer: Any, found: list[Shape], outputs: Shape) -> Shape:
    inner = plan.call(layer.layer, Shape(found[0].axes[1:], found[0].dtype))
    if settings := plan.settings.get(id(layer.layer)):
        plan.settings[id(layer)] = lambda factor: {"layer": settings(factor)}
        plan.widths[layer.name] = plan.widths.pop(layer.layer.name, plan.widths.get(layer.name, []))
    return Shape((found[0].axes[0], *inner.axes), outputs.dtype)


def _attention(plan: WidthSettings, layer: Any, found: list[Shape], outputs: Any) -> Any:
    """Scale the heads; the output has the query's width. Heads become narrower once there is only one."""
    if layer.get_config().get("output_shape") is not None:
        for shape in found:
            shape.fix(f"{layer.name} has an output shape of its own")
        return outputs
    if isinstance(layer, layers.GroupQueryAttention):
        plan.width(layer, "head_dim", layer.head_dim)
    elif id(layer) not in plan.settings:
        heads, depth, values = layer.num_heads, layer.key_dim, layer.get_config()["value_dim"]
        plan.widths[layer.name] = [Width(heads)]
        plan.settings[id(layer)] = lambda factor: attention_settings(heads, depth, values, factor)
    if isinstance(outputs, Shape):
        return outputs.with_last(found[0].last)
    scores = outputs[1]
    return type(outputs)([outputs[0].with_last(found[0].last), scores])


def attention_settings(heads: int, depth: int, values: int | None, factor: float) -> dict[str, Any]:
    """Return the settings of multi-head attention whose heads together have `factor` times the width.

    >>> attention_settings(2, 32, None, 0.25)
    {'num_heads': 1, 'key_dim': 16, 'value_dim': None}
    """
    fewer = max(1, round(heads * factor))
    share = heads * factor / fewer
    wide = None if values is None else max(1, round(values * share))
    return {"num_heads": fewer, "key_dim": max(1, round(depth * share)), "value_dim": wide}


def _dot_attention(plan: WidthSettings, layer: Any, found: list[Shape], outputs: Any) -> Any:
    """Give queries and keys one width; the output has that of the values."""
    query, value = found[0], found[1]
    for other in found[2:3] or [value]:
        query.last.join(other.last, f"{layer.name} compares it")
    return outputs.with_last(value.last) if isinstance(outputs, Shape) else outputs


def _einsum(plan: WidthSettings, layer: Any, found: list[Shape], outputs: Shape) -> Shape:
    before, after = layer.equation.replace(" ", "").split("->")
    if after[-1] in before.split(",")[0] or isinstance(layer.partial_output_shape, int):
        found[0].fix(f"gengap doesn't know the sizes of {layer.name}")
        return outputs
    others, size = tuple(layer.partial_output_shape[:-1]), int(layer.partial_output_shape[-1])
    width = plan.width(layer, "output_shape", size)
    plan.settings[id(layer)] = lambda factor: {"output_shape": (*others, width.scaled(factor))}
    for axis in found[0].axes[:-1]:
        axis.fix(f"{layer.name} acts along it")
    return outputs.with_last(Axis.of(width))


def _layer_scale(plan: WidthSettings, layer: Any, found: list[Shape], outputs: Shape) -> Shape:
    axis = found[0].last
    plan.settings[id(layer)] = lambda factor: {"projection_dim": axis.scaled(factor)}
    return found[0]


def _opaque(plan: WidthSettings, layer: Any, found: list[Shape], outputs: Any) -> Any:
    """Keep the layer's own size; it takes any."""
    return outputs


RULES: list[tuple[Any, Rule]] = [
    (layers.Dense, _dense),
    (layers.Embedding, _embedding),
    (DEPTHWISE, _depthwise),
    (CONVOLUTIONS, _convolution),
    (layers.GroupNormalization, _grouped),
    (SAME, _same),
    (RESAMPLED, _resampled),
    (JOINED, joined),
    (layers.Concatenate, _concatenated),
    (layers.Flatten, _flattened),
    (layers.Permute, _permuted),
    (layers.Reshape, _reshaped),
    (RECURRENT, _recurrent),
    (layers.Bidirectional, _bidirectional),
    (layers.TimeDistributed, _time_distributed),
    (ATTENTION, _attention),
    ((layers.Attention, layers.AdditiveAttention), _dot_attention),
    (layers.EinsumDense, _einsum),
    (layers.RNN, _opaque),
]
# Layers that keras.applications defines
OF_APPLICATIONS = {"LayerScale": _layer_scale, "StochasticDepth": _same, "CustomScaleLayer": joined}
SINGLE = (_same, _grouped, _resampled, _dense, _embedding, _convolution, _depthwise, joined, _concatenated)


def find_rule(operation: Any) -> Rule | None:
    """Return what an operation of Keras does to sizes; None if gengap doesn't know it."""
    module, name = type(operation).__module__, type(operation).__name__
    if module.startswith("keras.src.applications"):
        return OF_APPLICATIONS.get(name)
    if module.startswith("keras.src.ops"):
        return joined if name in JOINED_OPERATIONS else _same if name in ELEMENTWISE else None
    if not module.startswith("keras."):  # a class of the user's may do anything
        return None
    return next((rule for kinds, rule in RULES if isinstance(operation, kinds)), None)

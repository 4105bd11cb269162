"""The blocks of a user's model: a layer with a kernel, and the normalisation and activation that follow it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from gengap.models.backend import keras
from gengap.models.keras_internals import is_functional, run_graph
from gengap.models.width_rules import DEPTHWISE, RECURRENT

layers = keras.layers
DENSE = (layers.Dense, layers.EinsumDense)
CONVOLUTION = (
    *(layers.Conv1D, layers.Conv2D, layers.Conv3D, layers.SeparableConv1D, layers.SeparableConv2D),
    *(layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose, *DEPTHWISE),
)
NORMALISING = (layers.BatchNormalization, layers.LayerNormalization, layers.GroupNormalization)
ACTIVATING = (layers.Activation, layers.ReLU, layers.LeakyReLU, layers.PReLU, layers.ELU)
DROPPING = (
    *(layers.Dropout, layers.SpatialDropout1D, layers.SpatialDropout2D, layers.SpatialDropout3D),
    *(layers.AlphaDropout, layers.GaussianDropout),
)


@dataclass(frozen=True, eq=False)
class Block:
    """A layer with a kernel.

    Attributes:
        layer: The layer; a wrapped one is `inner`.
        end: The layer that ends the block: its activation, which may be the layer itself; None without one.
        normalised: Whether a normalisation is between the kernel and the activation, or follows it.
        dropped: Whether a dropout follows.
        output: Whether the model's output is the block's.
        rank: How many axes the block's output has, with the batch.
    """

    layer: Any
    end: Any
    normalised: bool
    dropped: bool
    output: bool
    rank: int

    @property
    def inner(self) -> Any:
        """The layer that has the kernel."""
        wrapped = getattr(self.layer, "layer", None) or getattr(self.layer, "forward_layer", None)
        return self.layer if wrapped is None else wrapped

    @property
    def recurrent(self) -> bool:
        """Whether it reads a sequence step by step."""
        return isinstance(self.inner, RECURRENT)

    @property
    def activates(self) -> bool:
        """Whether the layer itself has an activation."""
        return self.end is self.layer


@dataclass(frozen=True, eq=False)
class ModelInput:
    """An input of the model: its number, name, shape (with the batch), type, and the layers that read it."""

    number: int
    name: str
    shape: tuple[int | None, ...]
    dtype: str
    readers: tuple[Any, ...]

    @property
    def tokens(self) -> bool:
        """Whether an Embedding reads it."""
        return any(isinstance(reader, layers.Embedding) for reader in self.readers)

    @property
    def numeric(self) -> bool:
        """Whether it holds numbers that may be changed a little."""
        return not self.tokens and self.dtype.startswith(("float", "bfloat"))

    @property
    def image(self) -> bool:
        """Whether it is an image (height, width, 1 to 4 channels)."""
        rank, channels = len(self.shape), self.shape[-1]
        return not self.tokens and rank == 4 and channels in (1, 2, 3, 4) and (self.shape[1] or 0) > 1

    @property
    def sequence(self) -> bool:
        """Whether it is a sequence of steps (steps, numbers)."""
        return self.numeric and len(self.shape) == 3


@dataclass(eq=False)
class _Value:
    """A tensor of the run: which operation made it, and its rank."""

    maker: Any
    rank: int


@dataclass(eq=False)
class Graph:
    """How the layers of a model, and of the models in it, follow each other."""

    model: keras.Model
    followers: dict[int, list[Any]] = field(default_factory=dict)
    order: dict[int, Any] = field(default_factory=dict)
    ranks: dict[int, int] = field(default_factory=dict)
    outputs: set[int] = field(default_factory=set)
    inputs: list[ModelInput] = field(default_factory=list)

    def __post_init__(self) -> None:
        values = [_Value(tensor, len(tensor.shape)) for tensor in self.model.inputs]
        self.outputs = {id(each.maker) for each in _values(run_graph(self.model, values, self._call))}
        for number, tensor in enumerate(self.model.inputs):
            name = f"input {number + 1}" if tensor.name.startswith("keras_tensor") else tensor.name
            readers = tuple(self.followers.get(id(tensor), ()))
            self.inputs.append(ModelInput(number, name, tuple(tensor.shape), str(tensor.dtype), readers))

    def _call(self, operation: Any, *args: Any, **kwargs: Any) -> Any:
        found = _values((args, kwargs))
        if isinstance(operation, keras.Sequential) or is_functional(operation):
            return run_graph(operation, found, self._call)
        self.order[id(operation)] = operation
        for value in found:
            self.followers.setdefault(id(value.maker), []).append(operation)
        outputs = operation.output
        self.ranks[id(operation)] = len(keras.tree.flatten(outputs)[0].shape)
        return keras.tree.map_structure(lambda tensor: _Value(operation, len(tensor.shape)), outputs)

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks in the order of the model."""
        return tuple(self._blocks())

    @property
    def activations(self) -> list[Any]:
        """The layers after which hidden units are active and that no dropout follows, in the order of the model."""
        ends = {id(block.end) for block in self.blocks if block.end is not None and not block.output}
        other = {id(layer) for layer in self.order.values() if isinstance(layer, ACTIVATING)}
        last = {id(block.end) for block in self.blocks if block.output} | self.outputs
        return [
            layer
            for key, layer in self.order.items()
            if key in (ends | other) - last
            and not any(isinstance(each, DROPPING) for each in self.followers.get(key, ()))
        ]

    def _blocks(self) -> Iterator[Block]:
        for layer in self.order.values():
            inner = getattr(layer, "layer", None) or getattr(layer, "forward_layer", None) or layer
            if isinstance(inner, RECURRENT):
                yield self._block(layer, layer, [layer])
            elif isinstance(inner, (*DENSE, *CONVOLUTION)):
                chain = list(self._chain(layer))
                own = getattr(inner, "activation", None) not in (None, keras.activations.linear)
                end = layer if own else next((each for each in chain if isinstance(each, ACTIVATING)), None)
                yield self._block(layer, end, chain)

    def _block(self, layer: Any, end: Any, chain: list[Any]) -> Block:
        last = layer if end is None else end
        dropped = any(isinstance(each, DROPPING) for each in self.followers.get(id(last), ()))
        normalised = any(isinstance(each, NORMALISING) for each in chain)
        output = any(id(each) in self.outputs for each in (layer, last, *chain))
        return Block(layer, end, normalised, dropped, output, self.ranks[id(last)])

    def _chain(self, layer: Any) -> Iterator[Any]:
        """Yield the normalisations and activations that alone follow the layer."""
        while True:
            after = self.followers.get(id(layer), [])
            if len(after) != 1 or not isinstance(after[0], (*NORMALISING, *ACTIVATING)):
                return
            layer = after[0]
            yield layer


def _values(value: Any) -> list[_Value]:
    return [each for each in keras.tree.flatten(value) if isinstance(each, _Value)]

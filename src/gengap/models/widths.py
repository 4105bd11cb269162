"""Find which sizes of a user's model can be scaled together, and which must stay.

The model is run once on symbolic shapes (`gengap.models.axes`): each layer says which of its settings is a width,
and which widths must be equal or a multiple (`gengap.models.width_rules`). What gengap doesn't know keeps the sizes
that go into it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gengap.models.axes import Axis, Shape
from gengap.models.backend import keras
from gengap.models.keras_internals import is_functional, run_graph
from gengap.models.width_rules import SINGLE, WidthSettings, find_rule, joined, shapes_in


@dataclass(eq=False)
class WidthPlan(WidthSettings):
    """The sizes of one model that can be scaled, found by running it on symbolic shapes."""

    @classmethod
    def of(cls, model: keras.Model) -> WidthPlan:
        """Find the widths of a built Sequential or functional model."""
        plan = cls()
        inputs = [_constant(tensor.shape, tensor.dtype, "it is an input") for tensor in model.inputs]
        for output in shapes_in(run_graph(model, inputs, plan.call)):
            output.fix("its size is the model's output")
        return plan

    @property
    def unscaled(self) -> dict[str, str]:
        """Why a layer keeps its size, by its name."""
        return {
            name: fixed[0]
            for name, widths in self.widths.items()
            if len(fixed := [width.why for width in widths if width.why]) == len(widths)
        }

    @property
    def scaled(self) -> list[str]:
        """The names of the layers that a factor changes."""
        return [name for name in self.widths if name not in self.unscaled]

    def call(self, operation: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the shapes of an operation's outputs."""
        found = shapes_in((args, kwargs))
        if is_functional(operation) or isinstance(operation, keras.Sequential):
            self.settings[id(operation)] = lambda factor: {"inputs": [_sizes(shape, factor) for shape in found]}
            return run_graph(operation, found, self.call)
        outputs = keras.tree.map_structure(
            lambda tensor: _constant(tensor.shape, tensor.dtype, f"{operation.name} decides it"),
            operation.compute_output_spec(*_tensors(args), **_tensors(kwargs)),
        )
        rule = find_rule(operation)
        first = getattr(operation, "data_format", None) == "channels_first"
        if rule is None or first or not found or not isinstance(outputs if rule in SINGLE else found[0], Shape):
            why = "channels come first" if first else f"gengap doesn't know the sizes of {operation.name}"
            for shape in found:
                shape.fix(f"{why} ({type(operation).__name__})" if rule is None else why)
            return outputs
        others = [each for each in keras.tree.flatten((args, kwargs)) if not isinstance(each, Shape)]
        if rule is joined and any(np.ndim(each) > 0 for each in others):
            found[0].fix(f"{operation.name} joins it with a constant")
        return rule(self, operation, found, outputs)


def _constant(sizes: tuple[int | None, ...], dtype: str, why: str) -> Shape:
    return Shape(tuple(Axis.constant(size, why) for size in sizes[1:]), dtype)


def _tensors(value: Any) -> Any:
    """Replace shapes by Keras tensors."""

    def tensor(each: Any) -> Any:
        return keras.KerasTensor(each.sizes, each.dtype) if isinstance(each, Shape) else each

    return keras.tree.map_structure(tensor, value)


def _sizes(shape: Shape, factor: float) -> tuple[int | None, ...]:
    return (None, *(axis.scaled(factor) or None for axis in shape.axes))

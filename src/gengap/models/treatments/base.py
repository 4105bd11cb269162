"""What every treatment can change in a perceptron: the places where it may put something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec

from gengap.tasks import AnyTask

if TYPE_CHECKING:
    import keras

Positive = Annotated[float, msgspec.Meta(gt=0, le=1e9)]
Strength = Annotated[float, msgspec.Meta(gt=0)]
Rate = Annotated[float, msgspec.Meta(gt=0, lt=1)]
Count = Annotated[int, msgspec.Meta(ge=1, le=4096)]


class Treatment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="kind"):
    """What one treatment changes in a model: nothing, unless a subclass says so.

    Layers come as lists, and `seed` is for those that draw random numbers. A model takes only one of the treatments
    that share a `role`.
    """

    role: ClassVar[str] = ""
    classes_only: ClassVar[bool] = False  # a number has nothing for it to change
    adds_bias: ClassVar[bool] = False  # something after the Dense layer does what its bias would do

    def __str__(self) -> str:
        """The kind and its settings, as in "l2 0.001"."""
        settings = (f"{v:g}" if isinstance(v, (int, float)) else str(v) for v in msgspec.structs.astuple(self))
        return " ".join((str(self.__struct_config__.tag), *settings))

    def kernel_regularizer(self) -> keras.regularizers.Regularizer | None:
        """The penalty on the kernel of each hidden layer."""
        return None

    def before_first(self, features: int, seed: int) -> list[keras.Layer]:
        """Layers to put before everything else, on inputs (n, features)."""
        return []

    def before_hidden(self, width: int, first: bool, seed: int) -> list[keras.Layer]:
        """Layers to put before the kernel of a hidden layer, on `width` inputs."""
        return []

    def before_activation(self, width: int) -> list[keras.Layer]:
        """Layers to put between the kernel of a hidden layer of `width` units and its activation."""
        return []

    def after_hidden(self, seed: int) -> list[keras.Layer]:
        """Layers to put after the activation of each hidden layer."""
        return []

    def head(self, width: int, task: AnyTask, first: bool, seed: int) -> list[keras.Layer]:
        """Layers that make the task's outputs of `width` hidden units, in place of a Dense layer."""
        return []

    def optimizer(self, rate: keras.optimizers.schedules.LearningRateSchedule | float) -> keras.Optimizer | None:
        """The optimizer to use in place of Adam."""
        return None

    def label_smoothing(self) -> float:
        """How far labels are moved towards 1/2 in the training loss."""
        return 0.0

    def embedded(self, features: int) -> tuple[int, int]:
        """How many inputs the first hidden layer gets, and how many parameters that takes."""
        return features, 0

    def parameters(self, before: int, width: int) -> int:
        """How many parameters it adds to a hidden layer of `width` units on `before` inputs."""
        return 0

    def head_count(self) -> int:
        """How many last layers there are."""
        return 1

"""Treatments: regularisers and other changes, as small named values that combine with any perceptron.

A perceptron is hidden layers, each `[before_hidden] Dense [before_activation] activation [after_hidden]`, after
`before_first` and before a `head`. Every treatment says what to add at these places; it may also bring a kernel
penalty, an optimizer or smoothed labels. Treatments are plain data, written to and read from TOML; Keras is
imported only when a model is built.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec

from gengap.tasks import AnyTask

if TYPE_CHECKING:
    import keras

Positive = Annotated[float, msgspec.Meta(gt=0, le=1e9)]
Strength = Annotated[float, msgspec.Meta(gt=0)]
Rate = Annotated[float, msgspec.Meta(gt=0, lt=1)]
Count = Annotated[int, msgspec.Meta(ge=1, le=4096)]


STRENGTH_FIELDS = ("strength", "rate", "deviation", "alpha", "l1")  # what treatments call their strength


class Treatment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="kind"):
    """What a treatment changes in a model: nothing, unless a subclass overrides a method.

    Layers are returned as lists. `seed` is for layers that draw random numbers. A model takes only one of the
    treatments that share a `role`.
    """

    wording: ClassVar[str]  # how it is named, with its fields
    role: ClassVar[str] = ""
    classes_only: ClassVar[bool] = False  # it has no effect on a regression
    skewed_numbers_only: ClassVar[bool] = False  # it needs the logarithms of a regression's target
    adds_bias: ClassVar[bool] = False  # a layer after the Dense layer acts as its bias
    own_models_only: ClassVar[bool] = False  # it needs layers that gengap's networks don't have

    def __str__(self) -> str:
        """Return the kind and its settings as people say them, as in "l2 0.001" or "8-member ensemble"."""
        return self.wording.format_map(msgspec.structs.asdict(self))

    def kernel_regularizer(self) -> keras.regularizers.Regularizer | None:
        """Return the penalty on the kernel of each hidden layer."""
        return None

    def before_first(self, features: int, seed: int) -> list[keras.Layer]:
        """Return layers to put before all others, on inputs (n, features)."""
        return []

    def before_hidden(self, width: int, first: bool, seed: int) -> list[keras.Layer]:
        """Return layers to put before the kernel of a hidden layer, on `width` inputs."""
        return []

    def before_activation(self, width: int) -> list[keras.Layer]:
        """Return layers to put between the kernel of a hidden layer of `width` units and its activation."""
        return []

    def after_hidden(self, seed: int) -> list[keras.Layer]:
        """Return layers to put after the activation of each hidden layer."""
        return []

    def head(self, width: int, task: AnyTask, first: bool, seed: int) -> list[keras.Layer]:
        """Return layers from `width` hidden units to the task's outputs, in place of a Dense layer."""
        return []

    def link(self, task: AnyTask) -> list[keras.Layer]:
        """Return layers to put after the last one, or between the members' last ones and their mean."""
        return []

    def loss(self, task: AnyTask) -> keras.Loss | None:
        """Return the training loss to use in place of the task's."""
        return None

    def optimizer(self, rate: keras.optimizers.schedules.LearningRateSchedule | float) -> keras.Optimizer | None:
        """Return the optimizer to use in place of Adam."""
        return None

    def label_smoothing(self) -> float:
        """Return how far labels are smoothed in the training loss, from 0 to 1."""
        return 0.0

    def averaging(self) -> float:
        """Return the momentum of a moving average of the weights, from 0 to 1; 0 is none."""
        return 0.0

    def embedded(self, features: int) -> tuple[int, int]:
        """Return how many inputs the first hidden layer gets, and how many parameters that adds."""
        return features, 0

    def parameters(self, before: int, width: int) -> int:
        """Return how many parameters it adds to a hidden layer of `width` units on `before` inputs."""
        return 0

    def head_count(self) -> int:
        """Return how many last layers there are."""
        return 1


def strength_of(treatment: Treatment) -> float | None:
    """Return the number that says how strong a treatment is; None if it has none."""
    return next((getattr(treatment, name) for name in STRENGTH_FIELDS if hasattr(treatment, name)), None)


def averages_weights(treatments: Sequence[Treatment]) -> bool:
    """Tell whether a model is evaluated and kept with the average of its weights."""
    return any(treatment.averaging() for treatment in treatments)


def check_compatible(treatments: Sequence[Treatment], of: str = "a model") -> None:
    """Check that no two treatments share a role that a model has only once.

    Raises ValueError, which names them and calls the model `of`, if two do.

    >>> from gengap.models import L1, L2
    >>> check_compatible([L1(0.1), L2(0.1)])
    Traceback (most recent call last):
    ValueError: a model has 2 penalties on its weights (l1 0.1, l2 0.1); expected at most one
    """
    for role in dict.fromkeys(t.role for t in treatments if t.role):
        same = [str(t) for t in treatments if t.role == role]
        if len(same) > 1:
            raise ValueError(f"{of} has {len(same)} {role} ({', '.join(same)}); expected at most one")


def count_parameters(
    features: int, units: Sequence[int], treatments: Sequence[Treatment] = (), outputs: int = 1
) -> int:
    """Return how many parameters a perceptron has, without building it.

    >>> count_parameters(28, [16])
    481
    """
    width, total = features, 0
    for treatment in treatments:
        width, more = treatment.embedded(width)
        total += more
    bias = not any(t.adds_bias for t in treatments)
    for before, after in itertools.pairwise((width, *units)):
        total += (before + bias) * after + sum(t.parameters(before, after) for t in treatments)
    last = ((units[-1] if units else width) + 1) * outputs
    return total + last * max((t.head_count() for t in treatments), default=1)

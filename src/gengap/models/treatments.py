"""Regularisers as small named values that compose with any size of model.

A treatment says what it adds to each hidden layer; `perceptron` asks every treatment in turn. Treatments are plain
data (they read and write TOML); Keras is imported only when a model is built.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

if TYPE_CHECKING:
    import keras

Strength = Annotated[float, msgspec.Meta(gt=0)]
Rate = Annotated[float, msgspec.Meta(gt=0, lt=1)]


class Treatment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="kind"):
    """What one regulariser adds to each hidden layer: nothing, unless a subclass says so."""

    def __str__(self) -> str:
        """The kind and its numbers, as in "l2 0.001"."""
        numbers = (f"{value:g}" for value in msgspec.structs.astuple(self))
        return " ".join((str(self.__struct_config__.tag), *numbers))

    def kernel_regularizer(self) -> keras.regularizers.Regularizer | None:
        """The penalty on the kernel of each hidden layer."""
        return None

    def after_hidden(self, seed: int) -> list[keras.Layer]:
        """Layers to put after each hidden layer; `seed` is for those that draw random numbers."""
        return []


class L2(Treatment, frozen=True, tag="l2"):
    """Adds `strength * sum(kernel ** 2)` of every hidden layer to the loss (Keras' `L2`).

    >>> L2(0.001)
    L2(strength=0.001)
    """

    strength: Strength

    def kernel_regularizer(self) -> keras.regularizers.Regularizer:
        """Keras' L2 penalty with this strength."""
        from gengap.models.backend import keras

        return keras.regularizers.L2(self.strength)


class Dropout(Treatment, frozen=True, tag="dropout"):
    """Zeroes each hidden unit with probability `rate` while training (Srivastava et al. 2014, section 4)."""

    rate: Rate

    def after_hidden(self, seed: int) -> list[keras.Layer]:
        """One Keras `Dropout` layer."""
        from gengap.models.backend import keras

        return [keras.layers.Dropout(self.rate, seed=seed)]


AnyTreatment = L2 | Dropout

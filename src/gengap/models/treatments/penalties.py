"""Treatments of the hidden layers: penalties on kernels, dropout and batch normalisation."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from gengap.models.treatments.base import Rate, Strength, Treatment

if TYPE_CHECKING:
    import keras


class Penalty(Treatment, frozen=True):
    """A treatment that adds a penalty on the kernel of every hidden layer to the loss."""

    role: ClassVar[str] = "penalties on its weights"


class L1(Penalty, frozen=True, tag="l1"):
    """Adds `strength * sum(|kernel|)` of every hidden layer to the loss (Keras' `L1`; Tibshirani 1996, section 2).

    Unlike L2 it brings weights to nothing: see `share_below`.
    """

    strength: Strength

    def kernel_regularizer(self) -> keras.regularizers.Regularizer:
        """Keras' L1 penalty with this strength."""
        from gengap.models.backend import keras

        return keras.regularizers.L1(self.strength)


class L2(Penalty, frozen=True, tag="l2"):
    """Adds `strength * sum(kernel ** 2)` of every hidden layer to the loss (Keras' `L2`).

    >>> L2(0.001)
    L2(strength=0.001)
    """

    strength: Strength

    def kernel_regularizer(self) -> keras.regularizers.Regularizer:
        """Keras' L2 penalty with this strength."""
        from gengap.models.backend import keras

        return keras.regularizers.L2(self.strength)


class L1L2(Penalty, frozen=True, tag="l1_l2"):
    """Both penalties at once (Keras' `L1L2`): the elastic net of Zou & Hastie 2005, section 2."""

    l1: Strength
    l2: Strength

    def kernel_regularizer(self) -> keras.regularizers.Regularizer:
        """Keras' L1L2 penalty with these strengths."""
        from gengap.models.backend import keras

        return keras.regularizers.L1L2(self.l1, self.l2)


class Dropout(Treatment, frozen=True, tag="dropout"):
    """Zeroes each hidden unit with probability `rate` while training (Srivastava et al. 2014, section 4)."""

    rate: Rate

    def after_hidden(self, seed: int) -> list[keras.Layer]:
        """One Keras `Dropout` layer."""
        from gengap.models.backend import keras

        return [keras.layers.Dropout(self.rate, seed=seed)]


class BatchNorm(Treatment, frozen=True, tag="batch-norm"):
    """Normalises each hidden unit over the batch, before the activation (Ioffe & Szegedy 2015, section 3.2).

    The normalisation takes a bias out again, so the hidden layers have none. Inference uses averages over batches
    with this `momentum`; Keras' own 0.99 would need more steps than a short trial has.
    """

    momentum: Rate = 0.9
    role: ClassVar[str] = "normalisations"
    adds_bias: ClassVar[bool] = True

    def before_activation(self, width: int) -> list[keras.Layer]:
        """One Keras `BatchNormalization` layer."""
        from gengap.models.backend import keras

        return [keras.layers.BatchNormalization(momentum=self.momentum)]

    def parameters(self, before: int, width: int) -> int:
        """Scale, shift, average and variance of each unit."""
        return 4 * width

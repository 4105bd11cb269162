"""Treatments of the optimizer and of the labels it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec

from gengap.models.treatments.base import Positive, Rate, Strength, Treatment

if TYPE_CHECKING:
    import keras

KERNELS_ONLY = "^(?!kernel$)"  # matches the names of all other variables: biases, normalisation, frequencies


class WeightDecay(Treatment, frozen=True, tag="weight-decay"):
    """Multiplies every kernel by `1 - learning rate * strength` at each step, apart from the gradient.

    Keras' `AdamW` (Loshchilov & Hutter 2019, "Decoupled weight decay regularization", algorithm 2). Kernels only:
    biases, normalisation and the frequencies of embeddings don't decay.
    """

    strength: Strength
    role: ClassVar[str] = "optimizers"

    def optimizer(self, rate: keras.optimizers.schedules.LearningRateSchedule | float) -> keras.Optimizer:
        """Keras' AdamW, which decays the kernels only."""
        from gengap.models.backend import keras

        optimizer = keras.optimizers.AdamW(rate, weight_decay=self.strength)
        optimizer.exclude_from_weight_decay(var_names=[KERNELS_ONLY])
        return optimizer


class Ftrl(Treatment, frozen=True, tag="ftrl"):
    """Follow the regularised leader in place of Adam (McMahan et al. 2013, "Ad click prediction", section 3).

    Keras' `Ftrl`: strengths `l1`, which leaves weights at exactly 0, and `l2`. They act on the sum of all gradients
    so far. The steps shrink as in Adagrad, by themselves: the trial's schedule does not apply, because weights are
    proportional to the rate and would fall with it.
    """

    l1: Annotated[float, msgspec.Meta(ge=0)] = 0.01
    l2: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    learning_rate: Positive = 0.1
    role: ClassVar[str] = "optimizers"

    def optimizer(self, rate: keras.optimizers.schedules.LearningRateSchedule | float) -> keras.Optimizer:
        """Keras' Ftrl, whose first step starts from the layers' own weights, because its sums start near 0.

        With Keras' initial accumulator of 0.1 the first step would take every weight to about 0, where the units
        of a layer can't be told apart.
        """
        from gengap.models.backend import keras

        return keras.optimizers.Ftrl(
            self.learning_rate,
            initial_accumulator_value=1e-18,
            l1_regularization_strength=self.l1,
            l2_regularization_strength=self.l2,
        )


class LabelSmoothing(Treatment, frozen=True, tag="label-smoothing"):
    """Trains on labels moved by `rate` towards all classes alike (Szegedy et al. 2016, section 7).

    Only the loss is smoothed, by Keras, on training and validation rows alike; the metrics see the labels as they
    are.
    """

    rate: Rate
    role: ClassVar[str] = "smoothings of labels"
    classes_only: ClassVar[bool] = True

    def label_smoothing(self) -> float:
        """The rate."""
        return self.rate

"""Treatments of the inputs: noise, mixing, clipping and the embedding of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import msgspec

from gengap.models.treatments.base import Count, Positive, Treatment

if TYPE_CHECKING:
    import keras


class Noise(Treatment, frozen=True, tag="noise"):
    """Adds normal noise to the inputs while training (Keras' `GaussianNoise`; Bishop 1995, section 2).

    `deviation` is in the units of the prepared features: standard deviations, if they are standardised.
    """

    deviation: Annotated[float, msgspec.Meta(gt=0, le=1)]

    def before_first(self, features: int, seed: int) -> list[keras.Layer]:
        """One Keras `GaussianNoise` layer."""
        from gengap.models.backend import keras

        return [keras.layers.GaussianNoise(self.deviation, seed=seed)]


class Mixup(Treatment, frozen=True, tag="mixup"):
    """Trains on mixtures of two rows and of their labels, by a share that is drawn for each batch.

    The share is from Beta(`alpha`, `alpha`) (Zhang et al. 2018, "mixup: beyond empirical risk minimization",
    section 2). The training metrics of Keras compare a mixed row with the label of the greater share's row.
    """

    alpha: Positive = 0.2
    role: ClassVar[str] = "mixings of rows"

    def before_first(self, features: int, seed: int) -> list[keras.Layer]:
        """One layer that mixes each row with the next of its batch."""
        from gengap.models.layers import MixupLayer

        return [MixupLayer(self.alpha, seed=seed)]


class Clip(Treatment, frozen=True, tag="clip"):
    """Keeps every prepared feature between `-at` and `at`: standard deviations, if features are standardised.

    "smooth" bends towards the bounds by a hyperbolic tangent; "hard" cuts off.
    """

    at: Positive = 4.0
    how: Literal["hard", "smooth"] = "hard"
    role: ClassVar[str] = "clippings"

    def before_first(self, features: int, seed: int) -> list[keras.Layer]:
        """Keras' hard or smooth tangent, between two rescalings."""
        from gengap.models.backend import keras

        bend = keras.layers.Activation("hard_tanh" if self.how == "hard" else "tanh")
        return [keras.layers.Rescaling(1 / self.at), bend, keras.layers.Rescaling(self.at)]


class Periodic(Treatment, frozen=True, tag="periodic"):
    """Each feature becomes `width` numbers: a linear map of its sines and cosines.

    "PL" of Gorishniy et al. 2022, "On embeddings for numerical features in tabular deep learning"; the waves are
    those of its section 3.3. The `frequencies` of each feature are learnt, from normal ones with standard deviation
    `sigma`. Each feature has its own linear map. Their "PLR" has ReLU behind it. There the slow waves that a small
    `sigma` draws, whose cosines hardly move, would leave about half of the numbers 0 for all rows, and some seeds
    without a feature for good.
    """

    frequencies: Count = 8
    width: Count = 8
    sigma: Positive = 0.03
    role: ClassVar[str] = "embeddings of numbers"

    def before_first(self, features: int, seed: int) -> list[keras.Layer]:
        """Sines and cosines (n, features, 2 frequencies), the maps (n, features, width), all in one row."""
        from gengap.models.backend import keras
        from gengap.models.layers import PeriodicFeatures

        bound = (2 * self.frequencies) ** -0.5
        linear = keras.layers.EinsumDense(
            "nfi,fio->nfo",
            (features, self.width),
            bias_axes="fo",
            kernel_initializer=keras.initializers.RandomUniform(-bound, bound, seed=seed),
        )
        return [PeriodicFeatures(self.frequencies, self.sigma, seed=seed), linear, keras.layers.Flatten()]

    def embedded(self, features: int) -> tuple[int, int]:
        """`width` inputs for each feature; its frequencies and its linear map."""
        return features * self.width, features * (self.frequencies + (2 * self.frequencies + 1) * self.width)

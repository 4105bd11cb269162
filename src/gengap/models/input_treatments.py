"""Treatments of the inputs: noise, mixtures of rows, limits, normal scores and embeddings of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import msgspec

from gengap.models import backend
from gengap.models.treatment_base import Count, Positive, Treatment

if TYPE_CHECKING:
    import keras


class Noise(Treatment, frozen=True, tag="noise"):
    """Add normal noise to the inputs while training (Keras' `GaussianNoise`; Bishop 1995, section 2).

    Args:
        deviation: The noise's standard deviation, in units of the prepared features: standard deviations, if they
            are standardised.
    """

    wording: ClassVar[str] = "input noise {deviation:g}"
    deviation: Annotated[float, msgspec.Meta(gt=0, le=1)]

    def before_first(self, features: int, seed: int) -> list[keras.Layer]:
        """Return one Keras `GaussianNoise` layer."""
        return [backend.keras.layers.GaussianNoise(self.deviation, seed=seed)]


class Mixup(Treatment, frozen=True, tag="mixup"):
    """Train on mixtures of two rows and of their labels (Zhang et al. 2018, "mixup", section 2).

    The share of a row is drawn for each batch from Beta(alpha, alpha). Keras' training metrics compare a mixture
    with the label of the row that has the larger share.

    Args:
        alpha: The parameter of the Beta distribution, above 0.
    """

    wording: ClassVar[str] = "mixup {alpha:g}"
    alpha: Positive = 0.2
    role: ClassVar[str] = "mixings of rows"

    def before_first(self, features: int, seed: int) -> list[keras.Layer]:
        """Return one layer that mixes each row with the next of its batch."""
        from gengap.models.layers import MixupLayer

        return [MixupLayer(self.alpha, seed=seed)]


class Clip(Treatment, frozen=True, tag="clip"):
    """Limit every prepared feature to the range from `-at` to `at`.

    Args:
        at: The limit, in standard deviations if the features are standardised.
        how: "hard" cuts values off, "smooth" bends them with a hyperbolic tangent.
    """

    at: Positive = 4.0
    how: Literal["hard", "smooth"] = "hard"
    role: ClassVar[str] = "clippings"

    def __str__(self) -> str:
        """Return how and where it clips, as in "inputs clipped at 4"."""
        return f"inputs {'smoothly ' * (self.how == 'smooth')}clipped at {self.at:g}"

    def before_first(self, features: int, seed: int) -> list[keras.Layer]:
        """Return Keras' hard or smooth tangent, between two rescalings."""
        bend = backend.keras.layers.Activation("hard_tanh" if self.how == "hard" else "tanh")
        return [backend.keras.layers.Rescaling(1 / self.at), bend, backend.keras.layers.Rescaling(self.at)]


class QuantileNormal(Treatment, frozen=True, tag="quantile-normal"):
    """Replace each feature by its normal scores: the normal quantile of the share of training rows below a value.

    This is scikit-learn's `QuantileTransformer(output_distribution="normal")`, with fewer knots; Gorishniy et al.
    2021, "Revisiting deep learning models for tabular data", section 4.2, use it. Skewed columns become normal. A
    column of two values stays as it is. The trial's training rows give the knots, and the saved model holds them.

    Args:
        knots: How many values of each feature the function is exact at; between them it is linear.
    """

    wording: ClassVar[str] = "inputs as normal scores"
    knots: Annotated[int, msgspec.Meta(ge=2, le=4096)] = 64
    role: ClassVar[str] = "scalings of inputs"

    def before_first(self, features: int, seed: int) -> list[keras.Layer]:
        """Return the layer of normal scores; `gengap.models.layers.adapt_to_rows` computes its knots."""
        from gengap.models.layers import QuantileFeatures

        return [QuantileFeatures(self.knots)]

    def embedded(self, features: int) -> tuple[int, int]:
        """Count a place and a score for each knot, as Keras counts weights that are not trained."""
        return features, 2 * features * self.knots


class Periodic(Treatment, frozen=True, tag="periodic"):
    """Turn each feature into `width` numbers: a linear map of its sines and cosines.

    This is "PL" of Gorishniy et al. 2022, "On embeddings for numerical features in tabular deep learning"; the
    waves are those of its section 3.3. Each feature has its own linear map. Their "PLR" adds ReLU: with the slow
    waves that a small `sigma` draws, whose cosines hardly change, that would leave about half of the numbers 0 for
    all rows, and some seeds without a feature for ever.

    Args:
        frequencies: How many frequencies each feature has; they are learnt.
        width: How many numbers each feature becomes.
        sigma: The standard deviation of the normal distribution that the first frequencies are drawn from.
    """

    wording: ClassVar[str] = "{frequencies} periodic embeddings of sigma {sigma:g}"
    frequencies: Count = 8
    width: Count = 8
    sigma: Positive = 0.03
    role: ClassVar[str] = "embeddings of numbers"

    def before_first(self, features: int, seed: int) -> list[keras.Layer]:
        """Return sines and cosines (n, features, 2 frequencies), then the maps (n, features, width), flattened."""
        from gengap.models.layers import PeriodicFeatures

        bound = (2 * self.frequencies) ** -0.5
        linear = backend.keras.layers.EinsumDense(
            "nfi,fio->nfo",
            (features, self.width),
            bias_axes="fo",
            kernel_initializer=backend.keras.initializers.RandomUniform(-bound, bound, seed=seed),
        )
        return [PeriodicFeatures(self.frequencies, self.sigma, seed=seed), linear, backend.keras.layers.Flatten()]

    def embedded(self, features: int) -> tuple[int, int]:
        """Count `width` inputs for each feature, and its frequencies and linear map."""
        return features * self.width, features * (self.frequencies + (2 * self.frequencies + 1) * self.width)

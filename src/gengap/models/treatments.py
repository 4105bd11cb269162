"""Treatments: regularisers and other parts of a model's recipe, as small named values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import msgspec

from gengap.models.treatment_base import Count, Positive, Rate, Strength, Treatment
from gengap.tasks import AnyTask

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


class Ensemble(Treatment, frozen=True, tag="ensemble"):
    """So many `members` in one model, which share every hidden kernel and average what they say.

    A member scales the inputs and outputs of a kernel by factors of its own and has its own biases and last layer;
    the training loss is the mean of the members' own. BatchEnsemble (Wen et al. 2020, section 3) as in TabM
    (Gorishniy et al. 2024, "TabM", arXiv 2410.24210, section 3.3), all members on the same batches.
    """

    members: Annotated[int, msgspec.Meta(ge=2, le=4096)] = 8
    role: ClassVar[str] = "ensembles"
    adds_bias: ClassVar[bool] = True

    def before_hidden(self, width: int, first: bool, seed: int) -> list[keras.Layer]:
        """The members' factors on inputs (n, width) or (n, members, width): random at first, then ones."""
        from gengap.models.layers import MemberFactors

        return [MemberFactors(self.members, random=first, seed=seed)]

    def before_activation(self, width: int) -> list[keras.Layer]:
        """The members' factors and biases on (n, members, width)."""
        from gengap.models.layers import MemberFactors

        return [MemberFactors(self.members, use_bias=True)]

    def head(self, width: int, task: AnyTask, first: bool, seed: int) -> list[keras.Layer]:
        """Each member's outputs (n, members, outputs), and what they say together (n, outputs)."""
        from gengap.models.backend import keras
        from gengap.models.layers import MemberMean

        start = keras.initializers.RandomUniform(-(width**-0.5), width**-0.5, seed=seed)
        equation = "ni,kio->nko" if first else "nki,kio->nko"
        shape = (self.members, task.outputs)
        last = keras.layers.EinsumDense(equation, shape, bias_axes="ko", kernel_initializer=start)
        return [last, MemberMean(task.name)]

    def parameters(self, before: int, width: int) -> int:
        """Two factors and a bias."""
        return self.members * (before + 2 * width)

    def head_count(self) -> int:
        """One for each member."""
        return self.members


AnyTreatment = (
    L1
    | L2
    | L1L2
    | Dropout
    | BatchNorm
    | WeightDecay
    | Ftrl
    | LabelSmoothing
    | Noise
    | Mixup
    | Clip
    | Periodic
    | Ensemble
)
TREATMENTS: tuple[type[Treatment], ...] = AnyTreatment.__args__

"""Treatments: regularisers and other parts of a model's recipe, as small named values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec

from gengap.errors import UsageError
from gengap.models import backend
from gengap.models.input_treatments import Clip, Mixup, Noise, Periodic, QuantileNormal
from gengap.models.model_treatments import (
    Augment,
    Freeze,
    LayerNorm,
    RecurrentDropout,
    SpatialDropout,
    TimeMask,
    WordDropout,
)
from gengap.models.treatment_base import Positive, Rate, Strength, Treatment
from gengap.tasks import AnyTask, LogScale, Regression

if TYPE_CHECKING:
    import keras


class Penalty(Treatment, frozen=True):
    """A treatment that adds a penalty on the kernel of every hidden layer to the loss."""

    role: ClassVar[str] = "penalties on its weights"


class L1(Penalty, frozen=True, tag="l1"):
    """Add `strength * sum(|kernel|)` of every hidden layer to the loss (Keras' `L1`; Tibshirani 1996, section 2).

    Unlike L2 it makes weights (almost) 0: see `share_below`.

    Args:
        strength: The factor, above 0.
    """

    wording: ClassVar[str] = "l1 {strength:g}"
    strength: Strength

    def kernel_regularizer(self) -> keras.regularizers.Regularizer:
        """Return Keras' L1 penalty with this strength."""
        return backend.keras.regularizers.L1(self.strength)


class L2(Penalty, frozen=True, tag="l2"):
    """Add `strength * sum(kernel ** 2)` of every hidden layer to the loss (Keras' `L2`).

    Args:
        strength: The factor, above 0.

    >>> L2(0.001)
    L2(strength=0.001)
    """

    wording: ClassVar[str] = "l2 {strength:g}"
    strength: Strength

    def kernel_regularizer(self) -> keras.regularizers.Regularizer:
        """Return Keras' L2 penalty with this strength."""
        return backend.keras.regularizers.L2(self.strength)


class L1L2(Penalty, frozen=True, tag="l1_l2"):
    """Add both penalties to the loss (Keras' `L1L2`): the elastic net of Zou & Hastie 2005, section 2.

    Args:
        l1: The factor of the absolute values, above 0.
        l2: The factor of the squares, above 0.
    """

    wording: ClassVar[str] = "l1 {l1:g} + l2 {l2:g}"
    l1: Strength
    l2: Strength

    def kernel_regularizer(self) -> keras.regularizers.Regularizer:
        """Return Keras' L1L2 penalty with these strengths."""
        return backend.keras.regularizers.L1L2(self.l1, self.l2)


class Dropout(Treatment, frozen=True, tag="dropout"):
    """Set each hidden unit to 0 with a probability while training (Srivastava et al. 2014, section 4).

    Args:
        rate: The probability, between 0 and 1.
    """

    wording: ClassVar[str] = "dropout {rate:g}"
    rate: Rate

    def after_hidden(self, seed: int) -> list[keras.Layer]:
        """Return one Keras `Dropout` layer."""
        return [backend.keras.layers.Dropout(self.rate, seed=seed)]


class BatchNorm(Treatment, frozen=True, tag="batch-norm"):
    """Normalise each hidden unit over the batch, before the activation (Ioffe & Szegedy 2015, section 3.2).

    The normalisation would remove a bias, so the hidden layers have none.

    Args:
        momentum: Of the averages over batches that inference uses, between 0 and 1. Keras' own 0.99 needs more
        steps than a short trial has.
    """

    wording: ClassVar[str] = "batch norm"
    momentum: Rate = 0.9
    role: ClassVar[str] = "normalisations"
    adds_bias: ClassVar[bool] = True

    def before_activation(self, width: int) -> list[keras.Layer]:
        """Return one Keras `BatchNormalization` layer."""
        return [backend.keras.layers.BatchNormalization(momentum=self.momentum)]

    def parameters(self, before: int, width: int) -> int:
        """Return a scale, shift, average and variance for each unit."""
        return 4 * width


KERNELS_ONLY = "^(?!kernel$)"  # matches the names of all other variables: biases, normalisation, frequencies


class WeightDecay(Treatment, frozen=True, tag="weight-decay"):
    """Multiply every kernel by `1 - learning rate * strength` at each step, apart from the gradient.

    This is Keras' `AdamW` (Loshchilov & Hutter 2019, "Decoupled weight decay regularization", algorithm 2). Biases,
    normalisation and the frequencies of embeddings don't decay.

    Args:
        strength: The factor, above 0.
    """

    wording: ClassVar[str] = "weight decay {strength:g}"
    strength: Strength
    role: ClassVar[str] = "optimizers"

    def optimizer(self, rate: keras.optimizers.schedules.LearningRateSchedule | float) -> keras.Optimizer:
        """Return Keras' AdamW, which decays the kernels only."""
        optimizer = backend.keras.optimizers.AdamW(rate, weight_decay=self.strength)
        optimizer.exclude_from_weight_decay(var_names=[KERNELS_ONLY])
        return optimizer


class Ftrl(Treatment, frozen=True, tag="ftrl"):
    """Use "follow the regularised leader" in place of Adam (McMahan et al. 2013, "Ad click prediction", section 3).

    This is Keras' `Ftrl`. Its penalties act on the sum of all gradients so far. Its steps shrink by themselves, as
    in Adagrad. The trial's schedule does not apply: weights are proportional to the rate and would fall with it.

    Args:
        l1: The strength of the L1 penalty, which sets weights to exactly 0.
        l2: The strength of the L2 penalty.
        learning_rate: The learning rate, above 0.
    """

    wording: ClassVar[str] = "FTRL with l1 {l1:g} and l2 {l2:g}"
    l1: Annotated[float, msgspec.Meta(ge=0)] = 0.01
    l2: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    learning_rate: Positive = 0.1
    role: ClassVar[str] = "optimizers"

    def optimizer(self, rate: keras.optimizers.schedules.LearningRateSchedule | float) -> keras.Optimizer:
        """Return Keras' Ftrl. Its sums start near 0, so that the first step starts from the layers' own weights.

        With Keras' initial accumulator of 0.1 the first step would set every weight to about 0, and the units of a
        layer would be equal.
        """
        return backend.keras.optimizers.Ftrl(
            self.learning_rate,
            initial_accumulator_value=1e-18,
            l1_regularization_strength=self.l1,
            l2_regularization_strength=self.l2,
        )


class WeightAverage(Treatment, frozen=True, tag="weight-average"):
    """Evaluate and keep a moving average of the weights (Polyak & Juditsky 1992, "Acceleration by averaging").

    Training goes on from the weights themselves. Their average fluctuates less, as if the learning rate had fallen.
    Validation and the saved model have the average, which Keras' optimizers compute (`use_ema`). Statistics of
    batch normalisation are not averaged. This holds for studies and estimators. `gengap.fit` and Keras evaluate the
    weights themselves, and end with the average.

    Args:
        momentum: The share of the old average that a step keeps, between 0 and 1: 0.99 averages about 100 steps.
    """

    wording: ClassVar[str] = "weight averaging {momentum:g}"
    momentum: Rate = 0.99
    role: ClassVar[str] = "averages of weights"

    def averaging(self) -> float:
        """Return the momentum."""
        return self.momentum


class LabelSmoothing(Treatment, frozen=True, tag="label-smoothing"):
    """Train on labels that are moved towards equal shares of all classes (Szegedy et al. 2016, section 7).

    Keras smooths only the loss, of training and validation rows; metrics use the labels without smoothing.

    Args:
        rate: How far labels are moved, between 0 and 1.
    """

    wording: ClassVar[str] = "label smoothing {rate:g}"
    rate: Rate
    role: ClassVar[str] = "smoothings of labels"
    classes_only: ClassVar[bool] = True

    def label_smoothing(self) -> float:
        """Return the rate."""
        return self.rate


class LogTarget(Treatment, frozen=True, tag="log-target"):
    """Learn the logarithm of a positive, skewed target; the model's outputs are in the target's units all the same.

    The training loss is the mean squared error of standardised logarithms, so that a few large values don't decide
    it. All metrics compare numbers in the target's units. The model predicts the exponential of the mean logarithm,
    which for very noisy targets is below their mean. Cf. Box & Cox 1964, "An analysis of transformations".
    """

    wording: ClassVar[str] = "logarithm of the target"
    role: ClassVar[str] = "scalings of the target"
    skewed_numbers_only: ClassVar[bool] = True

    def link(self, task: AnyTask) -> list[keras.Layer]:
        """Return one layer that turns standardised logarithms into standardised numbers."""
        from gengap.models.log_target import LogLink

        return [LogLink(*_log_scales(task))]

    def loss(self, task: AnyTask) -> keras.Loss:
        """Return the loss of logarithms."""
        from gengap.models.log_target import LogLoss

        return LogLoss(*_log_scales(task))


def _log_scales(task: AnyTask) -> tuple[float, float, LogScale]:
    """Return the mean and scale of a target and of its logarithms. Raises UsageError without such."""
    if not isinstance(task, Regression) or task.logs is None:
        raise UsageError(
            "the logarithm of the target can't be learnt: expected positive numbers, a few of them large. "
            "Leave log-target out"
        )
    return task.mean, task.scale, task.logs


class Ensemble(Treatment, frozen=True, tag="ensemble"):
    """Train several members in one model: they share every hidden kernel, and their predictions are averaged.

    A member scales the inputs and outputs of a kernel by factors of its own, and has its own biases and last layer;
    the training loss is the mean of the members' losses. This is BatchEnsemble (Wen et al. 2020, section 3) as in
    TabM (Gorishniy et al. 2024, "TabM", arXiv 2410.24210, section 3.3), with all members on the same batches.

    Args:
        members: How many members there are, at least 2.
    """

    wording: ClassVar[str] = "{members}-member ensemble"
    members: Annotated[int, msgspec.Meta(ge=2, le=4096)] = 8
    role: ClassVar[str] = "ensembles"
    adds_bias: ClassVar[bool] = True

    def before_hidden(self, width: int, first: bool, seed: int) -> list[keras.Layer]:
        """Return the factors on inputs (n, width) or (n, members, width): random in the first layer, else 1."""
        from gengap.models.layers import MemberFactors

        return [MemberFactors(self.members, random=first, seed=seed)]

    def before_activation(self, width: int) -> list[keras.Layer]:
        """Return the members' factors and biases on (n, members, width)."""
        from gengap.models.layers import MemberFactors

        return [MemberFactors(self.members, use_bias=True)]

    def head(self, width: int, task: AnyTask, first: bool, seed: int) -> list[keras.Layer]:
        """Return each member's outputs (n, members, outputs), then their average (n, outputs)."""
        from gengap.models.layers import MemberMean

        start = backend.keras.initializers.RandomUniform(-(width**-0.5), width**-0.5, seed=seed)
        equation = "ni,kio->nko" if first else "nki,kio->nko"
        shape = (self.members, task.outputs)
        last = backend.keras.layers.EinsumDense(equation, shape, bias_axes="ko", kernel_initializer=start)
        return [last, MemberMean(task.name)]

    def parameters(self, before: int, width: int) -> int:
        """Return two factors and a bias for each member."""
        return self.members * (before + 2 * width)

    def head_count(self) -> int:
        """Return one for each member."""
        return self.members


AnyTreatment = (
    L1
    | L2
    | L1L2
    | Dropout
    | BatchNorm
    | WeightDecay
    | Ftrl
    | WeightAverage
    | LabelSmoothing
    | Noise
    | Mixup
    | Clip
    | Periodic
    | Ensemble
    | QuantileNormal
    | LogTarget
    | SpatialDropout
    | RecurrentDropout
    | LayerNorm
    | Augment
    | WordDropout
    | TimeMask
    | Freeze
)
TREATMENTS: tuple[type[Treatment], ...] = AnyTreatment.__args__

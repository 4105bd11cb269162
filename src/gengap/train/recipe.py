"""How a trial is trained: its recipe, with the learning-rate schedule in epochs.

Keras' own schedules, which count steps, are built from these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from gengap.models import backend
from gengap.options.spec import Precision, Stop
from gengap.train.stopping import NEVER, Stopping

if TYPE_CHECKING:
    import keras

Count = Annotated[int, msgspec.Meta(ge=1, le=NEVER)]
Positive = Annotated[float, msgspec.Meta(gt=0, le=1e9)]
Activation = Literal["elu", "relu", "silu"]


class ScheduleBase(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="kind"):
    """A learning rate that starts at `initial`."""

    initial: Positive = 0.001

    def build(self, steps_per_epoch: int, epochs: int) -> keras.optimizers.schedules.LearningRateSchedule | float:
        """Return Keras' schedule for a trial of at most `epochs`, or a number if the rate is constant."""
        return self.initial


class Constant(ScheduleBase, frozen=True, tag="constant"):
    """A constant learning rate."""


class InverseTime(ScheduleBase, frozen=True, tag="inverse-time"):
    """The learning rate `initial / (1 + rate * epoch / decay_epochs)`: Keras' InverseTimeDecay in epochs."""

    decay_epochs: Positive = 1000.0
    rate: Positive = 1.0

    def build(self, steps_per_epoch: int, epochs: int) -> keras.optimizers.schedules.LearningRateSchedule:
        """Return Keras' schedule."""
        steps = self.decay_epochs * steps_per_epoch
        schedules = backend.keras.optimizers.schedules
        return schedules.InverseTimeDecay(self.initial, decay_steps=steps, decay_rate=self.rate)


class Cosine(ScheduleBase, frozen=True, tag="cosine"):
    """Half a cosine wave from `initial` to 0 over the most epochs that a trial may take.

    Loshchilov & Hutter 2017, "SGDR", section 3, without restarts.
    """

    def build(self, steps_per_epoch: int, epochs: int) -> keras.optimizers.schedules.LearningRateSchedule:
        """Return Keras' schedule."""
        return backend.keras.optimizers.schedules.CosineDecay(self.initial, decay_steps=steps_per_epoch * epochs)


class FlatCosine(ScheduleBase, frozen=True, tag="flat-cosine"):
    """`initial` for the first `flat` share of the most epochs of a trial, then half a cosine wave to 0.

    The schedule of RealMLP (Holzmüller et al. 2024, "Better by default", appendix) and of fastai's `fit_flat_cos`.
    """

    flat: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.5

    def build(self, steps_per_epoch: int, epochs: int) -> keras.optimizers.schedules.LearningRateSchedule:
        """Return Keras' CosineDecay, whose warm-up starts at its target here."""
        steps = steps_per_epoch * epochs
        level = round(steps * self.flat)
        options: dict[str, Any] = {"warmup_target": self.initial, "warmup_steps": level} if level else {}
        schedules = backend.keras.optimizers.schedules
        return schedules.CosineDecay(self.initial, decay_steps=max(1, steps - level), **options)


Schedule = InverseTime | Constant | Cosine | FlatCosine


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """How every trial of a plan is trained, with Adam.

    Args:
        batch: Rows of a batch.
        max_epochs: The most epochs of a trial.
        schedule: The learning rate over the epochs.
        stopping: When a trial stops early.
        stop: "patience", or "verdict" to end a trial also once its verdict is settled.
        activation: The activation of the hidden layers.
        precision: "bfloat16" rounds the operands of large products, "auto" only where the CPU gains.
    """

    batch: Count = 500
    max_epochs: Count = 10_000
    schedule: Schedule = msgspec.field(default_factory=InverseTime)
    stopping: Stopping = Stopping()
    stop: Stop = "patience"
    activation: Activation = "elu"
    precision: Precision = "float32"

"""Learning-rate schedules as small values, in epochs. Keras' own, which count steps, are built from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

if TYPE_CHECKING:
    import keras

Positive = Annotated[float, msgspec.Meta(gt=0, le=1e9)]


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
        from gengap.models.backend import keras

        steps = self.decay_epochs * steps_per_epoch
        return keras.optimizers.schedules.InverseTimeDecay(self.initial, decay_steps=steps, decay_rate=self.rate)


class Cosine(ScheduleBase, frozen=True, tag="cosine"):
    """Half a cosine wave from `initial` to 0 over the most epochs that a trial may take.

    Loshchilov & Hutter 2017, "SGDR", section 3, without restarts.
    """

    def build(self, steps_per_epoch: int, epochs: int) -> keras.optimizers.schedules.LearningRateSchedule:
        """Return Keras' schedule."""
        from gengap.models.backend import keras

        return keras.optimizers.schedules.CosineDecay(self.initial, decay_steps=steps_per_epoch * epochs)


class FlatCosine(ScheduleBase, frozen=True, tag="flat-cosine"):
    """`initial` for the first `flat` share of the most epochs of a trial, then half a cosine wave to 0.

    The schedule of RealMLP (Holzmüller et al. 2024, "Better by default", appendix) and of fastai's `fit_flat_cos`.
    """

    flat: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.5

    def build(self, steps_per_epoch: int, epochs: int) -> keras.optimizers.schedules.LearningRateSchedule:
        """Return Keras' CosineDecay, whose warm-up starts at its target here."""
        from gengap.models.backend import keras

        steps = steps_per_epoch * epochs
        level = round(steps * self.flat)
        options: dict[str, Any] = {"warmup_target": self.initial, "warmup_steps": level} if level else {}
        return keras.optimizers.schedules.CosineDecay(self.initial, decay_steps=max(1, steps - level), **options)


Schedule = InverseTime | Constant | Cosine | FlatCosine

"""The layer and the loss of a network that learns the logarithm of its target.

Outputs and targets are standardised numbers, as those of every regression. Importing this module registers both
with Keras; studies save models without them.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec

from gengap.models.backend import keras
from gengap.models.layers import PlainLayer, registered
from gengap.tasks import LogScale

BELOW, ABOVE = 1.0, 0.5  # how far beyond the training rows' logarithms predictions may go, in standard deviations


@registered
class LogLink(PlainLayer):
    """Standardised logarithms (n, ...) to standardised numbers: those of a target with `mean` and `scale`."""

    saved = ("mean", "scale")

    def __init__(self, mean: float, scale: float, logs: LogScale | dict[str, float], **options: Any) -> None:
        super().__init__(**options)
        self.mean, self.scale, self.logs = mean, scale, msgspec.convert(logs, LogScale, from_attributes=True)
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return (exp(log) - mean) / scale, within the range of the training rows and a little beyond."""
        logs = self.logs
        limited = keras.ops.clip(inputs, logs.lowest - BELOW, logs.highest + ABOVE)
        return (keras.ops.exp(logs.mean + logs.scale * limited) - self.mean) / self.scale

    def plain(self, inputs: Any) -> Any:
        """Compute it with Keras' own operations."""
        return self.call(inputs)

    def get_config(self) -> dict[str, Any]:
        """Return what Keras saves of the layer."""
        return {**super().get_config(), "logs": msgspec.structs.asdict(self.logs)}


@registered
class LogLoss(keras.losses.Loss):
    """Mean squared error of standardised logarithms, from standardised numbers."""

    def __init__(
        self, mean: float, scale: float, logs: LogScale | dict[str, float], name: str = "log_loss", **options: Any
    ) -> None:
        super().__init__(name=name, **options)
        self.mean, self.scale, self.logs = mean, scale, msgspec.convert(logs, LogScale, from_attributes=True)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the squared errors of the logarithms, the mean over outputs."""
        return keras.ops.mean((self._logarithms(y_true) - self._logarithms(y_pred)) ** 2, axis=-1)

    def _logarithms(self, numbers: Any) -> Any:
        logs = self.logs
        least = math.exp(logs.mean + logs.scale * (logs.lowest - 2 * BELOW))
        values = keras.ops.maximum(numbers * self.scale + self.mean, least)
        return (keras.ops.log(values) - logs.mean) / logs.scale

    def get_config(self) -> dict[str, Any]:
        """Return what Keras saves of the loss."""
        logs = msgspec.structs.asdict(self.logs)
        return {**super().get_config(), "mean": self.mean, "scale": self.scale, "logs": logs}

"""The task of a number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import msgspec
import numpy as np

from gengap.errors import DataError
from gengap.tasks.task import KerasSpec, Task

SKEWED = 1.0  # skewness of a target from which on its logarithm is tried


class LogScale(msgspec.Struct, frozen=True):
    """Mean and standard deviation of a positive target's logarithms; the lowest and highest standardised one."""

    mean: float
    scale: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, values: np.ndarray) -> LogScale | None:
        """Return the scale of values (rows,); None unless they are positive and skewed, and their logarithms less.

        >>> LogScale.of(np.array([1.0, 2.0, 3.0])) is None
        True
        >>> round(LogScale.of(np.geomspace(1, 10_000, 9)).scale, 2)
        2.97
        """
        if len(values) == 0 or not 0 < values.min() < values.max():
            return None
        logs = np.log(values.astype(np.float64))
        if not skewness(values) > max(SKEWED, abs(2 * skewness(logs))):
            return None
        mean, scale = float(logs.mean()), float(logs.std())
        return cls(mean, scale, (float(logs.min()) - mean) / scale, (float(logs.max()) - mean) / scale)


def skewness(values: np.ndarray) -> float:
    """Return the third standardised moment of values (rows,) that differ."""
    centred = values.astype(np.float64) - values.mean()
    centred /= np.abs(centred).max()  # powers of large numbers have no float64
    return float((centred**3).mean() / (centred**2).mean() ** 1.5)


class Regression(Task, frozen=True, tag="regression"):
    """A number. Models learn it standardised by `mean` and `scale` of the training rows' target.

    So the loss, the mean squared error, is in units of the training target's variance: 1 is what the mean alone
    reaches, and 1 minus the loss is about R².

    Attributes:
        logs: The scale of the target's logarithms, if it is positive and skewed.
    """

    mean: float = 0.0
    scale: float = 1.0
    logs: LogScale | None = None
    loss: ClassVar[str] = "mean_squared_error"
    score: ClassVar[str] = "r2"
    shown: ClassVar[tuple[str, ...]] = ("mean_squared_error", "mean_absolute_error", "r2")
    keras_loss: ClassVar[KerasSpec] = ("MeanSquaredError", {})
    keras_metrics: ClassVar[tuple[KerasSpec, ...]] = (
        ("MeanSquaredError", {"name": "mean_squared_error"}),
        ("MeanAbsoluteError", {"name": "mean_absolute_error"}),
        ("R2Score", {"name": "r2"}),
    )
    by_class: ClassVar[bool] = False
    classes: ClassVar[tuple[str, ...]] = ()

    def standardised_by(self, values: np.ndarray, place: str, weights: np.ndarray | None = None) -> Regression:
        """Return the task with the mean and scale of the training rows' `values` (rows,).

        Raises:
            DataError: If all values are equal.
        """
        numbers = values.astype(np.float64)
        if not (scale := weighted_variance(numbers, weights) ** 0.5) > 0:
            raise DataError(f"{place}: all {len(values)} training rows have one value. Take more rows")
        return Regression(float(np.average(numbers, weights=weights)), scale, LogScale.of(numbers))

    def encoded(self, values: np.ndarray) -> np.ndarray:
        """Return standardised values."""
        return ((values.astype(np.float64) - self.mean) / self.scale).astype(np.float32)

    def row_losses(self, outputs: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return squared errors."""
        return (outputs[..., 0].astype(np.float64) - y.reshape(-1)) ** 2

    def scores(self, outputs: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> dict[str, float]:
        """Return mean squared error, mean absolute error and R², and both errors in the target's own units."""
        error = float(np.average(self.row_losses(outputs, y), weights=weights))
        absolute = float(np.average(self.row_errors(outputs, y), weights=weights))
        variance = weighted_variance(y, weights)
        explained = {"r2": 1 - error / variance} if variance > 0 else {}
        found = {self.loss: error, "mean_absolute_error": absolute, **explained}
        return found | self.in_units(found)

    def row_errors(self, outputs: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return absolute errors."""
        return np.abs(outputs[..., 0].astype(np.float64) - y.reshape(-1))

    def in_units(self, metrics: Mapping[str, float]) -> dict[str, float]:
        """Return root mean squared error and mean absolute error in the target's own units."""
        found: dict[str, float] = {}
        if self.loss in metrics:
            found["rmse"] = self.scale * max(metrics[self.loss], 0.0) ** 0.5
        if "mean_absolute_error" in metrics:
            found["mae"] = self.scale * metrics["mean_absolute_error"]
        return found

    def predictions(self, outputs: np.ndarray) -> dict[str, np.ndarray]:
        """Return the number in the target's own units, float64: 32 bits may be too few to tell values apart."""
        return {"prediction": outputs[:, 0].astype(np.float64) * self.scale + self.mean}


def weighted_variance(values: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Return the weighted variance around the weighted mean."""
    numbers = values.reshape(-1).astype(np.float64)
    if weights is None:
        return float(numbers.var())
    return float(np.average((numbers - np.average(numbers, weights=weights)) ** 2, weights=weights))

"""Layers that change a model's inputs while it trains, and models whose labels are mixed as their rows are.

Importing this module registers them with Keras as "gengap>...".
"""

from __future__ import annotations

from typing import Any

from gengap.models.backend import keras
from gengap.models.layers import MixupLayer, PlainLayer, registered


class InputChange(PlainLayer):
    """A layer that changes its input in training only."""

    saved = ("rate", "seed")

    def __init__(self, rate: float, seed: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.rate, self.seed = rate, seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.built = True

    def call(self, inputs: Any, training: bool | None = False) -> Any:
        """Return the changed inputs in training, else the inputs."""
        return self.changed(inputs) if training else inputs

    def changed(self, inputs: Any) -> Any:
        """Return the changed inputs."""
        raise NotImplementedError

    def plain(self, inputs: Any) -> Any:
        """Return the inputs."""
        return inputs


@registered
class WordDropoutLayer(InputChange):
    """Replaces tokens (n, ...) by 0 with a probability; see `treatments.WordDropout`."""

    def changed(self, inputs: Any) -> Any:
        """Draw which tokens stay."""
        drawn = keras.random.uniform(keras.ops.shape(inputs), seed=self.seed_generator)
        return keras.ops.where(drawn < self.rate, keras.ops.zeros_like(inputs), inputs)


@registered
class TimeMaskLayer(InputChange):
    """Sets a random stretch of the steps of each row (n, steps, ...) to 0; see `treatments.TimeMask`."""

    def changed(self, inputs: Any) -> Any:
        """Draw a length and a place for each row."""
        rows, steps = keras.ops.shape(inputs)[:2]
        drawn = keras.random.uniform((rows, 2), seed=self.seed_generator)
        length = drawn[:, :1] * self.rate * steps
        start = drawn[:, 1:] * (steps - length)
        place = keras.ops.arange(steps, dtype="float32")[None]
        masked = (place >= start) & (place < start + length)
        masked = keras.ops.reshape(masked, (rows, steps, *([1] * (len(inputs.shape) - 2))))
        return keras.ops.where(masked, keras.ops.zeros_like(inputs), inputs)


class _MixedLoss:
    """Gives a model the loss of mixed rows: the losses with both labels, weighted by their shares."""

    layers: list[keras.Layer]

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Compute the compiled loss; in training, of the row's own label and of that of the next row."""
        loss: Any = super().compute_loss  # pyright: ignore[reportAttributeAccessIssue]
        own = loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=training)
        mixing: Any = next((each for each in self.layers if isinstance(each, MixupLayer)), None)
        if not training or mixing is None:
            return own
        share = mixing.last_share()

        def roll(part: Any) -> Any:
            return keras.ops.roll(part, -1, axis=0)

        labels = keras.tree.map_structure(roll, y)
        weights = None if sample_weight is None else keras.tree.map_structure(roll, sample_weight)
        other = loss(x=x, y=labels, y_pred=y_pred, sample_weight=weights, training=training)
        return share * own + (1 - share) * other


@registered
class MixedSequential(_MixedLoss, keras.Sequential):
    """A Sequential that mixes rows in its first layer."""


@registered
class MixedModel(_MixedLoss, keras.Model):
    """A functional model that mixes rows after its input."""

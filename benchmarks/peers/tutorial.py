"""The tutorial's model and settings in our own words, for the peers that train with Keras' own `fit`.

Unlike the tutorial: labels have the shape (n, 1), without which current Keras refuses them, and no callback
prints a dot an epoch.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

UNITS = {"Tiny": (16,), "Small": (16, 16), "Medium": (64,) * 3, "Large": (512,) * 4}
BATCH = 500


class EpochClock(keras.callbacks.Callback):
    """When each epoch ended, validation included. Put it last, behind the callbacks that work."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[float] = []

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        self.ends.append(time.perf_counter())


def arrays(path: str) -> list[np.ndarray]:
    """Training x and y, validation x and y; labels (n, 1)."""
    with np.load(path) as saved:
        x, y, xv, yv = (saved[name] for name in ("x", "y", "x_validation", "y_validation"))
    return [x, y[:, None], xv, yv[:, None]]


def compiled(size: str, steps: int) -> keras.Model:
    """A perceptron of that size on 28 features, with the tutorial's optimizer, loss and metrics."""
    hidden = [keras.layers.Dense(units, activation="elu") for units in UNITS[size]]
    model = keras.Sequential([keras.Input((28,)), *hidden, keras.layers.Dense(1)])
    rate = keras.optimizers.schedules.InverseTimeDecay(0.001, decay_steps=steps * 1000, decay_rate=1)
    model.compile(
        optimizer=keras.optimizers.Adam(rate),  # pyright: ignore[reportArgumentType]
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.BinaryCrossentropy(from_logits=True, name="binary_crossentropy"), "accuracy"],
    )
    return model


def seconds_per_epoch(fit: Callable[[int, list[Any]], object], epochs: int) -> float:
    """Calls `fit(epochs + 1, callbacks)`; its first epoch, with all set-up and compilation, doesn't count."""
    clock = EpochClock()
    stopping = keras.callbacks.EarlyStopping(monitor="val_binary_crossentropy", patience=200)
    fit(epochs + 1, [stopping, clock])
    return (clock.ends[-1] - clock.ends[0]) / (len(clock.ends) - 1)

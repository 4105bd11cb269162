"""The log that README judges: a Keras network learns 100 noisy rows by heart, and CSVLogger writes it down.

    python -m examples.keras_log examples/keras.csv

It stops where it is clear but not absurd.
"""

from __future__ import annotations

import os
import sys

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras

from examples.monitor_keras import table


def main(path: str) -> None:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Dense(64, "relu"), keras.layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.Adam(0.003), "binary_crossentropy", metrics=["accuracy"])
    x, y = table(100, seed=0)
    logger = keras.callbacks.CSVLogger(path)
    model.fit(x, y, epochs=40, validation_data=table(500, seed=1), callbacks=[logger], verbose=0)  # pyright: ignore[reportArgumentType]


if __name__ == "__main__":
    main(*sys.argv[1:])

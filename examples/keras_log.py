"""Write the log of README: a Keras network memorises 100 noisy rows, and CSVLogger logs it.

    python -m examples.keras_log examples/keras.csv

It stops when overfitting is clear.
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

"""The tutorial's way of training: Keras on TensorFlow, fed by tf.data.

A cached pipeline shuffles single rows and batches 500; `fit` validates every epoch, with early stopping and
TensorBoard callbacks. A turn is a number of epochs; the answer is seconds an epoch.
"""

from __future__ import annotations

import sys
import tempfile

import keras
import tensorflow as tf

from benchmarks.peers.tutorial import BATCH, arrays, compiled, seconds_per_epoch
from benchmarks.turns import serve


def main(path: str, size: str) -> None:
    x, y, xv, yv = arrays(path)
    steps = len(x) // BATCH
    validation = tf.data.Dataset.from_tensor_slices((xv, yv)).cache().batch(BATCH)
    train = tf.data.Dataset.from_tensor_slices((x, y)).cache().shuffle(len(x)).repeat().batch(BATCH)
    model = compiled(size, steps)

    def measure(epochs: str) -> float:
        with tempfile.TemporaryDirectory() as logs:
            board = keras.callbacks.TensorBoard(logs)
            return seconds_per_epoch(
                lambda n, callbacks: model.fit(
                    train,
                    steps_per_epoch=steps,
                    epochs=n,
                    validation_data=validation,
                    callbacks=[board, *callbacks],
                    verbose=0,  # pyright: ignore[reportArgumentType]
                ),
                int(epochs),
            )

    serve(measure)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Keras' own `fit` on JAX with arrays: no tf.data, and no TensorBoard callback, which imports TensorFlow.

A turn is a number of epochs; the answer is seconds an epoch.
"""

from __future__ import annotations

import sys

from benchmarks.peers.tutorial import BATCH, arrays, compiled, seconds_per_epoch
from benchmarks.turns import serve


def main(path: str, size: str) -> None:
    x, y, xv, yv = arrays(path)
    model = compiled(size, len(x) // BATCH)

    def measure(epochs: str) -> float:
        return seconds_per_epoch(
            lambda n, callbacks: model.fit(
                x,
                y,
                batch_size=BATCH,
                epochs=n,
                validation_data=(xv, yv),
                callbacks=callbacks,
                verbose=0,  # pyright: ignore[reportArgumentType]
            ),
            int(epochs),
        )

    serve(measure)


if __name__ == "__main__":
    main(*sys.argv[1:])

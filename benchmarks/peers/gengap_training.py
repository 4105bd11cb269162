"""gengap's trainer on the same rows, with the tutorial's optimizer and batch.

A turn is "EPOCHS": seconds an epoch of one trial, from the end of its first chunk on, so that compilation and
set-up don't count; or "EPOCHS TRIALS": wall seconds of whole trials side by side in threads, once compiled.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

import numpy as np

from benchmarks.turns import serve
from gengap.models import SIZES, Dropout, perceptron
from gengap.models.backend import keras
from gengap.train.jax import trainer as compiled
from gengap.train.stopping import NEVER, Stopping
from gengap.train.types import Progress, Rows, TrainConfig

BATCH = 500
STOPPING = Stopping(patience=NEVER)  # the rule is computed as ever, but no turn may end early


def model(size: str, dropout: float, steps: int) -> keras.Model:
    made = perceptron(SIZES[size], [Dropout(dropout)] if dropout else [])
    rate = keras.optimizers.schedules.InverseTimeDecay(0.001, decay_steps=steps * 1000, decay_rate=1)
    made.compile(
        optimizer=keras.optimizers.Adam(rate),  # pyright: ignore[reportArgumentType]
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[
            keras.metrics.BinaryCrossentropy(from_logits=True, name="binary_crossentropy"),
            keras.metrics.BinaryAccuracy(threshold=0.0, name="accuracy"),
        ],
    )
    return made


def main(path: str, size: str, dropout: str = "0", precision: Any = "float32") -> None:
    with np.load(path) as saved:
        train = Rows(saved["x"], saved["y"])
        validation = Rows(saved["x_validation"], saved["y_validation"])
    steps = len(train) // BATCH

    def one(epochs: int) -> float:
        progress: list[Progress] = []
        job = TrainConfig(epochs, BATCH, STOPPING, on_progress=progress.append, precision=precision)
        compiled.fit(model(size, float(dropout), steps), train, validation, job)
        return (progress[-1].seconds - progress[0].seconds) / (progress[-1].epoch - progress[0].epoch)

    def side_by_side(epochs: int, trials: int) -> float:
        job = TrainConfig(epochs, BATCH, STOPPING, precision=precision)
        models = [model(size, float(dropout), steps) for _ in range(trials)]
        threads = [threading.Thread(target=compiled.fit, args=(m, train, validation, job)) for m in models]
        started = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.perf_counter() - started

    def measure(request: str) -> float:
        epochs, *trials = map(int, request.split())
        return side_by_side(epochs, *trials) if trials else one(epochs)

    serve(measure)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""A live verdict while Keras trains, on any backend, and in your own loop.

    KERAS_BACKEND=tensorflow python examples/monitor_keras.py

A network memorises 100 noisy rows. `Monitor` ends `fit` when overfitting is certain, and says why.
"""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np

from gengap.callbacks import Monitor
from gengap.diagnose.verdict import Verdict

EPOCHS = 200


def table(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return features (n, 12) and labels (n, 1), many of them wrong."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 12)).astype(np.float32)
    return x, (x[:, :1] - x[:, 1:2] + random.normal(size=(rows, 1)) > 0).astype(np.float32)


def in_keras() -> Monitor:
    """Train with Keras. The monitor is a callback that stores each validation row's loss at some epochs."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Dense(64, "relu"), keras.layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    x, y = table(100, seed=0)
    validation = table(500, seed=1)
    monitor = Monitor(validation, stop=True)
    model.fit(x, y, epochs=EPOCHS, validation_data=validation, callbacks=[monitor], verbose=0)
    return monitor


def in_custom_loop() -> Monitor:
    """Train least squares by gradient descent in NumPy, with more columns than rows. Call `log` once per epoch."""
    random = np.random.default_rng(0)
    x, x_validation = random.normal(size=(40, 60)), random.normal(size=(300, 60))
    y, y_validation = (a[:, 0] + 0.5 * random.normal(size=len(a)) for a in (x, x_validation))
    weights, monitor = np.zeros(60), Monitor(stop=True)
    for epoch in range(EPOCHS):
        weights -= 0.1 * x.T @ (x @ weights - y) / len(y)
        rows = (x_validation @ weights - y_validation) ** 2
        monitor.log(epoch, train=np.mean((x @ weights - y) ** 2), validation=rows.mean(), rows=rows)
        if monitor.certain:
            break
    return monitor


def report(where: str, monitor: Monitor) -> None:
    """Print the verdict, its findings and the advice."""
    verdict: Verdict = monitor.verdict
    ended = f"ended after {monitor.history.epochs} of {EPOCHS} epochs, best {verdict.best_epoch}"
    print(f"{where}: {verdict.verdict} ({verdict.confidence:.0%}), {ended}")
    for line in (*verdict.findings, *verdict.advice):
        print(f"  - {line}")


if __name__ == "__main__":
    report(f"Keras on {keras.backend.backend()}", in_keras())
    report("your own loop", in_custom_loop())

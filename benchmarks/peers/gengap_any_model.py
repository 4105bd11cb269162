"""gengap's trainer on a model of `any_model`.

A turn is a number of epochs. The answer is seconds an epoch, without the first, or wall seconds if it is 1 epoch:
the first call compiles.
"""

from __future__ import annotations

import sys
import time

from benchmarks.peers.any_model import BATCH, compiled
from benchmarks.turns import serve
from gengap.train.jax import trainer
from gengap.train.stopping import NEVER, Stopping
from gengap.train.types import Progress, TrainConfig


def main(name: str) -> None:
    train, validation, model = compiled(name)

    def measure(epochs: str) -> float:
        progress: list[Progress] = []
        config = TrainConfig(
            int(epochs), BATCH, Stopping(patience=NEVER, monitor="loss"), on_progress=progress.append
        )
        started = time.perf_counter()
        trainer.fit(model, train, validation, config)
        if int(epochs) == 1:
            return time.perf_counter() - started
        return (progress[-1].seconds - progress[0].seconds) / (progress[-1].epoch - progress[0].epoch)

    serve(measure)


if __name__ == "__main__":
    main(*sys.argv[1:])

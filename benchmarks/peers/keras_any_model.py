"""Keras' own `fit` on JAX with a model of `any_model`; turns as in `gengap_any_model`."""

from __future__ import annotations

import sys
import time
from typing import Any

from benchmarks.peers.any_model import BATCH, compiled
from benchmarks.peers.tutorial import EpochClock
from benchmarks.turns import serve


def main(name: str) -> None:
    train, validation, model = compiled(name)

    def measure(epochs: str) -> float:
        clock, started = EpochClock(), time.perf_counter()
        held_out: Any = (validation.x, validation.y)
        options: dict[str, Any] = {"batch_size": BATCH, "verbose": 0, "callbacks": [clock]}
        model.fit(train.x, train.y, epochs=int(epochs), validation_data=held_out, **options)
        if int(epochs) == 1:
            return time.perf_counter() - started
        return (clock.ends[-1] - clock.ends[0]) / (len(clock.ends) - 1)

    serve(measure)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""A plain float32 matrix product of the Large model's shape: (500, 512) by (512, 512).

A turn is "numpy" or "jax"; the answer is seconds a product.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from benchmarks.turns import serve

ROWS, WIDTH = 500, 512
TURN_SECONDS = 1.0


def main() -> None:
    import jax  # here, because the figures read ROWS and WIDTH

    draw = np.random.default_rng(0)
    a = draw.standard_normal((ROWS, WIDTH), dtype=np.float32)
    b = draw.standard_normal((WIDTH, WIDTH), dtype=np.float32)
    on_device, product = (jax.device_put(a), jax.device_put(b)), jax.jit(jax.numpy.matmul)
    products: dict[str, Callable[[], object]] = {
        "numpy": lambda: a @ b,
        "jax": lambda: product(*on_device).block_until_ready(),
    }
    for one in products.values():
        one()

    def measure(which: str) -> float:
        done, started = 0, time.perf_counter()
        while time.perf_counter() - started < TURN_SECONDS:
            products[which]()
            done += 1
        return (time.perf_counter() - started) / done

    serve(measure)


if __name__ == "__main__":
    main()

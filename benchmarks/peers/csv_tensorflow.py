"""The tutorial's reader: a gzipped CsvDataset, batched by 10,000, packed, and cut into rows again.

The rows are then taken in batches of 500, as its training takes them: handing single rows to Python would
only be slower. A turn reads the whole file; the answer is rows a second.
"""

from __future__ import annotations

import sys
import time

import tensorflow as tf

from benchmarks.turns import serve

COLUMNS = 29


def pack_row(*row: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    return tf.stack(row[1:], 1), row[0]


def main(path: str) -> None:
    def measure(_: str) -> float:
        started, rows = time.perf_counter(), 0
        columns = tf.data.experimental.CsvDataset(path, [0.0] * COLUMNS, compression_type="GZIP")
        for features, _labels in columns.batch(10_000).map(pack_row).unbatch().batch(500):
            rows += len(features)
        return rows / (time.perf_counter() - started)

    serve(measure)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""gengap's reader on the same file. A turn reads all of it, every row checked; the answer is rows a second."""

from __future__ import annotations

import sys
import time

from benchmarks.turns import serve
from gengap.data.sources.source import open_source


def main(path: str) -> None:
    def measure(_: str) -> float:
        started = time.perf_counter()
        rows = sum(len(batch) for batch in open_source(path).batches())
        return rows / (time.perf_counter() - started)

    serve(measure)


if __name__ == "__main__":
    main(*sys.argv[1:])

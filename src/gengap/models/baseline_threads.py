"""How many threads boosted trees get."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from gengap.files.limits import usable_cores

ONE_THREAD_CELLS = 5_000_000  # training values below which more threads of boosted trees gain nothing


@contextlib.contextmanager
def bounded_openmp_threads(cells: int) -> Iterator[None]:
    """Limit the threads of boosted trees: one for tables of few cells, else one core stays free.

    OpenMP's threads spin while they wait for each other. If another program uses one of their cores, 7,000 rows of
    28 features take 19 seconds with two threads and 0.6 with one.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(baseline_threads(cells), user_api="openmp"):
        yield


def baseline_threads(cells: int) -> int:
    """Return how many threads boosted trees get for a table of so many cells."""
    return 1 if cells < ONE_THREAD_CELLS else max(usable_cores() - 1, 1)

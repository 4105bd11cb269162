"""Statistics of curves and of models on the same rows. Nothing here knows what a run or a study is."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from functools import cache

from threadpoolctl import ThreadpoolController

_lock = threading.Lock()  # the number of BLAS threads belongs to the whole process


@contextlib.contextmanager
def single_threaded() -> Iterator[None]:
    """Limit NumPy's BLAS to one thread, for one caller at a time; calls must not be nested.

    Hundreds of small matrices gain nothing from more threads. Threads that wait for each other make them slower, on
    a busy machine a hundred times.
    """
    with _lock, _libraries().limit(limits=1, user_api="blas"):
        yield


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()

"""One thread for linear algebra while curves are judged."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from functools import cache

from threadpoolctl import ThreadpoolController

_one = threading.Lock()  # the number of BLAS threads is the whole process's


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()


@contextlib.contextmanager
def single_threaded() -> Iterator[None]:
    """Keeps NumPy's BLAS to one thread, for one caller at a time: who holds it must not ask for it again.

    Hundreds of small matrices are no work to share: threads that wait for one another make it slower on a quiet
    machine, and a hundred times slower on a busy one.
    """
    with _one, _libraries().limit(limits=1, user_api="blas"):
        yield

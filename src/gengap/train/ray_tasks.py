"""Ray's tasks as a backend of joblib: Ray gives each to a worker that is free, and again to another if that dies.

Ray's own (ray.util.joblib) deals tasks out to a fixed pool in turn, without a word until all are done.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from joblib.parallel import ParallelBackendBase


class RayTasks(ParallelBackendBase):
    """Each call is a task of its own, tried again up to `tries` times if its worker dies. Ray is connected."""

    supports_retrieve_callback = True

    def __init__(self, tries: int, **options: Any) -> None:
        import ray

        super().__init__(**options)
        self._task = ray.remote(num_cpus=1, max_retries=tries)(_called)

    def effective_n_jobs(self, n_jobs: int) -> int:
        """As many as the cluster has cores; two at least, because of one joblib thinks that it need not travel."""
        import ray

        return max(int(ray.cluster_resources().get("CPU", 1)), 2)

    def submit(self, func: Callable[[], Any], callback: Callable[[Future[Any]], None] | None = None) -> Future[Any]:
        """Sends one call off; `callback` is told once it is done."""
        future: Future[Any] = self._task.remote(func).future()
        if callback is not None:
            future.add_done_callback(callback)
        return future

    def retrieve_result_callback(self, out: Future[Any]) -> Any:
        """What the call gave. Raises what it raised, or Ray's own errors."""
        return out.result()


def _called(func: Callable[[], Any]) -> Any:
    return func()

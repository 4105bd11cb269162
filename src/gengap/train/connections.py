"""Connections to clusters of Dask and Ray, as backends of joblib."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from gengap.data.rows import Rows
from gengap.errors import ClusterError, reason

Backend = Literal["dask", "ray"]
ANSWER_SECONDS = 15  # how long a cluster may take to answer, and to have a worker
TRIES = 3  # of a trial whose workers die; as many as Dask's schedulers allow, if nobody tells them otherwise


@contextmanager
def connect(backend: Backend, address: str | None, rows: tuple[Rows, Rows]) -> Iterator[tuple[Any, Any]]:
    """The rows as tasks are given them, and joblib's backend. Gives up what still runs at the end."""
    with (_dask if backend == "dask" else _ray)(address, rows) as found:
        yield found


@contextmanager
def _dask(address: str | None, rows: tuple[Rows, Rows]) -> Iterator[tuple[Any, Any]]:
    from distributed import Client
    from joblib._dask import DaskDistributedBackend

    class Tasks(DaskDistributedBackend):
        """Dask's, told of deaths, and with at least two jobs: of one joblib thinks that it need not travel."""

        def effective_n_jobs(self, n_jobs: int) -> int:
            return max(super().effective_n_jobs(n_jobs), 2)

        def submit(self, func: Callable[[], Any], callback: Callable[[Any], None] | None = None) -> Future[Any]:
            def given_up(done: Future[Any]) -> None:
                if done.exception() is not None and callback is not None:  # joblib would wait for ever
                    callback(done)

            future: Future[Any] = super().submit(func, callback)
            future.add_done_callback(given_up)
            return future

        def retrieve_result_callback(self, out: Any) -> Any:
            return out.result() if isinstance(out, Future) else super().retrieve_result_callback(out)

    with _answering("dask", address):
        client = Client(address, timeout=ANSWER_SECONDS, set_as_default=False)
    with client:
        with _answering("dask", address):
            client.wait_for_workers(1, timeout=ANSWER_SECONDS)
        yield rows, Tasks(client=client, scatter=[rows])


@contextmanager
def _ray(address: str | None, rows: tuple[Rows, Rows]) -> Iterator[tuple[Any, Any]]:
    import ray

    from gengap.train.ray_tasks import RayTasks

    ours = not ray.is_initialized()
    if ours:
        with _answering("ray", address):
            _knock(address)
            ray.init(address=address or "auto", log_to_driver=False, logging_level=logging.ERROR)
    try:
        yield RayRows(ray.put(rows)), RayTasks(tries=TRIES)
    finally:
        if ours:
            ray.shutdown()


def _knock(address: str | None) -> None:
    """Raises OSError if nobody listens at host:port, for which Ray would wait for minutes."""
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=ANSWER_SECONDS).close()


@dataclass(frozen=True)
class RayRows:
    """The rows in Ray's store of objects, where each machine has them once."""

    reference: Any

    def __call__(self) -> tuple[Rows, Rows]:
        """The rows themselves, on a worker."""
        import ray

        return ray.get(self.reference)


@contextmanager
def _answering(backend: Backend, address: str | None) -> Iterator[None]:
    """Turns a cluster's silence into one line."""
    try:
        yield
    except Exception as fault:  # each has its own errors for nobody being there
        start: Mapping[Backend, str] = {
            "dask": "start one with dask scheduler, and dask worker ADDRESS",
            "ray": "start one with ray start --head",
        }
        where = f"at {address}" if address else "on this machine"
        raise ClusterError(
            f"{backend}: no cluster with workers answers {where} ({reason(fault)}); {start[backend]}"
        ) from fault

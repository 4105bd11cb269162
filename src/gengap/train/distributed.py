"""Train trials on the machines of a Dask or Ray cluster.

A task carries how to build a trial; the rows travel once to each machine. A task returns curves, outputs and
weights as arrays. If its worker dies, the cluster runs the task again elsewhere, from the start and with the same
result: there are no checkpoints, because a worker may not see the study's folder.
"""

from __future__ import annotations

import logging
import socket
import threading
import traceback
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from itertools import islice
from typing import Any

import numpy as np

from gengap.data.rows import Rows
from gengap.data.stored_rows import StoredRows
from gengap.errors import ClusterError, GengapError, UsageError, reason
from gengap.options.spec import BackendName
from gengap.train import versions
from gengap.train.checkpoint import TRAINING
from gengap.train.fitting import train_model
from gengap.train.local import WAKE_SECONDS, CompletedTrial, PendingTrial, warn_if_slower
from gengap.train.types import TrainResult, output_shape

ANSWER_SECONDS = 15  # how long a cluster may take to answer and to offer a worker
TRIES = 3  # how often a trial is tried again when its worker dies; Dask's schedulers have the same default
START = {
    "dask": "start one with dask scheduler, and dask worker ADDRESS",
    "ray": "start one with ray start --head",
}


@dataclass(frozen=True)
class Cluster:
    """A Dask or Ray cluster.

    Args:
        backend: "dask" or "ray".
        address: The scheduler's address; None means the Ray cluster of this machine.
    """

    backend: BackendName
    address: str | None = None

    @classmethod
    def of(cls, backend: BackendName | None, address: str | None) -> Cluster | None:
        """Return the cluster that the options name, or None without a backend.

        Raises:
            UsageError: If the options contradict each other, or the client's package is not installed.
        """
        if backend is None:
            if address is not None:
                raise UsageError(f"address is {address!r} without a backend; give the backend too: dask or ray")
            return None
        if backend == "dask" and address is None:
            raise UsageError("backend is dask without an address; give the scheduler's, as tcp://127.0.0.1:8786")
        try:
            import_module("cloudpickle")
            import_module("distributed" if backend == "dask" else "ray")
        except ImportError as fault:
            hint = f"install it with pip install 'gengap[{backend}]'"
            raise UsageError(f"backend is {backend}, but {fault.name} is not installed; {hint}") from None
        return cls(backend, address)


def run_on_cluster(
    cluster: Cluster,
    trials: Sequence[PendingTrial],
    rows: tuple[Rows, Rows],
    jobs: int | None,
    interrupt: threading.Event,
) -> Generator[CompletedTrial]:
    """Train trials on a cluster, as `gengap.train.local.run_trials` does here, and yield each when it is done.

    Without `jobs` all trials go to the cluster at once. After an interrupt the trials that run are given up. Raises
    ClusterError if no worker answers, if one has other versions, or if a trial's workers die again and again.
    """
    if not trials:
        return
    if isinstance(rows[0], StoredRows):
        raise UsageError(
            "rows that are kept on disk can't travel to a cluster. Raise --memory (memory=) to hold all of them, "
            "or use fewer with --rows"
        )
    faults: list[Exception] = []
    left = {(trial.run, trial.seed): trial for trial in trials}
    for again in range(TRIES + 1):
        try:
            for result in _run_tasks(cluster, left, rows, jobs, interrupt):
                trial = left.pop((result.run, result.seed))
                if isinstance(result.outcome, Exception):
                    faults.append(result.outcome)
                    continue
                warn_if_slower(trial.run, result.slower)
                yield _completed(trial, result.outcome, result.weights, rows)
            break
        except _WorkersLostError as lost:  # all workers that had the rows are gone; others may have come
            if again == TRIES:
                raise _workers_died(cluster, lost) from lost
    if faults:
        raise faults[0]


@dataclass(frozen=True, eq=False)
class _TaskResult:
    """The outcome of one trial and seed. An error is a value, so that it ends no other trial.

    `slower` says why Keras' own loop trained it, if so.
    """

    run: str
    seed: int
    outcome: TrainResult | Exception
    weights: Sequence[np.ndarray] = ()
    slower: str | None = None


def _run_tasks(
    cluster: Cluster,
    left: Mapping[tuple[str, int], PendingTrial],
    rows: tuple[Rows, Rows],
    jobs: int | None,
    interrupt: threading.Event,
) -> Iterator[_TaskResult]:
    """Yield the results of all trials as they arrive. Raises _WorkersLostError and ClusterError."""
    import cloudpickle  # by value, because a notebook may define the model; workers report what they lack

    expected = _machine_versions()
    waiting = iter([(cloudpickle.dumps(trial.build), trial.run, trial.seed, expected) for trial in left.values()])
    connect = _dask if cluster.backend == "dask" else _ray
    with connect(cluster.address, rows) as submit, _own_errors(cluster):
        running = {submit(*task) for task in islice(waiting, jobs or len(left))}
        while running and not interrupt.is_set():
            done, running = wait(running, WAKE_SECONDS, FIRST_COMPLETED)
            for future in done:
                running |= {submit(*task) for task in islice(waiting, 1)}
                yield future.result()


@contextmanager
def _dask(address: str | None, rows: tuple[Rows, Rows]) -> Iterator[Callable[..., Future[_TaskResult]]]:
    """Connect to Dask. What still runs at the end is given up: its scheduler drops what no client waits for."""
    from distributed import Client

    with _clear_error("dask", address):
        client: Any = Client(address, timeout=ANSWER_SECONDS, set_as_default=False)
    with client:
        with _clear_error("dask", address):
            client.wait_for_workers(1, timeout=ANSWER_SECONDS)
        (there,) = client.scatter([rows], broadcast=True, hash=False)
        executor = client.get_executor(pure=False)
        yield lambda *task: executor.submit(_train, *task, there)


@contextmanager
def _ray(address: str | None, rows: tuple[Rows, Rows]) -> Iterator[Callable[..., Future[_TaskResult]]]:
    """Connect to Ray, unless the program is connected already. What still runs at the end is given up."""
    import ray

    connects = not ray.is_initialized()
    if connects:
        with _clear_error("ray", address):
            _check_listening(address)
            ray.init(address=address or "auto", log_to_driver=False, logging_level=logging.ERROR)
    try:
        train: Any = ray.remote(num_cpus=1, max_retries=TRIES)(_train)
        there, running = ray.put(rows), dict[Future[_TaskResult], Any]()

        def submit(*task: Any) -> Future[_TaskResult]:
            reference = train.remote(*task, there)
            future = reference.future()
            running[future] = reference
            future.add_done_callback(running.pop)
            return future

        try:
            yield submit
        finally:
            for reference in list(running.values()):
                ray.cancel(reference, force=True)
    finally:
        if connects:
            ray.shutdown()


def _check_listening(address: str | None) -> None:
    """Raise OSError if nobody listens at host:port: Ray itself would wait for minutes."""
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=ANSWER_SECONDS).close()


@contextmanager
def _clear_error(backend: BackendName, address: str | None) -> Iterator[None]:
    """Raise ClusterError if the cluster does not answer."""
    try:
        yield
    except Exception as fault:  # each package has its own errors for this
        where = f"at {address}" if address else "on this machine"
        raise ClusterError(
            f"{backend}: no cluster with workers answers {where} ({reason(fault)}); {START[backend]}"
        ) from fault


def _train(packed: bytes, run: str, seed: int, expected: dict[str, str], rows: tuple[Rows, Rows]) -> _TaskResult:
    import cloudpickle

    if (actual := _machine_versions()) != expected:
        return _TaskResult(run, seed, ClusterError(_version_error(actual, expected)))
    try:
        train, validation = rows
        built = cloudpickle.loads(packed)(train, validation)
        result, slower = train_model(built.model, built.train, validation, built.config)
        return _TaskResult(run, seed, result, built.model.get_weights(), slower)
    except GengapError as fault:
        return _TaskResult(run, seed, fault)
    except ModuleNotFoundError as fault:
        message = f"a worker has no module {fault.name!r}, which {run} needs; install it there"
        return _TaskResult(run, seed, ClusterError(message))
    except Exception as fault:  # code of the user's may raise anything, also what can't be pickled
        return _TaskResult(run, seed, RuntimeError("".join(traceback.format_exception(fault))))


def _machine_versions() -> dict[str, str]:
    """Return the versions that must be the same on all machines."""
    gengap = import_module("gengap").__version__
    return {"gengap": gengap, "trainer": str(TRAINING), "numpy": np.__version__, **versions()}


def _version_error(actual: Mapping[str, str], expected: Mapping[str, str]) -> str:
    differing = [
        f"{name} {actual.get(name)} (here {here})" for name, here in expected.items() if actual.get(name) != here
    ]
    return f"a worker has {', '.join(differing)}; expected the same versions everywhere. Install them there"


def _completed(
    trial: PendingTrial, result: TrainResult, weights: Sequence[np.ndarray], rows: tuple[Rows, Rows]
) -> CompletedTrial:
    """Build the trial's model here and give it the worker's weights."""
    built = trial.build(*rows)
    output_shape(built.model, built.train)  # creates the weights
    built.model.set_weights(list(weights))
    return CompletedTrial(trial, built.model, result)


class _WorkersLostError(Exception):
    """No worker of the cluster has the rows, or the trials that ran, any more."""


@contextmanager
def _own_errors(cluster: Cluster) -> Iterator[None]:
    """Raise errors of a cluster as _WorkersLostError, or as ClusterError of one line."""
    try:
        yield
    except Exception as fault:
        name = type(fault).__name__
        if name in ("FutureCancelledError", "CancelledError"):
            raise _WorkersLostError(reason(fault)) from fault
        if name in ("KilledWorker", "WorkerCrashedError", "OutOfMemoryError"):
            raise _workers_died(cluster, fault) from fault
        raise ClusterError(f"{cluster.backend}: {name}: {reason(fault)}") from fault


def _workers_died(cluster: Cluster, fault: Exception) -> ClusterError:
    return ClusterError(
        f"{cluster.backend}: the workers that trained a trial died, more than {TRIES} times ({reason(fault)}). "
        "Give them more memory; finished trials are kept"
    )

"""Trials on the machines of a cluster, through joblib: Dask's workers or Ray's.

What travels is how to build a trial, and the rows, once a machine; what comes back are curves, outputs and weights
as arrays. A trial whose worker dies is trained again elsewhere, from its start, with the same result: it keeps no
checkpoints, because its machine need not see the study's folder.
"""

from __future__ import annotations

import queue
import threading
import traceback
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, get_args

import numpy as np

from gengap.data.rows import Rows
from gengap.data.stored_rows import StoredRows
from gengap.errors import ClusterError, GengapError, UsageError, reason
from gengap.train import versions
from gengap.train.connections import TRIES, Backend, RayRows, connect
from gengap.train.fingerprint import TRAINING
from gengap.train.local import WAKE_SECONDS, BuildTrial, CompletedTrial, PendingTrial, warn_if_slower
from gengap.train.types import TrainResult


@dataclass(frozen=True)
class Cluster:
    """Where trials run: `backend` "dask" or "ray", and the scheduler's `address` (None: Ray's on this machine)."""

    backend: Backend
    address: str | None = None

    @classmethod
    def of(cls, backend: str | None, address: str | None) -> Cluster | None:
        """The cluster that is meant; None without a backend. Raises UsageError for what can't be meant."""
        if backend is None:
            if address is not None:
                raise UsageError(f"address is {address!r} without a backend; say whose: dask or ray")
            return None
        if backend not in get_args(Backend):
            raise UsageError(f"backend is {backend!r}, expected dask or ray")
        if backend == "dask" and address is None:
            raise UsageError("backend is dask without an address; give the scheduler's, as tcp://127.0.0.1:8786")
        found: Backend = "dask" if backend == "dask" else "ray"
        try:
            import_module("joblib")
            import_module("distributed" if found == "dask" else "ray")
        except ImportError as fault:
            mend = f"install it with pip install 'gengap[{found}]'"
            raise UsageError(f"backend is {found}, but {fault.name} is not installed; {mend}") from None
        return cls(found, address)


def run_on_cluster(
    cluster: Cluster,
    due: Sequence[PendingTrial],
    rows: tuple[Rows, Rows],
    jobs: int | None,
    interrupt: threading.Event,
) -> Generator[CompletedTrial]:
    """As `gengap.train.local.run_trials`, on a cluster. `rows` are those that train and that validate.

    Once `interrupt` is set, the trials that run are given up. Raises ClusterError if nobody answers, if a worker
    has other versions, or if a trial's workers died again and again.
    """
    if not due:
        return
    if isinstance(rows[0], StoredRows):
        raise UsageError(
            "rows that are kept on disk can't travel to a cluster. Raise --memory (memory=) to hold all of them, "
            "or use fewer with --rows"
        )
    faults: list[Exception] = []
    left = {(each.run, each.seed): each for each in due}
    for again in range(TRIES + 1):
        try:
            for back in _gathered(cluster, left, rows, jobs, interrupt):
                known = left.pop((back.run, back.seed))
                if isinstance(back.found, Exception):
                    faults.append(back.found)
                else:
                    yield _finished(known, back.found, rows)
            break
        except _WorkersLostError as lost:  # with all workers that had the rows; others may have come
            if again == TRIES:
                raise _died(cluster, lost) from lost
    if faults:
        raise faults[0]


def _gathered(
    cluster: Cluster,
    left: Mapping[tuple[str, int], PendingTrial],
    rows: tuple[Rows, Rows],
    jobs: int | None,
    interrupt: threading.Event,
) -> Generator[_TaskResult]:
    """What comes back of those left, as it comes. Raises _LostError and ClusterError."""
    with connect(cluster.backend, cluster.address, rows) as (sent, backend):
        here = _made_with()
        tasks = [(_packed(each.prepare), each.run, each.seed, sent, here) for each in left.values()]
        coming: queue.Queue[_TaskResult | BaseException | None] = queue.Queue()
        options = {
            "return_as": "generator_unordered",
            "batch_size": 1,
            "pre_dispatch": jobs or "all",
            "backend": backend,
        }
        threading.Thread(target=_gather, args=(tasks, options, coming), name="cluster", daemon=True).start()
        while not interrupt.is_set():
            try:
                back = coming.get(timeout=WAKE_SECONDS)  # wakes for signals, as the local one does
            except queue.Empty:
                continue
            if back is None:
                break
            if isinstance(back, BaseException):
                raise _explained(cluster, back) from back
            yield back


@dataclass(frozen=True, eq=False)
class _WorkerResult:
    """What a worker made of a trial; `slower` says why Keras' own loop trained it, if so."""

    fitted: TrainResult
    weights: list[np.ndarray]
    slower: str | None


@dataclass(frozen=True, eq=False)
class _TaskResult:
    """What comes back of one trial and seed: a fault is a value, so that it ends no other trial."""

    run: str
    seed: int
    found: _WorkerResult | Exception


def _gather(tasks: Sequence[tuple[Any, ...]], options: Mapping[str, Any], coming: queue.Queue[Any]) -> None:
    """Runs the tasks and hands on what comes back as it comes, then None: in a thread, so that others can wake."""
    from joblib import Parallel, delayed

    try:
        for back in Parallel(n_jobs=-1, **options)(delayed(_train)(*task) for task in tasks):
            coming.put(back)
    except BaseException as fault:
        coming.put(fault)
    coming.put(None)


def _packed(prepare: BuildTrial) -> bytes:
    """By value where a notebook defined it. Unpacked by `_train` itself, so that what is missing there is told."""
    import cloudpickle

    return cloudpickle.dumps(prepare)


def _train(
    packed: bytes, run: str, seed: int, rows: tuple[Rows, Rows] | RayRows, wanted: dict[str, str]
) -> _TaskResult:
    """Trains one trial: on a worker."""
    import cloudpickle

    from gengap.train import dispatch as either

    if (found := _made_with()) != wanted:
        return _TaskResult(run, seed, ClusterError(_other(found, wanted)))
    try:
        train, validation = rows() if isinstance(rows, RayRows) else rows
        ready = cloudpickle.loads(packed)(train, validation)
        fitted, slower = either.fit(ready.model, ready.train, validation, ready.job)
        return _TaskResult(run, seed, _WorkerResult(fitted, ready.model.get_weights(), slower))
    except GengapError as fault:
        return _TaskResult(run, seed, fault)
    except ModuleNotFoundError as fault:
        told = f"a worker has no module {fault.name!r}, which {run} needs; install it there"
        return _TaskResult(run, seed, ClusterError(told))
    except Exception as fault:  # whatever code of the user's raises, and it may not travel
        return _TaskResult(run, seed, RuntimeError("".join(traceback.format_exception(fault))))


def _made_with() -> dict[str, str]:
    """What must be the same on all machines."""
    numpy, gengap = np.__version__, import_module("gengap").__version__
    return {"gengap": gengap, "trainer": str(TRAINING), "numpy": numpy, **versions()}


def _other(found: Mapping[str, str], wanted: Mapping[str, str]) -> str:
    told = [
        f"{name} {found.get(name)} (here {value})" for name, value in wanted.items() if found.get(name) != value
    ]
    return f"a worker has {', '.join(told)}; expected the same versions everywhere. Install them there"


def _finished(due: PendingTrial, trained: _WorkerResult, rows: tuple[Rows, Rows]) -> CompletedTrial:
    """The trial with its model, which is built here anew and given the weights."""
    from gengap.train.types import output_shape

    warn_if_slower(due.run, trained.slower)
    ready = due.prepare(*rows)
    output_shape(ready.model, ready.train)  # creates the weights
    ready.model.set_weights(trained.weights)
    return CompletedTrial(due, ready.model, trained.fitted)


class _WorkersLostError(Exception):
    """The rows, or trials under way, are nowhere on the cluster any more."""


def _explained(cluster: Cluster, fault: BaseException) -> BaseException:
    """An error of the cluster's own, in one line."""
    name = type(fault).__name__
    if name in ("FutureCancelledError", "CancelledError"):
        return _WorkersLostError(reason(fault))
    if name in ("KilledWorker", "WorkerCrashedError", "OutOfMemoryError"):
        return _died(cluster, fault)
    return fault if isinstance(fault, GengapError) else ClusterError(f"{cluster.backend}: {name}: {reason(fault)}")


def _died(cluster: Cluster, fault: BaseException) -> ClusterError:
    told = f"the workers that had a trial died, more than {TRIES} times ({reason(fault)})"
    return ClusterError(f"{cluster.backend}: {told}. Give them more memory; what is finished is kept")

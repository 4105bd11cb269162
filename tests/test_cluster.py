"""`gengap study --backend`: a real Dask scheduler with two workers, and a real Ray, give what one machine gives."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import gengap
from gengap import Plan, Study, Trial
from gengap.cli import app
from gengap.errors import ClusterError, UsageError
from gengap.plan import Recipe
from gengap.train import distributed as cluster
from gengap.train.stopping import Stopping

for package in ("cloudpickle", "distributed", "ray"):  # not imported: Ray reads the environment then
    if not find_spec(package) and not os.environ.get("CI"):
        pytest.skip(f"{package} is not installed", allow_module_level=True)

BIN = Path(sys.executable).parent
WAIT_SECONDS = 120
ROWS: dict[str, Any] = {"train": 300, "validation": 100}
PLAN = Plan(
    name="two sizes",
    trials=(Trial(run="sizes/4", units=(4,)), Trial(run="sizes/6-6", units=(6, 6))),
    recipe=Recipe(batch=100, max_epochs=12),
)
LONG = Recipe(batch=100, max_epochs=20_000, stopping=Stopping(patience=20_000), stop="patience")  # some seconds
MODULE = """
import os
import pathlib
import signal

import keras

def build(size, features, outputs):
    with pathlib.Path(os.environ["BUILT"]).open("a") as file:
        file.write(f"{os.getpid()} {size}\\n")
    layers = [keras.layers.Dense(units, "elu") for units in size]
    return keras.Sequential([keras.Input((features,)), *layers, keras.layers.Dense(outputs)])

def dies_there(size, features, outputs):
    if str(os.getpid()) != os.environ["HERE"]:
        os.kill(os.getpid(), signal.SIGKILL)
    return build(size, features, outputs)

def fails_there(size, features, outputs):
    if str(os.getpid()) != os.environ["HERE"] and size == (4,):
        raise ValueError("no such size")
    return build(size, features, outputs)
"""


@pytest.fixture(scope="module", autouse=True)
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with models of the user's own, whose builder notes which process called it."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "cluster_models.py").write_text(MODULE)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.setenv("PYTHONPATH", os.pathsep.join([str(folder), str(Path(gengap.__file__).parents[1])]))
        patch.setenv("BUILT", str(folder / "built"))
        patch.setenv("HERE", str(os.getpid()))
        patch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "1")
        patch.setenv("RAY_AUTH_MODE", "token")  # of the test's own: a machine may have one, and its cluster another
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        patch.setattr(cluster, "TRIES", 1)
        yield folder


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@contextmanager
def started(folder: Path, *commands: Sequence[str]) -> Iterator[None]:
    """Servers, with all that they start, until they are not needed."""
    running: list[subprocess.Popen[Any]] = []
    try:
        for number, command in enumerate(commands):
            with (folder / f"log{number}").open("wb") as log:
                options: dict[str, Any] = {"stdout": log, "stderr": log, "start_new_session": True}
                running.append(subprocess.Popen([str(BIN / command[0]), *command[1:]], **options))
        yield
    finally:
        for server in running:
            os.killpg(server.pid, signal.SIGTERM)
        for server in running:
            try:
                server.wait(1)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)
                server.wait()


def wait_for(there: Callable[[], Any]) -> Any:
    until = time.monotonic() + WAIT_SECONDS
    while not (found := there()):
        assert time.monotonic() < until, "nothing came"
        time.sleep(0.02)
    return found


def listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module", params=["dask", "ray"])
def on_cluster(request: pytest.FixtureRequest, models: Path) -> Iterator[dict[str, str]]:
    """`study`'s options for a cluster that runs."""
    port, folder = free_port(), Path(tempfile.mkdtemp(prefix="gg"))  # Ray's sockets need short names
    if request.param == "dask":
        address = f"tcp://127.0.0.1:{port}"
        worker = ("dask", "worker", address, "--nthreads", "1", "--no-dashboard", "--local-directory", str(folder))
        scheduler = ("dask", "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
        commands = [scheduler, worker, worker]
    else:
        address = f"127.0.0.1:{port}"
        ray = ("ray", "start", "--head", "--block", "--node-ip-address", "127.0.0.1", "--port", str(port))
        commands = [(*ray, "--num-cpus", "2", "--include-dashboard", "false", "--temp-dir", str(folder))]
    with started(folder, *commands):
        wait_for(lambda: listens(port))
        yield {"backend": request.param, "address": address}
    shutil.rmtree(folder, ignore_errors=True)


def trained(**options: Any) -> Study:
    settings: dict[str, Any] = {"plan": PLAN, **ROWS, **options}
    return gengap.study("collider", **settings)


@pytest.fixture(scope="module")
def here() -> Study:
    return trained(seeds=2)


@cache
def long_here(plan: Plan, model: str | None = None) -> Study:
    """A long study on this machine, which both backends are held against."""
    return trained(plan=plan, model=model)


def assert_same(one: Study, other: Study) -> None:
    assert [(h.run, h.seed) for h in one.histories] == [(h.run, h.seed) for h in other.histories]
    for ours, theirs in zip(one.histories, other.histories, strict=True):
        assert ours.series.keys() == theirs.series.keys()
        for key, series in ours.series.items():
            assert series.values.tobytes() == theirs.series[key].values.tobytes(), (ours.run, key)


def test_a_cluster_gives_what_one_machine_gives(here: Study, on_cluster: dict[str, str], tmp_path: Path) -> None:
    there = trained(seeds=2, out=tmp_path, **on_cluster)
    assert_same(here, there)
    assert here.verdicts == there.verdicts
    assert here.summary.recommendation == there.summary.recommendation
    again = trained(seeds=2, out=tmp_path)  # goes on here with what was made there
    assert_same(here, again)


def test_a_worker_killed_in_the_middle_changes_nothing(on_cluster: dict[str, str], models: Path) -> None:
    built, plan = models / "built", Plan(name="long", trials=PLAN.trials, recipe=LONG)
    built.unlink(missing_ok=True)
    killed: list[int] = []

    def kill() -> None:
        def first() -> int | None:
            lines = built.read_text().splitlines() if built.exists() else []
            return next((pid for pid in (int(line.split()[0]) for line in lines) if pid != os.getpid()), None)

        worker = wait_for(first)
        time.sleep(1)  # into its epochs
        os.kill(worker, signal.SIGKILL)
        killed.append(worker)

    killer = threading.Thread(target=kill)
    killer.start()
    there = trained(plan=plan, model="cluster_models:build", **on_cluster)
    killer.join()
    builders = {int(line.split()[0]) for line in built.read_text().splitlines()} - {os.getpid()}
    assert killed[0] in builders and builders - set(killed)  # another one took over
    assert_same(long_here(plan, "cluster_models:build"), there)


def test_a_trial_that_fails_there_ends_no_other(on_cluster: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cluster_models:fails_there: .* ValueError: no such size"):
        trained(model="cluster_models:fails_there", out=tmp_path, **on_cluster)
    assert [path.stem for path in (tmp_path / "trials" / "sizes").glob("*.parquet")] == ["6-6.seed0"]


def test_a_trial_whose_workers_always_die_is_given_up(on_cluster: dict[str, str]) -> None:
    with pytest.raises(ClusterError, match="the workers that trained a trial died"):
        trained(model="cluster_models:dies_there", only="sizes/4", **on_cluster)


def test_other_versions_are_refused(on_cluster: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_machine_versions", lambda: {"gengap": "0.0.1"})
    theirs = re.escape(gengap.__version__)
    with pytest.raises(ClusterError, match=rf"a worker has gengap {theirs} \(here 0\.0\.1\)"):
        trained(**on_cluster)


def test_ctrl_c_keeps_what_is_finished_and_the_same_call_goes_on(
    on_cluster: dict[str, str], tmp_path: Path
) -> None:
    first = Trial(run="sizes/4", units=(4,), max_epochs=12)
    plan = Plan(name="long", trials=(first, *PLAN.trials[1:]), recipe=LONG).with_max_epochs(10_000)

    def press() -> None:
        wait_for((tmp_path / "trials" / "sizes" / "4.seed0.parquet").exists)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    presser = threading.Thread(target=press)
    presser.start()
    part = trained(plan=plan, out=tmp_path, jobs=1, **on_cluster)  # one after the other
    presser.join()
    assert part.summary.interrupted and [trial.run for trial in part.trials] == ["sizes/4"]
    assert_same(long_here(plan), trained(plan=plan, out=tmp_path, **on_cluster))


@pytest.mark.parametrize(("backend", "scheme"), [("dask", "tcp://"), ("ray", "")])
def test_where_nobody_answers(backend: str, scheme: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cluster, "ANSWER_SECONDS", 1)
    address = f"{scheme}127.0.0.1:{free_port()}"
    call = ["study", "--rows", "300", "--train", "200", "--validation", "100", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, [*call, "--backend", backend, "--address", address], catch_exceptions=True)
    assert isinstance(result.exception, ClusterError)
    assert f"{backend}: no cluster with workers answers at {address}" in str(result.exception)


def test_what_can_not_be_meant() -> None:
    with pytest.raises(UsageError, match="without a backend; give the backend"):
        trained(address="tcp://127.0.0.1:1")
    with pytest.raises(UsageError, match="'spark', expected 'dask' or 'ray'"):
        trained(backend="spark")
    with pytest.raises(UsageError, match="without an address"):
        trained(backend="dask")


@pytest.mark.parametrize(("backend", "package"), [("dask", "distributed"), ("ray", "ray")])
def test_without_the_extra(backend: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UsageError, match=rf"{package} is not installed; .*gengap\[{backend}\]"):
        trained(backend=backend, address="127.0.0.1:1")

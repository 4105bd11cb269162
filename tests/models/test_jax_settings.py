"""Stored programs and threads: later processes use them, never from a folder that others may change."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import joblib
import pytest

from gengap.files.user_cache import private_folder

TRAINS = """
import gengap, jax
from gengap import models
from gengap.models.mlp import compile_binary
import numpy as np
events = []
jax.monitoring.register_event_listener(lambda event, **_: events.append(event))
x, y = np.ones((20, 3), np.float32), np.arange(20) % 2
model = models.perceptron((4,), features=3)
compile_binary(model)
history = gengap.fit(model, (x[:10], y[:10]), (x[10:], y[10:]), epochs=2, batch_size=5)
hits = sum(event.endswith("compilation_cache/cache_hits") for event in events)
print(hits, history["validation", "loss"].values.tobytes().hex())
"""
posix = pytest.mark.skipif(not hasattr(os, "getuid"), reason="permissions of POSIX")


def run(code: str, **variables: str) -> str:
    """Run the code in a Python of its own, without this test run's stored programs, and without warnings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    command = [sys.executable, "-W", "error::UserWarning", "-c", code]
    done = subprocess.run(command, env={**kept, **variables}, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    return done.stdout.strip()


def test_a_second_process_compiles_nothing_again_and_trains_the_same(tmp_path: Path) -> None:
    first, second = (run(TRAINS, GENGAP_CACHE=str(tmp_path)).split() for _ in range(2))
    stored = list((tmp_path / "programs").glob("jit_chunk-*-cache"))
    assert len(stored) == 1 and (tmp_path / "programs").stat().st_mode & 0o777 == 0o700
    assert int(second[0]) > int(first[0]) == 0 and second[1] == first[1]
    stored[0].write_bytes(stored[0].read_bytes()[:100])  # as a process leaves it that was killed
    assert run(TRAINS, GENGAP_CACHE=str(tmp_path)).split()[1] == first[1]


STORE = "import gengap.models.jax_settings as settings, jax; settings.store_programs()"
SHOWN = f"{STORE}; print(jax.config.jax_compilation_cache_dir)"


def test_the_users_own_folder_stays(tmp_path: Path) -> None:
    variables = {"GENGAP_CACHE": str(tmp_path), "JAX_COMPILATION_CACHE_DIR": "/elsewhere"}
    assert run(SHOWN, **variables) == "/elsewhere"
    assert run(SHOWN, GENGAP_CACHE=str(tmp_path), JAX_ENABLE_COMPILATION_CACHE="false") == "None"
    assert not (tmp_path / "programs").exists()


def test_a_folder_that_is_none_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert run(SHOWN, GENGAP_CACHE=str(tmp_path / "file")) == "None"


@posix
@pytest.mark.parametrize("open_to_others", ["", "programs"])
def test_a_folder_that_others_may_change_is_not_used(
    open_to_others: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENGAP_CACHE", str(tmp_path))
    assert private_folder("programs") == tmp_path / "programs"
    (tmp_path / open_to_others).chmod(0o770)
    assert private_folder("programs") is None


def test_another_working_folder_does_not_change_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENGAP_CACHE", "cache")
    assert private_folder("programs") == tmp_path / "cache" / "programs"


@posix
def test_new_folders_are_private_whatever_the_users_mask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENGAP_CACHE", str(tmp_path / "cache"))
    before = os.umask(0o002)  # the group may write: the default of some systems
    try:
        assert private_folder("programs") == tmp_path / "cache" / "programs"
    finally:
        os.umask(before)


@posix
def test_a_folder_of_another_user_and_a_link_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENGAP_CACHE", str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    assert private_folder("link") is None
    assert private_folder("programs") is not None
    monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)
    assert private_folder("programs") is None


THREADS = """
import os, multiprocessing
multiprocessing.current_process().name = {name!r}
import gengap
print(os.environ.get("NPROC"))
"""


@pytest.mark.parametrize(
    ("name", "variables", "expected"),
    [
        ("LokyProcess-1", {"OMP_NUM_THREADS": "3"}, "3"),
        ("LokyProcess-1", {"OMP_NUM_THREADS": "3", "NPROC": "2"}, "2"),
        ("LokyProcess-1", {"OMP_NUM_THREADS": "4,2"}, "None"),
        ("MainProcess", {"OMP_NUM_THREADS": "3"}, "None"),
    ],
)
def test_a_worker_uses_the_threads_that_it_is_given(name: str, variables: dict[str, str], expected: str) -> None:
    assert run(THREADS.format(name=name), **variables) == expected


WORKERS = """
from joblib import Parallel, delayed

def fit(code):
    names = {}
    exec(code, names)
    return names["hits"]

if __name__ == "__main__":
    print(*Parallel(n_jobs=2)(delayed(fit)(CODE) for _ in range(2)))
"""


def test_workers_of_joblib_load_what_an_earlier_process_compiled(tmp_path: Path) -> None:
    compiled = run(TRAINS, GENGAP_CACHE=str(tmp_path))
    assert compiled.startswith("0 ")
    (script := tmp_path / "parallel.py").write_text(WORKERS.replace("CODE", repr(TRAINS)))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    variables = {**kept, "GENGAP_CACHE": str(tmp_path)}
    done = subprocess.run([sys.executable, script], env=variables, capture_output=True, text=True, check=True)
    hits = [int(each) for each in done.stdout.splitlines()[-1].split()]
    assert max(hits) > 0  # both may run in one worker, where the second compiles nothing


def test_joblib_names_its_workers_so(tmp_path: Path) -> None:
    script = tmp_path / "parallel.py"
    script.write_text(
        "from joblib import Parallel, delayed\n"
        "def threads():\n    import os, gengap\n    return os.environ.get('NPROC')\n"
        "if __name__ == '__main__':\n"
        "    print(Parallel(n_jobs=2)(delayed(threads)() for _ in range(2)))\n"
    )
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    done = subprocess.run([sys.executable, script], env=kept, capture_output=True, text=True, check=True)
    given = str(max(1, joblib.cpu_count() // 2))
    assert done.stdout.strip() == str([given, given])

"""Fixtures that several folders of tests share."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import hypothesis
import pytest

# Compiling is half of the suite's work. Every process of a run, and the next run, uses what one has compiled.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path(__file__).parents[1] / ".pytest_cache" / "programs"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # of boosted trees: two runs' threads would wait for each other
# A run started in the background (`nohup make test &`) ignores Ctrl-C, and so would every program that it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def higgs_path() -> Path:
    """The real HIGGS sample named by GENGAP_HIGGS; without it these tests skip, but never in CI."""
    named = os.environ.get("GENGAP_HIGGS")
    if named and Path(named).is_file():
        return Path(named)
    message = f"GENGAP_HIGGS is {named!r}, expected the path of a HIGGS csv.gz file"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


# `make check` leaves out what runs whole studies, programs and servers, and of every law all cases but the first.
SLOW = {
    *("docs", "fuzz", "nothing_lost", "estimators", "test_awkward_tables.py", "test_callbacks.py", "test_cli.py"),
    *(
        "test_better_recipe.py",
        "test_cluster.py",
        "test_cross_validation.py",
        "test_doctor.py",
        "test_environment.py",
    ),
    *("test_estimators.py", "test_fitting.py", "test_larger.py", "test_live.py", "test_mixed_study.py"),
    *("test_notebook.py", "test_own_model.py", "test_prediction.py"),
    *("test_soak.py", "test_study.py", "test_study_verdicts.py", "test_tensorboard.py"),
    *("test_tensorboard_hparams.py", "test_watch.py", "test_weights.py", "test_wheel.py"),
}
LAWS = {"laws", "models", "test_tasks.py"}
NEEDS = {"browser": "browser", "higgs_path": "higgs", "on_cluster": "cluster"}  # the markers of tests by fixture


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what a test needs, and which are slow."""
    seen: set[tuple[Path, str]] = set()
    for item in items:
        for fixture in NEEDS.keys() & set(getattr(item, "fixturenames", ())):
            item.add_marker(NEEDS[fixture])
        law = (item.path, getattr(item, "originalname", item.name))
        again = law in seen and not LAWS.isdisjoint(item.path.parts)
        if again or not SLOW.isdisjoint(item.path.parts):
            item.add_marker("slow")
        seen.add(law)


# Time is the machine's affair: it is shared, and a first call compiles or imports.
hypothesis.settings.register_profile("gengap", deadline=None)
hypothesis.settings.load_profile("gengap")

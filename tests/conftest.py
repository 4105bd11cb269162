"""Fixtures that several folders of tests share."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

# Compiling is half of the suite's work. Every process of a run, and the next run, uses what one has compiled.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path(__file__).parents[1] / ".pytest_cache" / "programs"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
# What is compiled here runs for moments: XLA's optimiser takes more time than it saves. See light.py.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_use_fusion_emitters=false")  # these take two thirds of compiling
os.environ.setdefault("OMP_NUM_THREADS", "1")  # of boosted trees: two runs' threads would wait for each other
# A run started in the background (`nohup make test &`) ignores Ctrl-C, and so would every program that it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _light() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    from light import light_studies

    with light_studies():
        yield


@pytest.fixture(scope="module")
def whole_studies() -> Iterator[None]:
    """Studies with all trees and pictures."""
    from light import studies_as_for_users

    with studies_as_for_users():
        yield


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


# `make check` leaves out what takes seconds, and of every law all cases but the first.
SLOW = set(Path(__file__).with_name("slow.txt").read_text().split())  # folders, files and tests
LAWS = {  # folders and files
    *("laws", "models", "train", "test_console.py", "test_families.py", "test_formatted_numbers.py"),
    *("test_tasks.py", "test_units.py"),
}
# Begun first, so that no worker ends long after the other.
LONGEST = {
    *("test_code_blocks.py", "test_notebooks.py", "test_trainers.py", "test_estimators.py", "test_cluster.py"),
    *("test_kills.py", "test_cross_validation.py", "test_architectures.py", "test_study_verdicts.py"),
}
# the markers of tests by fixture; `clock` is that of whole studies within minutes
NEEDS = {"browser": "browser", "higgs_path": "higgs", "on_cluster": "cluster", "clock": "slow"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what a test needs and which are slow, and puts the longest files first."""
    items.sort(key=lambda item: item.path.name not in LONGEST)
    seen: set[tuple[Path, str]] = set()
    for item in items:
        for fixture in NEEDS.keys() & set(getattr(item, "fixturenames", ())):
            item.add_marker(NEEDS[fixture])
        law = (item.path, getattr(item, "originalname", item.name))
        again = law in seen and not LAWS.isdisjoint(item.path.parts)
        if again or not SLOW.isdisjoint((*item.path.parts, law[1])):
            item.add_marker("slow")
        seen.add(law)


def pytest_collection_finish() -> None:
    """Lets garbage collection pass over what lives to the end: all tests and libraries."""
    gc.collect()
    gc.freeze()


# Time is the machine's affair: it is shared, and a first call compiles or imports.
hypothesis.settings.register_profile("gengap", deadline=None)
hypothesis.settings.load_profile("gengap")

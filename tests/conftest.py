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


# Time is the machine's affair: it is shared, and a first call compiles or imports.
hypothesis.settings.register_profile("gengap", deadline=None)
hypothesis.settings.load_profile("gengap")

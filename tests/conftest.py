"""Fixtures that several folders of tests share."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest


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

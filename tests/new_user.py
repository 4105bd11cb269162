"""The environment of a new user, for tests that start processes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import gengap


def new_user(home: Path, **variables: str) -> dict[str, str]:
    """The environment of somebody who has just installed gengap. PYTHONPATH names the gengap under test."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.defpath])
    package = str(Path(gengap.__file__).parents[1])
    return {"HOME": str(home), "PATH": path, "PYTHONPATH": package, "LANG": "C.UTF-8", **variables}

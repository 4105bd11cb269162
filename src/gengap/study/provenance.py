"""How a study was made: the versions of what it ran on, and the command and the call that make it again."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from gengap.analysis.summary import PLAN_FILE, Provenance
from gengap.data.sources.source_names import redact_address
from gengap.files.limits import usable_cores

PACKAGES = ("keras", "jax", "numpy", "scikit-learn")
DEFAULTS: Mapping[str, object] = {"test": 0, "seeds": 1, "on_bad_row": "fail", "keep": (), "column": {}}


def study_provenance(source: Any, plan: Any, options: Mapping[str, object]) -> Provenance:
    """What `gengap.study(source, plan, **options)` runs on, and how to call it again, without an address's secrets.

    >>> found = study_provenance("collider", "quick", {"seeds": 3, "test": 0, "max_epochs": 5})
    >>> " ".join(found.command)
    'gengap study collider --plan quick --seeds 3 --max-epochs 5'
    >>> found.call
    "gengap.study('collider', 'quick', seeds=3, max_epochs=5)"
    """
    given = {name: value for name, value in options.items() if value is not None and value != DEFAULTS.get(name)}
    return Provenance(
        versions={"gengap": import_module("gengap").__version__, "python": platform.python_version()} | _versions(),
        cores=usable_cores(),
        command=_command(source, plan, given),
        call=_call(source, plan, given),
    )


def _versions() -> dict[str, str]:
    """Those of the packages that say theirs: bundled ones may have no metadata."""
    found = {}
    for package in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def _command(source: Any, plan: Any, given: Mapping[str, object]) -> tuple[str, ...]:
    """The words of the shell; none for rows in memory and functions without a name, which only Python has."""
    if not isinstance(source, (str, os.PathLike)) or callable(given.get("model")):
        return ()
    words = ["gengap", "study", redact_address(os.fspath(source)), "--plan", _plan(plan)]
    for name, value in given.items():
        several = [f"{key}={kind}" for key, kind in value.items()] if isinstance(value, Mapping) else value
        for each in several if isinstance(several, (tuple, list)) else (several,):
            words += [f"--{name.replace('_', '-')}", str(each)]
    return tuple(words)


def _call(source: Any, plan: Any, given: Mapping[str, object]) -> str:
    if isinstance(source, (str, os.PathLike)):
        rows = repr(redact_address(os.fspath(source)))
    else:
        rows = "(X, y)" if isinstance(source, tuple) else "table"
    values = {
        name: getattr(value, "__name__", "build") if callable(value) else repr(value)
        for name, value in given.items()
    }
    options = "".join(f", {name}={value}" for name, value in values.items())
    return f"gengap.study({rows}, {_plan(plan)!r}{options})"


def _plan(plan: Any) -> str:
    return os.fspath(plan) if isinstance(plan, (str, os.PathLike)) else PLAN_FILE

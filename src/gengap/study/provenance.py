"""How to reproduce a study: the versions that it ran on, and the command and the call that repeat it."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from gengap.analysis.summary import PLAN_FILE, Provenance
from gengap.data.sources import redact_address, short_name
from gengap.files.limits import usable_cores
from gengap.models.model_source import ModelSource
from gengap.models.user_model import ModelFunction
from gengap.options.study_options import DataSpec, RunSpec

PACKAGES = ("keras", "jax", "numpy", "scikit-learn", "catboost")


def study_provenance(
    source: Any,
    plan: Any,
    data: DataSpec | None = None,
    run: RunSpec | None = None,
    model: ModelFunction | ModelSource | None = None,
    rows: Mapping[str, Any] | None = None,
) -> Provenance:
    """Return versions, and how to call `gengap.study` again. Secrets in an address are left out.

    `rows` are further rows that were given from Python, and groups, by the argument's name.

    >>> found = study_provenance("collider", "quick", DataSpec(train=200), RunSpec(seeds=3, max_epochs=5))
    >>> " ".join(found.command)
    'gengap study collider --plan quick --train 200 --seeds 3 --max-epochs 5'
    >>> found.call
    "gengap.study('collider', 'quick', train=200, seeds=3, max_epochs=5)"
    """
    options = DataSpec.of(data).changed() | RunSpec.of(run).changed()
    if model is not None and model.importable:
        options["model"] = model.name
    has_name = isinstance(source, (str, os.PathLike)) and not any(map(callable, options.values())) and not rows
    return Provenance(
        versions={"gengap": import_module("gengap").__version__, "python": platform.python_version()} | _versions(),
        cores=usable_cores(),
        command=tuple(_command(source, plan, options)) if has_name else (),
        call=_call(source, plan, options, rows or {}),
    )


def default_study_folder(source: str | os.PathLike[str], plan: str | Path, model: str | None = None) -> Path:
    """Return the default folder of the command line: runs/<source>-<plan>, and the model's function.

    >>> default_study_folder("data/HIGGS-16k.csv.gz", "quick").as_posix()
    'runs/HIGGS-16k-quick'
    >>> default_study_folder("https://host/table.csv?signature=secret", "full").as_posix()
    'runs/table-full'
    >>> default_study_folder("table.csv", "quick", "my_models:build").as_posix()
    'runs/table-quick-my_models.build'
    """
    suffix = f"-{model.replace(':', '.')}" if model else ""
    return Path("runs") / f"{short_name(os.fspath(source))}-{Path(plan).stem}{suffix}"


def _versions() -> dict[str, str]:
    """Return the versions of the packages that have metadata; those of a bundle may have none."""
    found = {}
    for package in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def _command(source: str | os.PathLike[str], plan: Any, options: Mapping[str, Any]) -> Iterator[str]:
    yield from ("gengap", "study", redact_address(os.fspath(source)), "--plan", _plan_name(plan))
    default = default_study_folder(source, _plan_name(plan), options.get("model"))
    for name, value in options.items():
        if name == "out" and Path(value) == default:
            continue
        several = [f"{key}={kind}" for key, kind in value.items()] if isinstance(value, dict) else value
        for each in several if isinstance(several, (tuple, list)) else (several,):
            yield from (f"--{name.replace('_', '-')}", str(each))


def _call(source: Any, plan: Any, options: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    rows = _shown(source, "(X, y)" if isinstance(source, tuple) else "table")
    values = {
        name: getattr(value, "__name__", name) if callable(value) else repr(value)
        for name, value in options.items()
    }
    values |= {name: _shown(value, name) for name, value in given.items()}
    keywords = "".join(f", {name}={value}" for name, value in values.items())
    return f"gengap.study({rows}, {_plan_name(plan)!r}{keywords})"


def _shown(value: Any, name: str) -> str:
    """Return a path or address as Python writes it, and the name of anything else."""
    return repr(redact_address(os.fspath(value))) if isinstance(value, (str, os.PathLike)) else name


def _plan_name(plan: Any) -> str:
    return os.fspath(plan) if isinstance(plan, (str, os.PathLike)) else PLAN_FILE

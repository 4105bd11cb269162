"""`RunSpec`: how the trials of a study are run, as one checked value that TOML can hold.

This is the only list of the run options. A new option is one field here and in `RunOptions`, its use, and its
documentation.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Annotated, Any, TypedDict

from gengap.options.choices import BackendName, Stop
from gengap.options.data_spec import DataOptions
from gengap.options.spec import Count, Spec, describe


class RunSpec(Spec, frozen=True, kw_only=True):
    """Which trials of a plan are trained, with how many seeds, where, and where the results are saved.

    Every field has a default. A wrong value raises UsageError, which names the field.

    Args:
        seeds: Number of seeds. Every trial is trained once with each.
        max_epochs: Most epochs of a trial. Default: as the plan says.
        only: Shell pattern of run names, such as `sizes/*`. Other trials are left out.
        stop: When a trial ends: "patience", or "verdict" as soon as its verdict is certain. Default: as the plan
            says.
        model: Your own models in place of gengap's networks: a function `build(size, features, outputs)` that
            returns a Keras model, or its name as "module:function". `size` holds the units of a trial's hidden
            layers. Trials with treatments are left out.
        jobs: Number of small trials that train at the same time. Default: one for each core.
        backend: "dask" or "ray" trains on the machines of a cluster.
        address: Address of the cluster, such as "tcp://host:8786".
        out: Folder in which results are saved. The same call again resumes. Default: nothing is saved.
    """

    seeds: Annotated[Count, describe("Repeat each trial with N seeds.")] = 1
    max_epochs: Annotated[Count | None, describe("Train no trial for more than N epochs.")] = None
    only: Annotated[str | None, describe('Only trials whose name matches, as in "sizes/*".', "PATTERN")] = None
    stop: Annotated[
        Stop | None, describe("When a trial ends: after its patience, or as soon as its verdict is certain.")
    ] = None
    model: Annotated[
        Any,
        describe(
            "Your own models: a function build(size, features, outputs) that returns a Keras model.",
            "MODULE:FUNCTION",
        ),
    ] = None
    jobs: Annotated[
        Count | None, describe("Train N small trials at the same time (default: one for each core).")
    ] = None
    backend: Annotated[BackendName | None, describe("Cluster type.")] = None
    address: Annotated[
        str | None,
        describe(
            "Address of the cluster, as tcp://host:8786 for Dask (default for Ray: this machine's).", "ADDRESS"
        ),
    ] = None
    out: Annotated[str | None, describe("Study folder (default: runs/<source>-<plan>).", "FOLDER")] = None


class RunOptions(TypedDict, total=False):
    """The fields of `RunSpec` as keywords of `gengap.study`."""

    seeds: int
    max_epochs: int | None
    only: str | None
    stop: Stop | None
    model: str | Callable[..., Any] | None
    jobs: int | None
    backend: BackendName | None
    address: str | None
    out: str | os.PathLike[str] | None


class StudyOptions(DataOptions, RunOptions, total=False):
    """All options of `gengap.study` as keywords."""

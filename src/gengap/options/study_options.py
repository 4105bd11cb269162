"""`DataSpec` and `RunSpec`: the options of a study as two checked values that TOML can hold.

This is the only list of the options. `gengap.load` and `gengap.study` take the fields as keywords, and the command
line makes an option of each. A new option is one field here, its keyword at the end of this module for type
checkers, its use, and its documentation.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, TypedDict

import msgspec

from gengap.errors import UsageError
from gengap.options.spec import (
    BackendName,
    ClassWeight,
    ColumnKind,
    Count,
    CountOrZero,
    Gibibytes,
    Minutes,
    OnBadRow,
    Precision,
    Seeds,
    Spec,
    Stop,
    TaskName,
    describe,
)


class DataSpec(Spec, frozen=True, kw_only=True):
    """Which rows and columns of a table are used, and how they are split, weighted and read.

    Every field has a default. A wrong value raises UsageError, which names the field.

    Args:
        target: Name of the label column. HIGGS files and `(X, y)` have one already.
        rows: Use only the first `rows` rows.
        train: Number of training rows. Default: 10,000 for HIGGS and `collider`, otherwise all that are left.
        validation: Number of validation rows. Default: 1,000 for HIGGS and `collider`, otherwise a fifth of the
            rows, at most 10,000.
        test: Number of test rows, which no trial sees.
        task: "binary", "multiclass" or "regression". Default: found from the target's values, see
            `gengap.tasks.task_of`.
        on_bad_row: "fail" raises an error for a bad row, "skip" leaves the row out and reports it.
        group: Name of a column, or of an array of an .npz file for a model that is cloned. Rows with the same value
            stay in one part of the split. It is not a feature.
        time: Name of a column of dates or numbers. The earliest rows train, later ones validate, the latest test.
            It is not a feature.
        keep: Names of columns to use although they look like identifiers.
        weight: Name of a column of numbers of 0 or more: the weight of each row in every loss and score. Only the
            ratios matter. It is not a feature.
        class_weight: "balanced" gives every class the same total weight in the training loss, see
            `gengap.data.split`.
        column: Kind of a column by name: "category", "number", "text" or "date", or "drop" to leave it out.
        memory: GiB of memory that the rows may take. Of a larger table or loader the training rows are kept on
            disk. Default: a quarter of the machine's memory.
    """

    target: Annotated[str | None, describe("The label column (not needed for HIGGS files).", "COLUMN")] = None
    rows: Annotated[Count | None, describe("Use only the first N rows.")] = None
    train: Annotated[
        Count | None, describe("Training rows (default: all that are left; for HIGGS and collider 10,000).")
    ] = None
    validation: Annotated[
        Count | None, describe("Validation rows (default: a fifth, at most 10,000; for HIGGS and collider 1,000).")
    ] = None
    test: Annotated[CountOrZero, describe("Number of test rows, which no trial sees.")] = 0
    task: Annotated[TaskName | None, describe("Kind of target (default: found from its values).")] = None
    on_bad_row: Annotated[OnBadRow, describe("What to do with a bad row: stop, or skip it and report it.")] = "fail"
    group: Annotated[str | None, describe("Split by this column: equal values stay in one part.", "COLUMN")] = None
    time: Annotated[
        str | None,
        describe("Split by this column: the earliest rows train, later ones validate and test.", "COLUMN"),
    ] = None
    keep: Annotated[
        tuple[str, ...],
        describe("A column to use although it looks like an identifier; may be repeated.", "COLUMN"),
    ] = ()
    weight: Annotated[
        str | None, describe("The column with the rows' weights, numbers of 0 or more.", "COLUMN")
    ] = None
    class_weight: Annotated[
        ClassWeight | None, describe("balanced: every class has the same total weight in the training loss.")
    ] = None
    column: Annotated[
        dict[str, ColumnKind],
        describe(
            "Kind of a column: category, number, text or date, or drop to leave it out; may be repeated.",
            "NAME=KIND",
        ),
    ] = msgspec.field(default_factory=dict)
    memory: Annotated[
        Gibibytes | None,
        describe(
            "GiB of memory for the rows; a larger table stays on disk (default: a quarter of the memory).", "GIB"
        ),
    ] = None

    def __post_init__(self) -> None:
        """Check every field, so that a wrong option fails before anything is read."""
        super().__post_init__()
        if self.group is not None and self.time is not None:
            raise UsageError("group and time are both given; rows are split by one of them. Leave one out")

    @property
    def extra_columns(self) -> tuple[str, ...]:
        """The columns that are read but are no features: those of the split and the weights."""
        return tuple(dict.fromkeys(filter(None, (self.group, self.time, self.weight))))


class RunSpec(Spec, frozen=True, kw_only=True):
    """Which trials of a plan are trained, with how many seeds, where, and where the results are saved.

    Every field has a default. A wrong value raises UsageError, which names the field.

    Args:
        seeds: Number of seeds. Every trial is trained once with each.
        max_epochs: Most epochs of a trial. Default: as the plan says.
        only: Shell pattern of run names, such as `sizes/*`. Other trials are left out.
        stop: When a trial ends: "patience", or "verdict" as soon as its verdict is certain. Default: as the plan
            says.
        precision: "bfloat16" rounds the operands of large matrix products: CPUs that multiply bfloat16 train large
            networks faster. "auto" does so on such CPUs only. Default: as the plan says.
        model: Your own models in place of gengap's networks: a Keras model or a function that returns one, which
            is cloned in all sizes and with all treatments; or a function `build(size, features, outputs)`, where
            `size` holds the units of a trial's hidden layers and trials with treatments are left out. Also its
            name as "module:function".
        texts: Makes tokens of texts in x for a model that is cloned: a Keras `TextVectorization`, which is adapted
            to the training rows unless it has a vocabulary. Also its name as "module:name".
        minutes: Minutes that the whole study may take. It trains what it can decide in this time, and says what it
            left out. Default: no limit.
        jobs: Number of small trials that train at the same time. Default: one for each core.
        backend: "dask" or "ray" trains on the machines of a cluster.
        address: Address of the cluster, such as "tcp://host:8786".
        out: Folder in which results are saved. Repeat the call to resume. Default: nothing is saved.
    """

    seeds: Annotated[Seeds, describe("Repeat each trial with N seeds.")] = 1
    max_epochs: Annotated[Count | None, describe("Train no trial for more than N epochs.")] = None
    only: Annotated[str | None, describe('Only trials whose name matches, as in "sizes/*".', "PATTERN")] = None
    stop: Annotated[
        Stop | None, describe("When a trial ends: patience, or verdict: once it is certain (default: the plan's).")
    ] = None
    precision: Annotated[
        Precision | None,
        describe("Operands of large products: float32, bfloat16, or auto: by the CPU (default: the plan's)."),
    ] = None
    model: Annotated[
        Any,
        describe(
            "Your own Keras model, or a function that returns it: see the docs.",
            "MODULE:FUNCTION",
        ),
    ] = None
    texts: Annotated[
        Any, describe("The Keras TextVectorization that makes tokens of your texts: see the docs.", "MODULE:NAME")
    ] = None
    minutes: Annotated[
        Minutes | None, describe("Answer within N minutes, and say what was left out (default: no limit).")
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


class DataOptions(TypedDict, total=False):
    """The fields of `DataSpec` as keywords of `gengap.load` and `gengap.study`."""

    target: str | None
    rows: int | None
    train: int | None
    validation: Any
    test: int
    task: TaskName | None
    on_bad_row: OnBadRow
    group: str | None
    time: str | None
    keep: Sequence[str]
    weight: str | None
    class_weight: ClassWeight | None
    column: Mapping[str, ColumnKind] | None
    memory: float | None


class RunOptions(TypedDict, total=False):
    """The fields of `RunSpec` as keywords of `gengap.study`."""

    seeds: int
    max_epochs: int | None
    only: str | None
    stop: Stop | None
    precision: Precision | None
    model: str | Callable[..., Any] | None
    texts: Any
    minutes: float | None
    jobs: int | None
    backend: BackendName | None
    address: str | None
    out: str | os.PathLike[str] | None


class StudyOptions(DataOptions, RunOptions, total=False):
    """All options of `gengap.study` as keywords."""

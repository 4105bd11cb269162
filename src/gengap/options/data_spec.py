"""`DataSpec`: which rows and columns are used and how, as one checked value that TOML can hold.

This is the only list of the data options. `gengap.load` and `gengap.study` take the fields as keywords, the command
line makes an option of each field, and `gengap.data` passes the whole value on. A new option is one field here and
in `DataOptions`, its use, and its documentation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, TypedDict

import msgspec

from gengap.errors import UsageError
from gengap.options.choices import ClassWeight, ColumnKind, OnBadRow, TaskName
from gengap.options.spec import Count, CountOrZero, Gibibytes, Spec, describe


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
        group: Name of a column. Rows with the same value stay in one part of the split. It is not a feature.
        time: Name of a column of dates or numbers. The earliest rows train, later ones validate, the latest test.
            It is not a feature.
        keep: Names of columns to use although they look like identifiers.
        weight: Name of a column of numbers of 0 or more: the weight of each row in every loss and score. Only the
            ratios matter. It is not a feature.
        class_weight: "balanced" gives every class the same total weight in the training loss, see
            `gengap.data.sample_weights`.
        column: Kind of a column by name: "category", "number", "text" or "date", or "drop" to leave it out.
        memory: GiB of memory that the rows may take. Of a larger table the training rows are kept on disk.
            Default: a quarter of the machine's memory.
    """

    target: Annotated[str | None, describe("The label column (not needed for HIGGS files).", "COLUMN")] = None
    rows: Annotated[Count | None, describe("Use only the first N rows.")] = None
    train: Annotated[Count | None, describe("Number of training rows.")] = None
    validation: Annotated[Count | None, describe("Number of validation rows.")] = None
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


class DataOptions(TypedDict, total=False):
    """The fields of `DataSpec` as keywords of `gengap.load` and `gengap.study`."""

    target: str | None
    rows: int | None
    train: int | None
    validation: int | None
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

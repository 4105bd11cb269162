"""`DataSpec`: which rows and columns are used and how, as one checked value that TOML can hold.

This is the only list of the data options. `gengap.load` and `gengap.study` take the fields as keywords, the command
line makes an option of each field, and `gengap.data` passes the whole value on. A new option is one field here and
in `DataOptions`, its use, and its documentation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Literal, TypedDict, get_args, get_origin, get_type_hints

import msgspec
import numpy as np

from gengap.errors import UsageError, did_you_mean
from gengap.tasks import TaskName

OnBadRow = Literal["fail", "skip"]
ClassWeight = Literal["balanced"]
ColumnKind = Literal["category", "number", "text", "date", "drop"]
Preparation = Literal["raw", "standardise"]
COLUMN_KINDS: tuple[ColumnKind, ...] = get_args(ColumnKind)

Count = Annotated[int, msgspec.Meta(ge=1, extra={"expected": "a whole number of at least 1"})]
CountOrZero = Annotated[int, msgspec.Meta(ge=0, extra={"expected": "a whole number of at least 0"})]
Gibibytes = Annotated[float, msgspec.Meta(gt=0, extra={"expected": "a number of GiB above 0"})]


def _help(text: str) -> msgspec.Meta:
    return msgspec.Meta(description=text)


class DataSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
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

    target: Annotated[str | None, _help("The label column (not needed for HIGGS files).")] = None
    rows: Annotated[Count | None, _help("Use only the first N rows.")] = None
    train: Annotated[Count | None, _help("Number of training rows.")] = None
    validation: Annotated[Count | None, _help("Number of validation rows.")] = None
    test: Annotated[CountOrZero, _help("Number of test rows, which no trial sees.")] = 0
    task: Annotated[TaskName | None, _help("Kind of target (default: found from its values).")] = None
    on_bad_row: Annotated[OnBadRow, _help("What to do with a bad row: stop, or skip it and report it.")] = "fail"
    group: Annotated[str | None, _help("Split by this column: rows with the same value stay in one part.")] = None
    time: Annotated[
        str | None, _help("Split by this column: the earliest rows train, later ones validate and test.")
    ] = None
    keep: Annotated[
        tuple[str, ...], _help("A column to use although it looks like an identifier; may be repeated.")
    ] = ()
    weight: Annotated[str | None, _help("The column with the rows' weights, numbers of 0 or more.")] = None
    class_weight: Annotated[
        ClassWeight | None, _help("balanced: every class has the same total weight in the training loss.")
    ] = None
    column: Annotated[
        dict[str, ColumnKind],
        _help("Kind of a column: category, number, text or date, or drop to leave it out; may be repeated."),
    ] = msgspec.field(default_factory=dict)
    memory: Annotated[
        Gibibytes | None,
        _help("GiB of memory for the rows; a larger table stays on disk (default: a quarter of the memory)."),
    ] = None

    def __post_init__(self) -> None:
        """Check every field, so that a wrong option fails before anything is read."""
        for name, kind in _field_types().items():
            msgspec.structs.force_setattr(self, name, _convert(name, getattr(self, name), kind))
        if self.group is not None and self.time is not None:
            raise UsageError("group and time are both given; rows are split by one of them. Leave one out")

    @classmethod
    def of(cls, spec: DataSpec | None = None, **options: Any) -> DataSpec:
        """Return `spec` (default: all defaults) with the `options` that replace its fields."""
        return cls(**options) if spec is None else msgspec.structs.replace(spec, **options)

    @property
    def extra_columns(self) -> tuple[str, ...]:
        """The columns that are read but are no features: those of the split and the weights."""
        return tuple(dict.fromkeys(filter(None, (self.group, self.time, self.weight))))

    def to_toml(self) -> str:
        """Return the specification as TOML; `DataSpec.from_toml` reads it back equal."""
        import tomli_w

        return tomli_w.dumps(msgspec.to_builtins(self))

    @classmethod
    def from_toml(cls, text: str, origin: str = "the data options") -> DataSpec:
        """Read a specification from TOML text.

        Args:
            text: The TOML text.
            origin: The file's name in errors.

        Raises:
            UsageError: The text is no TOML, or a field is unknown or wrong; the message names it.
        """
        try:
            return msgspec.toml.decode(text, type=cls)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise UsageError(f"{origin}: {error}. Correct it and try again") from None


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


def parse_column_options(texts: Iterable[str]) -> dict[str, str]:
    """Return the kinds of columns that the command line names, such as "shop=category", by column.

    >>> parse_column_options(["shop=category", "a=b=drop"])
    {'shop': 'category', 'a=b': 'drop'}
    """
    found: dict[str, str] = {}
    for text in texts:
        name, _, kind = text.rpartition("=")
        if not name:
            kinds = ", ".join(COLUMN_KINDS)
            raise UsageError(f"--column {text}: expected NAME=KIND, as in shop=category, of {kinds}")
        if found.setdefault(name, kind) != kind:
            raise UsageError(f"--column says that {name!r} is both {found[name]} and {kind}. Leave one out")
    return found


@cache
def _field_types() -> dict[str, Any]:
    """The type of each field, with what is expected of it."""
    return get_type_hints(DataSpec, include_extras=True)


def _convert(name: str, value: Any, kind: Any) -> Any:
    """Return the field's value in its own type. Raises UsageError for a wrong one."""
    if name == "column":
        value = dict(value or {})
        for column, each in value.items():
            _check_choice(f"column {column!r}: there is no kind {each!r}", each, COLUMN_KINDS)
    elif (choices := _choices(kind)) and (value is not None or type(None) not in get_args(_bare(kind))):
        _check_choice(f"{name} is {value!r}", value, choices)
    value = value.item() if isinstance(value, np.generic) else value
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise UsageError(f"{name} is {value!r}, {_expected(kind) or error}") from None


def _check_choice(problem: str, value: object, choices: Sequence[str]) -> None:
    if value not in choices:
        *first, last = map(repr, choices)
        expected = f"{', '.join(first)} or {last}" if first else last
        raise UsageError(f"{problem}, expected {expected}.{did_you_mean(value, choices)}")


def _bare(kind: Any) -> Any:
    """The type without its description."""
    return kind.__origin__ if get_origin(kind) is Annotated else kind


def _choices(kind: Any) -> tuple[str, ...]:
    """The values that a field of literals may have; none for other fields."""
    bare = _bare(kind)
    for each in (bare, *get_args(bare)):
        if get_origin(each) is Literal:
            return get_args(each)
    return ()


def _expected(kind: Any) -> str:
    """What a field must be, as its type says; "" if that says nothing."""
    for each in (kind, *get_args(_bare(kind))):
        for meta in getattr(each, "__metadata__", ()):
            if meta.extra:
                return f"expected {meta.extra['expected']}"
    return ""

"""`Spec`: a specification of options, whose fields are checked and can be written as TOML.

Each field holds its option's type, limits, default and help text.
"""

from __future__ import annotations

import os
import types
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple, Self, Union, get_args, get_origin, get_type_hints

import msgspec

from gengap.errors import UsageError, did_you_mean

TaskName = Literal["binary", "multiclass", "regression"]
OnBadRow = Literal["fail", "skip"]
ClassWeight = Literal["balanced"]
ColumnKind = Literal["category", "number", "text", "date", "drop"]
Preparation = Literal["raw", "standardise"]
Stop = Literal["patience", "verdict"]
ProductPrecision = Literal["float32", "bfloat16"]
Precision = Literal["auto", "float32", "bfloat16"]  # "auto": the machine decides
BackendName = Literal["dask", "ray"]
VerdictName = Literal["underfit", "good", "near-overfit", "overfit", "inconclusive"]
RESTARTS = ("auto", "continue", "split")  # what to do where the epochs of a log start again

PLAIN: dict[Any, str] = {str: "text", int: "a whole number", float: "a number", bool: "True or False"}
LARGEST_COUNT, MOST_SEEDS = 10**12, 100_000
Count = Annotated[int, msgspec.Meta(ge=1, le=LARGEST_COUNT, extra={"expected": "a whole number of at least 1"})]
CountOrZero = Annotated[
    int, msgspec.Meta(ge=0, le=LARGEST_COUNT, extra={"expected": "a whole number of at least 0"})
]
Seeds = Annotated[int, msgspec.Meta(ge=1, le=MOST_SEEDS, extra={"expected": "a whole number of at least 1"})]
MINUTES_PER_YEAR = 525_600
Minutes = Annotated[
    float,
    msgspec.Meta(
        gt=0, le=MINUTES_PER_YEAR, extra={"expected": f"a number of minutes above 0, at most {MINUTES_PER_YEAR:,}"}
    ),
]
Gibibytes = Annotated[float, msgspec.Meta(gt=0, extra={"expected": "a number of GiB above 0"})]


def describe(help: str, metavar: str | None = None) -> msgspec.Meta:
    """Return metadata of an option: its help, and the name of its value in the help."""
    return msgspec.Meta(description=help, extra={"metavar": metavar})


class Field(NamedTuple):
    """One field of a specification, as its annotation says.

    Attributes:
        type: The annotation, with its metadata.
        kind: The type without None and without metadata, for example `int`.
        choices: The values that are allowed, if the type, or that of a dict's values, is a `Literal`.
        minimum: The smallest number that is allowed.
        maximum: The largest one.
        expected: What the value must be, for errors; "" if the type says it.
        help: The help of the option.
        metavar: What the help calls the value.
    """

    type: Any
    kind: Any
    choices: tuple[str, ...]
    minimum: float | None
    maximum: float | None
    expected: str
    help: str
    metavar: str | None


class Spec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A specification. Every field has a default. A wrong value raises UsageError, which names the field."""

    def __post_init__(self) -> None:
        """Check every field, so that a wrong option fails before anything is read."""
        for name, field in fields_of(type(self)).items():
            msgspec.structs.force_setattr(self, name, _convert(name, getattr(self, name), field))

    @classmethod
    def of(cls, spec: Self | None = None, **options: Any) -> Self:
        """Return `spec` (default: all defaults) with the `options` that replace its fields."""
        return cls(**options) if spec is None else msgspec.structs.replace(spec, **options)

    def changed(self) -> dict[str, Any]:
        """Return the fields that differ from their defaults, by name."""
        default = type(self)()
        values = msgspec.structs.asdict(self)
        return {name: value for name, value in values.items() if value != getattr(default, name)}

    def to_toml(self) -> str:
        """Return the specification as TOML; `from_toml` restores it."""
        import tomli_w

        return tomli_w.dumps(msgspec.to_builtins(self))

    @classmethod
    def from_toml(cls, text: str, origin: str = "the options") -> Self:
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


@cache
def fields_of(spec: type[Spec]) -> Mapping[str, Field]:
    """Return the fields of a specification by name."""
    return {name: _field(hint) for name, hint in get_type_hints(spec, include_extras=True).items()}


def one_of(choices: Sequence[str]) -> str:
    """Return names as in "'a', 'b' or 'c'"."""
    *first, last = map(repr, choices)
    return f"{', '.join(first)} or {last}" if first else last


def _field(hint: Any) -> Field:
    """Return the field of an annotation such as `Annotated[Count | None, describe("...")]`."""
    bare, metas = _without_metadata(hint)
    members = get_args(bare) if get_origin(bare) in (Union, types.UnionType) else (bare,)
    kind, more = _without_metadata(next(each for each in members if each is not type(None)))
    metas = (*metas, *more)
    extra = {name: value for meta in metas for name, value in (meta.extra or {}).items()}
    literal = get_args(kind)[1] if get_origin(kind) is dict else kind
    choices = get_args(literal) if get_origin(literal) is Literal else ()
    return Field(
        type=hint,
        kind=kind,
        choices=choices,
        minimum=next((meta.ge for meta in metas if meta.ge is not None), None),
        maximum=next((meta.le for meta in metas if meta.le is not None), None),
        expected=one_of(choices) if choices else extra.get("expected") or PLAIN.get(kind, ""),
        help=next(meta.description for meta in metas if meta.description),
        metavar=extra["metavar"],
    )


def _without_metadata(hint: Any) -> tuple[Any, tuple[msgspec.Meta, ...]]:
    return (hint.__origin__, hint.__metadata__) if get_origin(hint) is Annotated else (hint, ())


def _convert(name: str, value: Any, field: Field) -> Any:
    """Return the field's value in its own type. Raises UsageError for a wrong one."""
    if field.kind is Any:
        return value
    value = dict(value or {}) if get_origin(field.kind) is dict else _plain(value)
    try:
        return msgspec.convert(value, field.type)
    except msgspec.ValidationError as error:
        problem, found = f"{name} is", value
        for key, kind in value.items() if isinstance(value, dict) else ():
            if kind not in field.choices:
                problem, found = f"{name} {key!r}: there is no kind", kind
        if field.kind is int and isinstance(value, int) and field.maximum is not None and value > field.maximum:
            raise UsageError(f"{problem} {value}, expected at most {field.maximum:,}") from None
        fix = f"expected {field.expected}.{did_you_mean(found, field.choices)}" if field.expected else error
        raise UsageError(f"{problem} {found!r}, {fix}") from None


def _plain(value: Any) -> Any:
    """Return a path as text and a scalar of NumPy as a number."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value.item() if hasattr(value, "item") and value.shape == () else value

"""The options of a command, made from the fields of specifications.

@app.command()
@with_options_of(DataSpec, RunSpec)
def study(source: str, **options: Any) -> None:
    data = spec_of(DataSpec, options)
"""

from __future__ import annotations

import inspect
import io
import math
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, TextIO, TypeVar, get_origin

import typer
from typer.core import TyperArgument, TyperCommand

from gengap.errors import UsageError, did_you_mean
from gengap.options.spec import Field, Spec, fields_of, one_of

Command = TypeVar("Command", bound=Callable[..., Any])
AnySpec = TypeVar("AnySpec", bound=Spec)


def with_options_of(*specs: type[Spec], only: Iterable[str] = ()) -> Callable[[Command], Command]:
    """Return a decorator that makes one option of each field, in place of a command's `**options`.

    Args:
        *specs: The specifications.
        only: Names of the fields to use. Default: all.
    """
    chosen = frozenset(only)

    def decorate(command: Command) -> Command:
        signature = inspect.signature(command, eval_str=True)
        arguments = [each for each in signature.parameters.values() if each.kind is not each.VAR_KEYWORD]
        fields = [(spec, name) for spec in specs for name in fields_of(spec) if name in chosen or not chosen]
        at = sum(each.kind is not each.KEYWORD_ONLY for each in arguments)
        parameters = [*arguments[:at], *(_parameter(spec, name) for spec, name in fields), *arguments[at:]]
        command.__signature__ = signature.replace(parameters=parameters)  # pyright: ignore[reportFunctionMemberAccess]
        return command

    return decorate


def spec_of(spec: type[AnySpec], options: Mapping[str, Any], **others: Any) -> AnySpec:
    """Return the specification that the options of a command line say; an option that was not given is None.

    Raises:
        UsageError: An option has a wrong value, or two options contradict each other.
    """
    values = {
        name: _by_name(name, options[name], field) if get_origin(field.kind) is dict else options[name]
        for name, field in fields_of(spec).items()
        if options.get(name) is not None
    }
    return spec(**values | others)


def choice_option(choices: Sequence[str], help: str) -> Any:
    """Return an option that takes one of a few values, and suggests one for a misspelt value."""

    def check(value: str) -> str:
        if value not in choices:
            raise typer.BadParameter(f"{value!r}, expected {one_of(choices)}.{did_you_mean(value, choices)}")
        return value

    metavar = f"[{'|'.join(choices)}]"
    return typer.Option(parser=check, metavar=metavar, autocompletion=lambda: [*choices], help=help)


def number_option(
    help: str,
    metavar: str = "N",
    *,
    whole: bool = True,
    minimum: float = -math.inf,
    maximum: float = math.inf,
    percent: bool = False,
) -> Any:
    """Return an option that takes a number, with errors in plain words.

    With `percent` the error for a percentage says how to write it as a number.
    """

    def check(value: str) -> float:
        kind = "whole number" if whole else "number"
        try:
            number = int(value) if whole else float(value)
        except ValueError:
            share = re.fullmatch(r"(\d+(?:\.\d+)?) ?%", str(value)) if percent else None
            hint = f"; write {float(share[1]) / 100:g}" if share else ""
            raise typer.BadParameter(f"{value!r} is not a {kind}{hint}") from None
        if not minimum <= number <= maximum:
            limits = f" of at least {minimum:g}" if maximum == math.inf else f" of {minimum:g} to {maximum:g}"
            raise typer.BadParameter(f"{value} is not a {kind}{limits if minimum > -math.inf else ''}")
        return number

    return typer.Option(parser=check, metavar=metavar, help=help)


MinEffect = Annotated[
    float, number_option("The smallest change of the loss that matters; 0.01 is 1%.", whole=False, percent=True)
]


class PlainCommand(TyperCommand):
    """A command whose help names its arguments as people write them, without Python types and braces."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for each in self.params:
            if isinstance(each, TyperArgument):
                each.display_type_rich = lambda ctx: None  # pyright: ignore[reportAttributeAccessIssue]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments. For an unknown option the error suggests one only if its name is near."""
        if "" in args:
            raise typer.BadParameter("a word is empty, as of a shell variable that is not set", ctx)
        try:
            return super().parse_args(ctx, args)
        except Exception as error:  # Typer has no public names for these errors
            if getattr(error, "ctx", ctx) is None:
                error.ctx = ctx  # pyright: ignore[reportAttributeAccessIssue]
            if isinstance(option := getattr(error, "option_name", None), str) and hasattr(error, "possibilities"):
                names = [name.lstrip("-") for each in self.params for name in each.opts if name.startswith("--")]
                hint = did_you_mean(option.lstrip("-"), names).replace("'", "'--", 1)
                error.message, error.possibilities = f"{error.message}.{hint}", None  # pyright: ignore[reportAttributeAccessIssue]
            raise

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the words after the name of the command in its usage."""
        return [re.sub(r"[{}]", "", piece) for piece in super().collect_usage_pieces(ctx)]


def _parameter(spec: type[Spec], name: str) -> inspect.Parameter:
    """Return the field as a parameter of a command."""
    field, default = fields_of(spec)[name], getattr(spec(), name)
    several = get_origin(field.kind) in (tuple, dict)
    kind = list[str] if several else str if field.choices or field.kind is Any else field.kind
    if field.choices and not several:
        option = choice_option(field.choices, field.help)
    elif field.kind in (int, float):
        minimum = -math.inf if field.minimum is None else field.minimum
        option = number_option(field.help, field.metavar or "N", whole=field.kind is int, minimum=minimum)
    else:
        option = typer.Option(help=field.help, metavar=field.metavar)
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None if several else default,
        annotation=Annotated[kind | None if several or default is None else kind, option],
    )


def _by_name(name: str, texts: Iterable[str], field: Field) -> dict[str, str]:
    """Return the values of an option such as `--column shop=category` by their names."""
    found: dict[str, str] = {}
    for text in texts:
        key, _, value = text.rpartition("=")
        if not key:
            raise UsageError(f"--{name} {text}: expected {field.metavar}, as in shop=category")
        if found.setdefault(key, value) != value:
            raise UsageError(f"--{name} says that {key!r} is both {found[key]} and {value}. Leave one out")
    return found


def replace_characters(*streams: TextIO) -> None:
    """Let text streams write "?" for characters that their encoding lacks, such as those of a sparkline."""
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def print_json(document: bytes) -> None:
    """Write a JSON document to standard output, in UTF-8 whatever encoding the terminal has."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    sys.stdout.write(document.decode())

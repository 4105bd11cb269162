"""The options of a command, made from the fields of specifications.

@app.command()
@with_options_of(DataSpec, RunSpec)
def study(source: str, **options: Any) -> None:
    data = spec_of(DataSpec, options)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, TypeVar, get_origin

import typer

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


def _parameter(spec: type[Spec], name: str) -> inspect.Parameter:
    """Return the field as a parameter of a command."""
    field, default = fields_of(spec)[name], getattr(spec(), name)
    several = get_origin(field.kind) in (tuple, dict)
    kind = list[str] if several else str if field.choices or field.kind is Any else field.kind
    if field.choices and not several:
        option = choice_option(field.choices, field.help)
    else:
        option = typer.Option(
            help=field.help, metavar=field.metavar or ("N" if field.kind is int else None), min=field.least
        )
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

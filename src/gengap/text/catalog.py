"""The message catalogue: one Fluent file for each language, `languages/<code>.ftl`. English is one of them.

Code passes values. The text is made where it is shown:

    >>> message = Message("page-seeds-agree", {"count": 2, "all": 3})
    >>> catalog("en").render(message), catalog("ko").render(message)
    ('2 of 3 seeds', '시드 3개 가운데 2개')

Parameters are numbers, texts, messages, tuples of these, or None. Whole numbers show commas between thousands and
choose plurals. The files format other numbers with these functions (see `gengap.text.numbers`):

    { FIXED($loss, digits: 4) }             0.5312       (also signed: 1, scale: 100)
    { SIGNIFICANT($limit, digits: 3) }      0.01
    { PERCENT($share, digits: 1) }          3.1%         of a share of 1
    { ESTIMATE($rise, digits: 1, unit: "%") }  3.1% [1.2, 5.0]   of (low, middle, high)
    { BOUNDS($interval, digits: 4) }        [0.5200, 0.5430]
    { PROBABILITY($p) }                     0.97, above 0.99, below 0.01
    { P_VALUE($p) }                         0.03, <0.01

A tuple of texts or whole numbers is written with commas. None selects the variant [none]. A text parameter is never
changed or escaped: escaping HTML is the work of whoever writes HTML.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Any

import msgspec

from gengap.errors import TextError, UsageError
from gengap.text import numbers

if TYPE_CHECKING:
    from fluent.runtime import FluentBundle

ENGLISH = "en"
DEFAULTS: dict[str, Any] = {"axis": "epoch"}  # what positions of curves count, unless a message names it
SHORT = 200  # characters of each text in a message that is too long for Fluent
HINT = "The file that names it is damaged, or another version of gengap wrote it"
NONE = "none"  # the variant that None selects


class Message(msgspec.Struct, frozen=True):
    """A text that is not yet written in a language: its id in the catalogue and the values that it uses."""

    code: str
    parameters: dict[str, Any] = {}

    def __str__(self) -> str:
        """Write the message in English."""
        return catalog(ENGLISH).render(self)


class Catalog:
    """The texts of one language, such as "ko"."""

    def __init__(self, code: str, bundle: FluentBundle) -> None:
        self.code = code
        self._bundle = bundle

    def __contains__(self, id: str) -> bool:
        return self._bundle.has_message(id)

    def render(self, message: Message) -> str:
        """Write a message in this language."""
        return self.text(message.code, **message.parameters)

    def text(self, id: str, /, **parameters: Any) -> str:
        """Write the text of an id as plain text. Raises TextError without the id or a parameter that it needs."""
        if id not in self:
            raise TextError(f"no text {id!r} in the language {self.code!r}. {HINT}")
        text, faults = self._format(id, parameters)
        if any(isinstance(fault, ValueError) for fault in faults):
            text, faults = self._format(id, parameters, SHORT)
        if faults:
            raise TextError(f"text {id!r} in the language {self.code!r}: {faults[0]}. {HINT}")
        return text

    def _format(
        self, id: str, parameters: dict[str, Any], longest: int | None = None
    ) -> tuple[str, list[Exception]]:
        pattern = self._bundle.get_message(id).value
        assert pattern is not None
        held = {name: self._external(value, longest) for name, value in (DEFAULTS | parameters).items()}
        text, faults = self._bundle.format_pattern(pattern, held)
        return str(text), faults

    def _external(
        self, value: bool | int | float | str | Message | Sequence[Any] | None, longest: int | None
    ) -> Any:
        """Return a parameter as Fluent takes it."""
        fluent_text, fluent_numbers = _fluent_types()
        match value:
            case bool():
                return fluent_text(str(value).lower())
            case int() | float():
                return value
            case None:
                return fluent_text(NONE)
            case tuple() | list() if all(each is None or isinstance(each, (int, float)) for each in value):
                return fluent_numbers(value)
            case _:
                return fluent_text(self.parameter_text(value)[:longest])

    def parameter_text(self, value: int | float | str | Message | Sequence[Any]) -> str:
        """Write a parameter in this language: several values with commas between them."""
        match value:
            case Message():
                return self.render(value)
            case int() | float():
                return f"{value:,}"
            case str():
                return value
            case _:
                return ", ".join(map(self.parameter_text, value))


@cache
def catalog(code: str) -> Catalog:
    """Return the texts of a language. Raises UsageError if it is not one of `languages()`."""
    from fluent.runtime import FluentBundle, FluentResource
    from fluent.syntax.ast import Junk

    if code not in languages():
        raise UsageError(f"unknown language {code!r}; expected {' or '.join(languages())}")
    resource = FluentResource(_folder().joinpath(f"{code}.ftl").read_text(encoding="utf-8"))
    for entry in resource.body:
        if isinstance(entry, Junk):
            raise ValueError(f"{code}.ftl can't be read here: {entry.content}")
    functions: dict[str, Callable[..., str]] = {
        "FIXED": _of_number(numbers.fixed),
        "SIGNIFICANT": _of_number(numbers.significant),
        "PERCENT": _of_number(numbers.percent),
        "P_VALUE": _of_number(numbers.p_value),
        "PROBABILITY": _of_number(lambda p: _probability(code, p)),
        "BOUNDS": _of_interval(numbers.bounds),
        "ESTIMATE": _of_interval(numbers.estimate),
    }
    bundle = FluentBundle([code], functions=functions, use_isolating=False)  # pyright: ignore[reportArgumentType]
    bundle.add_resource(resource)
    return Catalog(code, bundle)


def languages() -> tuple[str, ...]:
    """Return the codes of all languages, English first."""
    codes = {file.name.removesuffix(".ftl") for file in _folder().iterdir() if file.name.endswith(".ftl")}
    return ENGLISH, *sorted(codes - {ENGLISH})


def default_language() -> str:
    """Return the code of the locale's language, or English if there is no catalogue for it."""
    named = (os.environ.get(variable) for variable in ("LC_ALL", "LC_MESSAGES", "LANG"))
    code = re.split("[_.@-]", next(filter(None, named), ""))[0].lower()
    return code if code in languages() else ENGLISH


def _folder() -> Traversable:
    return files("gengap.text").joinpath("languages")


@cache
def _fluent_types() -> tuple[type, type]:
    """Return the types of texts and of several numbers; made here because Fluent is imported late."""
    from fluent.runtime.types import FluentType

    class LongText(str, FluentType):
        """A text of any length; a plain str may have 2,500 characters only."""

        def format(self, locale: object) -> LongText:  # pyright: ignore[reportIncompatibleMethodOverride]
            return self

    class Numbers(tuple[float | None, ...], FluentType):
        """Several numbers, of which some may be missing: for BOUNDS and ESTIMATE, or written with commas."""

        def format(self, locale: object) -> str:  # pyright: ignore[reportIncompatibleMethodOverride]
            return ", ".join(NONE if each is None else f"{each:,}" for each in self)

    return LongText, Numbers


def _of_number(write: Callable[..., str]) -> Callable[..., str]:
    """Return a function of Fluent that writes a number; any other value is missing."""

    def written(value: Any, scale: float = 1, **options: Any) -> str:
        return write(float(value) * float(scale) if isinstance(value, (int, float)) else None, **options)

    return written


def _of_interval(write: Callable[..., str]) -> Callable[..., str]:
    """Return a function of Fluent that writes an interval, unless it is missing."""

    def written(values: Any, **options: Any) -> str:
        return numbers.MISSING if isinstance(values, str) else write(values, **options)

    return written


def _probability(code: str, p: float | None) -> str:
    """Format a probability, in words of the language if it is close to 0 or 1."""
    if p is None or numbers.LEAST_PROBABILITY <= p <= 1 - numbers.LEAST_PROBABILITY:
        return numbers.fixed(p, 2)
    return catalog(code).text("number-above" if p > 0.5 else "number-below")

"""msgspec's messages on a plan's TOML, in plain words and with a suggestion."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from gengap.errors import did_you_mean


def explain(message: str, text: str) -> str:
    """Return msgspec's message on a plan's TOML in plain words."""
    place = re.search(r" - at `\$\.?(.*)`", message)
    where = f" in {place[1]}" if place else ""
    if unknown := re.search("unknown field `([^`]*)`", message):
        return f"there is no field {unknown[1]!r}{where}"
    if not place or not message.startswith("Expected `int`, got"):
        return message
    value = msgspec.toml.decode(text)
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", re.sub(r"\[(\d+)\]", r".[\1]", place[1])):
        value = value[int(index)] if index else value[name]
    return f"{place[1]}: {value!r} is not a whole number"


def suggest(message: str, kind: type[msgspec.Struct]) -> str:
    """Return a known name close to the one that msgspec's message quotes, as in "unknown field `unit`"."""
    quoted = re.search(r"unknown field `([^`]*)`|[Ii]nvalid (?:enum )?value '([^']*)'", message)
    return did_you_mean(quoted[1] or quoted[2], _known_names(msgspec.inspect.type_info(kind))) if quoted else ""


def _known_names(kind: Any) -> Iterator[str]:
    """Yield the names of all fields, kinds and choices within a type of msgspec's."""
    if isinstance(kind, msgspec.inspect.StructType):
        yield from (kind.tag,) if isinstance(kind.tag, str) else ()
        for field in kind.fields:
            yield field.encode_name
            yield from _known_names(field.type)
    elif isinstance(kind, msgspec.inspect.LiteralType):
        yield from map(str, kind.values)
    for inner in (*getattr(kind, "types", ()), *filter(None, [getattr(kind, "item_type", None)])):
        yield from _known_names(inner)

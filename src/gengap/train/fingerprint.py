"""Fingerprints: what decides a trial's result, as JSON, so that a folder can tell what has changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

TRAINING = 8  # raise it with every change that makes the same trial train differently
UNKNOWN = "another plan, other data or another version of the trainer"  # for a fingerprint in another format


def fingerprint(parts: Mapping[str, object]) -> str:
    """Return the parts as JSON. `rows` is a digest, the others are as in a plan. Defaults are left out.

    >>> fingerprint({"units": (16,), "rows": "0f"})
    '{"rows":"0f","trainer":8,"units":[16]}'
    """
    return msgspec.json.encode({"trainer": TRAINING, **parts}, order="deterministic").decode()


def difference(then: str, now: str, by: str | None = None) -> str:
    """Describe what differs between a trial `then` (`by` a version of gengap) and `now`.

    >>> old, new = ({"recipe": {"batch": 50}, "rows": rows} for rows in ("0f", "1f"))
    >>> difference(fingerprint(old), fingerprint(new))
    'other rows or columns'
    >>> difference(fingerprint(old | {"units": [4]}), fingerprint({"recipe": {"patience": 5}, "rows": "0f"}))
    'batch 50 (now the default), units 4 (now none), patience the default (now 5)'
    >>> difference("0123456789abcdef", fingerprint(new))
    'another plan, other data or another version of the trainer'
    """
    try:
        before, after = (dict(_flat(msgspec.json.decode(each, type=dict[str, Any]))) for each in (then, now))
    except msgspec.DecodeError:
        return UNKNOWN
    names = [name for name in before | after if before.get(name) != after.get(name)]
    return ", ".join(_said(name, before.get(name), after.get(name), by) for name in names)


def _flat(parts: Mapping[str, Any], inside: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in parts.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{inside}{name}.")
        else:
            yield f"{inside}{name}", value


def _said(name: str, then: Any, now: Any, by: str | None) -> str:
    if name == "rows":
        return "other rows or columns"
    if name == "model":
        return "another model"
    short, nothing = name.removeprefix("recipe."), "the default" if name.startswith("recipe.") else "none"
    before, after = (nothing if v is None else _text(v) for v in (then, now))
    maker = f" of gengap {by}" if name == "trainer" and by else ""
    return f"{short} {before}{maker} (now {after})"


def _text(value: Any) -> str:
    return ", ".join(map(_text, value)) or "none" if isinstance(value, list) else str(value)

"""Printed Python values between lines of text: a history's dict of lists, or lists by name.

{'loss': [0.9, 0.5], 'val_loss': [1.0, 0.7]}         print(history.history), on one line or on several
train_losses = [0.9, tensor(0.5)]                    lists, each by its name; also as `vectors` has them

`ast.literal_eval` reads them and runs no code. `tensor(...)`, `np.float64(...)` and `array(...)` are read as their
values, `nan` and `inf` as numbers.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from gengap.diagnose.metric_names import parse, split_and_metric
from gengap.diagnose.readers.documents import items, read_nested
from gengap.diagnose.readers.vectors import vectors_as_lists
from gengap.diagnose.run_curves import Log
from gengap.errors import DataError

MAX_CHARACTERS = 16 << 20  # characters of one printed dict; Python's parser takes a hundred times that in memory
MAX_DICTS = 100  # dicts of one text
START = re.compile(r"\{\s*['\"][^'\"\n]{1,100}['\"]\s*:\s*(?:\[|\{|array\(|np\.array\()")
_CELL = r"\s*(?:[\w.]*\()*[-+]?(?:[\d.][\d.eE+-]*|nan|inf)[^,\[\]\n]{0,60},"
LIST = re.compile(
    rf"([A-Za-z_][\w /.-]{{0,60}}?)['\"]?\]?\s*[:=]\s*(?:[\w.]+\()?\[((?:{_CELL}){{2,}}[^\[\]]{{0,80}})\]"
)
WRAPPED = re.compile(r"\b(?:tensor|array|np\.array|np\.\w+\d*|numpy\.\w+|float|jnp\.\w+|Array)\(")
DETAIL = re.compile(r",\s*(?:dtype|device|grad_fn|requires_grad|weak_type)\s*=\s*[^,)\]}]*")
WORDS = re.compile(r"(?<![\w'\"])(nan|inf|NaN|Infinity)(?![\w'\"])")


def has_literals(head: str) -> bool:
    """Return whether text may hold printed dicts of lists, or lists by name."""
    return START.search(head) is not None or LIST.search(vectors_as_lists(head)) is not None


def read_literals(text: str, file: str) -> list[Log]:
    """Return the runs in printed dicts and lists. Raises DataError if they hold no curve."""
    if len(text) > MAX_CHARACTERS:
        raise DataError(f"{file}: has more than {MAX_CHARACTERS:,} characters; printed dicts are read up to that.")
    found = list(filter(_has_curve, _dicts(text)))
    if not found and (lists := _lists(text)):
        found = [lists]
    if not found:
        raise DataError(f"{file}: there is no printed dict of lists in it.")
    if len(found) == 1:
        return read_nested(found[0], file)
    return [log for i, value in enumerate(found, 1) for log in read_nested(value, file, str(i))]


def _has_curve(value: Any) -> bool:
    if not isinstance(value, Mapping):
        return False
    inner = [(str(name), each) for name, each in value.items()]
    return any(
        _has_curve(each) or ((listed := items(each)) is not None and len(listed) > 1 and parse(name) is not None)
        for name, each in inner
    )


def _dicts(text: str) -> Iterator[Any]:
    at = count = 0
    while count < MAX_DICTS and (found := START.search(text, at)):
        end = _closing(text, found.start())
        if end is None:
            return
        value = _value(text[found.start() : end])
        at, count = end, count + 1
        if value is not None:
            yield value


def _closing(text: str, start: int) -> int | None:
    """Return the position after the bracket that closes the one at `start`; None if there is none."""
    depth, quote = 0, ""
    for found in re.compile(r"[{}\[\]'\"]").finditer(text, start, start + MAX_CHARACTERS):
        c = found[0]
        if quote:
            quote = "" if c == quote else quote
        elif c in "'\"":
            quote = c
        else:
            depth += 1 if c in "{[" else -1
            if depth == 0:
                return found.end()
    return None


def _value(text: str) -> Any:
    """Return the value that a text prints; None if it is no Python literal."""
    plain = _unwrapped(text)
    try:
        return ast.literal_eval(WORDS.sub(_number, plain))
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return None


def _unwrapped(text: str) -> str:
    """Replace calls by their values: `tensor(0.5, device='cuda:0')` becomes `(0.5)`."""
    return DETAIL.sub("", WRAPPED.sub("(", text)) if "(" in text else text


def _number(found: re.Match[str]) -> str:
    return "'nan'" if found[0].lower() == "nan" else "1e999"


def _lists(text: str) -> dict[str, list[float]]:
    """Return lists of numbers by name. Leave out a name with lists that differ: each is of one epoch."""
    found: dict[str, list[float]] = {}
    lists: defaultdict[str, set[str]] = defaultdict(set)
    text = vectors_as_lists(text)
    for each in LIST.finditer(text) if "[" in text else ():
        name = each[1].strip()
        values = [_cell(cell) for cell in _unwrapped(each[2]).split(",")]
        lists[name].add("".join(each[2].split()))
        if split_and_metric(name) is not None and len(values) > 2:
            found[name] = values
    return {name: values for name, values in found.items() if len(lists[name]) == 1}


def _cell(cell: str) -> float:
    try:
        return float(cell.strip(" ()\n"))
    except ValueError:
        return float("nan")

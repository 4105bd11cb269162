"""Import the estimator that a command line names, and parse its parameters."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Sequence
from typing import Any

from gengap.errors import UsageError, did_you_mean, reason
from gengap.options.named_objects import import_named

EXAMPLE = "module:name, as in sklearn.ensemble:RandomForestClassifier, or my_models:build for build in my_models.py"


def import_estimator(name: str, settings: Sequence[str]) -> Any:
    """Return the estimator that "module:name" leads to: an instance, a class, or a function that returns one.

    Args:
        name: The module and the name in it.
        settings: Parameters as "name=value"; values are Python literals, or text.

    Raises:
        UsageError: If there is no such estimator or parameter.
    """
    named = found = import_named(name, "estimator", EXAMPLE)
    if inspect.isclass(named) or (callable(named) and not hasattr(named, "get_params")):
        try:
            found: Any = named()
        except Exception as fault:
            raise UsageError(f"estimator {name}: calling it without arguments raised {reason(fault)!r}") from fault
    if not (hasattr(found, "fit") and hasattr(found, "get_params")):
        raise UsageError(f"estimator {name}: it is of the type {type(found).__name__}, no scikit-learn estimator")
    values = dict(map(_setting, settings))
    known = found.get_params()
    for parameter in values:
        if parameter not in known:
            hint = did_you_mean(parameter, known)
            raise UsageError(f"--set {parameter}: {type(found).__name__} has no such parameter.{hint}")
    return found.set_params(**values) if values else found


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise UsageError(f"--set {text}: expected NAME=VALUE, as in max_depth=5")
    return name, literal(value)


def literal(text: str) -> Any:
    """Return the Python literal in a text, or else the text.

    >>> literal("5"), literal("None"), literal("(64, 64)"), literal("sqrt")
    (5, None, (64, 64), 'sqrt')
    """
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def parse_complexity(text: str | None) -> str | tuple[str, list[Any]] | None:
    """Parse the value of `--complexity`: a parameter, or a parameter with its values.

    >>> parse_complexity("max_depth"), parse_complexity("alpha=10,1,0.1")
    ('max_depth', ('alpha', [10, 1, 0.1]))
    """
    if text is None or "=" not in text:
        return text
    name, _, values = text.partition("=")
    return name, [literal(each) for each in values.split(",")]

"""Interpret the argument `model`: a model to clone, or a function that builds models of any size."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gengap.errors import UsageError
from gengap.models import backend
from gengap.models.user_model import ModelFunction, seeded
from gengap.options.named_objects import import_named


@dataclass(frozen=True, eq=False)
class ModelSource:
    """A user's model to clone.

    Attributes:
        name: Its name, as module:name if it has one.
        make: A function without arguments that returns the model; None if the model itself is given.
        given: The model; None if `make` returns it.
        importable: Whether importing `name` gives the model or function.
    """

    name: str
    make: Callable[[], Any] | None
    given: Any = None
    importable: bool = False

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the source by its name if it has one: another machine imports it."""
        if self.importable:
            return find_model, (self.name,)
        return ModelSource, (self.name, self.make, self.given, self.importable)

    def model(self, seed: int) -> Any:
        """Return the model; if a function makes it, the seed decides its first weights."""
        if self.make is None:
            return self.given
        with seeded(seed):
            made = self.make()
        if not isinstance(made, backend.keras.Model):
            raise UsageError(f"model {self.name}: it returned {type(made).__name__}; expected a keras.Model")
        return made


def find_model(model: Any) -> ModelFunction | ModelSource:
    """Return the model to clone, or the function that builds models of any size.

    Args:
        model: A Keras model, a function without arguments that returns one, a function
            `build(size, features, outputs)`, or "module:name" of any of these.

    Raises:
        UsageError: It is neither.
    """
    found = import_named(model, "model") if isinstance(model, str) else model
    name = model if isinstance(model, str) else ModelFunction.name_of(found)
    if isinstance(found, type) and (found.__module__.startswith("keras.") or not _takes(found, (), 1, 1)):
        raise UsageError(f"model {name}: it is a class; give an instance, or a function that returns a keras.Model")
    if hasattr(found, "count_params") and not isinstance(found, type):
        return ModelSource(model if isinstance(model, str) else found.name, None, found, isinstance(model, str))
    if callable(found) and _takes_nothing(found):
        importable = isinstance(model, str) or ModelFunction.is_importable(found)
        return ModelSource(name, found, importable=importable)
    return ModelFunction.of(model)


def _takes_nothing(function: Callable[..., Any]) -> bool:
    if isinstance(function, type) or not _takes(function):
        return False
    return next(iter(inspect.signature(function).parameters), "") != "size"


def _takes(function: Callable[..., Any], *arguments: Any) -> bool:
    """Return whether a function can be called with these arguments; one written in C does not say it."""
    try:
        inspect.signature(function).bind(*arguments)
    except (TypeError, ValueError):
        return False
    return True

"""The user's own function that builds models: found by its name and called, with errors that name it."""

from __future__ import annotations

import importlib
import inspect
import random
import sys
import sysconfig
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gengap.errors import UsageError, reason

if TYPE_CHECKING:
    import keras

EXPECTED = "expected build(size, features, outputs), which returns a keras.Model"
NOT_THEIRS = ("<frozen", str(Path(__file__).parents[1]), *sysconfig.get_paths().values())
BUILD_LOCK = threading.Lock()  # the seed is the whole process's: only one thread may draw first weights


@dataclass(frozen=True)
class ModelFunction:
    """A function of the user's. `name` is its module:function; it is `importable` if that name leads to it."""

    name: str
    function: Callable[..., Any]
    importable: bool = True

    @classmethod
    def of(cls, model: str | Callable[..., Any]) -> ModelFunction:
        """Return the function, or import it from "module:function". Raises UsageError if there is none."""
        found = _named(model) if isinstance(model, str) else model
        module, own = getattr(found, "__module__", ""), getattr(found, "__qualname__", type(found).__name__)
        name = model if isinstance(model, str) else f"{module}:{own}"
        if not callable(found) or (hasattr(found, "count_params") and not isinstance(found, type)):
            raise UsageError(f"model {name}: it is {_kind(found)}; {EXPECTED}, for each size anew")
        try:
            inspect.signature(found).bind((), 1, 1)
        except TypeError:
            raise UsageError(f"model {name}: it takes {inspect.signature(found)}; {EXPECTED}") from None
        except ValueError:  # a function written in C has no signature
            pass
        importable = module != "__main__" and getattr(sys.modules.get(module), own, None) is found
        return cls(name, found, isinstance(model, str) or importable)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the function by its name if it has one: another machine imports it, or raises the same errors."""
        given = (self.name, self.function, self.importable)
        return (ModelFunction.of, (self.name,)) if self.importable else (ModelFunction, given)

    def __call__(self, size: tuple[int, ...], features: int, outputs: int, seed: int) -> keras.Model:
        """Build the model of a size. The same `seed` gives the same first weights. Raises UsageError."""
        from gengap.models.backend import keras

        try:
            with BUILD_LOCK, _seeded(seed):
                model = self.function(size, features, outputs)
                if isinstance(model, keras.Model) and not model.built:  # its weights must be of this seed too
                    model(np.zeros((1, features), np.float32))
        except Exception as fault:
            asked = f"size={size}, features={features}, outputs={outputs}"
            raise UsageError(f"model {self.name}: for {asked} it raised {_told(fault)}") from fault
        if not isinstance(model, keras.Model):
            raise UsageError(f"model {self.name}: it returned {_kind(model)}; {EXPECTED}")
        return model


def _named(name: str) -> Any:
    module, _, function = name.partition(":")
    if not (module and all(map(str.isidentifier, (*module.split("."), *function.split("."))))):
        raise UsageError(f"model {name!r}: expected module:function, as my_models:build for build in my_models.py")
    try:
        with _current_folder_first():
            found = importlib.import_module(module)
    except (Exception, SystemExit) as fault:
        if isinstance(fault, ModuleNotFoundError) and f"{module}.".startswith(f"{fault.name}."):
            places = f"neither in {Path.cwd()} nor in Python's path"
            raise UsageError(f"model {name}: there is no module {fault.name!r}, {places}") from None
        raise UsageError(f"model {name}: importing {module} raised {_told(fault)}") from fault
    try:
        return attrgetter(function)(found)
    except AttributeError:
        own = [each for each, value in vars(found).items() if inspect.isfunction(value) and each[0] != "_"]
        has = f"it has {', '.join(own)}" if own else "it has no functions"
        raise UsageError(f"model {name}: {module} has no {function!r}; {has}") from None


@contextmanager
def _current_folder_first() -> Iterator[None]:
    """Import modules from the current folder too: a command's own path doesn't contain it."""
    here = str(Path.cwd())
    importlib.invalidate_caches()
    sys.path.insert(0, here)
    try:
        yield
    finally:
        with suppress(ValueError):
            sys.path.remove(here)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Draw Keras' first weights by the seed, and leave Python's and NumPy's own generators as they were."""
    from gengap.models.backend import keras

    before, arrays = random.getstate(), np.random.get_state()
    keras.utils.set_random_seed(seed)
    try:
        yield
    finally:
        random.setstate(before)
        np.random.set_state(arrays)


def _told(fault: BaseException) -> str:
    """Describe an error and the line of the user's code that raised it."""
    said = f"{type(fault).__name__}: {reason(fault)}"
    frames = traceback.extract_tb(fault.__traceback__)
    theirs = [frame for frame in frames if not frame.filename.startswith(NOT_THEIRS)]
    if isinstance(fault, SyntaxError) or not theirs:  # a SyntaxError names its line itself
        return said
    return f"{said} ({theirs[-1].filename}, line {theirs[-1].lineno})"


def _kind(value: object) -> str:
    return "nothing" if value is None else f"of type {type(value).__name__}"

"""Import what an option names as module:name. Nothing is unpickled."""

from __future__ import annotations

import importlib
import inspect
import sys
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from operator import attrgetter
from pathlib import Path
from typing import Any

from gengap.errors import UsageError, did_you_mean, first_few, reason

NOT_THEIRS = ("<frozen", str(Path(__file__).parents[1]), *sysconfig.get_paths().values())
SHOWN = 6  # names of functions and classes in an error
EXAMPLE = "module:function, as my_models:build for build in my_models.py"


def import_named(name: str, option: str, example: str = EXAMPLE) -> Any:
    """Import "module:name", the value of an option. Modules in the current folder are found too.

    Raises UsageError, which shows the `example` if `name` has another form.
    """
    module, _, attribute = name.partition(":")
    if not (module and all(map(str.isidentifier, (*module.split("."), *attribute.split("."))))):
        raise UsageError(f"{option} {name!r}: expected {example}")
    try:
        with _current_folder_first():
            imported = importlib.import_module(module)
    except (Exception, SystemExit) as fault:
        if isinstance(fault, ModuleNotFoundError) and f"{module}.".startswith(f"{fault.name}."):
            places = f"neither in {Path.cwd()} nor in Python's path"
            raise UsageError(f"{option} {name}: there is no module {fault.name!r}, {places}") from None
        raise UsageError(f"{option} {name}: importing {module} raised {error_text(fault)}") from fault
    try:
        return attrgetter(attribute)(imported)
    except AttributeError:
        named = {each: value for each, value in vars(imported).items() if each[0] != "_"}
        own = [each for each, value in named.items() if _is_defined_in(module, value)]
        has = f"; it has {first_few(own, SHOWN)}" if own else ""
        hint = did_you_mean(attribute, dir(imported))
        raise UsageError(f"{option} {name}: {module} has no {attribute!r}{has}.{hint}") from None


def _is_defined_in(module: str, value: Any) -> bool:
    """Return whether a value is a function or class of this module, and not one that it imports."""
    return (inspect.isfunction(value) or inspect.isclass(value)) and value.__module__ == module


@contextmanager
def _current_folder_first() -> Iterator[None]:
    """Import modules from the current folder too: a command's own path doesn't contain it."""
    folder = str(Path.cwd())
    importlib.invalidate_caches()
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        with suppress(ValueError):
            sys.path.remove(folder)


def error_text(fault: BaseException) -> str:
    """Describe an error and the line of the user's code that raised it."""
    text = f"{type(fault).__name__}: {reason(fault)}"
    frames = traceback.extract_tb(fault.__traceback__)
    user_frames = [frame for frame in frames if not frame.filename.startswith(NOT_THEIRS)]
    if isinstance(fault, SyntaxError) or not user_frames:  # a SyntaxError names its line itself
        return text
    return f"{text} ({user_frames[-1].filename}, line {user_frames[-1].lineno})"

"""Choose the backend that Keras runs on, and import Keras.

Keras reads its backend once, at its first import: from KERAS_BACKEND, else from `keras.json`, else TensorFlow,
which gengap does not install. So `import gengap` calls `choose_backend`, which imports nothing, and every module of
gengap gets Keras from here: `from gengap.models.backend import keras`.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras as keras

BACKENDS = ("jax", "tensorflow", "torch")
KERAS_DEFAULT = "tensorflow"  # Keras writes this into keras.json by itself, so there it is nobody's choice
BUILD_LOCK = threading.Lock()  # the seed is the whole process's: only one thread may draw first weights


def choose_backend() -> None:
    """Set KERAS_BACKEND, unless Keras is imported already or the user chose a backend."""
    if "keras" not in sys.modules and not os.environ.get("KERAS_BACKEND"):
        os.environ["KERAS_BACKEND"] = _configured_backend() or "jax"


def symbolic_rows(array: Any, rows: int | None = 1) -> keras.KerasTensor:
    """Return rows of an array (n, ...) as a Keras tensor, which has a shape and a type only.

    The type is the one that the backend gives such an array: JAX makes int64 int32, and from 0.12 on it warns if a
    tensor's type is int64.
    """
    from gengap.models.backend import keras

    kind = keras.ops.convert_to_tensor(array[:0]).dtype
    return keras.KerasTensor((rows, *array.shape[1:]), keras.backend.standardize_dtype(kind))


def _configured_backend() -> str | None:
    """Return the backend that the user's keras.json names, if it is a choice and is installed."""
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    try:
        name = json.loads((home / "keras.json").read_text(encoding="utf-8")).get("backend")
    except (OSError, ValueError, AttributeError, RuntimeError):  # no file, no JSON, no object, no home
        return None
    return name if name in BACKENDS and name != KERAS_DEFAULT and find_spec(name) else None


def __getattr__(name: str) -> Any:
    """Import Keras when it is first needed. Raises UsageError if its backend can't be imported."""
    if name != "keras":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        keras = import_module("keras")
    except (ImportError, ValueError) as error:  # ValueError: a backend that Keras doesn't know
        from gengap.errors import UsageError, reason

        raise UsageError(
            f"Keras can't run on the backend {os.environ.get('KERAS_BACKEND')!r} ({reason(error)}); install it, or "
            "set KERAS_BACKEND=jax, and start Python again with `import gengap` before `import keras`"
        ) from error
    if keras.backend.backend() == "jax":
        from gengap.models.jax_settings import store_programs

        store_programs()
    globals()["keras"] = keras
    return keras

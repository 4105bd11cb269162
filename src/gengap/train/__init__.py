"""Training: the compiled trainer on JAX, and Keras' own loop elsewhere. The same laws hold for both."""

from __future__ import annotations

import sys

from gengap.models import backend


def keras_backend() -> str:
    """Return the backend that Keras runs on: "jax" unless the user chose another."""
    return backend.keras.backend.backend()


def versions() -> dict[str, str]:
    """Return the versions of what trains: another version may add numbers in another order."""
    name = keras_backend()
    version = getattr(sys.modules[name], "__version__", "")
    return {"keras": backend.keras.__version__, "backend": f"{name} {version}"}

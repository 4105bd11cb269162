"""The one place where Keras is first imported, so that it starts on JAX unless the user chose otherwise.

Keras reads KERAS_BACKEND once, at its first import. A user who imported Keras before gengap, or who set the
variable, keeps the backend chosen; `gengap.train` then falls back to Keras' own loop.
"""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras

__all__ = ["keras"]

"""Models to study: the size ladder and the treatments that compose with it.

>>> from gengap import models
>>> models.medium(treatments=[models.L2(0.001), models.Dropout(0.5)]).count_params()
10241
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from gengap.models.treatments import L2, Dropout, Treatment

if TYPE_CHECKING:
    from gengap.models.mlp import SIZES, large, medium, perceptron, small, tiny

__all__ = ["L2", "SIZES", "Dropout", "Treatment", "large", "medium", "perceptron", "small", "tiny"]


def __getattr__(name: str) -> object:
    """Import Keras only when a model is asked for: plans read treatments without it."""
    if name in __all__:
        return getattr(import_module("gengap.models.mlp"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

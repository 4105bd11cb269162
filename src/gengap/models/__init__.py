"""Models to study: the size ladder and the treatments that compose with it.

>>> from gengap import models
>>> models.medium(treatments=[models.L2(0.001), models.Dropout(0.5)]).count_params()
10241
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from gengap.models.treatments import (
    L1,
    L1L2,
    L2,
    BatchNorm,
    Clip,
    Dropout,
    Ensemble,
    Ftrl,
    LabelSmoothing,
    Mixup,
    Noise,
    Periodic,
    Treatment,
    WeightDecay,
)

if TYPE_CHECKING:
    from gengap.models.mlp import SIZES, compile_binary, compile_for, large, medium, perceptron, small, tiny
    from gengap.models.sparsity import share_below

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "SIZES",
    "BatchNorm",
    "Clip",
    "Dropout",
    "Ensemble",
    "Ftrl",
    "LabelSmoothing",
    "Mixup",
    "Noise",
    "Periodic",
    "Treatment",
    "WeightDecay",
    "compile_binary",
    "compile_for",
    "large",
    "medium",
    "perceptron",
    "share_below",
    "small",
    "tiny",
]


def __getattr__(name: str) -> object:
    """Import Keras only when a model is asked for: plans read treatments without it."""
    if name in __all__:
        return getattr(
            import_module("gengap.models.sparsity" if name == "share_below" else "gengap.models.mlp"), name
        )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

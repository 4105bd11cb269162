"""Models to study: the size ladder and the treatments that compose with it.

>>> from gengap import models
>>> models.medium(treatments=[models.L2(0.001), models.Dropout(0.5)]).count_params()
10241
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gengap.models.mlp import SIZES, compile_binary, compile_for, large, medium, perceptron, small, tiny
    from gengap.models.sparsity import share_below
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

_IN_MLP = ("SIZES", "compile_binary", "compile_for", "large", "medium", "perceptron", "small", "tiny")
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
    """Import what is asked for, and no more: plans read treatments without Keras."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = "mlp" if name in _IN_MLP else "sparsity" if name == "share_below" else "treatments"
    return getattr(import_module(f"gengap.models.{home}"), name)

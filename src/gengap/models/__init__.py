"""Models to study: the sizes and the treatments that compose with them.

>>> from gengap import models
>>> models.medium(treatments=[models.L2(0.001), models.Dropout(0.5)]).count_params()
10241
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gengap.models.clone import scaled
    from gengap.models.mlp import (
        SIZES,
        compile_binary,
        compile_for,
        large,
        medium,
        perceptron,
        share_below,
        small,
        tiny,
    )
    from gengap.models.treated_clone import treated
    from gengap.models.treatments import (
        L1,
        L1L2,
        L2,
        Augment,
        BatchNorm,
        Clip,
        Dropout,
        Ensemble,
        Freeze,
        Ftrl,
        LabelSmoothing,
        LayerNorm,
        LogTarget,
        Mixup,
        Noise,
        Periodic,
        QuantileNormal,
        RecurrentDropout,
        SpatialDropout,
        TimeMask,
        Treatment,
        WeightAverage,
        WeightDecay,
        WordDropout,
    )

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "SIZES",
    "Augment",
    "BatchNorm",
    "Clip",
    "Dropout",
    "Ensemble",
    "Freeze",
    "Ftrl",
    "LabelSmoothing",
    "LayerNorm",
    "LogTarget",
    "Mixup",
    "Noise",
    "Periodic",
    "QuantileNormal",
    "RecurrentDropout",
    "SpatialDropout",
    "TimeMask",
    "Treatment",
    "WeightAverage",
    "WeightDecay",
    "WordDropout",
    "compile_binary",
    "compile_for",
    "large",
    "medium",
    "perceptron",
    "scaled",
    "share_below",
    "small",
    "tiny",
    "treated",
]


_TREATMENTS = {name for name in __all__ if name[0].isupper() and name != "SIZES"}
_HOMES = {"scaled": "clone", "treated": "treated_clone"}


def __getattr__(name: str) -> object:
    """Import what is asked for, and no more: plans read treatments without Keras."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = "treatments" if name in _TREATMENTS else _HOMES.get(name, "mlp")
    return getattr(import_module(f"gengap.models.{home}"), name)

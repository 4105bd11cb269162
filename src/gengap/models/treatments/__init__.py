"""Treatments: regularisers and other parts of a recipe as small named values that compose with any perceptron.

A perceptron is built of hidden layers, each `[before_hidden] Dense [before_activation] activation
[after_hidden]`, behind `before_first` and in front of a `head`. It asks every treatment in turn what to put into
these places; a treatment may also bring a kernel penalty, an optimizer or smoothed labels. Treatments are plain
data (they read and write TOML); Keras is imported only when a model is built.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from gengap.models.treatments.base import Treatment
from gengap.models.treatments.ensemble import Ensemble
from gengap.models.treatments.inputs import Clip, Mixup, Noise, Periodic
from gengap.models.treatments.optimizing import Ftrl, LabelSmoothing, WeightDecay
from gengap.models.treatments.penalties import L1, L1L2, L2, BatchNorm, Dropout

AnyTreatment = (
    L1
    | L2
    | L1L2
    | Dropout
    | BatchNorm
    | WeightDecay
    | Ftrl
    | LabelSmoothing
    | Noise
    | Mixup
    | Clip
    | Periodic
    | Ensemble
)
TREATMENTS: tuple[type[Treatment], ...] = AnyTreatment.__args__


def check_compatible(treatments: Sequence[Treatment], of: str = "a model") -> None:
    """Raises ValueError if two treatments share a role that a model has one of, naming them and `of` what.

    >>> check_compatible([L1(0.1), L2(0.1)])
    Traceback (most recent call last):
    ValueError: a model has 2 penalties on its weights (l1 0.1, l2 0.1); expected at most one
    """
    for role in dict.fromkeys(t.role for t in treatments if t.role):
        found = [str(t) for t in treatments if t.role == role]
        if len(found) > 1:
            raise ValueError(f"{of} has {len(found)} {role} ({', '.join(found)}); expected at most one")


def count_parameters(
    features: int, units: Sequence[int], treatments: Sequence[Treatment] = (), outputs: int = 1
) -> int:
    """How many parameters a perceptron on so many features has, without building it.

    >>> count_parameters(28, [16])
    481
    """
    width, total = features, 0
    for treatment in treatments:
        width, more = treatment.embedded(width)
        total += more
    bias = not any(t.adds_bias for t in treatments)
    for before, after in itertools.pairwise((width, *units)):
        total += (before + bias) * after + sum(t.parameters(before, after) for t in treatments)
    last = ((units[-1] if units else width) + 1) * outputs
    return total + last * max((t.head_count() for t in treatments), default=1)

"""Treatments for models of the user's own: they act on kinds of layers and inputs that gengap's networks lack.

`gengap.models.treated` says on which layers each of them acts.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec

from gengap.models.treatment_base import Count, Rate, Treatment

Part = Annotated[float, msgspec.Meta(ge=0, lt=1)]


class ModelTreatment(Treatment, frozen=True):
    """A treatment that needs a model of the user's own."""

    own_models_only: ClassVar[bool] = True


class SpatialDropout(ModelTreatment, frozen=True, tag="spatial-dropout"):
    """Set whole channels to 0 with a probability while training (Keras' `SpatialDropout2D`; Tompson et al. 2015).

    It acts on the outputs of convolutions and embeddings. Neighbouring values of a channel say nearly the same, so
    dropping single ones changes little.

    Args:
        rate: The probability, between 0 and 1.
    """

    wording: ClassVar[str] = "spatial dropout {rate:g}"
    rate: Rate


class RecurrentDropout(ModelTreatment, frozen=True, tag="recurrent-dropout"):
    """Drop parts of the state of LSTM, GRU and SimpleRNN layers (Gal & Ghahramani 2016, section 4).

    Args:
        rate: The probability, between 0 and 1.
    """

    wording: ClassVar[str] = "recurrent dropout {rate:g}"
    rate: Rate


class LayerNorm(ModelTreatment, frozen=True, tag="layer-norm"):
    """Normalise the units of each row, before the activation (Ba et al. 2016, section 3)."""

    wording: ClassVar[str] = "layer norm"
    role: ClassVar[str] = "normalisations"


class Augment(ModelTreatment, frozen=True, tag="augment"):
    """Change every image a little, anew in every batch, by Keras' preprocessing layers.

    Args:
        flip: "horizontal", "vertical" or "both" mirrors half of the images; "none" leaves them. Use it only if a
            mirrored image has the same label.
        shift: The most that images are moved, as a share of their height and width.
        rotation: The most that images are turned, as a share of a full turn.
        zoom: The most that images are enlarged or reduced, as a share.
        contrast: The most that the contrast is changed, as a share.
    """

    flip: Annotated[str, msgspec.Meta(pattern="^(none|horizontal|vertical|both)$")] = "none"
    shift: Part = 0.1
    rotation: Part = 0.0
    zoom: Part = 0.0
    contrast: Part = 0.0
    role: ClassVar[str] = "augmentations"

    def __str__(self) -> str:
        """Return what it changes, as in "augmentation by horizontal flip and shift 0.1"."""
        flip = [f"{'horizontal and vertical' if self.flip == 'both' else self.flip} flip"] * (self.flip != "none")
        shares = {name: getattr(self, name) for name in ("shift", "rotation", "zoom", "contrast")}
        return f"augmentation by {' and '.join([*flip, *(f'{n} {v:g}' for n, v in shares.items() if v)])}"

    def __post_init__(self) -> None:
        if self.flip == "none" and not (self.shift or self.rotation or self.zoom or self.contrast):
            raise ValueError("an augmentation changes nothing; expected a flip, or one of its shares above 0")


class WordDropout(ModelTreatment, frozen=True, tag="word-dropout"):
    """Replace tokens by token 0 with a probability while training (Iyyer et al. 2015, section 3.2).

    It acts on inputs that an `Embedding` reads.

    Args:
        rate: The probability, between 0 and 1.
    """

    wording: ClassVar[str] = "word dropout {rate:g}"
    rate: Rate


class TimeMask(ModelTreatment, frozen=True, tag="time-mask"):
    """Set a random stretch of each sequence to 0 while training (Park et al. 2019, "SpecAugment", section 2).

    Args:
        rate: The longest stretch, as a share of the steps, between 0 and 1.
    """

    wording: ClassVar[str] = "time masking {rate:g}"
    rate: Rate
    role: ClassVar[str] = "maskings of time"


class Freeze(ModelTreatment, frozen=True, tag="freeze"):
    """Train only the last layers of a model that has learnt before; the others keep their weights.

    Args:
        last: How many of the last layers with weights are trained.
    """

    wording: ClassVar[str] = "only the last {last} trained"
    last: Count = 1
    role: ClassVar[str] = "freezings"

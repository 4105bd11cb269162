"""The trials that a study adds to its plan."""

from __future__ import annotations

from typing import Annotated

import msgspec

from gengap.models.treatments import AnyTreatment
from gengap.plan.run_names import REGULARIZERS, ROWS, SIZES, matches, size_name
from gengap.plan.trial import Positive, PositiveFloat, Share, Size, Trial

Folds = Annotated[int, msgspec.Meta(ge=0, le=20)]


class Growth(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Trials that a study adds to its plan as results come in: see `gengap.analysis.growth`.

    Args:
        sizes: Sizes from small to large, tried until a larger one no longer lowers the validation loss.
        widths: In place of sizes, for a model of the user's that is cloned: factors on all widths.
        regularizers: Each is tried on the last size but one that was tried.
        shares: The best model is trained again on each of these shares of the rows.
        folds: How many folds the best models are cross-validated on if few rows validate; 0 for none.
    """

    sizes: tuple[tuple[Positive, ...], ...] = ()
    widths: tuple[PositiveFloat, ...] = ()
    regularizers: tuple[tuple[AnyTreatment, ...], ...] = ()
    shares: tuple[Share, ...] = ()
    folds: Folds = 0

    def __post_init__(self) -> None:
        if self.folds == 1:
            raise ValueError("folds is 1; expected 0, for no cross-validation, or at least 2")
        if self.sizes and self.widths:
            raise ValueError("growth has sizes and widths; expected sizes, or widths for a model that is cloned")

    def size_trials(self) -> tuple[Trial, ...]:
        """Return the trials of the sizes."""
        named = tuple(Trial(run=f"{SIZES}/{size_name(units)}", units=units) for units in self.sizes)
        return named + tuple(Trial(run=f"{SIZES}/{width:g}x", width=width) for width in self.widths)

    def regularizer_trials(self, size: Size = ((1,), 1.0, 1.0)) -> tuple[Trial, ...]:
        """Return the regularisers' trials, on a size."""
        units, width, depth = size
        names = [f"{REGULARIZERS}/{' + '.join(map(str, treatments))}" for treatments in self.regularizers]
        pairs = zip(names, self.regularizers, strict=True)
        return tuple(
            Trial(run=name, units=units, width=width, depth=depth, treatments=treatments)
            for name, treatments in pairs
        )

    @property
    def trials(self) -> tuple[Trial, ...]:
        """All trials that may be added. The size of those with regularisers is not known yet."""
        return self.size_trials() + self.regularizer_trials()

    def only(self, pattern: str) -> Growth | None:
        """Keep what adds trials with a matching name. Regularisers need the sizes, so these stay with them."""
        sizes = tuple(t for t in self.size_trials() if matches(t.run, pattern))
        regularizers = tuple(t.treatments for t in self.regularizer_trials() if matches(t.run, pattern))
        shares = self.shares if matches(f"{ROWS}/1", pattern) else ()
        sizes = self.size_trials() if regularizers else sizes
        if not (sizes or regularizers or shares or self.folds):
            return None
        return msgspec.structs.replace(
            self,
            sizes=tuple(t.units for t in sizes if t.units),
            widths=tuple(t.width for t in sizes if not t.units),
            regularizers=regularizers,
            shares=shares,
        )

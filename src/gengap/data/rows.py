"""Rows as arrays: what a dataset is split into and what a trainer takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MOST_STRATA = 100  # a target of more values has no classes whose shares could be kept


@dataclass(frozen=True, eq=False)
class Rows:
    """Features `x` (n, ...) and targets `y` (n,) or (n, outputs), as the model takes them."""

    x: np.ndarray
    y: np.ndarray

    def __post_init__(self) -> None:
        if len(self.x) != len(self.y):
            raise ValueError(f"x has {len(self.x)} rows and y has {len(self.y)}; expected as many")
        if len(self.x) == 0:
            raise ValueError("there are no rows; expected at least one")

    def __len__(self) -> int:
        return len(self.x)

    def shaped_like(self, output_shape: Sequence[int | None]) -> Rows:
        """Targets (n,) become (n, 1) for a model with one output: Keras 3 refuses to compare them otherwise."""
        if self.y.ndim == 1 and len(output_shape) == 2 and output_shape[-1] == 1:
            return Rows(self.x, self.y[:, None])
        return self


def nested(rows: Rows, share: float, seed: int) -> Rows:
    """A share of the rows, drawn with `seed`: less is nested in more, and every class keeps its share.

    Each class's rows are spread evenly, in random order, over the same line, of which the start is taken.
    """
    if share >= 1:
        return rows
    random = np.random.default_rng(seed)
    place = np.empty(len(rows))
    _, labels = np.unique(rows.y.reshape(len(rows), -1), axis=0, return_inverse=True)
    if labels.max() >= MOST_STRATA:  # the target is a number
        labels = np.zeros(len(rows), np.int64)
    for label in range(labels.max() + 1):
        of = np.flatnonzero(labels == label)
        place[of] = (random.permutation(len(of)) + random.random()) / len(of)
    chosen = np.sort(np.argsort(place, kind="stable")[: max(round(share * len(rows)), 1)])
    return Rows(rows.x[chosen], rows.y[chosen])

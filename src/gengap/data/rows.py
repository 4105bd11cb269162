"""Rows as arrays: what a dataset is split into and what a trainer takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

MOST_STRATA = 100  # a target of more values has no classes whose shares could be kept


@dataclass(frozen=True, eq=False)
class Rows:
    """Features `x` (n, ...) and targets `y` (n,) or (n, outputs), as the model takes them.

    Each is one array, or a list, tuple or dict of arrays for a model with several inputs or outputs. `weights` are
    Keras' sample weights: (n,), or for several outputs nested like `y`. `class_factors` (n,) are factors on them in
    the loss that training minimises, and nowhere else: class weights.
    """

    x: Any
    y: Any
    weights: Any = None
    class_factors: np.ndarray | None = None

    def __post_init__(self) -> None:
        sizes = {name: sorted({len(part) for part in parts(value)}) for name, value in vars(self).items()}
        if len({size for found in sizes.values() for size in found}) > 1:
            told = [f"{name} has {' or '.join(map(str, found))} rows" for name, found in sizes.items() if found]
            raise ValueError(f"{' and '.join(told)}; expected as many")
        if not sizes["x"] or sizes["x"] == [0]:
            raise ValueError("there are no rows; expected at least one")

    def __len__(self) -> int:
        return len(parts(self.x)[0])

    def each(self, function: Callable[[Any], Any]) -> Rows:
        """The same with every array replaced by `function` of it."""
        return Rows(*(each(function, value) for value in (self.x, self.y, self.weights, self.class_factors)))

    @property
    def trained_weights(self) -> Any:
        """The weights in the loss that training minimises."""
        if self.class_factors is None or self.weights is None:
            return self.weights if self.class_factors is None else self.class_factors
        return each(lambda weights: weights * self.class_factors, self.weights)

    def batch(self) -> tuple[Any, ...]:
        """As Keras' `fit` takes a batch: (x, y), or (x, y, weights)."""
        weights = self.trained_weights
        return (self.x, self.y) if weights is None else (self.x, self.y, weights)

    def shaped_like(self, output_shape: Sequence[int | None]) -> Rows:
        """Targets (n,) become (n, 1) for a model with one output: Keras 3 refuses to compare them otherwise."""
        if getattr(self.y, "ndim", 0) == 1 and len(output_shape) == 2 and output_shape[-1] == 1:
            return replace(self, y=self.y[:, None])
        return self


def each(function: Callable[[Any], Any], value: Any) -> Any:
    """`function` of an array, or of each array in a list, tuple or dict of such; None stays None.

    >>> each(len, {"a": np.zeros(3), "b": [np.zeros(2)]})
    {'a': 3, 'b': [2]}
    """
    if isinstance(value, Mapping):
        return {name: each(function, part) for name, part in value.items()}
    if type(value) in (list, tuple):
        return type(value)(each(function, part) for part in value)
    return None if value is None else function(value)


def parts(value: Any) -> list[Any]:
    """The arrays of a list, tuple or dict of such, or the one array."""
    found: list[Any] = []
    each(found.append, value)
    return found


def nested_subset(rows: Rows, share: float, seed: int) -> Rows:
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
    return rows.each(lambda array: array[chosen])

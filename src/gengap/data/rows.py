"""`Rows`: features, targets and weights as arrays, as trainers take them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

MAX_STRATA = 100  # a target with more different values has no classes whose shares could be kept


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows as a model takes them.

    Attributes:
        x: Features (n, ...): one array, or a list, tuple or dict of arrays for a model with several inputs.
        y: Targets (n,) or (n, outputs), nested in the same way for several outputs.
        weights: Sample weights as in Keras: (n,), nested like `y`, or None.
        class_factors: Factors (n,) on the weights, in the training loss only: class weights.
    """

    x: Any
    y: Any
    weights: Any = None
    class_factors: np.ndarray | None = None

    def __post_init__(self) -> None:
        sizes = {name: sorted({len(part) for part in list_arrays(value)}) for name, value in vars(self).items()}
        if len({size for found in sizes.values() for size in found}) > 1:
            counts = [f"{name}: {' or '.join(map(str, found))}" for name, found in sizes.items() if found]
            raise ValueError(f"all arrays must have equally many rows ({', '.join(counts)})")
        if not sizes["x"] or sizes["x"] == [0]:
            raise ValueError("there are no rows; expected at least one")

    def __len__(self) -> int:
        return len(list_arrays(self.x)[0])

    def map(self, function: Callable[[Any], Any]) -> Rows:
        """Return the rows with `function` applied to every array."""
        return Rows(*(map_arrays(function, value) for value in (self.x, self.y, self.weights, self.class_factors)))

    @property
    def trained_weights(self) -> Any:
        """The weights in the training loss, with class weights."""
        if self.class_factors is None or self.weights is None:
            return self.weights if self.class_factors is None else self.class_factors
        return map_arrays(lambda weights: weights * self.class_factors, self.weights)

    def batch(self) -> tuple[Any, ...]:
        """Return the rows as a batch of Keras' `fit`: (x, y), or (x, y, weights)."""
        weights = self.trained_weights
        return (self.x, self.y) if weights is None else (self.x, self.y, weights)

    def shaped_like(self, output_shape: Sequence[int | None]) -> Rows:
        """Reshape targets (n,) to (n, 1) for a model with one output; Keras 3 can't compare other shapes."""
        if getattr(self.y, "ndim", 0) == 1 and len(output_shape) == 2 and output_shape[-1] == 1:
            return replace(self, y=self.y[:, None])
        return self


def map_arrays(function: Callable[[Any], Any], value: Any) -> Any:
    """Apply `function` to an array, or to each array in a list, tuple or dict; None stays None.

    >>> map_arrays(len, {"a": np.zeros(3), "b": [np.zeros(2)]})
    {'a': 3, 'b': [2]}
    """
    if isinstance(value, Mapping):
        return {name: map_arrays(function, part) for name, part in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map_arrays(function, part) for part in value)
    return None if value is None else function(value)


def list_arrays(value: Any) -> list[Any]:
    """List the arrays in a list, tuple or dict, or the single array."""
    found: list[Any] = []
    map_arrays(found.append, value)
    return found


def nested_subset(rows: Rows, share: float, seed: int) -> Rows:
    """Draw a share of the rows with a seed. Smaller shares are subsets of larger ones; classes keep their shares.

    The rows of each class get evenly spaced places between 0 and 1 in random order, and the first places are taken.
    """
    if share >= 1:
        return rows
    random = np.random.default_rng(seed)
    place = np.empty(len(rows))
    _, labels = np.unique(rows.y.reshape(len(rows), -1), axis=0, return_inverse=True)
    if labels.max() >= MAX_STRATA:  # the target is a number
        labels = np.zeros(len(rows), np.int64)
    for label in range(labels.max() + 1):
        of = np.flatnonzero(labels == label)
        place[of] = (random.permutation(len(of)) + random.random()) / len(of)
    chosen = np.sort(np.argsort(place, kind="stable")[: max(round(share * len(rows)), 1)])
    return rows.map(lambda array: array[chosen])

"""`Rows`: features, targets and weights as arrays, as trainers take them.

`to_rows` converts what `gengap.fit` takes: arrays, frames, and finite datasets and loaders of any framework. No
framework is imported here: the caller who has one of its objects has imported it.
"""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np

from gengap.errors import UsageError, counted

MAX_STRATA = 100  # a target with more distinct values is not stratified

MAX_BYTES = 4 * 2**30  # of the batches that are read into memory
UNSIZED_BATCHES = 100_000  # most batches of data without a length, which may be endless
UNSIZED_BYTES = 2**29  # most bytes of such batches; not of tf.data, which can't count filtered rows
ALIGNMENT = 64  # bytes; arrays at other places are copied for every trial
EXPECTED = "(x, y), (x, y, sample_weight) or finite batches of these"
ENDLESS = "has no end; leave out repeat(), or take a number of batches"


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

    def take(self, places: slice | np.ndarray) -> Rows:
        """Return the rows at these places, counted from 0."""
        return self.map(lambda array: array[places])

    def head(self, rows: int) -> Rows:
        """Return the first rows, in memory."""
        return self.take(slice(rows))

    def sample(self) -> Rows:
        """Return the rows in memory; of rows on disk a random sample."""
        return self

    def blocks(self) -> Iterator[Rows]:
        """Yield all rows in memory; those on disk in blocks as large as a sample."""
        yield self

    def subset(self, share: float, seed: int) -> Rows:
        """Draw a share of the rows by a seed. Smaller shares are subsets of larger ones; classes keep their shares.

        The rows of each class get evenly spaced places between 0 and 1 in random order, and the first places are
        taken. Of rows on disk, the first ones are taken for every seed: their order is random.
        """
        if share >= 1:
            return self
        random = np.random.default_rng(seed)
        place = np.empty(len(self))
        _, labels = np.unique(self.target.reshape(len(self), -1), axis=0, return_inverse=True)
        if labels.max() >= MAX_STRATA:  # the target is a number
            labels = np.zeros(len(self), np.int64)
        for label in range(labels.max() + 1):
            of = np.flatnonzero(labels == label)
            place[of] = (random.permutation(len(of)) + random.random()) / len(of)
        return self.take(np.sort(np.argsort(place, kind="stable")[: max(round(share * len(self)), 1)]))

    @property
    def arrays(self) -> list[Any]:
        """The arrays of features, targets and weights."""
        return list_arrays([self.x, self.y, self.weights])

    @property
    def digest(self) -> str:
        """A hash of all values."""
        parts = (np.ascontiguousarray(array).tobytes() for array in self.arrays)
        return hashlib.sha256(b"".join(parts)).hexdigest()[:16]

    @property
    def trained_weights(self) -> Any:
        """The weights in the training loss, with class weights."""
        if self.class_factors is None or self.weights is None:
            return self.weights if self.class_factors is None else self.class_factors
        return map_arrays(lambda weights: weights * self.class_factors, self.weights)

    @property
    def target(self) -> np.ndarray:
        """The targets (n, ...) of one output, or zeros (n,) for several: statistics need only their number."""
        return self.y if isinstance(self.y, np.ndarray) else np.zeros(len(self))

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

    Those of a dict come in the order of their names, as Keras numbers the inputs of a model.

    >>> map_arrays(len, {"b": [np.zeros(2)], "a": np.zeros(3)})
    {'a': 3, 'b': [2]}
    """
    if isinstance(value, Mapping):
        return {name: map_arrays(function, value[name]) for name in sorted(value)}
    if type(value) in (list, tuple):
        return type(value)(map_arrays(function, part) for part in value)
    return None if value is None else function(value)


def list_arrays(value: Any) -> list[Any]:
    """List the arrays in a list, tuple or dict, or the single array."""
    found: list[Any] = []
    map_arrays(found.append, value)
    return found


def check_finite(part: str, rows: Rows) -> None:
    """Check that all features and weights are finite. Raises UsageError, which names the first row that is not.

    Targets may be NaN: a loss of the user's may leave such rows out.
    """
    named = [("x", array) for array in list_arrays(rows.x)]
    named += [("sample_weight", array) for array in list_arrays(rows.weights)]
    for name, array in named:
        if array.dtype.kind not in "biuO" and not (finite := np.isfinite(array)).all():
            row = int((~finite).reshape(len(array), -1).any(axis=1).argmax())
            raise UsageError(
                f"{part}: {name} has {counted(int((~finite).sum()), 'NaN or infinite value')}, the first in row "
                f"{row} (from 0). Replace such values, or leave out their rows"
            )


def row_shapes(rows: Rows) -> list[Any]:
    """Return the shape of a row of each array, with the names and nesting of the arrays."""
    return [map_arrays(lambda array: array.shape[1:], part) for part in (rows.x, rows.y, rows.weights)]


def check_shapes(place: str, batch: Rows, expected: list[Any]) -> None:
    """Raise UsageError unless the rows of a batch have the shapes of those before it."""
    if (found := row_shapes(batch)) != expected:
        raise UsageError(f"{place}: its rows have the shapes {found}, those before it {expected}; expected equal")


def aligned(array: np.ndarray) -> np.ndarray:
    """Return an array in memory that JAX uses without a copy: itself, or a copy."""
    if array.dtype == object or (array.ctypes.data % ALIGNMENT == 0 and array.flags.c_contiguous):
        return array
    found = _aligned_empty(array.shape, array.dtype)
    found[...] = array
    return found


def _aligned_empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    size = math.prod(shape) * dtype.itemsize
    raw = np.empty(size + ALIGNMENT, np.uint8)
    first = -raw.ctypes.data % ALIGNMENT
    return raw[first : first + size].view(dtype).reshape(shape)


def to_rows(
    name: str,
    data: Any,
    floats: str = "float32",
    *,
    texts: bool = False,
    most: int | None = None,
    most_bytes: float | None = None,
    store: Callable[[Iterator[Rows]], Rows] | None = None,
) -> tuple[Rows, int | None]:
    """Return data as rows, and the size of its batches if it has any.

    Args:
        name: What errors call the data, such as "train".
        data: A tuple or list (x, y) or (x, y, sample_weight) of arrays, tensors, DataFrames or Series, or nested
            lists, tuples or dicts of them; or a `tf.data.Dataset`, PyTorch or Grain loader,
            `keras.utils.PyDataset` or other iterable of such batches, which is read once.
        floats: The type of floating point numbers.
        texts: Whether x may hold texts.
        most: The most rows to use: the first ones.
        most_bytes: The most bytes of batches that are joined in memory. Default: `MAX_BYTES`.
        store: Function that returns the rows of batches that need more. Default: they are refused.

    Raises:
        UsageError: It is none of these, has no end, or holds values that are no numbers.
    """
    if isinstance(data, Rows):
        return _first(data, most), None
    if _is_pair(data):
        return _first(_rows(name, data, floats, texts), most), None
    if isinstance(data, (str, bytes, dict)) or hasattr(data, "shape") or hasattr(data, "columns"):
        raise UsageError(f"{name} is a {type(data).__name__}; expected {EXPECTED}")
    most_bytes = MAX_BYTES if most_bytes is None else most_bytes
    batches, found, read = _read_batches(name, data, floats, texts, most), [], 0
    for batch in batches:
        found.append(batch)
        read += sum(part.nbytes for part in batch.arrays)
        if read > most_bytes and store is not None:
            return store(chain(found, batches)), len(found[0])
        if read > most_bytes:
            raise UsageError(
                f"{name} has more than {most_bytes / 2**30:.2g} GB of batches, which are read into memory once. "
                "Give fewer rows, or train by Keras' own fit with gengap.callbacks.Monitor"
            )
    if not found:
        raise UsageError(f"{name} has no batches; expected {EXPECTED}. An iterator can be read only once")
    return _join_batches(name, found), len(found[0])


def _first(rows: Rows, most: int | None) -> Rows:
    return rows if most is None else rows.head(most)


def _read_batches(name: str, data: Any, floats: str, texts: bool, most: int | None) -> Iterator[Rows]:
    """Yield the batches of a loader as rows, at most `most` of them. Raises UsageError if it may have no end."""
    left, read = most, 0
    for number, batch in enumerate(_batches(name, data)):
        rows = _first(_rows(f"{name}, batch {number}", batch, floats, texts), left)
        read += sum(part.nbytes for part in rows.arrays)
        if most is None and _may_be_endless(data, number + 1, read):
            raise UsageError(
                f"{name} gave {number + 1:,} batches, {read / 2**30:.2g} GB, and does not say how many there are: "
                "it may have no end. If it has one, give a list of batches, or an object with a length (__len__)"
            )
        yield rows
        if left is not None and (left := left - len(rows)) <= 0:
            return


def _may_be_endless(data: Any, batches: int, read: int) -> bool:
    """Return whether data without a length may be endless, from the batches and bytes it has given."""
    if hasattr(data, "cardinality"):
        return batches > UNSIZED_BATCHES and int(data.cardinality()) < 0  # of a generator, for example
    sized = hasattr(data, "__len__") or hasattr(data, "num_batches")
    return not sized and (batches > UNSIZED_BATCHES or read > UNSIZED_BYTES)


def _is_pair(data: Any) -> bool:
    """Return whether it is one (x, y) or (x, y, weights), and not a list of batches."""

    def is_batch(part: Any) -> bool:
        return isinstance(part, tuple) or (isinstance(part, list) and any(hasattr(p, "shape") for p in part))

    if not isinstance(data, (tuple, list)) or len(data) not in (2, 3):
        return False
    return isinstance(data, tuple) or not all(map(is_batch, data))


def _comes_from(data: Any, package: str) -> bool:
    """Return whether its class, or one it inherits from, belongs to the package."""
    return any(kind.__module__.split(".")[0] == package for kind in type(data).__mro__)


def _batches(name: str, data: Any) -> Iterator[Any]:
    if _comes_from(data, "tensorflow") and hasattr(data, "as_numpy_iterator"):
        if int(data.cardinality()) == -1:  # tf.data.INFINITE_CARDINALITY
            raise UsageError(f"{name} {ENDLESS}")
        yield from data.as_numpy_iterator()
    elif _comes_from(data, "keras") and hasattr(data, "num_batches"):
        if data.num_batches is None:
            raise UsageError(f"{name} {ENDLESS}")
        yield from (data[i] for i in range(data.num_batches))
    elif _comes_from(data, "grain") and hasattr(data, "__len__") and len(data) == sys.maxsize:
        raise UsageError(f"{name} {ENDLESS}")
    elif isinstance(data, Iterable):
        yield from data
    else:
        raise UsageError(f"{name} is a {type(data).__name__}; expected {EXPECTED}")


def _rows(place: str, pair: Any, floats: str, texts: bool) -> Rows:
    if not isinstance(pair, (tuple, list)) or len(pair) not in (2, 3):
        size = f" of {len(pair)}" if isinstance(pair, (tuple, list)) else ""
        raise UsageError(f"{place} is a {type(pair).__name__}{size}; expected (x, y) or (x, y, sample_weight)")
    named = zip(("x", "y", "sample_weight"), pair, strict=False)
    arrays = [_nested(f"{place}: {name}", value, floats, texts and name == "x") for name, value in named]
    try:
        return Rows(*arrays)
    except ValueError as error:
        raise UsageError(f"{place}: {error}") from None


def _nested(place: str, value: Any, floats: str, texts: bool) -> Any:
    """Convert all values to arrays; a list is one array unless it holds arrays."""
    if isinstance(value, (list, tuple)) and not any(hasattr(p, "shape") or isinstance(p, dict) for p in value):
        # An array of texts would reserve the length of the longest one for each.
        value = np.asarray(value, object if texts and _are_texts(value) else None)
    return map_arrays(lambda part: _array(place, part, floats, texts), value)


def _are_texts(values: Sequence[Any]) -> bool:
    return len(values) > 0 and all(isinstance(each, (str, bytes)) for each in values)


def _array(place: str, value: Any, floats: str, texts: bool = False) -> np.ndarray:
    if hasattr(value, "columns") and hasattr(value, "shape"):
        columns = [_array(f"{place}, column {name!r}", value[name], floats) for name in value.columns]
        stacked = np.stack(columns, axis=1)
        return stacked.astype(floats, copy=False) if stacked.dtype.kind == "f" else stacked
    if _comes_from(value, "torch") and hasattr(value, "detach"):
        value = value.detach().cpu()
    array = np.asarray(value)
    if texts and array.dtype.kind in "USO" and array.ndim and _are_texts(flat := array.reshape(-1).tolist()):
        decoded = [each.decode(errors="replace") if isinstance(each, bytes) else each for each in flat]
        return np.array(decoded, object).reshape(array.shape)
    if array.dtype == object:
        try:
            array = array.astype(None if any(isinstance(v, (str, bytes)) for v in array.flat) else np.float64)
        except (TypeError, ValueError):
            array = array.astype(object)
    if array.dtype.kind not in "biuf" and array.dtype.name not in ("bfloat16", "float8_e4m3fn", "float8_e5m2"):
        kind = f"values of type {array.dtype}"
        kind = "text, missing values or other objects" if array.dtype == object else kind
        raise UsageError(f"{place} holds {kind}; expected numbers: encode it first")
    if array.ndim == 0:
        raise UsageError(
            f"{place} is one number; expected a batch of rows: make batches first, for example with .batch(32)"
        )
    return array.astype(floats, copy=False) if array.dtype.kind == "f" else array


def _join_batches(name: str, batches: list[Rows]) -> Rows:
    shapes = row_shapes(batches[0])
    for number, batch in enumerate(batches):
        check_shapes(f"{name}, batch {number}", batch, shapes)
    joined = iter([_joined(same) for same in zip(*(batch.arrays for batch in batches), strict=True)])
    return batches[0].map(lambda _: next(joined))


def _joined(arrays: Sequence[np.ndarray]) -> np.ndarray:
    if arrays[0].dtype == object:
        return np.concatenate(arrays)
    shape = (sum(map(len, arrays)), *arrays[0].shape[1:])
    return np.concatenate(arrays, out=_aligned_empty(shape, np.result_type(*arrays)))

"""Convert what `gengap.fit` takes to `Rows`: arrays, frames, and finite datasets and loaders of any framework.

No framework is imported here: the caller who has one of its objects has imported it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from gengap.data.rows import Rows, list_arrays, map_arrays
from gengap.errors import UsageError

MAX_BYTES = 4 * 2**30  # of the batches that are read into memory
EXPECTED = "(x, y), (x, y, sample_weight) or finite batches of these"
ENDLESS = "has no end; leave out repeat(), or take a number of batches"


def to_rows(name: str, data: Any, floats: str = "float32") -> tuple[Rows, int | None]:
    """Return data as rows, and the size of its batches if it has any.

    Args:
        name: What errors call the data, such as "train".
        data: A tuple or list (x, y) or (x, y, sample_weight) of arrays, tensors, DataFrames or Series, or nested
            lists, tuples or dicts of them; or a `tf.data.Dataset`, PyTorch or Grain loader,
            `keras.utils.PyDataset` or other iterable of such batches, which is read once.
        floats: The type of floating point numbers.

    Raises:
        UsageError: It is none of these, has no end, or holds values that are no numbers.
    """
    if isinstance(data, Rows):
        return data, None
    if _is_pair(data):
        return _rows(name, data, floats), None
    if isinstance(data, (str, bytes, dict)) or hasattr(data, "shape") or hasattr(data, "columns"):
        raise UsageError(f"{name} is a {type(data).__name__}; expected {EXPECTED}")
    found, read = [], 0
    for batch in _batches(name, data):
        found.append(_rows(f"{name}, batch {len(found)}", batch, floats))
        read += sum(part.nbytes for part in _flat(found[-1]))
        if read > MAX_BYTES:
            raise UsageError(
                f"{name} has more than {MAX_BYTES / 2**30:g} GB of batches, which are read into memory once. Give "
                "fewer rows, or train by Keras' own fit with gengap.callbacks.Monitor"
            )
    if not found:
        raise UsageError(f"{name} has no batches; expected {EXPECTED}. An iterator can be read only once")
    return _join_batches(name, found), len(found[0])


def _is_pair(data: Any) -> bool:
    """Return whether it is one (x, y) or (x, y, weights), and not a list of batches."""
    if not isinstance(data, (tuple, list)) or len(data) not in (2, 3):
        return False
    return isinstance(data, tuple) or not all(map(_is_batch, data))


def _is_batch(part: Any) -> bool:
    """Return whether it holds several arrays, as a batch does."""
    return isinstance(part, tuple) or (isinstance(part, list) and any(hasattr(value, "shape") for value in part))


def _comes_from(data: Any, package: str) -> bool:
    """Return whether its class, or one it inherits from, belongs to the package."""
    return any(kind.__module__.split(".")[0] == package for kind in type(data).__mro__)


def _batches(name: str, data: Any) -> Iterator[Any]:
    """Yield the batches of one pass."""
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


def _rows(place: str, pair: Any, floats: str) -> Rows:
    if not isinstance(pair, (tuple, list)) or len(pair) not in (2, 3):
        size = f" of {len(pair)}" if isinstance(pair, (tuple, list)) else ""
        raise UsageError(f"{place} is a {type(pair).__name__}{size}; expected (x, y) or (x, y, sample_weight)")
    named = zip(("x", "y", "sample_weight"), pair, strict=False)
    arrays = [_nested(f"{place}: {name}", value, floats) for name, value in named]
    try:
        return Rows(*arrays)
    except ValueError as error:
        raise UsageError(f"{place}: {error}") from None


def _nested(place: str, value: Any, floats: str) -> Any:
    """Convert all values to arrays; a list is one array unless it holds arrays."""
    if isinstance(value, (list, tuple)) and not any(hasattr(p, "shape") or isinstance(p, dict) for p in value):
        value = np.asarray(value)
    return map_arrays(lambda part: _array(place, part, floats), value)


def _array(place: str, value: Any, floats: str) -> np.ndarray:
    if hasattr(value, "columns") and hasattr(value, "shape"):
        columns = [_array(f"{place}, column {name!r}", value[name], floats) for name in value.columns]
        stacked = np.stack(columns, axis=1)
        return stacked.astype(floats, copy=False) if stacked.dtype.kind == "f" else stacked
    if _comes_from(value, "torch") and hasattr(value, "detach"):
        value = value.detach().cpu()
    array = np.asarray(value)
    if array.dtype == object:
        try:
            array = array.astype(None if any(isinstance(v, (str, bytes)) for v in array.flat) else np.float64)
        except (TypeError, ValueError):
            array = array.astype(object)
    if array.dtype.kind not in "biuf" and array.dtype.name not in ("bfloat16", "float8_e4m3fn", "float8_e5m2"):
        raise UsageError(f"{place} holds {_kind_of_values(array)}; expected numbers: encode it first")
    if array.ndim == 0:
        raise UsageError(
            f"{place} is one number; expected a batch of rows: make batches first, for example with .batch(32)"
        )
    return array.astype(floats, copy=False) if array.dtype.kind == "f" else array


def _kind_of_values(array: np.ndarray) -> str:
    """Say what an array holds that are no numbers."""
    return "text, missing values or other objects" if array.dtype == object else f"values of type {array.dtype}"


def _flat(rows: Rows) -> list[np.ndarray]:
    return [part for value in (rows.x, rows.y, rows.weights) for part in list_arrays(value)]


def _join_batches(name: str, batches: list[Rows]) -> Rows:
    """Join all batches."""
    try:
        joined = iter([np.concatenate(same) for same in zip(*map(_flat, batches), strict=True)])
    except ValueError as error:
        raise UsageError(
            f"{name}: batches don't fit together ({error}); expected equal shapes except for the rows"
        ) from None
    return batches[0].map(lambda _: next(joined))

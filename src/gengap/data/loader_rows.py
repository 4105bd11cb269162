"""Rows of a loader that are too many for the memory: they are read once and kept on disk in random order."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np

from gengap.data.rows import Rows, check_finite, check_shapes, list_arrays, row_shapes
from gengap.data.stored_rows import (
    StoredRows,
    StoredStatistics,
    make_room,
    open_stored_rows,
    stored_path,
    write_stored_rows,
)
from gengap.errors import UsageError

UNCHANGED = StoredStatistics(np.empty(0, np.float32), np.empty(0, np.float32), np.empty(0, np.int64))


def store_batches(name: str, batches: Iterator[Rows], seed: int) -> StoredRows:
    """Write the batches of a loader to disk in random order.

    The batches, at least one, are read once; errors call the loader `name`. The file of the rows is named by a hash
    of the values, and removed once it is unused for long. Raises UsageError if batches have different shapes or
    types, or values that are texts or not finite, and WriteError if the disk is full.
    """
    digest = hashlib.sha256(str(seed).encode())
    first = next(batches)
    half = stored_path(digest).with_name(f"{uuid.uuid4().hex}.rows")
    make_room(half.parent)
    write_stored_rows(half, _checked(name, first, batches, digest), lambda: UNCHANGED, seed)
    path = stored_path(digest)
    try:
        half.replace(path)
    except PermissionError:  # on Windows, while another study reads the same rows
        half.unlink()
    return open_stored_rows(path, like=first)[0]


def _checked(name: str, first: Rows, batches: Iterator[Rows], digest: Any) -> Iterator[Rows]:
    """Yield all batches in the types of the first one, and add their values to the hash."""
    kinds = [_stored_type(name, array) for array in _arrays(first)]
    shapes = row_shapes(first)
    digest.update(f"{shapes} {kinds}".encode())
    for number, batch in enumerate(chain((first,), batches)):
        place = f"{name}, batch {number}"
        check_shapes(place, batch, shapes)
        check_finite(place, batch)
        for array in _arrays(batch):
            _stored_type(name, array)
            digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
        types = iter(kinds)
        yield batch.map(lambda array, types=types, place=place: _as_type(place, array, next(types)))


def _as_type(place: str, array: np.ndarray, kind: np.dtype[Any]) -> np.ndarray:
    """Return an array in another type. Raises UsageError if a whole number or truth value would change."""
    if array.dtype == kind:
        return array
    with np.errstate(invalid="ignore"):
        found = array.astype(kind)
    if kind.kind in "biu" and (wrong := found != array).any():
        raise UsageError(
            f"{place}: it holds {array[wrong][0]:g}, but the first batch has the type {kind}. Give all batches the "
            "same type, which holds all values"
        )
    return found


def _arrays(rows: Rows) -> list[np.ndarray]:
    return list_arrays([rows.x, rows.y, rows.weights])


def _stored_type(name: str, array: np.ndarray) -> np.dtype[Any]:
    """Return the type in which an array is stored: its own, or float32 for types that NumPy doesn't know."""
    if array.dtype == object:
        raise UsageError(
            f"{name} holds texts and needs more memory than it may take. Raise --memory (memory=), use fewer rows, "
            "or make tokens in the loader"
        )
    return array.dtype if array.dtype.kind in "biuf" else np.dtype(np.float32)

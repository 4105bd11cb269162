"""Texts as rows: a layer such as Keras' `TextVectorization` makes tokens of them, adapted to training rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gengap.data.rows import Rows, list_arrays, map_arrays
from gengap.errors import UsageError, reason

BLOCK = 1_024  # rows that are given to the layer at once
EXPECTED = "a keras.layers.TextVectorization, or another layer with adapt()"


def is_text(array: np.ndarray) -> bool:
    """Return whether an array holds texts."""
    return array.dtype.kind in "UO"


def check_no_texts(rows: Rows) -> None:
    """Raise UsageError if an input holds texts, which need a layer that makes tokens of them."""
    if any(map(is_text, list_arrays(rows.x))):
        raise UsageError(
            "x holds texts; expected numbers, or with texts= (--texts) a keras.layers.TextVectorization that turns "
            "them into tokens"
        )


def vectorise(parts: Sequence[Rows], layer: Any) -> list[Rows]:
    """Turn the texts of all parts into what a layer makes of them.

    Args:
        parts: The training rows, then other rows.
        layer: A layer with `adapt`, which is adapted to the texts of the training rows, unless it was made with a
            vocabulary.

    Raises:
        UsageError: The layer is none, no input holds texts, or their tokens have no fixed length.
    """
    if not (callable(layer) and callable(getattr(layer, "adapt", None))):
        raise UsageError(f"texts is a {type(layer).__name__}; expected {EXPECTED}")
    inputs = [array for array in list_arrays(parts[0].x) if is_text(array)]
    if len(inputs) != 1:
        raise UsageError(f"texts is given, but {len(inputs) or 'no'} inputs hold texts; expected one")
    try:
        if not _has_vocabulary(layer):
            layer.adapt(_blocks(inputs[0]))  # pyright: ignore[reportFunctionMemberAccess]
        found = [replace(rows, x=map_arrays(lambda array: _tokens(layer, array), rows.x)) for rows in parts]
        shapes = {tuple(array.shape[1:] for array in list_arrays(rows.x)) for rows in found}
    except Exception as fault:  # the layer may do anything
        raise UsageError(
            f"texts: {type(layer).__name__} can't make an array of the texts ({reason(fault)}). Has it an "
            "output_sequence_length?"
        ) from fault
    if len(shapes) > 1:
        raise UsageError(
            "texts: the layer makes rows of tokens of different lengths. Give it an output_sequence_length"
        )
    return found


def words_of(layer: Any) -> tuple[str, ...]:
    """Return the word of each token, if the layer has a vocabulary."""
    return tuple(map(str, layer.get_vocabulary())) if hasattr(layer, "get_vocabulary") else ()


def _has_vocabulary(layer: Any) -> bool:
    """Return whether the layer was made with a vocabulary, and so learns none."""
    return bool(layer.get_config().get("vocabulary")) if hasattr(layer, "get_config") else False


def _blocks(texts: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(texts), BLOCK):
        yield texts[start : start + BLOCK].astype(str)


def _tokens(layer: Any, array: np.ndarray) -> np.ndarray:
    if not is_text(array):
        return array
    return np.concatenate([np.asarray(layer(block)) for block in _blocks(array)])

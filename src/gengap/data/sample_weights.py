"""Weights of rows, from a column, and class weights in the training loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gengap.errors import BadRowError, DataError, UsageError
from gengap.text.catalog import Message

if TYPE_CHECKING:
    import pandas as pd

    from gengap.data.sources.blocks import SkippedRow


def check_weights(values: pd.Series, origin: str, column: str, skipped: Sequence[SkippedRow]) -> np.ndarray:
    """Return weights (rows,) float64. Raises UsageError for text and BadRowError for a negative weight."""
    if values.dtype.kind not in "iuf":
        raise UsageError(
            f"{origin}, column {column!r}: it holds no numbers, expected the rows' weights. Name another column "
            "with --weight"
        )
    weights = values.to_numpy(np.float64)
    if (weights < 0).any():
        index = int(np.argmax(weights < 0))
        problem = f"the weight is {weights[index]:g}, expected 0 or more"
        hint = "Correct the row, or name another column with --weight."
        raise BadRowError(origin, source_row_number(index, skipped), column, problem, hint)
    return weights


def source_row_number(index: int, skipped: Sequence[SkippedRow]) -> int:
    """Return the number in the table, from 1, of the good row `index`."""
    row = index + 1
    for bad in skipped:
        row += bad.row <= row
    return row


def normalise_weights(weights: np.ndarray, parts: Sequence[np.ndarray], origin: str, column: str) -> np.ndarray:
    """Return weights (rows,) float32 with the mean 1 in each part.

    Args:
        weights: The weights (rows,).
        parts: Row numbers of training, validation and test.
        origin: The table's name in errors.
        column: The column's name in errors.

    Raises:
        DataError: All weights of a part are 0.
    """
    found = np.zeros(len(weights), np.float32)
    for name, rows in zip(("training", "validation", "test"), parts, strict=True):
        if len(rows):
            if not (mean := weights[rows].mean()) > 0:
                raise DataError(
                    f"{origin}, column {column!r}: all {len(rows):,} {name} rows have the weight 0, expected some "
                    "above. Name another column with --weight, or split the rows otherwise"
                )
            found[rows] = weights[rows] / mean
    return found


def balanced(labels: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Return a factor for each row (rows,) float32, inversely proportional to the frequency of its class.

    This is scikit-learn's class_weight="balanced", n_samples / (n_classes * np.bincount(y)), after King & Zeng
    (2001), "Logistic Regression in Rare Events Data". With `weights`, rows are counted by their weights.

    >>> balanced(np.array([0, 0, 0, 1])).tolist()
    [0.6666666865348816, 0.6666666865348816, 0.6666666865348816, 2.0]
    """
    labels = labels.astype(np.int64)
    counts = np.bincount(labels, weights=weights)
    factors = np.divide(
        counts.sum(), np.count_nonzero(counts) * counts, out=np.zeros(len(counts)), where=counts > 0
    )
    return factors[labels].astype(np.float32)


def describe_weights(column: str | None, weights: Mapping[str, np.ndarray], balanced: bool) -> tuple[Message, ...]:
    """Return how rows and classes are weighted; `weights` are those of each part by its name."""
    messages = [] if column is None else [Message("table-weights", {"column": column})]
    for part, each in weights.items():
        values = {"part": part, "rows": len(each), "effective": round(effective_rows(each))}
        messages.append(Message("table-weights-effective", values))
    return (*messages, *[Message("table-class-weights")] * balanced)


def effective_rows(weights: np.ndarray) -> float:
    """Return the effective sample size of weighted rows, (sum w)² / sum w² (Kish 1965).

    >>> effective_rows(np.array([1.0, 1.0, 1.0, 1.0, 0.0])), effective_rows(np.array([3.0, 1.0]))
    (4.0, 1.6)
    """
    exact = weights.astype(np.float64)
    return float(exact.sum() ** 2 / (exact**2).sum())

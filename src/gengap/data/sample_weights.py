"""By how much rows count: the weights of a column, and the class weights that training adds to them."""

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
    """The column as weights (rows,) float64. Raises UsageError if it is text, BadRowError for a negative one."""
    if values.dtype.kind not in "iuf":
        raise UsageError(
            f"{origin}, column {column!r}: it holds no numbers, expected the rows' weights. Name another column "
            "with --weight"
        )
    weights = values.to_numpy(np.float64)
    if (weights < 0).any():
        index = int(np.argmax(weights < 0))
        problem = f"the weight is {weights[index]:g}, expected 0 or more"
        mend = "Mend the row, or name another column with --weight."
        raise BadRowError(origin, source_row_number(index, skipped), column, problem, mend)
    return weights


def source_row_number(index: int, skipped: Sequence[SkippedRow]) -> int:
    """Which row of the table, counted from 1, the good row `index` is."""
    row = index + 1
    for bad in skipped:
        row += bad.row <= row
    return row


def normalise_weights(weights: np.ndarray, parts: Sequence[np.ndarray], origin: str, column: str) -> np.ndarray:
    """The weights (rows,) float32, of mean 1 in each of the `parts`: only how its rows compare matters.

    `parts` are row numbers of training, validation and test. Raises DataError where a part's weights are all 0.
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
    """A factor for each row (rows,) float32, inversely proportional to the frequency of its class.

    That is scikit-learn's class_weight="balanced", n_samples / (n_classes * np.bincount(y)), after King & Zeng
    (2001), Logistic Regression in Rare Events Data; rows of `weights` are counted by these, as scikit-learn does.

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
    """How many rows of one weight give a mean as exact as these (rows,) do: (sum w)² / sum w² (Kish 1965).

    >>> effective_rows(np.array([1.0, 1.0, 1.0, 1.0, 0.0])), effective_rows(np.array([3.0, 1.0]))
    (4.0, 1.6)
    """
    exact = weights.astype(np.float64)
    return float(exact.sum() ** 2 / (exact**2).sum())

"""Signs that rows of validation are known in training: equal rows, a feature that is the target, a loss near 0."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from gengap.analysis.leak_signs import telling_findings, too_good
from gengap.check.inputs import Inputs
from gengap.diagnose.verdict import Finding
from gengap.stats.single_features import FeatureColumn

LEAST_SHARE = 0.01  # of validation rows that are training rows too
BY_CHANCE = 2.0  # times the equal rows that independent columns would have


def find_leaks(inputs: Inputs, loss: float, constant: float | None) -> list[Finding]:
    """Return the findings that hint at a leak.

    Args:
        inputs: The rows.
        loss: Validation loss of the estimator.
        constant: That of the best constant; None if it is unknown.
    """
    found: list[Finding] = []
    if (equal := repeated_rows(inputs)) is not None:
        found.append(Finding("equal-rows", "warning", {"count": equal, "rows": inputs.rows}, ("group-equal-rows",)))
    found += telling_findings(_columns(inputs.X), inputs.labels, inputs.by_class)
    return found + too_good(loss, constant)


def _named_columns(X: Any) -> list[tuple[str, np.ndarray]]:
    """Return the columns of a table or an array with their names; sparse matrices have none."""
    if hasattr(X, "tocsr"):
        return []
    if hasattr(X, "iloc"):  # names of a table of pandas may be there twice
        return [(str(name), np.asarray(X.iloc[:, at])) for at, name in enumerate(X.columns)]
    if hasattr(X, "columns"):
        return [(str(name), np.asarray(X[name])) for name in X.columns]
    return [(f"column {at}", column) for at, column in enumerate(np.asarray(X).reshape(len(X), -1).T)]


def _numbered(values: np.ndarray) -> np.ndarray | None:
    """Return whole numbers (rows,) that are equal where values are; None if they can't be compared, as lists."""
    import pandas as pd

    try:
        return pd.factorize(pd.Series(values))[0]
    except TypeError:
        return None


def _codes(inputs: Inputs) -> np.ndarray | None:
    """Return the columns as whole numbers (rows, columns); None if they are too many or can't be compared."""
    columns = _named_columns(inputs.X)
    if not columns or len(columns) * inputs.rows > 2e7:
        return None
    codes = [code for _, values in columns if (code := _numbered(values)) is not None]
    return np.stack(codes, axis=1) if len(codes) == len(columns) else None


def repeated_rows(inputs: Inputs) -> int | None:
    """Return how many validation rows equal a training row of their fold, target included; None if few do.

    Columns of few values have equal rows by chance. So the number is compared with that of independent columns.
    """
    codes = _codes(inputs)
    if codes is None:
        return None
    target = np.unique(inputs.labels, axis=0, return_inverse=True)[1].reshape(-1, 1)
    codes = np.concatenate([codes, target], axis=1)
    _, row = np.unique(codes, axis=0, return_inverse=True)
    row = row.reshape(-1)
    count = sum(int(np.isin(row[test], row[train]).sum()) for train, test in inputs.folds)
    shares = [np.bincount(column + 1) / len(column) for column in codes.T]
    log_pair = float(sum(np.log((share**2).sum()) for share in shares))
    chance = inputs.rows * min(np.exp(log_pair) * inputs.rows, 1.0)
    return count if count > max(LEAST_SHARE * inputs.rows, BY_CHANCE * chance) else None


def _columns(X: Any) -> Iterator[FeatureColumn]:
    for name, values in _named_columns(X):
        if values.dtype.kind in "biuf":
            yield FeatureColumn(name, values.astype(np.float64))
        elif values.dtype.kind in "OU" and (codes := _numbered(values)) is not None:
            yield FeatureColumn(name, codes + 1, is_category=True)  # 0 where the value is missing

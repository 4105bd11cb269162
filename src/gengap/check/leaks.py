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


def _codes(inputs: Inputs) -> np.ndarray | None:
    """Return the columns as whole numbers (rows, columns) that are equal where values are; None if too large."""
    import pandas as pd

    X = inputs.X
    if hasattr(X, "tocsr"):
        return None
    columns = (
        [X[name] for name in X.columns] if hasattr(X, "columns") else list(np.asarray(X).reshape(len(X), -1).T)
    )
    if not columns or len(columns) * inputs.rows > 2e7:
        return None
    return np.stack([pd.factorize(pd.Series(list(c) if hasattr(c, "to_list") else c))[0] for c in columns], axis=1)


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
    count = sum(int(np.isin(row[test], row[train]).sum()) for train, test in inputs.repeats[0])
    shares = [np.bincount(column + 1) / len(column) for column in codes.T]
    log_pair = float(sum(np.log((share**2).sum()) for share in shares))
    chance = inputs.rows * min(np.exp(log_pair) * inputs.rows, 1.0)
    return count if count > max(LEAST_SHARE * inputs.rows, BY_CHANCE * chance) else None


def _columns(X: Any) -> Iterator[FeatureColumn]:
    """Yield the columns of a table or an array; sparse matrices have none."""
    import pandas as pd

    if hasattr(X, "tocsr"):
        return
    if not hasattr(X, "columns"):
        X = np.asarray(X).reshape(len(X), -1)
        named = ((f"column {at}", column) for at, column in enumerate(X.T))
    else:
        named = ((str(name), np.asarray(X[name])) for name in X.columns)
    for name, values in named:
        if values.dtype.kind in "biuf":
            yield FeatureColumn(name, values.astype(np.float64))
        elif values.dtype.kind in "OU":
            codes = pd.factorize(pd.Series(values), use_na_sentinel=False)[0]
            yield FeatureColumn(name, codes, is_category=True)

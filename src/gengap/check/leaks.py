"""Signs that rows of validation are known in training: equal rows, a feature that is the target, a loss near 0."""

from __future__ import annotations

from typing import Any

import numpy as np

from gengap.check.inputs import Inputs
from gengap.diagnose.verdict import Finding

LEAST_SHARE = 0.01  # of validation rows that are training rows too
BY_CHANCE = 2.0  # times the equal rows that independent columns would have
ALONE = 0.99  # area under the ROC curve, or rank correlation, of a feature that is the target
TOO_GOOD = 0.02  # of the loss of a constant: below, the validation loss is too good
MOST_ROWS = 20_000  # rows on which single features are tested
MOST_FEATURES = 2_000


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
    for name, strength in telling_features(inputs):
        kind = "auc" if inputs.by_class else "correlation"
        found.append(
            Finding(
                "one-feature", "warning", {"feature": name, "kind": kind, "strength": strength}, ("check-feature",)
            )
        )
    if constant is not None and constant > 0 and loss < TOO_GOOD * constant:
        found.append(Finding("too-good", "warning", {"share": loss / constant}, ("check-leak",)))
    return found


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


def telling_features(inputs: Inputs) -> list[tuple[str, float]]:
    """Return features that alone predict the target, with their strength: at most three, the strongest first."""
    import pandas as pd

    y = inputs.labels
    if y.ndim != 1:
        return []
    rows = np.random.default_rng(0).permutation(len(y))[:MOST_ROWS]
    found: list[tuple[str, float]] = []
    for name, values in _numeric_columns(inputs.X):
        if len(found) > MOST_FEATURES:
            break
        ranks = pd.Series(values[rows]).rank().fillna(0).to_numpy()
        strength = _strength(ranks, y[rows], inputs.by_class)
        if strength >= ALONE:
            found.append((name, strength))
    return sorted(found, key=lambda each: -each[1])[:3]


def _numeric_columns(X: Any) -> list[tuple[str, np.ndarray]]:
    if hasattr(X, "tocsr"):
        return []
    if hasattr(X, "columns"):
        kinds = {name: np.asarray(X[name]) for name in list(X.columns)[:MOST_FEATURES]}
    else:
        kinds = {
            f"column {at}": column for at, column in enumerate(np.asarray(X).reshape(len(X), -1).T[:MOST_FEATURES])
        }
    return [(str(name), values.astype(np.float64)) for name, values in kinds.items() if values.dtype.kind in "biuf"]


def _strength(ranks: np.ndarray, y: np.ndarray, by_class: bool) -> float:
    """Return the largest area under the ROC curve of any class, or the absolute rank correlation."""
    if np.ptp(ranks) == 0:
        return 0.0
    if not by_class:
        from scipy.stats import rankdata

        return float(abs(np.corrcoef(ranks, rankdata(y))[0, 1])) if np.ptp(y) else 0.0
    areas = []
    for label in np.unique(y):
        inside = y == label
        positives, negatives = int(inside.sum()), int((~inside).sum())
        if min(positives, negatives) >= 5:
            area = (ranks[inside].sum() - positives * (positives + 1) / 2) / (positives * negatives)
            areas.append(max(area, 1 - area))
    return float(min(areas, default=0.0)) if len(areas) > 1 else 0.0

"""Findings that hint at a leak: a feature that alone predicts the target, or a loss that is too good to be true."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from gengap.data.dataset import Dataset
from gengap.data.encoding import Category, features_of
from gengap.diagnose.verdict import Finding
from gengap.stats.single_features import FeatureColumn, telling_features

TOO_GOOD = 0.02  # of the loss of a constant


def telling_findings(columns: Iterable[FeatureColumn], y: np.ndarray, by_class: bool) -> list[Finding]:
    """Return a finding for each feature that alone predicts the target; see `telling_features`."""
    kind = "auc" if by_class else "correlation"
    return [
        Finding("one-feature", "warning", {"feature": name, "kind": kind, "strength": strength}, ("check-feature",))
        for name, strength in telling_features(columns, y, by_class)
    ]


def too_good(loss: float, constant: float | None) -> list[Finding]:
    """Return a finding if a validation loss is far below that of the best constant, which may be unknown."""
    if constant is None or constant <= 0 or loss >= TOO_GOOD * constant:
        return []
    return [Finding("too-good", "warning", {"share": loss / constant}, ("check-leak",))]


def find_leaks(dataset: Dataset, loss: float | None, constant: float | None) -> tuple[Finding, ...]:
    """Return what hints at a leak in the rows of a table.

    `loss` is the expected one of the recommended model and `constant` that of the best constant, if they are known.
    """
    if not dataset.encoding.steps:
        return ()
    rows = dataset.train.sample()
    labels = dataset.task.labels(rows.y)
    found = telling_findings(_columns(dataset, rows.x), labels, dataset.task.by_class)
    # Numbers without noise, such as those of a formula, may be learnt that well.
    return (*found, *(too_good(loss, constant) if loss is not None and dataset.task.by_class else ()))


def _columns(dataset: Dataset, x: np.ndarray) -> Iterator[FeatureColumn]:
    """Yield all features, and each column of more than two categories as one."""
    first = 0
    for step in dataset.encoding.steps:
        names = features_of(step)
        block = x[:, first : first + len(names)]
        first += len(names)
        if isinstance(step, Category) and len(step.features) > 1:
            yield FeatureColumn(step.name, block.argmax(axis=1), is_category=True)
        else:
            yield from (FeatureColumn(name, block[:, at]) for at, name in enumerate(names))

"""How an estimator's loss is measured: a loss for every row, or a score for every fold.

| estimator, or `scoring` | loss |
|---|---|
| classifier with probabilities | log loss of each row |
| classifier with decision values | log loss of probabilities from decision values, calibrated on the other folds |
| other classifier | 1 for a wrong class |
| regressor | squared error |
| another scorer | one loss for each fold |
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.special import expit

from gengap.check.inputs import Inputs
from gengap.errors import UsageError, did_you_mean, reason

LossName = Literal[
    "log-loss", "calibrated-log-loss", "zero-one", "brier", "squared-error", "absolute-error", "score"
]
BY_SCORING: dict[str, LossName] = {
    "neg_log_loss": "log-loss",
    "accuracy": "zero-one",
    "neg_brier_score": "brier",
    "neg_mean_squared_error": "squared-error",
    "r2": "squared-error",  # a share of 1 - R2 is the same share of the squared error
    "neg_mean_absolute_error": "absolute-error",
}
PLATT_C = 100.0  # inverse strength of the penalty
OF_CLASSES = ("log-loss", "calibrated-log-loss", "zero-one", "brier")


@dataclass(frozen=True, eq=False)
class Loss:
    """How the loss of an estimator is measured.

    Attributes:
        name: The kind of loss.
        method: The method of the estimator that gives its outputs; "score" for a scorer.
        label: What people call it: the scoring that was named, or that of scikit-learn with the same meaning.
        scorer: The scorer `(estimator, X, y)`, for losses of folds.
    """

    name: LossName
    method: str
    label: str
    scorer: Callable[..., float] | None = None

    @property
    def by_row(self) -> bool:
        """Whether there is a loss for every row."""
        return self.scorer is None

    @property
    def by_fold(self) -> bool:
        """Whether the losses of a fold need no other fold: calibration and scores do."""
        return self.by_row and self.name != "calibrated-log-loss"


def choose_loss(estimator: Any, inputs: Inputs, scoring: str | Callable[..., float] | None) -> Loss:
    """Return the loss that `scoring` names, or the one that suits the estimator.

    Raises:
        UsageError: If there is no such scoring, or it doesn't fit the estimator or the target.
    """
    if scoring is None:
        if not inputs.by_class:
            return Loss("squared-error", "predict", "neg_mean_squared_error")
        if _has(estimator, "predict_proba"):
            return Loss("log-loss", "predict_proba", "neg_log_loss")
        if _has(estimator, "decision_function"):
            return Loss("calibrated-log-loss", "decision_function", "neg_log_loss")
        return Loss("zero-one", "predict", "accuracy")
    name = BY_SCORING.get(scoring) if isinstance(scoring, str) else None
    if name is None:
        return Loss("score", "score", scoring if isinstance(scoring, str) else "score", _scorer(scoring))
    if (name in OF_CLASSES) != inputs.by_class:
        kind = "a classifier" if name in OF_CLASSES else "a regressor"
        raise UsageError(f"scoring is {scoring!r}, which is for {kind}; leave scoring out, or name another one")
    if name in ("log-loss", "brier") and not _has(estimator, "predict_proba"):
        raise UsageError(
            f"scoring is {scoring!r}, but {type(estimator).__name__} has no predict_proba; leave scoring out: "
            "decision values are then calibrated"
        )
    return Loss(name, "predict_proba" if name in ("log-loss", "brier") else "predict", str(scoring))


def _has(estimator: Any, method: str) -> bool:
    with contextlib.suppress(Exception):
        return callable(getattr(estimator, method, None))
    return False


def _scorer(scoring: str | Callable[..., float]) -> Callable[..., float]:
    from sklearn.metrics import get_scorer, get_scorer_names

    if callable(scoring):
        return scoring
    try:
        return get_scorer(scoring)
    except (ValueError, TypeError):
        hint = did_you_mean(scoring, get_scorer_names())
        raise UsageError(f"scoring is {scoring!r}; expected the name of a scikit-learn scorer.{hint}") from None


def best_score(scores: np.ndarray, loss: Loss) -> float:
    """Return the best possible score: 0 for errors as negative numbers, 1 for others.

    Args:
        scores: The scores of the given estimator.
        loss: A scorer's loss; scikit-learn's scorers of errors have the sign -1.
    """
    sign = getattr(loss.scorer, "_sign", None)
    return float(np.nanmax(scores) > 0 if sign is None else sign > 0)


def check_scores(scores: np.ndarray, best: float, label: str) -> np.ndarray:
    """Return the losses of scores: how far they are below the best possible one.

    Raises:
        UsageError: If scores are above 1, so that no relative gain exists.
    """
    if np.nanmax(scores) > 1:
        raise UsageError(
            f"scoring {label}: a score is {np.nanmax(scores):.4g}; expected scores of at most 1, or errors as "
            "negative numbers, so that a share of the loss means something"
        )
    return best - scores


def align(outputs: np.ndarray, fitted_classes: Any, inputs: Inputs) -> np.ndarray:
    """Return probabilities or decisions (rows, classes) with a column for each class of the whole target."""
    outputs = np.asarray(outputs, dtype=np.float64)
    if outputs.ndim == 1 or inputs.classes is None or fitted_classes is None:
        return outputs
    if outputs.shape[1] == len(inputs.classes):
        return outputs
    whole = np.zeros((len(outputs), len(inputs.classes)))
    whole[:, np.searchsorted(inputs.classes, fitted_classes)] = outputs
    return whole


def row_losses(loss: Loss, y: np.ndarray, outputs: np.ndarray, least: float) -> np.ndarray:
    """Return each row's loss, of shape (rows,).

    Args:
        loss: How it is measured.
        y: Class indices or numbers, of shape (rows,) or (rows, targets).
        outputs: Probabilities (rows, classes), classes' indices (rows,) or numbers.
        least: The smallest probability: n rows can't show a probability below 1 / (2 n), and a single row that a
            tree calls impossible must not decide everything.
    """
    if loss.name in ("log-loss", "calibrated-log-loss"):
        chosen = outputs[np.arange(len(y)), y]
        return -np.log(np.clip(chosen, least, 1.0))
    if loss.name == "brier":
        hot = np.eye(outputs.shape[1])[y]
        return ((outputs - hot) ** 2).sum(axis=1) / (2 if outputs.shape[1] == 2 else 1)
    if loss.name == "zero-one":
        return (outputs != y).astype(np.float64)
    apart = np.reshape(outputs, y.shape) - y
    power = np.abs(apart) if loss.name == "absolute-error" else apart**2
    return power if power.ndim == 1 else power.mean(axis=1)


def calibrate(decisions: np.ndarray, y: np.ndarray, folds: np.ndarray, classes: int) -> np.ndarray:
    """Return probabilities (rows, classes) from decision values, each fold's calibrated on the other folds.

    Platt (1999), "Probabilistic outputs for support vector machines": a logistic regression on the decision values.

    Args:
        decisions: Decision values of shape (rows,) or (rows, k).
        y: Class indices, of shape (rows,).
        folds: Number of each row's fold, of shape (rows,).
        classes: Number of classes.
    """
    values = decisions if decisions.ndim == 2 else decisions[:, None]
    whole = np.full((len(y), classes), 0.0)
    for fold in np.unique(folds):
        inside = folds == fold
        found, probabilities = _platt(values[~inside], y[~inside], values[inside])
        whole[np.ix_(np.flatnonzero(inside), found)] = probabilities
    return whole


def calibrate_other(decisions: np.ndarray, y: np.ndarray, others: np.ndarray, classes: int) -> np.ndarray:
    """Return probabilities of other rows' decision values `others`, calibrated on `decisions` and `y`."""
    first, second = (each if each.ndim == 2 else each[:, None] for each in (decisions, others))
    whole = np.zeros((len(second), classes))
    found, probabilities = _platt(first, y, second)
    whole[:, found] = probabilities
    return whole


def _platt(values: np.ndarray, y: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the classes in `y` and their probabilities for `others`."""
    from sklearn.linear_model import LogisticRegression

    centre, scale = values.mean(axis=0), values.std(axis=0) + 1e-12
    known, new = (values - centre) / scale, (others - centre) / scale
    found = np.unique(y)
    if len(found) < 2:
        return found, np.ones((len(others), 1))
    if len(found) == 2 and values.shape[1] == 1:
        slope, offset = _logistic(known[:, 0], y == found[1])
        second = expit(slope * new[:, 0] + offset)
        return found, np.stack([1 - second, second], axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = LogisticRegression(C=PLATT_C, max_iter=200).fit(known, y)
    return found, model.predict_proba(new)


def _logistic(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Return slope and offset of a logistic regression, by Newton's method: much faster than a general solver."""
    rows, penalty = np.stack([x, np.ones_like(x)], axis=1), np.array([1 / PLATT_C, 1e-9])
    found = np.zeros(2)
    for _ in range(50):
        p = expit(rows @ found)
        curvature = (rows.T * (p * (1 - p))) @ rows + np.diag(penalty)
        step = np.linalg.solve(curvature, rows.T @ (p - y) + penalty * found)
        found -= step * min(1.0, 2 / np.abs(step).max(initial=1e-12))
        if np.abs(step).max() < 1e-8:
            break
    return float(found[0]), float(found[1])


def scored(scorer: Callable[..., float], fitted: Any, X: Any, y: Any, label: str) -> float:
    """Return a scorer's value. Raises UsageError if the scorer fails."""
    try:
        return float(scorer(fitted, X, y))
    except Exception as fault:
        raise UsageError(
            f"scoring {label}: it failed with {reason(fault)!r}; expected scorer(estimator, X, y)"
        ) from fault

"""The rows of a check: features and target as given, checked, with folds and weights."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gengap.check.estimators import name_of
from gengap.data.split import draw_folds
from gengap.errors import DataError, TooFewRowsError, UsageError, counted, reason, shown
from gengap.tasks.kinds import CLASSES_GUESSED, MOST_CLASSES

FEW_ROWS = 300  # up to here, there are more folds by default: few folds depend much on how rows are drawn
FOLDS, FOLDS_OF_FEW = 5, 10
FEWEST_IN_FOLD = 5  # validation rows, for the larger number of folds
FEWEST_ROWS = 10
ROWS_OF_CLASS = 10  # on average, of classes whose numbers have gaps
Fold = tuple[np.ndarray, np.ndarray]  # indices of training rows and of validation rows


@dataclass(frozen=True, eq=False)
class Inputs:
    """The rows and their folds.

    Attributes:
        X: Features as they were given: an array, a sparse matrix, a DataFrame, or an array (rows,) of texts.
        y: The target as it was given, as an array.
        labels: Class indices (rows,) or numbers (rows,) or (rows, targets).
        classes: The classes in sorted order; None for numbers.
        weights: Weight of each row, of shape (rows,); None without weights.
        groups: Group of each row, of shape (rows,); None without groups.
        folds: The training and validation rows of each fold.
        split: How the rows were split: "random", "stratified", "group", "time" or "own".
        by_time: Whether the rows are in the order of their times.
    """

    X: Any
    y: np.ndarray
    labels: np.ndarray
    classes: np.ndarray | None
    weights: np.ndarray | None
    groups: np.ndarray | None
    folds: tuple[Fold, ...]
    split: str
    by_time: bool

    @property
    def by_class(self) -> bool:
        """Whether the target has classes."""
        return self.classes is not None

    @property
    def has_texts(self) -> bool:
        """Whether X is one text for each row, which the estimator turns into columns."""
        return isinstance(self.X, np.ndarray) and self.X.ndim == 1

    @property
    def class_count(self) -> int:
        """The number of classes; 0 for numbers."""
        return 0 if self.classes is None else len(self.classes)

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.labels)

    @property
    def train_rows(self) -> int:
        """The mean number of training rows of a fold."""
        return round(float(np.mean([len(train) for train, _ in self.folds])))

    @property
    def least_probability(self) -> float:
        """The smallest probability that this number of rows can show."""
        return 1 / (2 * self.rows)


def take(values: Any, indices: np.ndarray) -> Any:
    """Return the rows of an array, a sparse matrix or a DataFrame."""
    if hasattr(values, "iloc"):
        return values.iloc[indices]
    if hasattr(values, "select") and hasattr(values, "columns"):  # polars
        return values[indices.tolist()]
    return values[indices]


def row_count(values: Any) -> int:
    """Return the number of rows of an array, a sparse matrix or a DataFrame."""
    return values.shape[0] if hasattr(values, "shape") else len(values)


def read_inputs(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    cv: Any = None,
    groups: Any = None,
    time: Any = None,
    sample_weight: Any = None,
    seed: int = 0,
) -> Inputs:
    """Check the rows and split them into folds.

    Raises:
        UsageError: If arguments contradict each other or are wrong.
        DataError: If the rows can't be used.
    """
    from sklearn.model_selection import TimeSeriesSplit

    X, y = _features(X), _target(y)
    count = row_count(X)
    if count != len(y):
        raise DataError(f"X has {counted(count, 'row')} and y has {len(y):,}; expected a target for each row")
    if count < FEWEST_ROWS:
        raise TooFewRowsError(
            f"a check needs at least {FEWEST_ROWS} rows; here {'is' if count == 1 else 'are'} {count}"
        )
    labels, classes = _labels(estimator, y)
    y = labels if classes is None and y.dtype.kind not in "biuf" else y
    weights = _column("sample_weight", sample_weight, count)
    if weights is not None:
        weights = _numbers(weights)
        if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.sum() > 0):
            raise DataError("sample_weight: expected numbers of 0 or more, not all 0")
        weights = weights / weights.mean()
    group, times = _column("groups", groups, count), _column("time", time, count)
    if group is not None and times is not None:
        raise UsageError("groups and time are both given; rows are split by one of them. Leave one out")
    order = np.arange(count) if times is None else np.argsort(times, kind="stable")
    if times is not None:
        X, y, labels = take(X, order), y[order], labels[order]
        weights = None if weights is None else weights[order]
    folds, split = _folds(cv, X, y, classes is not None, group, times is not None, seed)
    if split == "own" and not hasattr(cv, "split"):  # indices are those of the rows as they were given
        place = np.argsort(order)
        folds = tuple((place[train], place[test]) for train, test in folds)
    by_time = times is not None or isinstance(cv, TimeSeriesSplit)
    if weights is not None:
        folds = tuple(fold for fold in folds if weights[fold[1]].any())
        if len(folds) < 2:
            raise DataError("sample_weight: fewer than two folds have validation rows with a weight above 0")
    if group is not None and len(np.unique(group[np.concatenate([test for _, test in folds])])) < 2:
        raise DataError("groups: all validation rows are of one group; expected at least two groups")
    return Inputs(X, y, labels, classes, weights, group, folds, split, by_time)


def _features(X: Any) -> Any:
    if hasattr(X, "tocsr"):
        return X.tocsr()
    if hasattr(X, "columns") and (hasattr(X, "iloc") or hasattr(X, "select")):
        return X
    array = np.asarray(X)
    if array.ndim == 1 and len(array) and all(isinstance(each, str) for each in array):
        return array.astype(object)  # a vectorizer of texts takes them as one column
    if array.ndim < 2:
        raise DataError(
            f"X has the shape {array.shape}; expected rows and columns: X.reshape(-1, 1) for one column"
        )
    return array


def _target(y: Any) -> np.ndarray:
    if y is None:
        raise UsageError("y is missing; a check needs the target of each row")
    array = np.asarray(y)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    return _finite(array) if array.dtype.kind == "f" else array


def _finite(y: np.ndarray) -> np.ndarray:
    """Return the numbers of a target. Raises DataError if some are missing or infinite."""
    if not np.isfinite(y).all():
        raise DataError(f"y: {_some(~np.isfinite(y))} missing or infinite; leave these rows out")
    return y


def _numbers(values: np.ndarray) -> np.ndarray:
    """Return values as numbers, with NaN in place of others."""
    if values.dtype.kind in "biuf":
        return values.astype(np.float64)
    return np.array(list(map(_number, values.reshape(-1).tolist()))).reshape(values.shape)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.nan


def _labels(estimator: Any, y: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Return class indices and classes, or numbers and None."""
    import pandas as pd
    from sklearn.base import is_classifier, is_regressor
    from sklearn.utils.multiclass import type_of_target

    by_class = is_classifier(estimator)
    if not by_class and not is_regressor(estimator):
        by_class = type_of_target(y) in ("binary", "multiclass")
    if not by_class:
        numbers = _numbers(y)
        if (others := np.isnan(numbers) & ~pd.isna(y)).any():
            raise DataError(
                f"y: {name_of(estimator)} predicts numbers, but a target is {shown(y[others][0])}; use a "
                "classifier for classes"
            )
        return _finite(numbers), None
    if y.ndim != 1:
        raise DataError(f"y has the shape {y.shape}; a check needs one class for each row, not several labels")
    try:
        classes, labels = np.unique(y, return_inverse=True)
    except TypeError:
        raise DataError(
            "y: the classes have several types; make all of them text, or all of them numbers"
        ) from None
    if len(classes) < 2:
        raise DataError(f"y: all rows have the class {shown(classes[0])}; a check needs at least two classes")
    if _are_quantities(classes, len(y)):
        raise UsageError(
            f"y has {len(classes):,} distinct numbers, such as {shown(classes[len(classes) // 2])}, but "
            f"{name_of(estimator)} predicts classes; use a regressor. If they are classes, give them as text: "
            "y.astype(str)"
        )
    return labels.reshape(-1), classes


def _are_quantities(classes: np.ndarray, rows: int) -> bool:
    """Return whether the distinct values of a target are quantities and not classes.

    Numbers of classes are whole and most often follow each other. Those with gaps are taken for classes if they are
    few, or each has several rows.
    """
    if classes.dtype.kind not in "iuf":
        return False
    if not (classes == np.round(classes)).all():  # scikit-learn takes them for continuous
        return True
    if len(classes) <= CLASSES_GUESSED:
        return False
    gaps = float(classes[-1]) - float(classes[0]) + 1 != len(classes)
    return gaps and (len(classes) > MOST_CLASSES or rows < ROWS_OF_CLASS * len(classes))


def _column(name: str, values: Any, count: int) -> np.ndarray | None:
    import pandas as pd

    if values is None:
        return None
    array = np.asarray(values)
    if array.shape != (count,):
        raise DataError(f"{name} has the shape {array.shape}; expected one value for each of the {count:,} rows")
    if name != "sample_weight" and (missing := pd.isna(array)).any():
        raise DataError(f"{name}: {_some(missing)} missing; leave these rows out")
    return array


def _some(rows: np.ndarray) -> str:
    """Return how many values are meant, with the verb, as in "1 value is"."""
    count = int(rows.sum())
    return f"{counted(count, 'value')} {'is' if count == 1 else 'are'}"


def _folds(
    cv: Any, X: Any, y: np.ndarray, by_class: bool, group: np.ndarray | None, by_time: bool, seed: int
) -> tuple[tuple[Fold, ...], str]:
    """Return the folds, and how rows were split."""
    from sklearn.model_selection import TimeSeriesSplit

    if cv is None:
        cv = _fold_count(len(y), group, by_time)
    if not isinstance(cv, (int, np.integer)):
        return _own_folds(cv, X, y, group), "own"
    if cv < 2 or cv > len(y):
        raise UsageError(f"cv is {cv}; expected at least 2 folds, and at most one for each of the {len(y):,} rows")
    if by_time:
        return tuple(TimeSeriesSplit(int(cv)).split(y)), "time"
    if group is not None and len(np.unique(group)) < cv:
        raise UsageError(f"groups: there are too few for {cv} folds, {len(np.unique(group))}; give a smaller cv")
    split = "group" if group is not None else "stratified" if by_class else "random"
    return tuple(draw_folds(int(cv), len(y), y if by_class else None, seed, group)), split


def _fold_count(rows: int, group: np.ndarray | None, by_time: bool) -> int:
    """Return the default number of folds: more where rows are few, so that training has almost all of them."""
    enough = rows >= FOLDS_OF_FEW * FEWEST_IN_FOLD and (group is None or len(np.unique(group)) >= FOLDS_OF_FEW)
    return FOLDS_OF_FEW if enough and rows <= FEW_ROWS and not by_time else FOLDS


def _own_folds(cv: Any, X: Any, y: np.ndarray, group: np.ndarray | None) -> tuple[Fold, ...]:
    """Return the folds of a splitter, or of an iterable of pairs of indices."""
    split = None if isinstance(cv, str) else getattr(cv, "split", None)
    if split is None and (isinstance(cv, str) or not isinstance(cv, Iterable)):
        raise UsageError(f"cv is {cv!r}; expected a number of folds, a splitter, or pairs of row indices")
    try:
        folds: Sequence[Any] = list(cv if split is None else split(X, y, group))
    except (TypeError, ValueError) as fault:
        raise UsageError(f"cv: {type(cv).__name__} can't split these rows: {reason(fault)}") from fault
    try:
        pairs = tuple((np.asarray(train), np.asarray(test)) for train, test in folds)
    except (TypeError, ValueError):
        raise UsageError("cv: expected pairs of indices: training rows and validation rows") from None
    if len(pairs) < 2:
        raise UsageError(f"cv gives {counted(len(pairs), 'fold')}; expected at least two")
    if any(rows.dtype.kind not in "iu" or rows.ndim != 1 for pair in pairs for rows in pair):
        raise UsageError(
            "cv: expected pairs of indices, which are whole numbers: training rows and validation rows"
        )
    if not all(rows.size for pair in pairs for rows in pair):
        raise UsageError("cv: a fold has no training rows or no validation rows; leave it out")
    used = np.concatenate([rows for pair in pairs for rows in pair])
    if (outside := used[(used < -len(y)) | (used >= len(y))]).size:
        raise UsageError(f"cv: there is no row {outside[0]}; expected indices below {len(y):,}")
    return pairs

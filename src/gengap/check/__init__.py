"""`check()`: does an estimator under- or overfit? Simpler and more flexible versions of it say so.

estimator, X, y -> inputs (folds) -> walk along the complexity path -> gains -> judge -> CheckResult
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from gengap.check.result import CheckResult


def check(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    cv: Any = None,
    groups: Any = None,
    time: Any = None,
    sample_weight: Any = None,
    scoring: str | Callable[..., float] | None = None,
    complexity: str | tuple[str, Sequence[Any]] | None = None,
    min_effect: float = 0.01,
    n_jobs: int | None = None,
    random_state: int | np.random.RandomState | None = 0,
    progress: Callable[[int, str], None] | None = None,
) -> CheckResult:
    """Return whether an estimator under- or overfits, and which setting would do better.

    An estimator overfits if a simpler version of it does better on new rows by more than `min_effect`. It underfits
    if a more flexible one does. It fits if neither does, however far training is ahead.

    Args:
        estimator: A scikit-learn estimator, pipeline or search, or one of XGBoost, LightGBM or CatBoost. It is
            copied, never changed.
        X: Features of shape (rows, columns): an array, a sparse matrix or a DataFrame. Or a text for each row,
            which a vectorizer of the estimator takes.
        y: The target, of shape (rows,); numbers may have the shape (rows, targets).
        cv: Number of folds, a splitter of scikit-learn, or pairs of row indices. Default: 10 folds with 50 to
            300 rows, unless they are split by time or a scorer needs larger folds; 5 otherwise.
        groups: Group of each row; rows of a group stay in one fold.
        time: Time of each row; models are validated on later rows than they are trained on.
        sample_weight: Weight of each row, in training and in the losses.
        scoring: Name of a scorer or `scorer(estimator, X, y)`. Default: log loss for classes, squared error for
            numbers.
        complexity: Parameter to change, or it and its values from the simplest to the most flexible, as in
            `("alpha", [10, 1, 0.1])`. Default: known for most estimators.
        min_effect: The smallest change that matters, as a share of the loss.
        n_jobs: Number of fits at the same time, as joblib takes it. `joblib.parallel_config` chooses the backend.
        random_state: Seed of the folds, and of estimators without one; None for another one each time.
        progress: Function that is called with the number of finished fits and what runs.

    Returns:
        The verdict, the losses along the path, the reference models and the learning curve.

    Raises:
        UsageError: If an argument is wrong.
        DataError: If the rows can't be used, or the estimator can't be fitted.
    """
    from gengap.check.run import run_check

    return run_check(
        estimator,
        X,
        y,
        cv=cv,
        groups=groups,
        time=time,
        sample_weight=sample_weight,
        scoring=scoring,
        complexity=complexity,
        min_effect=min_effect,
        n_jobs=n_jobs,
        seed=random_state,
        progress=progress,
    )


class _CallableCheck(ModuleType):
    """Make the package callable, because `gengap.check` is the name of the package and of its function."""

    __call__ = staticmethod(check)


sys.modules[__name__].__class__ = _CallableCheck
__doc__ = check.__doc__  # what `help(gengap.check)` shows first

"""`GengapRegressor`."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin

from gengap.estimators.network import NetworkEstimator, validate_rows
from gengap.tasks import Regression


class GengapRegressor(RegressorMixin, NetworkEstimator):
    """A network of gengap's as a scikit-learn regressor for one target, that judges its own training.

    Parameters as for `GengapClassifier`, without `class_weight`. The target is standardised too, and the mean
    squared error of the rows held out decides when to stop; `history_` is in units of that standardised target.

    Fitted attributes: those of `GengapClassifier`, without `classes_`.

    >>> import numpy as np
    >>> X = np.linspace(-1, 1, 80)[:, None]
    >>> regressor = GengapRegressor((8,), max_epochs=60, random_state=0).fit(X, 3 * X[:, 0] + 5)
    >>> abs(float(regressor.predict([[0.5]])[0]) - 6.5) < 0.5
    True
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> GengapRegressor:
        """Trains on X (n, features) and targets y (n,), all numbers; `sample_weight` (n,) may leave rows out by 0.

        Raises ValueError if there are fewer than two rows, or if something is missing or no number.
        """
        X, y, weights = validate_rows(self, X, y, sample_weight, y_numeric=True)
        self._train(X, y.astype(np.float64), weights, Regression(), None)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The target of each row, (n,)."""
        outputs = self._outputs(X)
        return self._task.answers(outputs)["prediction"]

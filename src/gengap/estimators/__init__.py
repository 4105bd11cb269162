"""`GengapClassifier` and `GengapRegressor`: gengap's networks as scikit-learn estimators, with a verdict.

X, y -> held-out rows -> standardised columns -> one trained network -> its best weights, History and Verdict
"""

from __future__ import annotations

from gengap.estimators.networks import GengapClassifier, GengapRegressor

__all__ = ["GengapClassifier", "GengapRegressor"]

"""`GengapClassifier` and `GengapRegressor`: gengap's networks as scikit-learn estimators, with a verdict.

X, y -> a validation part held out -> standardised -> one network trained -> best weights, History and Verdict
"""

from __future__ import annotations

from gengap.estimators.networks import GengapClassifier, GengapRegressor

__all__ = ["GengapClassifier", "GengapRegressor"]

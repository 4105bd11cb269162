"""`GengapClassifier` and `GengapRegressor`: gengap's networks as scikit-learn estimators, with a verdict.

X, y -> a validation part held out -> standardised -> one network trained -> best weights, History and Verdict
"""

from __future__ import annotations

from gengap.estimators.classifier import GengapClassifier
from gengap.estimators.regressor import GengapRegressor

__all__ = ["GengapClassifier", "GengapRegressor"]

"""Continues a fit of boosting with more rounds, where this gives exactly what a fit from the start gives.

scikit-learn's boosters keep the state of their random numbers. XGBoost and LightGBM start theirs anew, so they are
continued only if they draw none. CatBoost always draws some, and multi-layer perceptrons shuffle their rows anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gengap.check.estimators import is_pipeline
from gengap.check.fit_facts import fitted_rounds

# Parameters of XGBoost and LightGBM that may have any value: with them no random numbers are drawn.
WITHOUT_CHANCE = {"n_estimators", "learning_rate", "max_depth", "num_leaves", "max_leaves", "max_bin", "gamma"}
WITHOUT_CHANCE |= {"min_child_weight", "min_child_samples", "min_split_gain", "reg_alpha", "reg_lambda"}
WITHOUT_CHANCE |= {"n_jobs", "random_state", "verbose", "verbosity", "importance_type", "objective"}
BOOSTERS = {"xgboost", "lightgbm"}
# Keyword of `fit` for the model to continue. A subclass, such as XGBRFRegressor, may have other defaults.
EARLIER = {
    "XGBClassifier": "xgb_model",
    "XGBRegressor": "xgb_model",
    "LGBMClassifier": "init_model",
    "LGBMRegressor": "init_model",
}


def can_continue(fitted: Any) -> bool:
    """Return whether more rounds can be added to a fitted estimator, alone or at the end of pipelines."""
    from sklearn import get_config

    inner = _last_step(fitted)
    library, name = type(inner).__module__.partition(".")[0], type(inner).__name__
    if fitted_rounds(inner) is None:
        return False
    if library == "sklearn" and hasattr(inner, "warm_start"):
        early = getattr(inner, "do_early_stopping_", getattr(inner, "n_iter_no_change", None) is not None)
        return not early
    if library not in BOOSTERS or name not in EARLIER or get_config().get("enable_metadata_routing"):
        return False
    own, defaults = ({name: repr(v) for name, v in each.get_params().items()} for each in (inner, type(inner)()))
    return all(name in WITHOUT_CHANCE or defaults.get(name) == value for name, value in own.items())


def continue_fit(fitted: Any, estimator: Any, axis: str, X: Any, y: Any, keywords: Mapping[str, Any]) -> Any:
    """Return `estimator` fitted, by adding rounds to an earlier fit on the same rows.

    Args:
        fitted: The earlier fit, for which `can_continue` is true. It may be changed.
        estimator: The unfitted estimator, which differs from it by the number of rounds.
        axis: Name of the parameter that is the number of rounds.
        X: Features of the training rows.
        y: Their targets.
        keywords: Keywords of `fit`.
    """
    inner, (prefix, _, name) = _last_step(fitted), axis.rpartition("__")
    rounds, made = estimator.get_params()[axis], fitted_rounds(inner) or 0
    if rounds <= made:  # `rounds` is the mean of folds, some of which may stop early
        return estimator.fit(X, y, **keywords)
    if hasattr(inner, "warm_start"):
        inner.set_params(**{name: rounds, "warm_start": True})
        whole = estimator.set_params(**{prefix: inner}) if prefix else inner
        return whole.fit(X, y, **keywords)
    earlier = inner.get_booster() if hasattr(inner, "get_booster") else inner.booster_
    estimator.set_params(**{axis: rounds - made})
    keyword = f"{prefix}__{EARLIER[type(inner).__name__]}".removeprefix("__")
    return estimator.fit(X, y, **{**keywords, keyword: earlier})


def _last_step(fitted: Any) -> Any:
    while is_pipeline(fitted):
        fitted = fitted.steps[-1][1]
    return fitted

"""What a fitted estimator shows: facts about its complexity, its boosting rounds, and its staged predictions."""

from __future__ import annotations

from typing import Any

import numpy as np

from gengap.check.estimators import ENSEMBLES, families, fitted_part, is_pipeline

BY_ROUNDS = {  # parameters that CatBoost sets by the number of rounds, with their names
    "learning_rate": {"learning_rate", "eta"},
    "leaf_estimation_iterations": {"leaf_estimation_iterations"},
}


def facts(fitted: Any) -> dict[str, float]:
    """Return what a fit shows of its complexity: `leaves` of a tree, `rounds` of boosting, `gamma` of a kernel.

    Those of an ensemble's members have the member's name in front, as in `forest__leaves`.
    """
    inner, found = fitted_part(fitted), {}
    if type(inner).__name__ in ENSEMBLES:
        for name, member in getattr(inner, "named_estimators_", {}).items():
            found |= {f"{name}__{key}": value for key, value in facts(member).items()} if name != "drop" else {}
    nested = (each if isinstance(each, np.ndarray) else [each] for each in getattr(inner, "estimators_", [inner]))
    trees = [tree for each in nested for tree in each]
    leaves = [tree.get_n_leaves() for tree in trees[:20] if hasattr(tree, "get_n_leaves")]
    if leaves:
        found["leaves"] = float(np.mean(leaves))
    if (rounds := fitted_rounds(inner)) is not None:
        found["rounds"] = float(rounds)
    if any(library == "catboost" for library, _ in families(inner)):
        given, used = inner.get_params().keys(), inner.get_all_params()
        found |= {name: float(used[name]) for name, aliases in BY_ROUNDS.items() if not given & aliases}
    if isinstance(gamma := getattr(inner, "_gamma", None), float):
        found["gamma"] = gamma
    if getattr(inner, "n_iter_", None) is not None and np.size(inner.n_iter_):
        found["iterations"] = float(np.max(inner.n_iter_))
    if hasattr(inner, "n_features_in_"):
        found["features"] = float(inner.n_features_in_)
    return found


def fitted_rounds(inner: Any) -> int | None:
    """Return the number of boosting rounds of a fitted estimator; None if it does not boost."""
    libraries = {library for library, _ in families(inner)}
    if "xgboost" in libraries and hasattr(inner, "get_booster"):
        return int(inner.get_booster().num_boosted_rounds())
    if "lightgbm" in libraries and hasattr(inner, "booster_"):
        return int(inner.booster_.current_iteration())
    if "catboost" in libraries and hasattr(inner, "tree_count_"):
        return int(inner.tree_count_)
    if hasattr(inner, "staged_predict"):
        return int(inner.n_iter_) if hasattr(inner, "n_iter_") else len(inner.estimators_)
    return None


def staged_outputs(fitted: Any, X: Any, method: str, rounds: list[int]) -> list[np.ndarray]:
    """Return the outputs of `method` after each of the `rounds` (rising), from one fit.

    Args:
        fitted: A fitted booster, alone or as the last step of a pipeline or the regressor of a wrapper.
        X: Rows.
        method: "predict", "predict_proba" or "decision_function".
        rounds: Numbers of rounds.
    """
    if is_pipeline(fitted):
        inner, X = fitted.steps[-1][1], fitted[:-1].transform(X)
        return staged_outputs(inner, X, method, rounds)
    if hasattr(fitted, "regressor_"):
        inner = staged_outputs(fitted.regressor_, X, method, rounds)
        back = [fitted.transformer_.inverse_transform(np.reshape(each, (len(each), -1))) for each in inner]
        return [np.reshape(each, (len(each),)) for each in back]
    libraries = {library for library, _ in families(fitted)}
    predict = getattr(fitted, method)
    if "xgboost" in libraries:
        return [np.asarray(predict(X, iteration_range=(0, each))) for each in rounds]
    if "lightgbm" in libraries:
        return [np.asarray(predict(X, num_iteration=each)) for each in rounds]
    if "catboost" in libraries:
        return [np.asarray(predict(X, ntree_end=each)) for each in rounds]
    wanted, found = set(rounds), {}
    for at, outputs in enumerate(getattr(fitted, f"staged_{method}")(X), start=1):
        if at in wanted:
            found[at] = np.array(outputs)
        if at >= max(wanted):
            break
    return [found[each] for each in rounds]

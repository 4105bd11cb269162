"""What is inside an estimator: the part that has the complexity, its facts after a fit, and its staged predictions.

A Pipeline's complexity is that of its last step, a TransformedTargetRegressor's that of its regressor, and a
search's that of its best estimator. Libraries are recognised by name, so none is imported here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from gengap.errors import UsageError

WRAPPED = ("regressor", "estimator")  # parameters that hold the estimator which a wrapper fits
WRAPPERS = ("TransformedTargetRegressor", "CalibratedClassifierCV", "OneVsRestClassifier", "OneVsOneClassifier")
SEARCHES = ("param_grid", "param_distributions")


class Part(NamedTuple):
    """One estimator inside another: the prefix of its parameters (`"svc__"`, or "" for the whole) and itself."""

    prefix: str
    estimator: Any


def families(estimator: Any) -> Iterator[tuple[str, str]]:
    """Yield the library and the name of an estimator's class and of the classes that it extends."""
    for kind in type(estimator).__mro__:
        yield kind.__module__.partition(".")[0], kind.__name__


def parts(estimator: Any) -> list[Part]:
    """Return the parts of an estimator that can have a complexity: the last step first, then transformers."""
    found = [Part("", estimator)]
    outer = found[0]
    while (inner := _inner(outer)) is not None:
        outer = inner
        found.insert(0, inner)
    chain = [part for part in found if not _is_pipeline(part.estimator)]
    transformers = [
        Part(f"{part.prefix}{name}__", step)
        for part in found
        if _is_pipeline(part.estimator)
        for name, step in part.estimator.steps[:-1]
        if hasattr(step, "get_params")
    ]
    return chain[:1] + transformers


def _is_pipeline(estimator: Any) -> bool:
    return hasattr(estimator, "steps") and isinstance(estimator.steps, list)


def _inner(part: Part) -> Part | None:
    """Return the estimator that a pipeline or a wrapper ends in; None if it is neither."""
    if _is_pipeline(part.estimator):
        name, step = part.estimator.steps[-1]
        return Part(f"{part.prefix}{name}__", step) if hasattr(step, "get_params") else None
    if type(part.estimator).__name__ in WRAPPERS:
        parameters = part.estimator.get_params(deep=False)
        for name in WRAPPED:
            if hasattr(parameters.get(name), "get_params"):
                return Part(f"{part.prefix}{name}__", parameters[name])
    return None


def fitted_part(fitted: Any) -> Any:
    """Return the fitted estimator that a fitted pipeline or wrapper ends in."""
    while True:
        if _is_pipeline(fitted):
            fitted = fitted.steps[-1][1]
        elif hasattr(fitted, "regressor_"):
            fitted = fitted.regressor_
        else:
            return fitted


def name_of(estimator: Any) -> str:
    """Return the names of the classes from outside to inside, as in "Pipeline(SVC)".

    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.svm import SVC
    >>> name_of(make_pipeline(SVC()))
    'Pipeline(SVC)'
    """
    part, names = Part("", estimator), []
    while part is not None:
        names.append(type(part.estimator).__name__)
        part = _inner(part)
    return "(".join(names) + ")" * (len(names) - 1)


def resolve(estimator: Any, X: Any, y: Any) -> Any:
    """Return an unfitted copy; of a search, that of its best estimator (the search runs if it has not yet).

    Raises:
        UsageError: If this is no estimator.
    """
    from sklearn.base import clone

    if isinstance(estimator, type) or not (hasattr(estimator, "fit") and hasattr(estimator, "get_params")):
        kind = estimator.__name__ if isinstance(estimator, type) else type(estimator).__name__
        hint = f"; give an instance: {kind}()" if isinstance(estimator, type) else ""
        raise UsageError(f"estimator: {kind} is no scikit-learn estimator with fit and get_params{hint}")
    if any(hasattr(estimator, name) for name in SEARCHES) and hasattr(estimator, "estimator"):
        searched = estimator if hasattr(estimator, "best_params_") else clone(estimator).fit(X, y)
        return clone(searched.estimator).set_params(**clone_values(searched.best_params_))
    return clone(estimator)


def clone_values(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return parameters with copies of the estimators among them."""
    from sklearn.base import clone

    return {name: clone(value, safe=False) for name, value in parameters.items()}


def with_seed(estimator: Any, seed: int) -> Any:
    """Set every `random_state` that is None, so that the same check gives the same result."""
    names = [name for name in estimator.get_params() if name == "random_state" or name.endswith("__random_state")]
    unset = {name: seed for name in names if estimator.get_params()[name] is None}
    return estimator.set_params(**unset)


def facts(fitted: Any) -> dict[str, float]:
    """Return what a fit shows of its complexity: `leaves` of a tree, `rounds` of boosting, `gamma` of a kernel."""
    inner, found = fitted_part(fitted), {}
    trees = np.ravel(getattr(inner, "estimators_", [inner])).tolist()
    leaves = [tree.get_n_leaves() for tree in trees[:20] if hasattr(tree, "get_n_leaves")]
    if leaves:
        found["leaves"] = float(np.mean(leaves))
    if (rounds := fitted_rounds(inner)) is not None:
        found["rounds"] = float(rounds)
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
    if _is_pipeline(fitted):
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

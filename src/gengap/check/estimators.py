"""What is inside an estimator: the part that has the complexity, and copies of it for fits.

A Pipeline's complexity is that of its last step, a TransformedTargetRegressor's that of its regressor, and a
search's that of its best estimator. Voting and stacking have that of their members. Libraries are recognised by
name, so none is imported here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np

from gengap.errors import DataError, UsageError, reason

WRAPPED = ("regressor", "estimator")  # parameters that hold the estimator which a wrapper fits
ENSEMBLES = ("VotingClassifier", "VotingRegressor", "StackingClassifier", "StackingRegressor")
WRAPPERS = (
    "TransformedTargetRegressor",
    "CalibratedClassifierCV",
    "OneVsRestClassifier",
    "OneVsOneClassifier",
    "BaggingClassifier",
    "BaggingRegressor",
)
CONTAINERS = ("steps", "transformers", "transformer_list")  # parameters that hold several transformers
SEARCHES = ("param_grid", "param_distributions")
THREADS = {"xgboost": {"n_jobs": 1}, "lightgbm": {"n_jobs": 1}, "catboost": {"thread_count": 1}}
SILENT = {"lightgbm": {"verbose": -1}, "catboost": {"verbose": 0}}
OTHER_NAMES = ("verbose", "verbosity", "verbose_eval", "silent", "logging_level")  # of the same setting
CHOSEN = ("alpha", "l1_ratio", "C", "n_nonzero_coefs")  # parameters that an estimator ...CV chooses


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
    *outer, last = _chain(estimator)
    transformers = [
        transformer
        for part in (last, *reversed(outer))
        if is_pipeline(part.estimator)
        for name, step in part.estimator.steps[:-1]
        for transformer in _transformers(Part(f"{part.prefix}{name}__", step))
    ]
    return [*(_members(last) or [last]), *transformers]


def _chain(estimator: Any) -> list[Part]:
    """Return the estimator, and from outside to inside those that pipelines and wrappers in it end in."""
    found = [Part("", estimator)]
    while (inner := _inner(found[-1])) is not None:
        found.append(inner)
    return found


def _transformers(part: Part) -> Iterator[Part]:
    """Yield a transformer and those inside it, in pipelines, column transformers and unions."""
    if not hasattr(part.estimator, "get_params"):
        return
    yield part
    parameters = part.estimator.get_params(deep=False)
    named = next((parameters[each] for each in CONTAINERS if isinstance(parameters.get(each), list)), [])
    for name, inner, *_ in named:
        yield from _transformers(Part(f"{part.prefix}{name}__", inner))


def _members(part: Part) -> list[Part]:
    """Return the parts of the members of a voting or stacking ensemble and of its final estimator."""
    parameters = part.estimator.get_params(deep=False)
    named = parameters.get("estimators")
    if type(part.estimator).__name__ not in ENSEMBLES or not isinstance(named, list):
        return []
    inside = [*named, ("final_estimator", parameters.get("final_estimator"))]
    return [
        Part(f"{part.prefix}{name}__{each.prefix}", each.estimator)
        for name, member in inside
        if hasattr(member, "get_params")
        for each in parts(member)
    ]


def is_pipeline(estimator: Any) -> bool:
    """Return whether an estimator is a pipeline of steps."""
    return hasattr(estimator, "steps") and isinstance(estimator.steps, list)


def _inner(part: Part) -> Part | None:
    """Return the estimator that a pipeline or a wrapper ends in; None if it is neither."""
    if is_pipeline(part.estimator):
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
        if is_pipeline(fitted):
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
    names = [type(part.estimator).__name__ for part in _chain(estimator)]
    return "(".join(names) + ")" * (len(names) - 1)


def choosing_class(estimator: Any, resolved: Any) -> str | None:
    """Return the class that chose parameters of `resolved`, such as "GridSearchCV"; None if none did."""
    last = _chain(estimator)[-1].estimator
    chooses = _is_search(last) or _without_choice(last) is not None
    return type(last).__name__ if chooses and type(last) is not type(_chain(resolved)[-1].estimator) else None


def resolve(estimator: Any, X: Any, y: Any, metadata: Mapping[str, Any] | None = None) -> Any:
    """Return an unfitted copy, without the choices that the estimator makes itself.

    Of a search, it is the best estimator; of one like RidgeCV, the estimator with the chosen parameter. Both are
    fitted for this, unless they are fitted already. An inner estimator that is left out is the default one.

    Args:
        estimator: The estimator.
        X: Features.
        y: The target.
        metadata: `sample_weight` and `groups`, as far as they are given.

    Raises:
        UsageError: If this is no estimator.
        DataError: If a search can't be fitted.
    """
    if isinstance(estimator, type) or not (hasattr(estimator, "fit") and hasattr(estimator, "get_params")):
        kind = estimator.__name__ if isinstance(estimator, type) else type(estimator).__name__
        hint = f"; give an instance: {kind}()" if isinstance(estimator, type) else ""
        hint = ". Give the estimator first: check(estimator, X, y)" if hasattr(y, "fit") else hint
        raise UsageError(f"estimator: {kind} is no scikit-learn estimator with fit and get_params{hint}")
    last = _chain(estimator)[-1]
    if not _is_search(last.estimator) and _without_choice(last.estimator) is None:
        return _with_defaults(unfitted(estimator))
    fitted = fitted_part(estimator)
    if not _has_chosen(fitted):
        try:
            fitted = fitted_part(unfitted(estimator).fit(X, y, **fit_keywords(estimator, metadata or {})))
        except Exception as fault:
            raise DataError(f"{name_of(estimator)} can't be fitted: {reason(fault)}") from fault
    if not _has_chosen(fitted):
        return unfitted(estimator)
    chosen = _chosen(fitted)
    whole = unfitted(estimator).set_params(**{last.prefix[:-2]: chosen}) if last.prefix else chosen
    return _with_defaults(whole)


def fit_keywords(estimator: Any, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keywords of `fit`: what metadata routing requests, or else weights, and the groups of a search.

    Pipelines give them to their last step.
    """
    from sklearn import get_config
    from sklearn.utils.metadata_routing import get_routing_for_object

    given = {name: values for name, values in metadata.items() if values is not None}
    if get_config().get("enable_metadata_routing"):
        requested = get_routing_for_object(estimator).consumes("fit", given)
        return {name: values for name, values in given.items() if name in requested}
    found = {f"{_steps(estimator)}{name}": values for name, values in given.items() if name == "sample_weight"}
    if "groups" in given and _is_search(_chain(estimator)[-1].estimator):
        found[f"{_steps(estimator, past_search=False)}groups"] = given["groups"]
    return found


def _steps(estimator: Any, *, past_search: bool = True) -> str:
    """Return what is before the name of a keyword of `fit`, such as "svc__", to reach the last step of pipelines.

    A search and a TransformedTargetRegressor hand keywords on as they are. A search takes `groups` itself.
    """
    if is_pipeline(estimator):
        name, step = estimator.steps[-1]
        return f"{name}__{_steps(step, past_search=past_search)}"
    if _is_search(estimator):
        return _steps(estimator.estimator) if past_search else ""
    if type(estimator).__name__ == "TransformedTargetRegressor" and estimator.regressor is not None:
        return _steps(estimator.regressor, past_search=past_search)
    return ""


def _with_defaults(estimator: Any) -> Any:
    """Set inner estimators that are None to the default ones, so that they have a complexity and probabilities."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    defaults = {
        "BaggingClassifier": ("estimator", DecisionTreeClassifier),
        "BaggingRegressor": ("estimator", DecisionTreeRegressor),
        "StackingClassifier": ("final_estimator", LogisticRegression),
    }
    last = _chain(estimator)[-1]
    name, kind = defaults.get(type(last.estimator).__name__, ("", None))
    if kind is not None and last.estimator.get_params(deep=False).get(name) is None:
        estimator.set_params(**{f"{last.prefix}{name}": kind()})
    return estimator


def _is_search(estimator: Any) -> bool:
    return hasattr(estimator, "estimator") and any(hasattr(estimator, name) for name in SEARCHES)


def _without_choice(estimator: Any) -> type | None:
    """Return the class that fits one value where a class such as RidgeCV chooses it; None for others."""
    from sklearn import linear_model

    kind = type(estimator)
    if not (kind.__name__.endswith("CV") and kind.__module__.startswith(linear_model.__name__)):
        return None
    return getattr(linear_model, kind.__name__[:-2], None)


def _has_chosen(fitted: Any) -> bool:
    if hasattr(fitted, "best_params_"):
        return True
    kind = _without_choice(fitted)  # Lars can't take the alpha that LarsCV chooses
    return kind is not None and any(hasattr(fitted, f"{name}_") and name in kind().get_params() for name in CHOSEN)


def _chosen(fitted: Any) -> Any:
    """Return an unfitted estimator with what a fitted search, or a fitted estimator such as RidgeCV, chose."""
    from sklearn.base import clone

    kind = _without_choice(fitted)
    if kind is None:
        return clone(fitted.estimator).set_params(**clone_values(fitted.best_params_))
    names, own = kind().get_params(), fitted.get_params(deep=False)
    values = {name: own[name] for name in names if name in own and name != "precompute"}
    for name in CHOSEN:
        found = np.ravel(np.asarray(getattr(fitted, f"{name}_", None) if name in names else None))
        if found.dtype.kind in "iuf":
            values[name] = type(found[0].item())(found.mean())  # one value for all classes
    return kind(**clone_values(values))


def unfitted(estimator: Any) -> Any:
    """Return an unfitted copy.

    scikit-learn can't clone an estimator that copies its own parameters, as CatBoost does with a list of
    `cat_features`. So that one is made anew from its parameters. One that changes their values stays an error:
    each copy would differ from the one before.
    """
    from sklearn.base import clone

    try:
        return clone(estimator)
    except RuntimeError:
        again = type(estimator)(**deepcopy(estimator.get_params(deep=False)))
        if _texts(again) != _texts(estimator):
            raise
        return again


def _texts(estimator: Any) -> dict[str, str]:
    """Return the parameters as texts, which can be compared whatever they are and in whatever order they come."""
    return {name: repr(value) for name, value in estimator.get_params(deep=False).items()}


def clone_values(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return parameters with copies of the estimators among them."""
    from sklearn.base import clone

    return {name: clone(value, safe=False) for name, value in parameters.items()}


def with_seed(estimator: Any, seed: int) -> Any:
    """Set every `random_state` that is None, so that the same check gives the same result."""
    given = estimator.get_params()
    names = [name for name in given if name == "random_state" or name.endswith("__random_state")]
    return estimator.set_params(**{name: seed for name in names if given[name] is None})


def with_one_thread(estimator: Any) -> Any:
    """Set the number of threads of other libraries' boosters to 1, unless it is given.

    They use all cores, whatever limits OpenMP. On few rows their threads wait for each other and take several times
    the work.
    """
    return _with_unset(estimator, THREADS)


def silenced(estimator: Any) -> Any:
    """Turn off what other libraries' boosters print, unless it is set: a line for each round of each fit."""
    return _with_unset(estimator, SILENT)


def _with_unset(estimator: Any, values: Mapping[str, Mapping[str, Any]]) -> Any:
    """Set parameters of each library's boosters, if neither they nor their other names have a value."""
    given = estimator.get_params()
    for part in parts(estimator):
        for library in values.keys() & {each for each, _ in families(part.estimator)}:
            names = values[library].keys()
            others = OTHER_NAMES if names <= set(OTHER_NAMES) else ()
            if all(given.get(f"{part.prefix}{name}") is None for name in (*names, *others)):
                estimator.set_params(**{f"{part.prefix}{name}": v for name, v in values[library].items()})
    return estimator

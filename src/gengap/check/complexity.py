"""Which parameters make an estimator simpler or more flexible: a table of known estimators.

    ladders(estimator, facts) -> for each axis, settings from the nearest to the farthest, on both sides

A new estimator is one line in TABLE, with the rules of `ladder_rules`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from gengap.check.estimators import Part, families, parts
from gengap.check.ladder_rules import (
    Changes,
    Facts,
    Ladder,
    Rule,
    added,
    base_depth,
    boosted_tree_size,
    hidden_layers,
    iterations,
    kernel_amplitude,
    kernel_width,
    number,
    penalised,
    polynomial_degree,
    rounds,
    tree_size,
)
from gengap.errors import UsageError, did_you_mean


@dataclass(frozen=True)
class Family:
    """Estimators with the same complexity: the axes, the most telling first."""

    library: str
    names: tuple[str, ...]
    rules: tuple[Rule, ...]


def family(names: str, *rules: Rule, library: str = "sklearn") -> Family:
    """Return the family of these classes; "Tree*" stands for TreeClassifier and TreeRegressor."""
    kinds = [name.replace("*", kind) for name in names.split() for kind in ("Classifier", "Regressor")]
    return Family(library, tuple(dict.fromkeys(kinds)), rules)


ALPHA = number("alpha", "smaller", start=1e-4)
C = number("C", "larger", least=1e-7, most=1e7, start=100.0)
KERNEL_C = number("C", "larger", least=1e-7, most=1e7, reach=5)  # the time of a fit grows with C, without an end
ROUNDS = rounds("n_estimators")

TABLE = (
    family("DecisionTree* ExtraTree* RandomForest* ExtraTrees*", tree_size),
    family("GradientBoosting*", ROUNDS, boosted_tree_size("max_depth", 3, leaves=False)),
    family("HistGradientBoosting*", rounds("max_iter"), boosted_tree_size("max_leaf_nodes", 31, leaves=True)),
    family("AdaBoost*", rounds("n_estimators", default=50), base_depth),
    family("XGB*", ROUNDS, boosted_tree_size("max_depth", 6, leaves=False), library="xgboost"),
    family("XGBRF*", added("max_depth", least=1, default=6, most=24), library="xgboost"),
    family("LGBM*", ROUNDS, boosted_tree_size("num_leaves", 31, leaves=True), library="lightgbm"),
    family(
        "CatBoost*",
        rounds("iterations", "n_estimators", "num_boost_round", "num_trees", default=1000),
        added("depth", least=1, default=6, most=12),
        library="catboost",
    ),
    family("LinearRegression", penalised),
    family("Ridge RidgeClassifier Lasso LassoLars ElasticNet MultiTaskLasso MultiTaskElasticNet", ALPHA),
    family("SGD* Perceptron PoissonRegressor GammaRegressor TweedieRegressor HuberRegressor", ALPHA),
    family("LogisticRegression LinearSVC LinearSVR", C),
    family("SVC SVR", KERNEL_C, kernel_width),
    family("NuSVC NuSVR", kernel_width),
    family("KernelRidge", ALPHA, kernel_width),
    family("KNeighbors*", number("n_neighbors", "smaller", factor=2, least=1, most=1e6, whole=True)),
    family(
        "MLP*",
        number("alpha", "smaller", factor=10, least=1e-6, most=100, start=1e-3),
        hidden_layers,
        iterations,
    ),
    family("GaussianProcessRegressor", number("alpha", "smaller", factor=10, least=1e-8, most=1e3)),
    family("GaussianProcessClassifier", kernel_amplitude),
    family("GaussianNB", number("var_smoothing", "smaller", factor=10, least=1e-12, most=1e3)),
    family("MultinomialNB BernoulliNB ComplementNB CategoricalNB", ALPHA),
    family("QuadraticDiscriminantAnalysis", number("reg_param", "smaller", most=1, start=0.01)),
    family("PLSRegression", added("n_components", least=1, default=2)),
    family("PolynomialFeatures", polynomial_degree),
    family("SplineTransformer", number("n_knots", "larger", factor=1.5, least=2, most=200, whole=True)),
    family("Nystroem PCA TruncatedSVD", number("n_components", "larger", factor=2, least=1, most=512, whole=True)),
    family("Gengap*", hidden_layers, library="gengap"),
)


def family_of(estimator: Any) -> Family | None:
    """Return the family of an estimator; None if it is unknown."""
    known = {(family.library, name): family for family in TABLE for name in family.names}
    return next((known[each] for each in families(estimator) if each in known), None)


def ladders(estimator: Any, facts: Facts) -> list[Ladder]:
    """Return the axes of an estimator and of the transformers before it; none if it is unknown.

    Args:
        estimator: The estimator, unfitted.
        facts: What its fits showed, and `rows`, the number of training rows.
    """
    return [ladder for part in parts(estimator) for ladder in _of_part(part, facts)]


def _of_part(part: Part, facts: Facts) -> list[Ladder]:
    family = family_of(part.estimator)
    if family is None:
        return []
    parameters = part.estimator.get_params()
    own = {}
    for key, value in facts.items():  # those of an ensemble's member have its name in front
        member, _, name = key.rpartition("__")
        if not member or f"__{member}__" in f"__{part.prefix}":
            own[name] = value
    found = [rule(parameters, {**own, "most_n_neighbors": facts.get("rows", 1e6) / 2}) for rule in family.rules]
    return [_with_prefix(ladder, part.prefix) for ladder in found if ladder.simpler or ladder.flexible]


def _with_prefix(ladder: Ladder, prefix: str) -> Ladder:
    """Return the ladder with the parameters of the whole estimator; "" stands for the part itself."""

    def named(changes: Changes) -> Changes:
        whole = prefix.removesuffix("__")
        return {f"{prefix}{name}" if name else whole: value for name, value in changes.items()}

    simpler, flexible = ([named(changes) for changes in side] for side in (ladder.simpler, ladder.flexible))
    return replace(ladder, axis=f"{prefix}{ladder.axis}", simpler=simpler, flexible=flexible)


def chosen_ladders(
    complexity: str | tuple[str, Sequence[Any]] | None, estimator: Any, facts: Facts
) -> list[Ladder]:
    """Return the axes to walk: all known ones, the one that `complexity` names, or its values.

    Args:
        complexity: None, the name of a parameter, or its name and its values from the simplest to the most
            flexible.
        estimator: The estimator, unfitted.
        facts: What its fits showed.

    Raises:
        UsageError: If there is no such parameter, or it is unknown which of its values are simpler.
    """
    if complexity is None:
        return ladders(estimator, facts)
    name = complexity if isinstance(complexity, str) else complexity[0]
    parameters = estimator.get_params()
    if name not in parameters:
        inner = next(
            (f"{part.prefix}{name}" for part in parts(estimator) if name in part.estimator.get_params()), ""
        )
        hint = f" Did you mean {inner!r}?" if inner else did_you_mean(name, parameters)
        raise UsageError(f"complexity: {type(estimator).__name__} has no parameter {name!r}.{hint}")
    if not isinstance(complexity, str):
        return [_of_values(name, list(complexity[1]), parameters[name])]
    found = [each for each in ladders(estimator, facts) if each.axis == name]
    if not found:
        raise UsageError(
            f"complexity: it is unknown which values of {name!r} are simpler; give them from the simplest to the "
            f'most flexible: complexity=("{name}", [...]), or --complexity {name}=1,10,100'
        )
    return found


def check_complexity(complexity: Any) -> None:
    """Raise UsageError unless `complexity` is None, a name, or a name with at least two values."""
    if complexity is None or isinstance(complexity, str):
        return
    pair = isinstance(complexity, (tuple, list)) and len(complexity) == 2 and isinstance(complexity[0], str)
    if not pair or isinstance(complexity[1], str) or not hasattr(complexity[1], "__len__"):
        raise UsageError(
            f"complexity is {complexity!r}; expected the name of a parameter, or its name and its values from the "
            'simplest to the most flexible, as in ("max_depth", [2, 4, 8])'
        )
    if len(complexity[1]) < 1:
        raise UsageError(f"complexity: {complexity[0]!r} has no values; give at least one")


def _of_values(name: str, values: list[Any], now: Any) -> Ladder:
    """Return the ladder of values that are given from the simplest to the most flexible.

    The present value is in its place, or, if it is not among them, in that of the nearest in order.
    """
    at = next((i for i, value in enumerate(values) if type(value) is type(now) and value == now), None)
    if at is not None:
        lower, upper = values[:at], values[at + 1 :]
    else:
        numbers = [value for value in (*values, now) if isinstance(value, (int, float))]
        if len(numbers) != len(values) + 1:
            raise UsageError(
                f"complexity: the present value of {name!r}, {now!r}, is not among {values!r}; add it at its place"
            )
        rising = values[-1] >= values[0]
        lower = [value for value in values if (value < now) == rising]
        upper = [value for value in values if (value < now) != rising]
    return Ladder(name, [{name: value} for value in reversed(lower)], [{name: value} for value in upper])

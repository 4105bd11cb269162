"""Rules that turn an estimator's parameters into simpler and more flexible settings.

    number("alpha", "smaller")(parameters, facts) -> Ladder of settings, the nearest first

A rule follows one parameter, or several limits together. `facts` is what fits of the estimator showed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

import numpy as np

MOST_FEATURES = 3_000  # that a polynomial of a higher degree may have
STEPS = 20  # settings on each side of an axis, at most
MOST_RELAXED = 12  # settings of `relaxed`
WIDEST = 128  # units of a layer that are tried at least, which is many times more for small networks ...
WIDER = 4  # ... or this many times the present ones, if that is more
Changes = dict[str, Any]
Facts = Mapping[str, float]


@dataclass(frozen=True)
class Ladder:
    """The settings of one axis, from the nearest to the farthest.

    Attributes:
        axis: Name of the parameter that is changed.
        simpler: Changed parameters of ever simpler settings.
        flexible: Changed parameters of ever more flexible settings.
        rounds: Whether the axis is the number of boosting rounds, which one fit shows.
        coarse: Whether neighbours differ a lot, such as the degrees of a polynomial.
    """

    axis: str
    simpler: Sequence[Changes] = ()
    flexible: Sequence[Changes] = ()
    rounds: bool = False
    coarse: bool = False


Rule = Callable[[Mapping[str, Any], Facts], Ladder]


def _is_number(value: Any) -> TypeGuard[float]:
    """Return whether a parameter's value is a number. Users also pass texts, which the first fit refuses."""
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


def number(
    name: str,
    more: str,
    *,
    factor: float = 4.0,
    least: float = 1e-8,
    most: float = 1e8,
    start: float | None = None,
    whole: bool = False,
    reach: int = STEPS,
) -> Rule:
    """Return the rule of a number: it is multiplied and divided by `factor`.

    Args:
        name: The parameter.
        more: "larger" or "smaller": which values are more flexible.
        factor: The ratio of neighbours.
        least: The smallest value.
        most: The largest value.
        start: The value in place of one that is no number above 0, such as None or "scale".
        whole: Whether values are whole numbers.
        reach: Number of more flexible values, at most.
    """

    def rule(parameters: Mapping[str, Any], facts: Facts) -> Ladder:
        now = parameters.get(name)
        usable = _is_number(now) and 0 < now < math.inf
        origin = now if usable else facts.get(name, start)
        if origin is None:
            return Ladder(name)
        top = min(most, facts.get(f"most_{name}", most))
        up = [origin * factor**k for k in range(1, STEPS + 1) if origin * factor**k <= top]
        down = [origin / factor**k for k in range(1, STEPS + 1) if origin / factor**k >= least]
        if not usable and now == 0:
            up, down = [origin, *up], []
        elif not usable and now == math.inf:
            up, down = [], [origin, *down]
        values = {"larger": _rounded(up, whole, origin), "smaller": _rounded(down, whole, origin)}
        other = "smaller" if more == "larger" else "larger"
        return Ladder(name, [{name: v} for v in values[other]], [{name: v} for v in values[more][:reach]])

    return rule


def _rounded(values: list[float], whole: bool, origin: float) -> list[Any]:
    """Return values as people write them, without repetitions."""
    if whole:
        return [each for each in dict.fromkeys(round(v) for v in values) if each != round(origin)]
    return [float(f"{v:.3g}") for v in values]


def added(name: str, *, least: int, default: int | None = None, most: int = 64) -> Rule:
    """Return the rule of a whole number whose next step is much more flexible, such as a depth or a degree."""

    def rule(parameters: Mapping[str, Any], facts: Facts) -> Ladder:
        now = parameters.get(name)
        now = default if now is None else now
        if not isinstance(now, (int, np.integer)):
            return Ladder(name)
        simpler = [{name: v} for v in range(int(now) - 1, least - 1, -1)]
        return Ladder(name, simpler, [{name: v} for v in range(int(now) + 1, min(now + 8, most) + 1)], coarse=True)

    return rule


def polynomial_degree(parameters: Mapping[str, Any], facts: Facts) -> Ladder:
    """Return the ladder of a polynomial's degree, as far as its features stay few enough for the memory."""
    ladder = added("degree", least=1, default=2, most=12)(parameters, facts)
    now, made = parameters.get("degree"), facts.get("features")
    if not isinstance(now, int) or made is None:
        return replace(ladder, flexible=ladder.flexible[:1])
    columns = next(p for p in range(1, 100_000) if math.comb(p + now, now) >= made)
    few = [each for each in ladder.flexible if math.comb(columns + each["degree"], columns) <= MOST_FEATURES]
    return replace(ladder, flexible=few)


def tree_size(parameters: Mapping[str, Any], facts: Facts) -> Ladder:
    """Return the ladder of a tree or forest: fewer leaves are simpler; its own limits are relaxed together."""
    leaves, simpler = facts.get("leaves", 0.0), []
    while leaves >= 3 and len(simpler) < STEPS:
        leaves /= 2
        simpler.append({"max_leaf_nodes": max(round(leaves), 2)})
    return Ladder("max_leaf_nodes", simpler, relaxed(parameters, facts), coarse=True)


def relaxed(parameters: Mapping[str, Any], facts: Facts) -> list[Changes]:
    """Return settings in which all limits on the size of trees are relaxed more and more, until there is none."""
    rows, found = facts.get("rows", 1e9), []
    for k in range(1, MOST_RELAXED + 1):
        changes = {name: _relax(name, parameters[name], k, rows) for name in LIMITS if name in parameters}
        changes = {name: value for name, value in changes.items() if value != parameters[name]}
        if not changes or (found and changes == found[-1]):
            break
        found.append(changes)
    return found


LIMITS = {  # of a tree's size, with the values that mean no limit
    "max_depth": None,
    "max_leaf_nodes": None,
    "min_samples_leaf": 1,
    "min_samples_split": 2,
    "min_child_samples": 1,
    "min_child_weight": 0.0,
    "ccp_alpha": 0.0,
    "min_impurity_decrease": 0.0,
}


def _relax(name: str, now: Any, k: int, rows: float) -> Any:
    """Return a limit after k steps of relaxing it."""
    end = LIMITS[name]
    if not _is_number(now) or now == end or (name == "max_depth" and now < 0):
        return now
    if name == "max_depth":
        return end if 2.0 ** (now + k) > rows else int(now) + k
    if name == "max_leaf_nodes":
        return end if now * 2**k > rows / 2 else int(now) * 2**k
    if name in ("ccp_alpha", "min_impurity_decrease"):
        return end if k > 4 else float(f"{now / 4**k:.3g}")
    if isinstance(now, float) and now < 1:  # a share of the rows
        return end if now / 2**k * rows < 2 else now / 2**k
    return max(now / 2**k if isinstance(now, float) else now // 2**k, end)


def rounds(*names: str, default: int = 100) -> Rule:
    """Return the rule of boosting rounds, under the first of `names` that is set.

    What CatBoost sets by their number keeps its value, because fewer rounds are stages of the same fit.
    """

    def rule(parameters: Mapping[str, Any], facts: Facts) -> Ladder:
        name = next((each for each in names if parameters.get(each) is not None), names[0])
        nominal = parameters.get(name) or default
        if not _is_number(nominal):
            return Ladder(name)
        made = round(facts.get("rounds", nominal))
        fixed = {each: facts[each] for each in ("learning_rate",) if each in facts}
        fixed |= {each: round(facts[each]) for each in ("leaf_estimation_iterations",) if each in facts}
        lower = [round(made / 2 ** (k / 2)) for k in range(1, 21)]
        simpler = [{name: v, **fixed} for v in dict.fromkeys(lower) if 1 <= v < made]
        higher = [round(made * 2 ** (k / 2)) for k in range(1, 5)] if made >= nominal else []
        return Ladder(name, simpler, [{name: v, **fixed} for v in dict.fromkeys(higher) if v > made], rounds=True)

    return rule


def boosted_tree_size(name: str, default: int | None, *, leaves: bool) -> Rule:
    """Return the rule of the size of boosted trees: their leaves by doubling, or their depth by one."""
    size = number(name, "larger", factor=2, least=2, most=4096, start=default, whole=True)
    depth = added(name, least=1, default=default, most=16)

    def rule(parameters: Mapping[str, Any], facts: Facts) -> Ladder:
        ladder = (size if leaves else depth)(parameters, facts)
        free = relaxed({key: value for key, value in parameters.items() if key != name}, facts)
        paired = [
            changes | (free[min(k, len(free) - 1)] if free else {}) for k, changes in enumerate(ladder.flexible)
        ]
        return Ladder(name, ladder.simpler, paired or free, coarse=ladder.coarse)

    return rule


def hidden_layers(parameters: Mapping[str, Any], facts: Facts) -> Ladder:
    """Return the ladder of a network's widths: all layers halve or double.

    The time of a fit grows with the square of the widths. So wide layers double twice at most.
    """
    name, now = "hidden_layer_sizes", parameters.get("hidden_layer_sizes", (100,))
    if not all(map(_is_number, np.atleast_1d(now))):
        return Ladder(name)
    widths = [int(each) for each in np.atleast_1d(now)]
    if not widths:  # a linear model
        return Ladder(name)
    simpler = [tuple(max(w // 2**k, 1) for w in widths) for k in range(1, 8) if max(widths) // 2**k >= 1]
    most = max(WIDEST, WIDER * max(widths))
    flexible = [tuple(w * 2**k for w in widths) for k in range(1, 7) if max(widths) * 2**k <= most]
    return Ladder(name, [{name: v} for v in simpler], [{name: v} for v in flexible])


def iterations(parameters: Mapping[str, Any], facts: Facts) -> Ladder:
    """Return the ladder of training iterations: fewer are simpler; more may help if training used them all."""
    now, used = parameters.get("max_iter"), facts.get("iterations", 0.0)
    if not _is_number(now) or not used:
        return Ladder("max_iter")
    simpler = [{"max_iter": v} for v in (round(used / 2**k) for k in range(1, 8)) if v >= 1]
    return Ladder("max_iter", simpler, [{"max_iter": now * 4}] if used >= now else [])


def kernel_width(parameters: Mapping[str, Any], facts: Facts) -> Ladder:
    """Return the ladder of a kernel's `gamma`; a linear kernel has none."""
    if parameters.get("kernel") not in ("rbf", "poly", "sigmoid", "laplacian"):
        return Ladder("gamma")
    start = 1 / facts["features"] if "features" in facts else None
    return number("gamma", "larger", least=1e-6, most=1e4, start=start)(parameters, facts)


def kernel_amplitude(parameters: Mapping[str, Any], facts: Facts) -> Ladder:
    """Return the ladder of the factor of a Gaussian process's kernel: a small one keeps probabilities alike."""
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel

    kernel = RBF(1.0, "fixed") if parameters.get("kernel") is None else parameters["kernel"]
    smaller, larger = (
        [{"kernel": ConstantKernel(4.0 ** (sign * k), "fixed") * kernel} for k in range(1, 8)] for sign in (-1, 1)
    )
    return Ladder("kernel", smaller, larger)


def penalised(parameters: Mapping[str, Any], facts: Facts) -> Ladder:
    """Return the ladder of a linear regression without penalty: ridge regressions are simpler."""
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    strengths = [float(f"{facts.get('rows', 1000) * 4.0**k / 1000:.3g}") for k in range(10)]
    return Ladder("alpha", [{"": make_pipeline(StandardScaler(), Ridge(alpha=each))} for each in strengths])


def base_depth(parameters: Mapping[str, Any], facts: Facts) -> Ladder:
    """Return the ladder of the depth of an ensemble's base trees."""
    return added("estimator__max_depth", least=1, most=16)(parameters, facts)

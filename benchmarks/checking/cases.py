"""The cases: estimators that are meant too simple, right and too flexible, on rows of the processes."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle
from typing import Any, Literal

import numpy as np
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, SplineTransformer, StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from benchmarks.checking.processes import PROCESSES, Kind, Process, Role, Rows

Level = Literal["simple", "right", "flexible"]
LEVELS: tuple[Level, ...] = ("simple", "right", "flexible")
SMALL, MIDDLE, LARGE = (150, 250, 400), (200, 400, 800), (300, 1000, 2500, 5000)
POPULATION = 5_000  # fresh rows on which the truth is measured


@dataclass(frozen=True)
class Family:
    """An estimator of one kind: how each level is built from the number of rows."""

    name: str
    kind: Kind
    build: Callable[[Level, int], Any]
    sizes: tuple[int, ...]


def _pick(level: Level, *values: Any) -> Any:
    return values[LEVELS.index(level)]


def _scaled(model: Any) -> Any:
    return make_pipeline(StandardScaler(), model)


def _poly(degree: int, model: Any) -> Any:
    return make_pipeline(StandardScaler(), PolynomialFeatures(degree), StandardScaler(), model)


def _tree(kind: Any) -> Callable[[Level, int], Any]:
    return lambda level, n: kind(**_pick(level, {"max_depth": 1}, {"max_leaf_nodes": 8}, {}))


def _forest(kind: Any) -> Callable[[Level, int], Any]:
    settings = ({"max_depth": 1}, {"min_samples_leaf": 5}, {})
    return lambda level, n: kind(40, **_pick(level, *settings))


def _boosting(kind: Any, rounds: str, depth: str) -> Callable[[Level, int], Any]:
    return lambda level, n: kind(
        **_pick(level, {rounds: 4}, {rounds: 60, depth: 3}, {rounds: 150, depth: 16 if depth != "max_depth" else 5})
    )


def _neighbours(kind: Any) -> Callable[[Level, int], Any]:
    return lambda level, n: _scaled(kind(_pick(level, n // 3, max(round(n**0.5), 5), 1)))


def _support(kind: Any) -> Callable[[Level, int], Any]:
    return lambda level, n: _scaled(
        kind(**_pick(level, {"C": 0.02, "gamma": 0.01}, {"C": 1.0, "gamma": 0.05}, {"C": 30.0, "gamma": 1.0}))
    )


def _network(kind: Any) -> Callable[[Level, int], Any]:
    settings = (
        {"hidden_layer_sizes": (2,), "alpha": 30.0},
        {"hidden_layer_sizes": (16,), "alpha": 1.0},
        {"hidden_layer_sizes": (64, 64), "alpha": 1e-5},
    )
    return lambda level, n: _scaled(kind(max_iter=100, **_pick(level, *settings)))


FAMILIES = (
    Family("tree", "classes", _tree(DecisionTreeClassifier), LARGE),
    Family("forest", "classes", _forest(RandomForestClassifier), MIDDLE),
    Family("extra-trees", "classes", _forest(ExtraTreesClassifier), MIDDLE),
    Family(
        "gradient-boosting", "classes", _boosting(GradientBoostingClassifier, "n_estimators", "max_depth"), MIDDLE
    ),
    Family(
        "hist-boosting", "classes", _boosting(HistGradientBoostingClassifier, "max_iter", "max_leaf_nodes"), MIDDLE
    ),
    Family(
        "logistic",
        "classes",
        lambda level, n: _poly(2, LogisticRegression(C=_pick(level, 1e-4, 0.03, 1e3), max_iter=200)),
        MIDDLE,
    ),
    Family("neighbours", "classes", _neighbours(KNeighborsClassifier), LARGE),
    Family("svc", "classes", _support(SVC), SMALL),
    Family("linear-svc", "classes", lambda level, n: _scaled(LinearSVC(C=_pick(level, 1e-6, 0.1, 10.0))), MIDDLE),
    Family("network", "classes", _network(MLPClassifier), SMALL),
    Family(
        "naive-bayes", "classes", lambda level, n: GaussianNB(var_smoothing=_pick(level, 100.0, 0.1, 1e-9)), LARGE
    ),
    Family("tree", "numbers", _tree(DecisionTreeRegressor), LARGE),
    Family("forest", "numbers", _forest(RandomForestRegressor), MIDDLE),
    Family("extra-trees", "numbers", _forest(ExtraTreesRegressor), MIDDLE),
    Family(
        "gradient-boosting", "numbers", _boosting(GradientBoostingRegressor, "n_estimators", "max_depth"), MIDDLE
    ),
    Family(
        "hist-boosting", "numbers", _boosting(HistGradientBoostingRegressor, "max_iter", "max_leaf_nodes"), MIDDLE
    ),
    Family("ridge", "numbers", lambda level, n: _poly(2, Ridge(_pick(level, 1e5, 10.0, 1e-4))), MIDDLE),
    Family("polynomial", "numbers", lambda level, n: _poly(_pick(level, 1, 2, 4), Ridge(1e-3)), SMALL),
    Family(
        "splines",
        "numbers",
        lambda level, n: make_pipeline(SplineTransformer(_pick(level, 2, 5, 40)), Ridge(1e-3)),
        MIDDLE,
    ),
    Family("neighbours", "numbers", _neighbours(KNeighborsRegressor), LARGE),
    Family("svr", "numbers", _support(SVR), SMALL),
    Family("network", "numbers", _network(MLPRegressor), SMALL),
    Family(
        "kernel-ridge",
        "numbers",
        lambda level, n: _scaled(
            KernelRidge(
                kernel="rbf",
                **_pick(
                    level,
                    {"alpha": 30, "gamma": 0.01},
                    {"alpha": 0.5, "gamma": 0.05},
                    {"alpha": 1e-4, "gamma": 0.5},
                ),
            )
        ),
        SMALL,
    ),
    Family(
        "gaussian-process",
        "numbers",
        lambda level, n: _scaled(
            GaussianProcessRegressor(
                RBF(2.0), alpha=_pick(level, 300.0, 0.3, 1e-4), optimizer=None, normalize_y=True
            )
        ),
        SMALL,
    ),
)


@dataclass(frozen=True)
class Case:
    """One estimator on rows of one task."""

    process: Process
    family: Family
    level: Level
    rows: int
    seed: int
    default_forest: bool = False

    @property
    def name(self) -> str:
        """A name that no other case has."""
        return f"{self.process.name}/{self.family.kind}/{self.family.name}/{self.level}/{self.rows}"

    @property
    def estimator(self) -> Any:
        """The estimator, unfitted."""
        if self.default_forest:
            return RandomForestClassifier() if self.family.kind == "classes" else RandomForestRegressor()
        return self.family.build(self.level, self.rows)

    def draw(self, count: int, stream: int) -> Rows:
        """Draw rows of this task; the same stream gives the same rows."""
        draw = self.process.make(np.random.default_rng(self.seed))
        return draw(count, np.random.default_rng((self.seed, stream)))


def cases(role: Role, passes: int = 1, seed: int = 0) -> Iterator[Case]:
    """Yield the cases of a role: every family and level, then pure noise, then default forests."""
    mine = [each for each in PROCESSES if each.role == role]
    for number in range(100 * seed, 100 * seed + passes):
        turns = {
            kind: cycle([p for p in mine if p.kind == kind and not p.noise]) for kind in ("classes", "numbers")
        }
        for at, family in enumerate(FAMILIES):
            for place, level in enumerate(LEVELS):
                rows = family.sizes[(at + place + number) % len(family.sizes)]
                yield _case(next(turns[family.kind]), family, level, rows, number)
    by_name = {(family.kind, family.name): family for family in FAMILIES}
    for process in (each for each in mine if each.noise):
        for at, name in enumerate(("tree", "forest", "neighbours", "hist-boosting", "network")):
            family = by_name[process.kind, name]
            yield _case(process, family, LEVELS[(at + 1) % 3], (150, 300, 600)[at % 3], 100 * seed + 97)
    for at, process in enumerate(each for each in mine if not each.noise):
        rows = (200, 400, 800)[at % 3]
        yield _case(
            process, by_name[process.kind, "forest"], "flexible", rows, 100 * seed + 98, default_forest=True
        )


def _case(process: Process, family: Family, level: Level, rows: int, number: int, **more: Any) -> Case:
    key = f"{process.name}/{family.kind}/{family.name}/{level}/{rows}/{number}"
    return Case(process, family, level, rows, zlib.crc32(key.encode()), **more)

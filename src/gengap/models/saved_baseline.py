"""Save scikit-learn's models as .skops files, and load them without trusting the file.

skops writes JSON and arrays, never a pickle, and constructs only types that it knows. Its own list leaves out
trees: their nodes name other nodes and columns by number, and scikit-learn follows these numbers unchecked, so
a malicious file could crash the program. `TRUSTED` adds the trees, and every number is checked.
"""

from __future__ import annotations

import contextlib
import sys
import warnings
import zipfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gengap.errors import UsageError, reason
from gengap.files.limits import usable_cores
from gengap.tasks import AnyTask

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

TRUSTED = (  # and the types that skops trusts
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
    "gengap.models.oblivious_trees.ObliviousTrees",
)
LINEAR = ("LogisticRegression", "Ridge")
BOOSTED = ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor")
ONE_THREAD_CELLS = 5_000_000  # training values below which more threads of boosted trees gain nothing
EXTRA_TREES = {"ExtraTreesClassifier": "ExtraTreeClassifier", "ExtraTreesRegressor": "ExtraTreeRegressor"}
UNSEEN = 0.01  # how much of a probability of extra trees is spread evenly: a few rows in a leaf may have one class
LEAST_LOG = -27.6  # the logarithm of 1e-12: no class has the probability 0


def save_baseline(path: Path, model: Any) -> None:
    """Write a pipeline of `for_raw_rows` as a .skops file."""
    import skops.io  # pyright: ignore[reportMissingImports]

    with path.open("wb") as file:
        skops.io.dump(model, file, compression=zipfile.ZIP_DEFLATED)


def load_baseline(path: Path, features: int, task: AnyTask) -> Any:
    """Load a pipeline that `save_baseline` wrote, for a task and rows with this many features.

    Raises:
        UsageError: The file is damaged, holds other types than such a pipeline, or trees that lead nowhere.
    """
    import skops.io  # pyright: ignore[reportMissingImports]
    from skops.io.exceptions import UntrustedTypesFoundException  # pyright: ignore[reportMissingImports]

    try:
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an older scikit-learn; what matters is checked below
            model = skops.io.load(file, trusted=list(TRUSTED))
        _check(model, features)
        baseline_outputs(
            model, task, np.zeros((1, features), np.float32)
        )  # parts that don't fit together fail here
    except UntrustedTypesFoundException:
        types = ", ".join(each for each in skops.io.get_untrusted_types(file=path) if each not in TRUSTED)
        raise UsageError(
            f"{path}: refused, because it holds {types}; expected a model that `gengap study` saved"
        ) from None
    except Exception as error:  # a damaged or malicious file fails in any part of zipfile, NumPy or scikit-learn
        raise UsageError(
            f"{path}: can't be loaded ({reason(error)}); expected a model that `gengap study` saved. Run the study "
            "again to make it again"
        ) from None
    return model


def _check(model: Any, features: int) -> None:
    """Raise ValueError unless the model is one of gengap's pipelines, and its trees stay within their arrays."""
    from sklearn import ensemble, linear_model, pipeline, preprocessing, tree

    from gengap.models.oblivious_trees import ObliviousTrees, check_trees

    ensembles = (*BOOSTED, *EXTRA_TREES)
    allowed = {getattr(linear_model, name) for name in LINEAR} | {getattr(ensemble, name) for name in ensembles}
    allowed.add(ObliviousTrees)
    if type(model) is not pipeline.Pipeline or type(model.steps) is not list:
        raise ValueError("it holds no pipeline")
    *scalers, last = (step for _, step in model.steps)
    if type(last) not in allowed or any(type(each) is not preprocessing.StandardScaler for each in scalers):
        raise ValueError(f"it holds a pipeline of {', '.join(type(step).__name__ for _, step in model.steps)}")
    if last.n_features_in_ != features:
        raise ValueError(f"it is for {last.n_features_in_} features, expected {features}")
    if type(last) is ObliviousTrees:
        check_trees(last)
    elif type(last).__name__ in BOOSTED:
        if last._preprocessor is not None:  # it could change the number of columns
            raise ValueError("it holds a preprocessor of columns")
        for grown in (grown for iteration in last._predictors for grown in iteration):
            _check_boosted_nodes(grown.nodes, features)
    elif type(last).__name__ in EXTRA_TREES:
        if last.n_jobs is not None:
            raise ValueError("it asks for several threads")
        for each in last.estimators_:
            if type(each) is not getattr(tree, EXTRA_TREES[type(last).__name__]):
                raise ValueError(f"it holds a {type(each).__name__} in {type(last).__name__}")
            _check_nodes(each.tree_, features)


def _check_boosted_nodes(nodes: Any, features: int) -> None:
    """Raise ValueError unless the nodes of a boosted tree are a table that stays within itself."""
    from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE

    if type(nodes) is not np.ndarray or nodes.dtype != PREDICTOR_RECORD_DTYPE or nodes.ndim != 1 or not len(nodes):
        raise ValueError("a tree's nodes are no table of nodes")
    leaf = nodes["is_leaf"] == 1
    if (nodes["is_categorical"][~leaf] != 0).any():
        raise ValueError("a tree names categories that it doesn't have")
    _check_numbers(leaf, nodes["left"], nodes["right"], nodes["feature_idx"], features)


def _check_nodes(tree: Any, features: int) -> None:
    """Raise ValueError unless the nodes of one of the extra trees stay within their arrays.

    scikit-learn itself checks that these arrays have a length and a form that fit together.
    """
    from sklearn.tree._tree import Tree

    if type(tree) is not Tree or tree.n_features != features or tree.n_outputs != 1 or tree.node_count < 1:
        raise ValueError("a tree's nodes are no table of nodes")
    leaf = tree.children_left == -1
    _check_numbers(leaf, tree.children_left, tree.children_right, tree.feature, features)


def _check_numbers(
    leaf: np.ndarray, left: np.ndarray, right: np.ndarray, feature: np.ndarray, features: int
) -> None:
    """Raise ValueError unless every node that isn't a leaf leads to later nodes and to a feature.

    Later nodes, so that a walk from the root ends. All arrays are (nodes,).
    """
    number, count = np.arange(len(leaf)), len(leaf)
    left, right, feature = (each.astype(np.int64) for each in (left, right, feature))
    later = (left > number) & (left < count) & (right > number) & (right < count)
    if not (leaf | (later & (feature >= 0) & (feature < features))).all():
        raise ValueError("a tree names nodes or columns that it doesn't have")


def for_raw_rows(model: Any, mean: np.ndarray, scale: np.ndarray) -> Any:
    """Return a pipeline for rows that are not standardised: `mean` and `scale` (features,), then the model's steps.

    The arithmetic is that of the study, in 32 bits, so that no row falls on the other side of a tree's threshold.
    """
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler()
    scaler.mean_, scaler.scale_, scaler.var_ = mean, scale, scale**2
    scaler.n_features_in_, scaler.n_samples_seen_ = len(mean), 1
    return Pipeline([("standardise", scaler), *model.steps])


@contextlib.contextmanager
def bounded_openmp_threads(cells: int) -> Iterator[None]:
    """Limit the threads of boosted trees: one for tables of few cells, else one core stays free.

    OpenMP's threads spin while they wait for each other. If another program uses one of their cores, 7,000 rows of
    28 features take 19 seconds with two threads and 0.6 with one.
    """
    threads = 1 if cells < ONE_THREAD_CELLS else max(usable_cores() - 1, 1)
    with _openmp_libraries(len(sys.modules)).limit(limits=threads):
        yield


@lru_cache(maxsize=1)
def _openmp_libraries(modules: int) -> ThreadpoolController:
    """Find the loaded libraries, once for so many modules: it takes longer than a prediction."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="openmp")


def baseline_outputs(model: Any, task: AnyTask, x: np.ndarray) -> np.ndarray:
    """Return a fitted model's outputs (n, outputs) float64 for features x (n, features), as networks give them."""
    with bounded_openmp_threads(x.size):
        if not task.by_class:
            return model.predict(x)[:, None].astype(np.float64)
        if task.outputs == 1 and hasattr(model, "decision_function"):
            return model.decision_function(x)[:, None]
        shares = model.predict_proba(x)
        if type(model.steps[-1][1]).__name__ in EXTRA_TREES:
            shares = (1 - UNSEEN) * shares + UNSEEN / shares.shape[1]
        logs = np.log(np.maximum(shares, np.exp(LEAST_LOG)))
        if task.outputs == 1:
            return logs[:, 1:] - logs[:, :1]
        found = np.full((len(x), task.outputs), LEAST_LOG)  # a class that no training row has
        found[:, model.classes_] = logs
        return found

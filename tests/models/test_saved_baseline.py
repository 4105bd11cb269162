"""Saved baselines predict what the study measured; a damaged or malicious file is an error and nothing else."""

from __future__ import annotations

import copy
import functools
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import threadpoolctl
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from gengap.data.encoding import Encoding, Number
from gengap.data.rows import Rows
from gengap.errors import UsageError
from gengap.models.predictor import load_predictor, write_mixture
from gengap.models.saved_baseline import (
    baseline_outputs,
    bounded_openmp_threads,
    for_raw_rows,
    load_baseline,
    save_baseline,
)
from gengap.models.saved_model import ModelCard, SavedMember, resolve, write_card
from gengap.tasks import BINARY, AnyTask, Multiclass, Regression
from gengap.train.baselines import fit_baselines

pytestmark = pytest.mark.usefixtures("whole_studies")

skops = pytest.importorskip("skops.io")

TASKS: dict[str, AnyTask] = {"two": BINARY, "three": Multiclass(("a", "b", "c")), "number": Regression()}
ROWS = 400


def rows(task: AnyTask) -> Rows:
    random = np.random.default_rng(0)
    x = random.normal(size=(ROWS, 3)).astype(np.float32)
    value = x[:, 0] + 0.3 * random.normal(size=ROWS)
    if task.name == "regression":
        return Rows(x, value.astype(np.float32))
    return Rows(
        x, task.encoded(np.array(task.classes)[np.digitize(value, (0,) if task.outputs == 1 else (-0.5, 0.5))])
    )


@pytest.mark.parametrize("name", TASKS)
def test_a_saved_baseline_predicts_from_raw_rows(name: str, tmp_path: Path) -> None:
    task = TASKS[name]
    train = rows(task)
    mean, scale = np.array([3, -1e5, 0.5], np.float32), np.array([0.1, 1e4, 7], np.float32)
    for each in fit_baselines(train, train, task, thorough=True):
        path = tmp_path / "a.skops"
        save_baseline(path, for_raw_rows(each.model, mean, scale))
        raw = train.x * scale + mean
        exact = (raw - mean) / scale  # as a study prepares them
        found = baseline_outputs(load_baseline(path, 3, task), task, raw)
        np.testing.assert_array_equal(found, each.outputs(exact))


@functools.cache
def trees() -> Pipeline:
    train = rows(BINARY)
    model = HistGradientBoostingClassifier(max_iter=2, early_stopping=False).fit(train.x, train.y.reshape(-1))
    return make_pipeline(StandardScaler().fit(train.x), model)


def saved(path: Path, change: Callable[[Any], None] | None = None, model: Any = None) -> Path:
    save_baseline(path, trees() if model is None else model)
    if change is not None:
        changed = skops.load(path, trusted=skops.get_untrusted_types(file=path))
        change(changed)
        save_baseline(path, changed)
    return path


def set_node(name: str, value: int) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        model.steps[-1][1]._predictors[0][0].nodes[name][0] = value

    return change


@pytest.mark.parametrize(
    ("name", "value"), [("left", 10**6), ("right", 10**9), ("left", 0), ("feature_idx", 10**6), ("feature_idx", -5)]
)
def test_trees_that_lead_out_of_their_arrays_are_refused(name: str, value: int, tmp_path: Path) -> None:
    """scikit-learn would follow these numbers without a check, and crash or never end."""
    path = saved(tmp_path / "a.skops", set_node(name, value))
    with pytest.raises(UsageError, match=r"a\.skops: can't be loaded \(a tree names nodes or columns"):
        load_baseline(path, 3, BINARY)


def extra_trees(**settings: Any) -> Pipeline:
    train = rows(BINARY)
    return make_pipeline(ExtraTreesClassifier(2, **settings, random_state=0).fit(train.x, train.y.reshape(-1)))


def set_extra_node(column: str, value: int) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        getattr(model.steps[-1][1].estimators_[1].tree_, column)[0] = value

    return change


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("children_left", 10**6),
        ("children_right", 10**9),
        ("children_left", 0),
        ("children_right", -1),
        ("feature", 3),
        ("feature", -5),
    ],
)
def test_extra_trees_that_lead_out_of_their_arrays_are_refused(column: str, value: int, tmp_path: Path) -> None:
    path = saved(tmp_path / "a.skops", set_extra_node(column, value), extra_trees())
    with pytest.raises(UsageError, match=r"a\.skops: can't be loaded \(a tree names nodes or columns"):
        load_baseline(path, 3, BINARY)


def use_other_trees(model: Any) -> None:
    train = rows(BINARY)
    forest = RandomForestClassifier(2).fit(train.x, train.y.reshape(-1))
    model.steps[-1][1].estimators_ = forest.estimators_


def use_narrow_trees(model: Any) -> None:
    train = rows(BINARY)
    narrow = ExtraTreesClassifier(2).fit(train.x[:, :2], train.y.reshape(-1))
    model.steps[-1][1].estimators_ = narrow.estimators_


def hide_trees(model: Any) -> None:
    """In place of its nodes, each tree holds a whole tree, whose own nodes nobody would check."""
    for each in model.steps[-1][1].estimators_:
        inner = copy.deepcopy(each)
        for name in ("n_features", "n_outputs", "node_count", "children_left", "children_right", "feature"):
            setattr(inner, name, getattr(each.tree_, name))
        each.tree_ = inner


@pytest.mark.parametrize("change", [use_other_trees, use_narrow_trees, hide_trees])
def test_extra_trees_of_another_kind_or_width_are_refused(change: Callable[[Any], None], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no table of nodes|it holds a DecisionTree"):
        load_baseline(saved(tmp_path / "a.skops", change, extra_trees()), 3, BINARY)


def test_extra_trees_of_many_threads_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="it asks for several threads"):
        load_baseline(saved(tmp_path / "a.skops", model=extra_trees(n_jobs=2)), 3, BINARY)


def test_no_row_has_the_probability_0_by_extra_trees(tmp_path: Path) -> None:
    """Their leaves hold few rows, often of one class; a single surprise would cost 27."""
    x = rows(BINARY).x
    assert np.abs(baseline_outputs(extra_trees(), BINARY, x)).max() == pytest.approx(np.log(0.995 / 0.005))


def test_libraries_are_searched_for_threads_again_once_a_module_was_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[int] = []

    class Counting(threadpoolctl.ThreadpoolController):
        def __init__(self) -> None:
            searched.append(len(sys.modules))
            super().__init__()

    monkeypatch.setattr(threadpoolctl, "ThreadpoolController", Counting)
    for more in ("first", "second"):
        monkeypatch.setitem(sys.modules, f"a_module_of_this_test_{more}", ModuleType(more))
        for _ in range(3):
            with bounded_openmp_threads(10):
                pass
    assert len(searched) == 2


def use_preprocessor(model: Any) -> None:
    model.steps[-1][1]._preprocessor = StandardScaler()


def lose_nodes(model: Any) -> None:
    model.steps[-1][1]._predictors[0][0].nodes = np.zeros(3)


@pytest.mark.parametrize("change", [use_preprocessor, lose_nodes])
def test_other_contents_are_refused(change: Callable[[Any], None], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't be loaded"):
        load_baseline(saved(tmp_path / "a.skops", change), 3, BINARY)


def test_other_models_and_functions_are_refused(tmp_path: Path) -> None:
    from sklearn.preprocessing import FunctionTransformer

    touched = tmp_path / "touched"
    path = saved(tmp_path / "a.skops", model=make_pipeline(FunctionTransformer(touched.touch)))
    with pytest.raises(UsageError, match=r"a\.skops: refused, because it holds .*[Pp]ath"):
        load_baseline(path, 3, BINARY)
    assert not touched.exists()
    with pytest.raises(UsageError, match="it holds a pipeline of StandardScaler, StandardScaler"):
        load_baseline(saved(path, model=make_pipeline(StandardScaler(), StandardScaler())), 3, BINARY)
    with pytest.raises(UsageError, match="it is for 3 features, expected 5"):
        load_baseline(saved(path), 5, BINARY)


def test_a_model_of_another_task_is_refused(tmp_path: Path) -> None:
    for task in (TASKS["three"], TASKS["number"]):
        _, boosted = fit_baselines(rows(task), rows(task), task)
        with pytest.raises(UsageError, match="can't be loaded"):
            load_baseline(saved(tmp_path / "a.skops", model=boosted.model), 3, Multiclass(("a", "b")))


def test_a_damaged_file_is_one_clear_error(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.skops")
    whole = path.read_bytes()
    for content in (b"", b"text", whole[: len(whole) // 2], whole[: len(whole) // 3] + whole[len(whole) // 2 :]):
        path.write_bytes(content)
        with pytest.raises(UsageError, match=r"a\.skops: can't be loaded"):
            load_baseline(path, 3, BINARY)


def card(*members: SavedMember) -> ModelCard:
    encoding = Encoding(tuple(Number(name=name, median=0.0) for name in "abc"))
    return ModelCard(encoding, "y", members=members)


def test_a_mixture_predicts_the_weighted_mean_of_probabilities(tmp_path: Path) -> None:
    task, x = BINARY, rows(BINARY).x
    linear, boosted = fit_baselines(rows(task), rows(task), task)
    files = []
    for each, weight in ((linear, 1.0), (boosted, 3.0)):
        path = tmp_path / f"{each.run.split('/')[1]}.skops"
        save_baseline(path, for_raw_rows(each.model, np.zeros(3, np.float32), np.ones(3, np.float32)))
        files.append((path, each.run, weight))
    write_mixture(tmp_path / "best.zip", card(), files)
    found = load_predictor(tmp_path / "best")
    assert found.card.weights == {"baselines/linear": 1.0, "baselines/trees": 3.0}
    p, q = (1 / (1 + np.exp(-each.outputs(x).astype(np.float64))) for each in (linear, boosted))
    np.testing.assert_allclose(1 / (1 + np.exp(-found.outputs(x))), (p + 3 * q) / 4)
    assert resolve(tmp_path / "linear") == tmp_path / "linear.skops"


def archive_of(path: Path, file: str, named: str) -> Path:
    """An archive with one empty file, whose card names a file."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(file, b"")
    write_card(path, card(SavedMember("a", 1.0, named)))
    return path


@pytest.mark.parametrize("named", ["../0.keras", "0.exe", "", "/etc/0.keras", "0.keras\n"])
def test_an_archive_that_names_other_files_is_refused(named: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"best\.zip: its gengap\.json names no models"):
        load_predictor(archive_of(tmp_path / "best.zip", "0.keras", named))


@pytest.mark.parametrize("weight", [0.0, -1.0])
def test_weights_of_an_archive_are_above_0(weight: float, tmp_path: Path) -> None:
    path = archive_of(tmp_path / "best.zip", "0.keras", "0.keras")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("0.keras", b"")
    write_card(path, card(SavedMember("a", weight, "0.keras")))
    with pytest.raises(UsageError, match="weights that are not above 0"):
        load_predictor(path)


def test_a_member_that_was_damaged_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "best.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0.keras", bytes(range(256)) * 40)
    write_card(path, card(SavedMember("a", 1.0, "0.keras")))
    whole = bytearray(path.read_bytes())
    start = whole.index(b"0.keras") + 20
    whole[start : start + 30] = b"\xff" * 30
    path.write_bytes(whole)
    with pytest.raises(UsageError, match=r"best\.zip: 0\.keras in it can't be read"):
        load_predictor(path)


def test_an_archive_without_its_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"best\.zip: 0\.keras in it can't be read"):
        load_predictor(archive_of(tmp_path / "best.zip", "1.keras", "0.keras"))
    with pytest.raises(UsageError, match="Keras can't load this model"):
        load_predictor(archive_of(tmp_path / "best.zip", "0.keras", "0.keras"))

"""Two classes, several, or a number: one table of tasks, and what has to hold for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from light import studies_as_for_users
from sklearn.datasets import load_diabetes, load_wine
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_info

from gengap import Plan, Trial, load, models, study
from gengap.errors import BadRowError, DataError, PlanError, StudyFolderError, UsageError
from gengap.files.limits import usable_cores
from gengap.models.mlp import compile_for, perceptron
from gengap.models.predictor import load_predictor
from gengap.models.saved_baseline import baseline_outputs, bounded_openmp_threads
from gengap.models.saved_model import export_model, predict_outputs, read_card
from gengap.plan import Recipe
from gengap.prediction import predict
from gengap.presets import full
from gengap.tasks import BINARY, TASKS, AnyTask, Binary, Multiclass, Regression, task_of
from gengap.train.baselines import fit_baselines
from gengap.train.stopping import Stopping

RANDOM = np.random.default_rng(0)
THREE = Multiclass(("2", "5", "9"))
MADE: dict[str, tuple[AnyTask, np.ndarray]] = {
    "binary": (Binary(("-1", "1")), RANDOM.choice([-1.0, 1.0], 200)),
    "multiclass": (THREE, RANDOM.choice([5.0, 2.0, 9.0], 200)),
    "regression": (Regression(10.0, 4.0), RANDOM.normal(10, 4, 200)),
}


@pytest.fixture
def all_trees() -> Iterator[None]:
    with studies_as_for_users():
        yield


def table(name: str, rows: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Features (rows, 5) and a target that they tell something of."""
    random = np.random.default_rng(1)
    x = random.normal(size=(rows, 5)).astype(np.float32)
    value = x[:, 0] + 0.5 * x[:, 1] * x[:, 2] + 0.3 * random.normal(size=rows)
    targets = {
        "binary": np.where(value > 0, 1.0, -1.0),
        "multiclass": np.array([2.0, 5.0, 9.0])[np.digitize(value, (-0.6, 0.6))],
        "regression": 1_000 + 50 * value,
    }
    return x, targets[name]


@pytest.mark.parametrize("name", TASKS)
def test_row_losses_and_scores_are_those_of_keras(name: str) -> None:
    task, values = MADE[name]
    y = task.encoded(values)
    outputs = RANDOM.normal(size=(200, task.outputs)).astype(np.float32)
    model = perceptron((4,), features=task.outputs, task=task)
    compile_for(task, model)
    shaped = y if y.ndim == 2 else y[:, None]
    loss = float(model.compute_loss(y=shaped, y_pred=outputs))
    found = task.scores(outputs, y)
    assert task.row_losses(outputs, y).shape == (200,)
    assert float(task.row_losses(outputs, y).mean()) == pytest.approx(loss, rel=1e-5) == found[task.loss]
    model.compute_metrics(None, shaped, outputs)
    told = {key: float(value) for key, value in model.get_metrics_result().items()}
    for metric in {task.loss, task.score} & set(found):
        assert told[metric] == pytest.approx(found[metric], rel=1e-4), metric


@pytest.mark.parametrize("name", TASKS)
def test_encoding_keeps_what_the_target_says(name: str) -> None:
    task, values = MADE[name]
    labels = task.labels(task.encoded(values))
    if isinstance(task, Regression):
        np.testing.assert_allclose(labels * task.scale + task.mean, values, rtol=1e-5)
    else:
        assert [task.classes[int(label)] for label in labels] == [str(int(value)) for value in values]


def test_too_many_classes_are_refused_and_an_option_is_named_only_if_given() -> None:
    names = np.array([f"c{i:04}" for i in range(1_200)])
    with pytest.raises(
        UsageError, match=r"there are 1,200 values \(.*\); expected 3 to 100 classes\. Name another"
    ):
        task_of(names, None, "t")
    with pytest.raises(UsageError, match="expected 3 to 100 classes for --task multiclass"):
        task_of(names, "multiclass", "t")


@given(st.lists(st.sampled_from(["b", "a", "c", "Ω <b>"]), min_size=2, max_size=40))
def test_texts_are_classes(values: list[str]) -> None:
    target = np.array(values)
    if len(set(values)) == 1:
        with pytest.raises(DataError, match="rows have the label"):
            task_of(target, None, "t")
        return
    task = task_of(target, None, "t")
    assert not isinstance(task, Regression)
    assert list(task.classes) == sorted(set(values))
    assert [task.classes[int(i)] for i in task.labels(task.encoded(target))] == values


def test_what_a_target_looks_like() -> None:
    assert task_of(np.array([3.0, 7.0]), None, "t") == Binary(("3", "7"))
    assert task_of(np.arange(20.0), None, "t").name == "multiclass"
    assert task_of(np.arange(21.0), None, "t").name == "regression"
    assert task_of(np.array([0.5, 1.0, 2.0]), None, "t").name == "regression"
    assert task_of(np.arange(5.0), "regression", "t") == Regression()
    with pytest.raises(UsageError, match="expected numbers for --task regression"):
        task_of(np.array(["a", "b"]), "regression", "t")


# Two classes are what the laws of training are tried on; L2 is in the model, whatever its outputs.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("treatment", "name"),
    [
        *((treatment, "multiclass") for treatment in (models.Ensemble(3), models.Mixup(0.5), models.BatchNorm())),
        *((treatment, "regression") for treatment in (models.Ensemble(3), models.Mixup(0.5), models.BatchNorm())),
        (models.L2(0.01), "multiclass"),
        (models.Ensemble(3), "binary"),
    ],
)
def test_every_treatment_takes_every_task(treatment: models.Treatment, name: str) -> None:
    plan = Plan(
        name="one",
        trials=(Trial(run="a/b", units=(8,), treatments=(treatment,)),),  # pyright: ignore[reportArgumentType]
        recipe=Recipe(batch=50, max_epochs=12),
    )
    found = study(table(name), plan)
    (trial,) = found.trials
    assert trial.parameters == found.planned["a/b"].parameters(5, found.dataset.task.outputs)
    losses = found.histories[0]["validation", found.dataset.task.loss].values
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("name", TASKS)
def test_a_model_that_stands_alone_says_the_same(name: str) -> None:
    data = load(table(name))
    model = perceptron((8,), [models.Ensemble(2)], features=5, task=data.task)
    compile_for(data.task, model)
    outputs = np.asarray(model(data.validation.x), np.float64)
    whole = export_model(model, data.mean, data.scale, data.task)
    raw = data.validation.x * data.scale + data.mean
    np.testing.assert_allclose(predict_outputs(whole, raw, data.task), outputs, atol=2e-4)
    if isinstance(data.task, Regression):
        told = np.asarray(whole(raw), np.float64)
        np.testing.assert_allclose(told, outputs * data.task.scale + data.task.mean, rtol=1e-4)


@pytest.mark.usefixtures("all_trees")
@pytest.mark.parametrize("name", TASKS)
def test_baselines_learn_every_task(name: str) -> None:
    data = load(table(name))
    for baseline in fit_baselines(data.train, data.validation, data.task):
        outputs = baseline.outputs(data.validation.x)
        assert outputs.shape == (len(data.validation), data.task.outputs)
        better = {"binary": 0.6, "multiclass": 1.0, "regression": 0.8}[name]
        assert data.task.scores(outputs, data.validation.y)[data.task.loss] < better


@pytest.mark.usefixtures("all_trees")
@pytest.mark.parametrize("name", TASKS)
def test_trees_are_the_best_of_four_settings(name: str) -> None:
    data = load(table(name))
    _, trees = fit_baselines(data.train, data.validation, data.task)
    kind = HistGradientBoostingClassifier if data.task.by_class else HistGradientBoostingRegressor
    best = data.task.scores(trees.outputs(data.validation.x), data.validation.y)[data.task.loss]
    losses = []
    small = {"max_iter": 300, "max_features": 0.5, "l2_regularization": 1.0}
    for options in (
        {"early_stopping": False},
        {"early_stopping": True},
        {"max_leaf_nodes": 8, "min_samples_leaf": 5, **small},
        {"max_leaf_nodes": 4, "min_samples_leaf": 10, **small},
    ):
        model = kind(**options, random_state=0).fit(data.train.x, data.task.labels(data.train.y))
        by_model = replace(trees, outputs=partial(baseline_outputs, make_pipeline(model), data.task))
        losses.append(data.task.scores(by_model.outputs(data.validation.x), data.validation.y)[data.task.loss])
    assert len(set(losses)) == 4
    assert best == pytest.approx(min(losses))


def test_many_useless_features_make_the_linear_model_for_numbers_careful() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(400, 120)).astype(np.float32)
    y = x[:, 0] + 3 * random.normal(size=400)
    data = load((x, y), train=200, validation=200)
    linear = next(fit_baselines(data.train, data.validation, data.task))
    light = make_pipeline(StandardScaler(), Ridge()).fit(data.train.x, data.train.y.reshape(-1))
    loss, other = (
        float(data.task.row_losses(np.asarray(each).reshape(-1, 1), data.validation.y).mean())
        for each in (linear.outputs(data.validation.x), light.predict(data.validation.x))
    )
    assert loss < 0.8 * other


def test_trees_of_few_rows_use_one_thread() -> None:
    with bounded_openmp_threads(1_000):
        assert {each["num_threads"] for each in threadpool_info() if each["user_api"] == "openmp"} == {1}
    with bounded_openmp_threads(10**9):
        threads = {each["num_threads"] for each in threadpool_info() if each["user_api"] == "openmp"}
    assert threads == {max(usable_cores() - 1, 1)}


@pytest.mark.usefixtures("all_trees")
def test_a_class_that_no_training_row_has_is_improbable_but_possible() -> None:
    x, y = table("multiclass")
    data = load((x, y))
    seen = data.train.y[:, 2] == 0
    rows = type(data.train)(data.train.x[seen], data.train.y[seen])
    for baseline in fit_baselines(rows, data.validation, data.task):
        losses = data.task.row_losses(baseline.outputs(data.validation.x), data.validation.y)
        assert np.isfinite(losses).all()


@pytest.mark.slow
@pytest.mark.usefixtures("all_trees")
@pytest.mark.parametrize(("name", "loader"), [("multiclass", load_wine), ("regression", load_diabetes)])
def test_a_whole_study_of_a_real_table(tmp_path: Path, name: str, loader: type[load_wine]) -> None:
    frame = loader(as_frame=True).frame  # pyright: ignore[reportAttributeAccessIssue]
    path = tmp_path / "table.parquet"
    frame.to_parquet(path)
    out = tmp_path / "s"
    found = study(path, target="target", only="sizes/[TSM]*", max_epochs=60, test=30, out=out)
    summary = found.summary
    assert summary.task == name
    assert summary.classes == (("0", "1", "2") if name == "multiclass" else ())
    assert {trial.run for trial in found.trials} == {"sizes/Tiny", "sizes/Small", "sizes/Medium"}
    for trial in found.trials:
        assert trial.verdict is not None
        assert trial.loss("validation") is not None
        assert trial.score("validation") is not None
    kept, test = summary.recommendation, summary.test
    assert kept is not None
    assert test is not None
    low, _, high = kept.expected.bounded_loss
    assert low < high
    assert (kept.expected.accuracy is None) == (name == "regression") == (kept.expected.r2 is not None)
    page = (out / "report.html").read_text("utf-8")
    assert ("Expected R²" in page) == (name == "regression")
    # The saved model's answers on the raw table are those that the test rows were judged by.
    assert predict(out / "models" / "best", path, tmp_path / "answers.parquet") == len(frame)
    answers = pq.read_table(tmp_path / "answers.parquet")
    truth = frame["target"].to_numpy()
    if name == "regression":
        assert answers.column_names == ["prediction"]
        error = np.mean((answers["prediction"].to_numpy() - truth) ** 2)
        assert error < truth.var()
    else:
        assert answers.column_names == ["probability_0", "probability_1", "probability_2", "predicted"]
        shares = np.stack([column.to_numpy() for column in answers.columns[:3]], axis=1)
        np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)
        assert (answers["predicted"].to_numpy() == shares.argmax(axis=1)).all()
        assert np.mean(shares.argmax(axis=1) == truth) > 0.9


@pytest.mark.parametrize("kind", ["csv", "parquet", "pandas"])
def test_a_target_of_texts(tmp_path: Path, kind: str) -> None:
    x, y = table("multiclass")
    names = np.array(["low", "middling", "high & dry"])
    columns = {f"c{i}": column for i, column in enumerate(x.T)} | {"y": names[np.searchsorted([2, 5, 9], y)]}
    frame = pd.DataFrame(columns)
    source: object = frame
    if kind != "pandas":
        source = tmp_path / f"t.{kind}"
        frame.to_csv(source, index=False) if kind == "csv" else frame.to_parquet(source)
    data = load(source, target="y", train=300, validation=100)
    assert data.task == Multiclass(("high & dry", "low", "middling"))
    assert data.train.y.shape == (300, 3)
    frame.loc[6, "y"] = None
    if kind != "pandas":
        frame.to_csv(source, index=False) if kind == "csv" else frame.to_parquet(source)  # pyright: ignore
    with pytest.raises(BadRowError, match="row 7, column 'y': this row has no target value"):
        load(source, target="y")
    assert len(load(source, target="y", on_bad_row="skip").skipped) == 1
    dates = frame.assign(y=pd.Timestamp("2020-01-01"))
    with pytest.raises(DataError, match="the target is dates, expected classes or numbers"):
        load(dates, target="y")


@pytest.mark.slow
def test_the_same_folder_resumes(tmp_path: Path) -> None:
    rows, out = table("multiclass"), tmp_path / "s"
    first = study(rows, "quick", only="sizes/Tiny", max_epochs=5, out=out)
    again = study(rows, "quick", only="sizes/Tiny", max_epochs=5, out=out)
    assert [t.metrics for t in first.trials] == [t.metrics for t in again.trials]
    assert first.trials[0].began == again.trials[0].began
    assert read_card(out / "models" / "best").classes == ("2", "5", "9")
    assert load_predictor(out / "models" / "best").outputs(rows[0][:1]).shape == (1, 3)


@pytest.mark.slow
def test_a_target_in_other_units_is_other_data(tmp_path: Path) -> None:
    x, y = table("regression")
    study((x, y), only="sizes/Tiny", max_epochs=2, out=tmp_path)
    with pytest.raises(StudyFolderError, match="other rows"):
        study((x, 2 * y), only="sizes/Tiny", max_epochs=2, out=tmp_path)


def test_a_plan_meets_a_task_that_it_does_not_suit() -> None:
    kinds = {t.treatments for t in full().adapt_to_task(Regression()).growth.regularizer_trials(((8,), 1.0, 1.0))}  # pyright: ignore[reportOptionalMemberAccess]
    assert not any(isinstance(t, models.LabelSmoothing) for each in kinds for t in each)
    adapted = full().adapt_to_task(BINARY)
    assert adapted.growth == full().growth
    assert [t.run for t in full().trials if t not in adapted.trials] == ["better/log target"]
    smoothed = Plan(name="p", trials=(Trial(run="a/b", units=(2,), treatments=(models.LabelSmoothing(0.1),)),))
    with pytest.raises(PlanError, match="a/b of the plan 'p': only classes can be smoothed"):
        study(table("regression"), smoothed)
    rule = Stopping(monitor="accuracy", mode="max")
    by_accuracy = Plan(name="p", trials=(Trial(run="a/b", units=(2,)),), recipe=Recipe(stopping=rule))
    with pytest.raises(PlanError, match="stops by 'accuracy', but the task is regression, scored by 'r2'"):
        study(table("regression"), by_accuracy)


def test_a_table_in_memory_with_another_pair_of_labels() -> None:
    x, y = table("binary")
    columns = {f"c{i}": column for i, column in enumerate(x.T)} | {"y": y}
    data = load(pa.table(columns), target="y")
    assert data.task == Binary(("-1", "1"))
    assert set(np.unique(data.train.y)) == {0.0, 1.0}

"""Logs that the frameworks wrote themselves, and the objects of those that are installed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnose.curves_expected import LOGS, by_epoch, expect, judged, one
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor

from gengap.diagnose.readers import read
from gengap.diagnose.run_curves import choose_curves
from gengap.history import History, Series
from gengap.report import tensorboard
from gengap.text.catalog import Message

EXAMPLE = Path(__file__).parents[2] / "examples" / "framework_logs.py"


# What the frameworks wrote


@pytest.mark.parametrize(
    ("path", "metric", "validation", "train", "also"),
    [  # the validation column, its first and last epochs and their number, the same of training
        ("keras/training.csv", "val_loss", (0, 11, 12), (0, 11, 12), "val_accuracy"),
        ("keras/history.json", "val_loss", (0, 11, 12), (0, 11, 12), "val_accuracy"),
        ("keras/history-pandas.json", "val_loss", (0, 11, 12), (0, 11, 12), "val_accuracy"),
        ("keras/history-pandas.csv", "val_loss", (0, 11, 12), (0, 11, 12), "val_accuracy"),
        ("keras/history-every-third.json", "val_loss", (2, 11, 4), (0, 11, 12), "val_accuracy"),
        ("keras/tensorboard", "validation/epoch_loss", (0, 11, 12), (0, 11, 12), "validation/epoch_accuracy"),
        (
            "keras/tensorboard/dense/validation",
            "validation/epoch_loss",
            (0, 11, 12),
            None,
            "validation/epoch_accuracy",
        ),
        ("torch/tags", "Loss/val", (0, 11, 12), (0, 11, 12), None),
        ("torch/folders", "Loss/val", (0, 11, 12), (0, 11, 12), None),
        ("tensorboardx/first", "val/loss", (0, 11, 12), (0, 11, 12), None),
        ("transformers/trainer_state.json", "eval_loss", (20, 120, 6), (5, 120, 24), "eval_accuracy"),
        ("transformers", "eval_loss", (20, 120, 6), (5, 120, 24), "eval_accuracy"),
        ("transformers/events", "eval/loss", (20, 120, 6), (5, 120, 24), "eval/accuracy"),
        ("lightning/version_0/metrics.csv", "val_loss", (0, 11, 12), (0, 11, 12), "val_acc"),
        ("lightning/events", "val_loss", (9, 119, 12), (9, 119, 12), "val_acc"),
        ("xgboost/evals_result.json", "validation_1-logloss", (0, 35, 36), (0, 35, 36), "validation_1-error"),
        ("xgboost/train.json", "eval-logloss", (0, 35, 36), (0, 35, 36), "eval-auc"),
        ("xgboost/cv.csv", "test-logloss-mean", (0, 35, 36), (0, 35, 36), "test-auc-mean"),
        ("lightgbm/evals_result.json", "valid_1-binary_logloss", (0, 35, 36), (0, 35, 36), None),
        ("lightgbm/validation-only.json", "valid_0-binary_logloss", (0, 35, 36), None, None),
        ("sklearn/staged.json", "validation", (0, 59, 60), (0, 59, 60), None),
        ("sklearn/mlp.json", "validation_scores_", (0, 59, 60), None, None),
    ],
)
def test_real_logs(
    path: str, metric: str, validation: tuple[int, int, int], train: tuple[int, int, int] | None, also: str | None
) -> None:
    def extent(series: Series | None) -> tuple[int, int, int] | None:
        return None if series is None else (int(series.epochs[0]), int(series.epochs[-1]), len(series))

    found = judged(LOGS / path)
    assert found.metric == metric
    assert (extent(found.validation), extent(found.train)) == (validation, train)
    assert (found.auxiliary and found.auxiliary.metric) == also
    assert found.higher_is_better == (path == "sklearn/mlp.json")
    assert np.isfinite(found.validation.values).all()


def test_the_same_run_is_the_same_in_every_format() -> None:
    found = [judged(LOGS / "keras" / name) for name in ("training.csv", "history.json", "history-pandas.json")]
    events = judged(LOGS / "keras" / "tensorboard")
    for other in [*found[1:], events]:
        np.testing.assert_allclose(other.validation.values, found[0].validation.values, rtol=1e-6)
        assert other.train is not None and found[0].train is not None
        np.testing.assert_allclose(other.train.values, found[0].train.values, rtol=1e-6)


def test_values_are_those_in_the_file() -> None:
    state = json.loads((LOGS / "transformers" / "trainer_state.json").read_text())["log_history"]
    expected = {record["step"]: record["eval_loss"] for record in state if "eval_loss" in record}
    log = expect(
        LOGS / "transformers", expected, {record["step"]: record["loss"] for record in state if "loss" in record}
    )
    assert "train_loss" in log.other  # its mean over the whole training, once at the end


def test_runs_in_one_folder_are_told_apart() -> None:
    logs = read(LOGS / "tensorboardx")
    assert [log.history.run for log in logs] == [f"{LOGS / 'tensorboardx'}:{run}" for run in ("first", "second")]
    first, second = (log.history["validation", "loss"].values for log in logs)
    assert not np.array_equal(first, second)


def test_what_a_reader_had_to_decide_is_noted() -> None:
    assert one(LOGS / "keras" / "history-every-third.json").notes == (
        Message("read-fewer-values", {"column": "val_accuracy", "count": 4, "rows": 12, "every": 3}),
        Message("read-fewer-values", {"column": "val_loss", "count": 4, "rows": 12, "every": 3}),
    )
    assert one(LOGS / "xgboost" / "cv.csv").notes[0] == (
        Message("read-test-as-validation", {"columns": ("test-logloss-mean", "test-auc-mean"), "count": 2})
    )
    assert one(LOGS / "keras" / "training.csv").notes == ()


@pytest.mark.slow
def test_the_example_makes_such_logs(tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLE), str(tmp_path), "sklearn", "xgboost"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.startswith("sklearn: scikit-learn ")
    assert "xgboost: passed over, xgboost not installed" in said or "xgboost: xgboost " in said
    for path, metric in (("staged.json", "validation"), ("mlp.json", "validation_scores_")):
        assert judged(tmp_path / "sklearn" / path).metric == metric


# Frameworks that are installed, live


def table(rows: int = 200) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    x = random.normal(size=(rows, 4)).astype(np.float32)
    return x, (x[:, 0] + random.normal(size=rows) > 0).astype(np.int64)


def test_a_keras_history_live() -> None:
    from gengap.models.backend import keras

    x, y = table()
    model = keras.Sequential([keras.layers.Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, epochs=5, initial_epoch=1, validation_split=0.5, verbose=0)
    expected: dict[str, Any] = history.history
    log = expect(history, by_epoch(expected["val_loss"], 1), by_epoch(expected["loss"], 1))
    assert log.history["validation", "accuracy"].values.tolist() == expected["val_accuracy"]
    assert log.history.run == "History"


def test_scikit_learns_mlp_is_judged_by_its_validation_scores() -> None:
    x, y = table()
    model = MLPClassifier(4, early_stopping=True, max_iter=200, tol=0.1, n_iter_no_change=4, random_state=0).fit(
        x, y
    )
    found = judged(model)
    assert (found.metric, found.train, found.higher_is_better) == ("validation_scores_", None, True)
    assert found.validation.values.tolist() == model.validation_scores_
    assert one(model).history["train", "loss"].values.tolist() == model.loss_curve_
    regressor = MLPRegressor(
        hidden_layer_sizes=4, early_stopping=True, max_iter=200, tol=0.5, n_iter_no_change=4, random_state=0
    )
    assert ("validation", "r2") in one(regressor.fit(x, y)).history


@pytest.mark.parametrize(
    ("model", "metric", "higher", "sign"),
    [
        (HistGradientBoostingClassifier(early_stopping=True, max_iter=5), "loss", False, -1),
        (HistGradientBoostingClassifier(early_stopping=True, max_iter=5, scoring=None), "accuracy", True, 1),
        (HistGradientBoostingClassifier(early_stopping=True, max_iter=5, scoring="roc_auc"), "roc_auc", True, 1),
        (HistGradientBoostingRegressor(early_stopping=True, max_iter=5, scoring=None), "r2", True, 1),
        (
            HistGradientBoostingRegressor(early_stopping=True, max_iter=5, scoring="neg_mean_squared_error"),
            *("mean_squared_error", False, -1),
        ),
    ],
)
def test_scikit_learns_boosting_keeps_scores(model: Any, metric: str, higher: bool, sign: int) -> None:
    model.fit(*table())
    log = one(model)
    assert set(log.history.series) == {("train", metric), ("validation", metric)}
    found = choose_curves(log)
    assert (found.metric, found.higher_is_better) == ("validation_score_", higher)
    np.testing.assert_array_equal(found.validation.values, sign * np.array(model.validation_score_))


def test_scikit_learns_gradient_boosting_by_staged_scores() -> None:
    x, y = table()
    model = GradientBoostingClassifier(n_estimators=8).fit(x[:100], y[:100])
    train, validation = (
        [float(np.mean(p != b)) for p in model.staged_predict(a)] for a, b in ((x[:100], y[:100]), (x, y))
    )
    expect({"train": train, "validation": validation}, by_epoch(validation), by_epoch(train))


def test_tensorboard_logs_of_gengap_itself(tmp_path: Path) -> None:
    epochs = np.arange(3)
    series = {
        ("train", "loss"): Series(epochs, np.array([9.0, 8, 7])),
        ("train", "mse"): Series(epochs, np.array([4.0, 3, 2])),
        ("train", "clean_mse"): Series(epochs, np.array([3.0, 2, 1])),
        ("validation", "mse"): Series(epochs, np.array([5.0, 4, 4.5])),
    }
    tensorboard.write(History("sizes/Tiny", 0, series), tmp_path)
    log = expect(tmp_path, {0: 5.0, 1: 4.0, 2: 4.5}, {0: 3.0, 1: 2.0, 2: 1.0})
    assert log.history.run == f"{tmp_path}:sizes/Tiny"


def test_of_tensors_only_scalars_are_read(tmp_path: Path) -> None:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.summary.writer.record_writer import RecordWriter
    from tensorboard.util.tensor_util import make_tensor_proto

    tensors = {
        "val_loss": make_tensor_proto(0.25),
        "val_mse": make_tensor_proto(np.array([3], np.int64)),
        "val_mae": make_tensor_proto(np.array([1.0, 2.0])),
        "val_acc": make_tensor_proto("text"),
        "val_auc": TensorProto(dtype=999),  # pyright: ignore[reportArgumentType]
        "val_f1": TensorProto(),
    }
    with (tmp_path / "events.out.tfevents.1").open("wb") as file:
        values = [Summary.Value(tag=tag, tensor=tensor) for tag, tensor in tensors.items()]
        RecordWriter(file).write(Event(step=7, summary=Summary(value=values)).SerializeToString())
    log = expect(tmp_path, {7: 0.25}, None)
    assert set(log.history.series) == {("validation", "loss"), ("validation", "mse")}


def test_large_events_such_as_pictures_are_passed_over(tmp_path: Path) -> None:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.record_writer import RecordWriter

    with (tmp_path / "events.out.tfevents.1").open("wb") as file:
        writer = RecordWriter(file)
        for step in range(3):
            picture = Summary.Value(tag="weights", image=Summary.Image(encoded_image_string=b"x" * 100_000))
            writer.write(Event(step=step, summary=Summary(value=[picture])).SerializeToString())
            loss = Summary.Value(tag="val_loss", simple_value=0.5 * step)
            writer.write(Event(step=step, summary=Summary(value=[loss])).SerializeToString())
    log = expect(tmp_path, {0: 0.0, 1: 0.5, 2: 1.0}, None)
    assert (log.other, log.notes) == ((), ())

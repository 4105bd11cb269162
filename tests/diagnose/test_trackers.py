"""Files and folders of trackers and boosters: which runs they hold, and which curves."""

from __future__ import annotations

import json
import math
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnose.curves_expected import LOGS, one, write
from diagnose.wandb_made import field, logged, wandb_file
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gengap.diagnose import diagnose_files
from gengap.diagnose.readers import read
from gengap.diagnose.run_curves import Log, choose_curves
from gengap.errors import DataError
from gengap.history import Series
from gengap.text.catalog import Message

WALL = 1_700_000_000.5  # seconds since 1970


def ends(series: Series | None) -> tuple[int, float, float] | None:
    """Number of points, first and last value."""
    values = [] if series is None else series.values.tolist()
    return (len(values), round(values[0], 4), round(values[-1], 4)) if values else None


@pytest.mark.parametrize(
    ("path", "reader", "metric", "validation", "train"),
    [
        ("mlflow/mlruns", "mlflow", "val/loss", (12, 0.6701, 0.5757), (12, 0.6738, 0.6072)),
        ("dvclive", "dvclive", "eval/loss", (12, 0.6499, 0.5519), (12, 0.657, 0.5978)),
        ("dvclive/dvclive", "dvclive", "eval/loss", (12, 0.6499, 0.5519), (12, 0.657, 0.5978)),
        ("catboost/catboost_info", "catboost", "test-Logloss", (12, 0.6728, 0.5666), (12, 0.6752, 0.5428)),
        ("catboost/two-sets", "catboost", "test-Logloss", (12, 0.6728, 0.5666), (12, 0.6752, 0.5428)),
        ("catboost/cv.csv", "csv", "test-Logloss-mean", (12, 0.6871, 0.6399), (12, 0.6769, 0.5514)),
    ],
)
def test_logs_of_trackers(path: str, reader: str, metric: str, validation: Any, train: Any) -> None:
    found = choose_curves(read(LOGS / path)[0])
    assert found.log is not None
    assert (found.log.reader, found.metric) == (reader, metric)
    assert (ends(found.validation), ends(found.train)) == (validation, train)


def test_nested_runs_of_mlflow_are_named_by_their_parent() -> None:
    store = LOGS / "mlflow" / "mlruns"
    first, second = read(store)
    assert [first.history.run, second.history.run] == [f"{store}:sweep/rate-0.5", f"{store}:sweep/rate-2.0"]


def test_one_run_of_mlflow_is_read_from_its_own_folder(tmp_path: Path) -> None:
    run = next((LOGS / "mlflow" / "mlruns").rglob("val")).parents[1]
    shutil.copytree(run, tmp_path / "run")
    assert one(tmp_path / "run").history.run.startswith(f"{tmp_path / 'run'}:rate-")


def mlflow_run(folder: Path, name: str, metrics: dict[str, str], **fields: str) -> Path:
    """A run as MLflow's file store keeps it."""
    for metric, lines in metrics.items():
        (folder / "metrics" / metric).parent.mkdir(parents=True, exist_ok=True)
        write(folder / "metrics", metric, lines)
    text = "".join(f"{key}: {value}\n" for key, value in {"run_name": name, **fields}.items())
    return write(folder, "meta.yaml", text)


def test_runs_of_mlflow_that_were_deleted_are_left_out(tmp_path: Path) -> None:
    lines = {"val_loss": "1 0.9 0\n2 0.8 1\n3 nan 2\n"}
    mlflow_run(tmp_path / "0" / "a", "same", lines, lifecycle_stage="active")
    mlflow_run(tmp_path / "0" / "b", "same", lines, lifecycle_stage="active", start_time="5")
    mlflow_run(tmp_path / "0" / "c", "other", lines, lifecycle_stage="deleted")
    mlflow_run(tmp_path / "0" / "d", "best", {"best_val_loss": "1 0.8 0\n"})
    first, second = read(tmp_path)
    assert first.notes == (Message("read-no-curves", {"count": 1, "runs": f"{tmp_path}:best"}),)
    assert [log.history.run.rpartition(":")[2] for log in (first, second)] == ["same-a", "same-b"]
    np.testing.assert_array_equal(first.history["validation", "loss"].values, [0.9, 0.8, math.nan])


def test_values_without_a_step_are_counted(tmp_path: Path) -> None:
    mlflow_run(tmp_path / "0" / "a", "", {"val_loss": "1 0.9 0\n2 0.8 0\n", "loss": "1 0.5\n2 0.4\n"})
    log = one(tmp_path)
    assert log.history["validation", "loss"].epochs.tolist() == [0, 1]
    assert log.history["train", "loss"].values.tolist() == [0.5, 0.4]
    (note,) = log.notes
    assert note.code == "read-no-steps" and set(note.parameters["columns"]) == {"loss", "val_loss"}  # pyright: ignore[reportArgumentType]


def test_a_line_that_mlflow_has_not_finished_is_left_out(tmp_path: Path) -> None:
    mlflow_run(tmp_path / "0" / "a", "", {"val_loss": "1 0.9 0\n2 0.8 1\n3 0."})
    assert one(tmp_path).history["validation", "loss"].values.tolist() == [0.9, 0.8]


def test_a_damaged_metric_of_mlflow_is_named_with_its_line(tmp_path: Path) -> None:
    mlflow_run(tmp_path / "0" / "a", "", {"val_loss": "1 0.9 0\n2 many 1\n3 0.7 2\n"})
    with pytest.raises(DataError, match=r"a/metrics/val_loss, line 2: '2 many 1', expected 'time value step'"):
        read(tmp_path)


# Databases


def database(path: Path, *statements: str, rows: dict[str, list[tuple[object, ...]]]) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        for table, values in rows.items():
            marks = ", ".join("?" * len(values[0]))
            connection.executemany(f"INSERT INTO {table} VALUES ({marks})", values)
        connection.commit()
    return path


def mlflow_database(path: Path) -> Path:
    metrics: list[tuple[object, ...]] = [
        ("a", name, step, 0.0 if step == 2 else 0.9 - step / 10, step, step == 2)
        for name in ("val_loss", "loss")
        for step in range(3)
    ]
    return database(
        path,
        "CREATE TABLE experiments (experiment_id INTEGER, name TEXT)",
        "CREATE TABLE runs (run_uuid, name, experiment_id, lifecycle_stage, start_time)",
        "CREATE TABLE tags (run_uuid TEXT, key TEXT, value TEXT)",
        "CREATE TABLE metrics (run_uuid, key, timestamp, value, step, is_nan)",
        rows={
            "experiments": [(1, "forest")],
            "runs": [("p", "sweep", 1, "active", 0), ("a", "one", 1, "active", 1), ("b", "gone", 1, "deleted", 2)],
            "tags": [("a", "mlflow.parentRunId", "p")],
            "metrics": metrics,
        },
    )  # fmt: skip


def test_mlflows_database(tmp_path: Path) -> None:
    path = mlflow_database(tmp_path / "mlflow.db")
    for source in (path, tmp_path):
        log = one(source)
        assert log.history.run == f"{path}:sweep/one"
        assert log.reader == "mlflow"
        np.testing.assert_array_equal(log.history["validation", "loss"].values, [0.9, 0.8, math.nan])
        assert log.history["train", "loss"].epochs.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("columns", "row"),
    [
        ("run_name, step, name, value", lambda i, name, y: [("one", i, name, y)]),
        (
            "id, timestamp, run_name, step, metrics",
            lambda i, name, y: [(i, "now", "one", i, json.dumps({name: y}))],
        ),
    ],
)
def test_other_databases_are_read_by_their_columns(
    tmp_path: Path, columns: str, row: Callable[[int, str, float], list[tuple[object, ...]]]
) -> None:
    rows = [cells for i in range(3) for name in ("loss", "val_loss") for cells in row(i, name, len(name) / (i + 1))]
    path = database(tmp_path / "runs.sqlite", f"CREATE TABLE points ({columns})", rows={"points": rows})
    log = one(path)
    assert log.history.run == f"{path}:one"
    assert log.history["validation", "loss"].values.tolist() == [8, 4, 8 / 3]


def test_a_folder_without_logs_leads_to_the_metrics(tmp_path: Path) -> None:
    mlflow_database(tmp_path / "mlflow.db")
    (tmp_path / "mlruns").mkdir()
    with pytest.raises(DataError, match=r"MLflow's metrics are in \S+mlflow\.db: name that"):
        read(tmp_path / "mlruns")
    (tmp_path / "work" / ".aim").mkdir(parents=True)
    write(tmp_path / "work" / ".aim", "VERSION", "1")
    with pytest.raises(
        DataError,
        match="Aim's store can't be read here: run `aim up`, open the metrics explorer, and export its table",
    ):
        read(tmp_path / "work")


def test_a_database_without_curves_is_refused(tmp_path: Path) -> None:
    path = database(tmp_path / "a.db", "CREATE TABLE users (name TEXT)", rows={"users": [("Ann",)]})
    with pytest.raises(DataError, match=r"a\.db: this database holds users, expected a table of metrics"):
        read(path)
    path.write_bytes(path.read_bytes()[:100] + bytes(1000))
    with pytest.raises(DataError, match="this SQLite database can't be read"):
        read(path)


# Weights & Biases


@given(curve=st.lists(st.floats(allow_infinity=False), min_size=1, max_size=4), padding=st.integers(0, 70_000))
@example(curve=[0.0, math.nan, 0.0], padding=0)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_run_of_weights_and_biases(tmp_path: Path, curve: list[float], padding: int) -> None:
    records = [field(17, field(8, b"sun-3")), field(4, b"printed " * (padding // 8))]
    records += [logged(5 * i, val_loss="NaN" if math.isnan(y) else y, note="text") for i, y in enumerate(curve)]
    path = write(tmp_path, "run-1.wandb", wandb_file(records))
    for source in (path, tmp_path):
        log = one(source)
        assert (log.history.run, log.reader) == (f"{path}:sun-3", "wandb")
        np.testing.assert_array_equal(log.history["validation", "loss"].values, curve)
        assert log.history["validation", "loss"].epochs.tolist() == steps(tuple(curve))


def test_a_run_that_is_still_written_is_read_to_there(tmp_path: Path) -> None:
    content = wandb_file([logged(i, val_loss=y) for i, y in enumerate(VALIDATION)])
    log = one(write(tmp_path, "run-1.wandb", content[:-3]))
    assert log.history["validation", "loss"].values.tolist() == [1, 0.7]
    assert log.notes == (Message("read-broken-events", {"file": "run-1.wandb", "events": 2}),)
    with pytest.raises(DataError, match="this run of Weights & Biases holds no history yet"):
        read(write(tmp_path, "run-2.wandb", wandb_file([field(17, b"")])))


# Exports with a column for each run, and files that are named like their curve


def test_panels_of_weights_and_biases(tmp_path: Path) -> None:
    header = (
        '"Step","sun-3 - loss","sun-3 - loss__MIN","sun-3 - loss__MAX","lr - 2 - val_loss","sun-3 - val_loss"\n'
    )
    path = write(tmp_path, "a.csv", header + '"0","0.9","0.9","0.9","1.5","1"\n"1","0.5","0.5","0.5","","0.7"\n')
    sun, lr = read(path)
    assert (sun.history.run, lr.history.run) == (f"{path}:sun-3", f"{path}:lr - 2")
    assert sun.history["train", "loss"].values.tolist() == [0.9, 0.5]
    assert sun.history["validation", "loss"].values.tolist() == [1, 0.7]
    assert lr.history["validation", "loss"].values.tolist() == [1.5]  # another run ended later: no divergence


def test_the_axis_of_a_panel_may_be_any_logged_value(tmp_path: Path) -> None:
    for axis, expected in (("train/global_step", [500, 1000]), ("images seen", [500, 1000]), ("Wall Time", [0, 1])):
        path = write(tmp_path, "a.csv", f'"{axis}","sun-3 - eval/loss"\n"500","1"\n"1000","0.7"\n')
        assert one(path).history["validation", "loss"].epochs.tolist() == expected


def test_a_history_may_be_text_in_json(tmp_path: Path) -> None:
    history = str({"loss": [0.9, 0.5], "val_loss": [1.0, math.nan]})
    for content in (history, json.dumps(history)):
        log = one(write(tmp_path, "history.json", content))
        np.testing.assert_array_equal(log.history["validation", "loss"].values, [1, math.nan])


def csv(column: str, values: tuple[float, ...]) -> str:
    return f"step,{column}\n" + "".join(f"{i},{y}\n" for i, y in enumerate(values))


TRAIN, VALIDATION = (0.9, 0.5, 0.3), (1.0, 0.7, 0.8)
TWO_FILES: dict[str, tuple[str, str, Callable[[tuple[float, ...]], str]]] = {
    "TensorBoard's CSV": (
        *("run-fit_train-tag-epoch_loss.csv", "run-fit_validation-tag-epoch_loss.csv"),
        lambda values: "Wall time,Step,Value\n" + "".join(f"{WALL + i},{i},{y}\n" for i, y in enumerate(values)),
    ),
    "TensorBoard's JSON": (
        *("run-.-tag-Loss_train.json", "run-.-tag-Loss_val (1).json"),
        lambda values: json.dumps([[WALL + i, i, y] for i, y in enumerate(values)]),
    ),
    "split as file": ("train.csv", "val.csv", lambda values: csv("loss", values)),
    "split in the name": ("net_train.csv", "net_test.csv", lambda values: csv("loss", values)),
    "metric as file": ("loss.csv", "val_loss.csv", lambda values: csv("value", values)),
    "Neptune's": (
        *("train_loss.csv", "val_loss.csv"),
        lambda values: "".join(f"{i},{1000 * WALL:.0f},{y}\n" for i, y in enumerate(values)),
    ),
    "metrics of MLflow": (
        *("loss", "val_loss"),
        lambda values: "".join(f"{1000 * WALL:.0f} {y} {i}\n" for i, y in enumerate(values)),
    ),
    "CatBoost's": ("learn_error.tsv", "test_error.tsv", lambda values: csv("Logloss", values).replace(",", "\t")),
    "panels": (
        *("chart.csv", "chart (1).csv"),
        lambda values: csv(f"sun-3 - {'train' if values == TRAIN else 'val'}/loss", values),
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", TWO_FILES)
def test_the_curves_of_a_run_may_be_in_two_files(tmp_path: Path, form: str) -> None:
    train, validation, content = TWO_FILES[form]
    files = [write(tmp_path, train, content(TRAIN)), write(tmp_path, validation, content(VALIDATION))]
    batch = diagnose_files(list(map(str, files)), None, 0.01)
    assert not batch.errors
    ((curves, verdict),) = batch.judged
    assert curves.validation.values.tolist() == list(VALIDATION)
    assert curves.train is not None and curves.train.values.tolist() == list(TRAIN)
    assert train in verdict.run and validation in verdict.run
    assert one(files).history.run == verdict.run


def test_files_of_two_runs_stay_apart(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    names = ("a/train.csv", "a/val.csv", "b/val.csv", "none.csv")
    files = [str(write(tmp_path, name, csv("loss", VALIDATION))) for name in names[:3]]
    batch = diagnose_files([*files, str(tmp_path / "none.csv")], None, 0.01)
    first, second, missing = batch.results
    assert not isinstance(first, dict) and first.run == f"{files[0]} + {files[1]}"
    assert not isinstance(second, dict) and second.run == files[2]
    assert isinstance(missing, dict) and "none.csv" in missing["run"]


# Forms of JSON


def steps(values: tuple[float, ...]) -> list[int]:
    return [5 * i for i in range(len(values))]


FORMS: dict[str, Callable[[tuple[float, ...], tuple[float, ...]], object]] = {
    "epochs by number": lambda train, validation: {
        str(i): {"loss": a, "val_loss": b} for i, a, b in zip(steps(train), train, validation, strict=True)
    },
    "records of splits": lambda train, validation: {
        "train": [{"step": i, "loss": y} for i, y in zip(steps(train), train, strict=True)],
        "val": [{"step": i, "loss": y} for i, y in zip(steps(train), validation, strict=True)],
    },
    "records with settings": lambda train, validation: {
        "args": {"lr": 0.1, "layers": [4]},
        "epochs": [
            {"step": i, "loss": a, "val_loss": b} for i, a, b in zip(steps(train), train, validation, strict=True)
        ],
    },
    "steps and values": lambda train, validation: {
        "training.loss": {"steps": steps(train), "values": list(train), "timestamps": ["t"] * len(train)},
        "validation.loss": {"steps": steps(train), "values": list(validation)},
    },
    "x and y": lambda train, validation: [
        {"name": "swift-sun train_loss", "x": steps(train), "y": list(train)},
        {"name": "swift-sun val_loss", "x": steps(train), "y": list(validation)},
    ],
    "chart": lambda train, validation: {
        "data": [
            {"name": "train loss", "x": steps(train), "y": list(train), "type": "scatter"},
            {"name": "val loss", "x": steps(train), "y": list(validation), "type": "scatter"},
        ],
        "layout": {"title": "Loss", "margin": {"l": 1}},
    },
    "pairs": lambda train, validation: {
        "train": {"loss": list(zip(steps(train), train, strict=True))},
        "val": {"loss": list(zip(steps(train), validation, strict=True))},
    },
    "points as records": lambda train, validation: {
        "loss": [{"step": i, "value": y, "timestamp": WALL} for i, y in zip(steps(train), train, strict=True)],
        "val_loss": [{"step": i, "value": y} for i, y in zip(steps(train), validation, strict=True)],
    },
    "CatBoost's": lambda train, validation: {
        "meta": {
            **{"learn_sets": ["learn"], "test_sets": ["test"]},
            **{"learn_metrics": [{"name": "Logloss"}], "test_metrics": [{"name": "AUC"}, {"name": "Logloss"}]},
        },
        "iterations": [
            {"iteration": i, "learn": [a], "test": [0.5, b]}
            for i, a, b in zip(steps(train), train, validation, strict=True)
        ],
    },
}  # fmt: skip
numbers = st.floats(-1e3, 1e3)


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(curves=st.lists(st.tuples(numbers, numbers), min_size=2, max_size=6))
def test_forms_of_json(tmp_path: Path, form: str, curves: list[tuple[float, float]]) -> None:
    train, validation = zip(*curves, strict=True)
    found = choose_curves(one(write(tmp_path, "log.json", json.dumps(FORMS[form](train, validation)))))
    assert found.train is not None
    for series, values in ((found.validation, validation), (found.train, train)):
        assert series.values.tolist() == list(values)
        assert series.epochs.tolist() == steps(train)


def test_final_results_are_no_curve(tmp_path: Path) -> None:
    log = one(write(tmp_path, "all_results.json", '{"epoch": 3.0, "eval_loss": 0.5, "train_loss": 0.4}'))
    assert log.notes == (Message("read-final-values"),)
    assert isinstance(log, Log)


def test_what_wandb_logs_of_itself_is_no_log_of_the_training(tmp_path: Path) -> None:
    run = tmp_path / "wandb" / "offline-run-1"
    (run / "logs").mkdir(parents=True)
    write(run, "run-1.wandb", wandb_file([logged(i, val_loss=y) for i, y in enumerate(VALIDATION)]))
    write(run / "logs", "debug.log", "2024-01-01 10:00:00 INFO wandb_init.py:720 starting\n")
    assert one(tmp_path).notes == ()
    (run / "files").mkdir()
    write(run / "files", "output.log", "Epoch 1: val_loss 0.5\n")
    assert [note.code for note in one(tmp_path).notes] == ["read-not-judged"]

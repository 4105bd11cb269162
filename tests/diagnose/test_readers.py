"""Every layout of tables, files, folders and objects."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather as feather
import pytest
from diagnose.curves_expected import LOGS, TRAIN, VALIDATION, by_epoch, expect
from hypothesis import example, given
from hypothesis import strategies as st

from gengap.data.sources.source import open_source
from gengap.diagnose.readers import read
from gengap.diagnose.run_curves import choose_curves
from gengap.history import History, Series, write_histories
from gengap.text.catalog import Message

# Layouts of tables


def test_wide_tables_of_every_library() -> None:
    columns = {"epoch": [1, 2, 3], "train_loss": TRAIN, "val_loss": VALIDATION, "note": ["a", "b", "c"]}
    for source in (
        pd.DataFrame(columns),
        pl.DataFrame(columns),
        pa.table(columns),
        columns,
        pd.DataFrame(columns).to_dict("records"),
    ):
        log = expect(source, by_epoch(VALIDATION, 1), by_epoch(TRAIN, 1))
        assert log.other == ("note",)


def long_rows() -> list[dict[str, Any]]:
    return [
        {"run": run, "seed": seed, "epoch": epoch, "split": split, "metric": "loss", "value": value + seed}
        for run in ("a", "b")
        for seed in (0, 1)
        for split, values in (("train", TRAIN), ("val", VALIDATION))
        for epoch, value in enumerate(values)
    ]


def test_long_tables_hold_runs_and_seeds(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    pd.DataFrame(long_rows()).to_csv(path, index=False)
    for source, name in ((path, str(path)), (pl.DataFrame(long_rows()), "DataFrame"), (long_rows(), "list")):
        logs = read(source)
        assert [(log.history.run, log.history.seed) for log in logs] == [
            (f"{name}:{run}", seed) for run in ("a", "b") for seed in (0, 1)
        ]
        assert logs[3].history["validation", "loss"].values.tolist() == [v + 1 for v in VALIDATION]
        assert choose_curves(logs[0]).metric == "val_loss"


def test_a_long_table_without_splits_tells_them_by_its_metrics() -> None:
    melted = pd.DataFrame({"epoch": [1, 2, 3], "loss": TRAIN, "val_loss": VALIDATION, "lr": [1, 1, 1]}).melt(
        "epoch"
    )
    log = expect(melted, by_epoch(VALIDATION, 1), by_epoch(TRAIN, 1))
    assert log.other == ("lr",)


def test_a_column_of_data_sets_is_no_split() -> None:
    rows = [{"dataset": "cifar", "step": i, "metric": "val_loss", "value": v} for i, v in enumerate(VALIDATION)]
    expect(rows, by_epoch(VALIDATION), None)


def test_a_wide_table_with_a_row_for_each_split() -> None:
    rows = [
        {"epoch": epoch, "phase": phase, "loss": values[epoch], "lr": 0.1}
        for epoch in range(3)
        for phase, values in (("train", TRAIN), ("val", VALIDATION))
    ]
    expect(rows, by_epoch(VALIDATION), by_epoch(TRAIN))


def test_runs_in_a_wide_table() -> None:
    frame = pd.concat([pd.DataFrame({"run": run, "val_loss": VALIDATION}) for run in ("a", "b")]).astype(
        {"run": "category"}
    )
    logs = read(frame)
    assert [log.history.run for log in logs] == ["DataFrame:a", "DataFrame:b"]
    assert [choose_curves(log).validation.values.tolist() for log in logs] == [VALIDATION, VALIDATION]


def test_runs_in_a_dict() -> None:
    logs = read({run: {"loss": TRAIN, "val_loss": VALIDATION} for run in ("a", "b")})
    assert [choose_curves(log).run for log in logs] == ["dict:a", "dict:b"]


@pytest.mark.parametrize(
    "source",
    [
        {"training": {"l2": TRAIN}, "valid_1": {"l2": VALIDATION}},
        {"train": {"l2": TRAIN}, "eval": {"l2": VALIDATION}},
        {"validation_0": {"l2": TRAIN}, "validation_1": {"l2": VALIDATION}},
        {"learn": {"RMSE": TRAIN}, "validation": {"RMSE": VALIDATION}},
        {"train": TRAIN, "test": VALIDATION},
        {"history": {"loss": TRAIN, "val_loss": VALIDATION}, "epoch": [0, 1, 2], "params": {"epochs": 3}},
        {"train_losses": np.array(TRAIN), "val_losses": np.array(VALIDATION), "lr": 0.1, "name": "x"},
        {"loss": tuple(TRAIN), "val_loss": pd.Series(VALIDATION)},
        [{"epoch": i, "train": {"loss": TRAIN[i]}, "val": {"loss": VALIDATION[i]}} for i in range(3)],
        {"log_history": [{"step": i, "loss": TRAIN[i], "eval_loss": VALIDATION[i]} for i in range(3)]},
    ],
    ids=lambda source: str(list(source))[:40],
)  # fmt: skip
def test_nested_values(source: Any) -> None:
    expect(source, by_epoch(VALIDATION), by_epoch(TRAIN))


def test_objects_that_keep_results() -> None:
    class Booster:
        def evals_result(self) -> dict[str, Any]:
            return {"validation_0": {"rmse": TRAIN}, "validation_1": {"rmse": VALIDATION}}

    class TrainerState:
        log_history = tuple({"step": i, "eval_loss": v} for i, v in enumerate(VALIDATION))

    class Trainer:
        state = TrainerState()

    expect(Booster(), by_epoch(VALIDATION), by_epoch(TRAIN))
    expect(Trainer(), by_epoch(VALIDATION), None)
    expect(TrainerState(), by_epoch(VALIDATION), None)


def test_an_epoch_counts_as_logged_and_a_step_where_epochs_repeat() -> None:
    rows = [{"epoch": s // 2 + 5, "step": s, "loss": 1.0 / (s + 1)} for s in range(4)]
    rows += [{"epoch": s // 2 + 5, "step": s, "val_loss": 1.0} for s in (1, 3)]
    expect(rows, {1: 1.0, 3: 1.0}, {s: 1.0 / (s + 1) for s in range(4)})
    expect(rows[-2:], {5: 1.0, 6: 1.0}, None)


def test_fractional_epochs_are_counted_by_row_without_a_step() -> None:
    log = expect({"epoch": [0.5, 1, 1.5], "val_loss": VALIDATION}, by_epoch(VALIDATION), None)
    assert log.notes == (Message("read-not-whole", {"columns": ("epoch",)}),)


# Files and folders


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "epoch,loss,val_loss\n0,0.9,1.0\n1,0.5,0.7\n2,0.3,0.8\n"),
        ("a.csv", "\ufeff\r\nepoch;loss;val_loss\r\n0;0.9;1.0\r\n\r\n1;0.5;0.7\r\n2;0.3;0.8;\r\n"),
        ("a.csv", "epoch;loss;val_loss\n0;0,9;1,0\n1;0,5;0,7\n2;0,3;0,8\n"),
        ("a.csv", "\ufeffsep=;\r\nepoch;loss;val_loss\r\n0;0,9;\r\n0;;1,0\r\n1;0,5;-\r\n1;NA;0,7\r\n2;0,3;0,8"),
        ("a.tsv", "epoch\tloss\tval_loss\n0\t9,0E-1\t1\n1\t,5\t0,7\n2\t+0,3\t0,8\n"),
        ("a.tsv", "epoch\tloss\tval_loss\n0\t0.9\t\n0\t\t1.0\n1\t0.5\tNA\n1\t\t0.7\n2\t0.3\t0.8"),
        ("a.txt", ' epoch, "loss" ,  val_loss, note\n 0, 0.9, 1.0, x\n 1, 0.5, 0.7, y\n 2, 0.3, 0.8, z\n'),
        ("a.jsonl", '{"loss": 0.9, "val_loss": 1}\n\n{"loss": 0.5, "val_loss": 0.7}\n'
                    '{"loss": 0.3, "val_loss": 0.8}'),
        ("a.json", '{"loss": 0.9, "val_loss": 1}\n{"loss": 0.5, "val_loss": 0.7}\n'
                   '{"loss": 0.3, "val_loss": 0.8}\n'),
        ("a.ndjson", '{"epoch": 0, "loss": 0.9, "val_loss": 1.0}\n{"epoch": 1, "loss": 0.5, "val_loss": 0.7}\n'
                     '{"epoch": 2, "loss": 0.3, "val_loss": 0.8}\n'),
    ],
)  # fmt: skip
def test_text_files(tmp_path: Path, name: str, content: str) -> None:
    path = tmp_path / name
    path.write_bytes(content.encode())
    log = expect(path, by_epoch(VALIDATION), by_epoch(TRAIN))
    assert log.history.run == str(path)
    expect(str(path), by_epoch(VALIDATION), by_epoch(TRAIN))


def test_decimal_commas_in_a_log_are_noted(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("epoch;loss;val_loss;note\n0;0,9;1,0;1.5\n1;0,5;0,7;x\n2;0,3;0,8;y\n")
    log = expect(path, by_epoch(VALIDATION), by_epoch(TRAIN))
    assert Message("table-decimal-comma") in log.notes
    path.write_text(path.read_text().replace(",", "."))
    assert Message("table-decimal-comma") not in expect(path, by_epoch(VALIDATION), by_epoch(TRAIN)).notes


@given(
    values=st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=3, max_size=9),
    delimiter=st.sampled_from(";\t"),
)
@example(values=[0.0, 1.0, 0.0, 1.0], delimiter=";")
def test_a_log_and_a_table_read_the_same_numbers(
    tmp_path_factory: pytest.TempPathFactory, values: list[float], delimiter: str
) -> None:
    path = tmp_path_factory.mktemp("both") / "a.csv"
    rows = [f"{i}{delimiter}{value!r}".replace(".", ",") for i, value in enumerate([0.5, 7.25, *values])]
    path.write_text("\n".join([f"epoch{delimiter}val_r2", *rows]) + "\n")  # of a loss, zeros may be no values
    (log,) = read(path)
    batches = open_source(path, target="epoch").batches()
    (column,) = (batch.column("val_r2").to_pylist() for batch in batches)
    assert log.history["validation", "r2"].values.tolist() == column == [0.5, 7.25, *values]


def test_table_files(tmp_path: Path) -> None:
    columns = {"loss": TRAIN, "val_loss": VALIDATION, "lists": [[1], [2], [3]]}
    pl.DataFrame(columns).write_parquet(tmp_path / "a.parquet")
    pl.DataFrame(columns).write_ipc(tmp_path / "a.arrow")
    pl.DataFrame(columns).write_ipc_stream(tmp_path / "stream.arrow")
    feather.write_feather(pa.table(columns), str(tmp_path / "a.feather"))
    paths = sorted(tmp_path.iterdir())
    assert len(paths) == 4
    for path in paths:
        log = expect(path, by_epoch(VALIDATION), by_epoch(TRAIN))
        assert log.other == ("lists",)


def history(run: str, seed: int = 0) -> History:
    epochs = np.arange(3)
    return History(
        run,
        seed,
        {
            ("train", "loss"): Series(epochs, np.array(TRAIN) + 9),
            ("train", "clean_binary_crossentropy"): Series(epochs, np.array(TRAIN)),
            ("train", "learning_rate"): Series(epochs, np.full(3, 1e-3)),
            ("validation", "loss"): Series(epochs, np.array(VALIDATION) + 9),
            ("validation", "binary_crossentropy"): Series(epochs, np.array(VALIDATION)),
        },
    )


def test_histories_of_gengap(tmp_path: Path) -> None:
    expect(history("sizes/Tiny"), by_epoch(VALIDATION), by_epoch(TRAIN))
    runs = [history("sizes/Tiny"), history("sizes/Tiny", 1), history("sizes/Large")]
    write_histories(runs, tmp_path / "histories.parquet")
    (tmp_path / "metrics.csv").write_text("something,else\n1,2\n")
    for source, start in ((runs, ""), (tmp_path, f"{tmp_path}:"), (tmp_path / "histories.parquet", None)):
        logs = read(source)
        start = f"{source}:" if start is None else start
        assert [choose_curves(log).run for log in logs] == [
            *(f"{start}sizes/Tiny", f"{start}sizes/Tiny.seed1", f"{start}sizes/Large")
        ]
        assert all(choose_curves(log).metric == "val_binary_crossentropy" for log in logs)
        assert set(logs[0].history.series) == set(runs[0].series)


def test_a_study_is_read_as_its_histories() -> None:
    class Study:
        histories = (history("a"), history("b"))

    assert [log.history.run for log in read(Study())] == ["a", "b"]
    assert read(read(Study())[0])[0].history.run == "a"


def test_a_folder_holds_logs_of_names_that_are_known(tmp_path: Path) -> None:
    for run in ("lightning_logs/version_10", "lightning_logs/version_2"):
        (tmp_path / run).mkdir(parents=True)
        shutil.copy(LOGS / "lightning" / "version_0" / "metrics.csv", tmp_path / run)
    runs = [log.history.run for log in read(tmp_path)]
    assert runs == [f"{tmp_path}/lightning_logs/version_{n}/metrics.csv" for n in (2, 10)]


def test_of_checkpoints_the_last_holds_the_whole_log(tmp_path: Path) -> None:
    state = json.loads((LOGS / "transformers" / "trainer_state.json").read_text())
    for run, last in (("a", 9), ("a", 100), ("b", 20)):
        folder = tmp_path / run / f"checkpoint-{last}"
        folder.mkdir(parents=True)
        kept = [record for record in state["log_history"] if record["step"] <= last]
        (folder / "trainer_state.json").write_text(json.dumps({**state, "log_history": kept}))
    logs = read(tmp_path)
    assert [log.history.epochs for log in logs] == [101, 21]
    shutil.copy(LOGS / "transformers" / "trainer_state.json", tmp_path / "a")
    assert [log.history.epochs for log in read(tmp_path)] == [121, 21]


def test_each_evaluation_set_is_judged_beside_the_training_loss(tmp_path: Path) -> None:
    records: list[dict[str, float]] = []
    for epoch in range(1, 10):
        records.append({"epoch": epoch, "step": 10 * epoch, "loss": 1 / epoch, "learning_rate": 0.1})
        for name in ("easy", "hard"):
            held_out = {f"eval_{name}_loss": 1 / epoch + 0.1, f"eval_{name}_runtime": 1.0}
            records.append({"epoch": epoch, "step": 10 * epoch, **held_out})
    path = tmp_path / "trainer_state.json"
    path.write_text(json.dumps({"log_history": records}), encoding="utf-8")
    (log,) = read(path)
    found = choose_curves(log)
    assert [part.train_column for part in (found, *found.parts)] == ["loss", "loss"]


def test_spacys_records_have_scores_of_the_development_set(tmp_path: Path) -> None:
    path = tmp_path / "training.jsonl"
    records = [
        {
            "epoch": e,
            "step": 200 * e,
            "losses": {"ner": 90 / (e + 1)},
            "scores": {"ents_f": 0.1 * e},
            "score": 0.1 * e,
        }
        for e in range(9)
    ]
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records), encoding="utf-8")
    found = choose_curves(read(path)[0])
    assert (found.metric, len(found.validation), found.higher_is_better) == ("val/score", 9, True)

"""A JSON file for each epoch, steps that start again, artifacts, pages, and losses below zero."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gengap.diagnose.readers import read
from gengap.diagnose.run_curves import choose_curves
from gengap.errors import DataError

LOSSES = st.lists(st.floats(0.001, 99), min_size=3, max_size=14)


@settings(max_examples=25, deadline=None)
@given(losses=LOSSES, named=st.booleans(), first=st.integers(0, 3))
def test_a_file_for_each_epoch_is_one_run(
    tmp_path_factory: pytest.TempPathFactory, losses: list[float], named: bool, first: int
) -> None:
    folder = tmp_path_factory.mktemp("run")
    (folder / "config.json").write_text('{"lr": 0.1}', encoding="utf-8")
    for epoch, loss in enumerate(losses, first):
        record = {"training_loss": loss / 2, "validation_loss": loss, "best_validation_loss": 0.1}
        (folder / f"metrics_epoch_{epoch}.json").write_text(
            json.dumps({"epoch": epoch, **record} if named else record), encoding="utf-8"
        )
    (log,) = read(folder)
    found = choose_curves(log)
    assert found.validation.values.tolist() == losses
    assert found.validation.epochs.tolist() == list(range(first, first + len(losses)))
    assert found.train is not None and found.train.values.tolist() == [loss / 2 for loss in losses]


def test_numbered_files_without_curves_are_no_run(tmp_path: Path) -> None:
    for i in range(5):
        (tmp_path / f"sample_{i}.json").write_text(json.dumps({"id": i, "text": "a"}), encoding="utf-8")
        (tmp_path / f"broken_{i}.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match="no log is in this folder"):
        read(tmp_path)


@pytest.mark.parametrize("end", [-1, 1500])
def test_values_count_in_order_if_steps_start_again_in_each_epoch(tmp_path: Path, end: int) -> None:
    rows = [(epoch, step) for epoch in range(4) for step in (500, 1000, end)]
    lines = [f"{epoch},{step},{0.5 + i / 100}" for i, (epoch, step) in enumerate(rows)]
    path = tmp_path / "evaluation_results.csv"
    path.write_text("\n".join(["epoch,steps,eval_spearman", *lines]), encoding="utf-8")
    (log,) = read(path)
    assert choose_curves(log).validation.values.tolist() == [0.5 + i / 100 for i in range(12)]
    assert "read-steps-of-epochs" in {note.code for note in log.notes}


def test_one_value_an_epoch_makes_epochs_the_positions(tmp_path: Path) -> None:
    lines = [f"{e},{s},{1 / (1 + e + s)},{1 / (1 + e) if s else ''}" for e in range(5) for s in (0, 1)]
    path = tmp_path / "log.csv"
    path.write_text("\n".join(["epoch,step,train_loss,val_loss", *lines]), encoding="utf-8")
    (log,) = read(path)
    assert choose_curves(log).validation.epochs.tolist() == [0, 1, 2, 3, 4]


def test_a_table_saved_with_a_run_of_mlflow_is_not_its_log(tmp_path: Path) -> None:
    run = tmp_path / "mlruns" / "0" / "a1b2"
    for name, scale in (("train_loss", 1), ("val_loss", 2)):
        (run / "metrics").mkdir(parents=True, exist_ok=True)
        points = [f"{1700000000000 + i} {scale / (i + 1)} {i}" for i in range(9)]
        (run / "metrics" / name).write_text("\n".join(points), encoding="utf-8")
    (run / "meta.yaml").write_text("run_id: a1b2\nrun_name: bold\nlifecycle_stage: active\n", encoding="utf-8")
    (run / "artifacts").mkdir()
    (run / "artifacts" / "metrics.csv").write_text("epoch,val_loss\n0,5\n1,4\n", encoding="utf-8")
    (log,) = read(tmp_path)
    assert log.reader == "mlflow"
    assert choose_curves(log).validation.values.tolist() == [2 / (i + 1) for i in range(9)]


def test_a_first_set_that_is_alone_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    for names, noted in ((("validation_0",), True), (("validation_0", "validation_1"), False)):
        lines = ["\t".join([f"[{i}]", *(f"{name}-logloss:{1 / (i + 1):.4f}" for name in names)]) for i in range(9)]
        path.write_text("\n".join(lines), encoding="utf-8")
        (log,) = read(path)
        assert ("read-set-alone" in {note.code for note in log.notes}) is noted


@pytest.mark.parametrize("metric", ["log_loss", "rmse"])
@pytest.mark.parametrize("sign", [1, -1])
def test_an_error_below_zero_is_better_when_higher(tmp_path: Path, metric: str, sign: int) -> None:
    path = tmp_path / "train.log"
    lines = [f"Epoch {e}. Train loss: {1 / e:.4f}, Val {metric}: {sign * (0.2 + 1 / e):.4f}" for e in range(1, 12)]
    path.write_text("\n".join(lines), encoding="utf-8")
    (log,) = read(path)
    found = choose_curves(log)
    assert (found.metric, found.higher_is_better) == (f"Val {metric}", sign < 0)


@pytest.mark.parametrize("word", ["Epok", "Epoke", "Epocha", "Epoka", "Epoche", "Época", "Эпоха", "Епоха", "에폭"])
def test_epochs_are_counted_in_other_languages(word: str, tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    lines = [f"{word} {e}: train loss {1 / e:.4f}, val loss {2 / e:.4f}" for e in range(3, 9)]
    path.write_text("\n".join(lines), encoding="utf-8")
    (log,) = read(path)
    assert choose_curves(log).validation.epochs.tolist() == list(range(3, 9))


def write_numbered(folder: Path, names: list[str]) -> None:
    folder.mkdir()
    for i, name in enumerate(names, 1):
        record = {"train_loss": 1 / i, "val_loss": 1 / i + 0.1}
        (folder / f"{name}.json").write_text(json.dumps(record), encoding="utf-8")


@pytest.mark.parametrize("names", ["metrics_{}", "epoch{}", "checkpoint-step-{}"])
def test_numbered_files_of_a_run_are_its_epochs(names: str, tmp_path: Path) -> None:
    write_numbered(tmp_path / "run", [names.format(i) for i in (2, 4, 6, 8)])
    (log,) = read(tmp_path / "run")
    assert choose_curves(log).validation.epochs.tolist() == [2, 4, 6, 8]


@pytest.mark.parametrize(
    "names",
    [
        [f"fold_{i}" for i in range(4)],
        [f"seed{i}_7" for i in range(4)],
        [f"trial_{i}" for i in range(4)],
        ["batch16", "batch32", "batch64"],
        ["lr_0.1", "lr_0.01", "lr_0.001"],
    ],
)
def test_files_of_folds_seeds_and_settings_are_no_epochs(names: list[str], tmp_path: Path) -> None:
    write_numbered(tmp_path / "results", names)
    with pytest.raises(DataError, match="no log is in this folder"):
        read(tmp_path / "results")


@settings(max_examples=15, deadline=None)
@given(losses=LOSSES)
def test_a_page_with_a_table_is_read(tmp_path_factory: pytest.TempPathFactory, losses: list[float]) -> None:
    names = "".join(f"<th>{name}</th>" for name in ("Epoch", "Training Loss", "Validation Loss"))
    cells = (f"<tr><td>{e}</td>\n<td>{loss / 2}</td><td>{loss}</td></tr>" for e, loss in enumerate(losses, 1))
    path = tmp_path_factory.mktemp("page") / "table.html"
    text = f"<div><style>td {{ x: 1 }}</style>[9/9 10:22]</div><table><tr>{names}</tr>{''.join(cells)}</table>"
    path.write_text(text, encoding="utf-8")
    (log,) = read(path)
    assert choose_curves(log).validation.values.tolist() == losses


@settings(max_examples=15, deadline=None)
@given(losses=LOSSES)
def test_files_of_numbers_are_named_by_their_files(
    tmp_path_factory: pytest.TempPathFactory, losses: list[float]
) -> None:
    folder = tmp_path_factory.mktemp("run")
    for name, scale in (("train_loss", 2), ("val_loss", 1)):
        text = "".join(f"{loss / scale}\n" for loss in losses)
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    (log,) = read(folder)
    found = choose_curves(log)
    assert found.validation.values.tolist() == losses
    assert found.train is not None and found.train.values.tolist() == [loss / 2 for loss in losses]


def test_numbers_in_a_file_of_no_name_are_no_curve(tmp_path: Path) -> None:
    (tmp_path / "numbers.txt").write_text("1\n2\n3\n4\n", encoding="utf-8")
    with pytest.raises(DataError, match="no training curve was found"):
        read(tmp_path / "numbers.txt")


def test_numbers_named_by_a_split_alone_are_scores_beside_a_loss(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    lines = [
        f"Epoch: {e:03d}, Loss: {1 / e:.4f}, Train: {0.9 - 0.5 / e:.4f}, Val: {0.8 - 0.5 / e:.4f}"
        for e in range(1, 12)
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    (log,) = read(path)
    found = choose_curves(log)
    assert (found.metric, found.train_column, found.higher_is_better) == ("Val", "Train", True)
    path.write_text("\n".join(line.replace("Loss: ", "Time: ") for line in lines), encoding="utf-8")
    (log,) = read(path)
    assert not choose_curves(log).higher_is_better
    lines = [f"Epoch: {e}, Loss: {2 / e:.4f}, Train: {1 / e:.4f}, Val: {1 / e + 0.1:.4f}" for e in range(1, 12)]
    path.write_text("\n".join(lines), encoding="utf-8")
    (log,) = read(path)
    assert not choose_curves(log).higher_is_better, "they fall as the loss does"


@pytest.mark.parametrize(
    "name", ["Val loss {}", "Val recall {}", "Val acc top {}", "Val Hits at {}", "Val f1 class {}"]
)
def test_a_number_in_the_name_of_a_metric_is_no_step(name: str, tmp_path: Path) -> None:
    def line(e: int) -> str:
        first, second = name.format(1), name.format(10)
        return f"Epoch {e} train loss: {1 / e:.4f} {first}: {0.5 + e / 50:.4f} {second}: {0.1 + e / 50:.4f}"

    path = tmp_path / "train.log"
    path.write_text("\n".join(map(line, range(1, 12))), encoding="utf-8")
    (log,) = read(path)
    found = choose_curves(log)
    assert found.validation.epochs.tolist() == list(range(1, 12))
    assert found.validation.values.tolist() == [float(f"{0.5 + e / 50:.4f}") for e in range(1, 12)]


def test_evaluations_at_batches_of_an_epoch_count_one_by_one(tmp_path: Path) -> None:
    losses = [round(2 / (1 + i), 4) for i in range(12)]
    for line in (
        "Epoch [{}/2], Step [{}/600], Train Loss: {}, Val Loss: {}",
        "Epoch {} batch {}/600 train loss {} val loss {}",
    ):
        text = "".join(
            f"{line.format(1 + i // 6, 100 * (1 + i % 6), loss / 2, loss)}\n" for i, loss in enumerate(losses)
        )
        path = tmp_path / "log.txt"
        path.write_text(text, encoding="utf-8")
        (log,) = read(path)
        assert choose_curves(log).validation.values.tolist() == losses


def test_states_of_a_bar_in_the_first_epoch_are_one_value(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    bars = "".join(f"Test: [{i}/5] Loss {2 / i:.4f} ({2.5 / i:.4f})\n" for i in range(1, 6))
    path.write_text(f"Epoch: [1][5/5] Loss 2.1 (2.2)\n{bars}Epoch: [2][5/5] Loss 1.1 (1.2)\n", encoding="utf-8")
    (log,) = read(path)
    assert choose_curves(log).validation.values.tolist() == [0.5]

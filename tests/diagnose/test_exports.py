"""Exports of trackers and logs of frameworks as tables and records: the same curves are read from every form."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from diagnose.curves_expected import one, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gengap.diagnose.readers import read
from gengap.diagnose.run_curves import choose_curves
from gengap.errors import DataError
from gengap.text.catalog import Message

Curve = tuple[float, ...]


def rows(train: Curve, validation: Curve) -> Iterator[tuple[int, str, float]]:
    """Epoch, split and value."""
    for epoch, pair in enumerate(zip(train, validation, strict=True)):
        for split, value in zip(("train", "val"), pair, strict=True):
            yield epoch, split, value


def table(header: str, row: str) -> Callable[[Curve, Curve], str]:
    """A table with a row for each value."""
    return lambda train, validation: "\n".join(
        [
            header,
            *(row.format(epoch=epoch, step=10 * epoch, split=s, y=y) for epoch, s, y in rows(train, validation)),
        ]
    )


Record = Callable[[int, float], dict[str, object]]


def lines(train_record: Record, validation_record: Record) -> Callable[[Curve, Curve], str]:
    """JSON lines with records of training and of validation."""
    return lambda train, validation: "\n".join(
        json.dumps(validation_record(epoch, y) if split == "val" else train_record(epoch, y))
        for epoch, split, y in rows(train, validation)
    )


FORMS: dict[str, tuple[str, Callable[[Curve, Curve], str]]] = {
    "Aim": ("aim.csv", table("Run,Metric,Context,Value,Step,Time", 'a1,loss,"subset=""{split}""",{y},{epoch},9')),
    "Aim's data frame": (
        "aim.csv",
        table("idx,step,value,metric.name,metric.context.subset,run.hash", "{epoch},{epoch},{y},loss,{split},a1"),
    ),
    "Comet": (
        "comet.csv",
        table("metricName,metricValue,timestamp,step,runContext", "{split}_loss,{y},17{step},{epoch},{split}"),
    ),
    "a chart": ("chart.csv", table("name,x,y", "{split}_loss,{epoch},{y}")),
    "Ray Tune": (
        "progress.csv",
        lambda train, validation: "train_loss,val_loss,training_iteration,time_total_s,config/lr\n"
        + "".join(f"{a},{b},{i},1.5,0.1\n" for i, (a, b) in enumerate(zip(train, validation, strict=True))),
    ),
    "MLflow's page": ("a.csv", table("Run ID,metric,step,timestamp,value", "a1,{split}_loss,{epoch},17,{y}")),
    "MMDetection": (
        "20240101.log.json",
        lines(
            lambda epoch, y: {"mode": "train", "epoch": epoch, "iter": 50, "lr": 0.1, "loss": y},
            lambda epoch, y: {"mode": "val", "epoch": epoch, "iter": 9, "loss": y},
        ),
    ),
    "MMEngine": (
        "scalars.json",
        lines(
            lambda epoch, y: {"lr": 0.1, "loss": y, "epoch": epoch + 1, "iter": epoch, "step": epoch},
            lambda epoch, y: {"accuracy/top1": y, "time": 0.1, "step": 0},
        ),
    ),
    "Detectron2": (
        "metrics.json",
        lines(
            lambda epoch, y: {"iteration": epoch, "lr": 0.1, "total_loss": y},
            lambda epoch, y: {"iteration": epoch, "bbox/AP": y, "bbox/APs": 1.0},
        ),
    ),
    "Chainer": (
        "log.json",
        lambda train, validation: json.dumps(
            [
                {"main/loss": a, "validation/main/loss": b, "epoch": i, "iteration": 9 * i, "elapsed_time": 1}
                for i, (a, b) in enumerate(zip(train, validation, strict=True))
            ]
        ),
    ),
    "skorch": (
        "history.json",
        lambda train, validation: json.dumps(
            [
                {"batches": [{"train_loss": a}], "epoch": i, "train_loss": a, "valid_loss": b, "valid_loss_best": 1}
                for i, (a, b) in enumerate(zip(train, validation, strict=True))
            ]
        ),
    ),
    "MACE": (
        "run_train.txt",
        lines(
            lambda epoch, y: {"loss": y, "mode": "opt", "epoch": epoch},
            lambda epoch, y: {"loss": y, "mode": "eval", "epoch": epoch},
        ),
    ),
    "Comet's API": (
        "comet.json",
        lambda train, validation: json.dumps(
            [
                {"metricName": name, "metricValue": str(y), "epoch": epoch, "runContext": "train"}
                for epoch, split, y in rows(train, validation)
                for name in ("val_loss" if split == "val" else "loss",)
            ]
        ),
    ),
    "ParlAI": (
        "model.trainstats.json",
        lambda train, validation: json.dumps(
            {
                "train_steps": 9,
                **{
                    f"{split}_reports": [{"loss": y, "total_epochs": 9.5, "epoch": i} for i, y in enumerate(curve)]
                    for split, curve in (("train", train), ("valid", validation))
                },
            }
        ),
    ),
    "Keras Tuner": (
        "trial.json",
        lambda train, validation: json.dumps(
            {
                "hyperparameters": {"values": {"units": 64}},
                "metrics": {
                    "metrics": {
                        name: {
                            "direction": "min",
                            "observations": [{"value": [y], "step": i} for i, y in enumerate(curve)],
                        }
                        for name, curve in (("loss", train), ("val_loss", validation))
                    }
                },
                "score": 0.5,
            }
        ),
    ),
    "Kaldi, with text below": (
        "accuracy.txt",
        lambda train, validation: "%Iter\tduration\ttrain_loss\tvalid_loss\tdifference\n"
        + "".join(f"{i}\t12.5\t{a}\t{b}\t0.1\n" for i, (a, b) in enumerate(zip(train, validation, strict=True)))
        + "\nTotal training time is 0:12:31\n",
    ),
    "DVCLive, old": (
        "summary.tsv",
        lambda train, validation: "timestamp\tstep\ttrain/loss\teval/loss"
        + "".join(f"\n17{i}\t{i}\t{a}\t{b}" for i, (a, b) in enumerate(zip(train, validation, strict=True))),
    ),
}  # fmt: skip
WITHOUT_TRAINING = {"MMEngine", "Detectron2"}  # validation has other metrics
numbers = st.floats(-1e3, 1e3)


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(curves=st.lists(st.tuples(numbers, numbers), min_size=3, max_size=6))
def test_forms_of_exports(tmp_path: Path, form: str, curves: list[tuple[float, float]]) -> None:
    train, validation = zip(*curves, strict=True)
    name, content = FORMS[form]
    (tmp_path / "run").mkdir(exist_ok=True)
    path = write(tmp_path / "run", name, content(train, validation))
    for source in (path, tmp_path):
        found = choose_curves(one(source))
        assert found.validation.values.tolist() == list(validation)
        assert found.validation.epochs.tolist() == list(range(len(curves)))
        if form in WITHOUT_TRAINING:
            assert found.train is None
        else:
            assert found.train is not None and found.train.values.tolist() == list(train)


def test_validation_that_counts_epochs_is_placed_at_the_steps_of_training(tmp_path: Path) -> None:
    records = [
        {"lr": 0.1, "loss": 0.9, "epoch": 1, "step": 50},
        {"lr": 0.1, "loss": 0.8, "epoch": 1, "step": 100},
        {"mIoU": 0.5, "step": 1},
        {"lr": 0.1, "loss": 0.7, "epoch": 2, "step": 150},
        {"mIoU": 0.6, "step": 2},
    ]
    log = one(write(tmp_path, "scalars.json", "\n".join(map(json.dumps, records))))
    assert log.history["validation", "miou"].epochs.tolist() == [100, 150]
    assert log.notes == (Message("read-steps-moved"),)


def test_the_last_record_of_a_training_is_no_validation(tmp_path: Path) -> None:
    records = [
        {"lr": 0.1, "loss": 0.9, "step": 1},
        {"lr": 0.1, "loss": 0.8, "step": 2},
        {"accuracy": 0.5, "step": 2},
    ]
    log = one(write(tmp_path, "log.jsonl", "\n".join(map(json.dumps, records))))
    assert [split for split, _ in log.history.series] == ["train", "train"]


def test_points_without_names_have_their_file_name_and_may_be_cut_off(tmp_path: Path) -> None:
    log = one(write(tmp_path, "val_loss.csv", "0,1700000000000,0.9\n5,1700000000001,0.8\n10,17000"))
    assert log.history["validation", "loss"].epochs.tolist() == [0, 5]
    assert log.notes == (Message("read-cut-off", {"line": 3}),)
    with pytest.raises(DataError, match="expected a time, a step and a value in each line"):
        read(write(tmp_path, "val_loss.csv", "0,1700000000000,0.9\n" * 30 + "5,late,0.8\n" * 3))


def test_the_texts_in_a_folder_are_tried(tmp_path: Path) -> None:
    write(tmp_path, "notes.txt", "nothing to read here\nat all\n")
    write(tmp_path, "broken.json", "{")
    write(tmp_path, "README.md", "| epoch | val_loss |\n|---|---|\n| 0 | 1 |\n| 1 | 2 |\n| 2 | 2 |\n")
    assert one(tmp_path).history["validation", "loss"].values.tolist() == [1, 2, 2]
    write(tmp_path, "train.csv", "epoch,loss\n0,3\n1,2\n")
    write(tmp_path, "val.csv", "epoch,loss\n0,3\n1,4\n")
    write(tmp_path, "other.csv", "epoch,val_loss\n0,5\n1,6\n")
    other, joined = read(tmp_path)
    assert other.history["validation", "loss"].values.tolist() == [5, 6]
    assert joined.history["train", "loss"].values.tolist() == [3, 2]
    assert joined.history["validation", "loss"].values.tolist() == [3, 4]


def test_empty_cells_written_as_nan_are_gaps_and_a_diverged_end_is_none(tmp_path: Path) -> None:
    cells = ["0.9", "NaN", "NaN", "0.8", "NaN", "NaN", "0.7", "NaN", "NaN"]
    text = "".join(f"{i},0.5,{cell}\n" for i, cell in enumerate(cells))
    log = one(write(tmp_path, "a.csv", f"Iteration,TrainingLoss,ValidationLoss\n{text}"))
    assert log.history["validation", "loss"].values.tolist() == [0.9, 0.8, 0.7]
    log = one(write(tmp_path, "b.csv", f"Iteration,TrainingLoss,ValidationLoss\n{text}9,nan,nan\n"))
    assert log.history["validation", "loss"].epochs.tolist() == [0, 3, 6, 7, 8, 9]


def test_a_yaml_file_for_each_epoch_is_one_run(tmp_path: Path) -> None:
    for epoch, loss in enumerate((0.9, 0.7, 0.8)):
        others = "encoder: conformer\nlr: 1e-3\nversion: 1.2.3\n"
        write(tmp_path, f"{epoch}.yaml", f"cv_loss: {loss}\nepoch: {epoch}\n{others}")
    write(tmp_path, "train.yaml", "accum_grad: 4\n")
    assert one(tmp_path).history["validation", "loss"].values.tolist() == [0.9, 0.7, 0.8]

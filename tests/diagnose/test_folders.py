"""Folders with logs of several kinds: those of one training are judged once, those of others as further runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gengap.diagnose.readers import read
from gengap.diagnose.run_curves import Log
from gengap.errors import DataError

VALUES = [round(1 / epoch, 4) for epoch in range(1, 10)]


def csv() -> str:
    return "epoch,train_loss,val_loss\n" + "".join(f"{e},{v},{v + 0.1}\n" for e, v in enumerate(VALUES))


def trainer_state() -> str:
    records = [{"step": 10 * e, "epoch": e, "loss": v} for e, v in enumerate(VALUES, 1)]
    records += [{"step": 10 * e, "epoch": e, "eval_loss": v + 0.1} for e, v in enumerate(VALUES, 1)]
    return json.dumps({"log_history": records})


def console() -> str:
    return "".join(f"Epoch {e} loss: {v} val_loss: {v + 0.1:.4f}\n" for e, v in enumerate(VALUES, 1))


def folder(root: Path, **files: str) -> list[Log]:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return read(root)


def test_logs_of_other_kinds_in_other_folders_are_further_runs(tmp_path: Path) -> None:
    files = {"a__trainer_state.json": trainer_state(), "b__metrics.csv": csv(), "c__results.csv": csv()}
    logs = folder(tmp_path, **files)
    assert [log.history.run.removeprefix(f"{tmp_path}/") for log in logs] == [
        "a/trainer_state.json",
        "b/metrics.csv",
        "c/results.csv",
    ]
    assert not any(log.notes for log in logs)


def test_logs_of_the_same_training_are_named_and_not_judged(tmp_path: Path) -> None:
    (log,) = folder(tmp_path, **{"metrics.csv": csv(), "sub__results.csv": csv(), "train.log": console()})
    assert log.history.run.endswith("metrics.csv")
    (note,) = log.notes
    assert (note.code, note.parameters) == (
        "read-not-judged",
        {"count": 2, "files": "sub/results.csv, train.log"},
    )
    assert "2 files hold logs of the same training and were not judged" in " ".join(str(note).split())


def test_a_checkpoint_belongs_to_its_training(tmp_path: Path) -> None:
    files = {"out__checkpoint-90__trainer_state.json": trainer_state(), "out__results.csv": csv()}
    (log,) = folder(tmp_path, **files)
    assert log.reader == "json"


@pytest.mark.parametrize(
    ("name", "says"),
    [(".aim", "`aim up`"), (".neptune", "fetch_values().to_csv"), (".cometml-runs", "comet upload")],
)
def test_stores_that_are_not_read_say_how_to_export_them(tmp_path: Path, name: str, says: str) -> None:
    with pytest.raises(DataError, match="no log is in this folder") as fault:
        folder(tmp_path, **{f"{name}__meta": "x"})
    assert says in str(fault.value)


def test_an_empty_folder_is_called_empty(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the folder is empty"):
        read(tmp_path)

"""Whole studies of tables with text, dates and gaps: from the command line to predictions on the raw table."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data.mixed_made import KINDS, mixed
from scipy.special import expit
from typer.testing import CliRunner

import gengap
from gengap.cli import app
from gengap.errors import BadRowError, DataError, GengapWarning, StudyFolderError, UsageError
from gengap.models.saved_model import read_card
from gengap.study.folder import StudyFolder

OPTIONS = ("--target", "y", "--only", "sizes/Tiny", "--max-epochs", "5", "--test", "60")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("mixed")
    KINDS["csv"](mixed(), place)
    return place


@pytest.fixture(scope="module")
def output(folder: Path) -> str:
    done = CliRunner().invoke(app, ["study", str(folder / "t.csv"), *OPTIONS, "--out", str(folder / "s"), "--json"])
    assert done.exit_code == 0, done.output
    split = json.loads(done.stdout)["table"]["split"]
    assert (split["code"], split["parameters"]) == ("table-split-stratified", {"seed": 0})
    return " ".join(done.stderr.split())


@pytest.fixture(scope="module")
def model(folder: Path, output: str) -> Path:
    return folder / "s" / "models" / "sizes" / "Tiny.keras"


def predicted(model: Path, table: object, out: Path) -> np.ndarray:
    gengap.predict(model, table, out)
    return pq.read_table(out)["probability"].to_numpy()


def test_a_study_says_what_was_made_of_the_table(folder: Path, output: str) -> None:
    for said in (
        "split: drawn at random with seed 0, with the same share of each class in every part",
        "age (number): a number; 24 missing values replaced by the median of the training rows; one more feature",
        "colour (category): one feature for each of 3 categories; 14 missing: 0 in each feature",
        "number (identifier): left out",
        "unit (constant): left out: all training rows have the same value",
    ):
        assert said in output
    assert "patient" not in output  # a plain column of numbers needs no words
    page = (folder / "s" / "report.html").read_text("utf-8")
    assert "drawn at random with seed 0" in page and "its character sequences, as 30 features" in page
    korean = CliRunner().invoke(
        app, ["report", str(folder / "s"), "--lang", "ko", "--out", str(folder / "ko.html")]
    )
    assert korean.exit_code == 0
    assert "글자의 나열을 특성 30개로" in (folder / "ko.html").read_text("utf-8")


def test_the_same_call_resumes(folder: Path, model: Path) -> None:
    again = CliRunner().invoke(app, ["study", str(folder / "t.csv"), *OPTIONS, "--out", str(folder / "s")])
    assert again.exit_code == 0 and "finished before" in again.output
    other = mixed()
    other.loc[7, "note"] = "something else entirely"
    with pytest.raises(StudyFolderError, match="other rows"):
        options = {"target": "y", "only": "sizes/Tiny", "max_epochs": 5, "test": 60}
        gengap.study(other, out=folder / "s", **options)


def test_predictions_on_the_raw_table_are_those_of_the_study(folder: Path, model: Path) -> None:
    answers = predicted(model, folder / "t.csv", folder / "p.parquet")
    marked = mixed().assign(row=np.arange(len(mixed())) + 0.5)
    dataset = gengap.load(marked, target="y", test=60, preparation="raw")
    rows = dataset.validation.x[:, dataset.columns.index("row")].astype(int)
    with np.load(StudyFolder(folder / "s").trial_file("sizes/Tiny", 0).with_suffix(".npz")) as kept:
        best = json.loads((folder / "s" / "study.json").read_text())["trials"][0]["best_epoch"] - 1
        outputs = kept["outputs"][list(kept["epochs"]).index(best)].reshape(-1)
    np.testing.assert_allclose(answers[rows], expit(outputs), rtol=1e-3)
    for kind in ("parquet", "polars", "pandas of categories"):
        other = predicted(model, KINDS[kind](mixed(), folder), folder / "q.parquet")
        np.testing.assert_array_equal(other, answers)


def test_a_table_of_few_rows_and_columns_is_enough(folder: Path, model: Path) -> None:
    answers = predicted(model, folder / "t.csv", folder / "p.parquet")
    needed = list(read_card(model).columns)
    assert needed == ["age", "colour", "member", "day", "note", "patient"]
    few = mixed()[reversed(needed)][:3]
    np.testing.assert_allclose(predicted(model, few, folder / "few.parquet"), answers[:3], rtol=1e-5)
    (folder / "one.csv").write_text("patient,note,day,member,colour,age\n3,,,maybe,violet,\n")
    with pytest.warns(
        GengapWarning, match=r"'colour' in 1 row, as 'violet' \(taken for none\); column 'member' in 1 row"
    ):
        assert len(predicted(model, folder / "one.csv", folder / "one.parquet")) == 1
    with pytest.raises(UsageError, match="no column 'note', which the model needs"):
        gengap.predict(model, few.drop(columns="note"), folder / "no.parquet")
    with pytest.raises(DataError, match="'many'"):
        (folder / "bad.csv").write_text("patient,note,day,member,colour,age\nmany,,,yes,red,1\n")
        gengap.predict(model, folder / "bad.csv", folder / "no.parquet")
    with pytest.raises(DataError, match="many"):
        gengap.predict(model, few.assign(patient="many"), folder / "no.parquet")


def test_a_date_that_cant_be_read_is_named_by_its_row_in_the_whole_table(folder: Path, model: Path) -> None:
    bad = mixed().assign(day=pd.to_datetime(mixed()["day"]).dt.strftime("%Y-%m-%d"))
    bad.loc[250, "day"] = "soon"
    parts = pa.Table.from_pandas(bad[["age", "colour", "member", "day", "note", "patient"]])
    said = r"the table, row 251, column 'day': 'soon' is not written like .*\. Correct it, empty the cell"
    with pytest.raises(BadRowError, match=said):
        gengap.predict(model, pa.Table.from_batches(parts.to_batches(max_chunksize=100)), folder / "no.parquet")
    bad.to_csv(folder / "soon.csv", index=False)
    with pytest.raises(BadRowError, match=r"soon\.csv, row 251, column 'day'"):
        gengap.predict(model, folder / "soon.csv", folder / "no.parquet")
    assert not (folder / "no.parquet").exists()


def test_group_time_and_keep_from_the_command_line(folder: Path) -> None:
    options = ["--target", "y", "--only", "sizes/Tiny", "--max-epochs", "2", "--json"]
    chosen = ["--group", "patient", "--keep", "number", "--keep", "key"]
    done = CliRunner().invoke(
        app,
        ["study", str(folder / "t.csv"), *options, "--out", str(folder / "g"), *chosen],
    )
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    kinds = {column["name"]: column["kind"] for column in summary["table"]["columns"]}
    assert (kinds["patient"], kinds["number"]) == ("group", "number") and kinds["key"] != "identifier"
    command = list(summary["provenance"]["command"])
    assert [word for word in command if word in chosen] == chosen
    by_time = CliRunner().invoke(
        app, ["study", str(folder / "t.csv"), *options, "--time", "number", "--out", str(folder / "t")]
    )
    assert by_time.exit_code == 0, by_time.output
    assert json.loads(by_time.stdout)["table"]["split"]["code"] == "table-split-time"

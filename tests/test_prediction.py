"""`gengap predict`: from a saved model and a raw table to a column of probabilities."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import gengap
from gengap.cli import app
from gengap.errors import BadRowError, UsageError
from gengap.models.saved import read_card
from gengap.plan import Plan, Recipe, Trial
from gengap.study import Study

PLAN = Plan(name="p", trials=(Trial(run="sizes/Tiny", units=(8,)),), recipe=Recipe(batch=50, max_epochs=4))


@pytest.fixture(scope="module")
def table() -> pa.Table:
    random = np.random.default_rng(0)
    x = random.normal(size=(400, 3)) * [1, 100, 0.01] + [0, 50, 1]
    y = (x[:, 0] + random.normal(size=400) > 0).astype(np.int64)
    return pa.table({"a": x[:, 0], "is it": y, "b": x[:, 1], "c": x[:, 2]})


@pytest.fixture(scope="module")
def kept(table: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Study:
    return gengap.study(table, PLAN, target="is it", test=80, out=tmp_path_factory.mktemp("s") / "s")


@pytest.fixture(scope="module")
def model(kept: Study) -> Path:
    assert kept.folder
    return kept.folder / "models" / "best.keras"


def probabilities(path: Path) -> np.ndarray:
    found = pq.read_table(path)
    assert found.column_names == ["probability"]
    return found["probability"].to_numpy()


def test_probabilities_are_those_of_the_logged_loss(
    kept: Study, model: Path, table: pa.Table, tmp_path: Path
) -> None:
    assert gengap.predict(model, table, tmp_path / "p.parquet") == 400
    p = probabilities(tmp_path / "p.parquet").astype(np.float64)
    dataset = gengap.load(table, target="is it", test=80, preparation="raw")
    raw = np.stack([table[column].to_numpy() for column in "abc"], axis=1).astype(np.float32)
    rows = {tuple(row): p[i] for i, row in enumerate(raw.tolist())}
    of_validation = np.array([rows[tuple(row)] for row in dataset.validation.x.tolist()])
    y = dataset.validation.y
    loss = -np.mean(y * np.log(of_validation) + (1 - y) * np.log1p(-of_validation))
    assert loss == pytest.approx(kept.trials[0].metrics["validation"]["binary_crossentropy"], rel=1e-4)
    test = kept.summary.test
    assert test is not None and dataset.test is not None
    of_test = np.array([rows[tuple(row)] for row in dataset.test.x.tolist()])
    y = dataset.test.y
    loss = -np.mean(y * np.log(of_test) + (1 - y) * np.log1p(-of_test))
    assert loss == pytest.approx(test.metrics["binary_crossentropy"], rel=1e-4)


def test_columns_are_found_by_name_with_or_without_the_target(model: Path, table: pa.Table, tmp_path: Path) -> None:
    card = read_card(model)
    assert card.encoding is not None
    assert (card.columns, card.encoding.features, card.target) == (("a", "b", "c"), ("a", "b", "c"), "is it")
    gengap.predict(model, table, tmp_path / "whole.parquet")
    turned = table.select(["c", "b", "a"]).append_column("more", table["b"])
    pyarrow.csv.write_csv(turned, tmp_path / "turned.csv")
    result = CliRunner().invoke(
        app, ["predict", str(model), str(tmp_path / "turned.csv"), "-o", str(tmp_path / "turned.parquet")]
    )
    assert result.exit_code == 0, result.output
    assert "400 rows" in result.stderr
    np.testing.assert_allclose(
        probabilities(tmp_path / "turned.parquet"), probabilities(tmp_path / "whole.parquet"), rtol=1e-5
    )


def test_a_missing_column_is_named_with_what_may_be_meant(model: Path, table: pa.Table, tmp_path: Path) -> None:
    renamed = table.rename_columns(["a", "is it", "B ", "c"])
    with pytest.raises(UsageError, match=r"no column 'b', which the model needs.*The table has: a, is it, B , c"):
        gengap.predict(model, renamed, tmp_path / "p.parquet")
    assert list(tmp_path.iterdir()) == []


def test_a_bad_value_is_named_and_leaves_no_file(model: Path, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b,c\n1,2,3\n1,inf,3\n")
    with pytest.raises(BadRowError, match=r"t\.csv, row 2, column 'b'"):
        gengap.predict(model, tmp_path / "t.csv", tmp_path / "p.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


@pytest.mark.parametrize("content", ["no zip", "zip without card", "card that is none", "no model"])
def test_what_is_no_model_of_a_study_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    if content == "no zip":
        path.write_bytes(b"\x80\x04.")
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.json", "{}")
            if content != "zip without card":
                card = {"columns": ["a"], "target": "y"} if content == "no model" else {"columns": 3}
                archive.writestr("gengap.json", json.dumps(card))
    with pytest.raises(UsageError, match=r"m\.keras: .*(can't be used to predict|can't load this model)"):
        gengap.predict(path, pa.table({"a": [1.0]}), tmp_path / "p.parquet")
    with pytest.raises(UsageError, match="can't be used to predict"):
        gengap.predict(tmp_path / "none.keras", pa.table({"a": [1.0]}), tmp_path / "p.parquet")


def test_test_rows_are_used_once(kept: Study, table: pa.Table) -> None:
    assert kept.folder and kept.summary.test
    assert kept.summary.test.note == ""
    again = gengap.study(table, PLAN, target="is it", test=80, out=kept.folder).summary.test
    assert again is not None
    assert "these test rows were used on" in again.note
    assert again.metrics == kept.summary.test.metrics
    others = gengap.study(table, PLAN, target="is it", train=200, test=80).summary.test
    assert others is not None and others.note == ""

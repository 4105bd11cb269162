"""`gengap predict`: from a saved model and a raw table to a column of probabilities."""

from __future__ import annotations

import errno
import json
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import gengap
from gengap.cli import app
from gengap.data.sources import tables
from gengap.errors import BadRowError, SourceError, UsageError
from gengap.models.saved_model import CARD_FILE, ENDINGS, read_card
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
    return kept.folder / "models" / "best"


def probabilities(path: Path) -> np.ndarray:
    found = pq.read_table(path)
    assert found.column_names == ["probability", "predicted"]
    assert (found["predicted"].to_numpy() == (found["probability"].to_numpy() > 0.5)).all()
    return found["probability"].to_numpy()


def test_probabilities_are_those_of_the_logged_loss(
    kept: Study, model: Path, table: pa.Table, tmp_path: Path
) -> None:
    dataset = gengap.load(table, target="is it", test=80, preparation="raw")
    raw = np.stack([table[column].to_numpy() for column in "abc"], axis=1).astype(np.float32)

    def predicted(saved: Path) -> dict[tuple[float, ...], float]:
        assert gengap.predict(saved, table, tmp_path / "p.parquet", overwrite=True) == 400
        p = probabilities(tmp_path / "p.parquet").astype(np.float64)
        return {tuple(row): p[i] for i, row in enumerate(raw.tolist())}

    rows = predicted(model.parent / "sizes" / "Tiny.keras")
    of_validation = np.array([rows[tuple(row)] for row in dataset.validation.x.tolist()])
    y = dataset.validation.y
    loss = -np.mean(y * np.log(of_validation) + (1 - y) * np.log1p(-of_validation))
    assert loss == pytest.approx(kept.trials[0].metrics["validation"]["binary_crossentropy"], rel=1e-4)
    test = kept.summary.test
    assert test is not None and dataset.test is not None
    rows = predicted(model)  # the recommended model, which may be another
    of_test = np.array([rows[tuple(row)] for row in dataset.test.x.tolist()])
    y = dataset.test.y
    loss = -np.mean(y * np.log(of_test) + (1 - y) * np.log1p(-of_test))
    assert loss == pytest.approx(test.metrics["binary_crossentropy"], rel=1e-4)


def test_columns_are_found_by_name_with_or_without_the_target(model: Path, table: pa.Table, tmp_path: Path) -> None:
    card = read_card(model)
    assert (card.columns, card.encoding.features, card.target) == (("a", "b", "c"), ("a", "b", "c"), "is it")
    gengap.predict(model, table, tmp_path / "whole.parquet")
    turned = table.select(["c", "b", "a"]).append_column("more", table["b"])
    pyarrow.csv.write_csv(turned, tmp_path / "turned.csv")
    result = CliRunner().invoke(
        app, ["predict", str(model), str(tmp_path / "turned.csv"), "-o", str(tmp_path / "turned.parquet")]
    )
    assert result.exit_code == 0, result.output
    assert "400 rows" in result.stdout
    np.testing.assert_allclose(
        probabilities(tmp_path / "turned.parquet"), probabilities(tmp_path / "whole.parquet"), rtol=1e-5
    )


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_model_of_an_earlier_version_is_to_be_trained_again(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"old{ending}"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(CARD_FILE, '{"columns":["a","b"],"target":"y","task":"binary"}')
    for named in (path, path.with_suffix("")):
        with pytest.raises(
            UsageError, match=r"missing required field `encoding`.*an earlier gengap.*Train it again"
        ):
            gengap.predict(named, "t.csv", tmp_path / "p.csv")


def test_a_folder_that_may_not_be_read_is_not_called_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, **_: object) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "exists", refuse)
    with pytest.raises(SourceError, match=r"best: can't be read \(Permission denied\)"):
        read_card(tmp_path / "models" / "best")


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
    with pytest.raises(SourceError, match=r"none\.keras: there is no such file. Check the path"):
        gengap.predict(tmp_path / "none.keras", pa.table({"a": [1.0]}), tmp_path / "p.parquet")


def test_test_rows_are_used_once(kept: Study, table: pa.Table) -> None:
    assert kept.folder and kept.summary.test
    assert kept.summary.test.note is None
    again = gengap.study(table, PLAN, target="is it", test=80, out=kept.folder).summary.test
    assert again is not None
    assert again.note is not None and again.note.code == "conclusion-test-rows-reused"
    assert again.metrics == kept.summary.test.metrics
    others = gengap.study(table, PLAN, target="is it", train=200, test=80).summary.test
    assert others is not None and others.note is None


def test_a_source_without_an_end_is_refused(tmp_path: Path) -> None:
    found = gengap.study("collider", PLAN, train=100, validation=40, out=tmp_path / "s")
    assert found.folder is not None
    out = tmp_path / "out.parquet"
    with pytest.raises(UsageError, match=r"^collider has no end\. .*gengap ingest collider --rows 1000 --out rows"):
        gengap.predict(found.folder / "models" / "best", "collider", out)
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_a_name_without_a_form_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"p\.txt: expected a name that ends in \.parquet, \.csv, \.arrow"):
        gengap.predict(tmp_path / "none.keras", tmp_path / "none.csv", tmp_path / "p.txt")


READ: dict[str, Callable[[Path], pa.Table]] = {
    ".parquet": pq.read_table,
    ".csv": pyarrow.csv.read_csv,
    ".arrow": lambda path: pa.ipc.open_file(path).read_all(),
    ".feather": pyarrow.feather.read_table,
}


@pytest.mark.parametrize("ending", READ)
def test_each_ending_is_written_as_such(ending: str, model: Path, table: pa.Table, tmp_path: Path) -> None:
    gengap.predict(model, table, tmp_path / f"p{ending}", ids=["is it"])
    gengap.predict(model, table, tmp_path / "plain.parquet")
    found = READ[ending](tmp_path / f"p{ending}")
    assert found.column_names == ["is it", "probability", "predicted"]
    assert found["is it"].to_pylist() == table["is it"].to_pylist()
    np.testing.assert_allclose(found["probability"], probabilities(tmp_path / "plain.parquet"), rtol=1e-6)


def test_keys_are_copied_unchanged_whatever_they_are(
    model: Path, table: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {
        "code": pa.array([f" 00{i}" if i % 7 else "NA" for i in range(400)]),
        "large": pa.array([2**62 + i if i % 5 else None for i in range(400)]),
        "day": pa.array(np.arange(400, dtype=np.int32), pa.date32()),
        "kind": pa.array(["x", "y"] * 200).dictionary_encode(),
    }
    for name, column in keys.items():
        table = table.append_column(name, column)
    pq.write_table(table, tmp_path / "t.parquet")
    monkeypatch.setattr(tables, "BATCH_ROWS", 90)  # text is read in other batches than numbers
    wanted = [*keys, "a"]  # which is a feature, too
    for source in (table, tmp_path / "t.parquet"):
        gengap.predict(model, source, tmp_path / "p.parquet", ids=wanted)
        found = pq.read_table(tmp_path / "p.parquet")
        assert found.column_names == [*wanted, "probability", "predicted"]
        assert all(found[name].to_pylist() == table[name].to_pylist() for name in wanted)
    pyarrow.csv.write_csv(table.select(["a", "b", "c", "code"]), tmp_path / "t.csv")
    words = ["predict", str(model), str(tmp_path / "t.csv"), "-o", str(tmp_path / "q.csv"), "--id", "code"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0 and "warning" not in done.stderr
    assert "probability: of class '1'; predicted: the more likely class" in done.stdout
    assert (tmp_path / "q.csv").read_text().splitlines()[1:3] == [
        f"{json.dumps(code)},{p}" for code, p in zip(("NA", " 001"), _written(tmp_path / "q.csv"), strict=False)
    ]


def test_whole_numbers_of_a_text_file_stay_whole(model: Path, table: pa.Table, tmp_path: Path) -> None:
    columns = {"id": list(range(1, 401)), "gaps": [None, *range(399)], "zip": [f"0{i}" for i in range(400)]}
    for name, values in columns.items():
        table = table.append_column(name, pa.array(values))
    pyarrow.csv.write_csv(table.drop_columns(["is it"]), tmp_path / "t.csv")
    for ending in (".parquet", ".csv"):
        gengap.predict(model, tmp_path / "t.csv", tmp_path / f"p{ending}", ids=[*columns])
    found = pq.read_table(tmp_path / "p.parquet")
    assert [str(found.schema.field(name).type) for name in columns] == ["int64", "int64", "large_string"]
    assert {name: found[name].to_pylist() for name in columns} == columns
    assert _lines_of(tmp_path / "p.csv")[1].startswith('1,,"00",')


def _lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines()


def _written(path: Path) -> list[str]:
    return [line.split(",", 1)[-1] for line in path.read_text().splitlines()[1:]]


def test_a_key_that_can_not_be_copied_is_refused(model: Path, table: pa.Table, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no column 'is_it'. Did you mean 'is it'"):
        gengap.predict(model, table, tmp_path / "p.parquet", ids=["is_it"])
    with pytest.raises(UsageError, match="'probability' is what the model's own column is called"):
        gengap.predict(
            model, table.append_column("probability", table["a"]), tmp_path / "p.parquet", ids=["probability"]
        )
    assert list(tmp_path.iterdir()) == []


def test_categories_and_numbers_that_training_never_saw_are_named_once(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    rows = pd.DataFrame({"a": random.normal(size=200), "y": np.arange(200) % 2})
    rows["two"], rows["shop"] = np.where(random.random(200) < 0.5, "yes", "no"), random.integers(0, 5, 200)
    rows.to_csv(tmp_path / "t.csv", index=False)
    gengap.study(tmp_path / "t.csv", PLAN, target="y", column={"shop": "category"}, out=tmp_path / "s")
    model = tmp_path / "s" / "models" / "best"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gengap.predict(model, rows.assign(two=["yes", None] * 100), tmp_path / "p.parquet")
    rows.loc[:4, "two"], rows.loc[7:8, "shop"] = "perhaps", 77
    rows.loc[9, "a"], rows.loc[10:11, "a"] = 5.0, 1e30
    rows.to_csv(tmp_path / "t.csv", index=False)
    words = ["predict", str(model), str(tmp_path / "t.csv"), "-o", str(tmp_path / "p.parquet")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0
    assert done.stderr.count("warning") == 2
    assert "column 'a' in 2 rows, as 1e+30 (training had -" in done.stderr
    assert (
        "'two' in 5 rows, as 'perhaps' (taken for 'no'); column 'shop' in 2 rows, as '77' (taken for none)"
        in " ".join(done.stderr.split())
    )

"""Tables of more than numbers: every kind of file gives the same features, fitted on the training rows alone."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from data.mixed_made import KINDS, ROWS, mixed

from gengap.data import raw as raw_module
from gengap.data.dataset import Dataset, load
from gengap.data.encoding import HASHED, Encoding
from gengap.data.source import ingest
from gengap.errors import BadRowError, DataError, UsageError


@pytest.fixture(scope="module")
def whole() -> Dataset:
    return load(mixed(), target="y")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_gives_the_same_features(kind: str, whole: Dataset, tmp_path: Path) -> None:
    found = load(KINDS[kind](mixed(), tmp_path), target="y")
    assert found.columns == whole.columns
    assert found.described == whole.described
    np.testing.assert_array_equal(found.train.x, whole.train.x)
    np.testing.assert_array_equal(found.validation.x, whole.validation.x)
    assert found.digest == whole.digest


@pytest.mark.parametrize("kind", ["csv", "pandas"])
def test_what_was_ingested_gives_the_same_features(kind: str, whole: Dataset, tmp_path: Path) -> None:
    ingest(KINDS[kind](mixed(), tmp_path), tmp_path / "ingested.parquet", target="y")
    assert pq.read_schema(tmp_path / "ingested.parquet").names[0] == "y"
    found = load(tmp_path / "ingested.parquet", target="y")
    np.testing.assert_array_equal(found.train.x, whole.train.x)


def test_each_column_is_what_it_is(whole: Dataset) -> None:
    kinds = {column.name: column.kind for column in whole.described.columns}
    assert kinds == {
        **{"number": "identifier", "key": "identifier", "age": "number", "colour": "category"},
        **{"member": "category", "day": "date", "note": "text", "unit": "constant", "patient": "number"},
    }
    missing = {column.name: column.missing for column in whole.described.columns if column.missing}
    frame = mixed()
    assert missing == {name: int(frame[name].isna().sum()) for name in ("age", "colour", "day")}
    assert (
        sum(column.features for column in whole.described.columns) == len(whole.columns) == whole.train.x.shape[1]
    )
    assert {"age", "age is missing", "colour = dark blue", "member = yes", "day: year"} <= set(whole.columns)
    assert "member = no" not in whole.columns and "day: hour" not in whole.columns
    age = next(column for column in whole.described.columns if column.name == "age")
    assert age.gaps == "24 missing, replaced by the training rows' median, with a column that says where"


def test_features_hold_what_the_table_says() -> None:
    found = load(mixed(), target="y", preparation="raw", time="number", validation=100)
    frame, place = mixed()[:300], {name: i for i, name in enumerate(found.columns)}
    np.testing.assert_array_equal(found.train.x[:, place["colour = red"]], frame["colour"] == "red")
    np.testing.assert_array_equal(found.train.x[:, place["colour is missing"]], frame["colour"].isna())
    np.testing.assert_array_equal(found.train.x[:, place["age is missing"]], frame["age"].isna())
    age = frame["age"].astype(np.float32)
    np.testing.assert_array_equal(found.train.x[:, place["age"]], age.fillna(age.median()))
    months = frame["day"].dt.month
    np.testing.assert_array_equal(found.train.x[:, place["day: month"]], months.fillna(months.median()))


def test_everything_is_fitted_on_the_training_rows(whole: Dataset) -> None:
    frame = mixed()
    training = load(frame.assign(row=np.arange(ROWS) + 0.5), target="y", preparation="raw")
    rows = training.validation.x[:, training.columns.index("row")].astype(int)
    frame.loc[rows, ["age", "colour", "member", "note"]] = [1e6, "violet", "perhaps", "nothing like it"]
    frame.loc[rows, "day"] = pd.Timestamp("2031-07-07")
    moved = load(frame, target="y")
    assert moved.encoding == whole.encoding
    np.testing.assert_array_equal(moved.train.x, whole.train.x)
    assert not np.array_equal(moved.validation.x, whole.validation.x)
    colours = [i for i, name in enumerate(moved.columns) if name.startswith("colour")]
    unseen = moved.validation.x[:, colours] * moved.scale[colours] + moved.mean[colours]
    np.testing.assert_allclose(unseen, 0, atol=1e-6)  # a category that training never had is none of them


def test_an_encoding_is_plain_data_and_gives_the_same_features(whole: Dataset) -> None:
    again = msgspec.json.decode(msgspec.json.encode(whole.encoding), type=Encoding)
    assert again == whole.encoding
    broken = msgspec.json.encode(whole.encoding).replace(b'"number":30', b'"number":29')
    with pytest.raises(msgspec.ValidationError, match="4-byte numbers"):
        msgspec.json.decode(broken, type=Encoding)
    assert 4 * 30 * HASHED < 600_000


def test_a_typo_among_numbers_is_still_an_error(tmp_path: Path) -> None:
    lines = KINDS["csv"](mixed(), tmp_path).read_text().splitlines()
    lines[123] = lines[123].replace(lines[123].split(",")[2], "4o.5", 1)
    (tmp_path / "t.csv").write_text("\n".join(lines))
    with pytest.raises(BadRowError, match=r"row 123, column 'age': '4o.5' is not a number.*--on-bad-row skip"):
        load(tmp_path / "t.csv", target="y")
    assert len(load(tmp_path / "t.csv", target="y", on_bad_row="skip").skipped) == 1
    with pytest.raises(BadRowError, match=r"row 3, column 'age': inf is not finite"):
        load(mixed().assign(age=[1.0, 2.0, np.inf] + [1.5] * (ROWS - 3)), target="y")


def test_identifiers_can_be_kept_and_a_table_of_nothing_else_is_refused() -> None:
    kept = load(mixed(), target="y", keep=["number"])
    assert "number" in kept.columns and "key" not in {name.split(":")[0] for name in kept.columns}
    with pytest.raises(UsageError, match=r"no column 'numer'. Did you mean 'number'"):
        load(mixed(), target="y", keep=["numer"])
    with pytest.raises(
        DataError, match=r"no column is left to learn from: 'number' \(identifier\), 'unit' \(constant"
    ):
        load(mixed()[["number", "unit", "y"]], target="y")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (np.random.default_rng(0).permutation(ROWS) + 5_000, "identifier"),  # in any order, from anywhere
        (np.cumsum(np.random.default_rng(0).integers(1, 90, ROWS)), "identifier"),  # rising keys with gaps
        (np.random.default_rng(0).choice(10**6, ROWS, replace=False), "number"),  # distinct, as sums of money are
        (np.arange(ROWS) + 0.5, "number"),
        ([f"user{i}@host.org" for i in range(ROWS)], "identifier"),
        ([f"{i} apples and pears" for i in range(ROWS)], "text"),
        ([str(31_000 + i) for i in range(ROWS)], "identifier"),
        ([str(i % 7) for i in range(ROWS)], "number"),  # numbers written as text
        (pd.date_range("2020-01-01", periods=ROWS).strftime("%d/%m/%Y"), "date"),
        (pd.date_range("2020-01-01", periods=ROWS, tz="Asia/Seoul"), "date"),
        ([None] * ROWS, "constant"),
        ([*["x"] * (ROWS // 2), *[None] * (ROWS // 2)], "category"),
        ([True, False] * (ROWS // 2), "number"),
    ],
)
def test_kinds_of_columns(values: object, kind: str) -> None:
    random = np.random.default_rng(1)
    table = pd.DataFrame({"a": random.normal(size=ROWS), "c": values, "y": random.integers(0, 2, ROWS)})
    found = load(table, target="y").described.columns
    assert [(column.name, column.kind) for column in found] == [("a", "number"), ("c", kind)]


def test_a_table_too_large_for_memory_says_how_many_rows_would_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_module, "MOST_CELLS", 900)
    with pytest.raises(DataError, match=r"more than 900 cells.*Use the first 100 rows with --rows"):
        load(mixed(), target="y")
    numbers = mixed()[["age", "patient", "y"]]
    assert len(load(numbers, target="y").train)


def test_rows_on_both_sides_are_counted() -> None:
    frame = mixed()
    assert load(frame.drop(columns=["number", "key"]), target="y").described.repeated == {}
    twice = pd.concat([frame, frame.assign(number=range(ROWS, 2 * ROWS), key=[f"L{i}" for i in range(ROWS)])])
    found = load(twice, target="y", test=80).described  # their row number and key differ, and are left out
    assert 80 < found.repeated["validation"] <= 144 and 40 < found.repeated["test"] <= 80
    told = f"{found.repeated['validation']} of 144 validation rows"
    assert found.warnings[0].startswith(told) and "--group" in found.warnings[0]
    by_patient = load(twice, target="y", group="patient").described
    assert by_patient.repeated == {} and by_patient.warnings == ()

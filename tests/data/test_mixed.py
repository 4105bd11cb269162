"""Tables of more than numbers: every kind of file gives the same features, fitted on the training rows alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data.mixed_made import KINDS, ROWS, mixed

from gengap.data import encoding as raw_module
from gengap.data.dataset import Dataset, load
from gengap.data.encoding import HASHED, Category, Encoding, RawTable
from gengap.data.sources.source import ingest
from gengap.errors import BadRowError, DataError, UsageError
from gengap.text.catalog import Message


@pytest.fixture(scope="module")
def whole() -> Dataset:
    return load(mixed(), target="y")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_gives_the_same_features(kind: str, whole: Dataset, tmp_path: Path) -> None:
    found = load(KINDS[kind](mixed(), tmp_path), target="y")
    assert found.columns == whole.columns
    assert found.table == whole.table
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
    kinds = {column.name: column.kind for column in whole.table.columns}
    assert kinds == {
        **{"number": "identifier", "key": "identifier", "age": "number", "colour": "category"},
        **{"member": "category", "day": "date", "note": "text", "unit": "constant", "patient": "number"},
    }
    missing = {column.name: column.missing for column in whole.table.columns if column.missing}
    frame = mixed()
    assert missing == {name: int(frame[name].isna().sum()) for name in ("age", "colour", "day")}
    assert sum(column.features for column in whole.table.columns) == len(whole.columns) == whole.train.x.shape[1]
    assert {"age", "age is missing", "colour = dark blue", "member = yes", "day: year"} <= set(whole.columns)
    assert "member = no" not in whole.columns and "day: hour" not in whole.columns
    age = next(column for column in whole.table.columns if column.name == "age")
    assert age.gaps == Message("column-gaps-median", {"count": 24, "marked": True})


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
    with pytest.raises(msgspec.ValidationError, match="4 bytes for each number"):
        msgspec.json.decode(broken, type=Encoding)
    assert 4 * 30 * HASHED < 600_000


def test_a_typo_among_numbers_is_still_an_error(tmp_path: Path) -> None:
    lines = KINDS["csv"](mixed(), tmp_path).read_text().splitlines()
    lines[123] = lines[123].replace(lines[123].split(",")[2], "4o.5", 1)
    (tmp_path / "t.csv").write_text("\n".join(lines))
    with pytest.raises(BadRowError, match=r"row 123, column 'age': '4o.5' is not a number.*--on-bad-row skip"):
        load(tmp_path / "t.csv", target="y")
    assert len(load(tmp_path / "t.csv", target="y", on_bad_row="skip").skipped) == 1
    (tmp_path / "t.csv").write_text("\n".join(lines).replace("4o.5", '"1,234"'))
    assert not load(tmp_path / "t.csv", target="y", on_bad_row="skip").skipped  # it is read as a number
    with pytest.raises(BadRowError, match=r"row 3, column 'age': inf is not finite"):
        load(mixed().assign(age=[1.0, 2.0, np.inf] + [1.5] * (ROWS - 3)), target="y")


@pytest.mark.parametrize(
    ("options", "unseen"),
    [
        ({"categories": ("x", "y")}, "z"),
        ({"categories": ("x",), "missing": True}, "yz"),
        ({"categories": ("x",), "other": "y"}, "z"),
    ],
)
def test_values_that_training_never_had_are_told_from_gaps(options: dict[str, Any], unseen: str) -> None:
    values = pd.Series(["x", "y", None, "z"])
    assert "".join(values[Category(name="c", **options).unseen(values)]) == unseen


def test_identifiers_can_be_kept_and_a_table_of_nothing_else_is_refused() -> None:
    kept = load(mixed(), target="y", keep=["number"])
    assert "number" in kept.columns and "key" not in {name.split(":")[0] for name in kept.columns}
    with pytest.raises(UsageError, match=r"no column 'numer'. Did you mean 'number'"):
        load(mixed(), target="y", keep=["numer"])
    identifier = "'number' is left out: nearly every training row has its own value, like a row number or a key"
    constant = "'unit' is left out: all training rows have the same value. Add a column that varies"
    with pytest.raises(DataError, match=rf"no column is left to learn from: {identifier}\..*; {constant}"):
        load(mixed()[["number", "unit", "y"]], target="y")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (np.random.default_rng(0).permutation(ROWS) + 5_000, "identifier"),  # in any order, from anywhere
        (np.cumsum(np.random.default_rng(0).integers(1, 90, ROWS)), "identifier"),  # rising keys with gaps
        (np.random.default_rng(0).choice(10**6, ROWS, replace=False), "number"),  # distinct, as sums of money are
        (
            np.random.default_rng(0).permutation(ROWS) + 1_700_000_000,
            "identifier",
        ),  # 32 bits don't tell these apart
        (10**15 + 3 * np.arange(ROWS), "identifier"),
        (np.random.default_rng(0).choice(10**12, ROWS, replace=False), "number"),
        (np.r_[: ROWS - 8, :8] + 70_000_000, "identifier"),  # some rows are copies
        (np.r_[: ROWS - 40, :40], "number"),  # too many to be a key
        ([f"user{i % (ROWS - 8)}" for i in range(ROWS)], "identifier"),
        ([f"A{i % 40}" for i in range(ROWS)], "category"),  # codes
        ([f"A{i % 150}" for i in range(ROWS)], "text"),
        ([f"A{i % 40} is worn" for i in range(ROWS)], "text"),
        (np.arange(ROWS) + 0.5, "number"),
        ([f"user{i}@host.org" for i in range(ROWS)], "identifier"),
        ([f"{i} apples and pears" for i in range(ROWS)], "text"),
        ([str(31_000 + i) for i in range(ROWS)], "identifier"),
        ([str(i % 7) for i in range(ROWS)], "number"),  # numbers written as text
        (pd.date_range("2020-01-01", periods=ROWS).strftime("%d/%m/%Y"), "date"),
        (pd.date_range("2020-01-01", periods=ROWS, tz="Asia/Seoul"), "date"),
        ([None] * ROWS, "empty"),
        ([*["x"] * (ROWS // 2), *[None] * (ROWS // 2)], "category"),
        ([True, False] * (ROWS // 2), "number"),
    ],
)
def test_kinds_of_columns(values: object, kind: str) -> None:
    random = np.random.default_rng(1)
    table = pd.DataFrame({"a": random.normal(size=ROWS), "c": values, "y": random.integers(0, 2, ROWS)})
    found = load(table, target="y").table.columns
    assert [(column.name, column.kind) for column in found] == [("a", "number"), ("c", kind)]


DAYS = pd.date_range("2020-01-01", periods=ROWS).strftime("%Y%m%d").astype(int)
SAID = {
    "whole numbers as categories": (np.arange(ROWS) % 7, "category", 7),
    "many values as categories": ([f"{i % 60} is it" for i in range(ROWS)], "category", 60),
    "a key as numbers": (np.arange(ROWS), "number", 1),
    "words as free text": (["deep", "wide", "long", "flat"] * (ROWS // 4), "text", 4),
    "numbers as dates": (DAYS, "date", 5),
    "a key as text": ([f"user{i}" for i in range(ROWS)], "text", 30),
    "text as numbers": ([str(i % 3) for i in range(ROWS)], "number", 1),
}


@pytest.mark.parametrize("form", ["csv", "frame"])
@pytest.mark.parametrize("case", SAID)
def test_a_column_is_what_the_user_says(case: str, form: str, tmp_path: Path) -> None:
    values, kind, features = SAID[case]
    random = np.random.default_rng(1)
    table = pd.DataFrame({"a": random.normal(size=ROWS), "c": values, "y": random.integers(0, 2, ROWS)})
    table.to_csv(tmp_path / "t.csv", index=False)
    found = load(table if form == "frame" else tmp_path / "t.csv", target="y", column={"c": kind})
    column = found.table.columns[1]
    assert (column.kind, found.encoding.columns) == (kind, ("a", "c"))
    assert column.features == features or (kind == "text" and 1 < column.features <= 30)


def test_a_column_can_be_left_out_and_says_so() -> None:
    found = load(mixed(), target="y", column={"age": "drop", "note": "drop"})
    assert not {"age", "note"} & set(found.encoding.columns)
    kinds = {column.name: (column.kind, column.how.code) for column in found.table.columns}
    assert kinds["age"] == kinds["note"] == ("dropped", "column-dropped")
    assert found.digest != load(mixed(), target="y").digest


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ({"aeg": "drop"}, r"no column 'aeg'. Did you mean 'age'"),
        ({"age": "numeric"}, r"column 'age': there is no kind 'numeric', expected 'category', 'number'"),
        ({"y": "category"}, r"'y' is the target"),
        ({"patient": "number"}, r"split or weighted by 'patient'"),
        ({"number": "drop"}, r"'number' is both to be kept and dropped"),
        ({"day": "text"}, r"column 'day': it holds dates and can't be taken for a text"),
        ({"colour": "number"}, r"column 'colour': 'red' is not a number"),
        ({"colour": "date"}, r"column 'colour': its values, such as .*, don't share one date format"),
        ({"note": "date", "key": "drop"}, r"column 'note'"),
    ],
)
def test_what_can_not_be_said_of_a_column_is_refused(column: dict[str, Any], said: str) -> None:
    with pytest.raises((UsageError, DataError), match=said):
        load(mixed(), target="y", group="patient", keep=["number"], column=column)


def test_too_many_categories_are_refused() -> None:
    random = np.random.default_rng(0)
    table = pd.DataFrame({"a": random.normal(size=1_500), "c": np.arange(1_500), "y": np.arange(1_500) % 2})
    with pytest.raises(DataError, match=r"column 'c': it has 1,200 values, expected at most 1,000 categories"):
        load(table, target="y", column={"c": "category"})


def test_a_table_too_large_for_memory_says_how_many_rows_would_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_module, "MOST_CELLS", 900)
    with pytest.raises(DataError, match=r"may have 900 cells.*Use the first 100 rows with --rows"):
        load(mixed(), target="y")
    numbers = mixed()[["age", "patient", "y"]]
    assert len(load(numbers, target="y").train)


def test_rows_on_both_sides_are_counted() -> None:
    frame = mixed()
    assert load(frame.drop(columns=["number", "key"]), target="y").table.repeated == {}
    twice = pd.concat([frame, frame.assign(number=range(ROWS, 2 * ROWS), key=[f"L{i}" for i in range(ROWS)])])
    found = load(twice, target="y", test=80).table  # their row number and key differ, and are left out
    assert 80 < found.repeated["validation"] <= 144 and 40 < found.repeated["test"] <= 80
    count = found.repeated["validation"]
    assert found.warnings[0].code == "table-repeated-rows"
    assert found.warnings[0].parameters["count"] == count and found.warnings[0].parameters["chance"] == 0
    by_patient = load(twice, target="y", group="patient").table
    assert by_patient.repeated == {} and by_patient.warnings == ()


VALUES: dict[str, list[object]] = {
    "text": [f"the {i}th of many words {i * 7919 % 1_000}" for i in range(400)],
    "category": ["red", "green", None, "blue"] * 100,
    "day": [str(pd.Timestamp("2024-01-01") + pd.Timedelta(days=i % 97)) for i in range(400)],
    "moment": [str(pd.Timestamp("2024-01-01") + pd.Timedelta(seconds=17 * i)) for i in range(400)],
    "number": [None if i % 9 == 0 else i % 31 / 7 for i in range(400)],
}


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("test", [0, 50])
def test_any_rows_are_encoded_as_all_are(kind: str, test: int) -> None:
    frame = pd.DataFrame({"x": VALUES[kind], "y": np.arange(400) % 2})
    data = load(frame, target="y", test=test)
    raw = RawTable((), np.empty((400, 0), np.float32), {"x": frame["x"]})
    if kind == "number":
        raw = RawTable(("x",), frame[["x"]].to_numpy(np.float32), {})
    whole = data.encoding.encode(raw)
    assert np.isfinite(whole).all()
    for row in (0, 3, 200):
        np.testing.assert_allclose(
            data.encoding.encode(raw.take(np.array([row]))), whole[[row]], rtol=1e-5, atol=1e-6
        )
    assert data.encoding.encode(raw.take(np.empty(0, np.int64))).shape == (0, len(data.columns))


def test_seconds_of_today_are_told_apart() -> None:
    frame = pd.DataFrame({"x": VALUES["moment"], "y": np.arange(400) % 2})
    data = load(frame, target="y")
    at = data.columns.index("x: total seconds")
    assert len(np.unique(data.train.x[:, at])) == len(data.train)


def test_a_date_that_is_none_is_no_missing_one() -> None:
    frame = pd.DataFrame({"x": VALUES["day"], "when": np.arange(400), "y": np.arange(400) % 2})
    frame.loc[390, "x"] = "soon"
    with pytest.raises(DataError, match=r"column 'x': 'soon' is not written like .*, for example .*2024"):
        load(frame, target="y", time="when")


@pytest.mark.parametrize("others", [["a,b", "2"], ["1,2,3", "2"], ["12,", "2"], ["1.5", "x"]], ids=str)
def test_other_text_with_commas_stays_text(others: list[str]) -> None:
    frame = pd.DataFrame({"a": ["1,5", *others] * 40, "y": np.arange(120) % 2})
    assert load(frame, target="y").columns[0].startswith("a = ")


def test_one_value_in_all_rows_is_left_out_however_it_is_written() -> None:
    frame = pd.DataFrame({"a": ["1,5"] * 120, "x": np.arange(120) * 0.7, "y": np.arange(120) % 2})
    assert load(frame, target="y").columns == ("x",)


def test_a_saved_model_of_other_columns_is_of_other_data() -> None:
    x, y = np.random.default_rng(0).normal(size=(100, 2)).astype(np.float32), np.arange(100) % 2
    digests = {
        load(pd.DataFrame({"a": times * x[:, 0], second: x[:, 1], target: y}), target=target).digest
        for times, second, target in ((1, "b", "y"), (1_024, "b", "y"), (1, "c", "y"), (1, "b", "z"))
    }
    assert len(digests) == 4


def test_a_text_that_every_row_repeats_does_not_fill_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.parquet"
    long = pa.DictionaryArray.from_arrays(pa.array(np.zeros(5_000, np.int32)), pa.array(["w" * 200_000]))
    pq.write_table(pa.table({"x": long, "y": np.arange(5_000) % 2}), path)
    assert path.stat().st_size < 100_000
    with pytest.raises(DataError, match="the texts of 5,000 rows take 1,000,000,000 bytes"):
        load(path, target="y")


def few_categories(rows: int = 980) -> pd.DataFrame:
    """A table whose columns make most rows equal to others, as in the passengers of a ship."""
    random = np.random.default_rng(5)
    columns = {"class": list("123"), "sex": ["m", "f"], "age": range(8), "port": list("CQS")}
    frame = pd.DataFrame({name: random.choice(list(values), rows) for name, values in columns.items()})
    return frame.assign(y=random.integers(0, 2, rows))


def test_rows_that_few_categories_make_equal_are_no_alarm() -> None:
    found = load(few_categories(), target="y").table
    assert found.repeated["validation"] > 150 and found.warnings == ()
    wide = few_categories(490).assign(weight=np.random.default_rng(6).normal(size=490))
    copied = load(pd.concat([wide, wide]), target="y").table
    assert [warning.code for warning in copied.warnings] == ["table-repeated-rows"]


def test_test_rows_are_known_whatever_trains(tmp_path: Path) -> None:
    """Other training rows standardise otherwise, so the prepared test rows differ."""
    few, many = (load(mixed(), target="y", test=50, validation=60, train=train) for train in (100, 200))
    assert few.test is not None and many.test is not None and (few.test.x[:, 0] != many.test.x[:, 0]).any()
    assert few.test_digest == many.test_digest != ""
    assert load(mixed(), target="y", test=51, validation=60).test_digest != few.test_digest

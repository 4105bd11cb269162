"""Which texts are numbers with more than digits and a point, and how they are read."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gengap.data.dataset import load
from gengap.data.encoding import Encoding, RawTable
from gengap.data.value_formats import NumberFormat, UnreadableValueError, detect_format, looks_formatted
from gengap.errors import BadRowError, DataError
from gengap.text.catalog import Message

MANY = [*map(str, range(200))]
NUMBERS = {
    "one comma after many values without": [*(MANY * 10), "unknown", "1,000"],
    "one word for a gap in every sixth row": ["k. A.", *map("{},5".format, range(20)), *["k. A."] * 4],
    "Indian thousands": [*MANY, "1,23,456", "12,34,567.50"],
    "a minus behind": [*map("{},50-".format, range(20))],
    "a dash for a minus": [*map("\N{EN DASH}{},5".format, range(20))],
    "Swiss thousands": [*map("{}'234,5".format, range(20))],
    "narrow spaces": [*map("{}\N{NARROW NO-BREAK SPACE}234,5".format, range(20))],
    "exponents": [*map("{},5E-05".format, range(20))],
    "money": [*map("${}.50".format, range(20)), "n/a"],
    "money of a country": ["US$5", "US$ 7", "US$1,200"],
    "money and thousands": [*map("-{},500 \N{EURO SIGN}".format, range(1, 20))],
    "what is owed": [*map("({}.5)".format, range(20)), "7"],
    "what is owed, spaced": ["( 5 )", "7", "(12.5)"],
    "money owed": [*map("($ {},200)".format, range(1, 20)), "$7"],
    "percents": [*map("{}.5%".format, range(20))],
    "percents after a space": [*map(" {} % ".format, range(20))],
    "percents owed": ["(5%)", "(6)%", "-7%", "8%"],
    "millions": [*MANY, "1.234.567"],
    "thousands behind a space": ["950", "1 234", "1 234 567"],
    "thousands behind a no-break space": [*map("{}\N{NO-BREAK SPACE}500".format, range(1, 20))],
    "money by its name": [*map("{} EUR".format, range(20)), "n/a"],
    "money by its name in front": [*map("usd{}.50".format, range(20))],
    "money by its name, and thousands": ["CHF 1'200.50", "CHF 80"],
    "a minus behind some": ["5-", "7", "12.5-"],
    "a minus sign of its own": [*map("\N{MINUS SIGN}{}.5".format, range(20)), "3"],
    "Swiss thousands and decimals": [*map("{}'234.50".format, range(20))],
}
NO_NUMBERS = {
    "lists of choices": ["1", "2", "3", "4", "1,2", "none", "other"],
    "places": ["52,13 N", "48,8 N", "1,5"],
    "grades beside words": ["1,5", "2,0", "absent", "sick"],
    "names": ["Smith, John", "Doe, Jane"],
    "points": [*map("{}.5".format, range(20))],
    "discounts": [*map("{}% off".format, range(20))],
    "ranges": [*map("{}0-40%".format, range(4))],
    "words in parentheses": ["(a)", "(b)", "(1)"],
    "footnotes": ["(1)", "(2)", "(3)"],
    "one parenthesis": ["(1x", "(2y", "1)", "2)", "(030", "(040", "(5", "7"],
    "quoted": ["'1'", "'2'", "'0'"],
    "years": ["'98", "'99"],
    "feet": ["5'", "6'"],
    "money inside": ["5$5", "1$000"],
    "what is too long": ["1" * 70 + "%", "2%" * 40],
    "money alone": ["$", "$$", "$$$"],
    "phones": ["030 123 456", "040 555 777"],
    "phones without a zero": ["612 345 678", "655 010 020", "+49 301"],
    "postal codes": ["118 25", "411 04"],
    "from an age on": ["18-", "40-", "65-"],
    "versions": ["1.2.3", "1.12.0"],
    "grades": ["1", "1-", "2+", "2", "2-", "3+"],
    "currencies": ["EUR", "USD", "EUR USD"],
    "pairs of currencies": ["EURUSD 5", "USDJPY 7"],
    "words that begin as currencies": ["5 europe", "7 thbs"],
    "nothing": [],
}


@pytest.mark.parametrize("values", NUMBERS.values(), ids=NUMBERS)
def test_formatted_numbers_are_found(values: list[str]) -> None:
    found = detect_format(values)
    signs = r"[,$%('\N{EURO SIGN}\N{MINUS SIGN}]|\d\s\d{3}|EUR|usd|CHF|-$|\.\d+\."
    assert found is not None and re.search(signs, found.example) and looks_formatted(found.example)
    numbers = found.format.read(pd.Series(values))
    assert numbers.notna().mean() >= 0.8 and found.format.number(found.example) == found.value


@pytest.mark.parametrize("values", NO_NUMBERS.values(), ids=NO_NUMBERS)
def test_other_texts_are_none(values: list[str]) -> None:
    assert detect_format(values) is None


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers())
def test_a_plain_number_is_not_formatted(value: float) -> None:
    assert not looks_formatted(str(value))
    assert looks_formatted(f"{value} %") or "e" in str(value) or len(str(value)) > 57


def group(value: float, thousands: str = ",", decimal: str = ".", digits: int = 2) -> str:
    return f"{value:,.{digits}f}".translate(str.maketrans(",.", thousands + decimal))


FORMS: dict[str, Callable[[float], str]] = {
    "decimal commas": lambda value: f"{value:.3f}".replace(".", ","),
    "thousands": group,
    "points and decimal commas": lambda value: group(value, ".", ","),
    "spaces": lambda value: group(value, " "),
    "no-break spaces": lambda value: group(value, "\N{NO-BREAK SPACE}", ","),
    "apostrophes": lambda value: group(value, "'"),
    "typographic apostrophes": lambda value: group(value, "\N{RIGHT SINGLE QUOTATION MARK}", ","),
    "a minus sign of its own": lambda value: group(value, ".", ",").replace("-", "\N{MINUS SIGN}"),
    "money": lambda value: f"${value:.2f}",
    "money and thousands": lambda value: f"-${group(-value)}" if value < 0 else f"${group(value)}",
    "parentheses": lambda value: f"({-value:.2f})" if value < 0 else f"{value:.2f}",
    "parentheses and money": lambda value: f"(${group(-value)})" if value < 0 else f"${group(value)}",
    "percents": lambda value: f"{value:.2f}%",
    "percents and decimal commas": lambda value: f"{group(value, '.', ',')} %",
    "a currency": lambda value: f"{value:.2f} EUR",
    "a currency in front": lambda value: f"CHF {group(value, chr(39))}",
    "a minus behind": lambda value: f"{-value:.2f}-" if value < 0 else f"{value:.2f}",
    "exponents": lambda value: f"{value:.6e}".replace(".", ","),
    "no whole part": lambda value: f"{value / 1e7:.4f}".replace(".", ",").replace("0,", ",", 1),
}
# Values of each size and sign, so that the format is not open
KNOWN = (-2_345_678.25, -12.5, 0.25, 7.75, 1_234.5, 98_765.25)


@pytest.mark.parametrize("form", FORMS)
@given(values=st.lists(st.floats(-1e6, 1e6), max_size=5))
def test_numbers_are_read_back_from_each_form(form: str, values: list[float]) -> None:
    write = FORMS[form]
    scale, error = (1e7, 1_000) if form == "no whole part" else (1, 0.006)
    numbers = np.array([*KNOWN, *values])
    texts = [*map(write, numbers)]
    found = detect_format(texts)
    assert found is not None and found.other is None
    read = scale * found.format.read(pd.Series([*texts, None])).to_numpy()
    assert np.isnan(read[-1])
    np.testing.assert_allclose(read[:-1], numbers, rtol=1e-6, atol=error)
    again = msgspec.json.decode(msgspec.json.encode(found.format), type=NumberFormat)
    assert again == found.format and again.number("5x") is None


@pytest.mark.parametrize(
    ("values", "decimal", "value", "other", "reason"),
    [
        (["1,234", "56"], None, 1234, 1.234, "comma-groups"),
        (["1,234", "56"], ",", 1.234, 1234, "file"),
        (["1,234", "0,5"], None, 1.234, None, ""),
        (["1,234", "0,123"], None, 1.234, None, ""),
        (["1,234", "12.5"], None, 1234, None, ""),
        (["1.234 \N{EURO SIGN}", "2.500 \N{EURO SIGN}"], None, 1234, 1.234, "point-groups"),
        (["1.234 \N{EURO SIGN}", "2.5 \N{EURO SIGN}"], None, 1.234, None, ""),
        (["$1.234", "$2.500"], None, 1.234, 1234, "decimal-point"),
        (["1.234.567", "1.234"], None, 1234567, None, ""),
        (["1 234", "56"], None, 1234, None, ""),
    ],
)
def test_an_open_reading_is_chosen_with_a_reason(
    values: list[str], decimal: str | None, value: float, other: float | None, reason: str
) -> None:
    found = detect_format(values, decimal)  # pyright: ignore[reportArgumentType]
    assert found is not None and (found.value, found.other, found.reason) == (value, other, reason)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["1.234,5", "1,234.5"], r"not all in one format, '1\.234,5' and '1,234\.5'"),
        (["1.5", "1,5"], r"not all in one format, '1\.5' and '1,5'"),
        (["$5", "\N{EURO SIGN}6"], "different units"),
        (["5%", "6 EUR"], "different units, '%' and 'EUR'"),
    ],
)
def test_numbers_in_several_formats_are_refused(values: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        detect_format(values)
    frame = pd.DataFrame({"a": values * 60, "b": np.arange(120) * 0.7, "y": np.arange(120) % 2})
    with pytest.raises(DataError, match=f"column 'a': .*{message}.*--column"):
        load(frame, target="y")


@pytest.mark.parametrize("form", FORMS)
def test_a_column_is_read_as_if_it_were_plain(form: str) -> None:
    x = np.random.default_rng(0).normal(0, 3_000, 100).round(2)
    x[:6] = KNOWN
    x = x * 1e3 if form == "no whole part" else x
    frame = pd.DataFrame({"a": x, "b": x[::-1], "y": np.arange(100) % 2})
    frame.loc[9, "a"] = None
    texts = frame.assign(a=[FORMS[form](value) if np.isfinite(value) else None for value in frame["a"]])
    plain, found = load(frame, target="y"), load(texts, target="y")
    assert found.columns == plain.columns
    np.testing.assert_allclose(found.train.x, plain.train.x, atol=0.02)
    np.testing.assert_allclose(found.validation.x, plain.validation.x, atol=0.02)
    (note,) = found.table.notes
    assert (note.code, note.parameters["column"]) == ("column-numbers-read", "a") and not found.table.warnings
    said = load(texts, target="y", column={"a": "number"})
    np.testing.assert_array_equal(said.train.x, found.train.x)
    assert load(texts, target="y", column={"a": "text"}).columns[0] == "a: text 1"
    assert load(texts, target="y", column={"a": "drop"}).columns == ("b",)


def test_the_model_keeps_the_reading() -> None:
    frame = pd.DataFrame({"a": [f"{i},500" for i in range(1, 121)], "y": np.arange(120) % 2})
    found = load(frame.assign(b=np.arange(120) * 0.7), target="y", column={"a": "number"})
    (note,) = found.table.warnings
    assert note.code == "column-numbers-ambiguous" and note.parameters["reason"] == "comma-groups"
    encoding = msgspec.json.decode(msgspec.json.encode(found.encoding), type=Encoding)

    def encode(*values: str) -> list[float]:
        raw = RawTable(("b",), np.zeros((len(values), 1), np.float32), {"a": pd.Series(values)})
        return encoding.encode(raw)[:, 0].tolist()

    assert encode("7,500", "12", "1,234,567.5") == [7_500, 12, 1_234_567.5]
    for other in ("7,5", "7.500,1", "$7", "seven", "1e39"):
        with pytest.raises(UnreadableValueError, match=r"is not written like .* rows, for example 1,234\.5"):
            encode(other)


def test_a_value_in_no_format_is_named() -> None:
    frame = pd.DataFrame({"a": [*map("{},5".format, range(119)), "-"], "y": np.arange(120) % 2})
    with pytest.raises(DataError, match=r"column 'a': '-' is not written like the training rows, for example 4,5"):
        load(frame.assign(b=np.arange(120) * 0.7), target="y", seed=1)


@pytest.mark.parametrize("late", ["thousands", "a decimal comma", "in the target"])
def test_a_late_formatted_number_makes_the_column_be_read_again(late: str, tmp_path: Path) -> None:
    """The layout is found from the first 200 lines, and pyarrow reads plain numbers only."""
    cells = [[f"{i % 89 + 0.5}", f"{i % 97 * 1.5}"] for i in range(600)]
    cells[450][late == "in the target"] = {"a decimal comma": '"1,5"'}.get(late, '"1,234.5"')
    lines = ["a,y" if late == "in the target" else "a,b,y"]
    lines += [",".join(row if late == "in the target" else [*row, str(i % 2)]) for i, row in enumerate(cells)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(lines))
    if late == "a decimal comma":
        with pytest.raises(DataError, match=r"column 'a': its numbers are not all in one format, .*'1,5'"):
            load(path, target="y")
        return
    found, again = (load(path, target="y", on_bad_row=choice) for choice in ("fail", "skip"))
    path.write_text("\n".join(lines).replace('"1,234.5"', "1234.5"))
    plain = load(path, target="y")
    for each in (found, again):
        np.testing.assert_array_equal(each.train.x, plain.train.x)
        np.testing.assert_array_equal(each.validation.y, plain.validation.y)
    name = "y" if late == "in the target" else "a"
    code = "target-numbers-read" if name == "y" else "column-numbers-read"
    values = {"column": name, "example": "'1,234.5'", "value": "1234.5"}
    assert Message(code, values) in found.table.notes and not found.table.warnings


def test_points_among_decimal_commas_are_thousands(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("y;a;b\n" + "0;1,5;2\n1;2,5;7\n1;9,25;1\n" * 200 + "0;1.500;3\n1;1.234,5;4\n")
    found = load(tmp_path / "t.csv", target="y", preparation="raw")
    assert {1500, 1234.5} <= {*found.train.x[:, 0].tolist(), *found.validation.x[:, 0].tolist()}
    assert [note.code for note in found.table.notes] == ["table-decimal-comma", "column-numbers-read"]


def test_a_table_on_disk_reads_the_same_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENGAP_CACHE", str(tmp_path / "cache"))
    x = np.random.default_rng(0).normal(0, 3_000, (4_000, 2)).round(2)
    frame = pd.DataFrame({"a": [*map(group, x[:, 0])], "b": x[:, 1], "y": np.arange(4_000) % 2})
    frame.to_csv(tmp_path / "t.csv", index=False)
    inside = load(tmp_path / "t.csv", target="y")
    outside = load(tmp_path / "t.csv", target="y", memory=2**-20)
    assert outside.encoding == inside.encoding
    np.testing.assert_allclose(outside.validation.x, inside.validation.x, atol=1e-5)
    np.testing.assert_allclose(np.sort(outside.train.x[:, 0]), np.sort(inside.train.x[:, 0]), atol=1e-5)
    assert [note.code for note in outside.table.notes] == ["table-on-disk", "column-numbers-read"]


def test_a_target_of_formatted_numbers_is_a_number() -> None:
    x = np.random.default_rng(0).normal(0, 3_000, 200).round(2)
    frame = pd.DataFrame({"x": x, "y": [*map(FORMS["money and thousands"], x)]})
    plain, found = load(frame.assign(y=x), target="y"), load(frame, target="y")
    assert found.task == plain.task and found.table.notes[0].code == "target-numbers-read"
    np.testing.assert_array_equal(found.train.y, plain.train.y)
    frame.loc[7, "y"] = "unknown"
    with pytest.raises(
        BadRowError,
        match=r"row 8, column 'y': 'unknown' is not written .*--task multiclass",
    ):
        load(frame, target="y")


def test_classes_that_are_formatted_numbers_keep_their_names() -> None:
    frame = pd.DataFrame({"a": ["1,5", "2,5"] * 60, "x": np.arange(120) * 0.7})
    assert load(frame, target="a").task.classes == ("1,5", "2,5")
    assert load(frame, target="a", task="binary").task.classes == ("1,5", "2,5")


def test_an_identifier_is_one_however_it_is_written() -> None:
    frame = pd.DataFrame(
        {"a": [f"{i:,}" for i in range(5_000, 5_200)], "x": np.arange(200) * 0.7, "y": np.arange(200) % 2}
    )
    found = load(frame, target="y")
    assert found.columns == ("x",) and found.table.warnings == ()
    assert load(frame, target="y", keep=["a"]).columns == ("a", "x")

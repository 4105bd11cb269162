"""Which texts are numbers with more than digits and a point, and which are no numbers."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gengap.data.formatted_numbers import ADORNED, NAMED, adorned, fault_of, refuse_adorned
from gengap.errors import DataError

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
    "money of a country": ["US$5", "R$ 7", "C$1,200"],
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
def test_adorned_numbers_are_found(values: list[str]) -> None:
    found = adorned(values)
    signs = r"[,$%('\N{EURO SIGN}\N{MINUS SIGN}]|\d\s\d{3}|EUR|usd|CHF|-$|\.\d+\."
    assert found is not None and re.search(signs, found)
    assert fault_of(found).startswith(ADORNED)


@pytest.mark.parametrize("values", NO_NUMBERS.values(), ids=NO_NUMBERS)
def test_other_texts_are_none(values: list[str]) -> None:
    assert adorned(values) is None


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers())
def test_a_plain_number_has_no_fault_of_these(value: float) -> None:
    assert fault_of(str(value)) == "is not a number"
    assert fault_of(f"{value} %") == "is a number with a percent sign"


def test_the_error_names_every_sign() -> None:
    with pytest.raises(DataError, match=r"look like numbers with a sign of money, a comma, a percent sign; "):
        refuse_adorned({"'a'": "$5", "'b'": "1,5", "'c'": "5%", "'d'": "6%"}, "say so")


def test_the_error_stays_short() -> None:
    with pytest.raises(DataError, match=r"'a0': '1,5'; .* and 190 more look like numbers with a comma"):
        refuse_adorned({f"'a{i}'": "1,5" for i in range(NAMED + 190)}, "say so")

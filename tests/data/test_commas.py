"""Which texts are numbers written with a comma, and which are no numbers."""

from __future__ import annotations

import pytest

from gengap.data.commas import NAMED, refuse_commas, written_with_comma
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
}
NO_NUMBERS = {
    "lists of choices": ["1", "2", "3", "4", "1,2", "none", "other"],
    "places": ["52,13 N", "48,8 N", "1,5"],
    "grades beside words": ["1,5", "2,0", "absent", "sick"],
    "names": ["Smith, John", "Doe, Jane"],
    "points": [*map("{}.5".format, range(20))],
    "nothing": [],
}


@pytest.mark.parametrize("values", NUMBERS.values(), ids=NUMBERS)
def test_numbers_with_a_comma_are_found(values: list[str]) -> None:
    found = written_with_comma(values)
    assert found is not None and "," in found


@pytest.mark.parametrize("values", NO_NUMBERS.values(), ids=NO_NUMBERS)
def test_other_texts_are_none(values: list[str]) -> None:
    assert written_with_comma(values) is None


def test_the_error_stays_short() -> None:
    with pytest.raises(DataError, match=r"'a0': '1,5'; .* and 190 more look like numbers with a comma"):
        refuse_commas({f"'a{i}'": "1,5" for i in range(NAMED + 190)}, "say so")

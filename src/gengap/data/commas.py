"""Numbers written with a comma: taken for text they would say next to nothing, so they are refused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import islice

from gengap.errors import DataError, shown

SHARE = 0.9  # of different values that look like numbers, from which on the others stand for gaps, or are typos
NAMED = 10  # columns in an error
WITH_COMMA = "is a number with a comma"
MEND = "Write the column's numbers with a point before decimals and nothing between thousands."
# As much of the world writes them, 1.234,5; as the rest does, 1,234.5; and in India 1,23,456.
WRITTEN = r"(\d+|\d{1,3}([. ]\d{3})+)(,\d+)?|(\d+|\d{1,3}((,\d{2,3})+|( \d{3})+))(\.\d*)?|[.,]\d+"
NUMBER = re.compile(rf"[-+]? ?({WRITTEN})(e[-+]?\d+)?-?", re.ASCII | re.IGNORECASE)
# Spaces of many widths and apostrophes stand between thousands; a minus may have a sign of its own or be a dash.
PLAINLY = str.maketrans("\u00a0\u202f\u2009\u2007'\u2019\u02bc\u2212\u2013", "       --")


def written_with_comma(values: Iterable[str]) -> str | None:
    """One of these texts with a comma in it, if so much as SHARE of the different ones look like numbers.

    >>> written_with_comma(["3,14", "2", *["k. A."] * 9, "1,5E-05", *map("0,{}".format, range(10, 20))])
    '3,14'
    >>> written_with_comma(["red, green", "blue"])
    """
    different = dict.fromkeys(values)
    if not any("," in value for value in different):
        return None
    numbers = [value for value in different if _looks_like_number(value)]
    return next((n for n in numbers if "," in n), None) if len(numbers) >= SHARE * len(different) else None


def fault_of(value: str) -> str:
    """What is wrong with a text, not empty, where a number must be.

    >>> fault_of("1,234.5"), fault_of("red")
    ('is a number with a comma', 'is not a number')
    """
    return WITH_COMMA if "," in value and _looks_like_number(value) else "is not a number"


def _looks_like_number(value: str) -> bool:
    return NUMBER.fullmatch(value.translate(PLAINLY).strip()) is not None


def refuse_commas(examples: Mapping[str, str], else_say: str) -> None:
    """Raises DataError if there are `examples` of numbers with a comma, by place.

    `else_say` is what to do if they are no numbers.
    """
    if not examples:
        return
    places = "; ".join(f"{place}: {shown(example)}" for place, example in islice(examples.items(), NAMED))
    more = f" and {len(examples) - NAMED} more" if len(examples) > NAMED else ""
    told = "look like numbers" if len(examples) > 1 else "looks like a number"
    raise DataError(
        f"{places}{more} {told} with a comma; expected a point before decimals, and nothing between thousands. "
        f"Write such columns so, or if these are no numbers, {else_say}"
    )

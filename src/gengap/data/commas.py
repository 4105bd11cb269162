"""Numbers written with a comma: taken for text they would say next to nothing, so they are refused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import islice

from gengap.errors import DataError, shown

LOOKED_AT = 1_000  # of a column's values
SHARE = 0.9  # of them that look like numbers, from which on the others are typos
# As much of the world writes them, 1.234,5, and as the rest does, 1,234.5.
WRITTEN = r"(\d+|\d{1,3}([. ]\d{3})+)(,\d+)?|(\d+|\d{1,3}([, ]\d{3})+)(\.\d*)?|[.,]\d+"
NUMBER = re.compile(rf"[-+]?({WRITTEN})(e[-+]?\d+)?", re.ASCII | re.IGNORECASE)
# No-break and narrow spaces and apostrophes stand between thousands, too, and minus has a sign of its own.
PLAINLY = str.maketrans("\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{THIN SPACE}'’−", "     -")


def written_with_comma(values: Iterable[str]) -> str | None:
    """One of these texts with a comma in it, if they are numbers.

    >>> written_with_comma(["3,14", "2", "-", "1,5E-05", *["0,5"] * 9])
    '3,14'
    >>> written_with_comma(["red, green", "blue"])
    """
    looked_at = list(islice(values, LOOKED_AT))
    numbers = [value for value in looked_at if NUMBER.fullmatch(value.translate(PLAINLY).strip())]
    return next((n for n in numbers if "," in n), None) if len(numbers) >= SHARE * len(looked_at) else None


def refuse_commas(examples: Mapping[str, str], else_say: str) -> None:
    """Raises DataError if there are `examples` of numbers with a comma, by place.

    `else_say` is what to do if they are no numbers.
    """
    if examples:
        places = "; ".join(f"{place}: {shown(example)}" for place, example in examples.items())
        told = "look like numbers" if len(examples) > 1 else "looks like a number"
        raise DataError(
            f"{places} {told} with a comma; expected a point before decimals, and nothing between "
            f"thousands. Write such columns so, or if these are no numbers, {else_say}"
        )

"""Numbers with more than digits and a point: taken for text they would say next to nothing, so they are refused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import islice
from unicodedata import category

from gengap.errors import DataError, shown

SHARE = 0.9  # of different values that look like numbers, from which on the others stand for gaps, or are typos
NAMED = 10  # columns in an error
ADORNED = "is a number with "
MEND = "Write the column's numbers with digits and a point alone, as 1234.5."
# As much of the world writes them, 1.234,5; as the rest does, 1,234.5; and in India 1,23,456.
WRITTEN = r"(\d+|\d{1,3}([. ]\d{3})+)(,\d+)?|(\d+|\d{1,3}((,\d{2,3})+|( \d{3})+))(\.\d*)?|[.,]\d+"
NUMBER = re.compile(rf"[-+]? ?({WRITTEN})(e[-+]?\d+)?-?", re.ASCII | re.IGNORECASE)
APOSTROPHES = "'\u2019\u02bc"
# Spaces of many widths stand between thousands, as apostrophes do; a minus may have a sign of its own or be a dash.
PLAINLY = str.maketrans("\u00a0\u202f\u2009\u2007\u2212\u2013" + APOSTROPHES, "    --   ")


def adorned(values: Iterable[str]) -> str | None:
    """One of these texts that is an adorned number, if so much as SHARE of the different ones look like numbers.

    >>> adorned(["3,14", "2", *["k. A."] * 9, "1,5E-05", *map("0,{}".format, range(10, 20))])
    '3,14'
    >>> adorned(["12 %", "7 %"]), adorned(["red, green", "blue"])
    ('12 %', None)
    """
    different = dict.fromkeys(values)
    if not any(_signs(value) for value in different):
        return None
    numbers = [value for value in different if _looks_like_number(value)]
    return next(filter(_signs, numbers), None) if len(numbers) >= SHARE * len(different) else None


def fault_of(value: str) -> str:
    """What is wrong with a text, not empty, where a number must be.

    >>> fault_of("1,234.5"), fault_of("($12)"), fault_of("red")
    ('is a number with a comma', 'is a number with a sign of money and parentheses', 'is not a number')
    """
    signs = _signs(value) if _looks_like_number(value) else []
    return ADORNED + " and ".join(signs) if signs else "is not a number"


def refuse_adorned(examples: Mapping[str, str], else_say: str) -> None:
    """Raises DataError if there are `examples` of adorned numbers, by place.

    `else_say` is what to do if they are no numbers.
    """
    if not examples:
        return
    places = "; ".join(f"{place}: {shown(example)}" for place, example in islice(examples.items(), NAMED))
    more = f" and {len(examples) - NAMED} more" if len(examples) > NAMED else ""
    told = "look like numbers" if len(examples) > 1 else "looks like a number"
    signs = " or ".join(dict.fromkeys(sign for example in examples.values() for sign in _signs(example)))
    raise DataError(
        f"{places}{more} {told} with {signs}; expected digits and a point alone, as 1234.5. "
        f"Write such columns so, or if these are no numbers, {else_say}"
    )


def _signs(text: str) -> list[str]:
    """What of all that adorns numbers is in a text, in words."""
    found = {
        "a comma": "," in text,
        "an apostrophe": any(mark in text for mark in APOSTROPHES),
        "a sign of money": _money(text) != text,
        "a percent sign": "%" in text,
        "parentheses": "(" in text,
    }
    return [name for name, there in found.items() if there]


def _looks_like_number(value: str) -> bool:
    bare = _money(value.translate(PLAINLY)).strip().removesuffix("%").strip()
    if bare.startswith("(") and bare.endswith(")"):  # as accounts write what is owed
        bare = bare[1:-1].strip()
    return NUMBER.fullmatch(bare) is not None


def _money(text: str) -> str:
    """The text without its signs of currencies."""
    return text if text.isascii() and "$" not in text else "".join(c for c in text if category(c) != "Sc")

"""Numbers with more than digits and a point: taken for text they would say next to nothing, so they are refused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import islice

from gengap.errors import DataError, shown

SHARE = 0.9  # of different values that look like numbers, from which on the others stand for gaps, or are typos
NAMED = 10  # columns in an error
LONGEST = 60  # characters of a number
ADORNED = "is a number with "
POINTED = ADORNED + "a point, where others of the file have a decimal comma"
COMMAS = "Write all numbers of the file alike, with a decimal comma and no points."
MEND = "Write the column's numbers with digits, a point and a minus alone, as -1234.5."

APOSTROPHES = "'\u2019\u02bc"
MINUSES = "\u2212\u2013"  # a sign of its own, and a dash
SPACES = " \u00a0\u202f\u2009\u2007"  # of many widths
MONEY = "[$\u00a2-\u00a5\u0e3f\u20a0-\u20c0\ufe69\uff04\uffe0\uffe1\uffe5\uffe6]"
CODES = (  # ISO 4217's, of the most traded currencies
    "(?i:AED|ARS|AUD|BRL|CAD|CHF|CLP|CNY|COP|CZK|DKK|EGP|EUR|GBP|HKD|HUF|IDR|ILS|INR|JPY|KRW|MXN|MYR|NGN|NOK"
    "|NZD|PHP|PKR|PLN|RON|RUB|SAR|SEK|SGD|THB|TRY|TWD|UAH|USD|VND|ZAR)"
)
SIGNS = {
    ",": "a comma",
    r"\d\.\d{3}\.\d{3}": "two points",
    # One such group: what has more in every value, or begins with 0 or +, may be telephones.
    rf"(?<![\d+{SPACES}])[1-9]\d{{0,2}}[{SPACES}]\d{{3}}(?![{SPACES}]?\d)": "a space",
    f"[{APOSTROPHES}]": "an apostrophe",
    MONEY: "a sign of money",
    rf"(?<![^\W\d_]){CODES}(?![^\W\d_])": "a currency",
    "%": "a percent sign",
    f"[{MINUSES}]": "a minus sign of its own",
    r"\(": "parentheses",
    r"\d-\s*$": "a minus behind",
}
SIGN = re.compile("|".join(SIGNS))
MARKED = re.compile(r"\(|^\d+-\s*$")  # all of them so are footnotes, as (1), (2), or from that number on, as 65-
# As much of the world writes them, 1.234,5; as the rest does, 1,234.5; and in India 1,23,456.
WRITTEN = r"(\d+|\d{1,3}([. ']\d{3})+)(,\d+)?|(\d+|\d{1,3}((,\d{2,3})+|([ ']\d{3})+))(\.\d*)?|[.,]\d+"
UNSIGNED = rf"(([A-Z]{{0,2}}{MONEY}|{CODES}) ?)?[-+]? ?({WRITTEN})(E[-+]?\d+)?-?( ?({MONEY}|{CODES}|%))?"
# Accounts write what is owed in parentheses.
NUMBER = re.compile(rf"[-+]? ?{UNSIGNED}|\( ?[-+]? ?{UNSIGNED} ?\) ?%?", re.ASCII | re.IGNORECASE)
PLAINLY = str.maketrans(SPACES + MINUSES + APOSTROPHES, 5 * " " + "--'''")


def adorned(values: Iterable[str]) -> str | None:
    """One of these texts that is an adorned number, if so much as SHARE of the different ones look like numbers.

    >>> adorned(["3,14", "2", *["k. A."] * 9, "1,5E-05", *map("0,{}".format, range(10, 20))])
    '3,14'
    >>> adorned(["12 %", "7 %"]), adorned(["red, green", "blue"])
    ('12 %', None)
    """
    different = dict.fromkeys(values)
    if not any(map(SIGN.search, different)):
        return None
    numbers = [value for value in different if _looks_like_number(value)]
    if len(numbers) < SHARE * len(different) or all(map(MARKED.search, numbers)):
        return None
    return next(filter(SIGN.search, numbers), None)


def fault_of(value: str) -> str:
    """What is wrong with a text, not empty, where a number must be.

    >>> fault_of("1,234.5"), fault_of("($12)"), fault_of("red")
    ('is a number with a comma', 'is a number with a sign of money, parentheses', 'is not a number')
    """
    if SIGN.search(value) and _looks_like_number(value):
        return ADORNED + ", ".join(_signs(value))
    return "is not a number"


def refuse_adorned(examples: Mapping[str, str], else_say: str) -> None:
    """Raises DataError if there are `examples` of adorned numbers, by place.

    `else_say` is what to do if they are no numbers.
    """
    if not examples:
        return
    places = "; ".join(f"{place}: {shown(example)}" for place, example in islice(examples.items(), NAMED))
    more = f" and {len(examples) - NAMED} more" if len(examples) > NAMED else ""
    told = "look like numbers" if len(examples) > 1 else "looks like a number"
    signs = ", ".join(dict.fromkeys(sign for example in examples.values() for sign in _signs(example)))
    raise DataError(
        f"{places}{more} {told} with {signs}; expected digits, a point and a minus alone, as -1234.5. "
        f"Write such columns so, or if these are no numbers, {else_say}"
    )


def _signs(number: str) -> list[str]:
    """What of all that adorns numbers is in this one, in words."""
    return [name for sign, name in SIGNS.items() if re.search(sign, number)]


def _looks_like_number(value: str) -> bool:
    return len(value) <= LONGEST and NUMBER.fullmatch(value.translate(PLAINLY).strip()) is not None

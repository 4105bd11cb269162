"""How text writes numbers for people, as "1,234.50", "(12)", "$12", "45%", "3,14", "1'234.5", "1 234", and dates.

`detect_format` finds how a column of text writes its numbers, and `NumberFormat.read` turns the text into numbers.
The format is saved with the model, so rows to predict are read in the same way. Other text is no number.
skrub's `ToFloat` only removes separators: it reads "1,5" as 15 if commas separate thousands. It rounds to 32 bits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec
import numpy as np

from gengap.errors import DataError, shown
from gengap.text.catalog import Message

if TYPE_CHECKING:
    import pandas as pd

EXAMPLE_DAY = datetime(2024, 6, 25)
MIN_SHARE = 0.9  # of the different values that must look like numbers: the others may be typos or stand for gaps
MAX_LENGTH = 60  # characters of a number

APOSTROPHES = "'\u2019\u02bc"
MINUSES = "\u2212\u2013"  # the minus sign, and a dash
SPACES = " \u00a0\u202f\u2009\u2007"  # of several widths
PLAIN = str.maketrans(SPACES + MINUSES + APOSTROPHES, 5 * " " + "--'''")
MONEY = "[$\u00a2-\u00a5\u0e3f\u20a0-\u20c0\ufe69\uff04\uffe0\uffe1\uffe5\uffe6]"
CODES = (  # ISO 4217 codes of the most traded currencies
    "(?i:AED|ARS|AUD|BRL|CAD|CHF|CLP|CNY|COP|CZK|DKK|EGP|EUR|GBP|HKD|HUF|IDR|ILS|INR|JPY|KRW|MXN|MYR|NGN|NOK"
    "|NZD|PHP|PKR|PLN|RON|RUB|SAR|SEK|SGD|THB|TRY|TWD|UAH|USD|VND|ZAR)"
)
# A format is only looked for if one of these occurs.
SIGN = re.compile(
    "|".join(
        (
            ",",
            r"\d\.\d{3}\.\d{3}",
            # One such group: text with more of them in every value, or that begins with 0 or +, may be telephones.
            rf"(?<![\d+{SPACES}])[1-9]\d{{0,2}}[{SPACES}]\d{{3}}(?![{SPACES}]?\d)",
            f"[{APOSTROPHES}{MINUSES}%(]",
            MONEY,
            rf"(?<![^\W\d_]){CODES}(?![^\W\d_])",
            r"\d-\s*$",
        )
    )
)
FOOTNOTE = re.compile(r"\(|^\d+-\s*$")  # if all values match: footnotes as (1), (2), or ages as 18-, 65-
# 1.234,5 as in much of the world; 1,234.5 as in the rest; and 1,23,456 as in India.
DIGITS = r"(\d+|\d{1,3}([. ']\d{3})+)(,\d+)?|(\d+|\d{1,3}((,\d{2,3})+|([ ']\d{3})+))(\.\d*)?|[.,]\d+"
UNIT = rf"(?:[A-Z]{{0,2}}{MONEY}|{CODES}|%)"
UNSIGNED = rf"(([A-Z]{{0,2}}{MONEY}|{CODES}) ?)?[-+]? ?({DIGITS})(E[-+]?\d+)?-?( ?({MONEY}|{CODES}|%))?"
# Accounts write negative amounts in parentheses.
NUMBER = re.compile(rf"[-+]? ?{UNSIGNED}|\( ?[-+]? ?{UNSIGNED} ?\) ?%?", re.ASCII | re.IGNORECASE)
UNITS = re.compile(UNIT, re.ASCII | re.IGNORECASE)
EUROS = ("\u20ac", "EUR")

Thousands = Literal["", ",", ".", " ", "'"]
Decimal = Literal[".", ","]
Reason = Literal["", "comma-groups", "point-groups", "decimal-point", "file"]
FORMATS: tuple[tuple[Decimal, Thousands], ...] = (
    *((".", " "), (".", "'"), (".", ","), (".", ""), (",", ""), (",", "."), (",", " "), (",", "'")),
)


class UnreadableValueError(DataError):
    """A value that can't be read. `row` counts the rows given, from 0."""

    hint = "Correct it, empty the cell, or write the whole column in one way"

    def __init__(self, row: int, column: str, problem: str) -> None:
        self.row, self.column, self.problem = row, column, problem
        super().__init__(f"column {column!r}: {problem}. {self.hint}")


class NumberFormat(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a column writes its numbers.

    Attributes:
        decimal: The sign before the decimals.
        thousands: The sign between groups of digits; "" for none.
        unit: What stands before or behind the numbers, such as "$", "EUR" or "%"; "" for nothing.
        brackets: Whether negative numbers are in brackets.
    """

    decimal: Decimal = "."
    thousands: Thousands = ""
    unit: str = ""
    brackets: bool = False

    def number(self, text: str) -> float | None:
        """Return the number that `text` is in this format, or None if it is none.

        >>> NumberFormat(thousands=",", unit="$").number("($1,234.50)"), NumberFormat(thousands=",").number("1,5")
        (-1234.5, None)
        """
        parts = _parts(text)
        if parts is None or parts.units - {self.unit} or not _fits([parts.digits], self.decimal, self.thousands):
            return None
        digits = parts.digits.replace(self.thousands, "") if self.thousands else parts.digits
        value = float(digits.replace(self.decimal, "."))
        return -value if parts.negative else value

    @property
    def pattern(self) -> str:
        """How 1234.5 is written.

        >>> NumberFormat(thousands=",", unit="$").pattern, NumberFormat(decimal=",", unit="%").pattern
        ('$1,234.5', '1234,5%')
        """
        return self._with_unit(f"1{self.thousands}234{self.decimal}5")

    @property
    def example(self) -> str:
        """A number in this format.

        >>> NumberFormat(unit="%").example, NumberFormat(thousands=",", unit="$").example
        ('45%', '$1,234.5')
        """
        return self.pattern if self.thousands else self._with_unit("45" if self.decimal == "." else "4,5")

    def _with_unit(self, number: str) -> str:
        return f"{self.unit}{number}" if len(self.unit) == 1 and self.unit != "%" else f"{number}{self.unit}"

    def read(self, column: pd.Series) -> pd.Series:
        """Return the numbers of a column of text, float64; NaN for missing values and other text."""
        import pandas as pd

        codes, texts = pd.factorize(column)
        numbers = np.array([*(self.number(str(text)) for text in texts), None], np.float64)
        return pd.Series(numbers[codes], index=column.index, name=column.name)


class FormatFound(NamedTuple):
    """The format of a column, and one of its texts with the number that it is read as.

    `other` is the number it would be in another format that fits as well, or None; `reason` is why not that one.
    """

    format: NumberFormat
    example: str
    value: float
    other: float | None
    reason: Reason


class _Parts(NamedTuple):
    digits: str
    negative: bool
    units: frozenset[str]


def detect_format(values: Iterable[str], decimal: Decimal | None = None) -> FormatFound | None:
    """Return how texts write numbers, or None if they are no numbers or plain ones as 1234.5.

    `decimal` is the sign of the file's other columns, if it is known. Raises ValueError for numbers in different
    formats or units.

    >>> detect_format(["3,14", "2,5", "7"]).format
    NumberFormat(decimal=',', thousands='', unit='', brackets=False)
    >>> found = detect_format(["1,234", "56"])
    >>> found.format, found.value, found.other, found.reason
    (NumberFormat(decimal='.', thousands=',', unit='', brackets=False), 1234.0, 1.234, 'comma-groups')
    >>> detect_format(["red, green", "blue"])
    """
    texts = _numbers_in(values)
    if not texts:
        return None
    parts = {text: found for text in texts if (found := _parts(text)) is not None}
    units = sorted(set().union(*(each.units for each in parts.values())))
    if len(units) > 1:
        raise ValueError(f"its numbers have different units, {' and '.join(map(shown, units))}")
    unit = units[0] if units else ""
    digits = [each.digits for each in parts.values()]
    used = set().union(*digits)
    fitting = [each for each in FORMATS if used.issuperset(each[1]) and _fits(digits, *each)]
    if not fitting:
        raise ValueError(f"its numbers are not all in one format, {_two_formats(parts)}")
    # The likeliest first: like the file's other numbers, and an amount of euros has no three decimals.
    fitting.sort(key=lambda each: (decimal not in (None, each[0]), each != (",", ".") or unit not in EUROS))
    brackets = any("(" in text for text in parts)
    formats = [NumberFormat(*each, unit, brackets) for each in fitting]
    first, example = formats[0], max(filter(SIGN.search, texts), key=len)
    for other in formats[1:]:
        for text in texts:
            if first.number(text) != (value := other.number(text)):
                return FormatFound(first, text, first.number(text) or 0.0, value, _reason(first, decimal))
    return FormatFound(first, example, first.number(example) or 0.0, None, "")


OTHERWISE = "say what the column is with --column, as NAME=text, NAME=category or NAME=drop"


def find_format(
    place: str, values: Iterable[object], decimal: Decimal | None = None, otherwise: str = OTHERWISE
) -> FormatFound | None:
    """Return the format of a column's different values, or None for a single one, plain numbers and other text.

    Raises DataError for different formats or units; `otherwise` says what to do if they are no numbers.
    """
    different = dict.fromkeys(str(value) for value in values)
    try:
        return detect_format(different, decimal) if len(different) > 1 else None
    except ValueError as error:
        hint = f"Write them all in one way, such as -1234.5, or if these are not numbers, {otherwise}"
        raise DataError(f"{place}: {error}. {hint}") from None


def note_on_format(column: str, found: FormatFound, role: Literal["column", "target"] = "column") -> Message:
    """Return the note that says how a column's numbers were read; the kind of the target has another option."""
    values = {"column": column, "example": shown(found.example), "value": f"{found.value:.15g}"}
    if found.other is None:
        return Message("column-numbers-read" if role == "column" else "target-numbers-read", values)
    code = "column-numbers-ambiguous" if role == "column" else "target-numbers-ambiguous"
    return Message(code, values | {"other": f"{found.other:.15g}", "reason": found.reason})


def looks_formatted(text: str) -> bool:
    """Return whether a text is a number with more than digits, a point and a minus.

    >>> looks_formatted("1,234.5"), looks_formatted("12.5"), looks_formatted("red")
    (True, False, False)
    """
    return SIGN.search(text) is not None and _looks_like_number(text)


def _numbers_in(values: Iterable[str]) -> list[str]:
    """Return the different values that look like numbers, if they are enough and some are formatted."""
    different = dict.fromkeys(values)
    if not any(map(SIGN.search, different)):
        return []
    texts = [text for text in different if _looks_like_number(text)]
    few = len(texts) < MIN_SHARE * len(different)
    return [] if few or all(map(FOOTNOTE.search, texts)) or not any(map(SIGN.search, texts)) else texts


def _looks_like_number(text: str) -> bool:
    return len(text) <= MAX_LENGTH and NUMBER.fullmatch(text.translate(PLAIN).strip()) is not None


def _parts(text: str) -> _Parts | None:
    """Return the digits with separators, the sign and the units of a text that looks like a number."""
    if not _looks_like_number(text):
        return None
    plain = text.translate(PLAIN).strip()
    units = frozenset(unit.upper() for unit in UNITS.findall(plain))
    bare = UNITS.sub("", plain)
    negative = "(" in bare or re.search(r"(?<![eE])-", bare) is not None
    return _Parts(bare.strip("()+- "), negative, units)


@lru_cache
def _pattern(decimal: str, thousands: str) -> re.Pattern[str]:
    groups = {
        "": "",
        ",": r"[1-9]\d{0,2}(?:,\d{3})+|[1-9]\d?(?:,\d{2})*,\d{3}|",  # the second as in India
        ".": r"[1-9]\d{0,2}(?:\.\d{3})+|",  # 0.123 has decimals
    }.get(thousands, rf"\d{{1,3}}(?:{thousands}\d{{3}})+|")
    point = re.escape(decimal)
    return re.compile(rf"(?:(?:{groups}\d+)(?:{point}\d*)?|{point}\d+)(?:[eE][-+]?\d+)?")


def _fits(digits: Iterable[str], decimal: str, thousands: str) -> bool:
    return all(map(_pattern(decimal, thousands).fullmatch, digits))


def _reason(chosen: NumberFormat, decimal: Decimal | None) -> Reason:
    if decimal == chosen.decimal:
        return "file"
    reasons: dict[str, Reason] = {",": "comma-groups", ".": "point-groups"}
    return reasons.get(chosen.thousands, "decimal-point")


def _two_formats(parts: dict[str, _Parts]) -> str:
    """Return the first two numbers that no format reads, as text."""
    first, *others = parts
    fitting = [each for each in FORMATS if _fits([parts[first].digits], *each)]
    for text in others:
        if not any(_fits([parts[text].digits], *each) for each in fitting):
            return f"{shown(first)} and {shown(text)}"
    return shown(first)


def read_dates(column: pd.Series) -> tuple[pd.Series, str | None]:
    """Return the dates of a column and the format of their text, or None. Raises ValueError for unknown formats."""
    import pandas as pd
    from skrub import ToDatetime

    reader = ToDatetime()
    dates = reader.fit_transform(column)
    if reader.format_ is None or (written := resolve_date_format(column, reader.format_)) == reader.format_:
        return dates, reader.format_
    return pd.to_datetime(column, format=written, utc=True), written


def resolve_date_format(column: pd.Series, written: str) -> str:
    """Return the format that dates of text are read in, found as `written`: with points, the day comes first.

    >>> import pandas as pd
    >>> resolve_date_format(pd.Series(["03.04.2024"]), "%m.%d.%Y")
    '%d.%m.%Y'
    >>> resolve_date_format(pd.Series(["03.24.2024"]), "%m.%d.%Y")
    '%m.%d.%Y'
    >>> resolve_date_format(pd.Series(["2024.03.04."]), "%Y.%m.%d.")
    '%Y.%m.%d.'
    """
    if not written.startswith("%m.%d."):
        return written
    other = written.replace("%m.%d.", "%d.%m.")
    return other if parses_all(column, other) else written


def day_month_order(written: str | None) -> Literal["day", "month"] | None:
    """Return what comes first in dates that begin with a day or a month in digits; None for other dates.

    >>> day_month_order("%d/%m/%Y"), day_month_order("%m/%d/%y %H:%M"), day_month_order("%Y-%m-%d")
    ('day', 'month', None)
    """
    if written is None or not written.startswith(("%d", "%m")) or "%d" not in written or "%m" not in written:
        return None
    return "day" if written.startswith("%d") else "month"


def parses_all(column: pd.Series, written: str) -> bool:
    """Return whether all dates of text fit this format."""
    import pandas as pd

    return bool(pd.to_datetime(column.dropna(), format=written, errors="coerce", utc=True).notna().all())


def date_parts(
    name: str, column: pd.Series, written: str | None, origin: float | None = None
) -> Mapping[str, np.ndarray]:
    """Return year, month, day, hour, weekday and seconds of dates, or of text in the format `written`, by name.

    Seconds count from 1970, or rounded to 32 bits from `origin`. Raises UnreadableValueError if a value is no date.
    """
    import pandas as pd

    dates = pd.to_datetime(column, format=written, errors="coerce", utc=True)
    check_parsed(name, column, dates, "a date", None if written is None else f"{EXAMPLE_DAY:{written}}")
    parts = {part: getattr(dates.dt, part).to_numpy(np.float32) for part in ("year", "month", "day", "hour")}
    parts["weekday"] = dates.dt.day_of_week.to_numpy(np.float32)
    seconds = ((dates - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)).to_numpy(np.float64)
    return parts | {"total_seconds": seconds if origin is None else (seconds - origin).astype(np.float32)}


def check_parsed(name: str, column: pd.Series, parsed: pd.Series, kind: str, example: str | None) -> None:
    """Raise UnreadableValueError for the first value that is not missing and could not be parsed."""
    unread = (parsed.isna() & column.notna()).to_numpy()
    if unread.any():
        row = int(unread.argmax())
        expected = kind if example is None else f"written like the training rows, for example {example}"
        raise UnreadableValueError(row, name, f"{shown(column.iloc[row])} is not {expected}")


def read_numbers(name: str, column: pd.Series, format: NumberFormat | None = None) -> np.ndarray:
    """Return the numbers (rows,) float32 that a column writes as text; NaN for missing values.

    Raises UnreadableValueError if a text is no number, or none in this format.
    """
    import pandas as pd

    numbers = pd.to_numeric(column, errors="coerce") if format is None else format.read(column)
    with np.errstate(over="ignore"):
        narrow = numbers.astype(np.float32)
    example = None if format is None else format.example
    check_parsed(name, column, narrow.where(np.isfinite(narrow)), "a number", example)
    return narrow.to_numpy()

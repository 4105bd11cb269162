"""Numbers for people: fixed digits, percentages, intervals and probabilities, the same everywhere.

A value that is missing or not finite is a dash, and no text shows "-0.0".
"""

from __future__ import annotations

import math
from collections.abc import Sequence

MISSING = "–"
LOSS_DIGITS = 4
SCIENTIFIC_FROM = 1e6  # larger numbers are written as 7.05e+26
LEAST_PROBABILITY = 0.005  # probabilities nearer to 0 or 1 are written as below 0.01 or above 0.99


def fixed(value: float | None, digits: int = LOSS_DIGITS, *, signed: bool = False) -> str:
    """Format a number with a fixed number of decimals and commas between thousands.

    >>> fixed(0.12345), fixed(-0.00001), fixed(None), fixed(0.5, 1, signed=True), fixed(1234.5, 1), fixed(7e26)
    ('0.1235', '0.0000', '–', '+0.5', '1,234.5', '7.00e+26')
    """
    if value is None or not math.isfinite(value):
        return MISSING
    form = f",.{digits}f" if abs(value) < SCIENTIFIC_FROM else ".2e"
    text = f"{value:{'+' if signed else ''}{form}}"
    return text if float(text.replace(",", "")) else text.lstrip("+-")


def significant(value: float | None, digits: int = 3) -> str:
    """Format a number with a number of significant digits.

    >>> significant(0.0012345), significant(12.0), significant(float("nan"))
    ('0.00123', '12', '–')
    """
    return MISSING if value is None or not math.isfinite(value) else f"{value:.{digits}g}"


def units(value: float | None, digits: int = 4) -> str:
    """Format a number in some unit with a number of significant digits, without an exponent.

    >>> units(12345.67), units(0.012345), units(None)
    ('12,346', '0.01235', '–')
    """
    if value is None or not math.isfinite(value):
        return MISSING
    before = math.floor(math.log10(abs(value))) + 1 if value else 1
    return fixed(value, max(digits - before, 0))


def percent(share: float | None, digits: int = 0) -> str:
    """Format a share as a percentage.

    >>> percent(0.736, 1)
    '73.6%'
    """
    return MISSING if share is None or not math.isfinite(share) else f"{fixed(100 * share, digits)}%"


def bounds(values: Sequence[float], digits: int = LOSS_DIGITS, *, signed: bool = False, scale: float = 1.0) -> str:
    """Format the first and the last of two or three numbers as an interval.

    >>> bounds((0.7129, 0.736, 0.7588), 1, scale=100)
    '[71.3, 75.9]'
    """
    low, high = (fixed(scale * value, digits, signed=signed) for value in (values[0], values[-1]))
    return f"[{low}, {high}]"


def estimate(
    values: Sequence[float | None],
    digits: int = LOSS_DIGITS,
    *,
    signed: bool = False,
    scale: float = 1.0,
    unit: str = "",
) -> str:
    """Format (low, middle, high) as the middle with its interval.

    >>> estimate((1.2, 3.1, 5.0), 1, unit="%"), estimate((None, 0.5, None))
    ('3.1% [1.2, 5.0]', '0.5000')
    """
    low, middle, high = values
    text = f"{fixed(None if middle is None else scale * middle, digits, signed=signed)}{unit}"
    if low is None or high is None:
        return text
    return f"{text} {bounds((low, high), digits, signed=signed, scale=scale)}"


def p_value(value: float | None) -> str:
    """Format a p-value; digits below a hundredth mean nothing.

    >>> p_value(0.2), p_value(0.0001), p_value(float("nan"))
    ('0.20', '<0.01', '–')
    """
    if value is None or not math.isfinite(value):
        return MISSING
    return f"{value:.2f}" if value >= LEAST_PROBABILITY else "<0.01"


def minutes(seconds: float) -> str:
    """Format seconds for people.

    >>> minutes(7), minutes(3723)
    ('0:07', '1:02:03')
    """
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"

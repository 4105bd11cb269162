"""Numbers for the page, as the templates' filters: the same digits everywhere, and a dash where there is none."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence

from markupsafe import Markup, escape

from gengap.report.console import minutes
from gengap.report.console_conclusions import p_value

NONE = "–"
LOSS_DIGITS = 4
LARGE = 1e6  # from here on, digits are counted from the first


def fixed_digits(value: float | None, digits: int = LOSS_DIGITS, *, signed: bool = False) -> str:
    """A number with so many digits; never "-0.0", and a large one in short.

    >>> fixed_digits(0.12345), fixed_digits(-0.00001), fixed_digits(None)
    ('0.1235', '0.0000', '–')
    >>> fixed_digits(0.5, 1, signed=True), fixed_digits(7.0512e26)
    ('+0.5', '7.05e+26')
    """
    if value is None or not math.isfinite(value):
        return NONE
    form = f".{digits}f" if abs(value) < LARGE else ".2e"
    text = f"{value:{'+' if signed else ''}{form}}"
    return text.lstrip("+-") if float(text) == 0 else text.replace("-", "\u2212")


def interval_text(
    values: Sequence[float], digits: int = LOSS_DIGITS, *, signed: bool = False, scale: float = 1.0
) -> str:
    """The ends of an interval of two or three numbers.

    >>> interval_text((0.7129, 0.736, 0.7588), 1, scale=100)
    '[71.3, 75.9]'
    """
    low, high = (fixed_digits(scale * value, digits, signed=signed) for value in (values[0], values[-1]))
    return f"[{low}, {high}]"


def percent(share: float | None, digits: int = 0) -> str:
    """A share in percent.

    >>> percent(0.736, 1)
    '73.6%'
    """
    return NONE if share is None else f"{fixed_digits(100 * share, digits)}%"


def thousands(count: int) -> str:
    """A count with its thousands apart.

    >>> thousands(803329)
    '803,329'
    """
    return f"{count:,}"


def as_sentence(text: str, names: Iterable[str] = ()) -> str:
    """A reason or an advice as a sentence of its own; one of the `names` at its start stays as it is.

    >>> as_sentence("keep this model"), as_sentence("stop"), as_sentence("sizes/Tiny is the best")
    ('Keep this model.', 'Stop.', 'sizes/Tiny is the best.')
    >>> as_sentence("tiny, a larger model, is better", ["tiny"]), as_sentence("tiny steps", ["tin"])
    ('tiny, a larger model, is better.', 'Tiny steps.')
    """
    named = any(name and text.startswith(name) and not text[len(name) :][:1].isalnum() for name in names)
    plain = all(word.isascii() and word.rstrip(":,.!?").isalpha() for word in text.split(" ", 2)[:2])
    start = text[:1].upper() if plain and not named else text[:1]
    return start + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def breakable_name(name: str) -> Markup:
    """A run's name that may go on in another line after its group.

    >>> print(breakable_name("sizes/<b>"))
    sizes/<wbr>&lt;b&gt;
    """
    return escape(name).replace("/", Markup("/<wbr>"))


def utc_time(seconds: float) -> str:
    """When that was, seconds after 1970.

    >>> utc_time(0)
    '1970-01-01 00:00 UTC'
    """
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))


FILTERS: dict[str, Callable[..., str]] = {
    each.__name__: each
    for each in (
        fixed_digits,
        interval_text,
        percent,
        thousands,
        p_value,
        as_sentence,
        breakable_name,
        utc_time,
        minutes,
    )
}

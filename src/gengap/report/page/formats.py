"""Filters of the page's templates: numbers, names and times."""

from __future__ import annotations

import time
from collections.abc import Callable

from markupsafe import Markup, escape

from gengap.text.numbers import bounds, fixed, minutes, p_value, percent


def thousands(count: int) -> str:
    """Format a count with commas between thousands.

    >>> thousands(803329)
    '803,329'
    """
    return f"{count:,}"


def breakable(name: str) -> Markup:
    """Allow a line break after the group in a run's name.

    >>> print(breakable("sizes/<b>"))
    sizes/<wbr>&lt;b&gt;
    """
    return escape(name).replace("/", Markup("/<wbr>"))


def utc_time(seconds: float) -> str:
    """Format a time in seconds after 1970.

    >>> utc_time(0)
    '1970-01-01 00:00 UTC'
    """
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))


FILTERS: dict[str, Callable[..., str]] = {
    each.__name__: each for each in (fixed, bounds, percent, p_value, minutes, thousands, breakable, utc_time)
}

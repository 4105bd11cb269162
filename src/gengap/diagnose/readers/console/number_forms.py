"""Numbers in console text: where they are in a line, and their values.

A number is everything that is written together: `0.53`, `33.7%`, `1/50`, `0.52+0.01`, `12:30:01`, `5.3s/it`, `nan`.
Only plain numbers, percents and means with a spread are values. The others are counters, times and sizes.
"""

from __future__ import annotations

import math
import re

_PLAIN = r"(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_BEHIND_LETTER = r"(?<=[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7a3])"  # of a language that writes no blanks
_BEHIND_WORD = r"(?<=epoch)|(?<=step)|(?<=iter)|(?<=ep)(?<!\w\wep)"
_START = rf"(?:(?<![\w.@%])|{_BEHIND_LETTER}|{_BEHIND_WORD})(?<!\w[-/'])"
_JOINED = rf"(?:(?:\+/-|[:/<,+×±x-]){_PLAIN}|\.\d+)*"
_UNIT = r"(?:%|(?!epoch)[A-Za-zµ][A-Za-z0-9µ/%]*)?"  # in 3epoch the word says what is counted
NUMBER = re.compile(
    rf"({_START}[+-]?{_PLAIN}{_JOINED}{_UNIT}|(?<![\w.-])[+-]?(?:nan|inf(?:inity)?)(?!\w))", re.IGNORECASE
)
VALUE = re.compile(  # f0: Julia's Float32; dB: decibels; a last point ends a sentence
    rf"([+-]?{_PLAIN})(?:%|f0|dB|(?:\+/-|[+±]){_PLAIN})?\.?"
)
DECIMAL_COMMA = re.compile(r"([+-]?\d+),(\d+)(%?)")
RATIO = re.compile(r"(\d+)/(\d+)")
PAIR = re.compile(rf"([+-]?{_PLAIN})[/,]([+-]?{_PLAIN})%?")


def value(text: str) -> float | None:
    """Return the value of a number, or None for times, sizes and counters.

    >>> [value(text) for text in ("0.53", "33.7%", "0.52+0.01", "12:30:01", "1/50", "5.3s", "0,53", "NaN")]
    [0.53, 33.7, 0.52, None, None, None, 0.53, nan]
    """
    try:
        return float(text)
    except ValueError:
        pass
    if found := VALUE.fullmatch(text):
        return float(found[1])
    if found := DECIMAL_COMMA.fullmatch(text):
        return float(f"{found[1]}.{found[2]}")
    return None


def counted(text: str) -> float | None:
    """Return the number of an epoch or step: of `3`, `3.0` and `3/20` it is 3; None if it counts nothing.

    >>> counted("3/20"), counted("1.5"), counted("12:30")
    (3.0, 1.5, None)
    """
    if text.isdecimal():
        return float(text[:15])
    first, slash, second = text.partition("/")
    if slash and first.isdecimal() and second.rstrip(".").isdecimal():
        return float(first[:15])
    try:
        number = float(text)
    except ValueError:
        return None
    return number if number >= 0 and math.isfinite(number) else None


def decimals(text: str) -> int:
    """Return how many characters of a number stand behind its point, and the point; 0 if it has none."""
    return len(text) - text.find(".") if "." in text else 0


def is_progress(text: str) -> bool:
    """Return whether a number tells how far an epoch is: `3/20` or `1-50batch`."""
    return text.endswith("batch") or ("/" in text and RATIO.fullmatch(text) is not None)


def pair(text: str) -> tuple[float, float] | None:
    """Return the two values of a number such as `0.51/0.62`, or None."""
    found = PAIR.fullmatch(text)
    return (float(found[1]), float(found[2])) if found else None

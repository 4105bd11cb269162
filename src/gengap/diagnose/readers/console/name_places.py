"""Names of values that stand apart from them in a line: behind a logger, before a remark, in a field of their own.

INFO:root:val_loss: 0.5        accuracy (avg over 10000) = 97%        {"chart": "val_loss", "x": 3, "y": 0.5}
"""

from __future__ import annotations

import re

from gengap.diagnose.metric_names import parse
from gengap.diagnose.metric_words import SPLITS
from gengap.diagnose.readers.console.phrases import EPOCH, is_metric, words

LOGGER = re.compile(r"^\W*(?:DEBUG|INFO|WARNING|ERROR|CRITICAL):([\w.]+):(?!\s*[-+.]?\d)")  # of Python's logging
_OF = r"(\w+)\s*\((?:(?:avg|average|averaged|mean)\s+)?(?:over|of|on|from|across)\s+"
REMARK = re.compile(rf"{_OF}\d[\d,]*(?:\s+([a-z]+))?\)(?=\s*[:=])")
SPLIT_REMARK = re.compile(
    rf"{_OF}(?:the\s+)?(hold out|held out|[\w-]+)"
    r"(?:\s+(?:set|data|split|batches|images|samples|rows))?\)(?=\s*[:=])"
)
ROWS = {"development": "dev", "unseen": "heldout"}
_FIELD = r"""["']?\b(metric|key|name|tag|chart|series|metric_?name)["']?\s*[:=]\s*"""
_OTHERS = r"""(?:"\w+"\s*:\s*(?:"[^"\n]{0,60}"|[-+\d.eE]+)\s*,\s*){0,6}"""
NAME_AND_VALUE = re.compile(  # "metric": "val_loss", "step": 3, "value": 0.5; metricName: a, metricValue: 0.5
    rf"""{_FIELD}["']?([A-Za-z][\w/.@ -]{{0,60}}?)["']?\s*,\s*({_OTHERS})"""
    r"""["']?((?:metric_?)?value|\by)["']?\s*[:=]""",
    re.IGNORECASE,
)
KEY = re.compile(r'"(\w+)"\s*:')
PLOTS = ("chart", "series")  # fields that name other things too


def without_logger(line: str) -> str:
    """Return a line without the name of its logger, if that is no name of a value, a split or an epoch.

    >>> without_logger("INFO:root:Validation"), without_logger("INFO:val:epoch 1")
    ('Validation', 'INFO:val:epoch 1')
    """
    found = LOGGER.match(line)
    return line if found is None or _is_named(found[1]) else line[found.end() :]


def without_remarks(line: str) -> str:
    """Return a line without remarks on the rows that a value is of, with their split before the name.

    >>> without_remarks("Accuracy (avg over 10000) = 97%"), without_remarks("loss (on val set) = 0.5")
    ('Accuracy = 97%', 'val loss = 0.5')
    """
    return REMARK.sub(_name_of_remark, SPLIT_REMARK.sub(_name_with_split, line))


def _name_with_split(found: re.Match[str]) -> str:
    name, rows = found.groups()
    split, rest = parse(ROWS.get(rows.lower(), rows)) or ("", "")
    word = rows if rows.lower() in SPLITS else split
    return f"{word} {name}" if split and not rest and is_metric(name) else found[0]


def _name_of_remark(found: re.Match[str]) -> str:
    name, unit = found[1], found[2] or ""
    return found[0] if found.string.count(name) > 1 or _is_named(unit) else name


def with_names_before_values(line: str) -> str:
    """Return a line of JSON with the name that one of its fields holds directly before the value in another.

    >>> with_names_before_values('{"tag": "val_loss", "step": 3, "value": 0.5}')
    '{"step": 3,  val_loss: 0.5}'
    """
    return NAME_AND_VALUE.sub(_name_before_value, line)


def _name_before_value(found: re.Match[str]) -> str:
    field, name, others, value = found.groups()
    if others or field.lower() in PLOTS or value.lower() == "y":  # else no other value can be meant
        keys = KEY.findall(others) + KEY.findall(found.string[found.end() :].partition("}")[0])
        if not is_metric(name) or any(map(is_metric, keys)):
            return found[0]
    return f"{others} {name}:"


def _is_named(text: str) -> bool:
    """Return whether a text has a word that names a split, a metric or an epoch."""
    return any(
        word in SPLITS or word in EPOCH or word.removesuffix("s") in EPOCH or is_metric(word)
        for word in words(text)
    )

"""Console text as lines, as a terminal shows them: without colours, and with each state of a progress bar."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import reduce
from itertools import pairwise
from typing import NamedTuple

from gengap.diagnose.metric_names import SPLITS
from gengap.diagnose.readers.console.phrases import EPOCH, counter, is_metric, split_of, words

MARKDOWN = re.compile(r"\\([_*\[\]<>#|~])")  # val\_loss
LONGEST = 20_000  # characters of a line; the rest is no log line
ESCAPE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])|(?<=\S)?\[\d{1,2}(?:;\d{1,3})*m"
)
BACK = re.compile(r"\r|\x08+")
BARS = re.compile(r"\[[=>.#~ -]{3,}\]|[=.#~_*-]{3,}")
_INSIDE = r"[^|\w]*(?:(?<=[|#])\d[^|\w]*)?"
PERCENT_BAR = re.compile(
    r"\d{1,3}(?:\.\d+)?% ?\|(?:"
    rf"(?=[^|\w]*?(?:[=#]|[-.~*]{{3}})){_INSIDE}(?:\||$)"  # 75%|###5  |
    rf"|\s{{3,}}\||{_INSIDE}\|(?=\s*\d+/\d))"  # 0%|     |, or 100%|| 3/20; else the percent is a cell's
)
GLYPHS = str.maketrans(
    dict.fromkeys("█▉▊▋▌▍▎▏▓▒░━╸╺╾╼─═⠿■□▪▫●○", "=")
    | dict.fromkeys("│┃║┆┊╎", "|")
    | {"：": ":", "，": ",", "；": ";", "（": "(", "）": ")", "＝": "=", "％": "%", "【": "[", "】": "]", "、": ","}
    | {"–": "-", "−": "-", "\xa0": " ", "\u3000": " ", "→": ">", "➜": ">", "·": ";", "•": ";", "\ufeff": None}
)
PLACE_IN_CODE = re.compile(r"\b([A-Za-z_]\w*(?:\.\w+)+):\d+(?=\]|\)|:|\s|$)")  # engine.py:88
_MONTH = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
STAMP = re.compile(  # Nov 14 11:01:13, [Sun Apr  8 21:42:15 2018], 14-Nov 11:01:13: a month is no name of a value
    r"^(?:date:\s+)?[\[(]?(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?\s+)?"
    rf"(?:\d{{1,2}}[ -]{_MONTH}|{_MONTH}\.?\s+\d{{1,2}})(?:[ -]\d{{4}})?[ T,:]+"
    r"\d{1,2}:\d\d(?::\d\d)?(?:[.,]\d+)?(?:\s*[ap]m\b)?(?:\s+\d{4}\b)?[\])]?",
    re.IGNORECASE,
)
COCO = re.compile(  # the evaluation that COCO's tools print, in lines of which the first sums the others up
    r"Average (?:Precision|Recall)\s+\((A[PR])\)\s+@\[\s*IoU=([\d.:]+)\s*\|\s*area=\s*(\w+)\s*\|"
    r"\s*maxDets=\s*\d+\s*\]"
)
# mAP@0.5:0.95; another end counts if a value stands behind it, so not that of P@0.5:0.83 or HR@10:0.5
RANGE = re.compile(r"(@0?\.\d+):(?=0?\.95(?!\d)|(?:0?\.\d\d?|1(?:\.0)?)[\"')\]]*[\s:=|]+[-+]?\d*\.\d+(?![\w.]))")
COPYPASTE = re.compile(r"^.*\bcopypaste: (?!Task)")  # before the names and the scores of an evaluation: Detectron2
ARGUMENTS = re.compile(  # mAP(0.50, 11point) = 0.7
    r"(?<![\w.-])([A-Za-z][\w.-]{0,60})\((\d[\w., ]{0,40})\)(?=\s*[:=]\s*[-+]?\.?\d)"
)
SMALL = re.compile(r"\d{1,2}(?:\.\d+)?(?!\d)")  # a class or a threshold, and no position
BATCH = re.compile(  # valid 050 1.2 60.1
    r"\b((?:train|val|valid|test)\s+)(?=\d{3,}(?:\s+\d+\.\d[\de.+-]*){2,}\s*$)"
)
GLUED = re.compile(r"Epoch(?<=\dEpoch)(?=[ \d])")
LOGGER = re.compile(r"^\W*(?:DEBUG|INFO|WARNING|ERROR|CRITICAL):([\w.]+):(?!\s*[-+.]?\d)")  # of Python's logging
REMARK = re.compile(  # accuracy (avg over 10000) = 97%, loss (on the val set): 0.5, loss (for 1 batch) at step
    r"(\w+)\s*\((?:(?:avg|average|averaged|mean)\s+)?(?:over|of|on|from|across|for)\s+([^()]{1,40})\)"
    r"(?=\s*[:=]|\s+(?:at|after)\s)"
)
ON_ROWS = re.compile(  # Accuracy of the network on the 10000 test images: 54 %
    r"(?:\s+of\s+(?:the|our|this)\s+(?:network|model|net|classifier))?\s+(?:on|over|for)\s+(?:the\s+|all\s+)?(?:\d+\s+)?"
    r"(\w+)\s+(?:images|samples|examples|rows)(?=\s*[:=]|\s+(?:is|was|at|after)\b)"
)
ROWS = (("development", "dev"), ("unseen", "heldout"))
_FIELD = r"""["']?\b(metric|key|name|tag|chart|series|metric_?name)["']?\s*[:=]\s*"""
_OTHERS = r"""(?:"\w+"\s*:\s*(?:"[^"\n]{0,60}"|[-+\d.eE]+)\s*,\s*){0,6}"""
NAME_AND_VALUE = re.compile(  # "metric": "val_loss", "step": 3, "value": 0.5; metricName: a, metricValue: 0.5
    rf"""{_FIELD}["']?([A-Za-z][\w/.@ -]{{0,60}}?)["']?\s*,\s*({_OTHERS})"""
    r"""["']?((?:metric_?)?value|\by)["']?\s*[:=]""",
    re.IGNORECASE,
)
KEY = re.compile(r'"(\w+)"\s*:')
PLOTS = ("chart", "series")  # fields that name other things too


class Line(NamedTuple):
    """A line, whether the next one is written over it, and whether it has no end, so that it may be cut off."""

    text: str
    overwritten: bool = False
    open_end: bool = False


def screen_text(blocks: Iterable[str]) -> Iterator[str | Line]:
    r"""Yield the lines of a text: those of a block together, if each of them is all that its line shows.

    In other blocks, a carriage return or a row of backspaces begins the same line again.

    >>> list(screen_text(["Epoch 1\nloss: 0.9\nEp"]))
    ['Epoch 1\nloss: 0.9', Line(text='Ep', overwritten=False, open_end=True)]
    >>> [getattr(line, "text", line) for line in screen_text(["1/2 loss: 0.9\r2/2 loss: 0.8\n", "done\nlo"])]
    ['1/2 loss: 0.9', '2/2 loss: 0.8', 'done', 'lo']
    """
    rest = ""
    for block in blocks:
        complete, end, rest = f"{rest}{block}".replace("\r\n", "\n").rpartition("\n")
        if end:
            if "\r" in complete or "\x08" in complete or GLUED.search(complete):
                for line in complete.split("\n"):
                    yield from _states(line.rstrip("\r"))
            else:
                yield complete
        while len(rest) > 2 * LONGEST:  # a bar of many states, or no text at all
            end = max(rest.rfind("\r", 0, LONGEST), rest.rfind("\x08", 0, LONGEST)) + 1 or LONGEST
            yield from _states(rest[:end])
            rest = rest[end:]
    if rest:
        yield from _states(rest, True)


def _states(line: str, open_end: bool = False) -> list[Line]:
    """Return what a line shows one after another."""
    shown: list[Line] = []
    if "\r" in line or "\x08" in line:
        states = line.split("\r") if "\x08" not in line else BACK.split(line)
        states = [state for state in states if state.strip()]
        line = states.pop() if states else ""
        shown += [Line(state, True) for state in states]
    if line.find("Epoch", 1) > 0:
        starts = [0, *(found.start() for found in GLUED.finditer(line))]
        for start, end in pairwise(starts):  # a process was killed in a line, another went on with it
            shown.append(Line(line[start:end], False, True))
        line = line[starts[-1] :]
    return [*shown, Line(line, False, open_end)]


def clean(line: str) -> str:
    """Return a line without colours and progress bars, with plain signs for other alphabets' signs."""
    if len(line) > LONGEST:
        line = line[:LONGEST]
    if "\x1b" in line or "[0m" in line or "[m" in line:
        line = ESCAPE.sub(_gap, line)
    if not line.isascii():
        line = line.translate(GLYPHS)
    line = without_logger(STAMP.sub("", line))
    if "." in line and ":" in line:
        line = PLACE_IN_CODE.sub(r"\1 | ", line)
    if "@" in line:
        line = RANGE.sub(r"\1-", COCO.sub(_coco_name, line))
    if "copypaste" in line:
        line = COPYPASTE.sub("", line)
    if "alue" in line or '"y"' in line:
        line = with_names_before_values(line)
    if "(" in line:
        line = ARGUMENTS.sub(_without_arguments, without_remarks(line))
    if " on " in line or " over " in line:
        line = ON_ROWS.sub(_on_split, line)
    line = BATCH.sub(r"\1batch ", line)
    if "\\\\" in line and "&" in (row := line.partition("\\\\")[0]):  # a row of a table in LaTeX
        line = row.replace("&", "|")
    if "\\" in line:
        line = MARKDOWN.sub(r"\1", line)
    if "#011" in line:  # a tab, as syslog writes it
        line = line.replace("#011", "\t")
    return line


def is_renamed(line: str) -> bool:
    """Return whether `clean` puts numbers of a line into names."""
    named = "@[" in line and COCO.search(line) is not None
    return named or ("(" in line and ARGUMENTS.sub(_without_arguments, line) != line)


def _without_arguments(found: re.Match[str]) -> str:
    """Return a metric's name without numbers in parentheses, except for a small one: `acc(5)` as `acc@5`."""
    name, argument = found.groups()
    if counter(name) or not (split_of(name) or any(map(is_metric, words(name)))):  # Step(100): 0.5
        return found[0]
    small = SMALL.match(argument) if is_metric(words(name)[-1]) else None
    return f"{name}@{small[0]}" if small else name


def _coco_name(found: re.Match[str]) -> str:
    """Return a short name for what a line of COCO's evaluation holds, such as coco/AP and coco/AP_at50."""
    overlap = "" if ":" in found[2] else found[2].removeprefix("0.")
    area = "" if found[3] == "all" else found[3]
    return "_".join(filter(None, [f"coco/{found[1]}", overlap and f"at{overlap}", area]))


def without_bars(line: str) -> str:
    """Return a line with a boundary in place of each progress bar or rule."""
    if "%|" in line or "% |" in line:
        line = PERCENT_BAR.sub(" | ", line)
    if "==" in line or "--" in line or ".." in line or "##" in line or "__" in line or "**" in line:
        return BARS.sub(" | ", line)
    return line


def _gap(found: re.Match[str]) -> str:
    """Keep words apart that only a colour told apart."""
    text, start, end = found.string, found.start(), found.end()
    apart = start > 0 and end < len(text) and text[start - 1].isalnum() and text[end].isalnum()
    return " " if apart else ""


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
    ('Accuracy = 97%', 'validation loss = 0.5')
    """
    return REMARK.sub(_without_remark, line)


def _without_remark(found: re.Match[str]) -> str:
    name, rows = found.groups()
    if split := split_of(reduce(lambda text, words: text.replace(*words), ROWS, rows)):
        return f"{split} {name}" if is_metric(name) else found[0]
    return name if rows[0].isdigit() and found.string.count(name) == 1 and not _is_named(rows) else found[0]


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


def _on_split(found: re.Match[str]) -> str:
    return f" on {found[1]}" if found[1].lower() in SPLITS else found[0]


def _is_named(text: str) -> bool:
    """Return whether a text has a word that names a split, a metric or an epoch."""
    return any(
        word in SPLITS or word in EPOCH or word.removesuffix("s") in EPOCH or is_metric(word)
        for word in words(text)
    )

"""Console text as lines, as a terminal shows them: without colours, and with each state of a progress bar."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from gengap.diagnose.readers.console.name_places import (
    with_names_before_values,
    without_logger,
    without_remarks,
)

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
    r"^[\[(]?(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?\s+)?"
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
BATCH = re.compile(  # valid 050 1.2 60.1
    r"\b((?:train|val|valid|test)\s+)(?=\d{3,}(?:\s+\d+\.\d[\de.+-]*){2,}\s*$)"
)
GLUED = re.compile(r"Epoch(?<=\dEpoch)(?=[ \d])")


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
        line = without_remarks(line)
    line = BATCH.sub(r"\1batch ", line)
    if line.endswith("\\\\") and "&" in line:  # a row of a table in LaTeX
        line = line.removesuffix("\\\\").replace("&", "|")
    if "#011" in line:  # a tab, as syslog writes it
        line = line.replace("#011", "\t")
    return line


def is_renamed(line: str) -> bool:
    """Return whether `clean` puts numbers of a line into names."""
    return "@[" in line and COCO.search(line) is not None


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

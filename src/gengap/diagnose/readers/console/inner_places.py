"""Places in the midst of a phrase: an epoch or a step between a name and its value, or behind the value.

loss at epoch 3 is 0.5         loss after 3 epochs: 0.5         loss of 0.5 at epoch 3 on the test set
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from gengap.diagnose.metric_names import SPLITS
from gengap.diagnose.readers.console.phrases import counter, cut, is_metric, names_metric, words

_KIND = r"(epoch|step|iteration|iter|update)s?"
_REMARK = r"(?:\s\((?:for|per) [a-z ]+\))?"  # loss (for one batch) at step 3
NAMED = re.compile(
    rf"{_REMARK}(?:^|\s)[,(]?\s*(?:(?:at|after|in|for|over|per|of|during)\s|@)\s*(?:(?:the|each)\s+)?(?:end\s+of\s+)?"
    rf"(?:global[ _])?{_KIND}\s*(?:number|no\.?|[#\[(])?\s*$",
    re.I,
)
COUNTED = re.compile(r"(?:^|\s)(?:at|after|for|(over))\s+$", re.I)  # loss over 100 steps: not at one
COLON = re.compile(r"\s*(?:(?:batches|samples|images|examples|rows|sequences)\s*)?:\s*")  # loss of 9 batches: 0.5
UNIT = re.compile(rf"\s*{_KIND}\b(?:\s+of\s+training\b)?", re.I)
MOST = 40  # parts of a line; each place in it is read anew
ENDS = {"value", "set", "data", "dataset"}  # of a name
TOTAL = re.compile(r"\s*(?:of|/)\s*")  # loss at step 50 of 300
OF_TRAINING = re.compile(r"\s+of\s+training\b", re.I)


class InnerPlace(NamedTuple):
    """What a number counts, and the texts of its line without it."""

    kind: str
    number: int
    texts: tuple[str, ...]
    width: int = 1  # numbers that are left out: two in `epoch 3 of 10`


def inner_place(texts: Sequence[str]) -> InnerPlace | None:
    """Return the first place in the midst of a phrase, or None; in long lines there are none."""
    for i in range(len(texts) - 1 if len(texts) <= MOST else 0):
        width = 2 if i < len(texts) - 2 and TOTAL.fullmatch(texts[i + 1]) else 1
        before, behind = texts[i], texts[i + width]
        if named := NAMED.search(before):
            start, kind = named.start(), named[1]
            rest = behind.lstrip("])") if before.endswith(("[", "(")) else behind
            rest = rest[found.end() :] if (found := OF_TRAINING.match(rest)) else rest
        elif (counted := COUNTED.search(before)) and (unit := UNIT.match(behind)):
            start, kind, rest = counted.start(), "count" if counted[1] else unit[1], behind[unit.end() :]
        elif COLON.fullmatch(behind) and i < len(texts) - 2 and names_metric(cut(before).name):
            return InnerPlace("count", i, (*texts[:i], f"{before}: ", *texts[i + 2 :]))
        else:
            continue
        last = i + width == len(texts) - 1
        if (i > 0 and not before[:start].strip()) or (not last and _hangs(before[:start]) and not _names(rest)):
            joined = (*texts[:i], f"{before[:start]} {rest}", *texts[i + width + 1 :])
            return InnerPlace(counter(kind) or kind, i, joined, width)
    return None


def _hangs(text: str) -> bool:
    """Return whether a text ends in the name of a value that is still to come."""
    named = words(cut(text).name)
    return bool(named) and (named[-1] in ENDS or named[-1] in SPLITS or is_metric(named[-1]))


def _names(text: str) -> bool:
    """Return whether a text names another metric."""
    return any(map(is_metric, words(text)))

"""Places in the midst of a phrase: an epoch or a step between a name and its value, or behind the value.

loss at epoch 3 is 0.5         loss after 3 epochs: 0.5         loss of 0.5 at epoch 3 on the test set
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from gengap.diagnose.metric_names import SPLITS
from gengap.diagnose.readers.console.phrases import counter, is_metric, words

_KIND = r"(epoch|step|iteration|iter|update)s?"
_REMARK = r"(?:\s\((?:for|per) [a-z ]+\))?"  # loss (for one batch) at step 3
NAMED = re.compile(
    rf"{_REMARK}(?:^|\s)[,(]?\s*(?:(?:at|after|in|for|over|per|of|during)\s|@)\s*(?:the\s+)?(?:end\s+of\s+)?"
    rf"(?:global[ _])?{_KIND}\s*(?:number|no\.?|#)?\s*$",
    re.I,
)
COUNTED = re.compile(r"(?:^|\s)(?:at|after|for)\s+$", re.I)
UNIT = re.compile(rf"\s*{_KIND}\b(?:\s+of\s+training\b)?", re.I)
ENDS = {"value", "set", "data", "dataset"}  # of a name
OF_TRAINING = re.compile(r"\s+of\s+training\b", re.I)


class InnerPlace(NamedTuple):
    """What a number counts, and the texts of its line without it."""

    kind: str
    number: int
    texts: tuple[str, ...]


def inner_place(texts: Sequence[str]) -> InnerPlace | None:
    """Return the first place in the midst of a phrase, or None."""
    for i in range(len(texts) - 1):
        before, behind = texts[i], texts[i + 1]
        if named := NAMED.search(before):
            start, kind = named.start(), named[1]
            rest = OF_TRAINING.sub("", behind, count=1) if OF_TRAINING.match(behind) else behind
        elif (counted := COUNTED.search(before)) and (unit := UNIT.match(behind)):
            start, kind, rest = counted.start(), unit[1], behind[unit.end() :]
        else:
            continue
        last = i == len(texts) - 2
        if (i > 0 and not before[:start].strip()) or (not last and _hangs(before[:start]) and not _names(rest)):
            joined = (*texts[:i], f"{before[:start]} {rest}", *texts[i + 2 :])
            return InnerPlace(counter(kind) or "step", i, joined)
    return None


def _hangs(text: str) -> bool:
    """Return whether a text ends in the name of a value that is still to come."""
    named = words(text)
    return bool(named) and (named[-1] in ENDS or named[-1] in SPLITS or is_metric(named[-1]))


def _names(text: str) -> bool:
    """Return whether a text names another metric."""
    return any(map(is_metric, words(text)))

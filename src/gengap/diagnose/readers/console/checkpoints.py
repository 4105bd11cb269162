"""Lines of checkpoints: `'val_loss' reached 0.53 (best 0.53), saving model`, `val_loss improved from inf to 0.53`.

They are about epochs that improved. So their values are a curve only if no line is about an epoch that did not, if
they are as many as the epochs that the log names, and if nothing else in the log is a validation curve.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from gengap.diagnose.readers.console.line_values import MetricValue
from gengap.diagnose.readers.console.phrases import is_metric, metric_name, splits_in_order
from gengap.diagnose.readers.console.plain_names import canonical_name, in_plain_english, without_splits

FORM = "checkpoint: "  # before the form of such values
_N = "\0"  # a number
SAVED = re.compile(
    r"['\"]?(?P<name>[A-Za-z][\w/. -]{0,60}?)['\"]?\s+(?:has\s+)?"
    rf"(?:reached\s+{_N}|(?:improved|decreased|increased|reduced)\W{{0,3}}(?:from\s+)?{_N}\s*(?:to|-*>)\s*{_N})",
    re.IGNORECASE,
)
MISSED = re.compile(
    rf"not in top|(?:did|does|has)(?: not|n't) improve|no improvement|counter:?\s*{_N}", re.IGNORECASE
)


def saved_value(texts: Sequence[str]) -> MetricValue | None:
    """Return the value of an epoch that improved, from the line of its checkpoint, or None."""
    line = _N.join(texts)
    found = SAVED.search(line)
    name = metric_name(found["name"]) if found else None
    if found is None or name is None:
        return None
    plain = in_plain_english(name)
    split = next(iter(splits_in_order(plain)), None)
    bare = without_splits(plain)
    if split is None or not is_metric(bare):
        return None
    number = line[: found.end()].count(_N) - 1
    return MetricValue(number, name, canonical_name(split, bare), True, f"{FORM}{name}")


def tells_of_no_gain(texts: Sequence[str]) -> bool:
    """Return whether a line says that an epoch did not improve."""
    return MISSED.search(_N.join(texts)) is not None

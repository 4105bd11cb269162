"""Numbers that stand alone behind an epoch, below a heading that names their metric: `### Validation Loss`.

A heading ends at a line of words without a value, at a line with a named value, and where the epoch falls back.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from gengap.diagnose.readers.console.number_forms import counted, value
from gengap.diagnose.readers.console.template import Template

BELOW = "below "  # before the form of such values
FENCES = ("```", "~~~")  # around code in Markdown; a word may follow


class MetricHeading:
    """The present heading.

    Attributes:
        metric: The split and metric that it names, as `metric_names` reads it; "" for none.
    """

    def __init__(self) -> None:
        self.metric = ""
        self._last = -math.inf  # the last epoch or step below it

    def read(self, template: Template, texts: Sequence[str], numbers: Sequence[str]) -> float | None:
        """Return the value of a line below the heading; None for other lines, which may end it or be one."""
        if template.context is not None:
            self.metric, self._last = template.metric, -math.inf
        elif self.metric and _ends(template, texts):
            self.metric = ""
        if not self.metric or template.bare < 0:
            return None
        place = counted(numbers[template.bare - 1])
        if place is None or place < self._last:
            self.metric = ""
            return None
        self._last = place
        return value(numbers[template.bare])


def _ends(template: Template, texts: Sequence[str]) -> bool:
    """Return whether a line has a named value, or words and no value."""
    if template.values or template.bare >= 0:
        return bool(template.values)
    return any(map(str.isalpha, "".join(texts))) and not texts[0].lstrip().startswith(FENCES)

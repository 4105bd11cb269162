"""What tells lines of values apart that name no epoch: a word or a setting of its own in each of them.

w/o dropout: Train Loss 0.3, Val Loss 0.4            seed 3: test loss = 0.5
w/o attention: Train Loss 0.4, Val Loss 0.5          10% of data: val acc 0.6
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from gengap.diagnose.readers.console.arguments import MARK
from gengap.diagnose.readers.console.phrases import SETTINGS, Phrase, words

LABELS = SETTINGS | {"seed", "subject", "participant", "client", "repeat", "repetition", "bs"}
EVALUATED = {"class", "threshold", "temperature", "sparsity", "sigma", "noise", "ratio", "horizon", "beam"}
EVALUATED |= {"quantile"}  # these also change during training
OF_DATA = re.compile(r"\s+of\s+(?:the\s+)?(?:train\w*\s+)?(?:data|rows|samples|examples|labels)\b", re.IGNORECASE)
LABELLED = re.compile(r"(?:lr|learning[ _]rate|batch[ _]size|seed|subject|patient|alpha|c|k|lambda|depth)$", re.I)
MOST = 5_000  # lines and labels that are remembered
SHARE = 0.8  # of the rows
LEAST = 3


class Label(NamedTuple):
    """Which number of a line names a setting or an item, and whether training may change it from line to line."""

    number: int
    changes: bool


def label_of(texts: Sequence[str], phrases: Sequence[Phrase], first_value: int) -> Label | None:
    """Return the label before the first value of a line."""
    for i, phrase in enumerate(phrases[:first_value]):
        last = words(phrase.name)[-1:]
        if LABELS.intersection(last) or OF_DATA.match(texts[i + 1]):
            return Label(i, False)
        if EVALUATED.intersection(last):
            return Label(i, True)
    return None


class RowLabels:
    """Collects the words and labels of lines with values."""

    def __init__(self) -> None:
        self._labels: list[str] = []
        self._evaluated: list[str] = []
        self._once: set[tuple[str, ...]] = set()
        self._again: set[tuple[str, ...]] = set()

    def add_label(self, label: Label | None, numbers: Sequence[str]) -> None:
        """Take the label of a line with these numbers."""
        if label is not None:
            labels = self._evaluated if label.changes else self._labels
            if len(labels) < MOST:
                labels.append(numbers[label.number])

    def add_cell(self, name: str, cell: str) -> None:
        """Take the first cell of a table's row, if its column is one of settings or items."""
        if LABELLED.match(name):
            self.add_label(Label(0, False), [cell])

    def add_line(self, texts: tuple[str, ...]) -> None:
        """Take the words of a line with values, unless a number is among them: that of an argument may change."""
        if any(MARK in text for text in texts):
            return
        if texts in self._once:
            self._once.discard(texts)
            self._again.add(texts)
        elif texts not in self._again and len(self._once) < MOST:
            self._once.add(texts)

    def tell_apart(self, rows: int, trained: bool) -> bool:
        """Return whether most of the rows have a word or label that no other row has.

        If the rows also hold values of training, labels that it may change do not count.
        """
        least = max(LEAST, SHARE * rows)
        labels = self._labels if trained else self._labels + self._evaluated
        return len(self._once) >= least or len(set(labels)) >= max(least, SHARE * len(labels))

"""Whether curves in console text are of one training, or results of models, settings, tasks and folds.

Training names an epoch or step, or logs a curve again and again. Results have something else that tells them apart:
a setting or a word that changes from line to line, or a name of its own above each.

w/o dropout: Train Loss 0.3, Val Loss 0.4            seed 3: test loss = 0.5
w/o attention: Train Loss 0.4, Val Loss 0.5          10% of data: val acc 0.6
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from gengap.diagnose.metric_names import CurveKey, direction, parse
from gengap.diagnose.readers.console.column_store import Column, ColumnStore
from gengap.diagnose.readers.console.phrases import SETTINGS, Phrase, split_of, words

LEAST = 4  # values of a curve without an epoch or step; fewer are results of models or tasks
DIGITS = re.compile(r"\d+")
NAMED = 0.8  # of the gaps between values, from which on lines of their own words name the values
LABELS = SETTINGS | {"seed", "subject", "layer", "model", "participant", "client", "repeat", "repetition", "bs"}
EVALUATED = {"class", "threshold", "temperature", "sparsity", "sigma", "noise", "ratio", "horizon", "beam"}
EVALUATED |= {"quantile"}  # these also change during training
OF_DATA = re.compile(r"\s+of\s+(?:the\s+)?(?:train\w*\s+)?(?:data|rows|samples|examples|labels)\b", re.IGNORECASE)
LABELLED = re.compile(r"(?:lr|learning[ _]rate|batch[ _]size|seed|subject|patient|alpha|c|k|lambda|depth)$", re.I)
MOST = 5_000  # lines and labels that are remembered
LEAST_LABELS = 3


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


class ValueLine(NamedTuple):
    """A line with values: the number of rows so far, and the names of values above it in its row, and in itself."""

    rows: int
    above: set[str]
    names: set[str]


class TrainingSigns:
    """Collects what tells a training from results: words, labels and headings of lines.

    Attributes:
        rows: The rows of the text.
        prose: Whether values stand in sentences, or beside lines of a program.
        final: Whether a heading says that final values follow.
        once: Lines of words without values that came once, with the number of rows above each.
        headings: The last line that begins with # above each row, by the number of rows above it.
    """

    def __init__(self, rows: ColumnStore) -> None:
        self.rows = rows
        self.prose = self.final = False
        self.once: dict[tuple[str, ...], int] = {}
        self.headings: dict[int, str] = {}
        self._labels: list[str] = []
        self._evaluated: list[str] = []
        self._once: dict[tuple[str, ...], ValueLine] = {}
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

    def add_line(self, texts: tuple[str, ...], columns: Sequence[Column]) -> None:
        """Take the words of a line with values of these columns."""
        if self._once.pop(texts, None) is not None:
            self._again.add(texts)
        elif texts not in self._again and len(self._once) < MOST:
            self._once[texts] = ValueLine(len(self.rows.run), _names(self.rows.present), _names(columns))

    def tell_apart(self, curves: Sequence[Column], trained: bool) -> bool:
        """Return whether most values of the curves have a word or label that no other one has, or one above them.

        If the curves also hold values of training, labels that it may change do not count.
        """
        least = max(LEAST_LABELS, NAMED * max(len(column.rows) for column in curves))
        names = _names(curves)
        others = [
            line.rows - names.isdisjoint(line.above) for line in self._once.values() if names.isdisjoint(line.names)
        ]
        once = len(self._once) - len(others)
        labels = self._labels if trained else self._labels + self._evaluated
        labelled = len(set(labels)) >= max(least, NAMED * len(labels))
        return labelled or once >= least or _stand_between(others, curves)


def is_training(found: TrainingSigns, columns: Mapping[str, Column], keys: Mapping[str, CurveKey]) -> bool:
    """Return whether the columns that `keys` names are curves of a training."""
    curves = [columns[name] for name in keys]
    if not curves:
        return False
    if _share_places(found, curves) and (_have_names(found, curves) or _are_runs_of_one_epoch(found, curves)):
        return False
    alone = all(len(column.rows) < 2 for column in curves)
    if max(_places(found.rows.epoch), _places(found.rows.step)) > (not alone):
        unknown = not any(map(_is_known, curves))
        few = all(len(column.rows) < LEAST for column in curves)
        return not ((alone and (found.prose or found.final)) or (few and unknown)) or _are_logged_again(
            found, curves
        )
    settings = _are_ordered_by_settings(curves, columns.values())
    trained = any(split == "train" for split, _ in keys.values())
    labelled = found.tell_apart(curves, trained)
    results = settings or labelled or _are_of_a_grid(curves, columns.values())
    return _are_logged_again(found, curves) and not results


def _names(columns: Iterable[Column]) -> set[str]:
    return {column.canonical.lower() for column in columns}


def _places(cells: Sequence[float]) -> int:
    """Return at how many epochs or steps there are rows."""
    at = np.asarray(cells, np.float64)
    return len(np.unique(at[np.isfinite(at)]))


def _share_places(found: TrainingSigns, curves: Sequence[Column]) -> bool:
    """Return whether a curve has several values at one epoch and step."""
    places = np.stack([np.asarray(cells, np.float64) for cells in (found.rows.epoch, found.rows.step)])
    places = np.nan_to_num(places, nan=-1.0)
    rows = (np.asarray(column.rows, np.int64) for column in curves)
    return any(len(np.unique(places[:, at], axis=1).T) < NAMED * len(at) for at in rows if len(at) > 1)


def _are_runs_of_one_epoch(found: TrainingSigns, curves: Sequence[Column]) -> bool:
    """Return whether the values of one epoch stand below headings that differ in words or in a setting.

    Without such headings they are of one training within an epoch, and so are those whose headings only count.
    """
    headings = [line.lower() for line in found.headings.values()]
    forms = {DIGITS.sub("", line) for line in headings}
    named = len(forms) > 1 or any(not SETTINGS.isdisjoint(words(form)) for form in forms)
    alone = _places(found.rows.step) == 0 and _places(found.rows.epoch) == 1
    return named and alone and len(set(headings)) == len(headings) and _stand_between(found.headings, curves)


def _are_of_a_grid(curves: Sequence[Column], columns: Iterable[Column]) -> bool:
    """Return whether a curve has each combination of several settings equally often: `rbfs=10, sigma=0.1`."""
    rows = max((column.rows for column in curves), key=len)
    settings = []
    for column in columns:
        logged = dict(zip(column.rows, column.values, strict=True))
        if column in curves or parse(column.canonical) is None or not logged.keys() >= set(rows):
            continue
        values = [logged[row] for row in rows]
        if 2 <= len(set(values)) <= len(values) / 2:
            settings.append(values)
    combinations = Counter(zip(*settings, strict=True))
    complete = len(combinations) == math.prod(len(set(values)) for values in settings)
    return len(settings) > 1 and complete and len(set(combinations.values())) == 1


def _are_logged_again(found: TrainingSigns, curves: Sequence[Column]) -> bool:
    run = np.asarray(found.rows.run, np.int64)
    return any(np.bincount(run[np.asarray(column.rows, np.int64)]).max() >= LEAST for column in curves)


def _have_names(found: TrainingSigns, curves: Sequence[Column]) -> bool:
    """Return whether lines of words that come once stand between the values: names of models or runs."""
    return _stand_between(found.once.values(), curves)


def _stand_between(rows_above: Iterable[int], curves: Sequence[Column]) -> bool:
    """Return whether lines stand between nearly all values; each is given by the number of rows above it."""
    rows = np.unique(np.concatenate([np.asarray(column.rows, np.int64) for column in curves]))
    lines = np.array(sorted(set(rows_above)), np.int64)
    gaps = np.unique(np.searchsorted(rows, lines, side="left"))
    return int(((gaps > 0) & (gaps < len(rows))).sum()) >= NAMED * (len(rows) - 1) > 0


def _are_ordered_by_settings(curves: Sequence[Column], columns: Iterable[Column]) -> bool:
    """Return whether each value has a setting that changes: `C: 0.1 test loss: 0.5`.

    Beside results of a test alone, any number that only rises or only falls is a setting.
    """
    known = [column for column in curves if _is_known(column)]
    rows = {tuple(column.rows) for column in known or curves}
    tested = all(split_of(column.form) == "test" for column in curves)
    for column in columns:
        if tuple(column.rows) not in rows or column in known or parse(column.canonical) is None:
            continue
        values = np.asarray(column.values, np.float64)
        before, after = values[:-1], values[1:]  # either may be infinite
        ordered = bool((after > before).all() or (after < before).all())
        apart = bool((after != before).all()) and 2 * len(set(column.values)) > len(column.values)
        named = not SETTINGS.isdisjoint(words(column.form)) and apart
        if len(after) and (named or (tested and ordered)):
            return True
    return False


def _is_known(column: Column) -> bool:
    return direction((parse(column.canonical) or ("", ""))[1]) is not None

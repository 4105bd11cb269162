"""Text tables in console text: Markdown, boxes, columns of blanks or tabs, with headers of one or two lines.

A header is a line of names of which at least one is a metric. Lines below it with as many cells, mostly numbers,
are its rows. Rules of dashes and lines of other text may stand between them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gengap.diagnose.readers.console import number_forms as n
from gengap.diagnose.readers.console.column_store import Column, ColumnStore
from gengap.diagnose.readers.console.number_forms import NUMBER
from gengap.diagnose.readers.console.phrases import (
    canonical_name,
    counter,
    in_plain_english,
    is_metric,
    metric_name,
    split_of,
    splits_in_order,
)
from gengap.diagnose.readers.console.table_cuts import WORD_OR_CELL, Groups, Spans, near_columns
from gengap.diagnose.readers.console.training_signs import TrainingSigns

RULE = re.compile(r"[\s|+:=─━═╌┄_-]+")
WORD = re.compile(r"[A-Za-z][\w@/.-]*")
MARK = re.compile(r"\s*\[(?:\s*\d+%\s*|-+)\]\s+")  # [   10%      ], before a row
QUOTED = re.compile(r"(?:>\s?)+|\*\*")  # > | 1 | **0.5** |
NONE = {"", "-", "_", "nan", "none", "na", "n/a", "null", "no log", "--", "#na#"}
LABEL = re.compile(r"[^\W\d_]{2}")
CODE = re.compile(r"[^\W\d_]\d+")  # of a person or a model
OVERALL = NONE | {"all", "mean", "total", "average", "overall"}
LONGEST_NAME = 60
LETTERS = {"p": "precision", "r": "recall", "f": "f1"}  # columns of a parser, all three on held-out rows
HELD_OUT_MARK = " h"  # behind a row of held-out rows: Vowpal Wabbit
VOWPAL_WABBIT = ["average loss", "since last", "example counter"]  # its first columns
TIME_UNIT = re.compile(r"(?:h|hrs?|hours?|m|mins?|minutes?|s|secs?|seconds?)", re.IGNORECASE)
LEAST_WORDS = 4  # of a header of two lines without pipes
STALE = 6  # lines without a row, after which a header that had none is forgotten
COUNTERS = {"e": "epoch", "#": "step", "no.": "count", "no": "count", "index": "count", "id": "count"}
YOLOV5_ROW = re.compile(r"\s*\d+/\d+\s+[\d.]+G\s")
YOLOV5 = (  # results.txt of YOLOv5 before 4.0, which has no header
    *("epoch", "gpu_mem", "train/box_loss", "train/obj_loss", "train/cls_loss", "train/loss", "labels", "img_size"),
    *("metrics/precision", "metrics/recall", "metrics/mAP_0.5", "metrics/mAP_0.5:0.95"),
    *("val/box_loss", "val/obj_loss", "val/cls_loss"),
)
EMPTY = NONE - {"nan"}
AXES = ("epoch", "step", "count")


@dataclass
class Header:
    """The names of a table's columns, and how its lines are cut into cells.

    Attributes:
        names: The names.
        cut: Cuts a line into cells.
        rows: How many rows were found below it.
        age: How many other lines came since the last one.
        words_at: Where each name stands in the header's line, if each is a word.
    """

    names: list[str]
    cut: Callable[[str], list[str]]
    rows: int = 0
    age: int = 0
    words_at: list[tuple[int, int]] | None = None

    def __post_init__(self) -> None:
        self.names = _spelled(self.names)


def _spelled(names: list[str]) -> list[str]:
    """Return the names with those in P, R and F, next to a loss, as scores on held-out rows."""
    ends = [name.split()[-1].lower() if " " in name else "" for name in names]
    if not (set(ends) >= LETTERS.keys() and any("loss" in name.lower() for name in names)):
        return names
    return [
        f"val {name[:-1]}{LETTERS[end]}" if end in LETTERS else name for name, end in zip(names, ends, strict=True)
    ]


def _by_pipes(line: str) -> list[str]:
    cells = [cell.strip(" *`") for cell in line.strip().strip("|").split("|")]
    return [cells[0].rpartition(" - ")[2], *cells[1:]]  # without the prefix of a logger


def _by_tabs(line: str) -> list[str]:
    return [cell.strip() for cell in line.rstrip("\r\n").split("\t")]


def _by_gaps(line: str) -> list[str]:
    return re.split(r"\s{2,}|\s*\t\s*", line.strip())


def _by_blanks(line: str) -> list[str]:
    return line.split()


def _by_commas(line: str) -> list[str]:
    return [cell.strip() for cell in line.split(",")]


class TableReader:
    """Finds tables in lines and cuts their rows into cells."""

    def __init__(self) -> None:
        self.headers: list[Header] = []
        self._last_candidates: list[Header] = []

    def header(self, line: str) -> bool:
        """Take a line that is no row as a header, its second line or the rule below it; return whether it is."""
        line = _bare(line)
        if RULE.fullmatch(line) and line.strip():
            groups = [found.span() for found in re.finditer(r"[-=_]{2,}", line)]
            ruled = [h for h in self._last_candidates if h.cut is _by_blanks and len(h.names) == len(groups)]
            if ruled:
                self.headers = [Header(ruled[0].names, Spans(groups))]
            return True
        possible = _candidates(line)
        found = [
            h
            for h in possible
            if any(len(name) <= LONGEST_NAME and is_metric(name) for name in h.names) or _counts_epochs(h)
        ]
        upper = [h for h in possible if h in found or h.cut is _by_pipes]
        below = [h for h in possible if h.words_at and len(h.names) >= LEAST_WORDS]
        previous, self._last_candidates = self._last_candidates, [*upper, *(h for h in below if h not in upper)]
        if merged := _merged(previous, found or [h for h in possible if h.cut is _by_pipes]):
            self.headers = merged
        elif found:
            self.headers = found
        if not merged and (near := near_columns(line)) is not None:
            self.headers = [*found, Header(near.names, near)]
            return True
        return bool(upper)

    def row(self, line: str) -> tuple[list[str], list[str]] | None:
        """Return the names and cells of a line that is a row of the present table, or None."""
        self._last_candidates = []
        held_out = line.rstrip().endswith(HELD_OUT_MARK)
        for header in self.headers:
            marked = held_out and header.names[:3] == VOWPAL_WABBIT
            if (cells := _row(header, line.rstrip().removesuffix(HELD_OUT_MARK) if marked else line)) is not None:
                header.rows += 1
                header.age = 0
                self.headers = [header]
                names = [f"val {name}" if is_metric(name) else name for name in header.names]
                return names if marked else header.names, cells
        for header in self.headers:
            header.age += 1
        self.headers = [h for h in self.headers if h.rows or h.age < STALE]
        cells = line.split()
        return (list(YOLOV5), cells) if len(cells) == len(YOLOV5) and YOLOV5_ROW.match(line) else None


def _candidates(line: str) -> list[Header]:
    """Return the headers that a line may be, cut in each way that gives at least two names."""
    plain = line.strip().removeprefix("#").strip() if not line.lstrip().startswith("#\t") else line
    found: list[Header] = []
    if plain.count("|") >= 1:
        divided = Header(_by_pipes(plain), _by_pipes)
        groups = [Groups(plain)] if any(" " in name for name in divided.names) else []
        found += [*(Header(cut(plain), cut) for cut in groups), divided]
    found += [Header(cut(plain), cut) for sign, cut in (("\t", _by_tabs), (",", _by_commas)) if sign in plain]
    if "|" not in plain:
        at = [found.span() for found in WORD_OR_CELL.finditer(plain)]
        found += [Header(_by_gaps(plain), _by_blanks), Header(_by_blanks(plain), _by_blanks, words_at=at)]
        found += [Header(_by_gaps(plain), _by_gaps)]
    return [h for h in found if 2 <= len(h.names) <= 200 and not any(map(_is_no_name, h.names))]


def _is_no_name(name: str) -> bool:
    """Return whether a cell is a phrase or a number."""
    return name.endswith((":", ".", "?", "!")) or ": " in name or bool(NUMBER.fullmatch(name))


def _merged(upper: list[Header], lower: list[Header]) -> list[Header]:
    """Return a header of two lines of as many cells, joined cell by cell: those of boxes, or words below words."""
    return [
        Header([f"{a} {b}".strip() for a, b in zip(one.names, two.names, strict=True)], one.cut)
        for one in upper
        for two in lower
        if one.cut is two.cut and len(one.names) == len(two.names) and one.names != two.names
        if one.cut is _by_pipes or (one.words_at and two.words_at and _stand_below(one.words_at, two.words_at))
    ]


def _stand_below(upper: list[tuple[int, int]], lower: list[tuple[int, int]]) -> bool:
    """Return whether each word of a line stands below one of the line above."""
    return all(a[0] < b[1] and b[0] < a[1] for a, b in zip(upper, lower, strict=True))


def _counts_epochs(header: Header) -> bool:
    """Return whether columns apart from each other begin with the epoch; the metrics' names may be unknown."""
    apart = header.cut is _by_gaps and len(header.names) > 2 and all(map(WORD.fullmatch, header.names))
    return apart and role(header.names[0]) == "epoch"


def _row(header: Header, line: str) -> list[str] | None:
    cells = header.cut(_bare(line))
    if "[" in line:
        cells = [_sum(cell) for cell in cells]
    if len(cells) == len(header.names) + 1 and header.cut is _by_blanks and TIME_UNIT.fullmatch(cells[-1]):
        cells = cells[:-1]  # 0.5 h
    if len(cells) == len(header.names) + 1 and header.cut in (_by_blanks, _by_gaps) and cells[0].isdecimal():
        cells = cells[1:]  # the index that pandas and R print
    while len(cells) > len(header.names) and header.cut is not _by_blanks and not n.NUMBER.fullmatch(cells[-1]):
        cells = cells[:-1]  # a remark
    if len(cells) != len(header.names):
        return None
    filled = [cell for cell in cells if cell.lower() not in NONE]
    numbers = sum(NUMBER.fullmatch(cell) is not None for cell in filled)
    return cells if numbers and numbers >= len(filled) / 2 else None


def _sum(cell: str) -> str:
    """Return the sum of a list of the parts of a loss; other cells as they are."""
    inner = cell[1:-1] if cell.startswith("[") and cell.endswith("]") else ""
    try:
        return repr(sum(map(float, inner.split(",")))) if inner.strip() else cell if cell != "[]" else ""
    except ValueError:
        return cell


def _bare(line: str) -> str:
    """Return a row without the progress bar behind it, as YOLO prints it, and without marks and emphasis."""
    if line.startswith(">") or "**" in line:
        line = QUOTED.sub("", line)
    if "[" in line and (mark := MARK.match(line)):
        line = line[mark.end() :]
    if "/s" not in line:
        return line
    end = line.find("%|")
    return line if end < 0 else line[:end].rstrip("0123456789").rstrip().removesuffix(":")


def role(name: str) -> str | None:
    """Return what a column counts: "epoch", "step" or "count"; None for other columns."""
    return COUNTERS.get(name.lower()) or counter(name)


def is_label(cell: str) -> bool:
    """Return whether a cell names something that is no split, such as a class."""
    return LABEL.match(cell) is not None and cell.lower() not in OVERALL and split_of(cell) is None


class TableValues:
    """Finds tables in lines, and adds their values to the rows.

    Attributes:
        tabular: Number of values.
        has_value: Whether a column has a value, by its name.
    """

    def __init__(self, rows: ColumnStore, signs: TrainingSigns) -> None:
        self._tables = TableReader()
        self.tabular = 0
        self.has_value: dict[str, bool] = {}
        self._rows, self._signs = rows, signs
        self._split: str | None = None  # of a heading above the present table
        self._fewest: int | None = None  # decimals of a row's last number
        self._numbers: dict[tuple[str, ...], int] = {}

    @property
    def headers(self) -> list[Header]:
        """The headers that a row may stand below."""
        return self._tables.headers

    def take_header(self, line: str, heading: str | None) -> bool:
        """Take a line that is no row as a header, below a heading of a split; return whether it is one."""
        before = self.headers
        found = self._tables.header(line)
        if found and self.headers is not before:
            self._split = heading
        return found

    def take_row(self, line: str, open_end: bool) -> bool:
        """Take the values of a line that is a row of the present table; return whether it is one."""
        row = self._tables.row(line)
        if row is None:
            return False
        names, cells = row
        last = n.decimals(cells[-1])
        if open_end and last < (self._fewest or 0):
            return True  # it is cut off
        if cells[-1]:
            self._fewest = last if self._fewest is None else min(last, self._fewest)
        counted = any(map(role, names))
        if not counted and (CODE.fullmatch(cells[0]) or any(map(is_label, cells))):
            return True  # a row for each class
        self._rows.overwritten, self._rows.new = False, True
        if not counted:
            self._signs.add_cell(names[0], cells[0])
        self._place(names, cells)
        self._take(names, cells)
        return True

    def _place(self, names: Sequence[str], cells: Sequence[str]) -> None:
        """Move to the epoch and step that a row names."""
        places: set[str] = set()
        for name, cell in zip(names, cells, strict=True):
            kind = role(name)
            if kind in AXES and kind not in places and (number := n.counted(cell)) is not None:
                places.add(kind)
                self._rows.at[AXES.index(kind)] = number

    def _take(self, names: Sequence[str], cells: Sequence[str]) -> None:
        """Add the values of a row whose cells may name its split."""
        spacy = [name.lower() for name in names[:2]] == ["e", "#"]  # all but the losses are of held-out rows
        split = next((split_of(cell) for cell in cells if not n.NUMBER.fullmatch(cell) and split_of(cell)), None)
        split = split or (None if self._split == "train" else self._split)
        for name, cell in zip(names, cells, strict=True):
            if role(name) is not None:
                continue
            blank = cell.lower() in EMPTY
            self.has_value[name] = self.has_value.get(name, False) or not blank
            if not blank and (number := n.value(cell)) is not None:
                held_out = spacy and not name.lower().startswith("loss")
                self._rows.add(self._column(name, "validation" if held_out else split, names), number)
                self.tabular += 1

    def _column(self, name: str, split: str | None, names: Sequence[str]) -> Column:
        plain = in_plain_english(name)
        table = self._numbers.setdefault(tuple(names), len(self._numbers))
        form = f"table {table}: {name}"  # tables of other columns may repeat a value
        if splits_in_order(plain) or metric_name(name) is None or not split:
            return self._rows.column(name, canonical_name(None, plain), form)
        return self._rows.column(f"{split} {name}", canonical_name(split, plain), form)

"""Values in the rows of text tables: which column they belong to, and at which epoch and step."""

from __future__ import annotations

from collections.abc import Sequence

from gengap.diagnose.readers.console import number_forms as n
from gengap.diagnose.readers.console.column_store import Column, ColumnStore
from gengap.diagnose.readers.console.phrases import metric_name, split_of, splits_in_order
from gengap.diagnose.readers.console.plain_names import canonical_name, in_plain_english
from gengap.diagnose.readers.console.row_labels import RowLabels
from gengap.diagnose.readers.console.table_reader import NONE, Header, TableReader, is_label, role

EMPTY = NONE - {"nan"}
AXES = ("epoch", "step", "count")


class TableValues:
    """Finds tables in lines, and adds their values to the rows.

    Attributes:
        tabular: Number of values.
        has_value: Whether a column has a value, by its name.
    """

    def __init__(self, rows: ColumnStore, labels: RowLabels) -> None:
        self._tables = TableReader()
        self.tabular = 0
        self.has_value: dict[str, bool] = {}
        self._rows, self._labels = rows, labels
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
        if len(cells) == len(names) + 1:  # a metric in each row, a split in each column
            for name, cell in zip(names, cells[1:], strict=True):
                if (number := n.value(cell)) is not None:
                    self._rows.add(self._column(cells[0], split_of(name), names), number)
            return True
        counted = any(map(role, names))
        if not counted and any(map(is_label, cells)):
            return True  # a row for each class
        self._rows.overwritten, self._rows.new = False, True
        if not counted:
            self._labels.add_cell(names[0], cells[0])
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

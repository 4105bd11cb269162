"""A log as a table: columns of numbers, text and None (not logged), from any file or object."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gengap.diagnose.metric_names import SPLITS
from gengap.errors import DataError, shown
from gengap.files.delimited import NO_VALUE
from gengap.text.catalog import Message

MAX_POINTS = 10_000_000  # values of one source; a log of 10,000 epochs, 20 metrics and 50 runs
MAX_TEXT = 256 << 20  # bytes of text in the columns of one source, which a packed file may repeat at no cost
MAX_RUNS = 10_000  # of one source: each is judged, and a run for every row is a misread column
ROLES = {  # what a column may be called that is no metric itself, in words joined by "_", in order of preference
    "run": ("run", "run_name", "run_id", "run_hash", "run_uuid", "experiment_name", "experiment_key", "experiment"),
    "seed": ("seed",),
    "epoch": ("epoch", "epochs", "epoch_number", "epoch_num", "epoch_idx"),
    "step": (
        *("step", "steps", "global_step", "trainer_global_step", "iteration", "iterations", "iter", "iters"),
        *("round", "rounds", "boosting_round", "num_updates", "training_iteration", "x"),
    ),
    "split": (
        *("split", "subset", "phase", "mode", "stage", "dataset", "context", "context_subset"),
        *("metric_context", "metric_context_subset", "run_context", "runcontext"),
    ),
    "metric": ("metric", "metric_name", "metricname", "variable", "tag", "key", "name"),
    "value": ("value", "metric_value", "metricvalue", "y"),
}
NOT_LOGGED = {"-", *map(str.lower, NO_VALUE)}  # "nan" is a value: the run diverged


@dataclass(frozen=True, eq=False)
class LogTable:
    """Columns of equal length. A cell is a number, text, or None if nothing was logged.

    Attributes:
        file: What errors call the table.
        columns: Cells by column.
        unit: What errors call a row.
        rows: Number of each row in its source (default: counted from 1).
        run: Name of the run, if no column names it.
        ragged: Whether None may stand for a key that a record does not have.
        notes: What the reader had to decide.
        part: What the tables of one run have in common, if its curves may be in several tables.

    Raises:
        DataError: If it has more than `MAX_POINTS` cells.
    """

    file: str
    columns: Mapping[str, Sequence[object]]
    unit: str = "row"
    rows: Sequence[int] | None = None
    run: str = ""
    ragged: bool = False
    notes: tuple[Message, ...] = ()
    part: str = ""

    def __post_init__(self) -> None:
        check_points(self.file, sum(len(cells) for cells in self.columns.values()))

    def __len__(self) -> int:
        return max((len(cells) for cells in self.columns.values()), default=0)

    def place(self, i: int) -> str:
        """Return what errors call row `i`."""
        return f"{self.unit} {self.number(i)}"

    def number(self, i: int) -> int:
        """Return the number of row `i` in its source."""
        return self.rows[i] if self.rows is not None else i + 1

    def roles(self) -> dict[str, str]:
        """Return the columns that say where a value belongs, by role."""
        names = {joined_words(name): name for name in reversed(list(self.columns))}
        found = {role: [names[n] for n in known if n in names] for role, known in ROLES.items()}
        return {role: columns[0] for role, columns in found.items() if columns}


def joined_words(name: str) -> str:
    """Return a name's words in lower case, joined by "_": trainer/global_step and Global Step are the same role."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def split_word(cell: object) -> str:
    """Return the word for a split in a cell such as "val" or 'subset="val"'; the cell's text if there is none."""
    text = "" if cell is None else str(cell).strip()
    words = [word for word in joined_words(text[:200]).split("_") if word in SPLITS]
    return words[0] if len(words) == 1 else text


def check_points(file: str, points: int) -> None:
    """Raise DataError for more values than are read."""
    if points > MAX_POINTS:
        raise DataError(f"{file}: holds {points:,} values, at most {MAX_POINTS:,} are read. Thin it, or split it.")


def check_text_size(file: str, taken: int) -> None:
    """Raise DataError for more bytes of text than are read."""
    if taken > MAX_TEXT:
        raise DataError(f"{file}: holds {taken:,} bytes of text, at most {MAX_TEXT:,} are read. Leave columns out.")


def number(cell: object) -> float | None:
    """Return a cell's number, or None if nothing was logged. Raises ValueError or TypeError for anything else."""
    if type(cell) is float or cell is None:
        return cell
    if isinstance(cell, str):
        if cell.strip().lower() in NOT_LOGGED:
            return None
        if "_" in cell:  # Python's own 1_000
            raise ValueError("not a number")
        return float(cell)
    if isinstance(cell, (bool, np.bool_)) or np.ndim(cell) != 0:  # pyright: ignore[reportArgumentType]
        raise TypeError("not a number")
    try:
        return float(cell)  # pyright: ignore[reportArgumentType]
    except OverflowError:
        return math.inf


class TextCell(NamedTuple):
    """A cell that holds text where a number is expected."""

    column: str
    unit: str
    number: int
    value: str

    def __str__(self) -> str:
        return f"{self.unit} {self.number}, column {self.column!r}: {self.value} is not a number"


def numbers(table: LogTable, name: str, rows: Sequence[int]) -> tuple[np.ndarray, np.ndarray, TextCell | None]:
    """Return which of `rows` hold a number (n,), the numbers (n,), and the first cell that holds text."""
    cells, at, values, fault = table.columns[name], [], [], None
    for k, i in enumerate(rows):
        try:
            value = number(cells[i])
        except (ValueError, TypeError):
            fault = fault or TextCell(name, table.unit, table.number(i), shown(cells[i]))
            continue
        if value is not None:
            at.append(k)
            values.append(value)
    return np.array(at, np.int64), np.array(values, np.float64), fault

"""What trackers store: for each name, a step and a value for each call of their log function."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from gengap.diagnose.metric_names import assign
from gengap.diagnose.readers.log_table import LogTable, check_points, numbers
from gengap.diagnose.readers.table_layouts import WHOLE, LoggedColumn, build_log, read_log_table, tracked_axis
from gengap.diagnose.run_curves import Log
from gengap.errors import DataError
from gengap.text.catalog import Message

LONGEST = 4_000  # characters, and
LINES = 20  # lines that show whether a text is of points
SINCE_1970 = 1e9  # seconds: larger numbers are times
Points = Mapping[str, Sequence[tuple[float, float]]]  # steps and values by name, in logged order


def log_of_points(file: str, run: str, points: Points, *, reader: str = "", notes: Iterable[Message] = ()) -> Log:
    """Return one run with the curves among `points`.

    A curve whose steps are all the same, or not whole numbers, is counted in logged order, with a note: people
    often forget to give the step, and trackers then store 0.
    """
    points = {name: curve for name, curve in points.items() if len(curve)}
    keys, curves, uncounted = assign(points), [], []
    for name, key in keys.items():
        steps, values = (np.array(column, np.float64) for column in zip(*points[name], strict=True))
        whole = np.all(np.abs(steps) < WHOLE) and np.all(steps == np.floor(steps))
        if len(steps) > 1 and not (whole and np.ptp(steps)):
            uncounted.append(name)
            steps = np.arange(len(steps))
        curves.append(LoggedColumn(name, key, steps if whole or len(steps) > 1 else np.zeros(1), values))
    decided = [*notes]
    if uncounted:
        decided.append(Message("read-no-steps", {"columns": tuple(uncounted)}))
    log = build_log(file, run, 0, curves, [name for name in points if name not in keys], decided)
    return replace(log, reader=reader, axis=tracked_axis(log))


def points_of_table(table: LogTable) -> list[tuple[float, float]]:
    """Return the steps and values in a table of one curve. Its last column holds the values."""
    rows = range(len(table))
    name = list(table.columns)[-1]
    at, values, fault = numbers(table, name, rows)
    if fault:
        raise DataError(f"{table.file}, {fault}. Put a number there, or leave it empty.")
    step = table.roles().get("step", "")
    x = np.arange(len(table), dtype=np.float64)
    if step and step != name:
        logged, steps, _ = numbers(table, step, rows)
        x[logged] = steps
    return list(zip(x[at].tolist(), values.tolist(), strict=True))


def are_points(head: str) -> bool:
    """Return whether a text has no names, only a time, a step and a value in each line, in any order."""
    rows = _rows(head[:LONGEST])[:LINES]
    return _columns(rows[:-1] if len(rows) > 2 and len(rows[-1]) < len(rows[0]) else rows) is not None


def read_points(text: str, file: str) -> list[Log]:
    """Return the curve in lines of a time, a step and a value: Neptune's exports, one metric of MLflow.

    The file's name is the name of the curve. A last line that is cut off is left out.
    """
    rows = _rows(text)
    check_points(file, 3 * len(rows))
    notes = []
    if len(rows[-1]) < len(rows[0]):
        notes.append(Message("read-cut-off", {"line": len(rows)}))
        del rows[-1]
    columns = _columns(rows)
    if columns is None:
        raise DataError(f"{file}: expected a time, a step and a value in each line. Correct it, or add a header.")
    step, value = columns
    return read_log_table(LogTable(file, {"step": step, "value": value}, "line", notes=tuple(notes)))


def _rows(text: str) -> list[list[str]]:
    return [line.replace(",", " ").split() for line in text.splitlines() if line.strip()]


def _columns(rows: Sequence[Sequence[str]]) -> tuple[list[float], list[float]] | None:
    """Return the steps and values among three columns of numbers, of which one holds times, or None."""
    try:
        columns = [[float(cell) for cell in column] for column in zip(*rows, strict=True)]
    except ValueError:
        return None
    times = [k for k, column in enumerate(columns) if min(column) > SINCE_1970]
    if len(columns) != 3 or len(times) != 1:
        return None
    first, second = (column for k, column in enumerate(columns) if k != times[0])
    swapped = _are_steps(second) and (times[0] == 0 or not _are_steps(first))
    return (second, first) if swapped else (first, second)


def _are_steps(column: Sequence[float]) -> bool:
    """Return whether numbers are whole and never fall."""
    return all(a <= b for a, b in pairwise(column)) and all(cell.is_integer() for cell in column)


def with_curves(logs: list[Log]) -> list[Log]:
    """Return the runs that hold a curve of at least two points, with a note on the others; all if none does."""
    curves = [log for log in logs if any(len(series) > 1 for series in log.history.series.values())]
    if not curves or len(curves) == len(logs):
        return logs
    others = [log.history.run for log in logs if log not in curves]
    note = Message("read-no-curves", {"count": len(others), "runs": ", ".join(others[:5])})
    return [replace(curves[0], notes=(note, *curves[0].notes)), *curves[1:]]

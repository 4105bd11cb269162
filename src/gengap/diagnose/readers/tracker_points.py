"""What trackers store: for each name, a step and a value for each call of their log function."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from gengap.diagnose.metric_names import assign
from gengap.diagnose.readers.log_table import LogTable, numbers
from gengap.diagnose.readers.table_layouts import WHOLE, LoggedColumn, build_log
from gengap.diagnose.run_curves import Log
from gengap.errors import DataError
from gengap.text.catalog import Message

Points = Mapping[str, Sequence[tuple[float, float]]]  # steps and values by name, in logged order


def log_of_points(file: str, run: str, points: Points, *, reader: str = "", notes: Iterable[Message] = ()) -> Log:
    """Return one run with the curves among `points`.

    A curve whose steps are all the same, or not whole numbers, is counted in logged order, with a note: people
    often forget to give the step, and trackers then store 0.
    """
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
    return replace(log, reader=reader)


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


def with_curves(logs: list[Log]) -> list[Log]:
    """Return the runs that hold a curve of at least two points, with a note on the others; all if none does."""
    curves = [log for log in logs if any(len(series) > 1 for series in log.history.series.values())]
    if not curves or len(curves) == len(logs):
        return logs
    others = [log.history.run for log in logs if log not in curves]
    note = Message("read-no-curves", {"count": len(others), "runs": ", ".join(others[:5])})
    return [replace(curves[0], notes=(note, *curves[0].notes)), *curves[1:]]

"""What trackers store: for each name, a step and a value for each call of their log function.

MLflow's folder of runs:

    mlruns/EXPERIMENT/RUN/meta.yaml              the run's name, and whether it was deleted
    mlruns/EXPERIMENT/RUN/metrics/NAME           a line for each value: time, value and step; NAME may have folders
    mlruns/EXPERIMENT/RUN/tags/mlflow.parentRunId    the run that this one is nested in

A run may be copied without its experiment, and old versions of MLflow wrote no step. MLflow's database is read by
`sqlite`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from gengap.diagnose.metric_names import assign
from gengap.diagnose.readers.log_table import LogTable, check_points, numbers
from gengap.diagnose.readers.table_layouts import WHOLE, LoggedColumn, build_log, read_log_table, tracked_axis
from gengap.diagnose.run_curves import Log
from gengap.errors import DataError, shown
from gengap.text.catalog import Message

LONGEST = 4_000  # characters, and
LINES = 20  # lines that show whether a text is of points
SINCE_1970 = 1e9  # seconds: larger numbers are times
Points = Mapping[str, Sequence[tuple[float, float]]]  # steps and values by name, in logged order
MAX_BYTES = 64 << 20  # of one metric's file
LARGEST_META = 1 << 16  # bytes of meta.yaml and of a tag


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


@dataclass
class TrackedRun:
    """A run as a tracker stores it.

    Attributes:
        id: Its id.
        name: Its name, if it has one.
        experiment: Name of the experiment.
        parent: Name of the run that it is nested in, if it is.
        deleted: Whether it was deleted, which keeps its files.
        started: When it started, in milliseconds since 1970.
        points: Steps and values by metric, in logged order.
    """

    id: str
    name: str = ""
    experiment: str = ""
    parent: str = ""
    deleted: bool = False
    started: int = 0
    points: dict[str, list[tuple[float, float]]] = field(default_factory=dict)


def find_runs(paths: Sequence[Path]) -> dict[Path, list[Path]]:
    """Return the metrics' files of each run, by the run's folder."""
    runs: dict[Path, list[Path]] = {}
    known = {path.parent for path in paths if path.name == "meta.yaml"}
    for path in paths:
        run = next((parent for parent in path.parents if parent in known), None)
        if run and "metrics" in path.relative_to(run).parts[:1] and run.parent.name != "models":
            runs.setdefault(run, []).append(path)
    return runs


def read_runs(found: Mapping[Path, list[Path]], file: str) -> list[Log]:
    """Return the runs that are not deleted. Raises DataError for a line that is no value."""
    runs, points = [], 0
    for folder, metrics in found.items():
        meta, experiment = _fields(folder / "meta.yaml"), _fields(folder.parent / "meta.yaml")
        run = TrackedRun(folder.name, _name(folder), experiment.get("name", folder.parent.name))
        if parent := _text(folder / "tags" / "mlflow.parentRunId"):
            run.parent = _name(folder.parent / parent) if re.fullmatch(r"\w{1,64}", parent) else ""
        run.started = int(start) if re.fullmatch(r"[0-9]{1,20}", start := meta.get("start_time", "")) else 0
        run.deleted = meta.get("lifecycle_stage") == "deleted" or ".trash" in folder.parts
        for path in metrics:
            values = _values(path, f"{file}/{folder.name}/{path.relative_to(folder).as_posix()}")
            run.points[path.relative_to(folder / "metrics").as_posix()] = values
            points += len(values)
            check_points(file, points)
        runs.append(run)
    return tracked_logs(runs, file)


def tracked_logs(runs: list[TrackedRun], file: str) -> list[Log]:
    """Return the logs of the runs that are not deleted, in the order of their start; all if all are deleted."""
    kept = sorted([run for run in runs if not run.deleted] or runs, key=lambda run: run.started)
    titles = _titles(kept)
    logs = []
    for run, title in zip(kept, titles, strict=True):
        logs.append(log_of_points(file, title, run.points, reader="mlflow"))
    return with_curves(logs)


def _titles(runs: list[TrackedRun]) -> list[str]:
    """Return a title for each run: experiment (of several), parent and name, and the id if these repeat."""
    several = len({run.experiment for run in runs}) > 1
    titles = []
    for run in runs:
        parts = [run.experiment if several else "", run.parent, run.name or run.id]
        titles.append("/".join(part for part in parts if part))
    counts = Counter(titles)
    return [
        title if counts[title] == 1 else f"{title}-{run.id[:8]}" for title, run in zip(titles, runs, strict=True)
    ]


def _name(folder: Path) -> str:
    """Return the name of the run in a folder, or ""."""
    return _fields(folder / "meta.yaml").get("run_name", "") or _text(folder / "tags" / "mlflow.runName")


def _values(path: Path, file: str) -> list[tuple[float, float]]:
    """Return the steps and values in a metric's file, without a last line that is not yet written to its end."""
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise DataError(f"{file}: has {size:,} bytes, at most {MAX_BYTES:,} are read. Thin the log, or split it.")
    rows = [line.split() for line in path.read_bytes().decode(errors="replace").splitlines() if line.strip()]
    if len(rows) > 1 and len(rows[-1]) < len(rows[-2]):
        del rows[-1]
    points = []
    for i, row in enumerate(rows, 1):
        try:
            _, value, *step = map(float, row)
            points.append((step[0] if step else 0.0, value))
        except ValueError:
            expected = "expected 'time value step' as MLflow writes it. Correct or delete that line."
            raise DataError(f"{file}, line {i}: {shown(' '.join(row))}, {expected}") from None
    return points


def _fields(path: Path) -> dict[str, str]:
    """Return the plain fields of a meta.yaml: lines of `name: value`."""
    found = re.findall(r"^(\w+): *(.*?) *$", _text(path), re.MULTILINE)
    return {name: value.strip("'\"") for name, value in found}


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return stream.read(LARGEST_META).decode(errors="replace").strip()
    except OSError:
        return ""

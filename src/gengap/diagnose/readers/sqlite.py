"""Databases of trackers, in SQLite files: MLflow's, and any with a table of metrics.

MLflow has the tables runs, experiments, tags and metrics. Others are read by the names of their columns: a table
with a metric, a value and a step in each row, a column of JSON objects (Trackio), or a column for each curve.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from gengap.diagnose.metric_names import assign
from gengap.diagnose.readers.documents import table_of_records
from gengap.diagnose.readers.log_table import LogTable, check_points
from gengap.diagnose.readers.table_layouts import read_log_table
from gengap.diagnose.readers.tracker_points import TrackedRun, tracked_logs
from gengap.diagnose.run_curves import Log
from gengap.errors import DataError

HEADER = b"SQLite format 3\0"
LARGEST_CELL = 1 << 20  # bytes
MAX_STEPS = 20_000  # of 100,000 instructions of SQLite: a strange database may ask for endless work
MLFLOW = {"runs", "metrics", "experiments"}


def is_database(path: Path) -> bool:
    """Return whether a file is an SQLite database, by its first bytes."""
    try:
        with path.open("rb") as stream:
            return stream.read(len(HEADER)) == HEADER
    except OSError:
        return False


def read_database(path: Path, file: str) -> list[Log]:
    """Return the runs in a tracker's database, which is opened for reading only.

    Raises:
        DataError: If it is damaged, or none of its tables holds curves.
    """
    try:
        with _opened(path) as database:
            tables = _tables(database)
            if tables.keys() >= MLFLOW:
                return tracked_logs(_mlflow_runs(database, file), file)
            logs = [log for name in tables for log in _logs_of_table(database, name, tables[name], file)]
    except sqlite3.Error as fault:
        raise DataError(
            f"{file}: this SQLite database can't be read ({fault}). Copy it while nothing writes to it."
        ) from None
    if not logs:
        names = ", ".join(list(tables)[:20]) or "no table"
        raise DataError(
            f"{file}: this database holds {names}, expected a table of metrics, such as MLflow's. Export the "
            "curves as CSV."
        )
    return logs


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database that is not trusted: only its own tables are read, within limits."""
    calls = 0

    def tired() -> bool:
        nonlocal calls
        calls += 1
        return calls > MAX_STEPS

    address = f"file:{quote(str(path.absolute()))}?mode=ro"
    with closing(sqlite3.connect(address, uri=True)) as database:
        database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LARGEST_CELL)
        database.set_progress_handler(tired, 100_000)
        database.execute("PRAGMA trusted_schema = OFF")
        database.text_factory = lambda text: text.decode(errors="replace")
        yield database


def _tables(database: sqlite3.Connection) -> dict[str, list[str]]:
    """Return the columns of each table, without views and virtual tables, which can run code."""
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE TABLE%'"
    names = [name for (name,) in database.execute(query)]
    return {name: [row[1] for row in database.execute(f"PRAGMA table_info({_quoted(name)})")] for name in names}


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def _count(database: sqlite3.Connection, table: str) -> int:
    return database.execute(f"SELECT count(*) FROM {_quoted(table)}").fetchone()[0]


def _mlflow_runs(database: sqlite3.Connection, file: str) -> list[TrackedRun]:
    check_points(file, _count(database, "metrics"))
    runs = {}
    query = (
        "SELECT r.run_uuid, r.name, e.name, r.lifecycle_stage, p.name FROM runs r "
        "LEFT JOIN experiments e ON e.experiment_id = r.experiment_id "
        "LEFT JOIN tags t ON t.run_uuid = r.run_uuid AND t.key = 'mlflow.parentRunId' "
        "LEFT JOIN runs p ON p.run_uuid = t.value ORDER BY r.start_time"
    )
    for run, name, experiment, stage, parent in database.execute(query):
        texts = (str(text or "") for text in (run, name, experiment, parent))
        runs[run] = TrackedRun(*texts, deleted=stage == "deleted")
    query = "SELECT run_uuid, key, value, step, is_nan FROM metrics ORDER BY timestamp, step"
    for run, key, value, step, is_nan in database.execute(query):
        if run in runs and isinstance(value, (int, float)) and isinstance(step, (int, float)):
            points = runs[run].points.setdefault(str(key), [])
            points.append((float(step), float("nan") if is_nan else float(value)))
    return list(runs.values())


def _logs_of_table(database: sqlite3.Connection, name: str, columns: list[str], file: str) -> list[Log]:
    """Return the runs in a table that holds curves by its columns' names, or []."""
    if not columns or not (rows := _count(database, name)):
        return []
    check_points(file, rows * len(columns))
    cells = list(zip(*database.execute(f"SELECT * FROM {_quoted(name)}"), strict=True))
    table = LogTable(file, dict(zip(columns, map(_plain, cells), strict=True)))
    if (records := _records(table)) is not None:
        table = table_of_records(records, file)
    roles = table.roles()
    curves = {key[0] for key in assign(table.columns).values()}
    if not ({"metric", "value"} <= roles.keys() or ("validation" in curves and {"epoch", "step"} & roles.keys())):
        return []
    try:
        return [log for log in read_log_table(table) if log.history.series]
    except DataError:  # text where a curve has numbers: a table of parameters
        return []


def _plain(cells: tuple[object, ...]) -> list[object]:
    """Return cells without bytes, which are no numbers or text."""
    return [None if isinstance(cell, bytes) else cell for cell in cells]


def _records(table: LogTable) -> list[dict[str, object]] | None:
    """Return a record for each row of a table with a column of JSON objects, or None if there is no such column."""
    for name, cells in table.columns.items():
        if any(isinstance(cell, str) and cell.startswith("{") for cell in cells):
            try:
                objects = [json.loads(cell) if isinstance(cell, str) and cell else {} for cell in cells]
            except (ValueError, RecursionError):
                continue
            if all(isinstance(each, dict) for each in objects):
                others = {key: column for key, column in table.columns.items() if key != name}
                return [{**{k: c[i] for k, c in others.items()}, **each} for i, each in enumerate(objects)]
    return None

"""MLflow's folder of runs (`mlruns`).

    mlruns/EXPERIMENT/RUN/meta.yaml              the run's name, and whether it was deleted
    mlruns/EXPERIMENT/RUN/metrics/NAME           a line for each value: time, value and step; NAME may have folders
    mlruns/EXPERIMENT/RUN/tags/mlflow.parentRunId    the run that this one is nested in

A run may be copied without its experiment, and old versions of MLflow wrote no step. MLflow's database is read by
`sqlite`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gengap.diagnose.readers.log_table import check_points
from gengap.diagnose.readers.tracker_points import log_of_points, with_curves
from gengap.diagnose.run_curves import Log
from gengap.errors import DataError, shown

MAX_BYTES = 64 << 20  # of one metric's file
LARGEST_META = 1 << 16  # bytes of meta.yaml and of a tag


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

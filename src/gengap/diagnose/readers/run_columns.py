"""Names of runs that say more: of a column for each run and curve, and of a run for each split.

Weights & Biases' panels have a column for each run and curve:

    Step, swift-sun-3 - loss, swift-sun-3 - loss__MIN, swift-sun-3 - loss__MAX, brave-sky-4 - loss, ...

The curves of a run may be in several exports, a panel each. TensorBoard has a run for each split, such as
2024-05-01/train and 2024-05-01/validation.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import PurePath

from gengap.diagnose.metric_names import parse
from gengap.diagnose.metric_words import SPLITS
from gengap.diagnose.readers.log_table import LogTable

COLUMN = re.compile(r"(?P<run>.+) - (?P<curve>.+)")
SPREAD = re.compile(r".+__(MIN|MAX)")  # of the values that were averaged for a point of the panel
TIMES = {"relative time (process)", "relative time (wall)", "wall time"}


def split_by_run(table: LogTable) -> list[LogTable]:
    """Return a table for each run whose name is in the columns' names; else only the table itself."""
    places = set(table.roles().values())
    first = next(iter(table.columns), "")  # any logged value may be a panel's axis
    axes = [name for name in table.columns if name in places or (name == first and not COLUMN.fullmatch(name))]
    columns = [name for name in table.columns if name not in axes]
    found = {name: match for name in columns if (match := COLUMN.fullmatch(name))}
    if not columns or len(found) < len(columns) or not any(parse(match["curve"]) for match in found.values()):
        return [table]
    runs: dict[str, dict[str, str]] = {}  # by run: the columns by the curves' names
    for name, match in found.items():
        if not SPREAD.fullmatch(name):
            runs.setdefault(match["run"].strip(), {})[match["curve"].strip()] = name
    tables = []
    for run, curves in runs.items():
        unknown = first in axes and first not in places and first.strip().lower() not in TIMES
        cells = {"step" if unknown and name == first else name: table.columns[name] for name in axes}
        cells |= {curve: table.columns[name] for curve, name in curves.items()}
        part = f"{PurePath(table.file).parent}/{run}"
        tables.append(replace(table, columns=cells, run=run, ragged=True, part=part))
    return tables


def with_splits_of_runs(table: LogTable) -> LogTable:
    """Return a table of runs called RUN/train and RUN/validation with the splits in a column of their own."""
    roles = table.roles()
    if "run" not in roles or "split" in roles:
        return table
    named = [str(cell or "").rpartition("/") for cell in table.columns[roles["run"]]]
    splits = [split.strip().lower() for _, _, split in named]
    if len({SPLITS.get(split) for split in set(splits)}) < 2 or any(split not in SPLITS for split in set(splits)):
        return table
    runs = [run or None for run, _, _ in named]
    return replace(table, columns={**table.columns, roles["run"]: runs, "split": splits})

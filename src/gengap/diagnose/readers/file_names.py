"""Names of files and runs that say more: a split, a curve, or the run that a column belongs to.

    train.csv, val.csv                                     the file's name is the split, columns are metrics
    run-fit_train-tag-epoch_loss.csv (Wall time,Step,Value)    TensorBoard's download: one curve of one run
    val_loss.csv (step,value)                              the file's name is the curve
    swift-sun-3 - loss, swift-sun-3 - loss__MIN, ...       Weights & Biases' panels: columns of each run and curve
    2024-05-01/train, 2024-05-01/validation                TensorBoard's runs, one for each split

A file, or a panel, may hold a part of a run. `join_parts` joins the parts of one run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePath
from typing import TypeVar

from gengap.diagnose.metric_names import SPLITS, parse, split_and_metric
from gengap.diagnose.readers.log_table import LogTable
from gengap.diagnose.run_curves import Log
from gengap.history import History

DOWNLOAD = re.compile(r"run-(?P<run>.*)-tag-(?P<tag>.*)")  # TensorBoard's; it writes "_" for "/"
COPY = re.compile(r" ?\(\d+\)$")  # a browser's ending for a second file of the same name
Other = TypeVar("Other")
EXTRA = {"wall time", "time", "timestamp"}
COLUMN = re.compile(r"(?P<run>.+) - (?P<curve>.+)")
SPREAD = re.compile(r".+__(MIN|MAX)")  # of the values that were averaged for a point of the panel
TIMES = {"relative time (process)", "relative time (wall)", "wall time"}


def name_by_file(table: LogTable) -> LogTable:
    """Return the table with columns named by its file, if they name no split and the file's name does."""
    roles = table.roles()
    others = {column for role, column in roles.items() if role != "value"}
    names = [name for name in table.columns if name not in others and name.strip().lower() not in EXTRA]
    if "metric" in roles or "split" in roles or any(_split(name) or "grad" in name for name in names):
        return table  # gradients are of training, whatever the file is called
    path = PurePath(table.file.replace("\\", "/"))
    stem = COPY.sub("", path.stem)
    download = DOWNLOAD.fullmatch(stem)
    run, tag = (download["run"], download["tag"]) if download else ("", stem)
    split = _split(tag) or _split(run)
    single = names == [roles.get("value")]
    if not (split or download or (single and split_and_metric(stem))):
        return table
    if single:
        renamed = {names[0]: tag if _split(tag) or not split else f"{split}/{tag}"}
        key = _without_split(run) if download else ""
    else:
        renamed = {name: f"{split}/{name}" for name in names}
        key = _without_split(stem)
    columns = {renamed.get(name, name): cells for name, cells in table.columns.items()}
    return replace(table, columns=columns, part=f"{path.parent}/{key}")


def _split(name: str) -> str:
    """Return the word for a split in a name, or "" if there is none, or there are several."""
    words = [word for word in re.split(r"[^a-z0-9]+", name.lower()) if word in SPLITS]
    return words[0] if len({SPLITS[word] for word in words}) == 1 else (parse(name) or ("", ""))[0]


def _without_split(name: str) -> str:
    return "_".join(word for word in re.split(r"[^a-z0-9]+", name.lower()) if word and word not in SPLITS)


def join_parts(logs: Iterable[Log | Other]) -> list[Log | Other]:
    """Join the logs that are parts of one run, unless two of them have the same curve.

    Other objects among the logs, such as errors, keep their places.
    """
    groups: dict[str, list[Log | Other]] = {}
    for k, log in enumerate(logs):
        part = log.part if isinstance(log, Log) else ""
        groups.setdefault(part or f"\0{k}", []).append(log)
    joined: list[Log | Other] = []
    for group in groups.values():
        parts = [log for log in group if isinstance(log, Log)]
        keys = [key for log in parts for key in log.history.series]
        joined += [_joined(parts)] if len(parts) > 1 and len(set(keys)) == len(keys) else group
    return joined


def _joined(parts: list[Log]) -> Log:
    first, *others = (log.history.run for log in parts)
    title = f"{first} + {others[0]}" if len(others) == 1 else f"{first} + {len(others)} files"
    series = {key: values for log in parts for key, values in log.history.series.items()}
    return replace(
        parts[0],
        history=History(title, parts[0].history.seed, series),
        names={key: name for log in parts for key, name in log.names.items()},
        other=tuple(dict.fromkeys(name for log in parts for name in log.other)),
        notes=tuple(note for log in parts for note in log.notes),
    )


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

"""Name curves after their file: train.csv and val.csv, TensorBoard's downloads, CatBoost's tables.

    train.csv, val.csv                                     the file's name is the split, columns are metrics
    run-fit_train-tag-epoch_loss.csv (Wall time,Step,Value)    TensorBoard's download: one curve of one run
    val_loss.csv (step,value)                              the file's name is the curve

Each file holds a part of a run. `join_parts` joins the files of one run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePath
from typing import TypeVar

from gengap.diagnose.metric_names import parse, split_and_metric
from gengap.diagnose.metric_words import SPLITS
from gengap.diagnose.readers.log_table import LogTable
from gengap.diagnose.run_curves import Log
from gengap.history import History

DOWNLOAD = re.compile(r"run-(?P<run>.*)-tag-(?P<tag>.*)")  # TensorBoard's; it writes "_" for "/"
COPY = re.compile(r" ?\(\d+\)$")  # a browser's ending for a second file of the same name
Other = TypeVar("Other")
EXTRA = {"wall time", "time", "timestamp"}


def name_by_file(table: LogTable) -> LogTable:
    """Return the table with columns named by its file, if they name no split and the file's name does."""
    roles = table.roles()
    others = {column for role, column in roles.items() if role != "value"}
    names = [name for name in table.columns if name not in others and name.strip().lower() not in EXTRA]
    if "metric" in roles or "split" in roles or any(_split(name) for name in names):
        return table
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

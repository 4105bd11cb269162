"""A run whose epochs are in a file each, or in a folder each.

metrics_epoch_0.json, metrics_epoch_1.json, ...         JSON or plain YAML: the values of an epoch
train/epoch-1/Loss.log, valid/epoch-1/Loss.log, ...     Burn: a line for each batch, with its value and its rows
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from operator import itemgetter
from pathlib import Path

from gengap.diagnose.metric_words import SPLITS
from gengap.diagnose.readers.console.phrases import EPOCH, STEP, words
from gengap.diagnose.readers.documents import table_of_records
from gengap.diagnose.readers.log_table import ROLES
from gengap.diagnose.readers.table_layouts import read_log_table
from gengap.diagnose.run_curves import Log

NAME = re.compile(r"(.*?)(\d{1,9})(\.json|\.ya?ml)")
YAML = re.compile(  # cv_loss: 0.5
    r"^([A-Za-z_]\w*):[ \t]*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)[ \t]*$", re.MULTILINE
)
BATCHES = re.compile(r"epoch[-_]?(\d{1,9})")  # a folder of an epoch's metrics, in the folder of a split
MAX_BYTES = 1 << 20  # of one file
FEWEST = 3  # files that show a run
OF_OTHERS = {
    "fold",
    "run",
    "trial",
    "seed",
    "split",
    "cv",
    "exp",
    "experiment",
    "model",
    "config",
    "repeat",
    "batch",
    "bs",
    "size",
}

Record = dict[str, object]


def is_epoch_file(path: Path) -> bool:
    """Return whether a file may hold the values of one epoch: JSON or YAML whose name ends in a number."""
    return NAME.fullmatch(path.name) is not None or _is_of_batches(path)


def _is_of_batches(path: Path) -> bool:
    """Return whether a file may hold one metric of an epoch's batches: valid/epoch-1/Loss.log."""
    epoch, split = path.parent.name, path.parent.parent.name
    return path.suffix == ".log" and split.lower() in SPLITS and BATCHES.fullmatch(epoch) is not None


def read_epoch_files(paths: Sequence[Path], folder: Path, file: str) -> list[Log]:
    """Return the runs in files whose names differ in a number only, each a dict of an epoch's values.

    Those in a folder for each epoch are returned as well.

    Args:
        paths: All files below the folder.
        folder: The folder.
        file: What errors call the folder.
    """
    runs: dict[tuple[Path, str, str], list[tuple[int, Record]]] = {}
    for path in paths:
        found = NAME.fullmatch(path.name)
        if found and (record := _record(path)) is not None:
            runs.setdefault((path.parent, found[1], found[3]), []).append((int(found[2]), record))
    logs: list[Log] = []
    for (parent, stem, ending), numbered in runs.items():
        if len(numbered) >= FEWEST and _are_epochs(stem, numbered):
            shown = Path(file) / (parent / f"{stem}*{ending}").relative_to(folder)
            logs += read_log_table(table_of_records(_in_order(numbered), str(shown)))
    logs = [replace(log, reader="json") for log in logs]
    batches = _logs_of_batches([path for path in paths if _is_of_batches(path)], folder, file)
    logs += [replace(log, reader="text-table") for log in batches]
    return [log for log in logs if any(len(series) > 1 for series in log.history.series.values())]


def _logs_of_batches(paths: Sequence[Path], folder: Path, file: str) -> list[Log]:
    """Return the runs in folders of epochs. An epoch's value is the mean of its batches, weighted by their rows."""
    runs: dict[Path, dict[tuple[str, int], Record]] = {}
    for path in paths:
        epoch = BATCHES.fullmatch(path.parent.name)
        if epoch is not None and (mean := _mean_of_batches(path)) is not None:
            key = path.parent.parent.name.lower(), int(epoch[1])
            record = runs.setdefault(path.parents[2], {}).setdefault(key, {"split": key[0], "epoch": key[1]})
            record[path.stem] = mean
    return [
        log
        for parent, records in runs.items()
        for log in read_log_table(
            table_of_records(
                [records[key] for key in sorted(records)], str(Path(file) / parent.relative_to(folder))
            )
        )
    ]


def _mean_of_batches(path: Path) -> float | None:
    """Return the mean of the values in lines of a value and, mostly, a weight; None if a line is something else."""
    if path.stat().st_size > MAX_BYTES:
        return None
    try:
        rows = [[float(cell) for cell in line.split(",")] for line in path.read_text(encoding="utf-8").split()]
    except ValueError:
        return None
    weights = [row[1] if len(row) > 1 else 1.0 for row in rows]
    if not rows or not all(len(row) in (1, 2) for row in rows) or not sum(weights) > 0:
        return None
    return sum(row[0] * weight for row, weight in zip(rows, weights, strict=True)) / sum(weights)


def _record(path: Path) -> Record | None:
    if path.stat().st_size > MAX_BYTES:
        return None
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix != ".json":
            return {m[1]: float(m[2]) for m in YAML.finditer(text)}
        record = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _are_epochs(stem: str, numbered: Sequence[tuple[int, Record]]) -> bool:
    """Return whether the files are epochs of one run, and not folds, seeds or values of a setting.

    They are if they or their names say so, or if their numbers have equal distances.
    """
    named = set(words(stem))
    if named & (EPOCH | STEP) or all(set(record) & set(ROLES["epoch"]) for _, record in numbered):
        return True
    numbers = sorted(number for number, _ in numbered)
    distances = {after - before for before, after in pairwise(numbers)}
    return not named & OF_OTHERS and not re.search(r"\d\.$", stem) and len(distances) == 1 and distances != {0}


def _in_order(numbered: Sequence[tuple[int, Record]]) -> list[Record]:
    """Return the records by number, which is their epoch if they name none."""
    named = any(name in ROLES["epoch"] for _, record in numbered for name in record)
    ordered = sorted(numbered, key=itemgetter(0))
    return [record if named else {"epoch": number, **record} for number, record in ordered]

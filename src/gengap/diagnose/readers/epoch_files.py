"""A run whose epochs are in a file each, of JSON or plain YAML: metrics_epoch_0.json, metrics_epoch_1.json, ..."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from operator import itemgetter
from pathlib import Path

from gengap.diagnose.readers.console.phrases import EPOCH, STEP, words
from gengap.diagnose.readers.documents import table_of_records
from gengap.diagnose.readers.log_table import ROLES
from gengap.diagnose.readers.table_layouts import read_log_table
from gengap.diagnose.run_curves import Log

NAME = re.compile(r"(.*?)(\d{1,9})(\.json|\.ya?ml)")
YAML = re.compile(  # cv_loss: 0.5
    r"^([A-Za-z_]\w*):[ \t]*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)[ \t]*$", re.MULTILINE
)
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
    return NAME.fullmatch(path.name) is not None


def read_epoch_files(paths: Sequence[Path], folder: Path, file: str) -> list[Log]:
    """Return the runs in files whose names differ in a number only, each a dict of an epoch's values.

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
    curves = (log for log in logs if any(len(series) > 1 for series in log.history.series.values()))
    return [replace(log, reader="json") for log in curves]


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

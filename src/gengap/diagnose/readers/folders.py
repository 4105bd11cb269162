"""Find the logs in a folder, and read the runs in them.

KINDS lists the kinds of logs in order of preference. A training often writes the same curves in several forms,
so of each folder the first kind that holds curves is read. A run without curves is left out with a note, if others
have curves. A run may also have its epochs in a file each: metrics_epoch_0.json, metrics_epoch_1.json, ...
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from gengap.diagnose.readers import events, sqlite
from gengap.diagnose.readers.console.phrases import EPOCH, STEP, words
from gengap.diagnose.readers.documents import table_of_records
from gengap.diagnose.readers.file_names import join_parts
from gengap.diagnose.readers.log_table import ROLES
from gengap.diagnose.readers.paths import expand, local_copy, missing, read_file
from gengap.diagnose.readers.table_layouts import read_log_table
from gengap.diagnose.readers.text_tables import csv_table, decoded
from gengap.diagnose.readers.tracker_points import find_runs, log_of_points, points_of_table, read_runs, with_curves
from gengap.diagnose.run_curves import Log
from gengap.diagnose.study_verdicts import with_study_verdicts
from gengap.errors import DataError
from gengap.text.catalog import Message

MAX_FILES = 100_000  # in a folder
NO_LOGS = {".git", ".venv", "__pycache__", "node_modules", "site-packages"}
MAX_TEXTS = 200  # files that are tried one by one
CLOSED = {  # trackers' stores that are not read, and how to get their metrics
    ".aim": "Aim's store can't be read here: run `aim up`, open the metrics explorer, and export its table as CSV.",
    ".neptune": "Neptune's store can't be read here: run `neptune sync`, then save each series in Python with "
    'run["val/loss"].fetch_values().to_csv("val_loss.csv").',
    ".cometml-runs": "Comet's store can't be read here: run `comet upload` on its zip files, then save "
    "pandas.DataFrame(experiment.get_metrics()) as CSV, with comet_ml.API().get_experiment(...).",
}
CHECKPOINT = re.compile(r"checkpoint-\d+")
HOMES = ("mlruns", "catboost_info", "wandb", "plots", "dvclive")  # folders that a training writes into its own
NAMED = 3  # logs of the same training that a note names
TEXTS = ("", ".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".log", ".out", ".err", ".ipynb")
PRINTED = (".log", ".out", ".err")  # what was printed
CARDS = (".md",)  # may be a model card, or about the project
KNOWN = (
    "histories.parquet, trainer_state.json, metrics.csv, the files of MLflow, W&B, CatBoost, DVCLive or "
    "TensorBoard, or texts with curves"
)

CATBOOST = "catboost_training.json"
HISTORIES = "histories.parquet"  # of a study, which its folder names
FRAMEWORKS = (  # Ultralytics, MMEngine, Detectron2, skorch, Ray Tune
    *("results.csv", "scalars.json", "metrics.json", "history.json", "progress.csv"),
)

Paths = list[Path]
Reader = Callable[[Paths, Path, str], list[Log]]  # all files below a folder, the folder, and what errors call it
EPOCH_FILE = re.compile(r"(.*?)(\d{1,9})(\.json|\.ya?ml)")
YAML = re.compile(  # cv_loss: 0.5
    r"^([A-Za-z_]\w*):[ \t]*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)[ \t]*$", re.MULTILINE
)
MAX_BYTES = 1 << 20  # of one file
FEWEST = 3  # files that show a run
OF_OTHERS = {"fold", "run", "trial", "seed", "split", "cv", "exp", "experiment", "model", "config", "repeat"}
OF_OTHERS |= {"batch", "bs", "size"}
Record = dict[str, object]


def read_path(source: str) -> list[Log]:
    """Return the runs at a path, an http(s) address, "-" (standard input) or a pattern of names.

    Raises:
        DataError: If it can't be read, or nothing in it is a training curve.
        SourceError: If an address does not answer.
    """
    try:
        return [log for each in expand(source) for log in _read_one(each)]
    except (OSError, RuntimeError) as fault:  # RuntimeError: the home folder is unknown
        problem = getattr(fault, "strerror", None) or fault
        raise DataError(f"{source}: can't be read ({problem}). Check the path and its rights.") from None


def _read_one(source: str) -> list[Log]:
    with local_copy(source) as (path, file):
        if path.is_dir():
            return _read_folder(path, file)
        if not path.exists():
            raise missing(file)
        return read_file(path, file)


def _read_folder(folder: Path, file: str) -> list[Log]:
    """Return the runs in a folder: those of the first kind of logs in it, and of other kinds in other folders.

    Logs of another kind in the folder of a run, or below it, are not judged: they hold the same training. They are
    named in a note.
    """
    paths = _walk(folder, file)
    faults: list[DataError] = []
    short: list[Log] = []  # of one value each
    logs: list[Log] = []
    left, same = paths, list[Path]()
    for kind in KINDS:
        mine = [path for path in left if kind.holds(path)]
        if not mine:
            continue
        if logs and not kind.further:
            same += [path for path in mine if path.suffix.lower() in PRINTED]
            continue
        try:
            found = kind.read(left, folder, file)
        except DataError as fault:
            faults.append(fault)
            continue
        if not any(len(series) > 1 for log in found for series in log.history.series.values()):
            short = short or found
            continue
        logs += found
        homes = {_home(path) for path in mine}
        if not kind.complete:
            same += [path for path in left if path not in mine and _is_log(path) and homes & {*path.parents}]
        left = [path for path in left if not homes & {*path.parents}]
    if logs:
        return _with_note(with_curves(logs), [str(path.relative_to(folder)) for path in same])
    if short:
        return short
    if faults:
        raise faults[0]
    raise _no_log(folder, paths, file)


def _no_log(folder: Path, paths: Paths, file: str) -> DataError:
    """Return the error for a folder without logs."""
    store = folder.parent / "mlflow.db"
    hint = f"MLflow's metrics are in {store}: name that." if store.exists() else "Name other files to read them."
    if tracker := next((CLOSED[part] for path in (folder, *paths) for part in path.parts if part in CLOSED), ""):
        hint = tracker
    if not paths and not store.exists():
        return DataError(f"{file}: the folder is empty. Give the folder that your training writes its logs to.")
    return DataError(f"{file}: no log is in this folder, expected {KNOWN}. {hint}")


def _home(path: Path) -> Path:
    """Return the folder of the training that wrote a log."""
    for parent in path.parents:
        if parent.name in HOMES:
            return parent if parent.name == "mlruns" else parent.parent
    inner = path.parent
    return inner.parent if CHECKPOINT.fullmatch(inner.name) else inner


def _is_log(path: Path) -> bool:
    if path.name.startswith("debug") and "wandb" in path.parts:  # what W&B logs of itself
        return False
    return path.suffix.lower() in PRINTED or any(kind.holds(path) for kind in KINDS if kind.further)


def _with_note(logs: list[Log], same: list[str]) -> list[Log]:
    if not same:
        return logs
    shown = ", ".join(dict.fromkeys(same[:NAMED])) + (" ..." if len(same) > NAMED else "")
    note = Message("read-not-judged", {"count": len(same), "files": shown})
    return [replace(logs[0], notes=(*logs[0].notes, note)), *logs[1:]]


def _named(name: str) -> Reader:
    """Return a reader of all files with this name."""

    def read(paths: Paths, folder: Path, file: str) -> list[Log]:
        found = [path for path in paths if path.name == name and not _is_artifact(path)]
        found = _last_checkpoints(found) if name == "trainer_state.json" else found
        if name != HISTORIES:
            return [log for path in found for log in read_file(path, _joined(file, folder, path))]
        studies = {p: file if p.parent == folder else _joined(file, folder, p.parent) for p in found}
        return [log for p, study in studies.items() for log in with_study_verdicts(read_file(p, study), p)]

    return read


def _events(paths: Paths, folder: Path, file: str) -> list[Log]:
    found = [path for path in paths if events.is_event_file(path) and path.is_file()]
    return events.read_event_files(found, folder, file) if found else []


def _mlflow(paths: Paths, folder: Path, file: str) -> list[Log]:
    stores = [path for path in paths if path.suffix in (".db", ".sqlite") and sqlite.is_database(path)]
    in_databases = [log for path in stores for log in sqlite.read_database(path, _joined(file, folder, path))]
    return [*read_runs(find_runs(paths), file), *in_databases]


def _catboost(paths: Paths, folder: Path, file: str) -> list[Log]:
    """Return the runs of CatBoost: the JSON file is whole only after training, and its tables at any time."""
    logs = []
    for inner in dict.fromkeys(path.parent for path in paths if path.name in ("learn_error.tsv", CATBOOST)):
        try:
            found = read_file(inner / CATBOOST, _joined(file, folder, inner))
        except (DataError, OSError):
            tables = (path for path in paths if path.parent == inner and path.name.endswith("_error.tsv"))
            found = join_parts(log for path in tables for log in read_file(path, _joined(file, folder, path)))
        logs += [replace(log, reader="catboost") for log in found]
    return logs


def _wandb(paths: Paths, folder: Path, file: str) -> list[Log]:
    """Return the runs of Weights & Biases: their files, or the history that old versions wrote."""
    found = [path for path in paths if path.suffix == ".wandb" or path.name == "wandb-history.jsonl"]
    logs = [log for path in found for log in read_file(path, _joined(file, folder, path))]
    return [replace(log, reader="wandb") for log in logs]


def _dvclive(paths: Paths, folder: Path, file: str) -> list[Log]:
    """Return the runs of DVCLive: RUN/plots/metrics/NAME.tsv holds the steps and values of a curve."""
    runs: dict[Path, dict[str, list[tuple[float, float]]]] = {}
    for path in paths:
        root = next(
            (p for p in path.parents if p.name in ("metrics", "scalars") and p.parent.name == "plots"), None
        )
        if root and path.suffix == ".tsv":
            table = csv_table(decoded(path.read_bytes(), _joined(file, folder, path)), _joined(file, folder, path))
            name = path.relative_to(root).with_suffix("").as_posix()
            runs.setdefault(root.parent.parent, {})[name] = points_of_table(table)
    return [log_of_points(_joined(file, folder, run), "", curves, reader="dvclive") for run, curves in runs.items()]


def _texts(endings: tuple[str, ...]) -> Reader:
    """Return a reader of any text files, if there are not too many; files that are no logs are passed over."""

    def read(paths: Paths, folder: Path, file: str) -> list[Log]:
        found = [path for path in paths if path.suffix.lower() in endings and not _is_hidden(path, folder)]
        logs = []
        for path in found if len(found) <= MAX_TEXTS else []:
            try:
                logs += read_file(path, _joined(file, folder, path))
            except DataError:
                continue
        return join_parts(log for log in logs if any(len(series) > 1 for series in log.history.series.values()))

    return read


def _is_hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _read_epoch_files(paths: Sequence[Path], folder: Path, file: str) -> list[Log]:
    """Return the runs in files whose names differ in a number only, each a dict of an epoch's values.

    Args:
        paths: All files below the folder.
        folder: The folder.
        file: What errors call the folder.
    """
    runs: dict[tuple[Path, str, str], list[tuple[int, Record]]] = {}
    for path in paths:
        found = EPOCH_FILE.fullmatch(path.name)
        if found and (record := _record(path)) is not None:
            runs.setdefault((path.parent, found[1], found[3]), []).append((int(found[2]), record))
    logs: list[Log] = []
    for (parent, stem, ending), numbered in runs.items():
        if len(numbered) >= FEWEST and _are_epochs(stem, numbered):
            shown = Path(file) / (parent / f"{stem}*{ending}").relative_to(folder)
            logs += read_log_table(table_of_records(_in_order(numbered), str(shown)))
    logs = [replace(log, reader="json") for log in logs]
    return [log for log in logs if any(len(series) > 1 for series in log.history.series.values())]


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


class Kind(NamedTuple):
    """A kind of logs.

    Attributes:
        read: Its reader.
        holds: Whether a file is of this kind.
        further: Whether it is also read where logs of another kind are.
        complete: Whether other logs in its folder only repeat it, which needs no note.
    """

    read: Reader
    holds: Callable[[Path], bool]
    further: bool = True
    complete: bool = False


def _has_name(*names: str) -> Callable[[Path], bool]:
    return lambda path: path.name in names and not _is_artifact(path)


def _is_artifact(path: Path) -> bool:
    """Return whether a file was saved with a run of MLflow that has metrics of its own."""
    roots = (parent.parent for parent in path.parents if parent.name == "artifacts")
    return any((root / "meta.yaml").exists() and any((root / "metrics").glob("*")) for root in roots)


def _is_of_mlflow(path: Path) -> bool:
    return path.suffix in (".db", ".sqlite") or path.parent.name == "metrics" or path.name == "meta.yaml"


def _is_text(endings: tuple[str, ...]) -> Callable[[Path], bool]:
    return lambda path: path.suffix.lower() in endings


KINDS = (
    Kind(_named(HISTORIES), _has_name(HISTORIES), complete=True),
    *(Kind(_named(name), _has_name(name)) for name in ("trainer_state.json", "metrics.csv")),
    Kind(_mlflow, _is_of_mlflow),
    Kind(_catboost, _has_name("learn_error.tsv", CATBOOST)),
    Kind(_dvclive, lambda path: path.suffix == ".tsv" and "plots" in path.parts),
    Kind(_wandb, lambda path: path.suffix == ".wandb" or path.name == "wandb-history.jsonl"),
    *(Kind(_named(name), _has_name(name)) for name in FRAMEWORKS),
    Kind(_events, events.is_event_file),
    Kind(_read_epoch_files, lambda path: EPOCH_FILE.fullmatch(path.name) is not None, further=False),
    Kind(_texts(TEXTS), _is_text(TEXTS), further=False),
    Kind(_texts(CARDS), _is_text(CARDS), further=False),
)


def _joined(file: str, folder: Path, path: Path) -> str:
    return str(Path(file) / path.relative_to(folder))


def _walk(folder: Path, file: str) -> Paths:
    """Return every file below a folder, version_2 before version_10."""
    paths: Paths = []
    for inner, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in NO_LOGS]
        paths += (Path(inner, name) for name in names)
        if len(paths) > MAX_FILES:
            raise DataError(f"{file}: holds more than {MAX_FILES:,} files. Name the folder of the logs themselves.")
    return sorted(paths, key=lambda path: [_natural(part) for part in path.parts])


def _natural(part: str) -> list[tuple[int, str]]:
    return [(int(piece), "") if piece.isdecimal() else (0, piece) for piece in re.split(r"(\d+)", part)]


def _last_checkpoints(states: Iterable[Path]) -> Paths:
    """Return the last state of each training: each checkpoint repeats the log up to it."""
    last: dict[Path, Path] = {}
    for path in states:
        in_checkpoint = CHECKPOINT.fullmatch(path.parent.name)
        last[path.parent.parent if in_checkpoint else path.parent] = path
    return list(last.values())

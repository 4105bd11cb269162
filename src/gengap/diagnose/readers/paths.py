"""Read logs from paths: choose a reader by a file's name, and find the logs in a folder. Nothing is unpickled."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from gengap.diagnose.readers import events, frames
from gengap.diagnose.readers import text_tables as text
from gengap.diagnose.run_curves import Log
from gengap.errors import DataError

MAX_BYTES = 256 << 20  # of one file that is read at once
MAX_FILES = 100_000  # in a folder
TEXTS = {  # by suffix: the reader's name and the reader
    **dict.fromkeys((".csv", ".tsv", ".txt"), ("csv", text.read_csv_log)),
    **dict.fromkeys((".jsonl", ".ndjson"), ("json-lines", text.read_json_lines)),
    ".json": ("json", text.read_json),
}
TABLES = {
    ".parquet": ("parquet", frames.read_parquet_log),
    **dict.fromkeys((".arrow", ".feather"), ("arrow", frames.read_arrow_log)),
}
PICKLES = (".pkl", ".pickle", ".joblib", ".pt", ".pth", ".ckpt", ".npy", ".npz")
LOG_NAMES = ("histories.parquet", "trainer_state.json", "metrics.csv")  # looked for in a folder, in this order


def read_path(path: Path, file: str) -> list[Log]:
    """Return the runs in a file or folder, which errors call `file`. Raises DataError if it can't be read."""
    try:
        path = path.expanduser()
        if path.is_dir():
            return _read_folder(path, file)
        if not path.exists():
            raise DataError(f"{file}: there is no such file or folder. Check the path.")
        return _read_file(path, file)
    except (OSError, RuntimeError) as fault:  # RuntimeError: the home folder is unknown
        problem = getattr(fault, "strerror", None) or fault
        raise DataError(f"{file}: can't be read ({problem}). Check the path and its rights.") from None


def _read_file(path: Path, file: str) -> list[Log]:
    suffix = path.suffix.lower()
    if suffix in PICKLES:
        raise DataError(
            f"{file}: {suffix} files can hold pickled code, which runs when it is opened, so gengap never opens "
            "them. Save the curves as JSON, for Keras: json.dump(history.history, open('history.json', 'w'))."
        )
    if not path.is_file():
        raise DataError(f"{file}: this is neither a file nor a folder. Give the path of a log.")
    size = path.stat().st_size
    if not size:
        raise DataError(f"{file}: the file is empty. Give a log of at least one epoch.")
    if events.is_event_file(path):  # read in small pieces, whatever pictures it holds
        return _named("tensorboard", events.read_event_files([path], path.parent, file))
    if size > MAX_BYTES:
        raise DataError(f"{file}: has {size:,} bytes, at most {MAX_BYTES:,} are read. Thin the log, or split it.")
    if suffix in TABLES:
        reader, read_table = TABLES[suffix]
        return _named(reader, read_table(path, file))
    if suffix in TEXTS:
        reader, read_text = TEXTS[suffix]
        return _named(reader, read_text(text.decoded(path.read_bytes(), file), file))
    known = ", ".join((*TEXTS, *TABLES))
    raise DataError(
        f"{file}: this kind of file is not known, expected {known} or TensorBoard's events. Convert it."
    )


def _named(reader: str, logs: list[Log]) -> list[Log]:
    """Return the logs with the name of their reader."""
    return [replace(log, reader=reader) for log in logs]


def _read_folder(folder: Path, file: str) -> list[Log]:
    """Return the runs in a folder's logs of the first known kind (LOG_NAMES, then event files)."""
    paths = _walk(folder, file)
    for name in LOG_NAMES:
        found = [path for path in paths if path.name == name]
        found = _last_checkpoints(found) if name == "trainer_state.json" else found
        if found:
            own = folder / "histories.parquet"
            return [log for p in found for log in _read_file(p, file if p == own else _joined(file, folder, p))]
    found = [path for path in paths if events.is_event_file(path) and path.is_file()]
    if found:
        return _named("tensorboard", events.read_event_files(found, folder, file))
    raise DataError(
        f"{file}: no log is in this folder, expected {', '.join(LOG_NAMES)} or TensorBoard's event files. "
        "Name other files to read them."
    )


def _joined(file: str, folder: Path, path: Path) -> str:
    return str(Path(file) / path.relative_to(folder))


def _walk(folder: Path, file: str) -> list[Path]:
    """Return every file below a folder, version_2 before version_10."""
    paths: list[Path] = []
    for inner, _, names in os.walk(folder):
        paths += (Path(inner, name) for name in names)
        if len(paths) > MAX_FILES:
            raise DataError(f"{file}: holds more than {MAX_FILES:,} files. Name the folder of the logs themselves.")
    return sorted(paths, key=lambda path: [_natural(part) for part in path.parts])


def _natural(part: str) -> list[tuple[int, str]]:
    return [(int(piece), "") if piece.isdecimal() else (0, piece) for piece in re.split(r"(\d+)", part)]


def _last_checkpoints(states: Iterable[Path]) -> list[Path]:
    """Return the last state of each training: each checkpoint repeats the log up to it."""
    last: dict[Path, Path] = {}
    for path in states:
        in_checkpoint = re.fullmatch(r"checkpoint-\d+", path.parent.name)
        last[path.parent.parent if in_checkpoint else path.parent] = path
    return list(last.values())

"""Read one file: choose the reader by the file's content. Nothing is unpickled."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gengap.diagnose.readers import events, frames, sqlite, wandb
from gengap.diagnose.readers.entrances import MAX_BYTES
from gengap.diagnose.readers.text_kinds import read_text_log
from gengap.diagnose.run_curves import Log
from gengap.errors import DataError

TABLES = {b"PAR1": ("parquet", frames.read_parquet_log), b"ARROW1": ("arrow", frames.read_arrow_log)}
TABLE_ENDINGS = {"parquet": (".parquet",), "arrow": (".arrow", ".feather")}
PICKLES = (".pkl", ".pickle", ".joblib", ".pt", ".pth", ".ckpt", ".npy", ".npz")


def read_file(path: Path, file: str) -> list[Log]:
    """Return the runs in a file, which errors call `file`. Raises DataError if it can't be read."""
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
    if sqlite.is_database(path):
        return _named("sqlite", sqlite.read_database(path, file))
    if wandb.is_run_file(path):
        return _named("wandb", wandb.read_run_file(path, file))
    with path.open("rb") as opened:
        start = opened.read(8)
    for magic, (reader, read_table) in TABLES.items():
        if start.startswith(magic) or suffix in TABLE_ENDINGS[reader]:
            return _named(reader, read_table(path, file))
    return read_text_log(path, file)


def _named(reader: str, logs: list[Log]) -> list[Log]:
    """Return the logs with the name of their reader, unless it gave one."""
    return [replace(log, reader=log.reader or reader) for log in logs]

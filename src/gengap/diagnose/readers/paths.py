"""Read one file: choose the reader by the file's content. Nothing is unpickled.

A text's ending only decides which error is shown if no reader finds a curve.
"""

from __future__ import annotations

import codecs
import glob
import os
import re
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.parse import urlsplit

from gengap.diagnose.readers import events, objects, sqlite, text_tables, wandb
from gengap.diagnose.readers.console import read_console
from gengap.diagnose.readers.console.number_forms import NUMBER, VALUE
from gengap.diagnose.readers.literals import has_literals, read_literals
from gengap.diagnose.readers.log_table import LogTable
from gengap.diagnose.readers.notebooks import is_notebook, read_notebook, table_text
from gengap.diagnose.readers.table_layouts import read_log_table
from gengap.diagnose.readers.text_tables import encoding_of, without_holes
from gengap.diagnose.readers.tracker_points import are_points, read_points
from gengap.diagnose.run_curves import Log
from gengap.errors import DataError, GengapError
from gengap.files.delimited import find_head, split_cells

TABLES = {b"PAR1": ("parquet", objects.read_parquet_log), b"ARROW1": ("arrow", objects.read_arrow_log)}
TABLE_ENDINGS = {"parquet": (".parquet",), "arrow": (".arrow", ".feather")}
PICKLES = (".pkl", ".pickle", ".joblib", ".pt", ".pth", ".ckpt", ".npy", ".npz")
HEAD = 1 << 16  # bytes that are looked at
BLOCK = 1 << 20
LOOKED_AT = 40  # lines that show whether a text is CSV
LONGEST_NAME = 80
ALIKE = 4  # lines among which one of the same words shows that the first one is no header
NO_DIGITS = str.maketrans("", "", "0123456789")
SHORT = 2  # lines of a CSV file without rows
PAGE, PAGE_ROW = re.compile(r"\s*<[a-zA-Z!]"), re.compile(r"<t[dh][\s>]", re.IGNORECASE)  # HTML with a table
PREFIXED = re.compile(r"""\s*[^\s{\["][^{\[\n]*\{""")  # DLLL {"step": 1}
PATCH = re.compile(r"\s*(?:diff --git |--- [^\n]+\n\+\+\+ [^\n]+\n@@ )")
NAMED = re.compile(r"[^\W\d_]{2}")
Reader = Callable[[Path, str], list[Log]]
EXAMPLE = "Epoch 1/20 - loss: 0.69 - val_loss: 0.71"
MAX_BYTES = 256 << 20  # of one file that is read at once
PIECE = 1 << 16
STDIN = ("-", "/dev/stdin")
STDIN_NAME = "standard input"
TEXT_NAME = "text"
LOGGED = re.compile(r"[:=,]\s*-?\d|\s-?\d*\.\d\d")  # as lines of a log have, and names of files do not
LIST = re.compile(r"[:=]\s*(?:\[[^\]]*,|\{)")  # values of a document on one line; lr=[0-9] is a pattern
TEXT_HINT = "Check the path. If it is the text of a log, give all of its lines as one text."


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
        return events.read_event_files([path], path.parent, file)
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


def read_text_log(path: Path, file: str) -> list[Log]:
    """Return the runs in a text file, by the first reader that finds validation curves in it.

    Raises DataError if none finds a curve, with the first fault if the text certainly is of a known kind.
    """
    head = decoded_head(path, file)
    if PATCH.match(head):
        raise DataError(
            f"{file}: no training curve is in this text, which begins with a patch. Give the log alone."
        )
    table = path.suffix.lower() in (".csv", ".tsv")
    found: list[Log] = []
    first_fault: GengapError | None = None
    for name, reader, certain in _readers(head, path.suffix.lower()):
        try:
            logs = [replace(log, reader=log.reader or name) for log in reader(path, file)]
        except GengapError as fault:
            if certain and (table or name != "csv"):
                raise
            first_fault = first_fault or (fault if certain else None)  # below a table, text may go on
            continue
        if certain or any(split == "validation" for log in logs for split, _ in log.history.series):
            return logs
        found = found or logs
    if any(log.history.series for log in found):
        return found
    if first_fault is not None:
        raise first_fault
    if table:
        return _whole(text_tables.read_csv_log)(path, file)  # its errors name the place
    raise DataError(nothing_found(file))


def nothing_found(file: str) -> str:
    """Return the message that a text holds no curve, with what was looked for."""
    return (
        f"{file}: no training curve was found in this text. Looked for names such as loss, val_loss or accuracy "
        f"before numbers, epoch by epoch, for tables of them, CSV, JSON and printed dicts. "
        f'A line that works: "{EXAMPLE}".'
    )


def _readers(head: str, suffix: str) -> Iterator[tuple[str, Reader, bool]]:
    """Yield the readers to try, the most likely first: name, reader, and whether the text is certainly its kind."""
    start = head.lstrip()[:1]
    lines = suffix in (".jsonl", ".ndjson")
    if is_notebook(head, suffix):
        yield "notebook", _whole(read_notebook), suffix == ".ipynb"
    if suffix == ".json" or (start in ("{", "[") and not lines):
        yield "json", _whole(text_tables.read_json), suffix == ".json" and not PREFIXED.match(head)
    if lines:
        yield "json-lines", _whole(text_tables.read_json_lines), start in ("{", "[")
    if are_points(head):
        yield "points", _whole(read_points), True
    if _is_csv(head) or (suffix in (".csv", ".tsv") and len(head.splitlines()) < SHORT):
        yield "csv", _whole(text_tables.read_csv_log), True
    if has_literals(head):
        yield "printed-dict", _whole(read_literals), False
    if _is_of_numbers(head):
        yield "text-table", _whole(_read_numbers), False
    if PAGE.match(head) and PAGE_ROW.search(head):
        yield "text-table", _whole(_read_page), False
    yield "console", _console, False


def _is_of_numbers(head: str) -> bool:
    """Return whether each line is one number: a curve that only its file names."""
    lines = head.split("\n", LOOKED_AT)[:LOOKED_AT]
    filled = [line.strip() for line in lines if line.strip()]
    return len(filled) > SHORT and all(VALUE.fullmatch(line) for line in filled)


def _read_numbers(text: str, file: str) -> list[Log]:
    lines = text.split()
    return read_log_table(LogTable(file, {"step": range(len(lines)), "value": lines}))


def _read_page(text: str, file: str) -> list[Log]:
    return read_console([f"{table_text(text)}\n"], file)


def _whole(read: Callable[..., list[Log]]) -> Reader:
    def reader(path: Path, file: str) -> list[Log]:
        return read(text_tables.decoded(path.read_bytes(), file), file)

    return reader


def _console(path: Path, file: str) -> list[Log]:
    return read_console(decoded_blocks(path), file)


def _is_csv(head: str) -> bool:
    """Return whether the first line has names, and at least half of the lines below it as many cells."""
    lines = [line for line in head.splitlines()[:LOOKED_AT] if line.strip()]
    first = find_head(lines)
    if first is None or len(lines) < first.line + 2:
        return False
    names = split_cells(lines[first.line], first.delimiter)
    if any(len(name) > LONGEST_NAME or "=" in name or name.count("[") != name.count("]") for name in names):
        return False
    if any(map(_is_number, names)):
        return False
    form, *others = (line.translate(NO_DIGITS) for line in lines[first.line : first.line + ALIKE])
    if form in others:  # a row like the others
        return False
    if len(names) == 1 and re.search(r"\s", names[0]):
        return False
    rows = [split_cells(line, first.delimiter) for line in lines[first.line + 1 :]]
    same = [len(row) == len(names) and any(map(_is_number, row)) for row in rows]
    least = len(same) / 2 if len(names) > 1 else len(same)  # names on a line each are no table
    return sum(same) >= least and any(map(NAMED.search, names))


def _is_number(cell: str) -> bool:
    return NUMBER.fullmatch(cell) is not None


def decoded_head(path: Path, file: str) -> str:
    """Return the first characters of a text file. Raises DataError if it is no text, or empty."""
    with path.open("rb") as opened:
        start = without_holes(opened.read(HEAD))
    encoding = encoding_of(start)
    if encoding.startswith("utf-8") and b"\0" in start:
        raise DataError(
            f"{file}: this is no text, and no kind of file that is known here: Parquet, Arrow, Feather or "
            "TensorBoard's events. Convert it to CSV or JSON."
        )
    head = start.decode(encoding, errors="replace")
    if not head.strip():
        raise DataError(f"{file}: the file is empty. Give a log of at least one epoch.")
    return head


def decoded_blocks(path: Path) -> Iterator[str]:
    """Yield the text of a file in blocks; bytes that are no text are replaced."""
    with path.open("rb") as opened:
        start = opened.read(BLOCK)
        decoder = codecs.getincrementaldecoder(encoding_of(start[:HEAD]))(errors="replace")
        while start:
            yield decoder.decode(without_holes(start))
            start = opened.read(BLOCK)
        yield decoder.decode(b"", final=True)


def is_address(source: str) -> bool:
    """Return whether a source is an http(s) address."""
    return source.lower().startswith(("http://", "https://"))


def is_text(source: str) -> bool:
    """Return whether a source is the text of a log: several lines or a document, and no file has such a name."""
    return bool("\n" in source or LIST.search(source)) and not os.path.lexists(source)


def missing(source: str) -> DataError:
    """Return the error for a path at which nothing is."""
    hint = TEXT_HINT if LOGGED.search(source) else "Check the path."
    return DataError(f"{source}: there is no such file or folder. {hint}")


def expand(source: str) -> list[str]:
    """Return the paths that a pattern such as `runs/*/log.txt` matches; a source that is no pattern alone.

    Raises DataError if nothing matches.
    """
    if source in STDIN or is_address(source) or is_text(source) or os.path.lexists(source):
        return [source]
    if not glob.has_magic(source):
        return [source]
    found = sorted(glob.glob(str(Path(source).expanduser()), recursive=True))  # noqa: PTH207  (absolute patterns)
    if not found and LOGGED.search(source):
        raise missing(source)
    if not found:
        raise DataError(f"{source}: no file has a name like this. Check the pattern.")
    return found


@contextmanager
def local_copy(source: str) -> Iterator[tuple[Path, str]]:
    """Yield a path to read the source at, and what errors call it. Streams are copied to a temporary file.

    Raises DataError if the stream is larger than `MAX_BYTES`, SourceError if an address can't be read.
    """
    if source in STDIN:
        with _spooled(_pieces(sys.stdin.buffer), STDIN_NAME, "") as path:
            yield path, STDIN_NAME
    elif is_address(source):
        from gengap.data.sources.remote import RemoteFile

        with _spooled(RemoteFile(source).chunks(), source, PurePosixPath(urlsplit(source).path).name) as path:
            yield path, source
    elif is_text(source):
        with _spooled(iter([source.encode("utf-8", "surrogateescape")]), TEXT_NAME, "") as path:
            yield path, TEXT_NAME
    else:
        path = Path(source).expanduser()
        if _is_pipe(path):
            with path.open("rb") as opened, _spooled(_pieces(opened), source, "") as copied:
                yield copied, source
        else:
            yield path, source


def _is_pipe(path: Path) -> bool:
    try:
        return stat.S_ISFIFO(path.stat().st_mode)
    except (OSError, ValueError):  # ValueError: a zero in the name
        return False


def _pieces(opened: BinaryIO) -> Iterator[bytes]:
    while piece := opened.read(PIECE):
        yield piece


@contextmanager
def _spooled(pieces: Iterable[bytes], source: str, name: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="gengap-") as folder:
        path, size = Path(folder, name or "log"), 0
        with path.open("wb") as file:
            for piece in pieces:
                size += len(piece)
                if size > MAX_BYTES:
                    raise DataError(f"{source}: has more than {MAX_BYTES:,} bytes. Thin the log, or split it.")
                file.write(piece)
        yield path

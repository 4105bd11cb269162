"""Choose the reader of a text by its content: JSON, JSON lines, CSV, printed dicts, or console text.

The file's ending only decides which error is shown if no reader finds a curve.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from gengap.diagnose.readers import text_tables
from gengap.diagnose.readers.cell_lines import rows_of_cells
from gengap.diagnose.readers.console import read_console
from gengap.diagnose.readers.console.number_forms import NUMBER, VALUE
from gengap.diagnose.readers.literals import has_literals, read_literals
from gengap.diagnose.readers.log_table import LogTable
from gengap.diagnose.readers.notebooks import is_notebook, read_notebook, table_text
from gengap.diagnose.readers.patches import is_patch_alone
from gengap.diagnose.readers.table_layouts import read_log_table
from gengap.diagnose.readers.text_encoding import encoding_of, without_holes
from gengap.diagnose.readers.tracker_points import are_points, read_points
from gengap.diagnose.run_curves import Log
from gengap.errors import DataError, GengapError
from gengap.files.delimited import find_head, split_cells

HEAD = 1 << 16  # bytes that are looked at
BLOCK = 1 << 20
LOOKED_AT = 40  # lines that show whether a text is CSV
LONGEST_NAME = 80
ALIKE = 4  # lines among which one of the same words shows that the first one is no header
NO_DIGITS = str.maketrans("", "", "0123456789")
SHORT = 2  # lines of a CSV file without rows
PAGE, PAGE_ROW = re.compile(r"\s*<[a-zA-Z!]"), re.compile(r"<t[dh][\s>]", re.IGNORECASE)  # HTML with a table
PREFIXED = re.compile(r"""\s*[^\s{\["][^{\[\n]*\{""")  # DLLL {"step": 1}
NAMED = re.compile(r"[^\W\d_]{2}")
Reader = Callable[[Path, str], list[Log]]
EXAMPLE = "Epoch 1/20 - loss: 0.69 - val_loss: 0.71"


def read_text_log(path: Path, file: str) -> list[Log]:
    """Return the runs in a text file, by the first reader that finds validation curves in it.

    Raises DataError if none finds a curve, with the first fault if the text certainly is of a known kind.
    """
    head = decoded_head(path, file)
    if is_patch_alone(head, decoded_blocks(path)):
        raise DataError(nothing_found(file))
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
    if rows_of_cells(head) is not None:
        yield "text-table", _whole(_read_cells), False
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


def _read_cells(text: str, file: str) -> list[Log]:
    return read_console([f"{rows_of_cells(text) or text}\n"], file)


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
    return 2 * sum(same) >= len(same) and any(map(NAMED.search, names))


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

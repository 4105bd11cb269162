"""Weights & Biases' own files of a run, `wandb/run-*/run-ID.wandb`, read without its package.

    ":W&B", 0xBEE1, version          the file's header, 7 bytes
    checksum, length, kind, data     pieces in blocks of 32 KiB, as LevelDB's log: kind 1 is a whole record, and
                                     2, 3 and 4 are its first, middle and last piece
    Record.history (2) -> item (1) -> key (1) or nested_key (2), and integer (5), number (6) or JSON (8, 16)
    Record.history (2) -> step (2) -> num (1)
    Record.run (17) -> display_name (8)

The numbers are those of the fields in W&B's protocol buffers. A file that is still written to is read up to there.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from gengap.diagnose.readers.documents import table_of_records
from gengap.diagnose.readers.log_table import check_points
from gengap.diagnose.readers.table_layouts import read_log_table
from gengap.diagnose.run_curves import Log
from gengap.errors import DataError
from gengap.text.catalog import Message

START = b":W&B\xe1\xbe\x00"
BLOCK = 1 << 15
PIECE = struct.Struct("<IHB")  # checksum, length and kind
LARGEST = 1 << 24  # bytes of a record: larger ones hold no metrics
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types of protocol buffers

Field = tuple[int, int | bytes]  # its number, and its value


class BrokenRecordError(Exception):
    """A record is cut off, or is not what it should be."""


def is_run_file(path: Path) -> bool:
    """Return whether a file is a run of Weights & Biases, by its first bytes."""
    try:
        with path.open("rb") as stream:
            return stream.read(len(START)) == START
    except OSError:
        return False


def read_run_file(path: Path, file: str) -> list[Log]:
    """Return the run in a file. Raises DataError if it holds no history."""
    history: list[dict[str, object]] = []
    run, count, points, notes = "", 0, 0, []
    with path.open("rb") as stream:
        try:
            for record in _records(stream):
                count += 1
                for number, value in _fields(record):
                    if number == 2 and isinstance(value, bytes):
                        history.append(_history(value))
                        points += len(history[-1])
                        check_points(file, points)
                    elif number == 17 and isinstance(value, bytes):
                        run = next((_text(name) for n, name in _fields(value) if n == 8), run)
        except BrokenRecordError:
            notes.append(Message("read-broken-events", {"file": path.name, "events": count}))
    if not history:
        hint = "Log the losses with run.log, or export the charts as CSV."
        raise DataError(f"{file}: this run of Weights & Biases holds no history yet. {hint}")
    return read_log_table(table_of_records(history, file, run=run, notes=tuple(notes)))


def _records(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the records of a file. Raises BrokenRecordError where it is cut off or damaged."""
    if stream.read(len(START)) != START:
        raise BrokenRecordError
    parts: list[bytes] = []
    while True:
        left = BLOCK - stream.tell() % BLOCK
        if left < PIECE.size:
            stream.seek(left, 1)
        header = stream.read(PIECE.size)
        if not header and not parts:
            return
        if len(header) < PIECE.size:
            raise BrokenRecordError
        checksum, length, kind = PIECE.unpack(header)
        data = stream.read(length)
        if len(data) < length or zlib.crc32(data, zlib.crc32(bytes([kind]))) != checksum:
            raise BrokenRecordError
        if kind not in ((MIDDLE, LAST) if parts else (FULL, FIRST)) or sum(map(len, parts)) > LARGEST:
            raise BrokenRecordError
        parts.append(data)
        if kind in (FULL, LAST):
            yield b"".join(parts)
            parts = []


def _history(data: bytes) -> dict[str, object]:
    """Return one call of run.log: values by name, and the step."""
    found: dict[str, object] = {}
    for number, value in _fields(data):
        if number == 1 and isinstance(value, bytes):
            fields = list(_fields(value))
            name = ".".join(_text(part) for n, part in fields if n in (1, 2))
            found[name] = next((_value(n, cell) for n, cell in fields if n > 2), None)
        elif number == 2 and isinstance(value, bytes):
            found["_step"] = next((step for n, step in _fields(value) if n == 1), 0)
    return found


def _value(number: int, cell: int | bytes) -> object:
    """Return the number in a value, or None for text, flags, pictures and tables."""
    if number == 5 and isinstance(cell, int):
        return (cell >> 1) ^ -(cell & 1)  # zigzag: small negative numbers are short
    if number == 6 and isinstance(cell, bytes) and len(cell) == 8:
        return struct.unpack("<d", cell)[0]
    if number in (8, 16) and isinstance(cell, bytes):
        try:
            value = json.loads(cell)
        except (ValueError, RecursionError):
            return None
        if isinstance(value, str) and value in ("NaN", "Infinity", "-Infinity"):
            return float(value)
        return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    return None


def _fields(data: bytes) -> Iterator[Field]:
    """Yield the fields of a message in protocol buffers' wire format. Raises BrokenRecordError."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == VARINT:
            value, at = _varint(data, at)
        elif kind in (FIXED64, FIXED32, BYTES):
            size, at = _varint(data, at) if kind == BYTES else (8 if kind == FIXED64 else 4, at)
            value, at = data[at : at + size], at + size
        else:
            raise BrokenRecordError
        if at > len(data):
            raise BrokenRecordError
        yield tag >> 3, value


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a whole number of up to 64 bits in groups of 7, and where it ends."""
    for k, byte in enumerate(data[at : at + 10]):
        if byte < 128:
            return sum((data[at + i] & 127) << 7 * i for i in range(k + 1)), at + k + 1
    raise BrokenRecordError


def _text(cell: int | bytes) -> str:
    return cell.decode(errors="replace") if isinstance(cell, bytes) else str(cell)

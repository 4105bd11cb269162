"""Open Arrow files, and check how large their parts are when unpacked, before anything is unpacked.

pyarrow does not say how large a compressed batch will be. So the messages of the file are read here, as
flatbuffers: tables of numbered fields. The numbers are those of format/Message.fbs and format/File.fbs of Apache
Arrow.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from gengap.files.limits import check_unpacked_size

if TYPE_CHECKING:
    import pyarrow as pa

ARROW_MAGIC = b"ARROW1"
INDEX_BLOCKS = (2, 3)  # fields of a file's index: dictionaries and batches
MESSAGE_KIND, MESSAGE_HEADER = 1, 2  # fields of a message
DICTIONARY, DICTIONARY_BATCH = 2, 1  # the kind of a message with a dictionary, and the field with its batch
BATCH_BUFFERS, BATCH_COMPRESSION = 2, 3  # fields of a batch


def open_arrow(mapped: pa.MemoryMappedFile) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """Return the schema and batches of a memory-mapped Arrow file, or of a stream in a file."""
    import pyarrow as pa

    if not _has_index(mapped):
        opened = pa.ipc.open_stream(mapped)
        return opened.schema, iter(opened)
    found = pa.ipc.open_file(mapped)
    return found.schema, (found.get_batch(i) for i in range(found.num_record_batches))


def check_arrow(path: Path, file: str) -> None:
    """Raise TooLargeError if a batch of an Arrow file is too large when unpacked."""
    import pyarrow as pa

    with pa.memory_map(str(path)) as mapped:
        messages = _indexed_messages(mapped) if _has_index(mapped) else pa.ipc.MessageReader.open_stream(mapped)
        for i, message in enumerate(messages, 1):
            if message.type != "schema":
                check_unpacked_size(file, sum(_unpacked_sizes(message)), mapped.size(), f"message {i}")


def _has_index(mapped: pa.MemoryMappedFile) -> bool:
    """Return whether this is an Arrow file, with an index at its end, and not a stream in a file."""
    return mapped.read_at(len(ARROW_MAGIC), 0) == ARROW_MAGIC


def _indexed_messages(mapped: pa.MemoryMappedFile) -> Iterator[pa.Message]:
    """Yield the messages in the index at an Arrow file's end: see format/File.fbs of Apache Arrow."""
    import pyarrow as pa

    pa.ipc.open_file(mapped)  # refuses a broken index
    end = struct.calcsize("<i") + len(ARROW_MAGIC)
    (length,) = struct.unpack_from("<i", mapped.read_at(end, mapped.size() - end))
    index = memoryview(mapped.read_at(length, mapped.size() - end - length))
    (table,) = struct.unpack_from("<I", index)
    for field in (_field(index, table, number) for number in INDEX_BLOCKS):
        blocks = _followed(index, field) if field else 0
        for i in range(struct.unpack_from("<I", index, blocks)[0] if field else 0):
            mapped.seek(struct.unpack_from("<q", index, blocks + 4 + 24 * i)[0])
            yield pa.ipc.read_message(mapped)


def _unpacked_sizes(message: pa.Message) -> Iterator[int]:
    """Yield the declared size of each compressed buffer of a batch; others stay memory-mapped.

    pyarrow does not offer this, so the message is read here: see format/Message.fbs of Apache Arrow.
    """
    head, body = memoryview(message.metadata), memoryview(message.body)
    (at,) = struct.unpack_from("<I", head)
    (kind,) = struct.unpack_from("<B", head, _field(head, at, MESSAGE_KIND))
    batch = _followed(head, _field(head, at, MESSAGE_HEADER))
    if kind == DICTIONARY:
        batch = _followed(head, _field(head, batch, DICTIONARY_BATCH))
    if not _field(head, batch, BATCH_COMPRESSION):
        return
    buffers = _followed(head, _field(head, batch, BATCH_BUFFERS))
    (count,) = struct.unpack_from("<I", head, buffers)
    for i in range(count):
        offset, length = struct.unpack_from("<qq", head, buffers + 4 + 16 * i)
        if length >= 8:
            yield max(0, struct.unpack_from("<q", body, offset)[0])


def _followed(head: memoryview, at: int) -> int:
    """Return the place to which the offset at place `at` of a flatbuffer leads."""
    return at + struct.unpack_from("<I", head, at)[0]


def _field(head: memoryview, table: int, number: int) -> int:
    """Return the place of a field of a table in a flatbuffer; 0 if the table leaves it out."""
    names = table - struct.unpack_from("<i", head, table)[0]
    (size,) = struct.unpack_from("<H", head, names)
    place = 4 + 2 * number
    offset = struct.unpack_from("<H", head, names + place)[0] if place < size else 0
    return table + offset if offset else 0

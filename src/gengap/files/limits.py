"""Limits on what is in memory at once, so that no small file fills it, by accident or by malice.

Files that are read in pieces (CSV, gzip, row groups of Parquet, event files) may have any length. Limits apply to
documents that are read whole, and to compressed parts: a few bytes may unpack to terabytes. They are checked with
the sizes that the file declares, before anything is unpacked.
"""

from __future__ import annotations

import os
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gengap.errors import DataError, GengapError, SourceError, reason

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from numpy.lib.npyio import NpzFile

LARGEST_DOCUMENT = 1 << 26  # bytes of a plan, study.json, ...; a study of thousands of trials has a tenth
LARGEST_CARD = 1 << 24  # bytes of the description in a saved model, such as the names of its columns
LARGEST_UNPACKED = 1 << 28  # bytes that a part of any file may unpack to, ...
UNPACKED_TIMES = 20  # ... or this many times the file's size: measured numbers don't compress better
TABLE_SHARE = 4  # a table may take a quarter of the memory, because its preparation makes copies
UNKNOWN_MEMORY = 16 << 30  # bytes, if the system does not say
MAX_COLUMNS = 100_000  # of a table; each one costs time and memory even without rows


class TooLargeError(DataError, OSError):
    """A file that would not fit in memory. It is an OSError too, as code that reads files expects."""


def read_document(path: Path) -> bytes:
    """Read all bytes of a file. Raises TooLargeError if they are too many, OSError if it is no file."""
    if not path.is_file():  # a pipe would block forever
        raise FileNotFoundError(0, "there is no such file", str(path))
    with path.open("rb") as file:
        content = file.read(LARGEST_DOCUMENT + 1)
    if len(content) > LARGEST_DOCUMENT:
        limit = f"{LARGEST_DOCUMENT:,} bytes, which is the limit"
        raise TooLargeError(f"{path}: has more than {limit}. Give a smaller file.")
    return content


def check_unpacked_size(file: str, unpacked: int, packed: int, what: str = "it") -> None:
    """Raise TooLargeError if a part of a file of `packed` bytes declares a larger size than it may have."""
    most = max(LARGEST_UNPACKED, UNPACKED_TIMES * packed)
    if unpacked > most:
        raise TooLargeError(
            f"{file}: {what} unpacks to {unpacked:,} bytes, at most {most:,} may be in memory at once (or "
            f"{UNPACKED_TIMES} times the file's). Write the table as CSV, or as Parquet with smaller row groups."
        )


def default_table_bytes() -> int:
    """Return how many bytes a table may take in memory by default."""
    return machine_memory() // TABLE_SHARE


def machine_memory() -> int:
    """Return the size of this machine's memory in bytes."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # not a POSIX system
        return UNKNOWN_MEMORY


def usable_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_column_count(file: str, count: int) -> None:
    """Raise TooLargeError for more columns than a table may have."""
    if count > MAX_COLUMNS:
        raise TooLargeError(f"{file}: has {count:,} columns, at most {MAX_COLUMNS:,} are read. Leave some out.")


def check_column_names(file: str, names: Iterable[str]) -> None:
    """Raise SourceError if several columns have one name."""
    if repeated := sorted(name for name, count in Counter(names).items() if count > 1):
        raise SourceError(f"{file}: has more than one column {', '.join(repeated)}. Give each its own name.")


def check_archive(path: Path, file: str) -> None:
    """Raise TooLargeError if a zip archive is too large when unpacked; zipfile unpacks no more than declared."""
    if not zipfile.is_zipfile(path):  # the reader will report it
        return
    with zipfile.ZipFile(path) as archive:
        check_unpacked_size(file, sum(member.file_size for member in archive.infolist()), path.stat().st_size)


@contextmanager
def open_npz(path: Path, file: str) -> Iterator[NpzFile]:
    """Open an .npz file whose arrays fit in memory; nothing is unpickled.

    A damaged file raises errors of all kinds, here or when an array is read.
    """
    import numpy as np

    check_archive(path, file)
    with path.open("rb") as handle:  # np.load would leave a damaged file open
        archive = np.load(handle, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("it holds a single array, expected an .npz archive")
        yield archive


def check_parquet(metadata: pq.FileMetaData, path: Path, file: str) -> None:
    """Raise TooLargeError for too many columns, and for a row group that is too large when unpacked."""
    check_column_count(file, metadata.num_columns)
    for i in range(metadata.num_row_groups):
        group = metadata.row_group(i)
        unpacked = sum(group.column(j).total_uncompressed_size for j in range(group.num_columns))
        check_unpacked_size(file, unpacked, path.stat().st_size, f"row group {i + 1}")


@contextmanager
def open_parquet(path: Path, file: str) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file whose parts fit in memory. A text that every row repeats is held once."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as found:
        check_parquet(found.metadata, path, file)
        texts = [field.name for field in found.schema_arrow if is_text(field.type)]
    with pq.ParquetFile(path, read_dictionary=texts) as opened:
        yield opened


@contextmanager
def explain_read_errors(file: str) -> Iterator[None]:
    """Turn what a library says about an unreadable file into a SourceError that names the file."""
    try:
        yield
    except GengapError:
        raise
    except Exception as error:  # on a damaged file NumPy, zipfile and Arrow raise almost anything
        raise SourceError(f"{file}: can't be read ({reason(error)}). Check that it is complete.") from error


def is_text(kind: pa.DataType) -> bool:
    """Return whether a column holds text, which Parquet may repeat at no cost."""
    import pyarrow as pa

    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def text_bytes(column: pa.ChunkedArray | pa.Array) -> int:
    """Return how many bytes a column's texts take if each row has its own copy."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    def lengths(array: pa.Array) -> Any:
        if pa.types.is_dictionary(array.type):
            return pc.take(lengths(array.dictionary), array.indices)
        if pa.types.is_string_view(array.type):  # 16 bytes each, the first four its length; many may show one text
            views = np.frombuffer(array.buffers()[1] or b"", np.int32).reshape(-1, 4)
            return pa.array(views[array.offset : array.offset + len(array), 0])
        return pc.binary_length(array)

    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    return (
        sum(pc.sum(lengths(chunk)).as_py() or 0 for chunk in getattr(column, "chunks", [column]))
        if is_text(kind)
        else 0
    )

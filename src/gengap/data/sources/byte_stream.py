"""Turn bytes into blocks of whole lines, and parse the blocks in threads, in order.

At most a few blocks are in memory, so a file of any length can be read.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from pathlib import Path

from gengap.data.sources.row_blocks import RowBlock, StreamBrokenError
from gengap.errors import SourceError

BLOCK = 1 << 22  # bytes of text parsed at once; the fastest of 512 KiB to 4 MiB
CHUNK = 1 << 16  # bytes read from a file at once, and ...
PIECE = 1 << 16  # ... of text gunzipped at once; glibc asks the system for the memory of larger ones each time
LONGEST_LINE = 1 << 24
WORKERS = min(4, os.cpu_count() or 1)  # four parsers keep up with one gunzip


class ByteStream:
    """A stream of byte pieces that can be read again by `opener`, and whose head can be read first.

    The first reading continues after what `peek` read, so that no second transfer is needed. `by_wire` says that it
    is a transfer, so that its head should be short.
    """

    def __init__(self, opener: Callable[[], Iterator[bytes]], *, by_wire: bool = False) -> None:
        self._opener, self.by_wire = opener, by_wire
        self._head: list[bytes] = []
        self._live: Iterator[bytes] | None = None

    def peek(self, enough: Callable[[bytes], bool]) -> tuple[bytes, bool]:
        """Return the head of the stream, read until it is `enough`, and whether the stream ended there."""
        self._head, self._live, text = [], self._opener(), b""
        try:
            for piece in self._live:
                self._head.append(piece)
                text += piece
                if enough(text):
                    return text, False
        except StreamBrokenError:
            self._live = None  # the reading will meet the break again and report it
            if b"\n" not in text:
                raise
            return text, False
        return text, True

    def __iter__(self) -> Iterator[bytes]:
        live, self._live = self._live, None
        return self._opener() if live is None else chain(self._head, live)


def gunzip(chunks: Iterable[bytes], piece: int = PIECE) -> Iterator[bytes]:
    """Yield the text of gzip `chunks` of one or more members, in pieces of at most `piece` bytes.

    Raises StreamBrokenError if a member is cut off or damaged; everything before it was yielded.
    """
    from isal import igzip_lib

    member, hint = None, "Fetch the file again, or ask for fewer rows."
    for chunk in chunks:
        data: bytes = chunk
        while data or (member is not None and not member.needs_input):
            if member is None:
                data = data.lstrip(b"\0")  # gzip allows zeros as padding after a member
                if not data:
                    break
                member = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
            try:
                text = member.decompress(data, piece)
            except igzip_lib.IsalError as fault:  # pyright: ignore[reportGeneralTypeIssues]  (isal's stub errs)
                raise StreamBrokenError(f"the gzip stream is damaged ({fault})", hint) from fault
            data = b""
            if text:
                yield text
            if member.eof:
                data, member = member.unused_data, None
    if member is not None:
        raise StreamBrokenError("the gzip stream is cut off", hint)


def text(chunks: Iterator[bytes], kind: str) -> Iterator[bytes]:
    """Yield the text of `chunks`, which are gzip if `kind`, the file's ending, says so."""
    return gunzip(chunks) if kind.endswith(".gz") else chunks


def read_file(path: Path, kind: str) -> ByteStream:
    """Return the text of a file as a stream; it is gzip if `kind`, the file's ending, says so."""

    def opened() -> Iterator[bytes]:
        with path.open("rb") as file:
            yield from text(iter(lambda: file.read(CHUNK), b""), kind)

    return ByteStream(opened)


def dropped(pieces: Iterable[bytes], count: int) -> Iterator[bytes]:
    """Yield the pieces without their first `count` bytes."""
    for piece in pieces:
        if count < len(piece):
            yield piece[count:]
        count = max(0, count - len(piece))


def line_blocks(pieces: Iterable[bytes], size: int, rows: int | None) -> Iterator[list[bytes]]:
    """Yield blocks of whole lines as lists of pieces, of about `size` bytes or once there are `rows` lines.

    The last block may lack its line end. If the stream breaks, the whole lines before are yielded first.
    """
    pending: list[bytes] = []
    length = lines = 0
    try:
        for piece in pieces:
            end = piece.rfind(b"\n") + 1
            lines += piece.count(b"\n") if rows is not None else 0
            length += len(piece)
            if end and (length >= size or (rows is not None and lines >= rows)):
                yield [*pending, piece[:end]]
                pending, length = [piece[end:]], len(piece) - end
            else:
                pending.append(piece)
                if length > size + LONGEST_LINE:
                    raise StreamBrokenError(f"a line is longer than {LONGEST_LINE:,} bytes", "Give lines of text.")
    except (StreamBrokenError, SourceError):
        text = b"".join(pending)
        if end := text.rfind(b"\n") + 1:
            yield [text[:end]]
        raise
    if any(pending):
        yield pending


def join_pieces(pieces: list[bytes]) -> bytearray:
    """Join pieces in memory that the next call in this thread overwrites.

    New memory for each block took 5% of the time of reading a csv.gz.
    """
    length, start = sum(map(len, pieces)), 0
    memory = _memory.__dict__.setdefault("text", bytearray())
    memory.extend(bytes(max(0, length - len(memory))))
    del memory[length:]
    with memoryview(memory) as view:
        for piece in pieces:
            view[start : start + len(piece)] = piece
            start += len(piece)
    return memory


_memory = threading.local()


def _parse_pieces(block: list[bytes], parse: Callable[[bytearray], RowBlock]) -> RowBlock:
    """Parse a block; its pieces are freed before, so that gunzip can use their memory again."""
    text = join_pieces(block)
    block.clear()
    return parse(text)


def parse_blocks(
    blocks: Iterator[list[bytes]], parse: Callable[[bytearray], RowBlock], rows: int | None
) -> Generator[RowBlock, None, None]:
    """Parse blocks in threads and yield them in order, without reading further than `rows` rows need.

    The result of `parse` must not refer to its text. Each line counts as a row until it is parsed: reading pauses
    when there are enough lines, and continues if some are blank or bad. A break of the stream is raised after the
    rows before it.
    """
    waiting: deque[tuple[int, Future[RowBlock]]] = deque()
    ahead = good = 0
    broken: Exception | None = None
    more = True
    pool = ThreadPoolExecutor(WORKERS, "gengap-parse")
    try:
        while True:
            while more and len(waiting) < 2 * WORKERS and (rows is None or good + ahead < rows):
                try:
                    block = next(blocks)
                except StopIteration:
                    more = False
                except (StreamBrokenError, SourceError) as fault:
                    more, broken = False, fault
                else:
                    lines = 0 if rows is None else sum(piece.count(b"\n") for piece in block)
                    ahead += lines
                    waiting.append((lines, pool.submit(_parse_pieces, block, parse)))
            if not waiting:
                break
            lines, future = waiting.popleft()
            result = future.result()
            ahead, good = ahead - lines, good + len(result.batch)
            yield result
        if broken is not None:
            raise broken
    finally:
        # Don't wait: the garbage collector may run this for an unfinished reading in any thread, even in one that
        # is just starting, where a join would never end.
        pool.shutdown(wait=False, cancel_futures=True)

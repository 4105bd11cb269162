"""The line of a followed log's verdict in the terminal, and the loops that keep it up to date."""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import threading
import time
from typing import BinaryIO, TextIO

from rich.cells import cell_len, set_cell_size

from gengap.diagnose.follow import FileLog, FollowedLog, StreamLog
from gengap.report.verdict_table import sparkline
from gengap.text.catalog import Message

PIECE = 1 << 16
POLL_SECONDS = 0.2


class VerdictLine:
    """The verdict in one line at the bottom of a terminal; elsewhere a line whenever the verdict changes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._terminal = stream.isatty()
        self._shown = self._last = ""

    def show(self, log: FollowedLog) -> None:
        """Write the newest verdict."""
        if log.verdict is None or log.curves is None:
            return
        if not self._terminal:
            if log.verdict.verdict != self._last:
                print(_text(log), file=self._stream, flush=True)
            self._last = log.verdict.verdict
            return
        text = _text(log)
        width = columns(self._stream)
        self._shown = text if cell_len(text) <= width else set_cell_size(text, width)
        self.draw()

    def clear(self) -> None:
        """Take the line away, so that other text can be written."""
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def draw(self) -> None:
        """Write the line again."""
        if self._shown:
            self._stream.write(f"\r\x1b[K{self._shown}")
            self._stream.flush()


def columns(stream: TextIO) -> int:
    """Return how many characters a line of the terminal may have."""
    try:
        return max(os.get_terminal_size(stream.fileno()).columns - 1, 20)
    except OSError:
        return 79


def _text(log: FollowedLog) -> str:
    verdict, curves = log.verdict, log.curves
    assert verdict is not None and curves is not None
    facts = {
        "verdict": Message(f"verdict-{verdict.verdict}"),
        "probability": None if verdict.verdict == "inconclusive" else verdict.confidence,
        "metric": verdict.metric,
        "points": len(curves.validation),
        "last": float(curves.validation.values[-1]),
        "best": verdict.best_epoch,
        "line": sparkline(curves.validation.values),
    }
    return str(Message("watch-line", facts))


def follow_stream(
    log: StreamLog, source: BinaryIO, out: BinaryIO, line: VerdictLine, stop_on: str | None = None
) -> bool:
    """Pass text through from `source` to `out` and show its verdict; return whether `stop_on` ended it early."""
    pieces: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def receive() -> None:
        with contextlib.suppress(OSError, ValueError):
            while piece := os.read(source.fileno(), PIECE):
                pieces.put(piece)
        pieces.put(b"")

    threading.Thread(target=receive, daemon=True).start()
    while True:
        try:
            piece = pieces.get(timeout=POLL_SECONDS)
        except queue.Empty:
            piece = None
        if piece:
            line.clear()
            out.write(piece)
            out.flush()
            log.feed(piece)
            if piece.endswith(b"\n"):
                line.draw()
        ended = piece == b""
        if log.update(end=ended):
            line.show(log)
            if stop_on is not None and log.certain(stop_on):
                return True
        if ended:
            return False


def follow_file(log: FileLog, line: VerdictLine, stop_on: str | None = None) -> None:
    """Show the verdict on a file while it grows, until `stop_on` is certain."""
    while True:
        if log.update():
            line.show(log)
            if stop_on is not None and log.certain(stop_on):
                return
        time.sleep(POLL_SECONDS)


def close(log: FollowedLog, line: VerdictLine) -> None:
    """Take the line away and write the last verdict with its reasons, or why there is none."""
    from rich.console import Console

    from gengap.report.verdict_table import verdict_details

    line.clear()
    if log.verdict is not None:
        Console(file=sys.stderr).print(verdict_details([log.verdict]))
    elif log.problem:
        print(f"gengap: {log.problem}", file=sys.stderr)

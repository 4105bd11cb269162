"""Follow a log while it is written: a growing file, or text from a pipe.

pieces of a pipe  -> StreamLog -> verdict   (read line by line, once)
a file that grows -> FileLog   -> verdict   (read again when it changed)
"""

from __future__ import annotations

import codecs
import math
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path

from gengap.diagnose.judge import judge, name_axis
from gengap.diagnose.readers import read
from gengap.diagnose.readers.console.collector import Collector
from gengap.diagnose.readers.console.runs import console_logs
from gengap.diagnose.readers.paths import STDIN_NAME, nothing_found
from gengap.diagnose.run_curves import Log, MetricCurves, choose_curves
from gengap.diagnose.verdict import Verdict, make_thresholds
from gengap.errors import GengapError

CERTAIN = 0.95  # the probability from which a run is stopped
CHECK_GROWTH = 1.15  # a run may be stopped at this many times the epochs of the check before: each check can err
REST = 10  # pause after a reading, as a multiple of the time that it took
LONGEST = 1 << 20  # characters without a line's end that are kept


class FollowedLog:
    """What following a file and a stream share: choose the curves of the newest run, and judge them.

    Attributes:
        curves: The curves of the newest verdict.
        verdict: The newest verdict, or None before there is one.
        problem: Why there is no verdict yet.
    """

    def __init__(self, metric: str | None = None, min_effect: float = 0.01) -> None:
        self._metric, self._thresholds = metric, make_thresholds(min_effect)
        self._next_check = 0
        self.curves: MetricCurves | None = None
        self.verdict: Verdict | None = None
        self.problem = ""

    def judge(self, logs: Sequence[Log]) -> bool:
        """Judge the newest run; return whether there are other curves than before."""
        try:
            curves = choose_curves(logs[-1], self._metric)
        except (GengapError, IndexError) as fault:
            self.problem = str(fault) if logs else self.problem
            return False
        before = self.curves
        values = curves.validation.values
        if before is not None and values.tolist() == before.validation.values.tolist():
            return False
        if before is not None and len(values) < len(before.validation):
            self._next_check = 0  # another run
        self.curves, self.verdict = curves, name_axis(judge(curves, None, self._thresholds), curves)
        return True

    def certain(self, name: str) -> bool:
        """Return whether the verdict is certainly `name`, at one of few checks, so that luck stops no run."""
        if self.verdict is None or self.curves is None or len(self.curves.validation) < self._next_check:
            return False
        self._next_check = math.ceil(len(self.curves.validation) * CHECK_GROWTH) + 1
        return self.verdict.probabilities.get(name, 0.0) >= CERTAIN


class StreamLog(FollowedLog):
    """Console text that comes in pieces."""

    def __init__(self, metric: str | None = None, min_effect: float = 0.01) -> None:
        super().__init__(metric, min_effect)
        self.problem = nothing_found(STDIN_NAME)
        self._collector = Collector(STDIN_NAME)
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._rest = ""
        self._due, self._points = 0.0, 0

    def feed(self, piece: bytes) -> None:
        """Read the lines that are complete."""
        text = self._rest + self._decoder.decode(piece)
        end = text.rfind("\n") + 1
        self._rest = text[end:][-LONGEST:]
        self._collector.read([text[:end]])

    def update(self, *, end: bool = False) -> bool:
        """Judge what was read; return whether there is a new verdict. Readings that take long are made rarely."""
        if end:
            self._collector.read([self._rest])
            self._collector.end()
            self._rest = ""
        if self._collector.rows.points == self._points or (time.monotonic() < self._due and not end):
            return False
        began, self._points = time.monotonic(), self._collector.rows.points
        found = self.judge(console_logs(self._collector))
        self._due = time.monotonic() + REST * (time.monotonic() - began)
        return found


class FileLog(FollowedLog):
    """A file of any kind that grows, is written anew, or is not there yet."""

    def __init__(self, path: Path, metric: str | None = None, min_effect: float = 0.01) -> None:
        super().__init__(metric, min_effect)
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._due = 0.0

    def update(self) -> bool:
        """Read the file if it changed; return whether there is a new verdict."""
        try:
            found = self._path.stat()
        except OSError:
            self.problem = f"{self._path}: there is no such file. Check the path."
            return False
        state = found.st_ino, found.st_size, found.st_mtime_ns
        if state == self._seen or not found.st_size or time.monotonic() < self._due:
            return False
        began, self._seen = time.monotonic(), state
        try:
            logs = read(self._path, self._metric)
        except GengapError as fault:
            self.problem = str(fault)
            return False
        finally:
            self._due = time.monotonic() + REST * (time.monotonic() - began)
        return self.judge(logs)


def is_log(source: str) -> bool:
    """Return whether `gengap watch` follows a log: standard input, a file, or the name of a file to come."""
    return source == "-" or Path(source).is_file() or (not Path(source).is_dir() and _looks_like_file(source))


def _looks_like_file(source: str) -> bool:
    return re.search(r"\.[A-Za-z]\w{1,6}$", os.path.basename(source)) is not None  # noqa: PTH119  (a bare name)

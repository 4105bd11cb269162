"""Studies in processes of their own, to be killed: forked from one that imported everything and computed nothing.

    python killing.py FOLDER          reads commands as JSON from standard input, answers each in one line

A fork of a process in which JAX has started would hang, so this one must never compute. What programs compile to is
kept where the tests' conftest.py says, so that each study compiles once for all of them.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import gengap
from gengap.models import L2, Dropout
from gengap.plan import Plan, Recipe, Trial
from gengap.report import conclusion_plots, html, plots, tensorboard  # noqa: F401
from gengap.study.progress import SilentDisplay
from gengap.train import checkpoint
from gengap.train.jax import trainer as compiled
from gengap.train.stopping import Stopping
from gengap.train.types import Progress

ROWS: dict[str, Any] = {"train": 300, "validation": 100, "test": 40}
BEGAN = "began after epochs:"
PLAN = Plan(
    name="killed",
    trials=(
        Trial(run="sizes/Tiny", units=(16,)),
        Trial(run="sizes/Two", units=(8, 8), treatments=(L2(0.001), Dropout(0.2))),
    ),
    recipe=Recipe(batch=50, max_epochs=1500, stopping=Stopping(patience=1500)),
)


class Telling(SilentDisplay):
    """Says after how many epochs each trial begins: a trial's first chunk is one epoch."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def progress(self, progress: Progress) -> None:
        if progress.run not in self._told:
            self._told.add(progress.run)
            os.write(2, f"{BEGAN} {progress.epoch - 1}\n".encode())


def keeps(folder: Path, since: float) -> bool:
    """Whether a trial under way was kept in the folder since then."""
    with contextlib.suppress(OSError):  # one may end meanwhile
        return any(path.stat().st_mtime > since for path in folder.glob("trials/**/*.checkpoint.npz"))
    return False


def study(folder: Path, log: Path) -> None:
    """In the child: the study, kept after every chunk of a few epochs."""
    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    checkpoint.CHECKPOINT_SECONDS = 0.0
    compiled.CHUNK_SECONDS = 0.01
    gengap.study("collider", PLAN, **ROWS, seeds=1, out=folder, display=Telling())


def run(folder: Path, log: Path, kill_after: float | None, once_kept: bool) -> dict[str, Any]:
    """Runs the study to its end, or kills it: whether that was done, and how long it ran.

    It is killed so many seconds after its start or, if `once_kept`, after it kept a trial that has not ended.
    """
    begun, day = time.monotonic(), time.time()
    since = None if once_kept else begun
    child = os.fork()
    if child == 0:
        status = 1
        try:
            study(folder, log)
            status = 0
        except BaseException:
            os.write(2, traceback.format_exc().encode())
        os._exit(status)
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return {"killed": False, "status": status, "seconds": time.monotonic() - begun}
        if since is None and keeps(folder, day):
            since = time.monotonic()
        if kill_after is not None and since is not None and time.monotonic() - since >= kill_after:
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            return {"killed": os.WIFSIGNALED(status), "status": status, "seconds": time.monotonic() - begun}
        time.sleep(0.002)


def main() -> None:
    place = Path(sys.argv[1])
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(run(Path(asked.pop("folder")), place / "log", **asked)), flush=True)


if __name__ == "__main__":
    main()

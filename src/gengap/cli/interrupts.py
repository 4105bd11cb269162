"""What Ctrl-C does: a study keeps its finished trials, and the program exits at once with status 130."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from types import TracebackType
from typing import NoReturn

import typer

INTERRUPTED = 130
INTERRUPTS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def interrupt_message() -> Iterator[None]:
    """Say after Ctrl-C that finished trials are kept."""
    try:
        yield
    except KeyboardInterrupt:
        before = {each: signal.signal(each, signal.SIG_IGN) for each in INTERRUPTS}  # one more would cut the line
        typer.echo("gengap: interrupted; finished trials are kept. Run the same command to continue", err=True)
        for each, handler in before.items():
            signal.signal(each, handler or signal.SIG_DFL)
        raise


def leave_when_interrupted() -> None:
    """Exit with status 130 also if a further Ctrl-C comes while the first one is handled.

    Such a KeyboardInterrupt is caught by nobody; without this, Python would print it and end by the signal.
    """

    def end(kind: type[BaseException], value: BaseException, traceback: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            leave()
        before(kind, value, traceback)

    before, sys.excepthook = sys.excepthook, end


def leave() -> NoReturn:
    """Exit at once. An orderly exit would wait for running epochs, and another Ctrl-C would print a traceback."""
    for each in INTERRUPTS:
        signal.signal(each, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(INTERRUPTED)

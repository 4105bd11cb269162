"""Ctrl-C and SIGTERM in the main thread: one KeyboardInterrupt for a press, also where Python drops it."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import sys
import threading
import time
from _thread import interrupt_main
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import NoReturn

INTERRUPTED = 130  # the exit status
INTERRUPTS = (signal.SIGINT, signal.SIGTERM)  # SIGTERM is how a machine or a batch system ends a program
SAME_PRESS = 0.3  # seconds in which further signals count as the same press: a key that is held repeats often
AGAIN_SECONDS = 0.05  # until a Ctrl-C that Python dropped is raised again


@contextlib.contextmanager
def one_interrupt_per_press() -> Iterator[None]:
    """Raise one KeyboardInterrupt for many Ctrl-C or SIGTERM at once.

    Each further one would interrupt the handling of the first, and Python prints those that it can't raise. A
    module in C that is being imported makes an ImportError or a SystemError of it, and this a KeyboardInterrupt.
    """
    last = -math.inf

    def pressed(signum: int, frame: FrameType | None) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= SAME_PRESS:
            last = now
            raise KeyboardInterrupt

    try:
        with interrupts_handled(pressed):
            yield
    except (ImportError, SystemError):
        if last == -math.inf:
            raise
        raise KeyboardInterrupt from None


@contextlib.contextmanager
def interrupts_handled(pressed: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Call `pressed` for each Ctrl-C and SIGTERM while the context is open."""
    before = {each: signal.signal(each, pressed) for each in INTERRUPTS}
    try:
        with dropped_interrupts_raised_again():
            yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler or signal.SIG_DFL)  # None if another language set it


@contextlib.contextmanager
def dropped_interrupts_raised_again() -> Iterator[None]:
    """Raise a KeyboardInterrupt again that came while an object was freed: Python only prints it, so it is lost."""

    def press_again(unraisable: sys.UnraisableHookArgs) -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            threading.Timer(AGAIN_SECONDS, interrupt_main).start()
        else:
            hook(unraisable)

    hook, sys.unraisablehook = sys.unraisablehook, press_again
    try:
        yield
    finally:
        sys.unraisablehook = hook


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

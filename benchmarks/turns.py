"""Take turns: two programs, each in its own process, measured A B A B ... on the same machine.

A process has one Keras backend, so every peer is a process. It starts once, compiles and warms up. Then it waits on
standard input. Each line requests one turn, and the answer is one JSON number on standard output. While one is
measured, the other sleeps, and slow drifts of the machine affect both.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from types import TracebackType

from gengap.errors import GengapError

TURN_SECONDS = 1.5
WARM_UP_EPOCHS = 8
FEWEST_EPOCHS = 4


def serve(measure: Callable[[str], float]) -> None:
    """Answer each line of standard input with `measure(line)`. The measured program calls this."""
    answers, sys.stdout = sys.stdout, sys.stderr  # a library that prints must not answer in our place
    for line in sys.stdin:
        print(json.dumps(measure(line.strip())), file=answers, flush=True)


class Peer:
    """A running program `benchmarks.peers.<module>`; use it as a context manager."""

    def __init__(self, module: str, *arguments: object, backend: str = "jax") -> None:
        self.name = module
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - __exit__ closes it
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"benchmarks.peers.{module}", *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=os.environ | {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"},
        )

    def __enter__(self) -> Peer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._process.kill()
        self._process.communicate()
        self._errors.close()

    def turn(self, request: object = "") -> float:
        """Measure one turn. Raises GengapError with the end of the program's messages if it died."""
        assert self._process.stdin is not None and self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # it died before: the empty answer below says so
            print(request, file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if answer:
            return json.loads(answer)
        self._errors.seek(0)
        raise GengapError(f"benchmarks.peers.{self.name} ended without an answer:\n{self._errors.read()[-2000:]}")

    def warm_up(self) -> int:
        """Compile. Return the number of epochs for a turn of about `TURN_SECONDS`."""
        seconds = self.turn(WARM_UP_EPOCHS)
        return max(round(TURN_SECONDS / seconds), FEWEST_EPOCHS)

"""A real TensorBoard for tests, and its answers over HTTP."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """A real TensorBoard over `folder`; yields its address."""
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder)]
    command += ["--host", "127.0.0.1", "--port", "0", "--load_fast", "false"]
    command += ["--samples_per_plugin", "scalars=9999"]
    command += ["--reload_interval", "0", "--reload_task", "blocking"]  # read everything, once, and only then serve
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    said = []
    try:
        for line in process.stderr:
            said.append(line)
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                yield found[0]
                return
        pytest.fail(f"TensorBoard did not start: {''.join(said)}")
    finally:
        process.terminate()
        process.communicate()


def fetch(address: str, route: str, **query: str) -> bytes:
    """The bytes that a plugin answers."""
    with urlopen(f"{address}/data/plugin/{route}?{urlencode(query)}") as answer:
        return answer.read()


def ask(address: str, route: str, **query: str) -> Any:
    """What a plugin answers in JSON."""
    return json.loads(fetch(address, route, **query))

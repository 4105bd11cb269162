"""Logs that are still being written: a pipe, a file that grows, a process that is killed and starts again."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import pytest

from gengap.diagnose.follow import FileLog, StreamLog, is_log
from gengap.report.verdict_line import VerdictLine

WRITER = """
import sys
path, mode, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
out = open(path, mode, encoding="utf-8") if path != "-" else sys.stdout
for i in range(count):
    if path != "-":
        sys.stdin.readline()
    loss, val_loss = 0.9 * 0.93**i, 0.5 + 0.4 * 0.8**i + 0.006 * i
    print(f"Epoch {i + 1}/{count} - loss: {loss:.4f} - val_loss: {val_loss:.4f}", file=out, flush=True)
    if path != "-":
        print("written", flush=True)
"""


@contextmanager
def writer(path: Path, mode: str = "w", count: int = 60) -> Iterator[subprocess.Popen[str]]:
    """A process that writes the next epoch when it is told to; it is killed at the end."""
    command = [sys.executable, "-c", WRITER, str(path), mode, str(count)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def write(process: subprocess.Popen[str], epochs: int) -> None:
    assert process.stdin is not None and process.stdout is not None
    for _ in range(epochs):
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "written\n"


def points(log: FileLog) -> int:
    log._due = 0.0  # a test waits for no pause
    log.update()
    return 0 if log.curves is None else len(log.curves.validation)


def test_a_file_is_followed_through_a_kill_and_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    log = FileLog(path)
    assert not log.update() and log.verdict is None  # it is not there yet
    with writer(path) as process:
        for epochs in (4, 20, 16):
            before = points(log)
            write(process, epochs)
            assert points(log) == before + epochs
            assert not log.update()  # nothing new
    assert log.verdict is not None and log.verdict.verdict == "overfit" and log.certain("overfit")
    with path.open("a") as cut:
        cut.write("Epoch 41/60 - loss: 0.04")  # killed in the middle of a line
    assert points(log) == 40
    with writer(path, "a") as process:  # the same file goes on: a new run begins with its first epoch
        write(process, 6)
        assert 5 <= points(log) <= 6
    with writer(path) as process:  # the file is written anew
        write(process, 5)
        assert points(log) == 5
        assert log.verdict is not None and not log.certain("overfit")


def test_text_of_a_pipe_is_passed_through_and_stopped(tmp_path: Path) -> None:
    train = subprocess.Popen([sys.executable, "-c", WRITER, "-", "w", "3000"], stdout=subprocess.PIPE)
    command = [sys.executable, "-m", "gengap", "watch", "-", "--stop-on", "overfit"]
    watch = subprocess.run(command, stdin=train.stdout, capture_output=True, text=True, check=False)
    train.kill()
    train.communicate()
    assert watch.returncode == 1, watch.stderr
    lines = watch.stdout.splitlines()
    assert lines[0] == "Epoch 1/3000 - loss: 0.9000 - val_loss: 0.9000"
    assert lines[9] == f"Epoch 10/3000 - loss: {0.9 * 0.93**9:.4f} - val_loss: {0.5 + 0.4 * 0.8**9 + 0.054:.4f}"
    assert "overfit" in watch.stderr.splitlines()[0]
    assert "Read as console text: " in watch.stderr


def test_pieces_of_any_size_give_the_same_verdict() -> None:
    text = "".join(f"Epoch {i}: loss 0.{90 - i} val_loss 0.{40 + i}\n" for i in range(1, 30)).encode()
    found = []
    for size in (1, 7, 1000, len(text)):
        log = StreamLog()
        for start in range(0, len(text), size):
            log.feed(text[start : start + size])
        assert log.update(end=True) and not log.update(end=True)
        assert log.verdict is not None
        found.append((log.verdict.verdict, log.verdict.read and log.verdict.read.points))
    assert set(found) == {("overfit", 29)}


def test_a_log_without_validation_says_why_there_is_no_verdict() -> None:
    log = StreamLog()
    log.feed(b"Epoch 1: loss 0.5\nEpoch 2: loss 0.4\n")
    assert not log.update(end=True)
    assert "there is no validation curve" in log.problem


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        raise OSError("no terminal")


def test_the_line_is_updated_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gengap.report.verdict_line.columns", lambda _: 40)
    log, terminal, file = StreamLog(), Terminal(), StringIO()
    line, plain = VerdictLine(terminal), VerdictLine(file)
    for i in range(1, 30):
        log.feed(f"Epoch {i}: loss 0.{90 - i} val_loss 0.{40 + i}\n".encode())
        log.update(end=True)
        line.show(log)
        plain.show(log)
    line.clear()
    written = terminal.getvalue()
    assert "\n" not in written and written.endswith("\r\x1b[K")
    assert max(len(shown) for shown in written.split("\r\x1b[K")) == 40
    assert file.getvalue().splitlines()[-1].startswith("overfit")
    assert len(file.getvalue().splitlines()) < 6  # only changes


def test_which_sources_are_logs(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("x")
    assert is_log("-") and is_log(str(tmp_path / "log")) and is_log("runs/later/train.log")
    assert not is_log(str(tmp_path)) and not is_log("runs/collider-quick")


def test_a_pipe_without_a_curve_and_a_missing_file_say_so(tmp_path: Path) -> None:
    stream = StreamLog()
    stream.feed(b"hello\n")
    assert not stream.update(end=True)
    assert "no training curve was found in this text" in stream.problem
    file = FileLog(tmp_path / "log")
    assert not file.update()
    assert "there is no such file" in file.problem

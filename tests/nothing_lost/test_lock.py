"""Two studies on one folder: the second is refused, whoever it is; what a killed one left is nobody's."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import gengap
from gengap.errors import PlaceError, StudyFolderError
from gengap.files import writing as module
from gengap.files.writing import LOCK, lock_holder, study_lock

HOLDING = """
import sys
from pathlib import Path
from gengap.files.writing import study_lock
with study_lock(Path(sys.argv[1])):
    print("locked", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held_elsewhere(folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLDING, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "locked\n"
        yield process


def test_a_second_study_is_told_whose_the_folder_is(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "yet" / "there"
    with held_elsewhere(folder) as process:
        said = rf"there: another study is under way there \(process {process.pid} on {platform.node()}, since 2"
        with pytest.raises(StudyFolderError, match=said):
            gengap.study("collider", train=50, validation=20, out=folder)
        found = lock_holder(folder)
        assert found and found.pid == process.pid
    assert lock_holder(folder) is None and not (tmp_path / "not").exists()


def test_a_killed_studys_folder_is_free_at_once(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path) as process:
        process.kill()
        process.wait()
    assert (tmp_path / LOCK).exists() and lock_holder(tmp_path) is None
    with study_lock(tmp_path):
        found = lock_holder(tmp_path)
        assert found and found.pid == os.getpid()
    assert not (tmp_path / LOCK).exists()


def test_of_many_that_begin_at_one_moment_one_has_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.1)
    start, end, refused, had = threading.Barrier(8), threading.Barrier(8), [], []

    def begin() -> None:
        start.wait()
        try:
            with study_lock(tmp_path / "study"):
                had.append(1)
                end.wait()
        except StudyFolderError:
            refused.append(1)
            end.wait()

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(had), len(refused)) == (1, 7)
    assert not list(tmp_path.glob("study/*"))  # an empty folder may stay, if a refused one made it


def test_one_at_a_time_though_each_removes_the_file(tmp_path: Path) -> None:
    inside: list[int] = []

    def turn() -> None:
        for _ in range(50):
            with study_lock(tmp_path):
                inside.append(1)
                assert len(inside) == 1
                inside.pop()

    def patient() -> None:
        left = 3
        while left:
            try:
                turn()
                left -= 1
            except StudyFolderError:
                continue

    faults: list[threading.ExceptHookArgs] = []
    threading.excepthook, before = faults.append, threading.excepthook
    try:
        threads = [threading.Thread(target=patient) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        threading.excepthook = before
    assert not faults


def test_who_looks_does_not_keep_a_study_out(tmp_path: Path) -> None:
    looking, ended = threading.Event(), threading.Event()

    def look() -> None:
        while not ended.is_set():
            lock_holder(tmp_path)
            looking.set()

    watcher = threading.Thread(target=look)
    watcher.start()
    looking.wait()
    try:
        for _ in range(50):
            with study_lock(tmp_path):
                pass
    finally:
        ended.set()
        watcher.join()


def test_what_is_in_the_folder_stays(tmp_path: Path) -> None:
    with study_lock(tmp_path / "a" / "b"):
        (tmp_path / "a" / "theirs").touch()
    assert sorted(tmp_path.rglob("*")) == [tmp_path / "a", tmp_path / "a" / "theirs"]


def test_a_place_that_is_none_is_a_wrong_call(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = r"below: can't be written \(Not a directory\). .*file is a file, so nothing can be below it"
    with pytest.raises(PlaceError, match=said) as raised:
        gengap.study("collider", train=50, validation=20, out=tmp_path / "file" / "below")
    assert raised.value.exit_status == 2


def test_a_file_system_without_locks_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(module.FileLock, "acquire", refuse)
    monkeypatch.setattr(module, "lock_descriptor", refuse)
    with pytest.warns(UserWarning, match="can't be locked"), study_lock(tmp_path):
        found = lock_holder(tmp_path)
        assert found and found.pid == os.getpid()

"""A full disk, a clock that jumps, an impatient user, another version: what is finished stays, and is told."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import gengap
from gengap.analysis.summary import TrialSummary
from gengap.cli import app
from gengap.errors import PlaceError, StudyFolderError, WriteError
from gengap.files.writing import atomic_write
from gengap.models import Dropout
from gengap.plan import Plan, Recipe, Trial
from gengap.study.progress import SilentDisplay
from gengap.study.study import interruptible
from gengap.train import checkpoint as prints
from gengap.train.types import Progress

ROWS: dict[str, Any] = {"train": 200, "validation": 60}
PLAN = Plan(
    name="little",
    trials=(Trial(run="sizes/A", units=(4,)), Trial(run="sizes/B", units=(4,))),
    recipe=Recipe(batch=50, max_epochs=8),
)
ENDLESS = """
name = "long"
[[trials]]
run = "sizes/first"
units = [4]
max_epochs = 2
[[trials]]
run = "sizes/endless"
units = [4]
max_epochs = 100000000
patience = 100000000
"""
SMALL_FILES = """
import resource, sys
from gengap.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)),) * 2)
main()
"""


def values(found: gengap.Study) -> list[bytes]:
    return [series.values.tobytes() for history in found.histories for series in history.series.values()]


SIZED = ["study", "--train", "200", "--validation", "60", "--max-epochs", "8", "--only", "sizes/Tiny", "--out"]


def with_small_files(limit: int, out: Path) -> subprocess.CompletedProcess[str]:
    """A study in a process that can't write a file longer than the limit."""
    words = [sys.executable, "-c", SMALL_FILES, str(limit), *SIZED, str(out)]
    return subprocess.run(words, capture_output=True, text=True)


def test_a_full_disk_is_told_in_a_line_and_the_same_call_goes_on(tmp_path: Path) -> None:
    pytest.importorskip("resource")
    for limit in (3_000, 200_000):  # too little for a model; enough for a trial, and too little for the report
        done = with_small_files(limit, tmp_path / "study")
        assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
        assert "can't be written (File too large). Make room there" in done.stderr
    assert (tmp_path / "study" / "trials" / "sizes" / "Tiny.seed0.parquet").exists()
    again = CliRunner().invoke(app, [*SIZED, str(tmp_path / "study")])
    assert again.exit_code == 0 and "(finished before)" in again.stderr, again.output
    assert not list((tmp_path / "study").rglob("*part*"))


@contextlib.contextmanager
def small_disk(place: Path, size: str) -> Iterator[None]:
    place.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    if subprocess.run(mounting, capture_output=True).returncode:
        pytest.skip("no file system may be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a tmpfs")
def test_trials_finished_before_the_disk_was_full_survive(tmp_path: Path) -> None:
    plan = PLAN.with_max_epochs(8)
    whole = gengap.study("collider", plan, **ROWS)
    with small_disk(tmp_path / "disk", "400k"):
        folder, filler = tmp_path / "disk" / "study", tmp_path / "disk" / "filler"

        class Filling(SilentDisplay):
            def finished(self, trial: TrialSummary, reused: bool) -> None:
                with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
                    while True:
                        file.write(b"x" * 4096)

        with pytest.raises(WriteError, match="No space left on device") as raised:
            gengap.study("collider", plan, **ROWS, jobs=1, out=folder, display=Filling())
        assert raised.value.exit_status == 1 and not isinstance(raised.value, PlaceError)
        assert [path.name for path in sorted((folder / "trials").rglob("*.parquet"))] == ["A.seed0.parquet"]
        filler.unlink()
        with contextlib.suppress(WriteError):  # there may be no room for pictures
            gengap.study("collider", plan, **ROWS, out=folder)
        subprocess.run(["cp", "-r", str(folder), str(tmp_path / "roomy")], check=True)
    assert values(gengap.study("collider", plan, **ROWS, out=tmp_path / "roomy")) == values(whole)


@pytest.mark.parametrize(
    ("number", "kind"), [(28, WriteError), (27, WriteError), (5, WriteError), (13, PlaceError), (30, PlaceError)]
)
def test_a_wrong_place_is_told_from_a_full_one(number: int, kind: type[WriteError], tmp_path: Path) -> None:
    with pytest.raises(WriteError, match=os.strerror(number)) as raised, atomic_write(tmp_path / "file"):
        raise OSError(number, os.strerror(number))
    assert type(raised.value) is kind
    assert raised.value.exit_status == (2 if kind is PlaceError else 1)


def test_a_clock_that_jumps_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, real, jumps = gengap.study("collider", PLAN, **ROWS), time.time, cycle([0, 86_400, -86_400])
    begun = real()
    monkeypatch.setattr(time, "time", lambda: real() + next(jumps))
    told: list[float] = []

    class Watching(SilentDisplay):
        def progress(self, progress: Progress) -> None:
            told.append(progress.seconds)

    found = gengap.study("collider", PLAN, **ROWS, out=tmp_path / "study", display=Watching())
    assert values(found) == values(whole)
    assert all(0 < seconds < 3_600 for seconds in (*told, found.summary.seconds))
    first, last = found.trials
    for trial in found.trials:
        assert 0 < trial.seconds < 3_600 and abs(trial.began - begun) < 2 * 86_400
    assert abs(first.began - last.began) < 3_600


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_ctrl_c_twice_ends_at_once_and_the_folder_goes_on(tmp_path: Path) -> None:
    (tmp_path / "long.toml").write_text(ENDLESS)
    words = ["study", "--train", "200", "--validation", "50", "--plan", "long.toml", "--out", "kept"]
    started = [sys.executable, "-m", "gengap", *words]
    with subprocess.Popen(started, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        for line in process.stderr:
            if line.startswith("sizes/endless: epoch"):
                break
        for _ in range(20):  # and more than twice
            process.send_signal(signal.SIGINT)
            time.sleep(0.002)
        rest = process.stderr.read()
        assert process.wait() == 130
    assert "Traceback" not in rest and "finished trials are kept" in rest
    found = gengap.study("collider", _first(), train=200, validation=50, out=tmp_path / "kept")
    assert [trial.run for trial in found.trials] == ["sizes/first"]


def _first() -> Plan:
    return Plan.from_toml(ENDLESS).only("sizes/first")


def test_what_changed_since_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(plan: Plan = PLAN, **changed: Any) -> str:
        with pytest.raises(StudyFolderError, match=r"sizes/A trained with .*; name another folder with") as raised:
            gengap.study("collider", plan, **ROWS | changed, out=tmp_path)
        return str(raised.value).partition("trained with ")[2].partition(";")[0]

    a = Trial(run="sizes/A", units=(4,), treatments=(Dropout(0.5),))
    one = Plan(name="one", trials=(a,), recipe=PLAN.recipe)
    gengap.study("collider", one, **ROWS, out=tmp_path)
    other = Trial(run="sizes/A", units=(5, 4), treatments=(Dropout(0.3),), patience=7)
    assert refused(Plan(name="one", trials=(other,), recipe=PLAN.recipe)) == (
        "treatments dropout rate 0.5 (now dropout rate 0.3), units 4 (now 5, 4), "
        "stopping.patience the default (now 7)"
    )
    assert refused(one, train=201) == "other rows or columns"
    assert refused(one.with_max_epochs(7)) == "max_epochs 8 (now 7)"
    with monkeypatch.context() as patch:
        patch.setattr("gengap.study.scheduler.versions", lambda: {"keras": "9.9", "backend": "jax 9.9"})
        assert "backend jax" in (said := refused(one)) and "(now 9.9)" in said
    before = prints.TRAINING
    monkeypatch.setattr(prints, "TRAINING", 99)
    assert refused(one) == f"trainer {before} of gengap {gengap.__version__} (now 99)"


def test_another_target_is_named_first(tmp_path: Path) -> None:
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 3)), columns=["a", "b", "c"]).round(2)
    table.assign(d=[0, 1] * 30).to_csv(tmp_path / "t.csv", index=False)
    one = Plan(name="one", trials=(Trial(run="sizes/A", units=(4,)),), recipe=PLAN.recipe)
    gengap.study(tmp_path / "t.csv", one, target="a", out=tmp_path / "runs")
    with pytest.raises(StudyFolderError, match=r"sizes/A trained with target a \(now b\); name another"):
        gengap.study(tmp_path / "t.csv", one, target="b", out=tmp_path / "runs")
    with pytest.raises(StudyFolderError, match=r"trained with target a \(now d\), max_epochs 8 \(now 7\)"):
        gengap.study(tmp_path / "t.csv", one.with_max_epochs(7), target="d", out=tmp_path / "runs")
    other = Plan(name="other", trials=(Trial(run="sizes/B", units=(4,)),), recipe=PLAN.recipe)
    results = (tmp_path / "runs" / "study.json").read_bytes()
    with pytest.raises(StudyFolderError, match=r"sizes/A trained with target a \(now b\); name another"):
        gengap.study(tmp_path / "t.csv", other, target="b", out=tmp_path / "runs")
    with pytest.raises(StudyFolderError, match="sizes/A trained with other rows or columns; name another"):
        gengap.study(tmp_path / "t.csv", other, target="a", train=30, out=tmp_path / "runs")
    assert (tmp_path / "runs" / "study.json").read_bytes() == results
    assert len(gengap.study(tmp_path / "t.csv", other, target="a", out=tmp_path / "runs").trials) == 1


def test_a_folder_of_before_is_refused_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gengap.study.scheduler.fingerprint", lambda _: "0123456789abcdef")
    gengap.study("collider", PLAN, **ROWS, only="sizes/A", out=tmp_path)
    monkeypatch.undo()
    with pytest.raises(StudyFolderError, match="another plan, other data or another version of the trainer"):
        gengap.study("collider", PLAN, **ROWS, only="sizes/A", out=tmp_path)


def test_a_ctrl_c_that_comes_while_an_object_is_freed_is_not_lost() -> None:
    class Freed:
        def __del__(self) -> None:
            raise KeyboardInterrupt

    event = threading.Event()
    with pytest.raises(KeyboardInterrupt), interruptible(event, SilentDisplay()):
        event.set()
        freed = Freed()
        del freed
        for _ in range(100):
            time.sleep(0.05)
        pytest.fail("nothing was raised")

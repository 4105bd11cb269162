"""What a study writes while it runs: for whoever watches, and never at the trials' cost."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
from live_made import PLAN, ROWS, finished, status, told, write_status

import gengap
from gengap.errors import GengapError
from gengap.files.writing import study_lock
from gengap.history import read_histories
from gengap.plan import Growth, Plan, Trial
from gengap.study.progress import LIVE, STATUS, ProgressFiles, SilentDisplay, is_running, read_status
from gengap.train.types import Progress

ANOTHER = 1  # one that is there
OUTSIZED = msgspec.json.encode(status(pid=2**70))


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


class Recording(SilentDisplay):
    def __init__(self) -> None:
        self.calls: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        if name in ("reading", "begin", "starting", "progress", "finished", "interrupted"):
            return lambda *_: self.calls.append(name)
        return super().__getattribute__(name)


def test_a_trials_curves_are_there_while_it_runs_and_gone_once_it_is_finished(tmp_path: Path) -> None:
    with ProgressFiles(tmp_path, SilentDisplay()) as live:
        live.begin(PLAN, gengap.load("collider", **ROWS), 1)
        live.progress(told())
        assert names(tmp_path) == ["live/sizes/Tiny.seed0.parquet", STATUS]
        (history,) = read_histories(tmp_path / LIVE / "sizes" / "Tiny.seed0.parquet")
        assert (history.run, history.seed, history.epochs) == ("sizes/Tiny", 0, 2)
        live.finished(finished(), reused=False)
        assert names(tmp_path) == [STATUS]
        found = read_status(tmp_path)
        assert found and found.finished == (("sizes/Tiny", 0),)
        assert (found.planned, found.rows["train"], found.plan_name) == (2, 300, "little")
        assert not is_running(tmp_path)
        with study_lock(tmp_path):
            assert is_running(tmp_path)
        assert Plan.from_toml(found.plan) == PLAN
    assert names(tmp_path) == []


def test_curves_are_written_once_in_a_while(tmp_path: Path) -> None:
    with ProgressFiles(tmp_path, SilentDisplay()) as live:
        live.progress(told(epochs=1))
        live.progress(told(epochs=2))
        live.progress(told(seed=1, epochs=2))
        kept = [read_histories(path)[0].epochs for path in sorted((tmp_path / LIVE).rglob("*.parquet"))]
    assert kept == [1, 2]


def test_a_plan_that_grows_has_no_number_of_trials(tmp_path: Path) -> None:
    plan = Plan(name="grows", trials=(), growth=Growth(sizes=((4,), (8,))))
    with ProgressFiles(tmp_path, SilentDisplay()) as live:
        live.begin(plan, gengap.load("collider", **ROWS), 2)
        found = read_status(tmp_path)
        assert found and found.planned is None


def test_what_a_killed_study_left_is_gone_with_the_next(tmp_path: Path) -> None:
    ProgressFiles(tmp_path, SilentDisplay()).progress(told("sizes/old"))
    with ProgressFiles(tmp_path, SilentDisplay()) as live:
        live.begin(PLAN, gengap.load("collider", **ROWS), 1)
        assert names(tmp_path) == [STATUS]


def test_files_of_others_stay(tmp_path: Path) -> None:
    theirs = tmp_path / LIVE / "sizes" / "theirs.parquet"
    theirs.parent.mkdir(parents=True)
    theirs.touch()
    with ProgressFiles(tmp_path, SilentDisplay()) as live:
        live.begin(PLAN, gengap.load("collider", **ROWS), 1)
        live.progress(told())
        live.progress(told("other/run"))
    assert names(tmp_path) == ["live/sizes/theirs.parquet"]
    assert not (tmp_path / LIVE / "other").exists()


def test_every_call_reaches_the_display_behind(tmp_path: Path) -> None:
    behind = Recording()
    with ProgressFiles(tmp_path, behind) as live:
        live.reading(1, None)
        live.begin(PLAN, gengap.load("collider", **ROWS), 1)
        live.starting("sizes/Tiny", 0)
        live.progress(told())
        live.progress(told())
        live.finished(finished(), reused=False)
        live.interrupted()
    assert behind.calls == ["reading", "begin", "starting", "progress", "progress", "finished", "interrupted"]


def test_trials_are_under_way_from_their_start_to_their_end(tmp_path: Path) -> None:
    def under_way() -> tuple[tuple[str, int], ...] | None:
        status = read_status(tmp_path)
        return status and status.under_way

    with ProgressFiles(tmp_path, SilentDisplay()) as live:
        live.begin(PLAN, gengap.load("collider", **ROWS), 2)
        live.starting("sizes/Tiny", 0)
        live.starting("sizes/Tiny", 1)
        assert under_way() == (("sizes/Tiny", 0), ("sizes/Tiny", 1))
        live.finished(finished(seed=0), reused=False)
        assert under_way() == (("sizes/Tiny", 1),)


def test_files_that_cannot_be_written_end_no_trial(tmp_path: Path) -> None:
    (tmp_path / LIVE).write_text("a file is in the way")
    with ProgressFiles(tmp_path, SilentDisplay()) as live:
        live.begin(PLAN, gengap.load("collider", **ROWS), 1)
        live.progress(told())
        live.finished(finished(), reused=False)


def test_a_study_writes_its_trials_curves_and_leaves_none(tmp_path: Path) -> None:
    seen: set[str] = set()
    lock = threading.Lock()

    class Watching(SilentDisplay):
        def progress(self, progress: Progress) -> None:
            assert is_running(tmp_path)
            with lock:
                seen.update(names(tmp_path / LIVE))
            history = progress.history()
            assert (history.run, history.seed, history.epochs) == (progress.run, progress.seed, progress.epoch)
            assert history["validation", "binary_crossentropy"].values[-1] == progress.validation

    gengap.study("collider", PLAN, **ROWS, out=tmp_path, display=Watching())
    assert {"sizes/Tiny.seed0.parquet", "sizes/Two.seed0.parquet"} <= seen
    assert not (tmp_path / LIVE).exists()
    assert not is_running(tmp_path)


def test_a_study_that_fails_leaves_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(*_: Any, **__: Any) -> Any:
        raise RuntimeError("out of luck")

    monkeypatch.setattr(Trial, "build", faulty)
    with pytest.raises(RuntimeError, match="out of luck"):
        gengap.study("collider", PLAN, **ROWS, out=tmp_path)
    assert not (tmp_path / LIVE).exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"pid": "none"}', b"\xff", OUTSIZED])
def test_half_a_status_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / LIVE).mkdir()
    (tmp_path / STATUS).write_bytes(content)
    assert read_status(tmp_path) is None


def test_a_study_that_never_began_leaves_the_files_of_a_killed_one(tmp_path: Path) -> None:
    write_status(tmp_path, runs=False)
    before = names(tmp_path)
    for faulty in ({"seeds": 0}, {"validation": 0}, {"source": "missing.csv"}):
        options: dict[str, Any] = {"source": "collider", "plan": PLAN, **ROWS, **faulty}
        with pytest.raises(GengapError):
            gengap.study(**options, out=tmp_path)
    assert names(tmp_path) == before != []


@pytest.mark.parametrize(
    ("runs", "changed", "running"),
    [(True, {}, True), (True, {"pid": ANOTHER}, False), (True, {"host": "elsewhere"}, False), (False, {}, False)],
)
def test_a_study_runs_while_it_holds_the_folder(
    tmp_path: Path, runs: bool, changed: dict[str, Any], running: bool
) -> None:
    write_status(tmp_path, runs, **changed)
    assert is_running(tmp_path) == running

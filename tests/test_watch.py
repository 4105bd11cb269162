"""The live page: what it sees of a folder, what its server answers and refuses, beside real studies."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from live_made import PLAN, ROWS, status, told, write_curves, write_finished, write_status

import gengap
from gengap.cli import watch_command
from gengap.errors import UsageError
from gengap.files.writing import study_lock
from gengap.plan import Growth, Plan, Trial
from gengap.report.html import render_main
from gengap.study.progress import LIVE, MOST_EPOCHS, SECONDS, STATUS, ProgressFiles, SilentDisplay
from gengap.text.catalog import catalog, languages
from gengap.watch import Server, State, StudySnapshot, folder_version, page_server, serve_page, take_snapshot

GONE = 2**22 + 1  # a process that Linux never gives
HOSTILE = """</script><script>alert(1)</script>"'&<img src=x onerror=alert(1)>"""
SEEN = ["depths/a", "sizes/a", "depths/b", "sizes/b", "rows/a"]  # two finished, three training
PLANNED = Plan(name="any", trials=tuple(Trial(run=run, units=(4,)) for run in ("sizes/b", "sizes/a", "depths/b")))
GROWN = msgspec.structs.replace(PLANNED, growth=Growth(sizes=((4,), (8,))))
LONG = """
name = "long"
[[trials]]
run = "sizes/first"
units = [4]
max_epochs = 2
[[trials]]
run = "sizes/endless"
units = [256, 256]
max_epochs = 100000000
patience = 100000000
"""


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("watch") / "study"
    gengap.study("collider", PLAN, **ROWS, out=folder)
    return folder


@contextmanager
def answered(server: Server, path: str, method: str = "GET", **headers: str) -> Iterator[HTTPResponse]:
    connection = HTTPConnection("127.0.0.1", server.server_port)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        yield connection.getresponse()
    finally:
        connection.close()


def ask(server: Server, path: str) -> str:
    with answered(server, path) as answer:
        assert answer.status == 200
        return answer.read().decode()


def news(server: Server) -> dict[str, str]:
    return json.loads(ask(server, "/version"))


def text_of(seen: StudySnapshot) -> str:
    return catalog("en").render(seen.message)


def eventually(true: Callable[[], bool]) -> None:
    """Waits; the limit is there only so that a broken page cannot hang the suite."""
    until = time.monotonic() + 300
    while not true():
        assert time.monotonic() < until
        time.sleep(0.05)


# What is seen of a folder


def test_a_folder_that_is_not_there_is_waited_for(tmp_path: Path) -> None:
    seen = take_snapshot(tmp_path / "later")
    assert (seen.state, seen.page, text_of(seen)) == ("waiting", None, "waiting for a study to begin")


def test_a_study_under_way_shows_finished_trials_and_curves_so_far(studied: Path, tmp_path: Path) -> None:
    (tmp_path / "trials").symlink_to(studied / "trials")
    write_status(tmp_path, finished=(("sizes/Tiny", 0), ("sizes/lost", 0)))
    write_curves(tmp_path)
    seen = take_snapshot(tmp_path)
    assert seen.page
    assert (seen.state, text_of(seen)) == ("running", "the study is running: 1 of 2 trials finished")
    assert [(row.run, row.epochs, row.first is not None) for row in seen.page.rows] == [
        ("sizes/Tiny", 3, True),
        ("sizes/Two", 3, False),
    ]
    assert seen.page.under_way


def test_running_trials_are_shown_with_their_epochs_and_the_time_left(tmp_path: Path) -> None:
    write_status(tmp_path)
    with ProgressFiles(tmp_path / "study", SilentDisplay()) as live:  # as a study writes them
        live.progress(told(epochs=2))
        (written,) = (tmp_path / "study").rglob("*.parquet")
        shutil.copy(written, tmp_path / LIVE / "real.seed0.parquet")
    odd: dict[str, tuple[str, str]] = {
        "none": ("", ""),
        "less": ("2", "1"),
        "endless": ("9", "inf"),
        "text": ("a", "b"),
    }
    for name, (most, seconds) in odd.items():
        write_curves(tmp_path, name, name=name, metadata={MOST_EPOCHS: most, SECONDS: seconds})
    page = take_snapshot(tmp_path).page
    assert page is not None
    (running,) = page.running
    assert (running.run, running.epochs, running.most_epochs, running.seconds_left) == ("sizes/Tiny", 2, 10, 4.0)
    text = render_main(page, catalog("en"))
    assert "epoch 2 of at most 10" in text and "at most 0:04 left" in text
    write_status(tmp_path, runs=False)
    stopped = take_snapshot(tmp_path).page
    assert stopped is not None and not stopped.running


def test_a_trial_is_shown_while_it_is_compiled(tmp_path: Path) -> None:
    write_status(tmp_path, under_way=(("sizes/Tiny", 0), ("sizes/Two", 0)), finished=(("sizes/Tiny", 0),))
    page = take_snapshot(tmp_path).page
    assert page is not None and page.compiling == (("sizes/Two", 0),)
    assert "compiling" in render_main(page, catalog("en"))
    write_curves(tmp_path, "sizes/Two")
    trained = take_snapshot(tmp_path).page
    assert trained is not None and not trained.compiling
    assert "compiling" not in render_main(trained, catalog("en"))
    write_status(tmp_path, runs=False, under_way=(("sizes/Three", 0),))
    stopped = take_snapshot(tmp_path).page
    assert stopped is not None and not stopped.compiling


def test_curves_of_a_finished_trial_are_not_shown_twice(studied: Path, tmp_path: Path) -> None:
    (tmp_path / "trials").symlink_to(studied / "trials")
    write_status(tmp_path, finished=(("sizes/Tiny", 0),), planned=None)
    write_curves(tmp_path, run="sizes/Tiny", epochs=2)
    seen = take_snapshot(tmp_path)
    assert seen.page and [(row.run, row.epochs) for row in seen.page.rows] == [("sizes/Tiny", 3)]
    assert text_of(seen) == "the study is running: 1 trial finished"


def test_a_killed_study_is_told_from_one_under_way(tmp_path: Path) -> None:
    write_status(tmp_path, runs=False)
    write_curves(tmp_path)
    seen = take_snapshot(tmp_path)
    assert (seen.state, text_of(seen)) == ("stopped", "the study stopped early: 0 of 2 trials finished")
    assert seen.page and seen.page.summary.interrupted and not seen.page.under_way


def test_a_study_killed_on_another_host_is_told_at_once(tmp_path: Path) -> None:
    write_status(tmp_path, runs=False, host="elsewhere")
    assert take_snapshot(tmp_path).state == "stopped"


def test_a_study_that_has_yet_to_begin_is_not_the_killed_one_before(tmp_path: Path) -> None:
    write_status(tmp_path, runs=False)
    killed = folder_version(tmp_path)
    with study_lock(tmp_path):
        assert take_snapshot(tmp_path).state == "running" and folder_version(tmp_path) != killed
        write_status(tmp_path, runs=False, pid=GONE)
        assert take_snapshot(tmp_path).state == "stopped"


def test_a_status_that_goes_while_it_is_looked_at_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gengap.watch.read_status", lambda _: status(pid=GONE))
    seen = take_snapshot(tmp_path)
    assert seen.page and (seen.state, seen.page.summary.seconds) == ("stopped", 0.0)


@pytest.mark.parametrize("runs", [True, False])
@pytest.mark.parametrize(
    ("plan", "order"),
    [
        (PLANNED.to_toml(), ["sizes/b", "sizes/a", "depths/b", "depths/a", "rows/a"]),
        (GROWN.to_toml(), ["sizes/b", "sizes/a", "depths/b", "depths/a", "rows/a"]),
        ("", SEEN),
        ("name = ", SEEN),
        (PLANNED.to_toml() + "\n[news]\nof = 'a later version'", SEEN),
    ],
)
def test_runs_come_in_the_order_of_the_plan(tmp_path: Path, runs: bool, plan: str, order: list[str]) -> None:
    finished = tuple(write_finished(tmp_path, run) for run in SEEN[:2])
    for run in SEEN[2:]:
        write_curves(tmp_path, run=run, name=f"{SEEN.index(run)}")
    write_status(tmp_path, runs=runs, plan=plan, finished=finished)
    page = take_snapshot(tmp_path).page
    assert page and [row.run for row in page.rows] == order
    assert [shown.run for shown in page.groups["*"]] == [line.run for line in page.values.lines] == order
    assert list(page.groups) == [*dict.fromkeys(run.split("/")[0] for run in order), "*"]


def test_a_row_is_one_seeds_curve_and_verdict(tmp_path: Path) -> None:
    write_status(tmp_path, seeds=2, finished=(write_finished(tmp_path, "sizes/Two", seed=1, epochs=7),))
    write_curves(tmp_path, epochs=3)
    page = take_snapshot(tmp_path).page
    assert page
    (row,), curves = page.rows, page.curves["sizes/Two"]
    assert row.first and (row.first.seed, row.first.best_epoch, row.epochs) == (1, 7, 7)
    assert (curves.seed, curves.epochs, curves.best) == (1, 7, 7)
    write_status(tmp_path, seeds=2)
    again = take_snapshot(tmp_path).page
    assert again and (again.curves["sizes/Two"].seed, again.rows[0].epochs) == (0, 3)


def test_a_finished_study_is_shown_whole(studied: Path) -> None:
    seen = take_snapshot(studied)
    assert (seen.state, text_of(seen)) == ("finished", "the study is finished")
    assert seen.page and seen.page.summary.recommendation


def test_results_beside_the_status_of_a_killed_study_are_shown(studied: Path) -> None:
    """It was killed after it wrote them, or they came from elsewhere."""
    write_status(studied, runs=False)
    try:
        assert take_snapshot(studied).state == "finished"
        whole = (studied / "study.json").read_bytes()
        (studied / "study.json").write_bytes(whole[:-20])
        assert take_snapshot(studied).state == "stopped"
        (studied / "study.json").write_bytes(whole)
    finally:
        (studied / STATUS).unlink()


def test_results_of_before_make_way_for_a_study_under_way(studied: Path) -> None:
    write_status(studied)
    try:
        assert take_snapshot(studied).state == "running"
        write_status(studied, runs=False)
        assert take_snapshot(studied).state == "finished"
    finally:
        (studied / STATUS).unlink()


def test_half_written_files_are_as_if_not_there(studied: Path, tmp_path: Path) -> None:
    for name in ("study.json", "histories.parquet", "plan.toml"):
        (tmp_path / name).write_bytes((studied / name).read_bytes()[:-20])
    assert take_snapshot(tmp_path).state == "waiting"
    write_status(tmp_path, finished=(("sizes/Tiny", 0),))
    write_curves(tmp_path, name="whole")
    whole = (tmp_path / LIVE / "whole.seed0.parquet").read_bytes()
    for name, content in (("cut", whole[:-9]), ("empty", b""), ("other", b"no parquet at all")):
        (tmp_path / LIVE / f"{name}.seed0.parquet").write_bytes(content)
    (tmp_path / "trials" / "sizes").mkdir(parents=True)
    (tmp_path / "trials" / "sizes" / "Tiny.seed0.parquet").write_bytes(whole[:-9])
    seen = take_snapshot(tmp_path)
    assert seen.page and [row.run for row in seen.page.rows] == ["sizes/Two"]


def test_the_mark_changes_with_what_is_seen_and_only_then(tmp_path: Path) -> None:
    marks = [folder_version(tmp_path)]

    def changed() -> bool:
        marks.append(folder_version(tmp_path))
        return marks[-1] != marks[-2]

    assert not changed()
    write_status(tmp_path)
    assert changed() and not changed()
    write_curves(tmp_path)
    assert changed() and not changed()
    write_curves(tmp_path, epochs=4)
    assert changed()
    write_status(tmp_path, runs=False)
    assert changed()
    (tmp_path / "study.json").write_text("{}")
    assert changed()


# The server


def test_three_routes_and_nothing_else(studied: Path) -> None:
    with serve_page(studied, 0, "en") as server:
        whole, main, version = ask(server, "/"), ask(server, "/main"), news(server)
        for path in ("/study.json", "/main/", "/../study.json", "/%2e%2e/study.json", "/?main", "/nothing", "*"):
            with answered(server, path) as answer:
                assert answer.status == 404, path
    assert whole.startswith("<!doctype html>") and main in whole
    assert main.lstrip().startswith('<main id="report"')
    assert version == {"version": version["version"], "state": "finished", "text": "the study is finished"}
    assert json.dumps(version)[1:-1].replace(": ", ":").replace(", ", ",") in whole


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_nothing_but_get_is_answered(tmp_path: Path, method: str) -> None:
    with serve_page(tmp_path, 0) as server, answered(server, "/", method) as answer:
        assert answer.status == 405


def test_other_hosts_are_refused(tmp_path: Path) -> None:
    with serve_page(tmp_path, 0) as server:
        port = server.server_port
        for host in (
            f"127.0.0.1:{port}",
            f"localhost:{port}",
            "LOCALHOST",
            "127.0.0.1",  # port 80
            f"127.0.0.1:{port + 1}",  # as ssh -L brings it there
        ):
            with answered(server, "/main", Host=host) as answer:
                assert answer.status == 200
        for host in (
            f"gengap.example:{port}",
            f"127.0.0.1:{port}.example",
            f"127.0.0.1.example:{port}",
            f"127a0b0c1:{port}",
            f"localhost.:{port}",
            "localhost:",
            f":{port}",
            "",
        ):
            for method in ("GET", "POST"):
                with answered(server, "/", method, Host=host) as answer:
                    assert answer.status == 403, host
                    assert "127.0.0.1" in answer.reason
        assert server.server_address[0] == "127.0.0.1"


def test_what_has_not_changed_is_not_sent_again(studied: Path) -> None:
    with serve_page(studied, 0) as server:
        for path in ("/", "/main"):
            with answered(server, path) as answer:
                tag = answer.headers["ETag"]
            with answered(server, path, If_None_Match=tag) as answer:
                assert (answer.status, answer.read()) == (304, b"")
            with answered(server, path, If_None_Match='"another"') as answer:
                assert answer.status == 200
        assert tag == f'"{news(server)["version"]}"'


def test_names_stay_names(tmp_path: Path) -> None:
    write_status(tmp_path, source=HOSTILE, target=HOSTILE, columns=(HOSTILE,), plan=HOSTILE, plan_name=HOSTILE)
    write_curves(tmp_path, run=f"{HOSTILE}/{HOSTILE}")
    with serve_page(tmp_path, 0, "en") as server:
        for page in (ask(server, "/"), ask(server, "/main")):
            assert "alert(1)" in page
            assert "<script>alert" not in page and "<img src=x" not in page
    named = tmp_path / HOSTILE.replace("/", "")
    with serve_page(named, 0, "en") as server:
        assert "<img src=x" not in ask(server, "/")


def test_the_page_speaks_the_language_asked_for(tmp_path: Path) -> None:
    with serve_page(tmp_path, 0, "ko") as server:
        assert '<html lang="ko">' in ask(server, "/")
        assert "기다리고" in news(server)["text"]
    with pytest.raises(UsageError, match="unknown language 'xx'"):
        page_server(tmp_path, 0, "xx")


def test_every_state_has_a_text_in_every_language() -> None:
    states = [
        StudySnapshot(state, finished=1, planned=planned) for state in get_args(State) for planned in (None, 2)
    ]
    assert len({catalog(code).render(seen.message) for code in languages() for seen in states}) == 6 * len(
        languages()
    )


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UsageError, match="is a file"):
            page_server(folder, 0)


def test_a_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "gengap", "watch", str(tmp_path), "--no-browser", "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == f"gengap: port {port} can't be used (Address already in use); name another with --port\n"


def test_without_a_port_any_free_one_does(tmp_path: Path) -> None:
    with serve_page(tmp_path, lang="en") as first, serve_page(tmp_path, lang="en") as second:
        assert first.server_port != second.server_port
        for server in (first, second):
            assert "No trial is finished yet" in ask(server, "/main")


def test_an_open_page_gets_what_is_new_before_the_server_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    got = []
    monkeypatch.setattr("gengap.watch.REST", 1e9)  # the edition that the page has rests
    write_status(tmp_path)
    with serve_page(tmp_path, 0) as server:
        before = news(server)
        ask(server, "/")  # as every page does

        def page() -> None:
            eventually(lambda: news(server)["version"] != before["version"])
            got.append(ask(server, "/main"))

        thread = threading.Thread(target=page)
        thread.start()
        write_curves(tmp_path, run="sizes/last")
    thread.join()
    assert "sizes/last" in got[0]


# Beside real studies


@contextmanager
def running(
    *words: str | Path, cwd: Path, stdout: int | None = None, stderr: int = subprocess.PIPE, **environment: str
) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "gengap", *map(str, words)]
    streams = {"stdout": stdout, "stderr": stderr}
    with subprocess.Popen(command, cwd=cwd, text=True, env=os.environ | environment, **streams) as process:
        try:
            yield process
        finally:
            process.kill()


def epochs_shown(server: Server, run: str) -> int:
    found = re.search(rf'"{run}":{{"seed":0,"epochs":(\d+)', ask(server, "/main"))
    return int(found[1]) if found else 0


def test_a_folder_that_disappears_while_it_is_read_has_no_curves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = tmp_path / LIVE
    live.mkdir()
    scan = os.scandir

    def gone(path: Any = ".") -> Any:
        if Path(path) == live:
            raise FileNotFoundError(path)
        return scan(path)

    nothing = folder_version(tmp_path)
    monkeypatch.setattr(os, "scandir", gone)
    assert folder_version(tmp_path) == nothing
    assert take_snapshot(tmp_path).state == "waiting"


def test_the_page_follows_a_study_through_kill_and_restart(tmp_path: Path) -> None:
    (tmp_path / "long.toml").write_text(LONG)
    words = [
        "study",
        "--plan",
        "long.toml",
        "--train",
        "300",
        "--validation",
        "100",
        "--jobs",
        "1",
        "--out",
        "kept",
    ]
    unheard = subprocess.DEVNULL  # a study without an end fills a pipe that nobody reads, and stands still
    with serve_page(tmp_path / "kept", 0, "en") as server:
        assert news(server)["state"] == "waiting"
        with running(*words, cwd=tmp_path, stderr=unheard) as study:
            eventually(lambda: news(server)["state"] == "running")
            eventually(lambda: epochs_shown(server, "sizes/endless") > 0)
            early = epochs_shown(server, "sizes/endless")
            eventually(lambda: epochs_shown(server, "sizes/endless") > early)
            assert "1 of 2 trials" in news(server)["text"] and epochs_shown(server, "sizes/first") == 2
            port = server.server_port
            study.kill()
            study.communicate()
        eventually(lambda: news(server)["state"] == "stopped")
    with serve_page(tmp_path / "kept", port, "en") as server:  # the server begins again, at its old place
        assert news(server)["state"] == "stopped"
        with running(*words, cwd=tmp_path, stderr=unheard) as study:
            eventually(lambda: news(server)["state"] == "running")
            eventually(lambda: epochs_shown(server, "sizes/endless") > 0)
            study.send_signal(signal.SIGINT)
            eventually(lambda: news(server)["state"] == "finished")
            study.communicate()
        assert "sizes/first" in ask(server, "/main")
    assert not (tmp_path / "kept" / LIVE).exists()


def test_study_open_shows_the_page_and_ends_with_the_study(tmp_path: Path) -> None:
    browser = tmp_path / "browser.py"
    beside = tmp_path / "page.part"
    browser.write_text(
        "import os, sys, urllib.request\n"
        "page = urllib.request.urlopen(sys.argv[1]).read()\n"
        f"with open({str(beside)!r}, 'wb') as file: file.write(page)\n"
        f"os.replace({str(beside)!r}, {str(tmp_path / 'page.html')!r})\n"
    )
    words = ["study", "--train", "300", "--validation", "100", "--max-epochs", "5", "--only", "sizes/Tiny"]
    command = f"{sys.executable} {browser} %s"
    with running(*words, "--out", "kept", "--open", cwd=tmp_path, stdout=subprocess.PIPE, BROWSER=command) as study:
        answer, said = study.communicate()
    assert study.returncode == 0
    assert re.search(r"http://127\.0\.0\.1:\d+/ shows the report while trials run", said)
    assert str(Path("kept") / "report.html") in answer
    eventually((tmp_path / "page.html").exists)
    assert (tmp_path / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_watch_says_where_and_ends_quietly(tmp_path: Path) -> None:
    (tmp_path / "latter").mkdir()
    with running("watch", "later", "--no-browser", "--lang", "ko", cwd=tmp_path) as watch:
        assert watch.stderr
        line = watch.stderr.readline()
        assert (
            line == "there is no folder later yet: waiting until a study writes into it. Did you mean 'latter'?\n"
        )
        line = watch.stderr.readline()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/ shows later while it runs. Ctrl-C ends it\n", line)
        watch.send_signal(signal.SIGINT)
        _, rest = watch.communicate()
    assert (watch.returncode, rest) == (0, "")
    assert not (tmp_path / "later").exists()


def test_watch_of_a_folder_without_a_study_says_so(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    with running("watch", "logs", "--no-browser", cwd=tmp_path) as watch:
        assert watch.stderr
        line = watch.stderr.readline()
        assert line == "there is no study in logs yet: waiting for one. For logs, use gengap diagnose logs\n"
        watch.send_signal(signal.SIGINT)
        watch.communicate()


def test_watch_never_waits_without_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(watch_command, "sleep", sleep)
    watch_command.watch(tmp_path, port=None, lang="en", browser=False)
    assert waited == [watch_command.WAIT_SECONDS] * 3

"""The command line as its users meet it: real processes, exit statuses, one line for a mistake."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gengap import __main__, cli
from gengap.cli import app
from gengap.interrupts import one_interrupt_per_press

PIPES: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
SMALL = ["--train", "200", "--validation", "50", "--max-epochs", "3", "--only", "sizes/Tiny"]


def gengap(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gengap", *map(str, words)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


def here(*words: str) -> Result:
    """The command in this process, which has started JAX and compiled, where the process isn't what is tried."""
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 0, (result.stderr, result.exception)
    return result


def test_json_is_all_there_is_on_standard_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = gengap("study", *SMALL, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["trials"][0]["run"] == "sizes/Tiny"
    assert document == json.loads((tmp_path / "runs" / "collider-quick" / "study.json").read_text())
    assert "sizes/Tiny" in done.stderr
    monkeypatch.chdir(tmp_path)
    verbose = here("study", *SMALL, "--verbose")
    assert "Total params: 481" in verbose.stderr
    assert "finished before" in verbose.stderr
    assert "Total params" not in verbose.stdout


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["study", "nothing.csv"], 1, "there is no such file"),
        (["study", "--plan", "fast"], 2, "there is no plan 'fast', expected quick"),
        (["study", "--rows", "0"], 2, "'--rows': 0 is not a whole number of at least 1"),
        (["study", "--train", "abc"], 2, "'--train': 'abc' is not a whole number"),
        (["study", "--memory", "abc"], 2, "'--memory': 'abc' is not a number"),
        (["study", "--out", "x" * 300], 2, "xxx: can't be written (File name too long). Name a shorter path"),
        (["ingest", "x" * 300, "-o", "x.parquet"], 1, "xxx: can't be read (File name too long). Check the path"),
        (
            ["predict", "none.keras", "collider", "-o", f"{'x' * 300}.csv"],
            2,
            "xxx.csv: can't be written (File name too long)",
        ),
        (["predict", "x" * 300, "t.csv", "-o", "p.csv"], 1, "xxx: there is no such file. Check the path"),
        (["watch", "x" * 300], 1, "gengap: " + "x" * 300 + ": File name too long"),
        (["watch", f"{__file__}/sub"], 2, "is a file, so nothing can be below it. Name another folder"),
        (["study", "higs"], 1, "there is no such file. Check the path. Did you mean 'higgs'?"),
        (["diagnose", "x.csv", "--min-effect", "1%"], 2, "'1%' is not a number; write 0.01"),
        (["study", "--colour", "red"], 2, "gengap: No such option: --colour. For help: gengap study -h"),
        (
            ["study", "--seeds", "0"],
            2,
            "gengap: Invalid value for '--seeds': 0 is not a whole number of at least 1.",
        ),
        (
            ["study", "--seeds"],
            2,
            "gengap: Option '--seeds' requires an argument. For help: gengap study -h",
        ),
        (["study", "collider", "more"], 2, "unexpected extra argument"),
        (["predict"], 2, "Missing argument 'MODEL'"),
        (["ingest", "t.csv"], 2, "Missing option '--out'"),
        (["ingest", "t.csv", "-o", "/"], 2, "/ is a folder, expected a file to write. Name one in it"),
        (["ingest", "t.csv", "-o", ""], 2, "a word is empty, as of a shell variable that is not set"),
        (["predict", "", "t.csv", "-o", "p.csv"], 2, "a word is empty"),
        (["predict", "/", "t.csv", "-o", "p.csv"], 2, "/: can't be used to predict"),
        (["study", "", "--target", "y"], 2, "a word is empty"),
        (["study", "--seeds", "9" * 18], 2, f"seeds is {'9' * 18}, expected at most 100,000"),
        (["study", "--test", "9" * 18], 2, f"test is {'9' * 18}, expected at most 1,000,000,000,000"),
        (["ingest", "t.csv", "-o", "t.parquet", "--rows", "9" * 30], 2, "expected at most 1,000,000,000,000"),
        (["study", "--seed", "3"], 2, "No such option: --seed. Did you mean '--seeds'? For help: gengap study -h"),
        (["studdy"], 2, "No such command 'studdy'"),
        (["--nope"], 2, "No such option: --nope"),
        (["study", "--out", __file__], 2, f"{__file__} is a file, so nothing can be below it. Name another place"),
        (["study", "--out", f"{__file__}/sub"], 2, "is a file, so nothing can be below it. Name another place"),
        (["study", "--on-bad-row", "hide"], 2, "expected 'fail' or 'skip'"),
        (["study", "--only", "x", "--plan", "tutorial"], 2, "no trial matches 'x'"),
        (["report", "nowhere", "--lang", "fr"], 2, "'fr', expected 'en' or 'ko'."),
        (["watch", "nowhere", "--lang", "fr"], 2, "'fr', expected 'en' or 'ko'."),
        (["study", "--only", "tyny"], 2, "no trial matches 'tyny'. Did you mean '*/Tiny'?"),
        (["study", "--rows", "50", "--train", "100"], 2, "but rows is 50"),
        (["plan", "absent.toml"], 2, "absent.toml"),
        (["ingest", "collider", "-o", "x.parquet"], 2, "rows"),
        (
            ["ingest", "collider", "-o", "x.csv"],
            2,
            "x.csv: expected a name that ends in .parquet",
        ),
        (
            ["predict", "none.keras", "collider", "-o", "p.csv"],
            1,
            "none.keras: there is no such file. Check",
        ),
        (
            ["diagnose", "nothing.csv", "--plot", "picture.bmp"],
            2,
            "picture.bmp: expected a name that ends in .png, .pdf, .svg, such as picture.png",
        ),
    ],
)
def test_a_mistake_is_one_clear_line(
    words: list[str],
    status: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["gengap", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    printed = capsys.readouterr()
    assert ended.value.code == status
    assert said in printed.err
    assert len([line for line in printed.err.splitlines() if ": loading libraries, then" not in line]) == 1
    assert printed.out == ""
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("words", [["--minutes", "0"], ["--plan", "absent.toml"], ["--column", "a=foo"]])
def test_a_wrong_option_of_a_study_fails_before_the_libraries_load(words: list[str], tmp_path: Path) -> None:
    done = gengap("study", "big.csv", *words, cwd=tmp_path)
    assert done.returncode == 2 and done.stdout == "" and "loading libraries" not in done.stderr


def test_a_mistake_ends_the_process_with_its_status(tmp_path: Path) -> None:
    done = gengap("study", "nothing.csv", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "gengap: nothing.csv: there is no such file" in done.stderr and "Traceback" not in done.stderr


def test_ctrl_c_while_a_module_in_c_is_imported_is_no_error_of_the_import() -> None:
    with pytest.raises(KeyboardInterrupt), one_interrupt_per_press():
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise ImportError("initialization failed") from None
    with pytest.raises(ImportError), one_interrupt_per_press():
        raise ImportError("no such module")


def test_ctrl_c_ends_with_130_and_keeps_what_is_finished(tmp_path: Path) -> None:
    words = ["study", "--train", "2000", "--validation", "50", "--only", "sizes/*", "--jobs", "1"]
    plan = (
        'name = "long"\n[[trials]]\nrun = "sizes/first"\nunits = [4]\nmax_epochs = 2\n'
        '[[trials]]\nrun = "sizes/endless"\nunits = [4]\nmax_epochs = 100000000\npatience = 100000000\n'
    )
    (tmp_path / "long.toml").write_text(plan)
    command = [sys.executable, "-m", "gengap", *words, "--plan", "long.toml", "--out", "kept"]
    with subprocess.Popen(command, cwd=tmp_path, **PIPES) as process:
        assert process.stderr and process.stdout
        watchdog = threading.Timer(300, process.kill)  # only so that a broken display cannot hang the suite
        watchdog.start()
        for line in process.stderr:
            if line.startswith("sizes/endless: epoch"):
                os.kill(process.pid, signal.SIGINT)
                break
        rest, answer = process.stderr.read(), process.stdout.read()
        assert process.wait() == 130
        watchdog.cancel()
    assert "Traceback" not in rest
    assert "stopping after the epochs at hand" in rest
    assert "The study was interrupted" in answer
    document = json.loads((tmp_path / "kept" / "study.json").read_text())
    assert [trial["run"] for trial in document["trials"]] == ["sizes/first"]
    assert document["interrupted"] is True


def test_a_command_that_is_ended_leaves_as_after_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[bool] = []
    monkeypatch.setattr(cli, "app", lambda **_: os.kill(os.getpid(), signal.SIGTERM) or time.sleep(60))
    monkeypatch.setattr(__main__, "leave", lambda: ended.append(True))
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    __main__.main()
    assert ended


AGAIN = """
from gengap import __main__, cli

def interrupted(**_):
    raise KeyboardInterrupt

cli.app = __main__.leave = interrupted  # one more Ctrl-C while the first one is handled
__main__.main()
"""


def test_a_further_ctrl_c_while_the_program_leaves_changes_nothing() -> None:
    ended = subprocess.run([sys.executable, "-c", AGAIN], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (130, "")


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_hundreds_of_ctrl_c_while_libraries_load_print_one_line(tmp_path: Path) -> None:
    words = ["study", "--train", "200", "--validation", "50", "--max-epochs", "2", "--out", "kept"]
    with subprocess.Popen([sys.executable, "-m", "gengap", *words], cwd=tmp_path, **PIPES) as process:
        assert process.stderr
        loading = process.stderr.readline()
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
            time.sleep(0.002)
        rest = process.stderr.read()
    assert "loading libraries" in loading and process.returncode == 130
    assert rest == "gengap: interrupted; finished trials are kept. Run the same command to continue\n"


def test_a_plan_prints_as_toml_that_runs_on_a_table_that_ingest_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text(here("plan", "tutorial").stdout)
    assert "400 rows" in here("ingest", "collider", "--rows", "400", "-o", "toy.parquet").stdout
    here("study", "toy.parquet", *SMALL, "--plan", "mine.toml")
    assert Path("runs/toy-mine/study.json").exists()


@pytest.mark.parametrize("encoding", ["ascii", "cp949", "cp1252"])
def test_characters_that_an_encoding_lacks_are_replaced_and_json_is_utf8(tmp_path: Path, encoding: str) -> None:
    Path(tmp_path, "épo✓.csv").write_text("epoch,loss,val_loss\n1,3,3\n2,2,2\n3,1,1\n4,1,1\n", encoding="utf-8")
    command, environment = (
        [sys.executable, "-m", "gengap", "diagnose", "."],
        os.environ | {"PYTHONIOENCODING": encoding},
    )
    for options, written in (((), encoding), (("--json",), "utf-8")):
        done = subprocess.run([*command, *options], cwd=tmp_path, env=environment, capture_output=True)
        assert done.returncode == 0, done.stderr.decode(encoding)
        text = done.stdout.decode(written)
        assert ("✓" in text) == bool(options) and ("?" in text) != bool(options)


def test_help_fits_80_columns_and_names_no_python_types() -> None:
    said = CliRunner().invoke(app, ["-h"], terminal_width=80).output
    assert "..." not in said.partition("Commands:")[2] and "  -h, --help" in said
    for command in ("study", "report", "watch", "ingest", "predict", "diagnose", "plan", "doctor"):
        text = CliRunner().invoke(app, [command, "-h"], terminal_width=80).output
        assert re.search(r"<(?!source|plan)|[{}]", text) is None, text
        assert len(text.splitlines()[2].strip()) <= 60


def test_help_and_import_stay_light(tmp_path: Path) -> None:
    heavy = "{'jax', 'keras', 'pyarrow', 'matplotlib', 'sklearn', 'tensorboard'}"
    code = f"import sys, gengap; import gengap.cli; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
    assert gengap("--help", cwd=tmp_path).returncode == 0

"""README and docs hold what they show: their Python runs, their commands parse, and the cheap ones run too.

Each page is read from top to bottom in a folder of its own: Python blocks share their names, as in a notebook, and
commands find the files that blocks above them wrote. Studies are cut down to one tiny trial.
"""

from __future__ import annotations

import gzip
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from threadpoolctl import threadpool_limits
from typer.testing import CliRunner

import gengap
from gengap.cli import app

ROOT = Path(__file__).parents[2]
DOCS = [page for page in sorted((ROOT / "docs").rglob("*.md")) if "_build" not in page.parts]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PRINTED = re.compile(r"^ *print\(.*\)  # (.*)", re.MULTILINE)  # what a line says that it prints
COMMANDS: Any = typer.main.get_command(app)
RUN = {"study", "diagnose", "plan", "ingest", "predict", "report"}
TINY = shlex.split("--train 200 --validation 50 --max-epochs 2 --only 'sizes/*[y6]' --stop patience")  # Tiny, or 16
OFFLINE = re.compile(r"^(higgs|https?://.*)$")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
# Of benchmarks and other tools:
OTHERS = {"--corpus", "--docs", "--python", "--out", "--logdir", "--runs", "--seed", "--first"}


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def commands_in(block: str) -> Iterator[list[str]]:
    """The words of each command in a console block."""
    for line in re.findall(r"^\$ (.*)", block.replace("\\\n", " "), re.MULTILINE):
        yield shlex.split(line, comments=True)


def parsed(words: list[str]) -> None:
    """Fails if `gengap WORDS` is no call that the command line takes."""
    command = COMMANDS.commands[words[0]]
    with command.make_context(words[0], list(words[1:])):
        pass


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the pages' readers are: a checkout with a few files of their own."""
    for name in ("examples", "tests", "docs"):
        (tmp_path / name).symlink_to(ROOT / name)
    for copy in ("keras.csv", "log.csv", "training.csv", "logs/a.csv", "runs/a/metrics.csv"):
        (tmp_path / copy).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / copy).write_bytes((ROOT / "examples" / "keras.csv").read_bytes())
    monkeypatch.chdir(tmp_path)
    rows = gengap.load("collider", train=300, validation=50, preparation="raw").train
    lines = [",".join([f"{y:g}", *(f"{value:.6g}" for value in x)]) for x, y in zip(rows.x, rows.y, strict=True)]
    (own,) = re.findall(
        r"```python\n(import keras\n.*?)```", (ROOT / "docs/howto/own-model.md").read_text("utf-8"), re.S
    )
    Path("my_models.py").write_text(own)
    monkeypatch.delitem(sys.modules, "my_models", raising=False)
    names = ",".join(["column", *(f"x{i}" for i in range(rows.x.shape[1]))])
    Path("table.csv").write_text("\n".join([names, *lines]))
    for higgs in ("HIGGS.csv.gz", "HIGGS-16k.csv.gz"):
        write_gz(Path(higgs), lines)
    write_gz(Path("new.csv.gz"), lines)
    Path("new.csv").write_text("\n".join(lines))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setattr(
        "gengap.report.plots.save_figure_figures", lambda *given, **options: []
    )  # they take their time
    with threadpool_limits(1):  # of 200 rows, boosted trees on busy cores mostly wait for each other
        yield tmp_path


def write_gz(path: Path, lines: list[str]) -> None:
    path.write_bytes(gzip.compress("\n".join(lines).encode()))


def expanded(word: str) -> list[str]:
    """The files that a pattern names, as a shell has it; the word itself if it is none or names none."""
    return (sorted(map(str, Path().glob(word))) if "*" in word else []) or [word]


def run(words: list[str], block: str) -> str:
    """Runs `gengap WORDS`, cut down; what it prints. `> FILE` is honoured."""
    words, target = (words[:-2], words[-1]) if ">" in words else (words, None)
    parsed(words)
    if words[0] not in RUN or any(map(OFFLINE.match, words[1:])):
        return ""
    given = [file for word in words if word != "--open" for file in expanded(word)]
    given += TINY if words[0] == "study" else []
    given += ["--test", "40"] if "--test" in words else []
    result = CliRunner().invoke(app, given)
    may_fail = "--fail-on" in words or "\ngengap: " in block
    assert result.exit_code == 0 or (may_fail and result.exit_code == 1), (given, result.output, result.exception)
    if target:
        Path(target).write_text(result.stdout)
    return result.stdout


def followed(words: list[str], block: str) -> str:
    """Does what a line of a console block says, where that is cheap; what a diagnosis prints."""
    if words[0] == "gengap" and words[1] in COMMANDS.commands:
        printed = run(words[1:], block)
        return printed if words[1] == "diagnose" else ""
    if words[0] == "cp":
        subprocess.run(words, check=True)
    if words[0] == "make":
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    if Path(words[0]).name == "python":
        module = words[2].replace(".", "/") if words[1] == "-m" else words[1].removesuffix(".py")
        assert any((ROOT / name).exists() for name in (f"{module}.py", f"{module}/__main__.py")), words
    return ""


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_is_true(page: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {"__name__": "docs"}
    shown = ""
    for kind, block in BLOCK.findall(page.read_text(encoding="utf-8")):
        if kind == "python":
            exec(compile(block, name_of(page), "exec"), names)
            printed = capsys.readouterr().out
            assert [told for told in PRINTED.findall(block) if told not in printed] == []
        elif kind == "console":
            shown = "".join(followed(words, block) for words in commands_in(block))
        elif kind == "text" and shown:
            real = [line.rstrip() for line in shown.splitlines()]
            assert real[: block.count("\n")] == block.splitlines()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_page_names_an_option_that_does_not_exist(page: Path) -> None:
    known = {name for command in COMMANDS.commands.values() for each in command.params for name in each.opts}
    for code in re.findall(r"`([^`\n]+)`", BLOCK.sub("", page.read_text(encoding="utf-8"))):
        if code.startswith("gengap ") and code.split()[1] in COMMANDS.commands:
            known_here = {name for each in COMMANDS.commands[code.split()[1]].params for name in each.opts}
            assert set(OPTION.findall(code)) <= {*known_here, "--help"}, code
        else:
            assert set(OPTION.findall(code)) <= {*known, *OTHERS, "--help"}, code

"""README and docs hold what they show: their code and commands run as they do for a new user.

Each page is read from top to bottom in an empty folder, with the environment of somebody who has just installed
gengap. The Python blocks of a page share one process, as in a notebook. Those of README have one each. The commands
of all pages run in another process, which starts and compiles once. Studies are cut down to one tiny trial, and fit
few trees.

A comment in front of a block changes what is done with it:

    <!-- not run: needs a cluster -->    the block is not run, for this reason
    <!-- file: my_models.py -->          the block is a file, as the page says
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer
from new_user import new_user
from printed_study import frame, unknown_sentences

import gengap
from gengap.cli import app

ROOT = Path(__file__).parents[2]
DOCS = [page for page in sorted((ROOT / "docs").rglob("*.md")) if "_build" not in page.parts]
PAGES = [*ROOT.glob("README*.md"), ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *DOCS]
BLOCK = re.compile(r"(?:^<!-- (not run|file): ([^\n]*) -->\n+)?^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PRINTED = re.compile(r"^ *print\(.*\)  # (.*)", re.MULTILINE)  # what a line says that it prints
COMMANDS: Any = typer.main.get_command(app)
TINY = shlex.split("--train 200 --validation 50 --max-epochs 2 --only 'sizes/*[y6]' --stop patience")  # Tiny, or 16
NOT_RUN = {  # a command of a console block: why it is only parsed
    r"gengap study higgs\b|.* https?://": "needs the network",
    r"gengap (watch|doctor)|tensorboard|ssh": "serves until it is ended, or has tests of its own",
    r"pip install|make|GENGAP_\w+=\d+": "installs, or runs the tests",
    r"\S*python": "takes minutes, or has tests of its own; its module is looked for",
}
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
# Of benchmarks and other tools:
OTHERS = {
    "--constraint",
    "--corpus",
    "--docs",
    "--folder",
    "--python",
    "--role",
    "--sample",
    "--higgs",
    "--out",
    "--logdir",
    "--runs",
    "--seed",
    "--first",
    "--table",
    "--truths",
}


class Block(NamedTuple):
    """A block of code on a page.

    Attributes:
        mark: `not run`, `file` or nothing: what the comment in front of the block says.
        text: What follows in that comment: a reason or a file's name.
        kind: The block's language, such as `python` or `console`.
        code: What is in it.
    """

    mark: str
    text: str
    kind: str
    code: str


def blocks(page: Path) -> list[Block]:
    return [Block(*found) for found in BLOCK.findall(page.read_text(encoding="utf-8"))]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


class Session:
    """A process with the environment of a new user that runs blocks or commands one after the other.

    A fork of it runs those between `begin` and `end`.
    """

    def __init__(self, home: Path) -> None:
        driver = Path(__file__).with_name("page_session.py").read_text(encoding="utf-8")
        self.errors = (home / "errors").open("a")
        variables = {name: value for name, value in os.environ.items() if name.startswith(("JAX_", "OMP_", "XLA_"))}
        variables |= {"COLUMNS": "80"}  # the others, of tests/conftest.py, save time
        self.process = subprocess.Popen(
            [sys.executable, "-c", driver],
            env=new_user(home, **variables),
            cwd=home,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )

    def run(self, folder: Path, **request: object) -> tuple[int, str, str]:
        """Run a block (`code`, `page`) or a `command` in a folder.

        Returns:
            Its exit status, and what it printed to standard output and to standard error.
        """
        return self._ask(folder=str(folder), **request)

    def begin(self) -> None:
        assert self._ask(begin=True)[0] == 0

    def end(self) -> None:
        assert self._ask(end=True)[0] == 0

    def _ask(self, **request: object) -> tuple[int, str, str]:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        reply = self.process.stdout.readline()
        assert reply, f"the process ended: {Path(self.errors.name).read_text()}"
        status, output, errors = json.loads(reply)
        return status, output, errors

    def close(self) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.wait(timeout=60)
        self.process.stdout.close()
        self.errors.close()


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home folder of the new user, empty at first."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def console(home: Path) -> Iterator[Session]:
    """The process that runs the commands of all pages."""
    session = Session(home)
    yield session
    session.close()


@pytest.fixture(scope="module")
def notebooks(home: Path) -> Iterator[Session]:
    """The process whose forks run the Python blocks."""
    session = Session(home)
    yield session
    session.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder where the page's reader is: a checkout with a few files of their own."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in ("examples", "tests", "docs", "benchmarks"):
        (folder / name).symlink_to(ROOT / name)
    for copy in ("keras.csv", "log.csv", "training.csv", "train.log", "logs/a.csv", "runs/a/metrics.csv"):
        (folder / copy).parent.mkdir(parents=True, exist_ok=True)
        (folder / copy).write_bytes((ROOT / "examples" / "keras.csv").read_bytes())
    rows = gengap.load("collider", train=300, validation=50, preparation="raw").train
    lines = [",".join([f"{y:g}", *(f"{value:.6g}" for value in x)]) for x, y in zip(rows.x, rows.y, strict=True)]
    names = ",".join(["column", *(f"x{i}" for i in range(rows.x.shape[1]))])
    (folder / "table.csv").write_text("\n".join([names, *lines]))
    for name in ("HIGGS.csv.gz", "HIGGS-16k.csv.gz", "new.csv.gz"):
        (folder / name).write_bytes(gzip.compress("\n".join(lines).encode()))
    (folder / "new.csv").write_text("\n".join(lines))
    (models,) = (block.code for block in blocks(ROOT / "docs/howto/own-model.md") if block.text == "my_models.py")
    (folder / "my_models.py").write_text(models)
    return folder


class Reader:
    """Somebody who does what a page says, block by block."""

    def __init__(self, page: Path, folder: Path, notebooks: Session, commands: Session) -> None:
        self.page, self.folder, self.notebooks, self.commands = page, folder, notebooks, commands
        self.begun = False
        self.printed = self.studied = ""

    def close(self) -> None:
        if self.begun:
            self.begun = False
            self.notebooks.end()

    def python(self, code: str) -> None:
        """Run a Python block, and compare what it prints with the comments that say so."""
        if self.page.name.startswith("README"):
            self.close()  # each of its blocks stands alone
        if not self.begun:
            self.notebooks.begin()
            self.begun = True
        status, output, errors = self.notebooks.run(self.folder, code=code, page=name_of(self.page))
        assert status == 0, errors
        assert [line for line in PRINTED.findall(code) if line not in output] == []

    def console(self, block: str) -> None:
        """Run the commands of a console block, and keep what a diagnosis prints."""
        self.printed = self.studied = ""
        for line in re.findall(r"^\$ (.*)", block.replace("\\\n", " "), re.MULTILINE):
            words = shlex.split(line, comments=True)
            output = self.command(words, block)
            self.printed += output if words[:2] == ["gengap", "diagnose"] else ""
            self.studied = output if words[:2] == ["gengap", "study"] else self.studied

    def command(self, words: list[str], block: str) -> str:
        if words[0] == "gengap" and words[1] in COMMANDS.commands:
            words, target = (words[:-2], words[-1]) if ">" in words else (words, None)
            parsed(words[1:])
            if not_run(words):
                return ""
            output = self.gengap(words[1:], may_fail="--fail-on" in words or "\ngengap: " in block)
            if target:
                (self.folder / target).write_text(output)
            return output
        if not_run(words):
            exists(words)
            return ""
        subprocess.run(words, check=True, cwd=self.folder)
        return ""

    def gengap(self, words: list[str], may_fail: bool) -> str:
        given = [file for word in words if word != "--open" for file in self.expanded(word)]
        given += TINY if words[0] == "study" else []
        given += ["--test", "40"] if "--test" in words else []
        whole = self.page.name == "start.md"
        status, output, errors = self.commands.run(self.folder, command=given, whole=whole)
        assert status == 0 or (may_fail and status == 1), (given, output, errors)
        return output

    def expanded(self, word: str) -> list[str]:
        """The files that a pattern names, as in a shell; the word itself if it is no pattern or names none."""
        found = sorted(path.relative_to(self.folder) for path in self.folder.glob(word)) if "*" in word else []
        return [path.as_posix() for path in found] or [word]


def parsed(words: list[str]) -> None:
    """Fail if `gengap WORDS` is no call that the command line takes."""
    command = COMMANDS.commands[words[0]]
    with command.make_context(words[0], list(words[1:])):
        pass


def not_run(words: list[str]) -> str | None:
    """The reason why a command is not run, if there is one."""
    line = " ".join(words)
    return next((reason for pattern, reason in NOT_RUN.items() if re.match(pattern, line)), None)


def exists(words: list[str]) -> None:
    """Fail if a command that is not run names a target of make, or a module, that is not there."""
    if words[0] == "make":
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    if Path(words[0]).name == "python":
        module = words[2].replace(".", "/") if words[1] == "-m" else words[1].removesuffix(".py")
        assert any((ROOT / name).exists() for name in (f"{module}.py", f"{module}/__main__.py")), words


@pytest.fixture
def reader(request: pytest.FixtureRequest, folder: Path, notebooks: Session, console: Session) -> Iterator[Reader]:
    reader = Reader(request.param, folder, notebooks, console)
    yield reader
    reader.close()


RUNNABLE = [page for page in PAGES if page.name != "README.ko.md"]  # the same blocks as README's


@pytest.mark.parametrize("reader", RUNNABLE, ids=name_of, indirect=True)
def test_a_page_is_true(reader: Reader) -> None:
    for block in blocks(reader.page):
        if block.mark == "not run":
            assert len(block.text) > 10
        elif block.mark == "file":
            (reader.folder / block.text).write_text(block.code)
        elif block.kind == "python":
            reader.python(block.code)
        elif block.kind == "console":
            reader.console(block.code)
        elif block.kind == "text" and reader.printed:
            real = [line.rstrip() for line in reader.printed.splitlines()]
            assert real[: block.code.count("\n")] == block.code.splitlines()
        elif block.kind == "text" and reader.studied:
            assert frame(block.code).split(" Report: ")[0] == frame(reader.studied).split(" Report: ")[0]
        else:
            assert block.kind in {"text", "json", "yaml"}, f"a block of {block.kind} is neither run nor marked"


STUDIED = [(page, block.code) for page in PAGES for block in blocks(page) if "\nReport: " in block.code]


@pytest.mark.parametrize(("page", "printed"), STUDIED, ids=[name_of(page) for page, _ in STUDIED])
def test_a_study_on_a_page_has_todays_frame_and_sentences(page: Path, printed: str) -> None:
    assert unknown_sentences(printed) == []
    frames = {re.sub(r"^.*? · |plan \w+|Report: \S+", "", frame(each)) for _, each in STUDIED}
    assert len(frames) == 1, frames


def test_every_page_begins_without_gengap_and_keras(notebooks: Session, tmp_path: Path) -> None:
    code = "import sys\nassert not {'gengap', 'keras'} & set(sys.modules)\nimport gengap\nname = 1"
    for _ in range(2):
        notebooks.begin()
        assert notebooks.run(tmp_path, code=code, page="one") == (0, "", "")
        notebooks.end()
    notebooks.begin()
    assert notebooks.run(tmp_path, code="import os; os._exit(3)", page="one")[0] == 3


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_gengap_is_imported_before_keras(page: Path) -> None:
    seen = ""
    for block in blocks(page):
        seen = "" if page.name.startswith("README") else seen
        if block.kind == "python" and block.mark != "file":
            before, keras, _ = (seen + block.code).partition("import keras")
            assert not keras or re.search(r"^(import|from) gengap", before, re.MULTILINE)
            seen += block.code


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_page_names_an_option_that_does_not_exist(page: Path) -> None:
    known = {
        name for command in (COMMANDS, *COMMANDS.commands.values()) for each in command.params for name in each.opts
    }
    for code in re.findall(r"`([^`\n]+)`", BLOCK.sub("", page.read_text(encoding="utf-8"))):
        if code.startswith("gengap ") and code.split()[1] in COMMANDS.commands:
            known_here = {name for each in COMMANDS.commands[code.split()[1]].params for name in each.opts}
            assert set(OPTION.findall(code)) <= {*known_here, "--help"}, code
        else:
            assert set(OPTION.findall(code)) <= {*known, *OTHERS, "--help"}, code


@pytest.mark.skipif(not os.environ.get("GENGAP_CLONE"), reason="takes minutes; set GENGAP_CLONE=1 to run it")
def test_make_study_works_in_a_fresh_clone(tmp_path: Path) -> None:
    clone = tmp_path / "gengap"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    python = f"PYTHON={Path(sys.base_prefix) / 'bin' / 'python3'}"
    done = subprocess.run(["make", "study", python], cwd=clone, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (clone / "runs/collider-quick/report.html").exists()

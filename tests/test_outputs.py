"""No command replaces a file of the user's: one law over every option that names a file to write."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner

import gengap
from gengap.cli import app
from gengap.data.sources import tables
from gengap.errors import PlaceError, UsageError
from gengap.files import outputs, writing

# The words of each command, and the option that names the file. `{}` is a folder with the inputs below.
CHECK = shlex.split("check {}/table.csv --target y --estimator sklearn.tree:DecisionTreeClassifier --cv 2 --jobs 1")
OUTPUTS = {
    "check --report .html": [*CHECK, "--report"],
    "ingest --out .parquet": ["ingest", "{}/table.csv", "--out"],
    "predict --out .parquet": ["predict", "{}/study/models/best", "{}/table.csv", "--out"],
    "predict --out .csv": ["predict", "{}/study/models/best", "{}/table.csv", "--out"],
    "predict --out .arrow": ["predict", "{}/study/models/best", "{}/table.csv", "--out"],
    "report --out .html": ["report", "{}/study", "--out"],
    "report --out .htm": ["report", "{}/study", "--out"],
    "diagnose --plot .png": ["diagnose", "{}/log.csv", "--plot"],
    "diagnose --plot .pdf": ["diagnose", "{}/log.csv", "--plot"],
    "diagnose --plot .svg": ["diagnose", "{}/log.csv", "--plot"],
}
COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # pyright: ignore[reportAttributeAccessIssue]
STUDY = shlex.split("--target y --train 40 --validation 20 --only sizes/Tiny --max-epochs 2")
USERS = b"the user's"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table, a study of it, and a log."""
    folder = tmp_path_factory.mktemp("outputs")
    rows = "\n".join(f"{i},{i % 3},{i % 2}" for i in range(60))
    (folder / "table.csv").write_text(f"a,b,y\n{rows}\n")
    table = folder / "table.csv"
    gengap.study(table, target="y", train=40, validation=20, only="sizes/Tiny", max_epochs=2, out=folder / "study")
    losses = "\n".join(f"{i},{1 / (i + 1)},{1 / (i + 1) + i / 100}" for i in range(20))
    (folder / "log.csv").write_text(f"epoch,loss,val_loss\n{losses}\n")
    return folder


def run(place: Path, case: str, out: Path, *more: str) -> BaseException | None:
    words = [word.format(place) for word in OUTPUTS[case]]
    return CliRunner().invoke(app, [*words, str(out), *more]).exception


def test_the_table_has_every_option_that_names_a_file_to_write() -> None:
    found = {
        f"{name} {option.opts[0]}": command
        for name, command in COMMANDS.items()
        for option in command.params
        if option.metavar == "FILE"
        and option.param_type_name == "option"
        and option.name in ("out", "plot", "report")
    }
    assert found.keys() == {case.rpartition(" ")[0] for case in OUTPUTS}
    for command in found.values():
        assert "overwrite" in [option.name for option in command.params]
    written = {"FILE", "FOLDER", "DIR"}
    others = {
        f"{name} {option.opts[0]}"
        for name, command in COMMANDS.items()
        for option in command.params
        if option.param_type_name == "option" and option.metavar in written
    }
    assert others - found.keys() == {"study --out"}  # its own tests are in nothing_lost/test_folder.py


@pytest.mark.parametrize("case", OUTPUTS)
def test_a_users_file_stays_unless_it_may_be_overwritten(case: str, place: Path, tmp_path: Path) -> None:
    out = tmp_path / f"out{case.rpartition(' ')[2]}"
    out.write_bytes(USERS)
    refused = run(place, case, out)
    assert isinstance(refused, PlaceError)
    assert str(out) in str(refused) and "exists already" in str(refused) and "--overwrite" in str(refused)
    assert out.read_bytes() == USERS and list(tmp_path.iterdir()) == [out]
    assert run(place, case, out, "--overwrite") is None
    assert out.read_bytes() != USERS


@pytest.mark.parametrize("case", OUTPUTS)
def test_an_ending_of_another_kind_is_refused_before_any_work(case: str, place: Path, tmp_path: Path) -> None:
    for name in ("out.txt", "out", "out."):
        refused = run(place, case, tmp_path / name)
        assert isinstance(refused, UsageError)
        assert f"{tmp_path / name}: expected a name that ends in ." in str(refused)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache folder, with notes on the tables that gengap wrote."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("GENGAP_CACHE", str(folder))
    return folder


@pytest.mark.parametrize("case", OUTPUTS)
def test_a_file_that_the_same_command_wrote_is_replaced(case: str, place: Path, tmp_path: Path) -> None:
    out = tmp_path / f"out{case.rpartition(' ')[2]}"
    assert run(place, case, out) is None
    assert run(place, case, out) is None


@pytest.mark.parametrize("case", OUTPUTS)
def test_a_link_to_itself_is_no_place_for_a_file(case: str, place: Path, tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to("circle")
    for more in ((), ("--overwrite",)):
        refused = run(place, case, tmp_path / "circle" / f"out{case.rpartition(' ')[2]}", *more)
        assert isinstance(refused, PlaceError) and str(tmp_path / "circle") in str(refused)
    assert [each.name for each in tmp_path.iterdir()] == ["circle"]


TABLES = [case for case in OUTPUTS if case.startswith(("ingest", "predict"))]


@pytest.mark.parametrize("case", TABLES)
def test_a_table_that_the_user_changed_stays(case: str, place: Path, tmp_path: Path) -> None:
    out = tmp_path / f"out{case.rpartition(' ')[2]}"
    assert run(place, case, out) is None
    if out.suffix == ".parquet":  # pyarrow keeps the mark
        pq.write_table(pq.read_table(out).append_column("mine", [[*range(60)]]), out)
    else:
        out.write_bytes(out.read_bytes() + b" ")
    changed = out.read_bytes()
    assert isinstance(run(place, case, out), PlaceError)
    assert out.read_bytes() == changed
    assert run(place, case, out, "--overwrite") is None
    assert run(place, case, out) is None


@pytest.mark.parametrize("case", TABLES)
def test_without_its_note_a_table_is_replaced_only_if_it_has_a_mark(
    case: str, place: Path, tmp_path: Path, cache: Path
) -> None:
    out = tmp_path / f"out{case.rpartition(' ')[2]}"
    assert run(place, case, out) is None
    moved = out.rename(out.with_stem("moved"))
    refused = run(place, case, moved)
    shutil.rmtree(cache)
    assert (run(place, case, moved) is None) == (refused is None) == (out.suffix == ".parquet")


def test_the_oldest_notes_are_deleted(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "MOST_NOTES", 2)
    for name in "abc":
        (tmp_path / name).write_text(name)
        outputs.note_output(tmp_path / name, "predict")
        time.sleep(0.01)  # so that the notes have different times
    assert [outputs.was_written(tmp_path / name, "predict") for name in "abc"] == [False, True, True]
    assert len(list((cache / outputs.NOTES).iterdir())) == 2


@pytest.mark.parametrize("case", ["ingest --out .parquet", "predict --out .parquet"])
@pytest.mark.parametrize("alias", ["itself", "link", "hard link"])
def test_an_input_is_never_the_output(case: str, alias: str, place: Path, tmp_path: Path) -> None:
    table, out = tmp_path / "table.parquet", tmp_path / "out.parquet"
    gengap.ingest(place / "table.csv", table)
    if alias == "itself":
        out = table
    else:
        (os.link if alias == "hard link" else os.symlink)(table, out)
    before, file = table.read_bytes(), out.lstat().st_ino
    words = [word.format(place) for word in OUTPUTS[case]]
    words[-2] = str(table)
    refused = CliRunner().invoke(app, [*words, str(out)]).exception
    assert isinstance(refused, PlaceError) and f"{out} is an input of this command" in str(refused)
    assert table.read_bytes() == before
    assert CliRunner().invoke(app, [*words, str(out), "--overwrite"]).exit_code == 0
    assert out.lstat().st_ino != file


@pytest.mark.parametrize("case", OUTPUTS)
def test_a_folder_that_is_not_there_yet_hides_no_file(case: str, place: Path, tmp_path: Path) -> None:
    out = tmp_path / f"out{case.rpartition(' ')[2]}"
    out.write_bytes(USERS)
    assert isinstance(run(place, case, tmp_path / "new" / ".." / out.name), PlaceError)
    assert out.read_bytes() == USERS and list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("case", TABLES)
def test_a_file_that_comes_while_a_table_is_written_stays(
    case: str, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / f"out{case.rpartition(' ')[2]}"
    write = tables.WRITERS[out.suffix]

    def saved_by_the_user(part: Path, schema: Any) -> Any:
        out.write_bytes(USERS)
        return write(part, schema)

    monkeypatch.setattr(tables, "WRITERS", {**tables.WRITERS, out.suffix: saved_by_the_user})
    assert isinstance(run(place, case, out), PlaceError)
    assert out.read_bytes() == USERS and list(tmp_path.iterdir()) == [out]
    assert run(place, case, out, "--overwrite") is None


@pytest.mark.parametrize(
    ("case", "work"),
    [
        ("check --report .html", "gengap.check.run.run_check"),
        ("check --report .html", "gengap.check.check_page.render_static"),
        ("report --out .html", "gengap.report.html.render"),
        ("diagnose --plot .png", "gengap.diagnose.diagnose_files"),
        ("diagnose --plot .pdf", "gengap.diagnose.diagnose_files"),
        ("diagnose --plot .svg", "gengap.diagnose.diagnose_files"),
    ],
)
def test_a_file_that_comes_while_a_command_works_stays(
    case: str, work: str, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / f"out{case.rpartition(' ')[2]}"
    does: Any = resolve_name(":".join(work.rsplit(".", 1)))

    def saved_by_the_user(*arguments: Any, **options: Any) -> Any:
        out.write_bytes(USERS)
        return does(*arguments, **options)

    monkeypatch.setattr(work, saved_by_the_user)
    assert isinstance(run(place, case, out), PlaceError)
    assert out.read_bytes() == USERS and list(tmp_path.iterdir()) == [out]
    assert run(place, case, out, "--overwrite") is None


@pytest.mark.parametrize("case", TABLES)
def test_a_command_that_fails_leaves_no_folder(case: str, place: Path, tmp_path: Path) -> None:
    words = [word.format(place) for word in OUTPUTS[case]]
    (table := tmp_path / "bad.csv").write_text("a,b\n1,2\n3\n")
    words[-2] = str(table)
    out = tmp_path / "new" / "deep" / f"out{case.rpartition(' ')[2]}"
    assert CliRunner().invoke(app, [*words, str(out)]).exit_code == 1
    assert list(tmp_path.iterdir()) == [table]


def test_what_another_command_wrote_is_the_users(place: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    assert run(place, "ingest --out .parquet", out) is None
    refused = run(place, "predict --out .parquet", out)
    assert str(refused).startswith(f"{out} exists already, and nothing shows that `gengap predict` wrote it. Name")


@pytest.mark.parametrize("name", ["new/er/a.csv", "new/../er/a.csv", "er/../new/er/../a.csv"])
def test_a_write_that_fails_leaves_none_of_its_folders(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError), writing.atomic_write(tmp_path / name) as part:
        part.write_text("half")
        raise UsageError("wrong")
    assert not any(tmp_path.iterdir())


def test_a_report_in_a_study_folder_is_written_again_but_a_users_page_stays(place: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(place / "study", tmp_path / "study")
    assert CliRunner().invoke(app, ["report", str(folder)]).exit_code == 0
    (folder / "report.html").write_text("<p>mine</p>")
    assert isinstance(CliRunner().invoke(app, ["report", str(folder)]).exception, PlaceError)
    assert (folder / "report.html").read_text() == "<p>mine</p>"
    refused = CliRunner().invoke(app, ["report", str(folder), "--out", str(folder / "study.json")]).exception
    assert isinstance(refused, UsageError)
    assert (folder / "study.json").read_bytes() == (place / "study" / "study.json").read_bytes()


# The words of each command, and what is in its answer. `{}` is a folder as above.
ANSWERS = {
    "check": (CHECK[1:], "DecisionTreeClassifier"),
    "study": (["{}/table.csv", *STUDY, "--out", "{}/study"], "Recommended: sizes/Tiny"),
    "report": (["{}/study"], "report.html: open it in a browser"),
    "ingest": (["{}/table.csv", "--out", "{}/ingested.parquet"], "ingested.parquet: 60 rows"),
    "predict": (["{}/study/models/best", "{}/table.csv", "--out", "{}/predicted.parquet"], "60 rows"),
    "diagnose": (["{}/log.csv"], "log.csv: overfit"),
    "plan": (["tutorial"], 'name = "tutorial"'),
    "doctor": (["--quick"], "gengap"),
}


@pytest.mark.parametrize("command", ANSWERS)
def test_the_answer_and_nothing_else_goes_to_standard_output(command: str, place: Path) -> None:
    words, answer = ANSWERS[command]
    words = [command, *(word.format(place) for word in words)]
    done = CliRunner().invoke(app, words, env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    assert answer in done.stdout and answer not in done.stderr
    if command == "study":  # its progress
        assert "finished before" in done.stderr and "finished before" not in done.stdout
    else:
        assert done.stderr == ""
    options = {name for each in COMMANDS[command].params for name in each.opts}
    if "--json" in options:
        done = CliRunner().invoke(app, [*words, "--json"])
        assert isinstance(json.loads(done.stdout), dict)


def test_every_command_has_an_answer() -> None:
    assert COMMANDS.keys() == ANSWERS.keys() | {"watch"}  # which ends when nobody watches any more


@pytest.mark.parametrize("wrong", [None, 5, b"bytes", []])
def test_what_is_no_path_is_told_by_the_arguments_name(wrong: Any, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    calls: dict[str, Callable[[], object]] = {
        "model": lambda: gengap.predict(wrong, "table.csv", out),
        "out": lambda: gengap.predict("model", "table.csv", wrong),
        "path": lambda: gengap.ingest("table.csv", wrong),
        "plan": lambda: gengap.load_plan(wrong),
    }
    for name, call in calls.items():
        with pytest.raises(UsageError, match=rf"^{name} is .*; expected a path"):
            call()

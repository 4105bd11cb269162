"""What a stranger's file, folder, plan or model can't do: run code, write elsewhere, get into page or terminal.

Each malicious file is a real one, which does its harm in a reader that trusts it.
"""

from __future__ import annotations

import contextlib
import html
import io
import json
import pickle
import re
import socket
import threading
import zipfile
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from unittest import mock

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fuzz import originals
from live_made import PLAN, ROWS, write_status

import gengap
from gengap.analysis.summary import SCHEMA
from gengap.data.dataset import load
from gengap.data.sources.source import open_source
from gengap.diagnose import diagnose_files
from gengap.diagnose.readers import read
from gengap.errors import GengapError, PlanError, StudyFolderError, UsageError
from gengap.files.writing import atomic_write, safe_join
from gengap.history import History, Series, write_histories
from gengap.models.backend import keras
from gengap.models.saved_model import load_saved, read_card, write_card
from gengap.options.study_options import RunSpec
from gengap.presets import load_plan
from gengap.report.html import render
from gengap.report.page import study_page
from gengap.study.folder import FINGERPRINT, SUMMARY, TRIAL_SCHEMA, StudyFolder
from gengap.study.progress import ProgressFiles, SilentDisplay
from gengap.study.scheduler import Scheduler
from gengap.text.catalog import catalog
from gengap.watch import serve_page, take_snapshot

SOURCES = Path(gengap.__file__).parent
FORBIDDEN = (  # what runs or unpickles what it is given
    r"^\s*(import|from) (pickle|marshal|shelve|dill|cloudpickle)",
    r"\b(pickle|marshal|dill)\.\w|joblib\.(load|dump)|from joblib import .*\b(load|dump)",
    r"(?<![\w.])(eval|exec|__import__)\(",
    r"allow_pickle=True",
    r"safe_mode=False|enable_unsafe_deserialization",
    r"os\.(system|popen)|shell=True|\bsubprocess\b",
    r"yaml\.load|autoescape=False|\|\s*safe\b",
)
# Machines of a cluster that the user names pickle what passes between them: SECURITY.md says so.
BETWEEN_MACHINES = ("distributed.py",)
HOSTILE = "</script><img src=x onerror=alert(1)>"
AWAY = ("../../outside", "/tmp/outside", "a/../../outside", "..", "a\\..\\outside", "C:/outside")


class Harm:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self.path,)


def files_in(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


# Code


def test_nothing_in_the_package_runs_or_unpickles_what_it_reads() -> None:
    code = re.compile("|".join(f"(?:{each})" for each in FORBIDDEN))
    found = []
    cluster = [SOURCES / "train" / name for name in BETWEEN_MACHINES]
    for path in {*SOURCES.rglob("*.py"), *SOURCES.rglob("*.html")} - set(cluster):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if code.search(line.partition("  # ")[0]):
                found.append(f"{path.relative_to(SOURCES)}:{number}: {line.strip()}")
    assert found == []


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_an_array_of_objects_is_not_unpickled(tmp_path: Path, write: Callable[..., None]) -> None:
    touched = tmp_path / "touched"
    write(tmp_path / "a.npz", x=np.array([[Harm(touched)]], object), y=np.array([0]))
    with pytest.raises(GengapError, match="Object arrays cannot be loaded when allow_pickle=False"):
        open_source(tmp_path / "a.npz")
    with pytest.raises(GengapError, match="can hold pickled code"):
        read(tmp_path / "a.npz")
    assert not touched.exists()
    np.load(tmp_path / "a.npz", allow_pickle=True)["x"]  # that it would
    assert touched.exists()


@pytest.mark.parametrize(
    "name", ["a.pkl", "a.joblib", "a.pt", "a.ckpt", "a.npy", "a.csv", "a.json", "a.tfevents.1"]
)
def test_a_pickle_is_not_opened_whatever_it_is_called(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(pickle.dumps(Harm(tmp_path / "touched")))
    for reading in (read, open_source):
        with pytest.raises(GengapError):
            reading(tmp_path / name)
    assert not (tmp_path / "touched").exists()


def test_outputs_of_a_study_are_not_unpickled(tmp_path: Path) -> None:
    study(tmp_path)
    harm = np.array([Harm(tmp_path / "touched")] * 3, object)
    np.savez(StudyFolder(tmp_path).trial_file(originals.FIRST, 0).with_suffix(".npz"), epochs=harm, outputs=harm)
    originals.relist(tmp_path)
    with pytest.raises(StudyFolderError, match="allow_pickle=False"):
        StudyFolder(tmp_path).finished(originals.FIRST, 0, originals.PRINT)
    assert not (tmp_path / "touched").exists()


# Models


def model(path: Path, config: dict[str, object] | None = None) -> Path:
    """A real saved model with its card; `config` takes the place of what Keras builds it from."""
    whole = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    whole.save(path)
    if config is not None:
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        members["config.json"] = json.dumps(config).encode()
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
    write_card(path, originals.plain_card("a", "b"))
    return path


def test_a_model_with_python_code_in_a_layer_is_refused(tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    place = str(touched)
    layer = keras.layers.Lambda(lambda x: (open(place, "w").close(), x)[1], output_shape=(2,))  # noqa: PTH123
    whole = keras.Sequential([keras.Input((2,)), layer])
    path = tmp_path / "a.keras"
    whole.save(path)
    touched.unlink(missing_ok=True)
    write_card(path, originals.plain_card("a", "b"))
    assert read_card(path).columns == ("a", "b")
    with pytest.raises(UsageError, match=r"a\.keras: Keras can't load this model"):
        load_saved(path)
    assert not touched.exists()
    keras.saving.load_model(path, safe_mode=False)(np.zeros((1, 2)))  # that it would
    assert touched.exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [("evil", "Evil"), ("evil_package.layer", "Evil"), ("os", "system"), ("builtins", "exec"), ("pickle", "loads")],
)
def test_a_model_can_name_no_code_to_import(
    tmp_path: Path, module: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even that which lies beside it: a module is run as it is imported."""
    touched = tmp_path / "touched"
    for place in ("evil.py", "evil_package/__init__.py", "evil_package/layer.py"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_text(f"open({str(touched)!r}, 'w').close()\nclass Evil:\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    config = {"module": module, "class_name": name, "config": {"name": "x"}, "registered_name": name}
    inner = {"name": "s", "layers": [{**config, "build_config": {"input_shape": [None, 2]}}]}
    sequential = {"module": "keras", "class_name": "Sequential", "config": inner, "registered_name": None}
    for number, whole in enumerate((config, sequential, {**config, "config": f"open({str(touched)!r}, 'w')"})):
        path = model(tmp_path / f"{number}.keras", whole)
        with pytest.raises(UsageError, match="Keras can't load this model"):
            load_saved(path)
    assert not touched.exists()


def test_a_model_of_another_format_is_not_loaded_by_its_name(tmp_path: Path) -> None:
    """HDF5 has no safe mode, and an archive may have HDF5 in front."""
    whole = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    whole.save(tmp_path / "a.h5")
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("gengap.json", msgspec.json.encode(originals.plain_card("a", "b")))
    (tmp_path / "a.h5").write_bytes((tmp_path / "a.h5").read_bytes() + sink.getvalue())
    assert read_card(tmp_path / "a.h5").target == "y"
    with pytest.raises(UsageError, match=r"a\.h5: this is no \.keras file"):
        load_saved(tmp_path / "a.h5")


# Places


def study(folder: Path) -> StudyFolder:
    """A finished study of someone else's."""
    for name, content in originals.study().items():
        StudyFolder(folder).write(name, content)
    return StudyFolder(folder)


def tampered(folder: StudyFolder, run: str) -> None:
    """The first trial's file, which says that it is another run's."""
    path = folder.trial_file(originals.FIRST, 0)
    kept = pq.read_schema(path).metadata
    summary = msgspec.json.decode(kept[SUMMARY.encode()])
    summary["run"] = run
    series = {("train", "loss"): Series(np.arange(3), np.ones(3))}
    metadata = {SUMMARY: json.dumps(summary), FINGERPRINT: originals.PRINT, TRIAL_SCHEMA: str(SCHEMA)}
    write_histories([History(run, 0, series)], path, metadata)
    originals.relist(folder.path)


@pytest.mark.parametrize("run", AWAY)
def test_no_name_leads_out_of_a_folder(tmp_path: Path, run: str) -> None:
    with pytest.raises(StudyFolderError, match="leads out of this folder"):
        safe_join(tmp_path, run)
    folder = StudyFolder(tmp_path)
    for place in (folder.trial_file, folder.model_file):
        with pytest.raises(StudyFolderError, match="leads out of this folder"):
            place(run + "/x", 1)


@pytest.mark.parametrize("run", [*AWAY, "sizes/other"])
def test_a_trial_that_says_it_is_another_is_not_taken_up(tmp_path: Path, run: str) -> None:
    """The study would write its curves, and delete its live file, by that name."""
    folder = study(tmp_path / "study")
    tampered(folder, run)
    with pytest.raises(StudyFolderError, match="can't be read as a finished trial"):
        folder.finished(originals.FIRST, 0, originals.PRINT)


def test_groups_of_a_kept_trial_are_those_of_the_plan(tmp_path: Path) -> None:
    """They name folders of logs; a stranger's folder has the right fingerprint, which is no secret."""
    folder, plan, dataset = (
        StudyFolder(tmp_path),
        load_plan("quick").only(originals.FIRST),
        load("collider", **ROWS),
    )
    training = Scheduler(plan, dataset, RunSpec(jobs=1), folder, SilentDisplay(), threading.Event())
    (trial,) = plan.trials
    with mock.patch.object(folder, "finished") as finished:
        summary = msgspec.structs.replace(originals.study_made()[0].trials[0], aliases=("../../../outside",))
        finished.return_value = (None, summary)
        training.train(plan.trials)
    assert training.finished[trial.run, 0].summary.aliases == trial.aliases


@pytest.mark.parametrize("run", AWAY)
def test_a_plan_can_name_no_place_elsewhere(tmp_path: Path, run: str) -> None:
    plan = tmp_path / "a.toml"
    for line in (f"run = {json.dumps(run)}", f'run = "sizes/a"\naliases = [{json.dumps(run)}]'):
        plan.write_text(f'name = "x"\n[[trials]]\nunits = [4]\n{line}\n')
        with pytest.raises(PlanError, match="run name"):
            load_plan(plan)


@pytest.mark.parametrize("name", ["tensorboard", "models", "report.html", "trials/sizes", "live"])
def test_a_study_follows_no_link_out_of_its_folder(tmp_path: Path, name: str) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    (inside / name).parent.mkdir(parents=True)
    (inside / name).symlink_to(outside)
    with pytest.raises(StudyFolderError, match=f"{name} is a link that leads out of {inside}"):
        gengap.study("collider", PLAN, **ROWS, out=inside)
    assert not any(outside.iterdir())


@pytest.mark.parametrize("name", ["trials/sizes", "models", "report.html"])
def test_a_link_to_itself_in_a_study_folder_is_an_error_in_one_line_or_replaced(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).symlink_to(Path(name).name)
    with contextlib.suppress(GengapError):
        gengap.study("collider", PLAN, **ROWS, out=tmp_path)
        assert not (tmp_path / name).is_symlink()


def test_a_file_is_not_written_through_a_link_that_waits_for_it(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("kept")
    with atomic_write(tmp_path / "a.txt") as part:
        part.touch()
        name = part.name
    (tmp_path / "a.txt").unlink()
    (tmp_path / name).symlink_to(tmp_path / "precious")
    (tmp_path / "a.txt").symlink_to(tmp_path / "precious")
    with atomic_write(tmp_path / "a.txt") as part:
        part.write_text("new")
    assert (tmp_path / "precious").read_text() == "kept"
    assert (tmp_path / "a.txt").read_text() == "new" and not (tmp_path / "a.txt").is_symlink()


def test_reading_writes_nothing(tmp_path: Path) -> None:
    folder = study(tmp_path / "study")
    document = json.loads((folder.path / "study.json").read_text())
    for trial in document["trials"]:
        trial["run"], trial["aliases"] = "../../outside", ["/tmp/outside"]
    folder.write("study.json", json.dumps(document).encode())
    write_status(folder.path, finished=(("../../outside", 0),))
    before = {path: path.read_bytes() for path in files_in(tmp_path)}
    found = folder.results()
    study_page(found.summary, found.histories, found.plan)
    diagnose_files([str(folder.path)], None, 0.01)
    assert take_snapshot(folder.path).page
    assert {path: path.read_bytes() for path in files_in(tmp_path)} == before


def test_a_live_file_is_deleted_in_the_folder_alone(tmp_path: Path) -> None:
    outside = tmp_path / "outside.seed0.parquet"
    outside.touch()
    summary = msgspec.structs.replace(originals.study_made()[0].trials[0], run="../../outside")
    with pytest.raises(StudyFolderError, match="leads out"):
        ProgressFiles(tmp_path / "inside", SilentDisplay()).finished(summary, reused=True)
    assert outside.exists()


# Pages and terminals


def test_names_stay_text_in_the_report(tmp_path: Path) -> None:
    summary, histories = originals.study_made(HOSTILE)
    folder = StudyFolder(tmp_path)
    folder.write("study.json", summary.to_json())
    folder.write("plan.toml", f"# {HOSTILE}".encode())
    write_histories(histories, tmp_path / "histories.parquet")
    found = folder.results()
    page = render(study_page(found.summary, found.histories, found.plan), catalog("en"))
    assert "onerror=alert(1)" in page and "<img src=x" not in page
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html.unescape(page))
    assert policy and "default-src 'none'" in policy[1] and "'unsafe-inline'" not in policy[1].split("style-src")[0]


@pytest.mark.parametrize("name", ["\x1b]0;title\x07\x1b[2J", "a\nb\r\n", "x" * 100_000, "\u202egnp.exe"])
def test_names_in_a_file_neither_steer_nor_flood_the_terminal(tmp_path: Path, name: str) -> None:
    tables: list[tuple[str, Callable[[Path], object]]] = [
        ("a.parquet", lambda path: pq.write_table(pa.table({name: [1], "b": [2]}), path)),
        ("a.json", lambda path: path.write_text(json.dumps({"val_loss": [1, name]}))),
        ("a.csv", lambda path: path.write_text(f'"{name}","b"\n1,2\n3,4\n', newline="")),
    ]
    for file, write in tables:
        write(tmp_path / file)
        with pytest.raises(GengapError) as caught:
            read(tmp_path / file) if file == "a.json" else open_source(tmp_path / file, target="missing")
        assert str(caught.value).isprintable() and len(str(caught.value)) < 3_000


# The live page


def ask(port: int, **headers: str) -> int:
    connection = HTTPConnection("127.0.0.1", port)
    try:
        connection.putrequest("GET", "/main", skip_host=True)
        for name, value in headers.items():
            for each in value.split("|"):
                connection.putheader(name, each)
        connection.endheaders()
        return connection.getresponse().status
    finally:
        connection.close()


def test_other_sites_are_refused_by_host_and_origin(tmp_path: Path) -> None:
    with serve_page(tmp_path, 0) as server:
        assert server.server_address[0] == "127.0.0.1"
        port = server.server_port
        here, name = f"127.0.0.1:{port}", f"localhost:{port}"
        for host, origin in ((here, f"http://{here}"), (name, f"http://{name}"), (name, f"HTTP://{name.upper()}")):
            assert ask(port, Host=host) == ask(port, Host=host, Origin=origin) == 200
        for host in (
            "evil.example",
            f"evil.example:{port}",
            "0.0.0.0",
            "[::1]",
            f"{here}|evil.example",
            f"{here}|{here}",
        ):
            assert ask(port, Host=host) == 403, host
        for origin in (
            "http://evil.example",
            "null",
            "",
            f"https://{here}",
            f"http://{here}.evil.example",
            f"http://{name}",  # the same machine by another name is another site
            "http://127.0.0.1:1",  # another server of this machine
            f"http://{here}|http://evil.example",
        ):
            assert ask(port, Host=here, Origin=origin) == 403, origin
        assert ask(port) == 403


def test_the_server_listens_to_this_machine_alone(tmp_path: Path) -> None:
    with serve_page(tmp_path, 0) as server:
        for address in {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}:
            if not str(address).startswith("127."):
                with pytest.raises(OSError):
                    socket.create_connection((str(address), server.server_port), timeout=5)

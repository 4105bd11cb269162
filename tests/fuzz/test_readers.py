"""One law for every reader: whatever a file holds, it is read, or one line says which file is wrong and why.

A study's folder is such a file too: its page is made of it, its trials are taken up again, a browser watches it.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from diagnose.curves_expected import LOGS
from fuzz import originals
from fuzz.damage import EXAMPLES, damaged, odd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gengap.data.sources.source import open_source
from gengap.diagnose import diagnose_files
from gengap.errors import GengapError
from gengap.models.saved_model import read_card
from gengap.presets import load_plan
from gengap.report.html import render_main
from gengap.report.page import study_page
from gengap.study.folder import StudyFolder
from gengap.text.catalog import catalog
from gengap.watch import take_snapshot

LONGEST = 2_000  # characters of what is said, besides the file's name


class Reader(NamedTuple):
    """What reads a file of that name, and files that are whole."""

    name: str
    read: Callable[[Path], object]
    originals: Callable[[], Sequence[bytes]]


def source(path: Path) -> None:
    for batch in open_source(path, target="y").batches():
        assert batch.column("y").null_count == 0  # others may have gaps, as where a file ends before its last cell


def skipping(path: Path) -> None:
    list(open_source(path, target="a", on_bad_row="skip", rows=7).batches())


def judge(path: Path) -> None:
    batch = diagnose_files([str(path)], None, 0.01)
    for error in batch.errors:
        said(error, path)


def plan(path: Path) -> None:
    load_plan(path).to_toml()


def report(folder: Path) -> None:
    found = StudyFolder(folder).results()
    render_main(study_page(found.summary, found.histories, found.plan), catalog("en"))


def resume(folder: Path) -> None:
    originals.relist(folder)
    StudyFolder(folder).finished(originals.FIRST, 0, originals.PRINT)


def held_out(folder: Path) -> None:
    StudyFolder(folder).evaluation("0")


def watch(folder: Path) -> None:
    seen = take_snapshot(folder)
    assert catalog("en").render(seen.message)
    if seen.page:
        render_main(seen.page, catalog("en"))


READERS = {
    "rows-csv": Reader("a.csv", source, originals.rows_csv),
    "rows-csv-skip": Reader("a.csv", skipping, originals.rows_csv),
    "rows-gzip": Reader("a.csv.gz", source, originals.rows_gzip),
    "rows-parquet": Reader("a.parquet", source, originals.parquet),
    "rows-arrow": Reader("a.arrow", source, originals.arrow),
    "rows-feather": Reader("a.feather", skipping, originals.arrow),
    "rows-npz": Reader("a.npz", source, originals.npz),
    "log-csv": Reader("a.csv", judge, originals.curves_csv),
    "log-tsv": Reader("a.tsv", judge, originals.curves_csv),
    "log-json": Reader("a.json", judge, originals.curves_json),
    "log-trainer": Reader("trainer_state.json", judge, originals.trainer_state),
    "log-jsonl": Reader("a.jsonl", judge, originals.curves_jsonl),
    "log-notebook": Reader("a.ipynb", judge, originals.notebooks),
    "log-parquet": Reader("a.parquet", judge, lambda: originals.parquet(text=True)),
    "log-arrow": Reader("a.arrow", judge, lambda: originals.arrow(text=True)),
    "log-events": Reader("events.out.tfevents.1", judge, originals.events),
    "log-sqlite": Reader("a.db", judge, originals.database),
    "log-wandb": Reader("run-1.wandb", judge, originals.wandb),
    "plan": Reader("a.toml", plan, originals.plans),
    "card": Reader("a.keras", read_card, originals.card),
}
FOLDERS = {
    "report": (report, ("study.json", "histories.parquet", "plan.toml")),
    "resume": (resume, ("trials/sizes/Tiny.seed0.parquet", "trials/sizes/Tiny.seed0.npz")),
    "held-out": (held_out, ("test.json",)),
    "watch": (watch, ("live/status.json", "live/Two.seed0.parquet", "trials/sizes/Tiny.seed0.parquet")),
    "diagnose": (judge, ("histories.parquet",)),
}
CASES = [(name, file) for name, (_, files) in FOLDERS.items() for file in files]
fuzzed = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=EXAMPLES)


def said(text: str, path: Path) -> None:
    """One line that a terminal shows as it is, naming the file or folder."""
    assert text and text.isprintable() and str(path) in text
    assert len(text.replace(str(path), "")) < LONGEST


def law(read: Callable[[Path], object], path: Path) -> None:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            read(path)
        except GengapError as error:
            said(str(error), path)
    assert not warned, str(warned[0])


@pytest.mark.parametrize("kind", READERS)
def test_a_whole_file_is_read(tmp_path: Path, kind: str) -> None:
    reader = READERS[kind]
    for content in reader.originals():
        (tmp_path / reader.name).write_bytes(content)
        reader.read(tmp_path / reader.name)


@pytest.mark.parametrize("kind", READERS)
@fuzzed
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused_in_one_line(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    reader = READERS[kind]
    path = tmp_path / reader.name
    path.write_bytes(data.draw(damaged(reader.originals())))
    law(reader.read, path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A finished study's."""
    for name, content in originals.study().items():
        (tmp_path / "study" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "study" / name).write_bytes(content)
    return tmp_path / "study"


@pytest.mark.parametrize("read", [read for read, _ in FOLDERS.values()])
def test_a_whole_folder_is_read(folder: Path, read: Callable[[Path], object]) -> None:
    read(folder)


TRACKERS = {
    "mlflow": "**/metrics/**/loss",
    "mlflow-meta": "**/meta.yaml",
    "catboost": "catboost_info/*",
    "dvclive": "**/*.tsv",
}


@pytest.mark.parametrize("kind", TRACKERS)
@fuzzed
@given(data=st.data())
def test_a_damaged_folder_of_a_tracker_is_read_or_refused_in_one_line(
    tmp_path: Path, kind: str, data: st.DataObject
) -> None:
    original = LOGS / kind.partition("-")[0]
    shutil.copytree(original, tmp_path / "log", dirs_exist_ok=True)
    files = sorted(path for path in original.glob(TRACKERS[kind]) if path.is_file())
    file = data.draw(st.sampled_from(files))
    (tmp_path / "log" / file.relative_to(original)).write_bytes(data.draw(damaged([file.read_bytes()])))
    law(judge, tmp_path / "log")


@pytest.mark.parametrize(("name", "file"), CASES)
@fuzzed
@given(data=st.data())
def test_a_damaged_folder_is_read_or_refused_in_one_line(
    folder: Path, name: str, file: str, data: st.DataObject
) -> None:
    read, _ = FOLDERS[name]
    if name == "watch":
        shutil.rmtree(folder / "models", ignore_errors=True)
        (folder / "study.json").unlink(missing_ok=True)
    whole = originals.study()[file]
    (folder / file).write_bytes(
        data.draw(damaged([whole]) | odd(whole) if file.endswith(".json") else damaged([whole]))
    )
    law(read, folder)

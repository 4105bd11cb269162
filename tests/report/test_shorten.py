"""Names cut for a terminal: any name, any room."""

from __future__ import annotations

import io

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from gengap.diagnose import diagnose
from gengap.diagnose.readers import read
from gengap.diagnose.run_curves import choose_curves
from gengap.report.verdict_table import shorten, shorten_all, verdict_table

LOG = {"loss": [0.9 * 0.95**i for i in range(40)], "val_loss": [0.5 + 0.4 * 0.8**i + 0.004 * i for i in range(40)]}
CURVES = choose_curves(read(LOG)[0])

names = st.text("ab/.-_[", min_size=1, max_size=60)


@given(names, st.integers(-20, 80))
def test_a_name_fits_its_room_and_keeps_its_ends(name: str, room: int) -> None:
    for whole, cut in (
        (name, shorten(name, room)),
        (name.rpartition("/")[2] or name, shorten(name, room, group_first=True)),
    ):
        assert cut == name if len(name) <= room else len(cut) <= max(room, 1)
        start, _, end = cut.partition("…")
        assert cut in (name, whole) or (name.endswith(end) and (whole.startswith(start) or name.startswith(start)))


@given(st.text("abc ", min_size=1, max_size=20), st.text("abc ", min_size=1, max_size=20), st.integers(12, 40))
def test_a_group_is_cut_before_its_label(group: str, label: str, room: int) -> None:
    cut = shorten(f"{group}/{label}", room, group_first=True)
    assert cut.endswith(label) if len(label) <= room else cut.endswith(label[-room // 2 :])


def test_folders_of_logs_with_the_same_name_are_told_apart() -> None:
    for folders in (("resnet50_a", "resnet50_b"), ("exp-2024-01", "exp-2024-02")):
        assert len(set(shorten_all([f"{folder}/log.csv" for folder in folders], 16))) == 2


def test_a_file_name_without_a_folder_is_cut_as_well() -> None:
    assert shorten("training_log_of_my_resnet.csv", 16) == "train…resnet.csv"


@given(st.lists(names, min_size=1, max_size=5), st.integers(1, 40))
def test_names_that_fit_stay_as_they_are(runs: list[str], room: int) -> None:
    cut = shorten_all(runs, room)
    assert len(cut) == len(runs) and all(len(name) <= room for name in cut)
    if all(len(name) <= room for name in runs):
        assert cut == runs


def test_studies_with_the_same_runs_are_told_apart() -> None:
    cut = shorten_all(
        [f"runs/{study}/sizes/{size}" for study in ("shop", "euro") for size in ("Tiny", "Small")], 20
    )
    assert len(set(cut)) == 4


@pytest.mark.parametrize(
    "names", [("quick", "quick-2"), ("a-very-long-name-of-mine-1", "a-very-long-name-of-mine-2"), ("a", "b")]
)
def test_studies_of_alike_names_are_told_apart_in_80_columns(names: tuple[str, str]) -> None:
    runs = [f"studies/2026/{name}:sizes/{size}" for name in names for size in ("Tiny", "Small", "Medium", "large")]
    table = verdict_table([(CURVES, msgspec.structs.replace(diagnose(LOG), run=run)) for run in runs], 80)
    console = Console(width=80, file=io.StringIO())
    console.print(table)
    _, *lines = console.file.getvalue().splitlines()  # pyright: ignore[reportAttributeAccessIssue]
    cells = [line.split()[0] for line in lines]
    assert len(set(cells)) == len(runs) and max(map(len, lines)) <= 80
    assert all(each.endswith(run.rpartition("/")[2]) for each, run in zip(cells, runs, strict=True))
    assert len({cell.rpartition("/")[0].removesuffix(":sizes")[-8:] for cell in cells}) > 1  # each names its study


def test_a_table_with_room_cuts_no_name() -> None:
    run = "studies/2026/quick:sizes/Tiny"
    table = verdict_table([(CURVES, msgspec.structs.replace(diagnose(LOG), run=run))], 80)
    assert [str(cell) for cell in table.columns[0].cells] == [run]

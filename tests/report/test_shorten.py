"""Names cut for a terminal: any name, any room."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gengap.report.verdict_table import shorten, shorten_all

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
